"""How sure a number is, and whether two decoders differ: bootstrap, permutations, paired tests.

Everything random is seeded, so that the same outcomes give the same numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtbci.evaluation.nouns import Outcome

DRAWS = 2000
"""Bootstrap samples behind an interval."""
PERMUTATIONS = 2000
"""Random orders of the labels behind a p-value: the smallest is 1 / 2001."""
UNITS = 6
"""Pairs that a Wilcoxon test needs to reach p < .05 on two sides: 2 / 2**5 is .0625, 2 / 2**6 is .031."""

Values = NDArray[np.float64]


def bootstrap_ci(
    groups: Sequence[NDArray[Any]], seed: int = 0, draws: int = DRAWS, level: float = 0.95
) -> tuple[float, float] | None:
    """Percentile interval of the pooled mean of ``groups``, each (n_values,); None without values.

    One group: its values are drawn anew (Efron and Tibshirani 1993, ch. 13). Several (subjects): groups are drawn anew,
    then the values within each that was drawn, so that the interval speaks of subjects who were not measured.
    """
    filled = [np.asarray(group, np.float64) for group in groups if len(group)]
    if not filled:
        return None
    rng = np.random.default_rng([seed, 1])
    n_groups = len(filled)
    chosen = rng.integers(n_groups, size=(draws, n_groups)) if n_groups > 1 else np.zeros((draws, 1), int)
    sums, counts = np.zeros(draws), np.zeros(draws)
    for k, group in enumerate(filled):
        values, times = np.unique(group, return_counts=True)
        where = np.nonzero(chosen == k)[0]
        # drawing n values anew is drawing how often each distinct value comes: for right and wrong, two numbers
        drawn = rng.multinomial(len(group), times / len(group), size=len(where)) @ values
        np.add.at(sums, where, drawn)
        np.add.at(counts, where, len(group))
    tail = 50.0 * (1.0 - level)
    low, high = np.percentile(sums / counts, [tail, 100.0 - tail])
    return float(low), float(high)


def permutation_test(
    truths: Sequence[NDArray[np.int64]],
    answers: Sequence[NDArray[np.int64]],
    seed: int = 0,
    permutations: int = PERMUTATIONS,
) -> tuple[float | None, float | None]:
    """How often randomly ordered labels make the same answers as accurate: p, and the mean accuracy they make.

    Labels are permuted within each of ``truths`` (n_trials,), the folds: between them they are not exchangeable. The
    observed order counts as one permutation (Phipson and Smyth 2010, eq. 2). None, None without trials.
    """
    n = sum(len(truth) for truth in truths)
    if n == 0:
        return None, None
    rng = np.random.default_rng([seed, 2])
    observed = sum(int(np.sum(t == a)) for t, a in zip(truths, answers, strict=True))
    right = np.zeros(permutations, np.int64)
    for truth, answer in zip(truths, answers, strict=True):
        for k in range(permutations):
            right[k] += np.count_nonzero(rng.permutation(truth) == answer)
    p = (1 + int(np.sum(right >= observed))) / (1 + permutations)
    return p, float(right.mean() / n)


def mcnemar(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> float:
    """Exact two-sided p of McNemar's test (1947) on paired right and wrong (n,): a binomial test of what differs."""
    from scipy.stats import binomtest

    only_first, only_second = int(np.sum(first & ~second)), int(np.sum(second & ~first))
    if only_first + only_second == 0:
        return 1.0
    return float(binomtest(only_first, only_first + only_second, 0.5).pvalue)


def signed_rank(differences: Values) -> float:
    """Two-sided p of Wilcoxon's signed-rank test (1945) of (n,) paired differences; zeros are dropped.

    Accuracies are often tied, which the exact tables do not allow for: up to 13 differences all signs are tried, beyond
    that SciPy takes the normal approximation, corrected for ties.
    """
    from scipy import stats

    # accuracies of equal size differ in their last bit, and would not be seen to be tied
    nonzero = np.round(differences[np.abs(differences) > 1e-12], 12)
    if not len(nonzero):
        return 1.0
    every = stats.PermutationMethod(n_resamples=2**13)
    return float(stats.wilcoxon(nonzero, method=every if len(nonzero) <= 13 else "auto").pvalue)


