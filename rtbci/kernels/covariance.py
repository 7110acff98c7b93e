"""Kernels of the streaming covariance: products summed over a window that slides, with a bound of what rounding did.

Every entry is summed in order of time, so the result does not depend on how many samples came at once. No ``fastmath``:
it would let a sum be rounded by how many channels fill a vector register.
"""

from __future__ import annotations

import numba as nb
import numpy as np
from numpy.typing import NDArray

_rows = nb.types.Array(nb.float32, 2, "C", readonly=True)
_vector = nb.float64[::1]
_matrix = nb.float64[:, ::1]


@nb.njit([nb.void(_rows, nb.int64, nb.int64, _vector, _matrix)], cache=True, nogil=True)
def move_rows(
    rows: NDArray[np.float32], first: int, n: int, offset: NDArray[np.float64], moved: NDArray[np.float64]
) -> None:
    """Fill ``moved`` (>= n, n_channels) with ``n`` rows from ``first`` on, less ``offset`` (n_channels,).

    ``rows`` (capacity, n_channels) is a ring: row i stands at i modulo its capacity.
    """
    capacity, n_channels = rows.shape
    for t in range(n):
        at = (first + t) % capacity
        for c in range(n_channels):
            moved[t, c] = np.float64(rows[at, c]) - offset[c]


@nb.njit([nb.void(_rows, nb.int64, nb.int64, _vector)], cache=True, nogil=True)
def mean_of_rows(rows: NDArray[np.float32], first: int, n: int, mean: NDArray[np.float64]) -> None:
    """Fill ``mean`` (n_channels,) with the mean of ``n`` rows of the ring ``rows`` from ``first`` on."""
    capacity, n_channels = rows.shape
    for c in range(n_channels):
        mean[c] = 0.0
    for t in range(n):
        at = (first + t) % capacity
        for c in range(n_channels):
            mean[c] += rows[at, c]
    for c in range(n_channels):
        mean[c] /= n


@nb.njit([nb.void(_matrix, nb.int64, _matrix, _vector)], cache=True, nogil=True)
def add_products(newer: NDArray[np.float64], n: int, gram: NDArray[np.float64], total: NDArray[np.float64]) -> None:
    """Add the products of the first ``n`` rows of ``newer`` (>= n, n_channels) to ``gram``, and the rows to ``total``.

    ``gram`` (n_channels, n_channels): the lower triangle alone. ``total`` (n_channels,).
    """
    n_channels = gram.shape[0]
    for i in range(n_channels):
        row = gram[i]
        t = 0
        while t + 1 < n:  # two rows in one pass over the sums: half their traffic
            a0, a1 = newer[t, i], newer[t + 1, i]
            for j in range(i + 1):
                row[j] = (row[j] + a0 * newer[t, j]) + a1 * newer[t + 1, j]
            t += 2
        if t < n:
            a0 = newer[t, i]
            for j in range(i + 1):
                row[j] = row[j] + a0 * newer[t, j]
    for t in range(n):
        for c in range(n_channels):
            total[c] += newer[t, c]


@nb.njit([nb.void(_matrix, _matrix, nb.int64, _matrix, _vector, _vector)], cache=True, nogil=True)
def slide_products(
    newer: NDArray[np.float64],
    older: NDArray[np.float64],
    n: int,
    gram: NDArray[np.float64],
    total: NDArray[np.float64],
    exposure: NDArray[np.float64],
) -> None:
    """Add the products of ``n`` rows of ``newer`` to ``gram`` and take those of ``older`` off: a rank-n up- and downdate.

    ``exposure`` (n_channels,) grows by what was at stake: for each row the sum of squares itself, and the squares that
    were added and taken off. Times the rounding unit it bounds what rounding can have done (see
    `rtbci.transforms.running_covariance`).
    """
    n_channels = gram.shape[0]
    for i in range(n_channels):
        row = gram[i]
        t = 0
        while t + 1 < n:
            a0, a1, b0, b1 = newer[t, i], newer[t + 1, i], older[t, i], older[t + 1, i]
            exposure[i] += 2.0 * (abs(row[i]) + a0 * a0 + a1 * a1) + b0 * b0 + b1 * b1
            for j in range(i + 1):
                once = (row[j] + a0 * newer[t, j]) - b0 * older[t, j]
                row[j] = (once + a1 * newer[t + 1, j]) - b1 * older[t + 1, j]
            t += 2
        if t < n:
            a0, b0 = newer[t, i], older[t, i]
            exposure[i] += abs(row[i]) + 2.0 * a0 * a0 + b0 * b0
            for j in range(i + 1):
                row[j] = (row[j] + a0 * newer[t, j]) - b0 * older[t, j]
    for t in range(n):
        for c in range(n_channels):
            total[c] = (total[c] + newer[t, c]) - older[t, c]


@nb.njit([nb.void(_matrix, _vector, nb.int64, _matrix)], cache=True, nogil=True)
def centred_covariance(
    gram: NDArray[np.float64], total: NDArray[np.float64], n: int, covariance: NDArray[np.float64]
) -> None:
    """Fill both triangles of ``covariance`` (n_channels, n_channels): ``gram / n`` less the product of the means."""
    n_channels = gram.shape[0]
    for i in range(n_channels):
        for j in range(i + 1):
            value = (gram[i, j] - total[i] * total[j] / n) / n
            covariance[i, j] = value
            covariance[j, i] = value
