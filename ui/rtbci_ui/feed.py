"""The decisions of one decoder as the screen needs them: the newest one, the last minute, and their ages."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rtbci.errors import Overrun
from rtbci.runfolder import DecisionRing
from rtbci.types import Decision, Flag

HISTORY_SECONDS = 60.0
EVENT_PATIENCE = 10.0
AGES = 2000
"""Ages that percentiles and the histogram are made of: the newest 2000 decisions."""
SHOWN_CLASSES = 6
"""More classes than this are not legible at once: the likeliest ones are shown."""


@dataclass(frozen=True, slots=True)
class Freshness:
    """How old what is shown is: ``age`` in seconds since the newest sample in it, and whether that is too old."""

    age: float
    stale: bool


class DecisionFeed:
    """Follows one decision ring.

    Attributes
    ----------
    newest : the newest decision, or None before the first.
    times : (n,) float64, signal times of the last minute's decisions, seconds of the source's clock.
    evidence : (n, n_classes) float64, accumulated posterior probabilities; a row of NaN before each break.
    hop : seconds between decisions.
    locked : whether windows are locked to markers, so that decisions come when markers do.
    drawn : seconds from newest sample to pixels, one per decision that was drawn.
    """

    def __init__(self, name: str, ring: DecisionRing) -> None:
        self.name = name
        self.ring = ring
        self.classes = ring.classes
        self.hop = float(ring.ring.meta["hop"])
        self.locked = False
        self.newest: Decision | None = None
        self._seen = 0
        self._times: list[float] = []
        self._rows: list[NDArray[np.float64]] = []
        self._ages: list[float] = []
        self.drawn: list[float] = []
        self._drawn_number = -1

    @property
    def patience(self) -> float:
        """Seconds after which a decision is stale: three hops, and never less than half a second.

        Decisions about windows that are locked to markers come when markers do: they are stale after 10 s.
        """
        return EVENT_PATIENCE if self.locked else max(3.0 * self.hop, 0.5)

    def refresh(self) -> bool:
        """Take in new decisions; say whether there were any."""
        count = self.ring.count
        if count == self._seen:
            return False
        first = self._seen
        if not first:  # attaching to a session that has run for hours: the last minute is enough
            first = max(0, count - max(AGES, int(HISTORY_SECONDS / self.hop) + 1))
        try:
            fresh = self.ring.new(first)
        except Overrun:
            return False  # the worker writes faster than we look: try again at the next tick
        self._seen = count
        for decision in fresh:
            broken = bool(decision.flags & Flag.AFTER_GAP)
            if self._times and (broken or decision.signal_time - self._times[-1] > self.patience):
                self._times.append(self._times[-1] + 1e-6)
                self._rows.append(np.full(len(self.classes), np.nan))
            self._times.append(decision.signal_time)
            self._rows.append(np.exp(decision.evidence))
            self._ages.append(decision.age)
        if fresh:
            if self.newest is None:  # it was ready before we looked: its time on the screen says nothing
                self._drawn_number = count
            self.newest = fresh[-1]
        cut = self._times[-1] - HISTORY_SECONDS if self._times else 0.0
        keep = next((i for i, t in enumerate(self._times) if t >= cut), 0)
        del self._times[:keep], self._rows[:keep]
        del self._ages[:-AGES]
        return bool(fresh)

    @property
    def times(self) -> NDArray[np.float64]:
        """Signal times of the last minute's decisions."""
        return np.array(self._times)

    @property
    def evidence(self) -> NDArray[np.float64]:
        """Accumulated posteriors of the last minute's decisions, NaN at breaks."""
        return np.array(self._rows).reshape(-1, len(self.classes))

    @property
    def ages_ms(self) -> NDArray[np.float64]:
        """Decision ages (newest sample to decision ready) in milliseconds, oldest first."""
        return np.array(self._ages) * 1000.0

    def freshness(self, now: float) -> Freshness | None:
        """How old the newest decision is at ``now`` on the source's clock; None before the first."""
        if self.newest is None:
            return None
        age = now - self.newest.signal_time
        return Freshness(age, age > self.patience)

    def painted(self, now: float) -> float | None:
        """Note that the newest decision is on the screen at ``now``; return its age then, in seconds."""
        if self.newest is None:
            return None
        if self._drawn_number != self._seen:
            self._drawn_number = self._seen
            self.drawn = [*self.drawn[-(AGES - 1) :], now - self.newest.signal_time]
        return self.drawn[-1] if self.drawn else None

    def likeliest(self) -> list[int]:
        """Classes to show: all of them in order, or, of many, the likeliest now, best first."""
        if len(self.classes) <= SHOWN_CLASSES or self.newest is None:
            return list(range(min(len(self.classes), SHOWN_CLASSES)))
        return [int(i) for i in np.argsort(-self.newest.evidence, kind="stable")[:SHOWN_CLASSES]]


def percentiles(ages_ms: NDArray[np.float64]) -> tuple[float, float, float] | None:
    """The 50th, 95th and 99th percentile of ``ages_ms`` (n,), or None of nothing."""
    if not len(ages_ms):
        return None
    p50, p95, p99 = np.percentile(ages_ms, (50, 95, 99))
    return float(p50), float(p95), float(p99)
