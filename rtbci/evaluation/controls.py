"""Controls: what would be scored without any brain signal.

A decoder trained on shuffled labels shows what the pipeline scores by itself; one that knows only when a trial comes shows
what the order of the trials gives away. A decoder that does not beat both has decoded nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

Moment = tuple[int, float, int, int]
"""A trial without its signal: number of the recording, seconds from its begin, ordinal in it, class."""
Guess = Callable[[Sequence[Moment], Sequence[Moment]], NDArray[np.int64]]
BLOCKS = 5
"""Contiguous blocks of the training trials between which the guessers are chosen."""


def shuffled_order(n_trials: int, seed: int) -> NDArray[np.int64]:
    """Which trial's meaning each trial gets (n_trials,): each class stays as frequent as it was, and belongs to nothing.

    Whole trials, never windows: windows of a trial overlap, and with labels of their own a decoder would be trained on
    contradictions instead of on trials without meaning. What was shown goes along with the class: a decoder that learns
    embeddings reads the marker, and would otherwise be trained on the truth.
    """
    order: NDArray[np.int64] = np.random.default_rng([seed, 4]).permutation(n_trials)
    return order


def time_only(train: Sequence[Moment], test: Sequence[Moment]) -> NDArray[np.int64]:
    """Answers (n_test,) int64 of a decoder that knows of each trial only when it comes, and what came before it.

    Three guess: the nearest and the five nearest training trials in (seconds, ordinal), standardised, whatever the
    recording; and the class that most often followed the class before (a Markov chain of first order). The one is taken
    that guesses best within the training trials, in blocks in order of time. ``train`` is in order of time within each
    recording; the class of a test trial is known to the trials after it alone.
    """
    if not len(test):
        return np.empty(0, np.int64)
    if not len(train):
        return np.full(len(test), -1, np.int64)
    return _best_guess(train)(train, test)


def _best_guess(train: Sequence[Moment]) -> Guess:
    """Of equally good ones the first."""
    guesses: tuple[Guess, ...] = (_nearest, _five_nearest, _follows)
    if len(train) < 2:
        return guesses[0]
    blocks = [block for block in np.array_split(np.arange(len(train)), min(BLOCKS, len(train))) if len(block)]
    right = []
    for guess in guesses:
        n = 0
        for block in blocks:
            kept = [train[k] for k in range(len(train)) if not block[0] <= k <= block[-1]]
            held = [train[k] for k in block]
            n += int(np.sum(guess(kept, held) == _labels(held)))
        right.append(n)
    return guesses[int(np.argmax(right))]


def _labels(moments: Sequence[Moment]) -> NDArray[np.int64]:
    return np.array([moment[3] for moment in moments], np.int64)


def _nearest(train: Sequence[Moment], test: Sequence[Moment]) -> NDArray[np.int64]:
    return _neighbours(train, test, 1)


def _five_nearest(train: Sequence[Moment], test: Sequence[Moment]) -> NDArray[np.int64]:
    return _neighbours(train, test, 5)


def _neighbours(train: Sequence[Moment], test: Sequence[Moment], k: int) -> NDArray[np.int64]:
    from sklearn.neighbors import KNeighborsClassifier

    known, asked = (np.array([moment[1:3] for moment in moments], np.float64) for moments in (train, test))
    spread = known.std(axis=0)
    scale = np.where(spread > 0, spread, 1.0)
    classifier = KNeighborsClassifier(min(k, len(train)), algorithm="brute")
    classifier.fit((known - known.mean(axis=0)) / scale, _labels(train))
    return np.asarray(classifier.predict((asked - known.mean(axis=0)) / scale), np.int64)


def _follows(train: Sequence[Moment], test: Sequence[Moment]) -> NDArray[np.int64]:
    """The class that most often came after the previous one; after nothing, or what never came, the most frequent."""
    n_classes = 1 + max(moment[3] for moment in (*train, *test))
    often = np.bincount(_labels(train), minlength=n_classes)
    after = np.zeros((n_classes, n_classes), np.int64)
    known = {(recording, ordinal): label for recording, _, ordinal, label in train}
    for (recording, ordinal), label in known.items():
        before = known.get((recording, ordinal - 1))
        if before is not None:
            after[before, label] += 1
    seen = known | {(recording, ordinal): label for recording, _, ordinal, label in test}
    answers = []
    for recording, _, ordinal, _ in test:
        previous = seen.get((recording, ordinal - 1))
        counts = often if previous is None or not after[previous].any() else after[previous]
        answers.append(int(np.argmax(counts)))
    return np.array(answers, np.int64)
