"""When a simulated viewer is shown which picture: an endless plan of rests and pictures; any part of it can be asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rtbci.errors import SourceError

PICTURES_PER_ROUND = 20
"""Pictures between two rests."""
REST_SECONDS = 5.0
JITTER_SECONDS = 0.12
"""A picture comes up to this much before or after its regular place, so that time alone says nothing."""
REACH_SECONDS = 1.5
"""So long after its onset a picture evokes nothing any more."""
LAPSES = 0.08
"""Part of the pictures at which the viewer is elsewhere: the eyes see them, but what they show leaves no trace."""
REST = "rest"
"""Marker label at the begin of a rest."""


@dataclass(frozen=True, slots=True)
class Presentation:
    """One picture: ``onset`` is the sample at which it appears, ``item`` its number in the bank, ``label`` its id.

    ``gain`` is how strongly what it shows is responded to (0: a lapse), ``late`` the seconds by which the whole response
    comes later than usual.
    """

    onset: int
    item: int
    label: str
    gain: float
    late: float


class ViewingPlan:
    """The pictures of run ``seed``, in rounds: a rest of `REST_SECONDS`, then `PICTURES_PER_ROUND` pictures.

    Each of ``items``, (number, id) of the bank, comes once before any comes again. ``count`` pictures in all (None: without
    end), one every ``every`` seconds.
    """

    def __init__(
        self, seed: Sequence[int], items: Sequence[tuple[int, str]], count: int | None, every: float, rate: float
    ) -> None:
        if count is not None and count < 1:
            raise SourceError(f"pictures is {count}; it should be at least 1, or absent for no end")
        if not 0.6 <= every < float("inf"):
            raise SourceError(f"every is {every} s; responses take 0.6 s, so that or more would be right")
        if not items:
            raise SourceError("no picture is to be shown; at least one would be right")
        self._seed, self._items, self._count = tuple(seed), tuple(items), count
        self._every, self._rate = every, rate
        self._round = REST_SECONDS + PICTURES_PER_ROUND * every
        self._orders: dict[int, tuple[int, ...]] = {}

    @property
    def seconds(self) -> float | None:
        """How long the run takes until all is over; None when it has no end."""
        return None if self._count is None else self._regular(self._count - 1) + JITTER_SECONDS + REACH_SECONDS

    def between(self, first: int, stop: int) -> list[Presentation]:
        """Pictures that show in samples ``first`` to ``stop``: appeared before ``stop``, and not yet faded at ``first``."""
        reach = REACH_SECONDS * self._rate
        low = max(0, self._last_before(first - reach) - 2)
        found = (self._presentation(number) for number in range(low, self._until(stop)))
        return [one for one in found if one.onset < stop and one.onset + reach > first]

    def until(self, stop: int) -> list[Presentation]:
        """All pictures that appear before sample ``stop``."""
        return [one for one in map(self._presentation, range(self._until(stop))) if one.onset < stop]

    def rests(self, first: int, stop: int) -> list[int]:
        """Samples from ``first`` to ``stop`` at which a rest begins: a picture before it has faded by then."""
        low, high = int(first / self._rate / self._round) - 1, int(stop / self._rate / self._round) + 2
        if self._count is not None:
            high = min(high, -(-self._count // PICTURES_PER_ROUND))
        return [at for k in range(max(0, low), high) if first <= (at := round(k * self._round * self._rate)) < stop]

    def _regular(self, number: int) -> float:
        rounds, place = divmod(number, PICTURES_PER_ROUND)
        return rounds * self._round + REST_SECONDS + place * self._every

    def _last_before(self, sample: float) -> int:
        """Number of about the last picture before ``sample``; of the next one in a rest."""
        rounds, within = divmod(max(sample, 0.0) / self._rate, self._round)
        place = int(max(within - REST_SECONDS, 0.0) / self._every)
        return int(rounds) * PICTURES_PER_ROUND + min(place, PICTURES_PER_ROUND)

    def _until(self, stop: int) -> int:
        high = self._last_before(stop) + 2
        return high if self._count is None else min(high, self._count)

    def _presentation(self, number: int) -> Presentation:
        turn, place = divmod(number, len(self._items))
        if turn not in self._orders:
            rng = np.random.default_rng([*self._seed, 0, turn])
            self._orders[turn] = tuple(rng.permutation(len(self._items)).tolist())
        item, label = self._items[self._orders[turn][place]]
        rng = np.random.default_rng([*self._seed, 1, number])
        shift = rng.uniform(-JITTER_SECONDS, JITTER_SECONDS)
        gain = max(rng.normal(1.0, 0.2), 0.2) * (rng.random() >= LAPSES)
        onset = round((self._regular(number) + shift) * self._rate)
        return Presentation(onset, item, label, float(gain), float(np.clip(rng.normal(0.0, 0.008), -0.02, 0.02)))
