"""Windows of a stream of transformed samples, one by one or many at once: the very same ones.

One by one the transforms never run ahead of the window that is asked for, so that what is known when it is cut, such as
which channels are bad, is what was known at its last sample. Many windows are cut at once where nothing but their samples
is asked: transforms give the same samples however these are chunked, and no window touches what later becomes a hole.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from rtbci.batches import Batch
from rtbci.calibration import means
from rtbci.intake import Intake
from rtbci.interfaces import MarksBads, Source, Transform
from rtbci.plan import Plan
from rtbci.types import Marker, Samples, StreamInfo, Window
from rtbci.windows import Due, EventWindows, SlidingWindows

HISTORY_SECONDS = 10.0
"""How late a marker may come and still find its samples."""


def aligned_empty(n_rows: int, n_columns: int) -> Samples:
    """An uninitialised float32 ``(n_rows, n_columns)`` array that begins on a 64-byte boundary.

    NumPy's reductions and BLAS may round differently with the alignment of what they are given.
    """
    n_bytes = 4 * n_rows * n_columns
    raw = np.empty(n_bytes + 64, np.uint8)
    first = -raw.ctypes.data % 64
    return raw[first : first + n_bytes].view(np.float32).reshape(n_rows, n_columns)


class Cutter(Intake):
    """Cuts the windows that ``plan`` asks for; other parameters as for `rtbci.intake.Intake`.

    Attributes
    ----------
    length, hop : samples in a window, and from one to the next (None: windows are locked to markers).
    trial_span : first sample of a trial and the one after its last, counted from its marker.
    baseline : stretch of samples, counted from a window's first, whose channel means are subtracted from it, or None.
    skipped, over_hole : windows that were left out because newer ones were due, and because a hole lies in them.
    """

    def __init__(
        self,
        source: Source,
        info: StreamInfo,
        plan: Plan,
        transforms: Sequence[Transform],
        *,
        origin: int = 0,
        rows: int = 4096,
    ) -> None:
        super().__init__(source, info, plan.channels, transforms, origin, rows)
        self.plan = plan
        rate = self.info.rate
        self.length = max(1, round(plan.window * rate))
        self.hop = None if plan.hop is None else max(1, round(plan.hop * rate))
        self._offset = round(plan.offset * rate)
        n_before = None if plan.baseline is None else max(1, round(plan.baseline * rate))
        self.baseline = None if n_before is None else (-self._offset - n_before, -self._offset)
        self.trial_span = self._trial_span(rate)
        history = self.length + abs(self._offset) + (n_before or 0) + round(HISTORY_SECONDS * rate)
        if plan.adapt:  # a trial's windows are cut anew when it has ended
            history += self.trial_span[1] - self.trial_span[0]
        self._keep(history, info.n_channels)
        self._staging = aligned_empty(self.length, self.info.n_channels)
        self._window = self._staging.T
        self._window.flags.writeable = False
        self.skipped = 0
        self.over_hole = 0
        locked = (self.length, self._offset, n_before, self.locate)
        self._sliding = None if self.hop is None else SlidingWindows(self.length, self.hop, self._first)
        self._events = EventWindows(*locked) if self.hop is None else None

    def _trial_span(self, rate: float) -> tuple[int, int]:
        """First sample of a trial and the one after its last, counted from its marker.

        Sliding windows lie on a grid. One of the trial's own length would fit into it only when the marker falls on that
        grid, so such a trial is made longer, by less than a hop: each has a window, whenever its marker comes.
        """
        if self.hop is None:
            return self._offset, self._offset + self.length
        first, last = (round(seconds * rate) for seconds in self.plan.trial)
        return first, max(last, first + self.length + self.hop - 1)

    def _add_marker(self, marker: Marker) -> None:
        super()._add_marker(marker)
        if self._events is not None and marker.label in self.plan.labels:
            self._events.add(marker)

    def next_needed(self) -> int:
        """Absolute index of the source's sample that completes the next window; for event windows, the next sample."""
        return self.received if self._sliding is None else self._needed_by(self._sliding.next_stop - 1)

    def newer_is_due(self) -> bool:
        """Whether the samples of a newer sliding window have come already: then the older one need not be decoded."""
        return self._sliding is not None and self.next_needed() < self.received

    def forget_before(self, start: int, skipped: int) -> None:
        """An earlier run has decided the windows up to the one that begins at ``start``, and skipped ``skipped``."""
        self.skipped = skipped
        if self._sliding is not None:
            self._sliding.begin_after(start)
        elif self._events is not None:
            self._events.begin_after(start)

    def skip(self, window: Window) -> None:
        """``window`` is not going to be decoded: a newer one is due."""
        self.skipped += 1

    def decided_before(self) -> int:
        """Every window that stops at or before this sample has been handed out or left out."""
        if self._sliding is not None:
            return self._sliding.next_stop - 1
        assert self._events is not None
        return self._events.decided_before(self.written)

    # ------------------------------------------------------------------ one by one

    def next_window(self) -> Window | None:
        """The next window that is complete and touches no hole; its samples stand until the next call."""
        while (due := self._next_due()) is not None:
            first = due.start if due.baseline is None else min(due.start, due.baseline[0])
            if first - self._first < self._ring.oldest or first < self._first:
                self.skipped += 1  # the marker came too late: its samples are gone
            elif self.holes.between(first, due.stop):
                self.over_hole += 1
            else:
                return self._cut(due)
        return None

    def _next_due(self) -> Due | None:
        if self._sliding is not None:
            self._advance(self.next_needed() + 1)
            return self._sliding.due(self.written)
        assert self._events is not None
        self._advance(self.received)
        return self._events.due(self.written)

    def _cut(self, due: Due) -> Window:
        self._fill(self._staging, due.start)
        sample = self._needed_by(due.stop - 1)
        arrival, time, _ = self._raw.view(sample - self.origin, sample - self.origin + 1)
        bads: set[str] = set()
        for transform in self.transforms:
            if isinstance(transform, MarksBads):
                bads |= transform.bads()
        return Window(
            samples=self._window,
            start=due.start,
            sample=sample,
            time=float(time[0]),
            arrival=float(arrival[0, 0]),
            marker=due.marker,
            bads=tuple(sorted(bads)),
        )

    def _fill(self, rows: Samples, start: int) -> None:
        """Copy the window that begins at sample ``start`` into ``rows`` (n_samples, n_channels), less its baseline."""
        first = start - self._first
        rows[:], _, _ = self._ring.view(first, first + self.length)
        if self.baseline is not None:
            before, _, _ = self._ring.view(first + self.baseline[0], first + self.baseline[1])
            rows -= means(before)

    def cut_again(self, starts: Sequence[int]) -> Samples:
        """Windows (n_windows, n_channels, n_samples) float32, C order: those at ``starts`` that are still there."""
        reach = 0 if self.baseline is None else max(0, -self.baseline[0])
        there = [start for start in starts if start - reach - self._first >= self._ring.oldest]
        shape = (len(there), self.info.n_channels, self.length)
        windows = aligned_empty(shape[0] * shape[1], shape[2]).reshape(shape)
        rows = aligned_empty(self.length, shape[1])
        for window, start in zip(windows, there, strict=True):
            self._fill(rows, start)
            window[:] = rows.T
        return windows

    # ------------------------------------------------------------------ many at once

    @property
    def cuts_batches(self) -> bool:
        """Whether `next_windows` may be used: windows slide, and no transform is asked anything but samples."""
        return self._sliding is not None and not any(isinstance(step, MarksBads) for step in self.transforms)

    def next_windows(self, limit: int) -> Batch | None:
        """The next windows that are complete, at most ``limit``, with no hole in or between them; None: none is yet."""
        assert self._sliding is not None and self.hop is not None, "windows that are locked to markers come one by one"
        while n := self._complete(limit):
            starts = self._sliding.next_stop - self.length + self.hop * np.arange(n, dtype=np.int64)
            touching, clean = self._before_hole(starts)
            self.over_hole += touching
            self._sliding.begin_after(int(starts[touching + clean - 1]))
            if clean:
                return self._batch(starts[touching : touching + clean])
        return None

    def _complete(self, limit: int) -> int:
        """Let the transforms see what the next ``limit`` windows need, or as much as there is; how many are complete."""
        assert self._sliding is not None and self.hop is not None
        first_stop = self._sliding.next_stop
        needed = self._needed_many(first_stop - 1 + self.hop * np.arange(limit, dtype=np.int64))
        n = int(np.searchsorted(needed, self.received))
        self._advance(int(needed[n - 1]) + 1 if n else self.received)
        return min(n, max(0, (self.written - first_stop) // self.hop + 1))

    def _needed_many(self, indices: NDArray[np.int64]) -> NDArray[np.int64]:
        for up, down in reversed(self._ratios):
            indices = -(-indices * down // up)
        return indices

    def _before_hole(self, starts: NDArray[np.int64]) -> tuple[int, int]:
        """How many windows at ``starts`` touch a hole at first, and how many after them neither touch one nor are parted."""
        if not self.holes.between(int(starts[0]), int(starts[-1]) + self.length):
            return 0, len(starts)
        touching = clean = 0
        previous = 0
        for start in starts.tolist():
            if self.holes.between(start, start + self.length):
                if clean:
                    break
                touching += 1
            elif clean and self.holes.separate(previous + self.length, start):
                break
            else:
                clean += 1
            previous = start
        return touching, clean

    def _batch(self, starts: NDArray[np.int64]) -> Batch:
        assert self.hop is not None
        first, n = int(starts[0]) - self._first, len(starts)
        rows, _, _ = self._ring.view(first, first + (n - 1) * self.hop + self.length)
        step, channel = rows.strides
        samples = as_strided(
            rows, (n, rows.shape[1], self.length), (self.hop * step, channel, step), subok=False, writeable=False
        )
        sample = self._needed_many(starts + (self.length - 1))
        arrivals, times, _ = self._raw.view(int(sample[0]) - self.origin, int(sample[-1]) - self.origin + 1)
        at = sample - sample[0]
        return Batch(samples, starts, sample, times[at], arrivals[at, 0])
