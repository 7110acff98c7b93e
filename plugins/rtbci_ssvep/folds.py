"""Training windows held out in turn, with their neighbours in time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

MOST = 5


def folds(labels: NDArray[np.int64], must: Sequence[int]) -> list[NDArray[np.bool_]]:
    """Masks (n_windows,) of the windows that are held out, each window in one of up to `MOST`.

    Overlapping windows share samples, so stretches of time are held out: a run of windows of one class is one trial, or
    several without another class between, and is kept whole where its class has another. Empty where a class of ``must``
    has but one window, without which there is nothing to learn from.

    Parameters
    ----------
    labels : (n_windows,), in order of time.
    must : the classes that need windows to learn from.
    """
    runs = np.concatenate([[0], np.cumsum(labels[1:] != labels[:-1])])
    units: dict[int, NDArray[np.int64]] = {}
    for label in np.unique(labels):
        own = labels == label
        distinct, unit = np.unique(runs[own], return_inverse=True)
        units[int(label)] = unit if len(distinct) > 1 else np.arange(own.sum())
    n = min([MOST, *(int(units[label].max()) + 1 for label in must)])
    if n < 2:
        return []
    parts = np.zeros(len(labels), np.int64)
    for label, unit in units.items():
        parts[labels == label] = unit * n // (unit.max() + 1)
    return [parts == part for part in range(n)]
