"""Kernels that judge channels: what a block of samples looked like, gathered sample by sample, and how it stands out."""

from __future__ import annotations

import math

import numba as nb
import numpy as np
from numpy.typing import NDArray

_samples = nb.types.Array(nb.float32, 2, "C", readonly=True)
_limits = nb.types.Array(nb.float64, 1, "C", readonly=True)
_flags = nb.types.Array(nb.boolean, 1, "C", readonly=True)


@nb.njit(
    [
        nb.void(
            _samples,
            _limits,
            nb.boolean,
            nb.boolean,
            nb.float32[::1],
            nb.float32[:, ::1],
            nb.int32[:, ::1],
            nb.float64[::1],
        )
    ],
    cache=True,
    nogil=True,
)
def gather(
    samples: NDArray[np.float32],
    limits: NDArray[np.float64],
    continues: bool,
    begins: bool,
    previous: NDArray[np.float32],
    extent: NDArray[np.float32],
    counts: NDArray[np.int32],
    energy: NDArray[np.float64],
) -> None:
    """Add ``samples`` (n, n_channels), which lie within one block, to what is known of that block.

    Parameters
    ----------
    limits : (n_channels,) float64, samples larger than this in size are counted.
    continues : whether ``previous`` is the sample before these; otherwise the first step is not known and not counted.
    begins : whether a new block begins here.
    previous : (n_channels,) float32, the newest sample, changed.
    extent : (2, n_channels) float32, smallest and largest sample, changed.
    counts : (3, n_channels) int32, samples equal to the smallest, to the largest, and beyond the limit, changed.
    energy : (n_channels,) float64, sum of the squared steps from sample to sample, changed.
    """
    n, n_channels = samples.shape
    lowest, highest = extent[0], extent[1]
    at_lowest, at_highest, beyond = counts[0], counts[1], counts[2]
    if begins:
        for c in range(n_channels):
            lowest[c] = np.inf
            highest[c] = -np.inf
            at_lowest[c] = at_highest[c] = beyond[c] = 0
            energy[c] = 0.0
    for i in range(n):
        if i > 0 or continues:
            for c in range(n_channels):
                step = np.float64(samples[i, c]) - np.float64(previous[c])
                energy[c] += step * step
        for c in range(n_channels):
            value = samples[i, c]
            at_lowest[c] = 1 if value < lowest[c] else at_lowest[c] + (1 if value == lowest[c] else 0)
            at_highest[c] = 1 if value > highest[c] else at_highest[c] + (1 if value == highest[c] else 0)
            lowest[c] = min(lowest[c], value)
            highest[c] = max(highest[c], value)
            beyond[c] += 1 if abs(value) > limits[c] else 0
            previous[c] = value


@nb.njit([nb.void(nb.float64[::1], _flags, nb.float64, nb.float64[::1])], cache=True, nogil=True)
def robust_z(energy: NDArray[np.float64], among: NDArray[np.bool_], smallest: float, z: NDArray[np.float64]) -> None:
    """How far each channel's log amplitude lies above the median of those ``among``, in robust standard deviations.

    The log amplitude is half the logarithm of ``energy`` (n,); the standard deviation is 1.4826 times the median absolute
    deviation (Hampel, JASA 69, 1974), at least ``smallest``. ``z`` (n,) is filled; it is 0 for channels that are not
    ``among`` (n,) and infinite where the energy is not finite.
    """
    n = len(energy)
    logs = np.empty(n)
    n_logs = 0
    for c in range(n):
        if among[c] and energy[c] > 0.0 and energy[c] < np.inf:
            logs[n_logs] = 0.5 * math.log(energy[c])
            n_logs += 1
    if n_logs > 0:
        middle = np.median(logs[:n_logs])
        spread = max(1.4826 * np.median(np.abs(logs[:n_logs] - middle)), smallest)
    for c in range(n):
        z[c] = 0.0
        if not among[c]:
            continue
        if not energy[c] < np.inf:
            z[c] = np.inf
        elif energy[c] > 0.0 and n_logs > 0:
            z[c] = (0.5 * math.log(energy[c]) - middle) / spread
