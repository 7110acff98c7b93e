"""Kernel of evidence over time: any number of windows, one after the other, in the very arithmetic of one.

Compiled for one signature when it is imported (or taken from Numba's cache). No ``fastmath``: sums have one order.
"""

from __future__ import annotations

import math

import numba as nb
import numpy as np
from numpy.typing import NDArray

EMPTY, LEADER, HELD = 0, 1, 2
"""Places in the state (3,) float64: 1 before the first window; class that leads, or -1; seconds for which it has led."""

_rows = nb.types.Array(nb.float64, 2, "C", readonly=True)
_counts = nb.types.Array(nb.int64, 1, "C", readonly=True)


@nb.njit(
    [
        nb.void(
            nb.float64[::1], nb.float64[::1], _rows, _counts, nb.int64, nb.int64, nb.float64, nb.float64, nb.float64,
            nb.float64, nb.float64[:, ::1], nb.int64[::1],
        )
    ],
    cache=True,
    nogil=True,
)  # fmt: skip
def accumulate(
    total: NDArray[np.float64],
    state: NDArray[np.float64],
    log_probs: NDArray[np.float64],
    fresh: NDArray[np.int64],
    hop: int,
    length: int,
    rate: float,
    threshold: float,
    dwell: float,
    time_constant: float,
    posteriors: NDArray[np.float64],
    answers: NDArray[np.int64],
) -> None:
    """Take ``log_probs`` (n, n_classes) one window after the other, as `rtbci.evidence` describes.

    Parameters
    ----------
    total : (n_classes,) float64, the leaky sum, changed.
    state : (3,) float64, changed; see `EMPTY`, `LEADER`, `HELD`.
    fresh : (n,) int64, samples of each window that are new; ``hop`` stands in for the first one's after a reset.
    length, rate : samples in a window, and per second.
    posteriors, answers : (n, n_classes) float64 and (n,) int64, filled: log posterior and claimed class or -1.
    """
    n, n_classes = log_probs.shape
    for i in range(n):
        new = hop if state[EMPTY] != 0.0 else min(fresh[i], length)
        seconds = new / rate
        if state[EMPTY] == 0.0:
            decay = math.exp(-seconds / time_constant)
            for k in range(n_classes):
                total[k] *= decay
        weight = new / length
        for k in range(n_classes):
            total[k] += weight * log_probs[i, k]
        top = total[0]
        for k in range(1, n_classes):
            top = max(top, total[k])
        mass = 0.0
        for k in range(n_classes):
            mass += math.exp(total[k] - top)
        norm = top + math.log(mass)
        leader = 0
        for k in range(n_classes):
            posteriors[i, k] = total[k] - norm
            if posteriors[i, k] > posteriors[i, leader]:
                leader = k
        if math.exp(posteriors[i, leader]) <= threshold:
            state[LEADER], state[HELD] = -1.0, 0.0
        elif leader != int(state[LEADER]):
            state[LEADER], state[HELD] = float(leader), 0.0
        else:
            state[HELD] += seconds
        state[EMPTY] = 0.0
        # half a sample of slack: dwell is given in seconds, held is a sum of whole hops
        claimed = state[LEADER] >= 0.0 and state[HELD] + 0.5 / rate >= dwell
        answers[i] = int(state[LEADER]) if claimed else -1
