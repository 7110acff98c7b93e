"""What an evaluation says, in words that cannot be taken for more than it is. No Qt here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rtbci.retrieval import wilson_interval

SIGNIFICANT = 0.05
"""A permutation p from which on labels in another order would do as well."""


@dataclass(frozen=True, slots=True)
class Score:
    """The cross-validated result of one decoder; ``shuffled`` is the same decoder trained on shuffled labels.

    ``majority`` is what always naming the most frequent class would reach, ``balanced`` the mean over classes of the share
    of their trials that was answered rightly.
    """

    decoder: str
    right: int
    trials: int
    chance: float
    shuffled: float | None
    p: float | None
    folds: int
    majority: float | None = None
    balanced: float | None = None

    @property
    def accuracy(self) -> float:
        """Share of trials that were answered rightly."""
        return self.right / self.trials if self.trials else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval (Wilson)."""
        return wilson_interval(self.right, self.trials)

    @property
    def above_chance(self) -> bool:
        """Whether the interval lies above chance, and answers go with the labels: naming one class always does not."""
        return self.interval[0] > self.chance and (self.p is None or self.p < SIGNIFICANT)

    @property
    def uneven(self) -> bool:
        """Whether classes are so unequally frequent that naming one always is right more often than chance."""
        return self.majority is not None and round(100 * self.majority) > round(100 * self.chance)

    @property
    def headline(self) -> str:
        """``88 % of 32 trials``."""
        return f"{100 * self.accuracy:.0f} % of {self.trials} trials"

    @property
    def details(self) -> str:
        """Interval, chance, what naming the most frequent class would reach where that is more, controls."""
        low, high = self.interval
        chance = f"chance {100 * self.chance:.0f} %"
        if self.uneven and self.majority is not None:
            chance += f", always the most frequent class {100 * self.majority:.0f} %"
            chance += "" if self.balanced is None else f", balanced accuracy {100 * self.balanced:.0f} %"
        shuffled = "" if self.shuffled is None else f", trained on shuffled labels {100 * self.shuffled:.0f} %"
        p = "" if self.p is None else f", permutation p {self.p:.2g}"
        return f"95 % interval {100 * low:.0f} to {100 * high:.0f} %, {chance}{shuffled}{p}"

    @property
    def verdict(self) -> str:
        """One plain sentence."""
        if self.above_chance:
            if self.uneven and self.majority is not None and self.accuracy <= self.majority:
                return "above chance, though always naming the most frequent class would be right at least as often"
            return "above chance"
        return "not shown to be above chance: more trials, or another choice"


def scores_of(result: Mapping[str, Any] | None) -> tuple[Score, ...]:
    """The scores in what ``rtbci evaluate --json`` printed, or in the ``validated`` of ``rtbci feature-maps``."""
    summary = (result or {}).get("summary") or {}
    found = []
    for name, one in summary.items():
        trials, accuracy = int(one.get("trials") or 0), one.get("trial_accuracy")
        if not trials or accuracy is None:
            continue
        chance = (
            float(one["chance"]) if one.get("chance") is not None else 1.0 / max(len(one.get("classes") or "ab"), 2)
        )
        right = round(float(accuracy) * trials)
        folds = int(one.get("folds") or 0)
        controls = one.get("shuffled"), one.get("permutation_p")
        levels = one.get("chance_majority"), one.get("balanced_accuracy")
        found.append(Score(str(name), right, trials, chance, *controls, folds, *levels))
    return tuple(found)


def warnings(result: Mapping[str, Any]) -> str:
    """What an evaluation warns of, and which folds failed, in one line."""
    failed = [f"{one.get('task')}: {one.get('error')}" for one in result.get("failed") or ()]
    return "; ".join([*map(str, result.get("warnings") or ()), *failed])


def trained_words(result: Mapping[str, Any] | None) -> str:
    """What ``rtbci train --json`` said: ``riemann: fists 20 trials, feet 20 trials, 16 channels``."""
    lines = []
    for name, made in ((result or {}).get("decoders") or {}).items():
        classes = ", ".join(f"{c} {n['trials']} trials" for c, n in made["classes"].items())
        lines.append(f"{name}: {classes}, {len(made['channels'])} channels")
    return "\n".join(lines)
