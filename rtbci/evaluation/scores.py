"""The scores of one decoder on one fold, and over all its folds: `rtbci.metrics` of what the outcomes hold.

A trial's answer and posterior are those after its last window. Everything is ready for JSON: numbers, text, lists, None.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtbci import metrics
from rtbci.evaluation import retrieved
from rtbci.evaluation.nouns import Outcome, Stretch
from rtbci.evaluation.statistics import bootstrap_ci, permutation_test
from rtbci.report import answers, guessing_level, posteriors, truths
from rtbci.retrieval import wilson_interval

Scores = dict[str, Any]
Ints = NDArray[np.int64]


def row(outcome: Outcome, seed: int = 0) -> Scores:
    """Every score of one decoder on one fold; None where there was nothing to score.

    ``ci`` is a 95 % bootstrap over trials; ``permutation_p`` and ``permutation_mean`` are of the fold's labels permuted;
    ``shuffled`` is the mean accuracy of the same decoder trained on shuffled labels, ``shuffled_sd`` its standard
    deviation over shuffles. ``decision_interval_s``, the time of a decision in ``itr_bits_per_min``, is a trial's length.
    ``window_accuracy`` is of the most probable class of each of ``windows`` with a truth; calibration and coverage are of
    trials. ``chance_binomial`` is None where the trials are too few to tell anything from guessing.
    """
    accuracies = _shuffled_accuracies(outcome)
    return {
        "decoder": outcome.decoder,
        "subject": outcome.subject,
        "session": outcome.session,
        "fold": outcome.fold,
        **_scores([outcome], seed),
        "shuffled_sd": float(np.std(accuracies, ddof=1)) if len(accuracies) > 1 else None,
        "train_trials": outcome.train_trials,
        "train_windows": outcome.train_windows,
        "fit_seconds": outcome.fit_seconds,
        "replay_seconds": outcome.replay_seconds,
        "decisions_sha256": outcome.decisions_sha256,
    }


def summary(outcomes: Sequence[Outcome], seed: int = 0) -> dict[str, Scores]:
    """The scores of each decoder over all its test trials, by decoder.

    Trials of all folds are pooled, except for ``auc``, where posteriors of different models would be ranked against each
    other: it is the mean of the folds', weighted by their trials. ``ci`` is a 95 % bootstrap over trials, with several
    subjects over subjects and then their trials; labels are permuted within folds.
    """
    found = {}
    for name in dict.fromkeys(outcome.decoder for outcome in outcomes):
        own = [outcome for outcome in outcomes if outcome.decoder == name]
        found[name] = {
            **_scores(own, seed),
            "subjects": len({outcome.subject for outcome in own}),
            "folds": len(own),
        }
    return found


def _scores(own: Sequence[Outcome], seed: int) -> Scores:
    """What is counted alike over one fold and over all of a decoder."""
    classes = own[0].classes
    n_classes = len(classes)
    trials = [trial for outcome in own for trial in outcome.trials]
    truth, answer = truths(trials), answers(trials)
    posterior = posteriors(trials, n_classes)
    seconds = _trial_seconds(own)
    known = metrics.score(truth, answer, None, n_classes, seconds)
    p, permuted = permutation_test([truths(o.trials) for o in own], [answers(o.trials) for o in own], seed)
    interval = _interval(own, truth == answer, seed)
    said = [stretch for outcome in own for stretch in outcome.stretches]
    windows, right = _windows(said)
    return {
        "past": all(outcome.past for outcome in own),
        "classes": list(classes),
        "trials": len(trials),
        "trial_accuracy": known["accuracy"],
        "ci": None if interval is None else list(interval),
        "chance": metrics.chance_level(n_classes),
        "chance_majority": metrics.majority_level(truth, n_classes),
        "chance_binomial": guessing_level(len(trials), n_classes),
        "permutation_p": p,
        "permutation_mean": permuted,
        "shuffled": _weighted([_mean(_shuffled_accuracies(o)) for o in own], own),
        "time_only": _time_only(own),
        "windows": windows,
        "window_accuracy": right / windows if windows else None,
        "balanced_accuracy": known["balanced_accuracy"],
        "kappa": known["kappa"],
        "auc": _weighted([_auc(o) for o in own], own),
        "mcc": known["mcc"],
        "nmcc": known["nmcc"],
        "itr_bits_per_min": known["itr_bits_per_min"],
        "decision_interval_s": seconds,
        **metrics.rates([_activity(o, s) for o in own if o.hop is not None for s in o.stretches]),
        "coverage_at_10_percent_error": None if posterior is None else metrics.coverage_at_error(posterior, truth, 0.1),
        "calibration_error": None if posterior is None else metrics.calibration_error(posterior, truth),
        "confusion": metrics.confusion(truth, answer, n_classes).tolist(),
        **retrieved.scores(own),
    }


def _interval(own: Sequence[Outcome], right: NDArray[np.bool_], seed: int) -> tuple[float, float] | None:
    """Bootstrap interval of the accuracy; Wilson's where all trials are alike, of which a bootstrap learns nothing."""
    if not len(right):
        return None
    if right.all() or not right.any():
        return wilson_interval(int(right.sum()), len(right))
    groups = [
        np.concatenate([truths(o.trials) == answers(o.trials) for o in own if o.subject == subject])
        for subject in dict.fromkeys(outcome.subject for outcome in own)
    ]
    return bootstrap_ci(groups, seed)


