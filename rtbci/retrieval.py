"""What retrieval is worth: of all candidates, at which rank stood the one that was shown. Exact, nothing is drawn.

``scores`` are (n, n_candidates) float32 or float64, larger is better: a cosine, say. ``truth`` is (n,) int64, the candidate
that each trial showed. What is undefined is None: never NaN, never 0 by accident.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Scores = NDArray[np.floating[Any]]
Kind = Literal["item", "centre"]

BLOCK = 1 << 22
"""Scores that are compared at once: 4 MB of answers, however many trials there are."""
N_WAYS = (2, 4, 10, 50, 100)
"""The identifications that are told where there are so many candidates."""


def ranks_of(scores: Scores, truth: Ints) -> Ints:
    """Ranks (n,) int64 from 1 of the true candidates; those that score the same as the true one count as before it.

    Raises
    ------
    ValueError
        For shapes that do not fit, a truth that is no candidate, or scores that are no finite numbers.
    """
    scores, truth = _checked(scores, truth)
    ranks = np.zeros(len(truth), np.int64)
    for rows in _blocks(scores):
        some = scores[rows]
        reached = some[np.arange(len(some)), truth[rows]]
        ranks[rows] = np.count_nonzero(some >= reached[:, None], axis=1)
    return ranks


@dataclass(frozen=True, slots=True, eq=False)
class Retrieval:
    """The ranks of one set of trials among the same candidates, and the measures that follow from them.

    Attributes
    ----------
    ranks : (n,) int64 from 1.
    candidates : how many there are; chance depends on it.
    kind : "item" where candidates are single pictures, "centre" where they are the centres of classes.
    averaged : trials that were averaged before each was decoded; 1 where none were.
    shuffled_top1 : what `shuffled_top1` gives of the same scores, None where nobody asked.
    """

    ranks: Ints = field(repr=False)
    candidates: int
    kind: Kind
    averaged: int = 1
    shuffled_top1: float | None = None

    def __post_init__(self) -> None:
        if len(self.ranks) and not 1 <= self.ranks.min() <= self.ranks.max() <= self.candidates:
            raise ValueError(
                f"ranks from {self.ranks.min()} to {self.ranks.max()}; 1 to {self.candidates} would be right"
            )

    @property
    def n(self) -> int:
        """Number of trials."""
        return len(self.ranks)

    def top(self, k: int) -> float | None:
        """Share of trials whose true candidate is among the best ``k``; None without trials."""
        return float(np.mean(self.ranks <= k)) if self.n else None

    def top_interval(self, k: int) -> tuple[float, float] | None:
        """95 % interval of ``top(k)``, as `wilson_interval`; None without trials."""
        return wilson_interval(int(np.sum(self.ranks <= k)), self.n) if self.n else None

    def chance_top(self, k: int) -> float:
        """What guessing reaches: k / candidates."""
        return min(1.0, k / self.candidates)

    @property
    def top1(self) -> float | None:
        """Share of trials whose true candidate is the best."""
        return self.top(1)

    @property
    def top5(self) -> float | None:
        """Share of trials whose true candidate is among the best five."""
        return self.top(5)

    @property
    def chance_top1(self) -> float:
        """What guessing reaches of `top1`."""
        return self.chance_top(1)

    @property
    def chance_top5(self) -> float:
        """What guessing reaches of `top5`."""
        return self.chance_top(5)

    @property
    def median_rank(self) -> float | None:
        """Median rank, from 1; None without trials."""
        return float(np.median(self.ranks)) if self.n else None

    @property
    def median_relative_rank(self) -> float | None:
        """Median of (rank - 1) / (candidates - 1): 0 is best, chance is .5; None without trials or rivals."""
        return float(np.median(self.ranks - 1) / (self.candidates - 1)) if self.n and self.candidates > 1 else None

    def n_way(self, n: int) -> float | None:
        """Expected n-way identification: the true candidate beats n - 1 others that are drawn without replacement.

        Of a trial of rank r it is C(N - r, n - 1) / C(N - 1, n - 1), N candidates; this is the mean, chance is 1 / n. Exact
        as a product of n - 1 quotients, so that no binomial coefficient overflows. None without trials.

        Raises
        ------
        ValueError
            For n below 2 or above the number of candidates.
        """
        if not 2 <= n <= self.candidates:
            raise ValueError(f"{n}-way identification among {self.candidates}; 2 to {self.candidates} would be right")
        if not self.n:
            return None
        ranks, times = np.unique(self.ranks, return_counts=True)
        chances = np.ones(len(ranks))
        for drawn in range(n - 1):
            chances *= np.maximum(self.candidates - ranks - drawn, 0) / (self.candidates - 1 - drawn)
        return float(chances @ times / self.n)

    def as_json(self) -> dict[str, Any]:
        """All of it by name, in numbers that JSON knows; ``n_way`` by its n, as far as there are candidates."""
        return {
            "top1": self.top1,
            "top5": self.top5,
            "n": self.n,
            "candidates": self.candidates,
            "chance_top1": self.chance_top1,
            "shuffled_top1": self.shuffled_top1,
            "median_rank": self.median_rank,
            "kind": self.kind,
            "averaged": self.averaged,
            "chance_top5": self.chance_top5,
            "top1_interval": self.top_interval(1),
            "top5_interval": self.top_interval(5),
            "median_relative_rank": self.median_relative_rank,
            "n_way": {str(n): self.n_way(n) for n in N_WAYS if n <= self.candidates},
        }


def retrieval(scores: Scores, truth: Ints, kind: Kind, averaged: int = 1) -> Retrieval:
    """Rank the true candidates, with the shuffled control beside. Raises ValueError as `ranks_of`."""
    ranks = ranks_of(scores, truth)
    return Retrieval(ranks, np.shape(scores)[1], kind, averaged, shuffled_top1(scores, truth))


def by_repeats(material: Mapping[int, tuple[Scores, Ints]], kind: Kind) -> list[Retrieval]:
    """Retrieval as a function of how many trials were averaged, fewest first.

    ``material`` has, by number of repeats, scores and truth of trials that were averaged already: signals are averaged
    before they are decoded, and only who has the signals can do that. Raises ValueError as `ranks_of`.
    """
    return [retrieval(*material[repeats], kind, repeats) for repeats in sorted(material)]


def shuffled_top1(scores: Scores, truth: Ints) -> float | None:
    """Top-1 accuracy that the same scores are expected to reach for truths in random order; None without trials.

    What is permuted is which trial has which truth; scores stay with their trials, and truths occur as often as before. Each
    of the n! orders is equally likely, so that by linearity each trial meets each truth in 1/n of them: the expected value
    is exact and needs no seed. It exceeds 1 / candidates where answers and truths favour the same candidates.
    """
    scores, truth = _checked(scores, truth)
    if not len(truth):
        return None
    best = scores.argmax(axis=1).astype(np.int64)
    alone = ranks_of(scores, best) == 1  # a tie at the top counts as wrong, as in ranks_of
    return shuffled_top1_of(np.where(alone, best, -1), truth)


def shuffled_top1_of(best: Ints, truth: Ints) -> float:
    """`shuffled_top1` where the best candidate of each trial, ``best`` (n,), is known already; -1 where several are."""
    occurs = np.bincount(truth, minlength=1 + max(int(best.max()), int(truth.max())))
    return float(occurs[best[best >= 0]].sum() / len(truth) ** 2)


def wilson_interval(right: int, of: int, z: float = 1.959964) -> tuple[float, float]:
    """95 % interval of the proportion ``right / of`` (Wilson 1927, J. Am. Stat. Assoc. 22:209); trials are independent."""
    if of == 0:
        return 0.0, 1.0
    p = right / of
    middle = (p + z * z / (2 * of)) / (1 + z * z / of)
    half = z / (1 + z * z / of) * math.sqrt(p * (1 - p) / of + z * z / (4 * of * of))
    return max(0.0, middle - half), min(1.0, middle + half)


def _blocks(scores: Scores) -> list[slice]:
    rows = max(1, BLOCK // scores.shape[1])
    return [slice(first, first + rows) for first in range(0, len(scores), rows)]


def _checked(scores: Scores, truth: Ints) -> tuple[Scores, Ints]:
    scores, truth = np.asarray(scores), np.asarray(truth)
    if scores.ndim != 2 or truth.shape != scores.shape[:1] or not scores.shape[1]:
        raise ValueError(
            f"scores of shape {scores.shape} and truth of shape {truth.shape}; (n, n_candidates) and (n,) would be right"
        )
    if truth.dtype.kind not in "iu":
        raise ValueError(f"truth of {truth.dtype}; int64 numbers of candidates would be right")
    outside = (truth < 0) | (truth >= scores.shape[1])
    if outside.any():
        raise ValueError(
            f"truth {truth[outside][0]} is none of {scores.shape[1]} candidates; 0 to {scores.shape[1] - 1} would be right"
        )
    for rows in _blocks(scores):
        if not np.isfinite(scores[rows]).all():
            trial = rows.start + int(np.argmin(np.isfinite(scores[rows]).all(axis=1)))
            raise ValueError(f"scores of trial {trial} hold NaN or infinite numbers; finite ones would be right")
    return scores, truth
