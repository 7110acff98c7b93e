"""What the report's figures show, as plain numbers: accuracy over time and per session, confidence, decisions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from rtbci.evaluation.nouns import Outcome, Stretch
from rtbci.retrieval import wilson_interval

BEFORE = 1.0
"""Seconds before the cue that the time course shows."""
AFTER = 1.0
"""Seconds after the longest trial that it shows."""
MOST_BINS = 120

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def course_bins(outcomes: Sequence[Outcome]) -> Floats:
    """Edges (n_bins + 1,) of `time_course`, seconds from the cue: a bin for each hop where that gives no more than 120.

    Zero is an edge: no bin mixes windows from before and after the cue.
    """
    ends = [_seconds_after_cue(outcome) for outcome in outcomes]
    after = max((float(end.max()) for end in ends if len(end)), default=0.0) + AFTER
    step = max((outcome.hop or outcome.window / 4 for outcome in outcomes), default=0.1)
    step = max(step, (BEFORE + after) / MOST_BINS)
    return np.arange(-int(np.ceil(BEFORE / step)), int(np.ceil(after / step)) + 1, dtype=np.float64) * np.float64(step)


def time_course(outcomes: Sequence[Outcome], bins: Floats) -> tuple[Floats, Floats, Ints]:
    """Accuracy of single windows by how long after the cue they end.

    Each trial counts at most once in a bin, by its last window that ends there, so that the number of a bin is one of
    independent trials and a binomial level holds. Windows that end after the next cue are left out; trials of the idle
    class have no cue and are left out too. A window's answer is its most probable class, whether it was claimed or not.

    Parameters
    ----------
    outcomes : of one decoder.
    bins : (n_bins + 1,) edges in seconds from the cue; a bin holds its upper edge.

    Returns
    -------
    seconds : (n_bins,) float64, middle of each bin.
    accuracy : (n_bins,) float64, NaN where no window ends.
    n : (n_bins,) int64, trials with a window in the bin.
    """
    right = np.zeros(len(bins) - 1)
    count = np.zeros(len(bins) - 1, np.int64)
    for outcome in outcomes:
        for stretch in outcome.stretches:
            best = stretch.log_probs.argmax(axis=1) if len(stretch.time) else np.zeros(0, np.int64)
            cues = [(float(c), t.truth) for c, t in zip(stretch.cues, stretch.trials, strict=True)]
            cues = sorted(cue for cue in cues if cue[1] != outcome.idle)
            for k, (cue, truth) in enumerate(cues):
                until = cues[k + 1][0] if k + 1 < len(cues) else np.inf
                last = _last_in_each_bin(stretch.time, cue, until, bins)
                shown = last >= 0
                right[shown] += best[last[shown]] == truth
                count[shown] += 1
    accuracy = np.divide(right, count, out=np.full(len(right), np.nan), where=count > 0)
    return (bins[:-1] + bins[1:]) / 2, accuracy, count


def _last_in_each_bin(time: Floats, cue: float, until: float, bins: Floats) -> Ints:
    """Index (n_bins,) of the last of ``time`` (ascending) in each bin from ``cue`` on, -1 where there is none."""
    # a nanosecond, so that an end which is an edge but for rounding falls where it belongs
    edges = np.searchsorted(time, bins + cue + 1e-9, side="right")
    stop = int(np.searchsorted(time, until + 1e-9, side="right"))
    first, last = np.minimum(edges[:-1], stop), np.minimum(edges[1:], stop)
    return np.where(last > first, last - 1, -1).astype(np.int64)


def _seconds_after_cue(outcome: Outcome) -> Floats:
    """Ends of the trials that have a cue, seconds after it."""
    found = [
        span[1] - cue
        for stretch in outcome.stretches
        for span, cue, trial in zip(stretch.spans, stretch.cues, stretch.trials, strict=True)
        if trial.truth != outcome.idle
    ]
    return np.array(found, np.float64)


def trial_extent(outcomes: Sequence[Outcome]) -> tuple[float, float] | None:
    """Median begin and end of the trials that have a cue, seconds after it; None without trials."""
    found = [
        (span[0] - cue, span[1] - cue)
        for outcome in outcomes
        for stretch in outcome.stretches
        for span, cue, trial in zip(stretch.spans, stretch.cues, stretch.trials, strict=True)
        if trial.truth != outcome.idle
    ]
    if not found:
        return None
    begin, end = np.median(np.array(found), axis=0)
    return float(begin), float(end)


@dataclass(frozen=True, slots=True)
class Point:
    """Accuracy of one decoder on one subject's session over all folds that test it, and of its controls on the same trials.

    ``low`` and ``high`` are a 95 % Wilson interval; what there is no trial or control for is None.
    """

    decoder: str
    subject: str
    session: str
    trials: int
    n_classes: int
    accuracy: float | None
    low: float | None
    high: float | None
    shuffled: float | None
    time_only: float | None


def points(outcomes: Sequence[Outcome]) -> list[Point]:
    """One point for each decoder, subject and session, in the order in which they come."""
    groups: dict[tuple[str, str, str], list[Outcome]] = {}
    for outcome in outcomes:
        groups.setdefault((outcome.decoder, outcome.subject, outcome.session), []).append(outcome)
    return [_point(key, group) for key, group in groups.items()]


def _point(key: tuple[str, str, str], group: Sequence[Outcome]) -> Point:
    truths = [np.array([t.truth for t in outcome.trials], np.int64) for outcome in group]
    answers = [np.array([t.answer for t in outcome.trials], np.int64) for outcome in group]
    trials = sum(len(truth) for truth in truths)
    right = sum(int((a == t).sum()) for a, t in zip(answers, truths, strict=True))
    low, high = wilson_interval(right, trials) if trials else (None, None)
    return Point(
        *key,
        trials=trials,
        n_classes=max(len(outcome.classes) for outcome in group),
        accuracy=right / trials if trials else None,
        low=low,
        high=high,
        shuffled=_agreement([o.shuffled for o in group], truths),
        time_only=_agreement([o.time_only[None] for o in group], truths),
    )


def _agreement(answers: Sequence[Ints], truths: Sequence[Ints]) -> float | None:
    """Share of all ``answers`` (n_repeats, n_trials) of each fold that are its truth (n_trials,); -1 was not asked."""
    pairs = [(a, t) for a, t in zip(answers, truths, strict=True) if a.size and a.shape[1] == len(t)]
    total = sum(int((a >= 0).sum()) for a, _ in pairs)
    return sum(int((a == t).sum()) for a, t in pairs) / total if total else None


def confidences(outcomes: Sequence[Outcome], n_classes: int) -> tuple[Floats, Ints]:
    """Posteriors (n_trials, n_classes) after each trial's last window, and the true classes (n_trials,)."""
    trials = [t for outcome in outcomes for t in outcome.trials if len(t.evidence) == n_classes]
    posterior = np.exp(np.array([t.evidence for t in trials], np.float64).reshape(len(trials), n_classes))
    return posterior, np.array([t.truth for t in trials], np.int64)


