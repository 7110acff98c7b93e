"""What decisions are worth, in numbers: one code for live sessions, replay and evaluation.

NumPy in, numbers out; nothing here knows a trial or a decision. ``truth`` and ``answer`` are (n,) int64 class indices;
an ``answer`` of -1 is an abstention, which counts as wrong; entries without a truth are the caller's to leave out.
``probabilities`` are (n, n_classes) float64. What is undefined is None: never NaN, never 0 by accident.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


def confusion(truth: Ints, answer: Ints, n_classes: int) -> Ints:
    """Counts (n_classes, n_classes) int64: rows truth, columns answer; abstentions are left out."""
    table = np.zeros((n_classes, n_classes), np.int64)
    answered = answer >= 0
    np.add.at(table, (truth[answered], answer[answered]), 1)
    return table


def accuracy(truth: Ints, answer: Ints) -> float | None:
    """Share of answers that are right; None without any."""
    return float(np.mean(truth == answer)) if len(truth) else None


def score(
    truth: Ints, answer: Ints, probabilities: Floats | None, n_classes: int, seconds: float | None
) -> dict[str, float | None]:
    """The measures of a classification by name.

    ``balanced_accuracy`` is the mean over the classes that occur. ``kappa`` (Cohen 1960), ``mcc`` (Matthews correlation,
    for several classes Gorodkin 2004, eq. 8) and ``nmcc`` = (mcc + 1) / 2 are None where fewer than two classes occur;
    answers that are all the same have an ``mcc`` of 0, as is usual. ``auc`` is None where a class is missing; with more
    than two classes it is the mean of one against the rest. ``itr_bits_per_min`` supposes a decision every ``seconds``
    and is None without them.
    """
    right = accuracy(truth, answer)
    several = len(np.unique(truth)) > 1
    balanced = kappa = mcc = None
    if right is not None:
        from sklearn import metrics as known

        balanced = float(known.recall_score(truth, answer, labels=np.unique(truth), average="macro"))
        if several:
            kappa = float(known.cohen_kappa_score(truth, answer))
            mcc = float(known.matthews_corrcoef(truth, answer))
    return {
        "accuracy": right,
        "balanced_accuracy": balanced,
        "kappa": kappa,
        "auc": None if probabilities is None else auc(truth, probabilities, n_classes),
        "mcc": mcc,
        "nmcc": None if mcc is None else (mcc + 1.0) / 2.0,
        "itr_bits_per_min": None if right is None or not seconds else itr_bits_per_min(right, n_classes, seconds),
    }


def auc(truth: Ints, probabilities: Floats, n_classes: int) -> float | None:
    """Area under the ROC curve, of each class against the rest and averaged; None where a class does not occur.

    Rows are ranked by log-odds, which still tell 1 - 1e-20 from 1 - 1e-30 where the probabilities are both 1.0.
    """
    if n_classes < 2 or len(np.unique(truth)) < n_classes or not np.isfinite(probabilities).all():
        return None
    from sklearn.metrics import roc_auc_score

    tiny = np.finfo(np.float64).tiny
    areas = []
    for k in range(n_classes):
        rest = np.delete(probabilities, k, axis=1).sum(axis=1)
        odds = np.log(np.maximum(probabilities[:, k], tiny)) - np.log(np.maximum(rest, tiny))
        areas.append(float(roc_auc_score(truth == k, odds)))
    return sum(areas) / n_classes


def itr_bits_per_min(accuracy: float, n_classes: int, seconds: float) -> float:
    """Information transfer rate of one decision every ``seconds`` (Wolpaw et al. 2002, Clin. Neurophysiol. 113:767).

    ``log2 N + P log2 P + (1 - P) log2((1 - P) / (N - 1))`` bits a decision; 0 where P is not above 1/N, although the
    formula grows again below. It supposes equally frequent classes and errors.
    """
    n, p = n_classes, accuracy
    if n < 2 or p <= 1.0 / n:
        return 0.0
    bits = math.log2(n)
    if p < 1.0:
        bits += p * math.log2(p) + (1.0 - p) * math.log2((1.0 - p) / (n - 1))
    return max(0.0, bits) * 60.0 / seconds


class Activity(NamedTuple):
    """What a stretch of sliding decisions claimed, counted, so that stretches can be added up.

    ``idle_seconds`` and ``seconds`` are the time that decisions stand for; ``first_correct`` seconds from the begin of each
    of the trials in which the right class was claimed; ``trials`` the number of trials of a class other than idle.
    """

    false_onsets: int
    changes: int
    idle_seconds: float
    seconds: float
    first_correct: tuple[float, ...]
    trials: int


def activity(time: Floats, answer: Ints, truth: Ints, spans: Floats, trial_truth: Ints, idle: int | None) -> Activity:
    """Count what `asynchronous` speaks of; the arguments are the same.

    Each decision stands for one median interval: silence over a hole in the data is not counted as idle time.
    """
    hop = float(np.median(np.diff(time))) if len(time) > 1 else 0.0
    resting = truth == (-1 if idle is None else idle)
    claims = answer >= 0 if idle is None else (answer >= 0) & (answer != idle)
    changed = np.diff(answer, prepend=-1 if idle is None else idle) != 0
    found, trials = [], 0
    for (begin, end), label in zip(spans, trial_truth, strict=True):
        if label == idle:
            continue
        trials += 1
        there = time[(time > begin) & (time <= end) & (answer == label)]
        if len(there):
            found.append(float(there[0] - begin))
    return Activity(
        false_onsets=int(np.sum(resting & claims & changed)),
        changes=int(np.sum(np.diff(answer) != 0)),
        idle_seconds=float(resting.sum()) * hop,
        seconds=len(time) * hop,
        first_correct=tuple(found),
        trials=trials,
    )


def rates(activities: Sequence[Activity]) -> dict[str, float | int | None]:
    """The measures of `asynchronous` over several stretches together."""
    idle = sum(a.idle_seconds for a in activities) / 60.0
    minutes = sum(a.seconds for a in activities) / 60.0
    trials = sum(a.trials for a in activities)
    first = [seconds for a in activities for seconds in a.first_correct]
    return {
        "false_activations_per_min": sum(a.false_onsets for a in activities) / idle if idle else None,
        "idle_minutes": idle if activities else None,
        "seconds_to_first_correct": float(np.median(first)) if first else None,
        "trials_with_correct": len(first) / trials if trials else None,
        "flicker_per_min": sum(a.changes for a in activities) / minutes if minutes else None,
    }


def asynchronous(
    time: Floats, answer: Ints, truth: Ints, spans: Floats, trial_truth: Ints, idle: int | None
) -> dict[str, float | int | None]:
    """What a stream of decisions does that nobody cued.

    Parameters
    ----------
    time, answer : (n,), seconds at which each window ends, and what is claimed then (-1: nothing).
    truth : (n,), class of the majority of each window's samples; -1 where that is none.
    spans, trial_truth : (n_trials, 2), first and last instant in seconds, and (n_trials,), class of each trial.
    idle : the class that means rest; None where there is none, and rest is where no class is true.

    Returns
    -------
    ``false_activations_per_min`` : onsets of a claim (of a class that is not idle, and was not claimed the moment before)
        in rest, for each minute of rest.
    ``idle_minutes`` : of rest.
    ``seconds_to_first_correct`` : median over the trials in which their class was claimed, from the trial's begin.
    ``trials_with_correct`` : share of those trials. Trials of idle do not count.
    ``flicker_per_min`` : changes of what is claimed, nothing included, per minute.
    """
    return rates([activity(time, answer, truth, spans, trial_truth, idle)])


def coverage_at_error(probabilities: Floats, truth: Ints, error: float = 0.1) -> float | None:
    """Largest share of decisions one may keep, surest first, with no more than ``error`` of them wrong; None without any.

    A point of the risk-coverage curve (El-Yaniv and Wiener 2010, JMLR 11:1605). Decisions that are equally sure are kept
    or dropped together, so that their order does not matter.
    """
    if not len(truth):
        return None
    confidence, right = _sureness(probabilities, truth)
    order = np.argsort(-confidence, kind="stable")
    kept = np.arange(1, len(truth) + 1)
    wrong = np.cumsum(~right[order])
    ends = np.append(np.diff(confidence[order]) != 0, True)
    allowed = kept[ends & (wrong <= error * kept + 1e-12)]
    return float(allowed.max() / len(truth)) if len(allowed) else 0.0


def reliability(probabilities: Floats, truth: Ints, bins: int = 10) -> list[tuple[float, float, int]]:
    """Mean confidence, accuracy and number of decisions in each of ``bins`` equal parts of [0, 1] that has any."""
    if not len(truth):
        return []
    confidence, right = _sureness(probabilities, truth)
    part = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    return [
        (float(confidence[part == k].mean()), float(right[part == k].mean()), int(np.sum(part == k)))
        for k in np.unique(part)
    ]


def calibration_error(probabilities: Floats, truth: Ints, bins: int = 10) -> float | None:
    """Expected calibration error: mean distance of confidence and accuracy over bins (Guo et al. 2017, eq. 3)."""
    found = reliability(probabilities, truth, bins)
    return sum(n * abs(sure - right) for sure, right, n in found) / len(truth) if found else None


def _sureness(probabilities: Floats, truth: Ints) -> tuple[Floats, NDArray[np.bool_]]:
    """Probability (n,) of the most probable class, and whether it is the true one."""
    return probabilities.max(axis=1), probabilities.argmax(axis=1) == truth


def chance_level(n_classes: int) -> float:
    """What guessing reaches in the long run where classes are equally frequent."""
    return 1.0 / n_classes


def majority_level(truth: Ints, n_classes: int) -> float | None:
    """What the answer that is always the most frequent class reaches; None without trials."""
    return float(np.bincount(truth, minlength=n_classes).max() / len(truth)) if len(truth) else None


def binomial_level(n: int, p: float, alpha: float = 0.05) -> float:
    """Smallest accuracy on ``n`` trials that guessing with probability ``p`` reaches with less than ``alpha``.

    Combrisson and Jerbi (2015), J. Neurosci. Methods 250:126, give the accuracy to be exceeded, which is one right answer
    less. Above 1 where so few trials prove nothing: even ``n`` right of ``n`` are guessed too often.
    """
    if n < 1:
        return math.inf
    from scipy.stats import binom

    right = np.arange(n + 2)
    return float(right[binom.sf(right - 1, n, p) < alpha][0] / n)
