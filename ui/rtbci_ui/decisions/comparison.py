"""Several decoders on the same trials: what each is worth, and whether a difference can be told; without Qt.

A trial that one of them lacks (its worker was away, its windows spanned a gap) is left out for all and counted. Whether two
differ is asked of the trials that one answers right and the other wrong, exactly (McNemar 1947, Psychometrika 12:153; exact
binomial form), and each p is multiplied by the number of decoders compared with the one in charge (Bonferroni).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import comb

from rtbci.retrieval import wilson_interval
from rtbci_ui.decisions.trial_book import Outcome, mean_log_loss

ALPHA = 0.05


@dataclass(frozen=True, slots=True)
class Score:
    """One decoder on the trials that all have.

    ``interval`` is Wilson's, 95 %, as if trials were independent; ``log_loss`` in nats, as `trial_book.mean_log_loss`.
    """

    name: str
    trials: int
    right: int
    interval: tuple[float, float]
    chance: float
    abstained: int
    log_loss: float | None
    left_out: int = 0

    @property
    def accuracy(self) -> float | None:
        """Share of right answers, None without trials."""
        return self.right / self.trials if self.trials else None


@dataclass(frozen=True, slots=True)
class Difference:
    """Two decoders on the trials that both have: how often only ``one`` was right, and only the ``other``.

    ``p`` is the probability of a split at least as uneven if both were equally good, times ``among`` and at most 1.
    """

    one: str
    other: str
    only_one: int
    only_other: int
    p: float
    among: int = 1

    @property
    def better(self) -> str:
        """The one that is better by `ALPHA`, or "" where that cannot be told."""
        if self.p >= ALPHA:
            return ""
        return self.one if self.only_one > self.only_other else self.other


@dataclass(frozen=True, slots=True)
class Comparison:
    """All decoders: ``scores`` in their order, ``differences`` of every other one from the first of reference.

    ``shared`` trials are counted, ``left_out`` are known of some decoders only; ``without`` names decoders without any.
    """

    scores: tuple[Score, ...]
    differences: tuple[Difference, ...]
    shared: int
    left_out: int
    without: tuple[str, ...] = ()


def mcnemar(only_one: int, only_other: int) -> float:
    """Two-sided exact p of ``only_one`` against ``only_other`` discordant trials; 1 where there are none."""
    n, fewer = only_one + only_other, min(only_one, only_other)
    return min(1.0, 2.0 * sum(comb(n, k) for k in range(fewer + 1)) / 2**n) if n else 1.0


def score(name: str, trials: Sequence[Outcome], chance: float, left_out: int = 0) -> Score:
    """What ``trials`` of decoder ``name`` are worth."""
    right = sum(trial.right for trial in trials)
    return Score(
        name,
        len(trials),
        right,
        wilson_interval(right, len(trials)),
        chance,
        sum(trial.claimed < 0 for trial in trials),
        mean_log_loss(list(trials)),
        left_out,
    )


def compare(trials: Mapping[str, Sequence[Outcome]], chance: Mapping[str, float], reference: str) -> Comparison:
    """Put the decoders of ``trials`` side by side, each against ``reference`` (the one in charge).

    Decoders without any trial are named and left out: else nothing would be shared.
    """
    there = {name: {trial.key: trial for trial in known} for name, known in trials.items() if known}
    without = tuple(name for name, known in trials.items() if not known)
    if not there:
        return Comparison((), (), 0, 0, without)
    shared = set.intersection(*(set(known) for known in there.values()))
    every = set[tuple[float, str]]().union(*there.values())
    keys = sorted(shared)
    scores = [
        score(name, [known[key] for key in keys], chance[name], len(known) - len(keys)) for name, known in there.items()
    ]
    if reference not in there:
        reference = next(iter(there))
    others = [name for name in there if name != reference]
    differences = []
    for other in others:
        pairs = [(there[reference][key].right, there[other][key].right) for key in keys]
        one, two = pairs.count((True, False)), pairs.count((False, True))
        differences.append(
            Difference(reference, other, one, two, min(1.0, len(others) * mcnemar(one, two)), len(others))
        )
    return Comparison(tuple(scores), tuple(differences), len(keys), len(every) - len(keys), without)
