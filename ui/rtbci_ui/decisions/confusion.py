"""What was answered for what was true, counted: by trials, or by single windows; without Qt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rtbci.retrieval import wilson_interval
from rtbci_ui.decisions.history import History
from rtbci_ui.decisions.outcomes import Sums
from rtbci_ui.truth import TrialSpan

Ints = NDArray[np.int64]

MOST_CLASSES = 12
"""A table of more classes cannot be read."""
SAME_TIME = 1e-3
"""Seconds within which times are the same: half a sample at 500 Hz."""


@dataclass(frozen=True, slots=True)
class Confusion:
    """Counts, rows truth, columns answer.

    Attributes
    ----------
    counts : (n_classes, n_classes) int64; (0, 0) where there are more than `MOST_CLASSES`.
    of : "trials" or "windows".
    n, right : how many were counted, and were right.
    shuffled : accuracy of the same answers for truths in random order (`rtbci_ui.decisions.outcomes.Sums`), None of none.
    """

    counts: Ints
    of: str
    n: int
    right: int
    shuffled: float | None

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of the share that was right, Wilson's; of windows, which overlap, too narrow."""
        return wilson_interval(self.right, self.n)

    def shares(self) -> NDArray[np.float64]:
        """Share of each answer among its row, (n_classes, n_classes); NaN in the row of a class that was never true."""
        rows = self.counts.sum(axis=1, keepdims=True)
        return np.where(rows > 0, self.counts / np.maximum(rows, 1), np.nan)


def _empty(n_classes: int) -> Ints:
    return np.zeros((n_classes, n_classes) if n_classes <= MOST_CLASSES else (0, 0), np.int64)


def of_trials(sums: Sums, n_classes: int) -> Confusion:
    """By the answers of whole trials; every trial counts, also those in which nothing was claimed."""
    counts = _empty(n_classes)
    if len(counts):
        for (truth, answer), n in sums.table.items():
            counts[truth, answer] = n
    return Confusion(counts, "trials", sums.n, sums.right, sums.shuffled)


def _of_answers(truth: Ints, answer: Ints, n_classes: int) -> Confusion:
    counts, n = _empty(n_classes), len(truth)
    if len(counts):
        np.add.at(counts, (truth, answer), 1)
    marginals = (np.bincount(which, minlength=n_classes) for which in (truth, answer))
    shuffled = float(np.dot(*marginals)) / n**2 if n else None
    return Confusion(counts, "windows", n, int((truth == answer).sum()), shuffled)


def of_windows(
    history: History, spans: Sequence[TrialSpan], lead: float, window: float, hop: float | None, n_classes: int
) -> Confusion:
    """By the likeliest class of each window alone, among those that are kept and that lie wholly within a trial.

    ``lead`` is from the marker to its trial's begin, ``window`` a window's length, ``hop`` how far the next one is, all in
    seconds; ``hop`` None: windows are locked to markers, and belong to theirs. A trial with less room than a window and a
    hop is that little longer, as in `rtbci.trials`. Where trials overlap, the later one holds.
    """
    times, markers, own, _ = history.singly()
    if not len(times) or not spans:
        return _of_answers(np.zeros(0, np.int64), np.zeros(0, np.int64), n_classes)
    ordered = sorted(spans, key=lambda span: span.start)
    starts = np.array([span.start for span in ordered])
    truths = np.array([span.truth for span in ordered], np.int64)
    if hop is None:
        at = np.searchsorted(starts, markers + lead + SAME_TIME, side="right") - 1
        inside = (at >= 0) & (np.abs(markers + lead - starts[np.maximum(at, 0)]) < SAME_TIME)
    else:
        stops = np.maximum([span.stop for span in ordered], starts + window + hop)
        at = np.searchsorted(starts, times - window + SAME_TIME, side="right") - 1
        inside = (at >= 0) & (times <= stops[np.maximum(at, 0)] + SAME_TIME)
    return _of_answers(truths[at[inside]], own[inside], n_classes)
