"""When a simulated subject is shown what: an endless plan of trials in balanced blocks; any part of it can be asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rtbci.errors import SourceError

LEAD_SECONDS = 2.5
TASK_SECONDS = 4.0
REST_SECONDS = 3.5
JITTER_SECONDS = 0.5
"""The cue comes up to this much before or after its regular place, so that time alone says nothing."""
REACH_SECONDS = 2.0
"""So long after the end of a trial its rebound has gone."""
LAPSES = 0.1
"""Part of the trials in which the subject is elsewhere: nobody can decode those."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One cued trial: ``onset`` and ``stop`` are sample indices of the cue and of the end of the task.

    ``label`` is the cue's marker, ``name`` the class. ``depth`` is the part by which the class's rhythms weaken,
    ``delay`` the seconds from cue to half of it.
    """

    onset: int
    stop: int
    label: str
    name: str
    depth: float
    delay: float


class TrialPlan:
    """The trials of run ``seed``: ``per_class`` of each of ``classes`` (None: without end), each class twice in a block."""

    def __init__(self, seed: Sequence[int], classes: Sequence[str], per_class: int | None, rate: float) -> None:
        if per_class is not None and per_class < 1:
            raise SourceError(f"trials is {per_class}; it should be at least 1, or absent for no end")
        self._seed = tuple(seed)
        self._classes = tuple(classes)
        self._rate = rate
        self._count = None if per_class is None else per_class * len(classes)
        self._blocks: dict[int, tuple[Trial, ...]] = {}

    @property
    def seconds(self) -> float | None:
        """How long the run takes until all is over; None when it has no end."""
        if self._count is None:
            return None
        return LEAD_SECONDS + self._count * (TASK_SECONDS + REST_SECONDS) + 1.0

    def between(self, first: int, stop: int) -> list[Trial]:
        """Trials that show in samples ``first`` to ``stop``: begun before ``stop``, and not yet faded at ``first``."""
        cycle = (TASK_SECONDS + REST_SECONDS) * self._rate
        low, high = max(0, int(first / cycle) - 2), int(stop / cycle) + 2
        if self._count is not None:
            high = min(high, self._count)
        reach = REACH_SECONDS * self._rate
        found = (self._trial(number) for number in range(low, high))
        return [trial for trial in found if trial.onset < stop and trial.stop + reach > first]

    def until(self, stop: int) -> list[Trial]:
        """All trials that begin before sample ``stop``."""
        cycle = (TASK_SECONDS + REST_SECONDS) * self._rate
        high = int(stop / cycle) + 2
        if self._count is not None:
            high = min(high, self._count)
        return [trial for trial in (self._trial(number) for number in range(high)) if trial.onset < stop]

    def _trial(self, number: int) -> Trial:
        block, place = divmod(number, 2 * len(self._classes))
        if block not in self._blocks:
            self._blocks[block] = self._draw(block)
        return self._blocks[block][place]

    def _draw(self, block: int) -> tuple[Trial, ...]:
        n_classes = len(self._classes)
        rng = np.random.default_rng([*self._seed, block])
        order = rng.permutation(np.repeat(np.arange(n_classes), 2))
        shifts = rng.uniform(-JITTER_SECONDS, JITTER_SECONDS, len(order))
        # attention wanders: in one trial the rhythm all but vanishes, in the next it hardly weakens, in some nothing happens
        depths = 0.95 * rng.beta(2.0, 2.0, len(order)) * (rng.random(len(order)) >= LAPSES)
        delays = np.clip(rng.normal(0.45, 0.1, len(order)), 0.3, 0.7)
        trials = []
        for i, index in enumerate(order):
            number = block * len(order) + i
            onset = round((LEAD_SECONDS + number * (TASK_SECONDS + REST_SECONDS) + shifts[i]) * self._rate)
            stop = onset + round(TASK_SECONDS * self._rate)
            label, name = f"T{index + 1}", self._classes[index]
            trials.append(Trial(onset, stop, label, name, float(depths[i]), float(delays[i])))
        return tuple(trials)