def _trial_seconds(own: Sequence[Outcome]) -> float | None:
    """Median length of a trial in seconds."""
    lengths = [np.diff(stretch.spans, axis=1)[:, 0] for o in own for stretch in o.stretches if len(stretch.spans)]
    return float(np.median(np.concatenate(lengths))) if lengths else None


def _windows(said: Sequence[Stretch]) -> tuple[int, int]:
    """How many windows have a truth, and of how many the most probable class is the true one."""
    n = right = 0
    for stretch in said:
        known = stretch.truth >= 0
        n += int(known.sum())
        right += int(np.sum(stretch.log_probs[known].argmax(axis=1) == stretch.truth[known])) if known.any() else 0
    return n, right


def _shuffled_accuracies(outcome: Outcome) -> list[float]:
    """Accuracy of each shuffle against the true labels."""
    truth = truths(outcome.trials)
    return [float(np.mean(answered == truth)) for answered in outcome.shuffled] if len(truth) else []


def _time_only(own: Sequence[Outcome]) -> float | None:
    """Accuracy of the control that knows the time, over the trials that it was asked about: those of idle are not."""
    heard = [outcome for outcome in own if len(outcome.time_only) == len(outcome.trials)]
    truth = truths([trial for outcome in heard for trial in outcome.trials])
    answer = np.concatenate([np.empty(0, np.int64), *(outcome.time_only for outcome in heard)])
    return metrics.accuracy(truth[answer >= 0], answer[answer >= 0])


def _auc(outcome: Outcome) -> float | None:
    n_classes = len(outcome.classes)
    posterior = posteriors(outcome.trials, n_classes)
    return None if posterior is None else metrics.auc(truths(outcome.trials), posterior, n_classes)


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _weighted(values: Sequence[float | None], own: Sequence[Outcome]) -> float | None:
    """Mean over folds by their number of trials, of those that have a value."""
    pairs = [(v, len(outcome.trials)) for v, outcome in zip(values, own, strict=True) if v is not None]
    total = sum(n for _, n in pairs)
    return sum(v * n for v, n in pairs) / total if total else None


def _activity(outcome: Outcome, stretch: Stretch) -> metrics.Activity:
    truth = stretch.truth if outcome.idle is not None else majority_of_trials(stretch, outcome.window)
    return metrics.activity(stretch.time, stretch.answer, truth, stretch.spans, truths(stretch.trials), outcome.idle)


def majority_of_trials(stretch: Stretch, window: float) -> Ints:
    """Class (n,) of the trial in which more than half of each window of ``window`` seconds lies; -1: in none.

    Without an idle class ``stretch.truth`` knows windows that lie wholly in a trial only; a claim that is made while a
    window slides into a trial is none made at rest.
    """
    truth = np.full(len(stretch.time), -1, np.int64)
    for (begin, end), trial in zip(stretch.spans, stretch.trials, strict=True):
        inside = np.minimum(stretch.time, end) - np.maximum(stretch.time - window, begin)
        truth[inside > window / 2] = trial.truth
    return truth
