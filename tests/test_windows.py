from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from rtbci.types import Marker
from rtbci.windows import Due, EventWindows, Holes, SlidingWindows


def drain(windows: SlidingWindows | EventWindows, written: int) -> list[Due]:
    found = []
    while (due := windows.due(written)) is not None:
        found.append(due)
    return found


@given(
    length=st.integers(1, 40),
    hop=st.integers(1, 40),
    first=st.integers(0, 100),
    chunks=st.lists(st.integers(0, 60), max_size=10),
)
@settings(max_examples=200, deadline=None)
def test_sliding_windows_are_the_grid_of_hops_however_samples_come(
    length: int, hop: int, first: int, chunks: list[int]
) -> None:
    windows = SlidingWindows(length, hop, first)
    found = []
    written = first
    for n in chunks:
        written += n
        found += drain(windows, written)
    starts = [s for s in range(0, written, hop) if s >= first and s + length <= written]
    assert [(due.start, due.stop) for due in found] == [(s, s + length) for s in starts]


@given(
    holes=st.lists(st.tuples(st.integers(0, 100), st.integers(0, 5)), max_size=6),
    start=st.integers(0, 100),
    length=st.integers(1, 30),
)
@settings(max_examples=300, deadline=None)
def test_a_window_is_refused_exactly_when_it_touches_or_spans_a_hole(
    holes: list[tuple[int, int]], start: int, length: int
) -> None:
    known = Holes()
    at = 0
    expected = False
    for distance, size in holes:
        first = at + distance
        last = first + size
        known.add(first, last)
        at = last
        expected |= any(start <= i < start + length for i in range(first, last)) or (
            size == 0 and start < first < start + length
        )
    assert known.between(start, start + length) == expected


def test_a_hole_between_two_windows_separates_them() -> None:
    holes = Holes()
    holes.add(50, 50)
    assert holes.separate(50, 50)
    assert holes.separate(40, 60)
    assert not holes.separate(51, 70)
    assert not holes.separate(20, 49)


def located(rate: float, written: int):
    def locate(time: float) -> int | None:
        if (written - 1) / rate < time:
            return None
        at = round(time * rate)
        return at if at >= 0 else -1

    return locate


def test_event_windows_wait_for_their_samples_and_come_in_order_of_their_end() -> None:
    rate = 100.0
    windows = EventWindows(50, -10, 20, located(rate, 1000))
    for time in (3.0, 1.0, 9.95):
        windows.add(Marker(time, "x"))
    assert [(d.start, d.stop, d.baseline) for d in drain(windows, 139)] == []
    assert [(d.start, d.stop, d.baseline) for d in drain(windows, 140)] == [(90, 140, (80, 100))]
    assert [(d.start, d.stop) for d in drain(windows, 1000)] == [(290, 340)]
    assert [(d.start, d.stop) for d in drain(windows, 1035)] == [(985, 1035)]


def test_what_is_decided_ends_before_the_next_window_that_waits_to_be_taken() -> None:
    windows = EventWindows(50, 0, None, located(100.0, 1000))
    for time in (1.0, 3.0):
        windows.add(Marker(time, "x"))
    assert windows.decided_before(1000) == 149
    assert windows.due(1000) is not None
    assert windows.decided_before(1000) == 349
    assert windows.due(1000) is not None
    assert windows.decided_before(1000) == 1000


def test_an_event_before_the_stream_is_missed_not_invented() -> None:
    windows = EventWindows(10, -50, None, located(100.0, 1000))
    windows.add(Marker(0.1, "x"))
    assert drain(windows, 1000) == []
    assert windows.missed == 1


def test_after_a_restart_no_window_is_handed_out_twice() -> None:
    before = [d.start for d in drain(SlidingWindows(20, 7, 0), 100)]
    again = SlidingWindows(20, 7, 30)
    again.begin_after(before[-1])
    assert [d.start for d in drain(again, 150)] == [s for s in range(0, 131, 7) if s > before[-1]]
    assert np.diff(before).tolist() == [7] * (len(before) - 1)
