"""Kernels of the spatial transforms: references, bipolar derivations, scaling. Sums run over channels in one fixed order."""

from __future__ import annotations

import numba as nb
import numpy as np
from numpy.typing import NDArray

_samples = nb.types.Array(nb.float32, 2, "C", readonly=True)
_indices = nb.types.Array(nb.int64, 1, "C", readonly=True)
_factors = nb.types.Array(nb.float64, 1, "C", readonly=True)
_out = nb.float32[:, ::1]


@nb.njit([nb.void(_samples, _indices, _indices, _out)], cache=True, nogil=True)
def subtract_mean(
    samples: NDArray[np.float32],
    reference: NDArray[np.int64],
    targets: NDArray[np.int64],
    out: NDArray[np.float32],
) -> None:
    """Copy ``samples`` (n, n_channels) to ``out``; columns ``targets`` less the mean of columns ``reference``.

    The mean is summed in float64 in the order of ``reference``: a vectorised sum would round by the number of channels.
    """
    n, n_channels = samples.shape
    for i in range(n):
        total = 0.0
        for r in reference:
            total += samples[i, r]
        mean = total / len(reference)
        for c in range(n_channels):
            out[i, c] = samples[i, c]
        for c in targets:
            out[i, c] = np.float32(samples[i, c] - mean)


@nb.njit([nb.void(_samples, _indices, _indices, _out)], cache=True, nogil=True)
def subtract_pairs(
    samples: NDArray[np.float32],
    plus: NDArray[np.int64],
    minus: NDArray[np.int64],
    out: NDArray[np.float32],
) -> None:
    """Column j of ``out`` is column ``plus[j]`` of ``samples`` less column ``minus[j]``, or alone where that is -1."""
    for i in range(samples.shape[0]):
        for j in range(len(plus)):
            if minus[j] < 0:
                out[i, j] = samples[i, plus[j]]
            else:
                out[i, j] = np.float32(np.float64(samples[i, plus[j]]) - np.float64(samples[i, minus[j]]))


@nb.njit([nb.void(_samples, _factors, _factors, _out)], cache=True, nogil=True)
def scale(
    samples: NDArray[np.float32],
    factors: NDArray[np.float64],
    offsets: NDArray[np.float64],
    out: NDArray[np.float32],
) -> None:
    """``out`` is ``samples`` (n, n_channels) times ``factors`` (n_channels,) plus ``offsets`` (n_channels,), in float64."""
    for i in range(samples.shape[0]):
        for c in range(samples.shape[1]):
            out[i, c] = np.float32(samples[i, c] * factors[c] + offsets[c])