def holm(ps: Sequence[float | None]) -> list[float | None]:
    """``ps`` corrected for their number (Holm 1979), in the same order; None stays None and does not count."""
    known = [k for k, p in enumerate(ps) if p is not None]
    corrected: list[float | None] = [None] * len(ps)
    worst = 0.0
    for rank, k in enumerate(sorted(known, key=lambda k: ps[k] or 0.0)):
        worst = max(worst, min(1.0, (ps[k] or 0.0) * (len(known) - rank)))
        corrected[k] = worst
    return corrected


def compare(outcomes: Sequence[Outcome], seed: int = 0) -> list[dict[str, Any]]:
    """Every pair of decoders on the trials that both answered: who is better, by how much, and how sure that is.

    Trials are paired by recording and marker time. Where there are six subjects or more, their accuracies are compared
    (Wilcoxon's signed-rank test); else those of six folds or more; else single trials (McNemar's exact test).

    Returns
    -------
    For each pair: ``first``, ``second``, ``unit``, ``n`` units, ``trials`` in common, ``difference`` (accuracy of the first
    minus that of the second over these trials), ``ci`` (95 %, bootstrap over trials, with several subjects over subjects
    first), ``test``, ``p``, and ``p_corrected`` after Holm over all pairs.
    """
    answered = {name: _answered(outcomes, name) for name in dict.fromkeys(one.decoder for one in outcomes)}
    found = [{"first": a, "second": b, **_pair(answered[a], answered[b], seed)} for a, b in combinations(answered, 2)]
    for one, p in zip(found, holm([one["p"] for one in found]), strict=True):
        one["p_corrected"] = p
    return found


TrialKey = tuple[str, float]
Answered = dict[TrialKey, tuple[str, str, bool]]
"""Subject, fold, and whether it was answered right, by recording and marker time."""


def _answered(outcomes: Sequence[Outcome], decoder: str) -> Answered:
    return {
        (stretch.recording, round(trial.time, 3)): (
            outcome.subject,
            f"{outcome.subject}/{outcome.fold}",
            trial.answer == trial.truth,
        )
        for outcome in outcomes
        if outcome.decoder == decoder
        for stretch in outcome.stretches
        for trial in stretch.trials
    }


def _pair(first: Answered, second: Answered, seed: int) -> dict[str, Any]:
    both = [key for key in first if key in second]
    if not both:
        return {"unit": "trials", "n": 0, "trials": 0, "difference": None, "ci": None, "test": None, "p": None}
    right = np.array([(first[key][2], second[key][2]) for key in both], bool)
    difference = right[:, 0].astype(np.float64) - right[:, 1]
    by_subject = _grouped([first[key][0] for key in both], difference)
    by_fold = _grouped([first[key][1] for key in both], difference)
    interval = bootstrap_ci(list(by_subject.values()), seed)
    shared = {
        "trials": len(both),
        "difference": float(difference.mean()),
        "ci": list(interval) if interval else None,
    }
    for unit, groups in (("subjects", by_subject), ("folds", by_fold)):
        if len(groups) >= UNITS:
            p = signed_rank(np.array([group.mean() for group in groups.values()]))
            return {"unit": unit, "n": len(groups), **shared, "test": "Wilcoxon signed-rank", "p": p}
    p = mcnemar(right[:, 0], right[:, 1])
    return {"unit": "trials", "n": len(both), **shared, "test": "McNemar, exact", "p": p}


def _grouped(names: Sequence[str], values: Values) -> Mapping[str, Values]:
    labels = np.array(names)
    return {name: values[labels == name] for name in dict.fromkeys(names)}
