"""The one path from samples to decisions: live, in replay, in training and in verification.

::

    source.read() -> holes? -> transforms -> ring -> windows -> decoder -> evidence -> Decision
                                                        source.markers() -> trials -> Trial

It starts no thread and reads no clock but its source's. What it computes depends on the samples and their times alone,
never on how they were chunked, when they came, or what was skipped in between.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from rtbci.asking import log_probs_of
from rtbci.evidence import Evidence
from rtbci.gaps import find_gaps
from rtbci.interfaces import Decoder, MarksBads, Source, Transform
from rtbci.ring import Ring
from rtbci.trials import Gatherer, Trial, answer
from rtbci.types import Decision, Flag, Gap, Marker, Samples, StreamInfo, Times, Window
from rtbci.windows import Due, EventWindows, Holes, SlidingWindows

HISTORY_SECONDS = 10.0
"""How late a marker may come and still find its samples."""


@runtime_checkable
class KnowsArrivals(Protocol):
    """A source that can tell when each sample of the last read arrived (seconds, one per sample)."""

    arrivals: Times | None


@dataclass(frozen=True, slots=True)
class Plan:
    """What a pipeline is to do, in seconds and names; see the experiment file for what each means.

    ``channels`` picks the source's channels by index, in the order in which the decoder wants them (None: all).
    ``hop`` is None exactly for windows that are locked to class markers.
    """

    classes: tuple[str, ...]
    labels: Mapping[str, int]
    window: float
    hop: float | None
    trial: tuple[float, float]
    offset: float = 0.0
    baseline: float | None = None
    threshold: float = 0.7
    dwell: float = 0.0
    time_constant: float = 4.0
    channels: tuple[int, ...] | None = None


def aligned_empty(n_rows: int, n_columns: int) -> Samples:
    """An uninitialised float32 ``(n_rows, n_columns)`` array that begins on a 64-byte boundary.

    NumPy's reductions and BLAS may round differently with the alignment of what they are given.
    """
    n_bytes = 4 * n_rows * n_columns
    raw = np.empty(n_bytes + 64, np.uint8)
    first = -raw.ctypes.data % 64
    return raw[first : first + n_bytes].view(np.float32).reshape(n_rows, n_columns)


class Pipeline:
    """Takes samples from ``source``, hands out windows, and turns windows into decisions and trials.

    Parameters
    ----------
    source : an opened source of ``info``.
    origin : absolute index of the first sample that ``source`` will give.
    transforms : in order; they are started here.
    decoder : fitted, or None where only windows are wanted (training).
    rows : samples that one `ingest` takes at most.
    """

    def __init__(
        self,
        source: Source,
        info: StreamInfo,
        plan: Plan,
        transforms: Sequence[Transform],
        decoder: Decoder | None,
        *,
        origin: int = 0,
        rows: int = 4096,
    ) -> None:
        self.source = source
        self.plan = plan
        self.transforms = tuple(transforms)
        self.decoder = decoder
        self.origin = origin
        self._pick = None if plan.channels is None else np.array(plan.channels, np.intp)
        picked = (
            info if plan.channels is None else replace(info, channels=tuple(info.channels[i] for i in plan.channels))
        )
        self.source_rate = info.rate
        self._buffer = np.empty((rows, info.n_channels), np.float32)
        self._times = np.empty(rows, np.float64)
        self._held = np.zeros(picked.n_channels, np.float32)

        index = origin
        self._ratios: list[tuple[int, int]] = []  # (up, down) of each transform that changes the rate
        out = picked
        for transform in self.transforms:
            out = transform.start(out, index)
            index = getattr(transform, "next_index", index)
            up, down = getattr(transform, "up", 1), getattr(transform, "down", 1)
            if up != down:
                self._ratios.append((up, down))
        self.info = out
        rate = out.rate
        self.length = max(1, round(plan.window * rate))
        self.hop = None if plan.hop is None else max(1, round(plan.hop * rate))
        offset = round(plan.offset * rate)
        baseline = None if plan.baseline is None else max(1, round(plan.baseline * rate))

        reach = self.length + abs(offset) + (baseline or 0)
        history = reach + round(HISTORY_SECONDS * rate)
        self._ring = Ring.create(None, history + round(rows * rate / info.rate) + 16, out.n_channels)
        self._raw = Ring.create(None, round(history * info.rate / rate) + 2 * rows + 16, 1, dtype=np.float64)
        self._first = index  # absolute index of the transformed ring's sample 0
        self._staging = aligned_empty(self.length, out.n_channels)
        self._window = self._staging.T
        self._window.flags.writeable = False

        self.holes = Holes()
        self.gaps: list[Gap] = []
        self.on_marker: Callable[[Marker], None] = lambda marker: None
        self.labels_seen: dict[str, int] = {}
        self.skipped = 0
        self.over_hole = 0
        self._last_time = float("nan")
        self._latest = -math.inf
        self._broken = False
        self._pending = self._pending_at = 0
        self._newest_stop = index

        self._sliding = None if self.hop is None else SlidingWindows(self.length, self.hop, index)
        self._events = EventWindows(self.length, offset, baseline, self.locate) if self.hop is None else None
        self.evidence = Evidence(
            len(plan.classes),
            self.length,
            self.length if self.hop is None else self.hop,
            rate,
            threshold=plan.threshold,
            dwell=plan.dwell,
            time_constant=plan.time_constant,
        )
        self.trial_span = self._trial_span(rate, offset)
        self.trials: Gatherer[tuple[Decision, int]] = Gatherer(plan.labels, *self.trial_span, self.locate)

    def _trial_span(self, rate: float, offset: int) -> tuple[int, int]:
        """First sample of a trial and the one after its last, counted from its marker.

        Sliding windows lie on a grid. One of the trial's own length would fit into it only when the marker falls on that
        grid, so such a trial is made longer, by less than a hop: each has a window, whenever its marker comes.
        """
        if self.hop is None:
            return offset, offset + self.length
        first, last = (round(seconds * rate) for seconds in self.plan.trial)
        return first, max(last, first + self.length + self.hop - 1)

    # ------------------------------------------------------------------ samples in

    @property
    def written(self) -> int:
        """Absolute index of the next transformed sample."""
        return self._first + self._ring.written

    @property
    def received(self) -> int:
        """Absolute index of the next sample of the source."""
        return self.origin + self._raw.written

    def next_needed(self) -> int:
        """Absolute index of the source's sample that completes the next window; for event windows, the next sample."""
        return self.received if self._sliding is None else self._needed_by(self._sliding.next_stop - 1)

    def newer_is_due(self) -> bool:
        """Whether the samples of a newer sliding window have come already: then the older one need not be decoded."""
        return self._sliding is not None and self.next_needed() < self.received

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
        self.trials.add_marker(marker)
        if self._events is not None and marker.label in self.plan.labels:
            self._events.add(marker)

    def _advance(self, stop: int) -> None:
        """Let the transforms see the samples before absolute index ``stop`` of those that came with the last read.

        Windows are asked for one by one, and no transform runs ahead of them: what is known when a window is cut, such as
        which channels were bad, is what was known at its last sample.
        """
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
            samples = samples[:, self._pick]
        gaps = find_gaps(times, self.source_rate, index, self._last_time)
        self._last_time = float(times[-1])
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

    # ------------------------------------------------------------------ windows out

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

    def _cut(self, due: Due) -> Window:
        samples, _, _ = self._ring.view(due.start - self._first, due.stop - self._first)
        self._staging[:] = samples
        if due.baseline is not None:
            before, _, _ = self._ring.view(due.baseline[0] - self._first, due.baseline[1] - self._first)
            self._staging -= np.ascontiguousarray(before).mean(axis=0, dtype=np.float64).astype(np.float32)
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

    # ------------------------------------------------------------------ decisions

    def decode(self, window: Window) -> Decision:
        """Ask the decoder about ``window`` and add its answer to the evidence.

        Raises
        ------
        DecoderError
            When the decoder raises something, or what it returned is not ``(n_classes,)`` log-probabilities.
        """
        assert self.decoder is not None, "a pipeline without a decoder only cuts windows"
        event = window.marker is not None
        after_hole = self.holes.separate(self._newest_stop, window.start)
        if event or after_hole:
            self.evidence.reset()
        fresh = self.length if event else min(self.length, window.stop - self._newest_stop)
        self._newest_stop = window.stop
        window = replace(window, fresh=fresh)
        log_probs = log_probs_of(self.decoder, window, len(self.plan.classes))
        evidence, claimed = self.evidence.add(log_probs, fresh)
        ready = self.source.now()
        flags = Flag.NONE
        if claimed < 0:
            flags |= Flag.ABSTAINED
        if after_hole:
            flags |= Flag.AFTER_GAP
        if ready - window.time > (self.plan.hop if self.plan.hop is not None else self.plan.window):
            flags |= Flag.LATE
        if window.bads:
            flags |= Flag.BAD_CHANNELS
        if event:
            flags |= Flag.EVENT
        decision = Decision(
            start=window.start,
            stop=window.stop,
            sample=window.sample,
            log_probs=log_probs,
            evidence=evidence,
            answer=claimed,
            signal_time=window.time,
            arrival_time=window.arrival,
            ready_time=ready,
            skipped=self.skipped,
            origin=self.origin,
            flags=flags,
            marker_time=window.marker.time if window.marker else float("nan"),
        )
        self.trials.add(decision.start, decision.stop, (decision, fresh))
        return decision

    def decided_before(self) -> int:
        """Every window that stops at or before this sample has been handed out or left out."""
        if self._sliding is not None:
            return self._sliding.next_stop - 1
        assert self._events is not None
        return self._events.decided_before(self.written)

    def finished_trials(self, ended: bool = False) -> list[Trial]:
        """Trials that are complete; ask when no window is due any more. ``ended``: nothing more will come."""
        gathered = self.trials.finished(self.decided_before())
        finished = [answer(trial, self.evidence, self.info.rate) for trial in gathered]
        if ended:
            self.trials.abandon()
        return finished
