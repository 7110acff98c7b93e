"""The nouns of an evaluation: recordings, parts of them, folds, and what came out of one task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rtbci.naming import by_name
from rtbci.retrieved import Found
from rtbci.trials import Trial


@dataclass(frozen=True, slots=True, order=True)
class Recorded:
    """One recording and whose it is. ``session`` and ``run`` sort in the order in which they were recorded."""

    subject: str
    session: str
    run: str
    path: Path = field(compare=False)

    def __str__(self) -> str:
        return f"sub-{self.subject} ses-{self.session} run-{self.run}"

    @property
    def person(self) -> str:
        """The subject, or "" where nothing said who it is and it was called the first one: no network is to know them."""
        nameless = self.subject == "1" and by_name(self.path).subject is None
        return "" if nameless else self.subject


@dataclass(frozen=True, slots=True)
class Part:
    """Samples ``[start, stop)`` of a recording, in the source's own count; ``stop`` None: to its end.

    Only trials and windows that lie wholly within it count. The transforms run from the recording's first sample.
    """

    recorded: Recorded
    start: int = 0
    stop: int | None = None


@dataclass(frozen=True, slots=True)
class Fold:
    """Train on some parts, test on others; ``past`` says whether every training part was recorded before every test part."""

    name: str
    train: tuple[Part, ...]
    test: tuple[Part, ...]
    past: bool = True

    @property
    def subject(self) -> str:
        """Who is tested."""
        return "+".join(dict.fromkeys(part.recorded.subject for part in self.test))

    @property
    def session(self) -> str:
        """Which sessions are tested."""
        return "+".join(dict.fromkeys(part.recorded.session for part in self.test))


@dataclass(frozen=True, slots=True)
class Stretch:
    """All decisions on one test part, in order, with the truth beside them.

    Attributes
    ----------
    recording : the recording's path, as text.
    seconds, began : length of the part, and seconds of signal from the recording's first sample to the part's.
    time : (n,) float64, seconds from the part's begin to the end of each decision's window.
    log_probs, evidence : (n, n_classes) float64, natural logarithms: of the window alone, and accumulated.
    answer : (n,) int64, the class that is claimed, -1 while rtbci abstains.
    truth : (n,) int64, class of the exact majority of the window's samples; -1 where they belong to no class.
    trials : the part's trials, in order; their ``begin`` and ``end`` are seconds from the part's begin in ``spans``.
    spans : (n_trials, 2) float64, first and last instant of each trial, seconds from the part's begin.
    cues : (n_trials,) float64, instant of each trial's marker, seconds from the part's begin.
    found : at which ranks in a bank stood what the trials showed, where one was searched.
    seen_truth, seen : (n,) int64, items that markers named, and (n, n_dims) float32, the embedding of the evidence for each.
    """

    recording: str
    seconds: float
    time: NDArray[np.float64]
    log_probs: NDArray[np.float64]
    evidence: NDArray[np.float64]
    answer: NDArray[np.int64]
    truth: NDArray[np.int64]
    trials: tuple[Trial, ...]
    spans: NDArray[np.float64]
    cues: NDArray[np.float64]
    began: float = 0.0
    found: tuple[Found, ...] = ()
    seen_truth: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    seen: NDArray[np.float32] = field(default_factory=lambda: np.zeros((0, 0), np.float32))


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one decoder did on one fold.

    Attributes
    ----------
    classes : in the order of the labels; ``idle`` is the index of the one that has no markers, or None.
    window, hop : seconds; ``hop`` None for windows that are locked to markers.
    stretches : one for each test part.
    shuffled : (n_shuffles, n_trials) int64: what the same decoder answered when it was trained on shuffled labels, for each
        trial of ``stretches`` in order.
    control_top1 : by kind of candidates, the top-1 accuracy of each shuffle in the bank.
    time_only : (n_trials,) int64: answers of a control that knows only when a trial comes; -1 where it was not asked (idle).
    """

    decoder: str
    subject: str
    session: str
    fold: str
    past: bool
    classes: tuple[str, ...]
    idle: int | None
    window: float
    hop: float | None
    stretches: tuple[Stretch, ...]
    shuffled: NDArray[np.int64]
    time_only: NDArray[np.int64]
    train_windows: int = 0
    train_trials: int = 0
    fit_seconds: float = 0.0
    replay_seconds: float = 0.0
    decisions_sha256: str = ""
    notes: tuple[str, ...] = ()
    control_top1: Mapping[str, tuple[float, ...]] = field(default_factory=dict)

    @property
    def found(self) -> tuple[Found, ...]:
        """What all stretches found, in order."""
        return tuple(one for stretch in self.stretches for one in stretch.found)

    @property
    def trials(self) -> tuple[Trial, ...]:
        """The trials of all stretches, in order."""
        return tuple(trial for stretch in self.stretches for trial in stretch.trials)