def shown_decisions(stretch: Stretch, window: float, hop: float | None, columns: int) -> Ints:
    """Which decision is in force at the middle of each of ``columns`` equal parts of the stretch: (columns,), -1 for none.

    A decision of a sliding window holds from its making to the next one, but for no more than three hops (then there is
    a hole); one that is locked to a marker stands over its window.
    """
    middles = (np.arange(columns) + 0.5) * (stretch.seconds / columns)
    if len(stretch.time) == 0:
        return np.full(columns, -1, np.int64)
    if hop is None:
        at = np.searchsorted(stretch.time, middles, side="left")
        chosen = np.minimum(at, len(stretch.time) - 1)
        held = (at < len(stretch.time)) & (middles >= stretch.time[chosen] - window)
    else:
        at = np.searchsorted(stretch.time, middles, side="right") - 1
        chosen = np.maximum(at, 0)
        held = (at >= 0) & (middles < stretch.time[chosen] + 3 * hop)
    return np.where(held, chosen, -1).astype(np.int64)


def runs(values: Ints) -> list[tuple[int, int, int]]:
    """Stretches of equal ``values``: (begin, end, value) each, in order."""
    if len(values) == 0:
        return []
    cuts = [0, *(np.flatnonzero(np.diff(values)) + 1).tolist(), len(values)]
    return [(a, b, int(values[a])) for a, b in pairwise(cuts)]
