from __future__ import annotations

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from rtbci.gaps import find_gaps, longest_step


def test_a_regular_stream_has_no_gap_and_a_lost_stretch_is_one() -> None:
    times = np.arange(100) / 250.0
    assert find_gaps(times, 250.0) == []
    times[40:] += 0.4
    (gap,) = find_gaps(times, 250.0, first_index=1000)
    assert (gap.index, gap.missing) == (1040, 100)
    assert (gap.before, gap.after) == (times[39], times[40])


def test_the_step_from_the_last_chunk_counts() -> None:
    (gap,) = find_gaps(np.array([5.0, 5.004]), 250.0, 10, before=4.0)
    assert gap.index == 10
    assert find_gaps(np.array([5.0, 5.004]), 250.0, 10, before=math.nan) == []


def test_time_that_goes_back_is_a_gap_with_nothing_missing() -> None:
    (gap,) = find_gaps(np.array([1.0, 1.01, 0.5, 0.51]), 100.0)
    assert (gap.index, gap.missing) == (2, 0)


def test_jitter_within_a_packet_is_no_gap() -> None:
    for rate in (100.0, 250.0, 5000.0):
        step = longest_step(rate)
        assert find_gaps(np.array([0.0, step * 0.999]), rate) == []
        assert len(find_gaps(np.array([0.0, step * 1.001]), rate)) == 1


@given(
    holes=st.lists(st.integers(0, 300), max_size=4),
    chunks=st.lists(st.integers(1, 120), min_size=1, max_size=20),
)
@settings(max_examples=100, deadline=None)
def test_gaps_do_not_depend_on_chunks(holes: list[int], chunks: list[int]) -> None:
    times = np.arange(400) / 200.0
    for i, at in enumerate(holes):
        times[at:] += 0.1 * (i + 1)
    whole = find_gaps(times, 200.0)
    parts, at, before, turn = [], 0, math.nan, 0
    while at < len(times):
        n = chunks[turn % len(chunks)]
        turn += 1
        parts += find_gaps(times[at : at + n], 200.0, at, before)
        at += n
        before = float(times[min(at, len(times)) - 1])
    assert parts == whole
