"""Where samples stand in time: their count, with the samples that are missing counted in.

Positions are whole numbers, so a picture that is drawn in pieces comes out as one that is drawn whole, and a gap takes
its true length. Position 0 is the stream's first sample.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass

from rtbci.errors import Overrun
from rtbci.ring import Ring
from rtbci.types import Gap
from rtbci_ui.traces.signals import Signal


@dataclass(frozen=True, slots=True)
class Stretch:
    """Samples ``start`` to ``stop`` without a break; sample i stands at position ``i + shift``."""

    start: int
    stop: int
    shift: int


class Positions:
    """Follows the gap table of a ring.

    Attributes
    ----------
    gaps : the gaps seen so far, oldest first.
    """

    def __init__(self, ring: Ring, rate: float) -> None:
        self._ring = ring
        self._rate = rate
        self._starts = [0]
        self._shifts = [0]
        self._seen = 0
        self.gaps: list[Gap] = []

    def refresh(self) -> None:
        """Take in gaps that were noted since the last call."""
        count = self._ring.n_gaps
        if count == self._seen:
            return
        fresh = self._ring.gaps(self._seen)[: count - self._seen]  # one that is noted meanwhile is for the next call
        self._seen = count
        for gap in fresh:
            self.gaps.append(gap)
            self._starts.append(gap.index)
            self._shifts.append(self._shifts[-1] + gap.missing)

    def of(self, index: int) -> int:
        """Position of sample ``index``."""
        return index + self._shifts[bisect_right(self._starts, index) - 1]

    def stretches(self, start: int, stop: int) -> list[Stretch]:
        """The unbroken stretches that samples ``start`` to ``stop`` consist of, oldest first."""
        found = []
        i = bisect_right(self._starts, start) - 1
        while start < stop:
            end = self._starts[i + 1] if i + 1 < len(self._starts) else stop
            end = min(max(end, start), stop)
            if end > start:
                found.append(Stretch(start, end, self._shifts[i]))
            start = end
            i += 1
        return found

    def begins(self, index: int) -> bool:
        """Whether sample ``index`` is the first after a gap."""
        return index > 0 and self._starts[bisect_right(self._starts, index) - 1] == index

    def at_position(self, position: float) -> int:
        """The first sample that stands at or after ``position``, as far as the gap table tells."""
        for i in range(len(self._starts) - 1, -1, -1):
            if position >= self._starts[i] + self._shifts[i]:
                index = int(-(-(position - self._shifts[i]) // 1))
                return min(index, self._starts[i + 1]) if i + 1 < len(self._starts) else index
        return 0

    def at_time(self, time: float, signal: Signal | None = None) -> float | None:
        """Position of a time on the source's clock, or None where the ring (or ``signal``) holds nothing that tells.

        A time within a gap stands within the gap; one outside what the ring holds is reckoned at the nominal rate.
        """
        source = self._ring if signal is None else signal
        written, oldest = source.written, source.oldest
        if written <= oldest:
            return None
        low, high = oldest, written - 1
        while low < high:  # the first sample at or after the time; times are monotone but for clock jumps
            middle = (low + high) // 2
            if _time(source, middle) < time:
                low = middle + 1
            else:
                high = middle
        nearest = _time(source, low)
        if not math.isfinite(nearest):
            return None
        if abs(nearest - time) * self._rate <= 1.0 and low > oldest:
            before = _time(source, low - 1)
            if before < time < nearest and (nearest - before) * self._rate < 2.0:
                return self.of(low) - (nearest - time) / (nearest - before)
        return self.of(low) + (time - nearest) * self._rate


def _time(signal: Signal, index: int) -> float:
    try:
        return float(signal.view(index, index + 1)[1][0])
    except Overrun:
        return -math.inf  # overwritten while we searched: older than anything there is
