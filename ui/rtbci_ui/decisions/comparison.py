"""Several decoders on the same trials: what each is worth, and whether a difference can be told; without Qt.

A trial that one of them lacks (its worker was away, its windows spanned a gap) is left out for all and counted. Whether two
differ is asked of the trials that one answers right and the other wrong, exactly (McNemar 1947, Psychometrika 12:153; exact
binomial form), and each p is multiplied by the number of decoders compared with the one in charge (Bonferroni).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from rtbci.retrieval import wilson_interval
from rtbci_ui.decisions.outcomes import Outcome, Sums

ALPHA = 0.05


@dataclass(frozen=True, slots=True)
class Score:
    """One decoder on the trials that all have.

    ``interval`` is Wilson's, 95 %, as if trials were independent; ``chance`` supposes equally frequent classes, ``shuffled``
    does not (`Sums.shuffled`); ``log_loss`` in nats.
    """

    name: str
    trials: int
    right: int
    interval: tuple[float, float]
    chance: float
    shuffled: float | None
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
    ``majority`` and ``entropy`` are of the truths of the shared trials (`Sums`), None without any.
    """

    scores: tuple[Score, ...]
    differences: tuple[Difference, ...]
    shared: int
    left_out: int
    without: tuple[str, ...] = ()
    majority: float | None = None
    entropy: float | None = None


def mcnemar(only_one: int, only_other: int) -> float:
    """Two-sided exact p of ``only_one`` against ``only_other`` discordant trials; 1 where there are none.

    The tail of the binomial is summed from its largest term on, until nothing is added any more: whole numbers of thousands
    of bits, which the terms themselves are after an hour of flashes, take seconds.
    """
    n, fewer = only_one + only_other, min(only_one, only_other)
    ways = math.lgamma(n + 1) - math.lgamma(fewer + 1) - math.lgamma(n - fewer + 1)
    total = term = 1.0
    for k in range(fewer, 0, -1):
        term *= k / (n - k + 1)
        total += term
        if term < 1e-17 * total:
            break
    return min(1.0, 2.0 * total * math.exp(ways - n * math.log(2.0)))


def score(name: str, sums: Sums, chance: float, left_out: int = 0) -> Score:
    """What the trials of decoder ``name``, which add up to ``sums``, are worth."""
    return Score(
        name,
        sums.n,
        sums.right,
        wilson_interval(sums.right, sums.n),
        chance,
        sums.shuffled,
        sums.abstained,
        sums.log_loss,
        left_out,
    )


class Standing:
    """The decoders of a session side by side, trial by trial: each trial is looked at once, however many there are.

    A decoder without any trial takes no part: else nothing would be shared. With its first one, and where a log begins
    anew, everything is added up anew.
    """

    def __init__(self) -> None:
        self._begin({})
        self._without: tuple[str, ...] = ()

    def _begin(self, logs: Mapping[str, Sequence[Outcome]]) -> None:
        self._logs = dict(logs)
        self._taken = dict.fromkeys(logs, 0)
        self._sums = {name: Sums() for name in logs}
        self._only: Counter[tuple[str, str]] = Counter()  # trials that the first answers right, and the second wrong
        self._waiting: dict[tuple[float, str], dict[str, Outcome]] = {}

    def update(self, logs: Mapping[str, Sequence[Outcome]]) -> None:
        """Take in what is new in ``logs``, the trials of each decoder: lists that only grow, or are other ones."""
        there = {name: known for name, known in logs.items() if known}
        self._without = tuple(name for name in logs if name not in there)
        if there.keys() != self._logs.keys() or any(self._logs[name] is not known for name, known in there.items()):
            self._begin(there)
        for name, known in there.items():
            for trial in islice(known, self._taken[name], None):
                self._add(name, trial)
            self._taken[name] = len(known)

    def _add(self, name: str, trial: Outcome) -> None:
        row = self._waiting.setdefault(trial.key, {})
        row[name] = trial
        if len(row) < len(self._logs):
            return
        del self._waiting[trial.key]
        for one, mine in row.items():
            self._sums[one].add(mine)
            for other, theirs in row.items():
                self._only[one, other] += mine.right and not theirs.right

    def comparison(self, chance: Mapping[str, float], reference: str) -> Comparison:
        """Each decoder against ``reference`` (the one in charge), or against the first where that has no trial."""
        names = list(self._logs)
        if not names:
            return Comparison((), (), 0, 0, self._without)
        first = self._sums[names[0]]
        scores = [score(name, sums, chance[name], len(self._logs[name]) - sums.n) for name, sums in self._sums.items()]
        if reference not in names:
            reference = names[0]
        others = [name for name in names if name != reference]
        differences = []
        for other in others:
            one, two = self._only[reference, other], self._only[other, reference]
            p = min(1.0, len(others) * mcnemar(one, two))
            differences.append(Difference(reference, other, one, two, p, len(others)))
        return Comparison(
            tuple(scores),
            tuple(differences),
            first.n,
            len(self._waiting),
            self._without,
            first.majority,
            first.entropy,
        )
