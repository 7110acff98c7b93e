"""The validation block: the last trials of each subject, with a purge gap of one window before them."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from rtbci.calibration import Calibration, Indices


@dataclass(frozen=True, slots=True)
class Split:
    """Rows of a calibration's windows to train on, and those held out; ``problem`` says why none are, where that is so."""

    train: Indices
    held_out: Indices
    problem: str | None = None


def everything(calibration: Calibration) -> Split:
    """All windows to train on, and none held out."""
    return Split(np.arange(len(calibration), dtype=np.int64), np.empty(0, np.int64))


def chronological(calibration: Calibration, share: float, every_class: bool) -> Split:
    """Hold out the last ``share`` of each subject's trials.

    Where a class would be missing on either side (``every_class``), more trials are held out, at most half of them; where
    that does not help, none are. Windows to train on that end less than a window before the block are left out.
    """
    rows = np.arange(len(calibration), dtype=np.int64)
    none = everything(calibration)
    if share == 0.0:
        return Split(none.train, none.held_out, "validation = 0: nothing was held out")
    held: list[NDArray[np.int64]] = []
    for trials in _trials_by_subject(calibration):
        block = _block(calibration, trials, share, every_class)
        if block is None:
            problem = f"{len(trials)} trials are too few to hold some of every class out"
            return Split(none.train, none.held_out, problem)
        held.append(block)
    held_out = np.isin(calibration.trial, np.concatenate(held))
    train = rows[~held_out & ~_too_near(calibration, held_out)]
    if not len(train):
        return Split(none.train, none.held_out, "the trials lie too close to hold some out")
    if every_class and len(np.unique(calibration.labels[train])) < len(np.unique(calibration.labels)):
        return Split(none.train, none.held_out, "the trials lie too close to hold some of every class out")
    return Split(train, rows[held_out])


def kept_apart(calibration: Calibration, split: Split) -> Calibration:
    """``calibration`` whose windows to train on cannot be moved into the gap before what is held out of their signal."""
    places = calibration.places
    highest = places.highest.copy()
    held = places.only(split.held_out)
    for signal in np.unique(held.signal):
        last = int(held.start[held.signal == signal].min()) - 2 * calibration.n_samples
        rows = split.train[places.signal[split.train] == signal]
        highest[rows] = np.minimum(highest[rows], last)
    return replace(calibration, places=replace(places, highest=highest))


def _trials_by_subject(calibration: Calibration) -> list[NDArray[np.int64]]:
    """The trials that have windows, in order of time, for each subject."""
    _, first = np.unique(calibration.trial, return_index=True)
    order = np.lexsort((calibration.places.start[first], calibration.places.signal[first]))
    trials, signals = calibration.trial[first][order], calibration.places.signal[first][order]
    subjects = [calibration.signals[k].subject for k in signals]
    return [trials[[i for i, whose in enumerate(subjects) if whose == subject]] for subject in dict.fromkeys(subjects)]


def _block(
    calibration: Calibration, trials: NDArray[np.int64], share: float, every_class: bool
) -> NDArray[np.int64] | None:
    n = len(trials)
    first = {int(trial): int(row) for trial, row in zip(*np.unique(calibration.trial, return_index=True), strict=True)}
    labels = np.array([calibration.labels[first[int(trial)]] for trial in trials])
    wanted = set(labels.tolist())
    for n_held in range(max(1, math.ceil(share * n)), n // 2 + 1):
        there, left = set(labels[n - n_held :].tolist()), set(labels[: n - n_held].tolist())
        if not every_class or (there == wanted and left == wanted):
            return trials[n - n_held :]
    return None


def _too_near(calibration: Calibration, held_out: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which windows lie less than a window before one that is held out, or overlap it, in the same signal."""
    places = calibration.places
    near = np.zeros(len(calibration), np.bool_)
    for signal in np.unique(places.signal[held_out]):
        here = places.signal == signal
        begin = int(places.start[here & held_out].min())
        near |= here & (places.start + 2 * calibration.n_samples > begin)
    return near & ~held_out
