"""Which windows there are: sliding ones on a grid of samples, and marker-locked ones; both know nothing of clocks.

A *hole* is a stretch of the stream ``[first, last)`` that no window may touch: samples that were not finite, or, with
``first == last``, a gap, which no window may span.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from rtbci.types import Marker

Hole = tuple[int, int]


class Holes:
    """The newest holes of a stream, oldest first."""

    def __init__(self, keep: int = 4096) -> None:
        self._holes: deque[Hole] = deque(maxlen=keep)

    def add(self, first: int, last: int) -> None:
        """Note a hole ``[first, last)``; one that continues the newest one makes it longer."""
        if self._holes and first < last and self._holes[-1][1] == first and self._holes[-1][0] < first:
            first = self._holes.pop()[0]
        self._holes.append((first, last))

    def between(self, start: int, stop: int) -> bool:
        """Whether a window ``[start, stop)`` touches or spans a hole."""
        for first, last in reversed(self._holes):
            if last <= start and first <= start:
                return False  # holes are in order: all others lie before it
            if (first < stop and start < last) or start < first < stop:
                return True
        return False

    def separate(self, stop: int, start: int) -> bool:
        """Whether a hole lies between one window that ended before ``stop`` and another that begins at ``start``."""
        for first, last in reversed(self._holes):
            if first < stop:
                return False
            if last <= start:
                return True
        return False


@dataclass(frozen=True, slots=True)
class Due:
    """A window that can be cut now: ``[start, stop)`` in samples, with the marker it is locked to.

    ``baseline`` is the stretch of samples whose channel means are subtracted, or None.
    """

    start: int
    stop: int
    marker: Marker | None = None
    baseline: tuple[int, int] | None = None


class SlidingWindows:
    """Windows of ``length`` samples every ``hop`` samples, on the grid of multiples of ``hop``.

    The grid is absolute, so a worker that was restarted in mid-stream cuts the windows it would have cut anyway.
    """

    def __init__(self, length: int, hop: int, first_index: int = 0) -> None:
        if length < 1 or hop < 1:
            raise ValueError(f"length and hop must be at least one sample, got {length} and {hop}")
        self.length = length
        self.hop = hop
        self._start = -(-first_index // hop) * hop

    def begin_after(self, start: int) -> None:
        """Leave out every window up to the one that begins at sample ``start``."""
        self._start = max(self._start, (start // self.hop + 1) * self.hop)

    @property
    def next_stop(self) -> int:
        """Samples that must have been written before the next window is due."""
        return self._start + self.length

    def due(self, written: int) -> Due | None:
        """The next window, if it is complete with ``written`` samples; each is handed out once."""
        if written < self.next_stop:
            return None
        window = Due(self._start, self._start + self.length)
        self._start += self.hop
        return window


class EventWindows:
    """One window per marker: ``length`` samples from ``offset`` after the sample nearest to the marker.

    ``locate`` gives the index of the sample nearest to a time, -1 where there is none within a sample of it (the marker
    fell into a gap, or lies before the stream), and None while the stream has not come that far. Markers and samples may
    arrive in either order. Windows come out in order of their last sample, then of their markers' time.
    """

    def __init__(self, length: int, offset: int, baseline: int | None, locate: Callable[[float], int | None]) -> None:
        self.length = length
        self.offset = offset
        self.baseline = baseline
        self._locate = locate
        self._unplaced: list[Marker] = []
        self._pending: list[Due] = []
        self._after = -1
        self.missed = 0

    def add(self, marker: Marker) -> None:
        """A marker became known."""
        self._unplaced.append(marker)

    def begin_after(self, start: int) -> None:
        """Leave out every window that begins at or before sample ``start``."""
        self._after = start

    def _place(self) -> None:
        waiting = []
        for marker in self._unplaced:
            at = self._locate(marker.time)
            if at is None:
                waiting.append(marker)
                continue
            start = at + self.offset
            baseline = None if self.baseline is None else (at - self.baseline, at)
            if at < 0 or start < 0 or (baseline is not None and baseline[0] < 0):
                self.missed += 1
                continue
            if start <= self._after:
                continue
            self._pending.append(Due(start, start + self.length, marker, baseline))
        self._unplaced = waiting
        self._pending.sort(key=lambda due: (due.stop, due.marker.time if due.marker else 0.0))

    def decided_before(self, written: int) -> int:
        """Every window that stops at or before this sample has been handed out, with ``written`` samples there."""
        self._place()
        return min(written, self._pending[0].stop - 1) if self._pending else written

    def due(self, written: int) -> Due | None:
        """The next window, if it is complete with ``written`` samples; each is handed out once."""
        self._place()
        if self._pending and max(self._pending[0].stop, *(self._pending[0].baseline or (0,))) <= written:
            return self._pending.pop(0)
        return None
