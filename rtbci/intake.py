"""From a source's samples to a ring of transformed ones, in which it is known where no window may lie.

::

    source.read() -> picked channels -> gaps? holes? -> transforms -> ring
    source.markers() -> on_marker
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from rtbci.gaps import find_gaps, longest_step
from rtbci.interfaces import Source, Transform
from rtbci.kernels.ingest import count_nonfinite, has_break
from rtbci.ring import Ring
from rtbci.types import Gap, Marker, Samples, StreamInfo, Times
from rtbci.windows import Holes


@runtime_checkable
class KnowsArrivals(Protocol):
    """A source that can tell when each sample of the last read arrived (seconds, one per sample)."""

    arrivals: Times | None


class Intake:
    """Takes samples from ``source`` and lets the transforms see them no sooner than they are asked for.

    Parameters
    ----------
    source : an opened source of ``info``.
    channels : the source's channels that are used, by index and in order; None: all.
    transforms : in order; they are started here.
    origin : absolute index of the first sample that ``source`` will give.
    rows : samples that one `ingest` takes at most.

    Attributes
    ----------
    info : the stream as it comes out of the transforms.
    holes, gaps : where no window may lie (in transformed samples), and the gaps found (in the source's).
    on_marker : called with every marker as it becomes known.
    """

    def __init__(
        self,
        source: Source,
        info: StreamInfo,
        channels: Sequence[int] | None,
        transforms: Sequence[Transform],
        origin: int,
        rows: int,
    ) -> None:
        self.source = source
        self.source_rate = info.rate
        self.origin = origin
        self.transforms = tuple(transforms)
        everything = channels is None or list(channels) == list(range(info.n_channels))
        self._pick = None if everything or channels is None else np.array(channels, np.intp)
        if channels is not None:
            info = replace(info, channels=tuple(info.channels[i] for i in channels))
        self._held = np.zeros(info.n_channels, np.float32)
        self._rows = rows

        index = origin
        self._ratios: list[tuple[int, int]] = []  # (up, down) of each transform that changes the rate
        for transform in self.transforms:
            info = transform.start(info, index)
            index = getattr(transform, "next_index", index)
            up, down = getattr(transform, "up", 1), getattr(transform, "down", 1)
            if up != down:
                self._ratios.append((up, down))
        self.info = info
        self._first = index  # absolute index of the transformed ring's sample 0
        self.holes = Holes()
        self.gaps: list[Gap] = []
        self.on_marker: Callable[[Marker], None] = lambda marker: None
        self.labels_seen: dict[str, int] = {}
        self._last_time = math.nan
        self._latest = -math.inf
        self._broken = False
        self._pending = self._pending_at = 0

    def _keep(self, history: int, n_channels: int) -> None:
        """Make the rings: transformed samples, at least the newest ``history``; times and arrivals of the source's."""
        per_sample = self.info.rate / self.source_rate
        self._buffer = np.empty((self._rows, n_channels), np.float32)
        self._times = np.empty(self._rows, np.float64)
        self._ring = Ring.create(None, history + round(self._rows * per_sample) + 16, self.info.n_channels)
        self._raw = Ring.create(None, round(history / per_sample) + 2 * self._rows + 16, 1, dtype=np.float64)

    @property
    def begun_at(self) -> int:
        """Absolute index of the first transformed sample that there was."""
        return self._first

    @property
    def written(self) -> int:
        """Absolute index of the next transformed sample."""
        return self._first + self._ring.written

    @property
    def received(self) -> int:
        """Absolute index of the next sample of the source."""
        return self.origin + self._raw.written

    def transformed(self, first: int) -> Samples:
        """Transformed samples (n, n_channels) from absolute index ``first`` on: a view, until more are taken in."""
        samples, _, _ = self._ring.view(first - self._first, self._ring.written)
        return samples

    def ingest(self, timeout: float) -> int:
        """Take what the source has, waiting at most ``timeout`` seconds for one sample; say how many came.

        Raises what the source raises: EOFError at the end of a recording, StreamLost, Overrun.
        """
        self._advance(self.received)  # what an earlier call left, if its windows were not asked for
        n = self.source.read(self._buffer, self._times, timeout)
        # markers are asked for after the samples: a recording gives them no later than the sample they belong to
        for marker in self.source.markers():
            self._add_marker(marker)
        if n:
            now = self.source.now()
            arrivals = self.source.arrivals if isinstance(self.source, KnowsArrivals) else None
            times = self._times[:n]
            self._raw.push((np.full(n, now) if arrivals is None else arrivals)[:, None], times, 0.0)
            self._pending, self._pending_at = n, 0
        return n

    def _add_marker(self, marker: Marker) -> None:
        self.on_marker(marker)
        self.labels_seen[marker.label] = self.labels_seen.get(marker.label, 0) + 1

    def _advance(self, stop: int) -> None:
        """Let the transforms see the samples before absolute index ``stop`` of those that came with the last read."""
        first = self.received - self._pending
        n = min(stop, self.received) - first
        if n <= 0:
            return
        at = self._pending_at
        self._pending_at += n
        self._pending -= n
        self._take(self._buffer[at : at + n], self._times[at : at + n], first)

    def _take(self, samples: Samples, times: Times, index: int) -> None:
        if self._pick is not None:
            samples = np.take(samples, self._pick, axis=1)
        before, self._last_time = self._last_time, float(times[-1])
        # one look each, without an array, at what nearly always is whole
        gapless = not has_break(times, before, longest_step(self.source_rate))
        if gapless and not self._broken and count_nonfinite(samples) == 0:
            self._transform(samples, times)
            self._held = samples[-1].copy()
            return
        gaps = [] if gapless else find_gaps(times, self.source_rate, index, before)
        self.gaps.extend(gaps)
        cuts = {gap.index - index for gap in gaps}
        finite: NDArray[np.bool_] = np.isfinite(samples).all(axis=1).reshape(-1)
        edges = np.flatnonzero(np.diff(finite)) + 1
        bounds = sorted({0, len(samples), *cuts, *(int(edge) for edge in edges)})
        for first, last in itertools.pairwise(bounds):
            part = slice(first, last)
            self._broken |= first in cuts
            if finite[first]:
                if self._broken:
                    self._resume()
                self._transform(np.ascontiguousarray(samples[part]), times[part])
                self._held = np.array(samples[last - 1])
            else:
                self._take_unusable(samples[part], times[part])

    def _resume(self) -> None:
        """The next sample does not continue the last one: no window may span this place."""
        self._broken = False
        for transform in self.transforms:
            transform.resume()
        self.holes.add(self.written, self.written)

    def _take_unusable(self, samples: Samples, times: Times) -> None:
        """Samples that are not finite would poison every filter: the last good value stands in, in no window."""
        first = self.written
        self._transform(np.broadcast_to(self._held, samples.shape).copy(), times)
        self.holes.add(first, max(self.written, first + 1))
        self._broken = True

    def _transform(self, samples: Samples, times: Times) -> None:
        for transform in self.transforms:
            samples, times = transform.transform(samples, times)
        if len(samples):
            self._ring.push(samples, times, 0.0)
            self._latest = max(self._latest, float(times[-1]))

    def _needed_by(self, index: int) -> int:
        """Absolute index of the newest source sample that transformed sample ``index`` needed."""
        for up, down in reversed(self._ratios):
            index = -(-index * down // up)
        return index

    def locate(self, time: float) -> int | None:
        """Index of the transformed sample nearest to ``time``; -1: none within a sample of it; None: not yet known."""
        if self._latest < time:
            return None
        start = self._ring.oldest
        _, times, _ = self._ring.view(start, self._ring.written)
        reached = np.maximum.accumulate(times)  # a clock that was set back must not change what was found before
        if reached[-1] < time:
            return -1  # so long ago that its samples are gone
        at = int(np.searchsorted(reached, time))
        if at > 0 and time - times[at - 1] <= times[at] - time:
            at -= 1
        near = abs(float(times[at]) - time) <= 1.0 / self.info.rate
        return self._first + start + at if near else -1
