"""What an evaluation says, in words that cannot be taken for more than it is. No Qt here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rtbci.retrieval import wilson_interval


@dataclass(frozen=True, slots=True)
class Score:
    """The cross-validated result of one decoder; ``shuffled`` is the same decoder trained on shuffled labels."""

    decoder: str
    right: int
    trials: int
    chance: float
    shuffled: float | None
    p: float | None
    folds: int

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
        """Whether the interval lies above chance."""
        return self.interval[0] > self.chance

    @property
    def headline(self) -> str:
        """``88 % of 32 trials``."""
        return f"{100 * self.accuracy:.0f} % of {self.trials} trials"

    @property
    def details(self) -> str:
        """Interval, chance, controls."""
        low, high = self.interval
        shuffled = "" if self.shuffled is None else f", trained on shuffled labels {100 * self.shuffled:.0f} %"
        p = "" if self.p is None else f", permutation p {self.p:.2g}"
        return f"95 % interval {100 * low:.0f} to {100 * high:.0f} %, chance {100 * self.chance:.0f} %{shuffled}{p}"

    @property
    def verdict(self) -> str:
        """One plain sentence."""
        if self.above_chance:
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
        found.append(Score(str(name), right, trials, chance, one.get("shuffled"), one.get("permutation_p"), folds))
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
