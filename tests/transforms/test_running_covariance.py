from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtbci.errors import TransformError
from rtbci.transforms.running_covariance import REFRESH_LENGTHS, TOLERANCE, RunningCovariance, brain_columns
from rtbci.types import Channel, StreamInfo
from tests.transforms.streams import chunkings, noise


def followed(running, samples, lengths=(37,), breaks=()):
    """Absolute index and covariance at every hop that ends a whole window."""
    seen, first, i = [], 0, 0
    while first < len(samples):
        last = min([len(samples), first + lengths[i % len(lengths)], *(b for b in breaks if b > first)])
        if first in breaks and last > first:
            running.forget()
        for _, _, whole in running.hops(samples[first:last]):
            if whole:
                seen.append((running.index, running.covariance().copy()))
        first, i = last, i + 1
    return seen


def batch(window):
    """The covariance in extended precision, mean removed first."""
    centred = window.astype(np.longdouble)
    centred = centred - centred.mean(axis=0)
    return centred.T @ centred / len(window)


def largest_error(seen, samples, length, first_index=0):
    """Largest error of an entry in units of its channels' standard deviations; infinite where a constant has any."""
    worst = 0.0
    for stop, covariance in seen:
        exact = batch(samples[stop - length - first_index : stop - first_index])
        scale = np.sqrt(np.outer(exact.diagonal(), exact.diagonal()))
        error = np.abs(covariance - exact)
        assert (error[scale == 0] == 0).all(), "a channel that stands still has a variance"
        worst = max(worst, float((error[scale > 0] / scale[scale > 0]).max(initial=0.0)))
    return worst


@settings(max_examples=60, deadline=None)
@given(
    n_channels=st.integers(1, 6),
    length=st.integers(2, 60),
    hop=st.integers(1, 60),
    first_index=st.integers(0, 10**9),
    offset=st.floats(-1e4, 1e4),
    step=st.sampled_from([0.0, 1e2, 1e4, 1e6]),
    flat=st.booleans(),
    seed=st.integers(0, 10**6),
)
def test_it_is_within_1e_9_of_the_batch_value_for_offsets_pops_and_flat_channels(
    n_channels, length, hop, first_index, offset, step, flat, seed
):
    hop = min(hop, length)
    samples = noise(700, n_channels, seed, scale=1.0, offset=offset)
    samples[150:, 0] += step  # an electrode pops, and stays there
    samples[400:405, -1] += step  # a spike comes and goes
    if flat:
        samples[250:, 0] = samples[250, 0]
    seen = followed(RunningCovariance(n_channels, length, hop, first_index), samples)
    assert len(seen) == (first_index + 700) // hop - (first_index + length + hop - 1) // hop + 1
    assert largest_error(seen, samples, length, first_index) < TOLERANCE


def test_drift_of_a_thousand_standard_deviations_a_window_does_no_harm():
    samples = noise(6000, 3, scale=1.0) + (np.arange(6000)[:, None] * np.array([[5.0, -3.0, 0.0]])).astype(np.float32)
    running = RunningCovariance(3, 200, 5)
    assert largest_error(followed(running, samples), samples, 200) < TOLERANCE


@settings(max_examples=40, deadline=None)
@given(
    lengths=chunkings(),
    hop=st.integers(1, 40),
    first_index=st.integers(0, 10**9),
    breaks=st.sets(st.integers(1, 899), max_size=2),
)
def test_covariances_do_not_depend_on_chunks(lengths, hop, first_index, breaks):
    samples = noise(900, 4, offset=300.0)
    samples[500, 2] = 1e6
    whole = followed(RunningCovariance(4, 60, hop, first_index), samples, [1], sorted(breaks))
    chunked = followed(RunningCovariance(4, 60, hop, first_index), samples, lengths, sorted(breaks))
    assert [(i, c.tobytes()) for i, c in chunked] == [(i, c.tobytes()) for i, c in whole]


def test_hops_are_counted_from_absolute_sample_0_and_no_window_spans_a_break():
    samples = noise(500, 2)
    stops = [i for i, _ in followed(RunningCovariance(2, 50, 20, 7), samples, breaks=[200])]
    assert stops == [*range(60, 207, 20), *range(260, 507, 20)]


def test_a_stationary_signal_needs_no_refresh_but_those_on_the_grid():
    length, hop, n = 100, 5, 20_000
    running = RunningCovariance(4, length, hop)
    followed(running, noise(n, 4, offset=1e4))
    grid = REFRESH_LENGTHS * length
    assert running.refreshes == 1 + n // grid  # the first window, and every multiple of 8 lengths


def test_a_covariance_is_a_function_of_the_newest_nine_lengths_alone():
    length, hop = 50, 7
    samples = noise(3000, 3)
    other = samples.copy()
    other[:1000] = 1e5 * noise(1000, 3, seed=9)
    ours = followed(RunningCovariance(3, length, hop), samples)
    theirs = followed(RunningCovariance(3, length, hop), other)
    after = 1000 + (REFRESH_LENGTHS + 1) * length + hop
    same = [a.tobytes() == b.tobytes() for (i, a), (_, b) in zip(ours, theirs, strict=True) if i >= after]
    assert len(same) > 200 and all(same)


def test_a_refresh_follows_an_artefact_that_would_leave_its_rounding_behind():
    quiet = noise(4000, 2, scale=1.0)
    loud = quiet.copy()
    loud[1000:1010] *= 1e6
    refreshes = []
    for samples in (quiet, loud):
        running = RunningCovariance(2, 300, 10)
        assert largest_error(followed(running, samples), samples, 300) < TOLERANCE
        refreshes.append(running.refreshes)
    assert refreshes[1] > refreshes[0]


def test_a_hop_is_within_the_window():
    with pytest.raises(ValueError, match=r"^hop 11: must be from 1 to length, 10"):
        RunningCovariance(2, 10, 11)


def test_only_good_channels_measured_on_the_brain_count():
    kinds = ["eeg", "eog", "eeg", "stim", "mag"]
    info = StreamInfo("s", 100.0, tuple(Channel(f"C{i}", k) for i, k in enumerate(kinds)), bads=frozenset({"C2"}))
    assert brain_columns(info).tolist() == [0, 4]
    with pytest.raises(TransformError, match=r"no good channel measured on the brain, its kinds are \['eog'\]"):
        brain_columns(StreamInfo("s", 100.0, (Channel("E", "eog"),)))


@settings(max_examples=30, deadline=None)
@given(length=st.integers(2, 40), hop=st.integers(1, 40), passed=st.integers(0, 100), lengths=chunkings())
def test_the_window_itself_can_be_asked_for_and_samples_passed_over(length, hop, passed, lengths):
    hop = min(hop, length)
    samples = noise(300, 3, offset=50.0)
    running = RunningCovariance(3, length, hop)
    running.pass_over(passed)
    first, i, seen = passed, 0, 0
    while first < len(samples):
        last = min(len(samples), first + lengths[i % len(lengths)])
        for _, _, whole in running.hops(samples[first:last]):
            if whole:
                window = samples[running.index - length : running.index].astype(np.float64)
                np.testing.assert_allclose(running.mean(), window.mean(axis=0), rtol=1e-12)
                np.testing.assert_allclose(running.deviations(), window - window.mean(axis=0), rtol=0, atol=1e-9)
                assert running.index - length >= passed
                seen += 1
        first, i = last, i + 1
    assert running.index == len(samples)
    assert seen == len([k for k in range(hop, 301, hop) if k - length >= passed])
