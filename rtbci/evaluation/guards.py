"""What a reader must know before the numbers: warnings about recordings, folds and controls, each one plain sentence.

What can be found out is looked for: labels that follow the clock, an order of trials that can be guessed, training data
that touch the test data, steps that see the future, and too few trials. Sentences of the same kind are told once, with
the number of recordings or folds and the worst of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rtbci import metrics
from rtbci.evaluation.nouns import Fold, Part
from rtbci.evaluation.statistics import permutation_test
from rtbci.interfaces import Transform
from rtbci.types import Samples, StreamInfo

ALPHA = 0.01
PERMUTATIONS = 4999
FEWEST = 8
"""Trials below which nothing is said about their order: no test of so few finds anything."""
TOO_HIGH = 0.75
"""A level that guessing reaches in 5 % of cases, above which a test set tells little."""

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Shown:
    """The trials of one recording as they were shown: ``seconds`` (n,) float64 from its begin, ``labels`` (n,) int64."""

    name: str
    seconds: NDArray[np.float64]
    labels: Ints


def warnings_of_order(shown: Sequence[Shown], seed: int = 0) -> list[str]:
    """Classes that follow the clock, come in blocks, or alternate too regularly.

    Class against time: Kruskal-Wallis test. Order: the number of runs (Wald and Wolfowitz 1940), against that of random
    orders of the same labels. Each test at p < .01, divided by the number of recordings.
    """
    tested = [one for one in shown if len(one.labels) >= FEWEST and len(np.unique(one.labels)) > 1]
    level = max(ALPHA / max(1, len(tested)), 1.0 / (PERMUTATIONS + 1))
    clock, blocks, regular = [], [], []
    for one in tested:
        p = p_of_time(one.seconds, one.labels)
        if p < level:
            clock.append((p, f"in {one.name} ({len(one.labels)} trials, p = {p:.2g})"))
        runs, expected, p_few, p_many = runs_test(one.labels[np.argsort(one.seconds, kind="stable")], seed)
        told = f"in {one.name} ({runs} runs in {len(one.labels)} trials, {expected:.0f} in a random order)"
        if p_few <= level:
            blocks.append((runs / expected, told))
        elif p_many <= level:
            regular.append((-runs / expected, told))
    return [
        *_told(
            clock,
            "recordings",
            "the class goes with the time of the trial",
            "whatever drifts can be mistaken for the class; compare with the time-only control, and mix the classes evenly",
        ),
        *_told(
            blocks,
            "recordings",
            "classes come in blocks",
            "whatever drifts slowly gives the class away; test on another recording, and show the classes in random order",
        ),
        *_told(
            regular,
            "recordings",
            "classes alternate too regularly",
            "the trial before gives the class away, also to the subject; show the classes in random order",
        ),
    ]


def _told(found: Sequence[tuple[float, str]], of: str, what: str, todo: str) -> list[str]:
    """One sentence for all that was found: the worst, which has the smallest number, stands for the rest."""
    if not found:
        return []
    _, worst = min(found, key=lambda one: one[0])
    return [f"{what} {worst}{f', and in {len(found) - 1} more {of}' if len(found) > 1 else ''}: {todo}"]


def p_of_time(seconds: NDArray[np.float64], labels: Ints) -> float:
    """Return p of the Kruskal-Wallis test (1952) that trials of all classes come equally early, 1 for one class."""
    from scipy.stats import kruskal

    groups = [seconds[labels == k] for k in np.unique(labels)]
    if len(groups) < 2 or len(np.unique(seconds)) < 2:
        return 1.0
    return float(kruskal(*groups).pvalue)


def runs_test(labels: Ints, seed: int = 0) -> tuple[int, float, float, float]:
    """Runs of equal labels (n,), how many a random order has on average, and p of so few and of so many."""
    rng = np.random.default_rng([seed, 5])
    runs = 1 + int(np.count_nonzero(np.diff(labels)))
    shuffled = rng.permuted(np.broadcast_to(labels, (PERMUTATIONS, len(labels))), axis=1)
    chance = 1 + np.count_nonzero(np.diff(shuffled, axis=1), axis=1)
    p_few, p_many = ((1 + int(np.sum(side))) / (1 + PERMUTATIONS) for side in (chance <= runs, chance >= runs))
    return runs, float(chance.mean()), p_few, p_many


def warnings_of_time_control(
    truths: Sequence[Ints], answers: Sequence[Ints], n_classes: int, seed: int = 0
) -> list[str]:
    """A control that knows only the time (`controls.time_only`) does better than chance: one array for each fold."""
    n = sum(len(truth) for truth in truths)
    p, permuted = permutation_test(truths, answers, seed)
    if p is None or permuted is None or p >= ALPHA:
        return []
    right = sum(int(np.sum(t == a)) for t, a in zip(truths, answers, strict=True)) / n
    return [
        f"a control that knows only when a trial comes answers {right:.0%} of {n} trials right ({permuted:.0%} with labels "
        f"permuted, {1 / n_classes:.0%} by chance, p = {p:.2g}): a decoder must beat {right:.0%}, not chance"
    ]


def warnings_of_folds(
    folds: Sequence[Fold], window: float, rates: Mapping[Path, float], contents: Mapping[Path, str]
) -> list[str]:
    """Training data that touch, repeat or come after the test data.

    ``window`` is the decoder's, in seconds; ``rates`` in Hz and ``contents`` (SHA-256) of each recording, by its path.
    """
    later = [fold for fold in folds if not fold.past]
    near, twice = [], []
    for fold in folds:
        for train in fold.train:
            for test in fold.test:
                if train.recorded.path == test.recorded.path:
                    gap = seconds_between(train, test, rates[test.recorded.path])
                    if gap < window - 1e-9:
                        apart = f"{gap:.2f} s apart" if gap >= 0 else "they overlap"
                        near.append((gap, f"in fold {fold.name} of {test.recorded} ({apart})"))
                elif contents[train.recorded.path] == contents[test.recorded.path]:
                    twice.append((0.0, f"in fold {fold.name} ({train.recorded.path} and {test.recorded.path})"))
    told = _told(
        near,
        "folds",
        f"training and test lie closer together than a window of {window:g} s",
        "windows share samples between them; leave a window or more between the two",
    )
    told += _told(
        twice,
        "folds",
        "the same recording is trained on and tested",
        "the score says nothing; give each recording once",
    )
    if later:
        told.append(
            f"in {len(later)} of {len(folds)} folds the decoder is trained on recordings made after the ones it is tested "
            "on: no subject could have had it then; --split chronological trains on the past alone"
        )
    return told


def seconds_between(train: Part, test: Part, rate: float) -> float:
    """Seconds from the end of the earlier of two parts of a recording to the begin of the other; negative: they overlap."""
    first, second = (train, test) if train.start <= test.start else (test, train)
    return float("-inf") if first.stop is None else (second.start - first.stop) / rate


def warnings_of_classes(classes: Sequence[str], folds: Sequence[tuple[str, Ints, Ints]]) -> list[str]:
    """Classes without a trial in training or test; each fold by name, with the classes (n_trials,) of either."""
    told = []
    train = [(name, labels) for name, labels, _ in folds]
    test = [(name, labels) for name, _, labels in folds]
    for where, shown, todo in (
        ("training", train, "a decoder cannot know it; train on more recordings"),
        ("test", test, "AUC is undefined and accuracy is that of the other classes; test on more trials"),
    ):
        found = []
        for name, labels in shown:
            counts = np.bincount(labels, minlength=len(classes))
            missing = [label for label, n in zip(classes, counts, strict=True) if n == 0]
            if missing:
                found.append((0.0, f"of {' and '.join(missing)} in fold {name} ({len(labels)} trials)"))
        told += _told(found, "folds", f"there is no {where} trial", todo)
    return told


def warnings_of_number(name: str, n_trials: int, n_classes: int) -> list[str]:
    """So few test trials that guessing often looks like decoding."""
    level = metrics.binomial_level(n_trials, 1 / n_classes)
    if level <= TOO_HIGH:
        return []
    reached = "any accuracy" if level > 1 else f"an accuracy below {level:.0%}"
    return [
        f"{name} is tested on {n_trials} trials, so that {reached} may be guessing (p = .05, {n_classes} classes): "
        f"{fewest_for(TOO_HIGH, n_classes)} trials or more would be right"
    ]


def fewest_for(level: float, n_classes: int) -> int:
    """The smallest number of trials from which on ``level`` is not guessed in 5 % of cases, whatever more there are."""
    numbers = range(1, 200)
    return 1 + max(n for n in numbers if metrics.binomial_level(n, 1 / n_classes) > level)


def causal(make: Callable[[], Sequence[Transform]], info: StreamInfo, samples: Samples) -> bool:
    """Whether the first half of what comes out of the transforms is the same with and without what comes after it.

    ``samples`` (n_samples, n_channels) float32 are real ones, some seconds of them. A step that filters backwards, or is
    fitted to or standardised by all that it is given, changes the past when the future is taken away. Compared are bits.
    """
    half = len(samples) // 2
    alone, with_future = (_through(make(), info, samples[:n]) for n in (half, len(samples)))
    n = min(len(alone), len(with_future))
    return len(alone) <= len(with_future) and alone[:n].tobytes() == with_future[:n].tobytes()


def _through(transforms: Sequence[Transform], info: StreamInfo, samples: Samples) -> Samples:
    times = np.arange(len(samples)) / info.rate
    for transform in transforms:
        info = transform.start(info)
        out, out_times = transform.transform(samples, times)
        samples, times = np.array(out), np.array(out_times)
    return samples


def warnings_of_causality(
    decoder: str, steps: Mapping[str, Callable[[], Sequence[Transform]]], info: StreamInfo, samples: Samples
) -> list[str]:
    """Steps of a decoder that see the future: each of ``steps``, by name, makes the transforms up to and including it."""
    for name, make in steps.items():
        if not causal(make, info, samples):
            return [
                f"{decoder}: the transform {name} changes what it said of the past when later samples come "
                f"({len(samples) / info.rate:.0f} s of a recording were tried): it cannot do so live; use a causal step"
            ]
    return []
