"""Outcomes made of given answers, so that their scores can be counted by hand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rtbci.evaluation.nouns import Outcome, Stretch
from rtbci.trials import Trial

LENGTH, EVERY = 3.0, 5.0
"""Seconds of a trial, and from one to the next."""


def stretch(
    truth: Sequence[int], answer: Sequence[int], recording: str, sure: float = 0.8, n_classes: int = 2
) -> Stretch:
    """Trials of 3 s every 5 s from the second on, a decision each half second that claims the trial's answer within it."""
    n = len(truth)
    spans = np.array([(2.0 + EVERY * k, 2.0 + EVERY * k + LENGTH) for k in range(n)]).reshape(n, 2)
    time = np.arange(1, int(2 * (EVERY * n + 2)) + 1) / 2
    claimed, true = np.full(len(time), -1), np.full(len(time), -1)
    log_probs = np.full((len(time), n_classes), -np.log(n_classes))
    trials = []
    for k, (begin, end) in enumerate(spans):
        inside = (time > begin) & (time <= end)
        claimed[inside], true[(time - 1.0 >= begin) & (time <= end)] = answer[k], truth[k]
        posterior = np.full(n_classes, (1.0 - sure) / (n_classes - 1))
        posterior[answer[k]] = sure
        log_probs[inside] = np.log(posterior)
        evidence = tuple(np.log(posterior).tolist())
        trials.append(Trial(100.0 + begin, "T", truth[k], answer[k], 5, 5, evidence, answer[k], 1.0))
    return Stretch(
        recording, float(EVERY * n + 2), time, log_probs, log_probs, claimed, true, tuple(trials), spans, spans[:, 0]
    )


def outcome(
    truth: Sequence[int],
    answer: Sequence[int],
    decoder: str = "csp",
    subject: str = "1",
    fold: str = "run 2",
    shuffled: Sequence[Sequence[int]] = (),
    time_only: Sequence[int] = (),
    sure: float = 0.8,
    n_classes: int = 2,
    hop: float | None = 0.5,
) -> Outcome:
    """A fold with one test recording, named after subject and fold."""
    return Outcome(
        decoder=decoder,
        subject=subject,
        session="1",
        fold=fold,
        past=True,
        classes=tuple("abcdefg"[:n_classes]),
        idle=None,
        window=1.0,
        hop=hop,
        stretches=(stretch(truth, answer, f"{subject} {fold}", sure, n_classes),),
        shuffled=np.array(shuffled, np.int64).reshape(len(shuffled), len(truth)),
        time_only=np.array(time_only, np.int64),
        train_windows=300,
        train_trials=20,
        fit_seconds=0.5,
        replay_seconds=2.0,
        decisions_sha256="0" * 64,
    )
