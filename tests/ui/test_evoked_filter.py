"""What epochs are seen through: drifts reject nothing, waves stand where they were, and what is done to them is said."""

import numpy as np
import pytest
from scipy import signal as reference

from rtbci.types import Marker
from rtbci_ui.signal.epoch_filter import FILTERS, EpochFilter
from rtbci_ui.signal.evoked import Evoked
from rtbci_ui.traces.filtering import Choice, design
from tests.ui.test_signal_models import NAMES, Feed, work

RATE = 250.0


def evoked(feed, markers):
    model = Evoked(feed.ring, feed.rate, feed.positions, markers, [0, 1, 2], [0, 1, 2], NAMES)
    model.again()
    return model


def wave(at, height=10.0, width=0.02, seconds=4.0, marker=2.0, rate=RATE):
    """A bump ``at`` seconds after a marker, on four channels."""
    t = np.arange(round(seconds * rate)) / rate - marker
    return (height * np.exp(-(((t - at) / width) ** 2)))[:, None] * np.ones(4)


def filled(samples, labels="a", at=(2.0,), **options):
    feed, markers = Feed(4, **options), []
    markers += [Marker(feed.time + second, label) for label, second in zip(labels, at, strict=True)]
    feed.push(samples)
    return feed, markers


def test_a_drift_rejects_nothing_and_can_be_taken_out_of_what_is_seen():
    t = np.arange(round(60 * RATE)) / RATE
    drift = 300.0 * np.sin(2 * np.pi * 0.15 * t)[:, None] * np.ones(4)  # up to 270 µV in an epoch of a second
    at = np.arange(4.0, 58.0, 2.0)
    feed, markers = filled(drift, "a" * len(at), at)
    model = evoked(feed, markers)
    seen = {}
    for choice in FILTERS:
        model.set_filter(choice)
        work(model)
        average = model.averages["a"]
        assert (average.kept, average.rejected) == (len(at), 0)
        seen[choice] = np.ptp(average.mean())
    assert seen[Choice(0.5, 30.0)] < 0.5 * seen[Choice(None, 30.0)]
    assert seen[Choice(None, 30.0)] == pytest.approx(seen[Choice()], rel=0.05)


def test_what_is_too_large_is_still_left_out_and_counted():
    feed, markers = filled(wave(0.3, 300.0, 0.1))
    model = evoked(feed, markers)
    work(model)
    assert (model.averages["a"].kept, model.averages["a"].rejected) == (0, 1)


@pytest.mark.parametrize("rate", [250.0, 1000.0])
@pytest.mark.parametrize("at", [0.1, 0.17, 0.3])
def test_a_wave_stands_where_it_was_though_the_filter_is_causal(at, rate):
    feed, markers = filled(wave(at, width=0.03, rate=rate), rate=rate)
    model = evoked(feed, markers)
    work(model)
    mean = model.averages["a"].mean()[:, 0]
    assert model.times[int(np.argmax(mean))] == pytest.approx(at, abs=0.003)
    assert mean.max() == pytest.approx(10.0, abs=1.0)


@pytest.mark.parametrize("choice", FILTERS[:2])
def test_an_epoch_is_as_the_filter_makes_it_that_has_seen_everything_before(choice):
    rng = np.random.default_rng(2)
    walk = np.cumsum(rng.standard_normal((round(20 * RATE), 4)), axis=0) + 4000.0
    feed, markers = filled(walk, at=(15.0,))
    model = evoked(feed, markers)
    model.set_filter(choice)
    model.set_limit(np.inf)
    work(model)
    sections = design(choice, RATE)
    state = reference.sosfilt_zi(sections)[:, :, None] * walk[0]
    whole = reference.sosfilt(sections, walk, axis=0, zi=state)[0]
    start = round((15.0 - 0.2) * RATE) + model.filter.delay
    theirs = whole[start : start + len(model.times)]
    theirs = theirs - theirs[:50].mean(axis=0)
    ours = model.averages["a"].mean()
    assert np.abs(ours - theirs[:, :3]).max() < 0.02 * np.ptp(theirs)


def test_after_a_gap_the_filter_begins_anew_and_knows_nothing_of_before():
    feed, markers = Feed(4), []
    feed.push(np.zeros((1000, 4)))
    feed.gap(1.0)
    markers.append(Marker(feed.time + 0.5, "a"))
    feed.push(wave(0.3, marker=0.5) + 5000.0)
    model = evoked(feed, markers)
    work(model)
    assert (model.averages["a"].kept, model.averages["a"].rejected, model.averages["a"].broken) == (1, 0, 0)
    assert np.abs(model.averages["a"].mean()).max() < 12.0


def test_a_value_that_is_no_number_before_an_epoch_does_no_harm():
    samples = wave(0.3) + 3000.0
    samples[0, 0] = np.nan  # the first that the filter sees
    samples[100:120, 1] = np.nan
    feed, markers = filled(samples)
    model = evoked(feed, markers)
    work(model)
    mean = model.averages["a"].mean()
    np.testing.assert_allclose(mean[:, 0], mean[:, 2], atol=0.05)
    np.testing.assert_allclose(mean[:, 1], mean[:, 2], atol=0.05)


def test_a_low_rate_leaves_out_what_it_cannot_do():
    model = EpochFilter(FILTERS[1], 60.0, 2, 60)
    assert model.choice == Choice(0.5)
    assert model.delay == 0
