"""The decisions of one decoder as the screen needs them: the newest one, the last minute and hour, and their ages."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from rtbci.errors import Overrun
from rtbci.runfolder import ADAPTED_AT, FIELDS, DecisionRing, decision_from_row
from rtbci.types import Decision, Flag
from rtbci_ui.decisions.history import Batch, History

HISTORY_SECONDS = 60.0
EVENT_PATIENCE = 10.0
AGES = 2000
"""Ages that percentiles and the histogram are made of: the newest 2000 decisions."""
SHOWN_CLASSES = 6
"""More classes than this are not legible at once: the likeliest ones are shown."""
BLOCK_BYTES = 8 << 20
"""What is read from the ring at once while a long session is attached to: a ring of 200 classes holds 54 MB."""
SPARE = 64
"""Rows of a full ring that are left alone when a session is attached to, because they are overwritten next."""
JUMP_SECONDS = 1.0
"""Time that goes back further than this was set back; event windows of late markers come a little out of order."""
_AT = {name: k for k, name in enumerate(FIELDS)}


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
    history : the last hour, in bins; when a session is attached to that has run for long, what the ring still holds.
    looked : how often there was something new.
    hop : seconds between decisions.
    locked : whether windows are locked to markers, so that decisions come when markers do.
    drawn : seconds from newest sample to pixels, one per decision that was drawn.
    drawing : seconds of these from the decision being ready on, in the same order.
    """

    def __init__(self, name: str, ring: DecisionRing) -> None:
        self.name = name
        self.ring = ring
        self.classes = ring.classes
        self.hop = float(ring.ring.meta["hop"])
        self.locked = False
        self.newest: Decision | None = None
        self.history = History(len(self.classes))
        self.looked = 0
        self._seen = 0
        self._times: list[float] = []
        self._rows: list[NDArray[np.float64]] = []
        self._ages: list[float] = []
        self.drawn: list[float] = []
        self.drawing: list[float] = []
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
        ring, attaching = self.ring.ring, not self._seen
        first = max(self._seen, count - ring.capacity + SPARE)
        block = max(1, BLOCK_BYTES // (8 * ring.n_channels))
        row: NDArray[np.float64] | None = None
        for start in range(first, count, block):
            stop = min(start + block, count)
            try:
                rows = ring.read(start, stop)[0]
            except Overrun:
                break  # the worker writes faster than we look: try again at the next tick
            self._seen = stop
            self._take(rows)
            row = rows[-1]
        if row is None:
            return False
        if attaching:
            self.overlook()
        self.newest = decision_from_row(row)
        self.looked += 1
        return True

    def _take(self, rows: NDArray[np.float64]) -> None:
        """Take in ``rows`` (n, n_fields) of the ring; where time was set back, what came later has not happened."""
        times = rows[:, _AT["signal_time"]]
        newest = self._times[-1] if self._times else times[0]
        back = np.flatnonzero(np.diff(times, prepend=newest) < -JUMP_SECONDS)
        for start, stop in pairwise([0, *(int(place) for place in back), len(rows)]):
            if start in back:
                self._forget_after(float(times[start]))
            if stop > start:
                self._take_forward(rows[start:stop])

    def _forget_after(self, time: float) -> None:
        self.history.forget_after(time)
        keep = next((k for k, when in enumerate(self._times) if when > time), len(self._times))
        del self._times[keep:], self._rows[keep:]

    def _take_forward(self, rows: NDArray[np.float64]) -> None:
        n = len(self.classes)
        times = rows[:, _AT["signal_time"]]
        broken = (rows[:, _AT["flags"]].astype(np.int64) % (1 << ADAPTED_AT) & int(Flag.AFTER_GAP)) > 0
        broken |= np.diff(times, prepend=self._times[-1] if self._times else times[0]) > self.patience
        log_probs = rows[:, len(FIELDS) : len(FIELDS) + n]
        batch = Batch(
            times,
            np.exp(rows[:, len(FIELDS) + n :]),
            rows[:, _AT["answer"]].astype(np.int64),
            log_probs.argmax(axis=1).astype(np.int64),
            rows[:, _AT["marker_time"]],
            broken,
        )
        self.history.add(batch)
        ages = rows[-AGES:, _AT["ready_time"]] - times[-AGES:]
        self._ages = [*self._ages, *ages.tolist()][-AGES:]
        cut = float(times[-1]) - HISTORY_SECONDS
        for k in np.flatnonzero(times >= cut):
            if broken[k] and self._times:
                self._times.append(self._times[-1] + 1e-6)
                self._rows.append(np.full(n, np.nan))
            self._times.append(float(times[k]))
            self._rows.append(batch.posterior[k].copy())
        keep = next((i for i, t in enumerate(self._times) if t >= cut), 0)
        del self._times[:keep], self._rows[:keep]

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

    def overlook(self) -> None:
        """Nobody looked when the newest decision was ready: how much later it is on the screen says nothing."""
        self._drawn_number = self._seen

    def painted(self, now: float) -> float | None:
        """Note that the newest decision is on the screen at ``now``; return its age then, in seconds."""
        if self.newest is None:
            return None
        if self._drawn_number != self._seen:
            self._drawn_number = self._seen
            self.drawn = [*self.drawn[-(AGES - 1) :], now - self.newest.signal_time]
            self.drawing = [*self.drawing[-(AGES - 1) :], now - self.newest.ready_time]
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
