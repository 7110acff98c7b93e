"""Evoked responses: averages of what follows markers, building up while they come. No Qt here."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rtbci.errors import Overrun
from rtbci.ring import Ring
from rtbci.types import Marker
from rtbci_ui.positions import Positions
from rtbci_ui.signal.averages import Average, Grouping
from rtbci_ui.signal.epoch_filter import FILTERS, JUDGED, EpochFilter
from rtbci_ui.traces.filtering import Choice

BEFORE, AFTER = 0.2, 0.8
"""Seconds of an epoch on either side of its marker; what comes before is its baseline."""
LIMITS = (75.0, 150.0, 300.0, math.inf)
"""Peak-to-peak limits in µV that can be chosen."""
MOST_CLASSES = 8
"""With more labels than this, all of them are one class: averages of a few epochs each would say nothing."""
_PATIENCE = 512
_MARGIN = 0.02
"""Part of the ring that only an epoch itself is read from: the writer may overwrite it while the filter warms up."""


class Evoked:
    """Averages epochs around markers.

    An epoch is cut from the sample nearest to its marker, waits for its last sample, is filtered (`epoch_filter`), loses its
    mean before the marker, and is added to its class, each marker once. It is left out where it spans a gap, and where a
    good EEG channel's peak-to-peak, without drifts, exceeds ``limit``. At most one epoch is added at a refresh.

    Attributes
    ----------
    rate : Hz.
    times : (n_times,) float64, seconds after the marker.
    picked : (n_picked,) int64, numbers of the channels that are averaged.
    filter : what epochs are seen through.
    averages : by class, in the order of the decoder's classes or of their first marker.
    offenders : how often a channel was the largest of an epoch that was rejected, by name.
    unclassed : markers whose label belongs to no class.
    holds_limit : whether there is an EEG channel that the limit is for.
    waiting : markers whose samples have not come yet.
    """

    def __init__(
        self,
        ring: Ring,
        rate: float,
        positions: Positions,
        markers: Sequence[Marker],
        picked: Sequence[int],
        eeg: Sequence[int],
        names: Sequence[str],
    ) -> None:
        """Average channels ``picked`` of ``ring``; those of ``eeg``, a part of them, are held against the limit."""
        self._ring, self.rate, self._positions, self._markers = ring, rate, positions, markers
        self._names = tuple(names)
        self.picked: NDArray[np.int64] = np.array(picked, np.int64)
        self._every = len(self.picked) == ring.n_channels
        self._eeg = np.array(sorted(set(eeg)), np.int64)
        self.holds_limit = len(self._eeg) > 0
        self._before = round(BEFORE * rate)
        self._after = round(AFTER * rate) + 1
        self.times: NDArray[np.float64] = np.arange(-self._before, self._after) / rate
        self.filter = self._filter(FILTERS[0])
        self._judge = self._filter(JUDGED)
        self.limit = LIMITS[1]
        self.grouping = Grouping()
        self._bads: frozenset[str] = frozenset()
        self._held = self._eeg
        self._last: Marker | None = None
        self._changes = 0
        self.reset()

    def reset(self) -> None:
        """Begin anew with the markers that come from now on."""
        self._clear()
        self._last = self._markers[-1] if self._markers else None

    def _clear(self) -> None:
        self.averages: dict[str, Average] = {}
        self._pooled = False
        self.offenders: dict[str, int] = {}
        self.unclassed = 0
        self.waiting: list[Marker] = []
        for name in self.grouping.classes if self.grouping.labels else ():
            self._class(name)

    def again(self) -> None:
        """Begin anew with every marker whose samples the ring still holds."""
        self._clear()
        self._last = None
        oldest = self._ring.oldest
        if not self._markers or self._ring.written <= oldest:
            return
        try:
            begin = float(self._ring.view(oldest, oldest + 1)[1][0])
        except Overrun:
            begin = math.inf
        gone = [marker for marker in self._markers if marker.time - BEFORE < begin]
        self._last = gone[-1] if gone else None

    def classify(self, grouping: Grouping) -> None:
        """Use other classes; what the ring still holds is averaged anew."""
        if grouping != self.grouping:
            self.grouping = grouping
            self.again()

    def set_limit(self, limit: float) -> None:
        """Use another peak-to-peak limit in µV; what the ring still holds is averaged anew."""
        if limit != self.limit:
            self.limit = limit
            self.again()

    def set_filter(self, choice: Choice) -> None:
        """See epochs through another filter; what the ring still holds is averaged anew."""
        if choice.possible(self.rate) != self.filter.choice:
            self.filter = self._filter(choice)
            self.again()

    @property
    def _delay(self) -> int:
        """Samples after an epoch that its filters need."""
        return max(self.filter.delay, self._judge.delay)

    def _filter(self, choice: Choice) -> EpochFilter:
        return EpochFilter(choice, self.rate, self._ring.n_channels, self._before + self._after)

    def set_bads(self, bads: frozenset[str]) -> None:
        """Channels that no epoch is rejected for, from now on."""
        if bads != self._bads:
            self._bads = bads
            self._held = np.array([i for i in self._eeg if self._names[i] not in bads], np.int64)

    def refresh(self) -> bool:
        """Take in new markers and at most one epoch; say whether an average or a count has changed."""
        self._hear()
        written = self._ring.written
        if not self.waiting or not written:
            return False
        newest = float(self._ring.view(written - 1, written)[1][0])
        for i, marker in enumerate(self.waiting):
            # a marker waits for its samples; one that came late need not wait for one that is early
            if marker.time + AFTER + (1.0 + self._delay) / self.rate <= newest:
                del self.waiting[i]
                return self._take(marker)
        return False

    def _hear(self) -> None:
        """Find the markers behind the last one that was seen; the list is cut at its front."""
        fresh = []
        for marker in reversed(self._markers):
            if marker is self._last:
                break
            fresh.append(marker)
        if not fresh:
            return
        self._last = fresh[0]
        for marker in reversed(fresh):
            if self.grouping.name(marker.label) is None:
                self.unclassed += 1
            else:
                self.waiting.append(marker)
        del self.waiting[:-_PATIENCE]

    def _class(self, name: str) -> Average:
        if self._pooled:
            return next(iter(self.averages.values()))
        if name not in self.averages:
            self.averages[name] = self._empty(name)
            if len(self.averages) > MOST_CLASSES:
                self._pool()
                return next(iter(self.averages.values()))
        return self.averages[name]

    def _change(self) -> int:
        """A number that no average has had, so that whoever drew one can tell that it has changed."""
        self._changes += 1
        return self._changes

    def _empty(self, name: str) -> Average:
        n = len(self.picked)
        return Average(name, self._change(), np.zeros((len(self.times), n)), np.zeros(n), np.zeros(n, np.int64))

    def _pool(self) -> None:
        """Make one class of all: a sum of sums is exact."""
        whole = self._empty("all markers")
        for part in self.averages.values():
            whole.total += part.total
            whole.before += part.before
            whole.counts += part.counts
            whole.kept += part.kept
            whole.rejected += part.rejected
            whole.broken += part.broken
            whole.missed += part.missed
        self.averages = {whole.name: whole}
        self._pooled = True

    def _take(self, marker: Marker) -> bool:
        name = self.grouping.name(marker.label)
        average = self._class(name if name is not None else marker.label)
        average.version = self._change()
        position = self._positions.at_time(marker.time)
        centre = -1 if position is None else self._positions.at_position(round(position))
        start, stop = centre - self._before, centre + self._after
        end = stop + self._delay
        if start < 0 or start < self._ring.oldest or end > self._ring.written:
            average.missed += 1
            return True
        oldest = self._ring.oldest + int(_MARGIN * self._ring.capacity) if self._ring.oldest else 0
        begin = max(start - self._judge.warm, min(start, oldest))
        begin = self._positions.stretches(begin, end)[-1].start
        # at most a sample away: a marker within a gap has no sample of its own
        if begin > start or abs(self._time(centre) - marker.time) > 1.0 / self.rate:
            average.broken += 1
            return True
        try:
            whole = self._ring.view(begin, end)[0]
            largest, channel = self._largest(whole, start - begin)
            samples = self.filter.epoch(whole, start - begin)
            # a copy before the sum: what turns out to have been overwritten must not be in it
            epoch = samples.copy() if self._every else samples[:, self.picked]
            if not self._ring.intact(begin):
                raise Overrun(begin, self._ring.oldest)
        except Overrun:
            average.missed += 1
            return True
        if largest > self.limit or not math.isfinite(largest):
            average.rejected += 1
            self.offenders[self._names[channel]] = self.offenders.get(self._names[channel], 0) + 1
            return True
        known = np.isfinite(epoch.sum(axis=0))
        if not known.all():
            epoch[:, ~known] = 0.0  # a channel that was not a number keeps what it had
        average.total += epoch
        average.before += epoch[: self._before].mean(axis=0, dtype=np.float64)
        average.counts += known
        average.kept += 1
        return True

    def _time(self, index: int) -> float:
        try:
            return float(self._ring.view(index, index + 1)[1][0])
        except (Overrun, IndexError):
            return math.inf

    def _largest(self, samples: NDArray[np.float32], at: int) -> tuple[float, int]:
        """Largest peak-to-peak of the good EEG channels in the epoch from row ``at`` of ``samples`` on, and whose it is."""
        if not len(self._held):
            return 0.0, 0
        held = self._judge.epoch(samples, at)[:, self._held]
        spread = held.max(axis=0) - held.min(axis=0)
        spread = np.where(np.isnan(spread), np.inf, spread)
        k = int(np.argmax(spread))
        return float(spread[k]), int(self._held[k])
