"""Decisions of the last hour in little memory: finer for the last minute, coarser for longer stretches; without Qt."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

SPANS = (60.0, 300.0, 900.0, 3600.0)
"""Stretches that can be looked at, in seconds: 1, 5, 15 and 60 minutes."""
BINS = 600
"""Bins per stretch: of the last minute 0.1 s, of the last hour 6 s. A curve of 600 points is drawn in 1.3 ms."""
MOST_CLASSES = 256
"""Up to this many classes, each has a curve (0.1 MB for two classes, 2.5 MB for 256); of more, only the likeliest one."""
_EMPTY = -(2**62)
KEPT_ANSWERS = 16384
"""Answers that are kept singly: as many as a decision ring holds."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Decisions in the order in which they were made, which is nearly that of their times.

    Attributes
    ----------
    times : (n,) float64, signal times, seconds of the source's clock.
    posterior : (n, n_classes) float64, accumulated probabilities.
    answers : (n,) int64, what is claimed, -1: nothing.
    own : (n,) int64, the likeliest class by each window alone.
    marker_times : (n,) float64, of the marker an event window is locked to, NaN of one that slides.
    broken : (n,) bool, whether the curve is broken before this decision.
    """

    times: Floats
    posterior: Floats
    answers: Ints
    own: Ints
    marker_times: Floats
    broken: Bools


@dataclass(frozen=True, slots=True)
class Course:
    """What a stretch of time holds, oldest first.

    Attributes
    ----------
    times : (n,) float64, mean signal time of each bin.
    posterior : (n, n_columns) float64, mean accumulated probabilities; one column, of the likeliest class, of very many.
    abstained : (n,) float64, share of the bin's decisions that claimed nothing.
    claims : (n,) int64, what the bin's newest decision claims, -1: nothing.
    broken : (n,) bool, whether something is missing before this bin.
    decisions : (n,) int64, how many there were.
    """

    times: Floats
    posterior: Floats
    abstained: Floats
    claims: Ints
    broken: Bools
    decisions: Ints


class Level:
    """Bins of ``width`` seconds, at absolute places in time, in a ring: what is older than `BINS` of them is overwritten."""

    def __init__(self, width: float, n_columns: int) -> None:
        self.width = width
        self._place = np.full(BINS, _EMPTY, np.int64)
        self._count = np.zeros(BINS, np.int64)
        self._time = np.zeros(BINS)
        self._sum = np.zeros((BINS, n_columns), np.float32)
        self._silent = np.zeros(BINS, np.int64)
        self._claim = np.full(BINS, -1, np.int64)
        self._broken = np.zeros(BINS, bool)

    def add(self, batch: Batch, columns: Floats) -> None:
        """Take in decisions with their ``columns`` (n, n_columns)."""
        places = np.floor(batch.times / self.width).astype(np.int64)
        kept = np.argsort(places, kind="stable")
        kept = kept[places[kept] > max(int(self._place.max()), int(places.max())) - BINS]
        if not len(kept):
            return
        places = places[kept]
        starts = np.flatnonzero(np.diff(places, prepend=places[0] - 1))
        found = places[starts]
        slots = found % BINS
        fresh = slots[self._place[slots] != found]
        self._place[slots] = found
        for store in (self._count, self._time, self._sum, self._silent, self._broken):
            store[fresh] = 0
        self._count[slots] += np.diff(starts, append=len(places))
        self._time[slots] += np.add.reduceat(batch.times[kept], starts)
        self._sum[slots] += np.add.reduceat(columns[kept], starts, axis=0)
        self._silent[slots] += np.add.reduceat((batch.answers[kept] < 0).astype(np.int64), starts)
        self._broken[slots] |= np.logical_or.reduceat(batch.broken[kept], starts)
        ends = np.append(starts[1:], len(places)) - 1
        self._claim[slots] = batch.answers[kept][ends]

    def forget_after(self, time: float) -> None:
        """Time was set back to ``time``: what came later has not happened."""
        self._place[self._place > int(np.floor(time / self.width))] = _EMPTY

    def course(self, since: float) -> Course:
        """The bins that end after ``since``."""
        slots = np.flatnonzero(self._place >= int(np.floor(since / self.width)))
        slots = slots[np.argsort(self._place[slots])]
        count = self._count[slots]
        return Course(
            self._time[slots] / count,
            self._sum[slots] / count[:, None],
            self._silent[slots] / count,
            self._claim[slots],
            self._broken[slots],
            count,
        )


class History:
    """The last hour of one decoder's decisions.

    Attributes
    ----------
    per_class : whether every class has a column of its own; if not, there is one, of the likeliest class.
    """

    def __init__(self, n_classes: int) -> None:
        self.per_class = n_classes <= MOST_CLASSES
        self._levels = {span: Level(span / BINS, n_classes if self.per_class else 1) for span in SPANS}
        self._times = np.zeros(KEPT_ANSWERS)
        self._markers = np.zeros(KEPT_ANSWERS)
        self._answers = np.zeros((KEPT_ANSWERS, 2), np.int32)
        self._n = 0

    def add(self, batch: Batch) -> None:
        """Take in decisions that are newer than all before, or after a jump back in time (see `forget_after`)."""
        if not len(batch.times):
            return
        columns = batch.posterior if self.per_class else batch.posterior.max(axis=1, keepdims=True)
        for level in self._levels.values():
            level.add(batch, columns)
        kept = slice(max(0, len(batch.times) - KEPT_ANSWERS), None)
        n = len(batch.times[kept])
        slots = np.arange(self._n, self._n + n) % KEPT_ANSWERS
        self._times[slots], self._markers[slots] = batch.times[kept], batch.marker_times[kept]
        self._answers[slots, 0], self._answers[slots, 1] = batch.own[kept], batch.answers[kept]
        self._n += n

    def forget_after(self, time: float) -> None:
        """Time was set back to ``time``, as by a replay that begins anew: what came later has not happened."""
        for level in self._levels.values():
            level.forget_after(time)
        times, markers, answers = self._times.copy(), self._markers.copy(), self._answers.copy()
        order = self._order()
        order = order[times[order] <= time]
        self._n = len(order)
        self._times[: self._n], self._markers[: self._n] = times[order], markers[order]
        self._answers[: self._n] = answers[order]

    def course(self, now: float, span: float) -> Course:
        """The last ``span`` seconds, one of `SPANS`, before ``now``."""
        return self._levels[span].course(now - span)

    def singly(self) -> tuple[Floats, Floats, Ints, Ints]:
        """Signal times, marker times, likeliest classes by the window alone, and claims: (n,) each, oldest first."""
        order = self._order()
        return (
            self._times[order],
            self._markers[order],
            self._answers[order, 0].astype(np.int64),
            self._answers[order, 1].astype(np.int64),
        )

    def abstained(self, seconds: float) -> tuple[int, int]:
        """In how many of the decisions of the ``seconds`` before the newest one nothing was claimed, and of how many."""
        order = self._order()
        if not len(order):
            return 0, 0
        recent = order[self._times[order] > self._times[order[-1]] - seconds]
        return int((self._answers[recent, 1] < 0).sum()), len(recent)

    def _order(self) -> Ints:
        """Slots of the answers that are kept, oldest first."""
        return np.arange(max(0, self._n - KEPT_ANSWERS), self._n) % KEPT_ANSWERS
