"""The simulated viewer: the same however it is read, and its pictures leave in the samples what its truth says."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtbci import bundled
from rtbci.bank import Bank
from rtbci.errors import SourceError
from rtbci.interfaces import Source
from rtbci.sources.viewer import Viewer
from rtbci.sources.viewing_plan import JITTER_SECONDS, PICTURES_PER_ROUND, REST_SECONDS, ViewingPlan
from rtbci.testing.source import check_source

BANK = bundled.pictures()
RATE = 128.0


def viewer(**given) -> Viewer:
    return Viewer(BANK, **{"speed": None, "rate": RATE, **given})


def run(chunks=(1000,), n=None, **given):
    """Samples, times, markers and truth of an unpaced run, read in ``chunks`` by turns."""
    source = viewer(**given)
    info = source.open()
    samples, times, markers = [], [], []
    total, turn = 0, 0
    while n is None or total < n:
        rows = chunks[turn % len(chunks)]
        rows = rows if n is None else min(rows, n - total)
        block, stamps = np.empty((rows, info.n_channels), np.float32), np.empty(rows)
        try:
            got = source.read(block, stamps, 0.0)
        except EOFError:
            break
        samples.append(block[:got])
        times.append(stamps[:got])
        markers += source.markers()
        total += got
        turn += 1
    return np.concatenate(samples), np.concatenate(times), markers, source.truth()


@cache
def many():
    """200 presentations of 4 pictures, in channels front and back, and the same run by who responds to all alike."""
    some = tuple(item.id for item in Bank.open(BANK).items[:4])
    kind = {"seed": 4, "channels": ("Fz", "PO7", "Oz", "PO8"), "pictures": 200, "items": some, "line": 0.0}
    return run(snr=3.0, **kind), run(snr=0.0, **kind)


def epochs(samples, presentations, seconds=(-0.2, 0.8)):
    """(n, n_times, n_channels) around each onset, each less its mean before the onset."""
    low, high = (round(s * RATE) for s in seconds)
    cut = np.stack([samples[p.onset + low : p.onset + high] for p in presentations]).astype(np.float64)
    return cut - cut[:, :-low].mean(axis=1, keepdims=True)


def test_is_a_source_and_keeps_its_contract():
    assert isinstance(viewer(), Source)
    report = check_source(lambda: viewer(channels=4), n_samples=1500, recording=True)
    assert (report.info.rate, report.n_markers >= 5) == (RATE, True)


def test_ends_as_a_recording_does():
    report = check_source(lambda: viewer(channels=4, pictures=2), n_samples=5000, recording=True)
    assert report.ended
    assert report.n_markers == 3


@cache
def at_once(seed):
    return run((2000,), seed=seed, channels=4, n=2000)[:3]


@settings(max_examples=12, deadline=None)
@given(chunks=st.lists(st.integers(1, 900), min_size=1, max_size=6), seed=st.integers(0, 2))
def test_samples_times_and_markers_do_not_depend_on_how_they_are_read(chunks, seed):
    samples, times, markers, _ = run(chunks, seed=seed, channels=4, n=2000)
    whole, all_times, all_markers = at_once(seed)
    assert samples.tobytes() == whole.tobytes()
    assert times.tobytes() == all_times.tobytes()
    assert markers == all_markers


def test_markers_are_ids_at_the_samples_where_pictures_appear():
    (samples, times, markers, truth), _ = many()
    shown = [m for m in markers if m.label != "rest"]
    assert [(m.label, m.time) for m in shown] == [(p.label, times[p.onset]) for p in truth.presentations]
    bank = Bank.open(BANK)
    assert all(bank.items[p.item].id == p.label for p in truth.presentations)
    assert len(samples) > truth.presentations[-1].onset + RATE


def test_each_picture_comes_once_before_any_comes_again():
    labels = [p.label for p in many()[0][3].presentations]
    assert len(labels) == 200
    assert all(len(set(labels[k : k + 4])) == 4 for k in range(0, 200, 4))
    assert labels[:4] != labels[4:8] or labels[4:8] != labels[8:12]


def test_every_twenty_pictures_there_is_a_rest_in_which_none_comes():
    (_, _, markers, truth), _ = many()
    rests = [m.time for m in markers if m.label == "rest"]
    assert len(rests) == 200 / PICTURES_PER_ROUND
    onsets = np.array([p.onset for p in truth.presentations]) / RATE
    for at in rests:
        assert not np.any((onsets > at) & (onsets < at + REST_SECONDS - JITTER_SECONDS - 1 / RATE))
    assert np.diff(onsets).min() > 0.8


@pytest.mark.parametrize(("first", "stop"), [(0, 1), (700, 701), (3000, 9000), (128 * 31, 128 * 33)])
def test_any_part_of_a_plan_is_what_the_whole_has_there(first, stop):
    plan = ViewingPlan((7, 3), [(0, "a"), (1, "b"), (2, "c")], None, 1.0, RATE)
    whole = plan.until(20000)
    assert plan.between(first, stop) == [p for p in whole if p.onset < stop and p.onset + 1.5 * RATE > first]


def test_all_pictures_evoke_a_response_at_its_latencies_in_the_back_and_none_evokes_one_at_rest():
    _, (samples, _, markers, truth) = many()
    mean = epochs(samples, truth.presentations).mean(axis=0)
    at = lambda seconds: round((0.2 + seconds) * RATE)  # noqa: E731
    size = np.abs(mean)
    within = size[at(0.08) : at(0.45), 1:].max(axis=0)
    assert np.all(within > 1.0)
    assert np.all(size[: at(0.04), 1:].max(axis=0) < 0.6 * within)
    assert size[:, 0].max() < within.max()  # in front there is less
    peak = at(0.05) + int(np.abs(mean[at(0.05) : at(0.35), 1:]).sum(axis=1).argmax())
    assert 0.08 <= peak / RATE - 0.2 <= 0.26
    rests = [m.time for m in markers if m.label == "rest"][1:]
    starts = [round((t + s) * RATE) for t in rests for s in (1.2, 2.2, 3.2)]
    quiet = np.stack([samples[s : s + round(0.6 * RATE)] for s in starts]).astype(np.float64)
    quiet = (quiet - quiet[:, :8].mean(axis=1, keepdims=True)).mean(axis=0)
    # of 27 stretches of background the mean is this small by chance: 1/sqrt(27) of 10 uV, drifting
    assert np.abs(quiet[:, 1:]).max() < 6.0


def test_what_a_picture_shows_is_a_response_of_its_own_as_large_as_the_truth_says():
    (told, _, _, truth), (common, _, _, _) = many()
    own = told.astype(np.float64) - common  # the same run but for that response
    who = truth.sight
    bank = Bank.open(BANK)
    embeddings = bank.embeddings.astype(np.float64)
    centred = embeddings - embeddings.mean(axis=0)
    centred /= np.sqrt((centred**2).sum(axis=1).mean())
    for p in truth.presentations[:30]:
        since = (np.arange(p.onset, p.onset + round(0.7 * RATE)) - p.onset) / RATE - p.late
        expected = p.gain * who.to_this(since, who.heights(centred[p.item])) @ who.mixing.T
        np.testing.assert_allclose(own[p.onset : p.onset + round(0.7 * RATE)], expected, atol=2e-4)
    assert 0.02 < np.mean([p.gain == 0 for p in truth.presentations]) < 0.16


def test_pictures_with_like_embeddings_evoke_like_responses():
    source = viewer(channels=4)
    source.open()
    who = source.truth().sight
    rng = np.random.default_rng(0)
    a = rng.standard_normal(64) / 8
    near, far = a + 0.2 * rng.standard_normal(64) / 8, rng.standard_normal(64) / 8
    heights = [who.heights(e).ravel() for e in (a, near, far)]
    assert np.corrcoef(heights[0], heights[1])[0, 1] > 0.9
    assert abs(np.corrcoef(heights[0], heights[2])[0, 1]) < 0.4


def test_another_seed_is_another_run_of_the_same_person():
    one, other = run(seed=1, channels=8, n=800), run(seed=2, channels=8, n=800)
    person = run(seed=1, subject=1, channels=8, n=800)
    assert not np.allclose(one[0], other[0])
    np.testing.assert_array_equal(one[3].sight.weights, other[3].sight.weights)
    np.testing.assert_array_equal(one[3].sight.mixing, other[3].sight.mixing)
    assert not np.allclose(one[3].sight.weights, person[3].sight.weights)
    assert [p.label for p in one[3].presentations] != [p.label for p in other[3].presentations]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"bank": "nowhere"}, "bank: nowhere is no bank"),
        ({"bank": BANK, "items": ["a unicorn"]}, "'a unicorn' is no picture"),
        ({"bank": BANK, "items": []}, "no picture is to be shown"),
        ({"bank": BANK, "pictures": 0}, "pictures is 0"),
        ({"bank": BANK, "every": 0.2}, "every is 0.2 s"),
        ({"bank": BANK, "shown": 5.0}, "shown is 5.0 s"),
        ({"bank": BANK, "seed": -1}, "seed is -1"),
        ({"bank": BANK, "rate": 10.0}, "at least 64 Hz"),
    ],
)
def test_impossible_settings_are_refused_in_one_line(wrong, said):
    with pytest.raises(SourceError, match=said):
        Viewer(**wrong)
