"""De-jittered times: smooth, increasing, honest about gaps, and the same however the stamps were chunked."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtbci.gaps import find_gaps
from rtbci.kernels import clock

RATES = (100.0, 160.0, 250.0, 1000.0, 5000.0)
START = 12345.0


def dejitter(stamps, rate, gap=0.1, chunks=None, correction=0.0):
    state = clock.new_state(rate, gap)
    times = np.empty_like(stamps)
    edges = [0, len(stamps)] if chunks is None else chunks
    for first, last in itertools.pairwise(edges):
        clock.dejitter(state, stamps[first:last], correction, rate, gap, times[first:last])
    return times, state


@settings(deadline=None, max_examples=40)
@given(
    rate=st.sampled_from(RATES),
    seed=st.integers(0, 2**31),
    jitter=st.sampled_from([0.0, 1e-4, 2e-3, 2e-2]),
    drift=st.floats(-1e-4, 1e-4),
    speed=st.sampled_from([0.5, 1.0, 2.0, 4.0]),
    gap_at=st.sampled_from([None, 300, 2000]),
    chunk=st.sampled_from([1, 7, 160, 1000]),
)
def test_times_increase_and_do_not_depend_on_chunks(rate, seed, jitter, drift, speed, gap_at, chunk):
    random = np.random.default_rng(seed)
    n = 4000
    stamps = START + np.arange(n) * (1 + drift) / rate / speed + random.normal(0, 1, n) * jitter
    if gap_at is not None:
        stamps[gap_at:] += 0.7
    edges = [*range(0, n, chunk), n]
    whole, _ = dejitter(stamps, rate)
    parts, _ = dejitter(stamps, rate, chunks=edges)
    assert np.array_equal(whole, parts)
    assert np.all(np.diff(whole) > 0)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("drift", [0.0, 1e-4, -1e-4])
def test_jitter_is_removed_and_drift_is_followed(rate, drift):
    n = int(60 * rate)
    true = START + np.arange(n) * (1 + drift) / rate
    stamps = true + np.random.default_rng(1).normal(0, 0.002, n)
    times, state = dejitter(stamps, rate)
    error = (times - true)[int(10 * rate) :]
    assert np.sqrt(np.mean(error**2)) < 0.0003, "2 ms of jitter must shrink to less than 0.3 ms"
    assert state[clock.RESTARTS] == 0
    assert find_gaps(times, rate) == []


@pytest.mark.parametrize("rate", [160.0, 250.0, 1000.0])
def test_a_recording_at_four_times_its_speed_has_no_gaps(rate):
    n = int(60 * rate)
    true = START + np.arange(n) / rate / 4
    times, state = dejitter(true + np.random.default_rng(2).normal(0, 0.0005, n), rate)
    assert state[clock.RESTARTS] == 0
    assert find_gaps(times, rate) == []
    after_a_second = int(4 * rate)
    assert np.abs(times - true)[after_a_second:].max() < 0.001


@pytest.mark.parametrize("rate", [160.0, 1000.0, 5000.0])
def test_a_gap_stays_open_at_once_and_time_is_right_after_it(rate):
    n = int(40 * rate)
    at = int(20 * rate)
    true = START + np.arange(n) / rate
    true[at:] += 0.3
    times, state = dejitter(true + np.random.default_rng(3).normal(0, 0.001, n), rate)
    (gap,) = find_gaps(times, rate)
    assert gap.index == at
    assert gap.missing == pytest.approx(0.3 * rate, abs=0.006 * rate)
    assert state[clock.RESTARTS] == 1
    assert np.abs(times - true)[at + int(rate) :].max() < 0.002


@pytest.mark.parametrize("rate", [160.0, 250.0, 1000.0])
def test_a_small_loss_is_found_within_seconds(rate):
    n = int(60 * rate)
    at = int(30 * rate)
    lost = 5
    true = START + np.arange(n) / rate
    true[at:] += lost / rate
    times, state = dejitter(true + np.random.default_rng(4).normal(0, 0.0002, n), rate)
    assert state[clock.RESTARTS] == 1
    assert np.abs(times - true)[at + int(2.5 * rate) :].max() < 0.5 / rate


def test_jitter_alone_is_no_loss():
    rate, n = 1000.0, 120_000
    late = np.repeat(np.random.default_rng(5).exponential(0.005, n // 10), 10)
    times, state = dejitter(START + np.arange(n) / rate + late, rate)
    assert state[clock.RESTARTS] == 0
    assert find_gaps(times, rate) == []


@pytest.mark.parametrize("rate", [160.0, 1000.0])
def test_a_burst_that_was_held_up_leaves_the_line_where_it_was(rate):
    n = int(60 * rate)
    true = START + np.arange(n) / rate
    stamps = true.copy()
    stamps[(true >= START + 30) & (true < START + 30.08)] = START + 30.08
    times, state = dejitter(stamps, rate)
    assert state[clock.RESTARTS] == 0
    assert np.abs(times - true)[int(31 * rate) :].max() < 0.001


@pytest.mark.parametrize("rate", [160.0, 1000.0])
def test_a_long_burst_is_a_gap_once_and_time_returns_to_its_line(rate):
    n = int(60 * rate)
    true = START + np.arange(n) / rate
    stamps = true.copy()
    for second in range(15, 55, 5):
        stamps[(true >= START + second) & (true < START + second + 0.3)] = START + second + 0.3
    times, _ = dejitter(stamps, rate)
    assert len(find_gaps(times, rate)) == 1
    assert np.abs(times - true)[-int(rate) :].max() < 0.03


@pytest.mark.parametrize("packet", [1, 10, 100, 250])
def test_packets_with_one_stamp_each_are_spread_evenly(packet):
    rate, n = 250.0, 60_000
    true = START + np.arange(n) / rate
    stamps = true[np.minimum(np.arange(n) // packet * packet + packet - 1, n - 1)]
    times, _ = dejitter(stamps, rate)
    settled = times[n // 2 :]
    assert len(find_gaps(times, rate)) <= 1, "only the first packet may look like a gap"
    assert np.diff(settled).max() < 1.5 / rate
    assert np.diff(settled).min() > 0.5 / rate


def test_large_chunks_whose_stamps_jitter_as_a_whole_are_joined_smoothly():
    rate, n, chunk = 250.0, 100_000, 1000
    late = np.repeat(np.random.default_rng(6).exponential(0.01, n // chunk), chunk)
    times, state = dejitter(START + np.arange(n) / rate + late, rate)
    assert state[clock.RESTARTS] == 0
    assert np.diff(times)[n // 2 :].max() < 1.2 / rate


def test_duplicated_and_backward_stamps_are_counted_and_time_goes_on():
    rate = 250.0
    stamps = START + np.arange(1000) / rate
    stamps[500] = stamps[499]
    stamps[700] = stamps[699] - 0.01
    times, state = dejitter(stamps, rate)
    assert state[clock.DUPLICATED] == 1
    assert state[clock.OUT_OF_ORDER] == 1
    assert np.all(np.diff(times) > 0)


def test_a_stamp_that_is_no_number_is_predicted():
    rate = 250.0
    true = START + np.arange(1000) / rate
    stamps = true.copy()
    stamps[[300, 301, 302]] = np.nan
    times, _ = dejitter(stamps, rate)
    assert np.allclose(times, true, atol=1e-6)


def test_the_clock_correction_is_added():
    stamps = START + np.arange(1000) / 250.0
    plain, _ = dejitter(stamps, 250.0)
    shifted, _ = dejitter(stamps, 250.0, correction=2.5)
    assert np.allclose(shifted - plain, 2.5, atol=1e-6)
