"""Kernels that mix channels sample by sample: one matrix, a blend of two, a running scale, a running regression.

Each sample's sums run over the channels in one fixed order, so what comes out does not depend on the chunk it came in.
"""

from __future__ import annotations

import math

import numba as nb
import numpy as np
from numpy.typing import NDArray

_samples = nb.types.Array(nb.float32, 2, "C", readonly=True)
_out = nb.float32[:, ::1]
_vector = nb.float64[::1]
_matrix = nb.float64[:, ::1]
_indices = nb.types.Array(nb.int64, 1, "C", readonly=True)

KEPT_ROOT = 1e-4
"""A row of the regression's root that has decayed to this share of its peak is not scaled down further: while a reference
stands still its coefficients stay, instead of being fitted to what rounding leaves of it."""
DEPENDENT = 1e-5
"""A reference is taken to be a mixture of those before it, and gets no coefficient, where less than this share of it (root
mean square) is its own: a copy in another unit differs by float32's rounding, 6e-8."""


@nb.njit([nb.void(_samples, _indices, _matrix, _vector, _out)], cache=True, nogil=True)
def mix(
    samples: NDArray[np.float32],
    columns: NDArray[np.int64],
    matrix: NDArray[np.float64],
    work: NDArray[np.float64],
    out: NDArray[np.float32],
) -> None:
    """Columns ``columns`` of ``out`` become ``samples[:, columns]`` times the transpose of ``matrix``; others are copied.

    Parameters
    ----------
    samples, out : (n, n_channels) float32.
    columns : (k,) int64.
    matrix : (k, k) float64, **transposed**: row j holds what channel j gives to each channel that comes out.
    work : (k,) float64, scratch.
    """
    k = len(columns)
    for i in range(samples.shape[0]):
        for c in range(k):
            work[c] = 0.0
        for j in range(k):
            x = np.float64(samples[i, columns[j]])
            for c in range(k):
                work[c] += x * matrix[j, c]
        for c in range(samples.shape[1]):
            out[i, c] = samples[i, c]
        for c in range(k):
            out[i, columns[c]] = np.float32(work[c])


@nb.njit([nb.void(_samples, _indices, _matrix, _matrix, _vector, nb.int64, _matrix, _out)], cache=True, nogil=True)
def blend(
    samples: NDArray[np.float32],
    columns: NDArray[np.int64],
    before: NDArray[np.float64],
    after: NDArray[np.float64],
    weights: NDArray[np.float64],
    place: int,
    work: NDArray[np.float64],
    out: NDArray[np.float32],
) -> None:
    """As `mix`, with a matrix that goes from ``before`` to ``after``: sample i is weighted by ``weights[place + i]``.

    ``before`` and ``after`` (k, k) are transposed; ``weights`` (hop,) is the share of ``after``; ``work`` (2, k) is scratch.
    """
    k = len(columns)
    for i in range(samples.shape[0]):
        for c in range(k):
            work[0, c] = 0.0
            work[1, c] = 0.0
        for j in range(k):
            x = np.float64(samples[i, columns[j]])
            for c in range(k):
                work[0, c] += x * before[j, c]
                work[1, c] += x * after[j, c]
        share = weights[place + i]
        for c in range(samples.shape[1]):
            out[i, c] = samples[i, c]
        for c in range(k):
            out[i, columns[c]] = np.float32((1.0 - share) * work[0, c] + share * work[1, c])


@nb.njit([nb.void(_samples, _indices, _vector, _vector, _out)], cache=True, nogil=True)
def scale_by_rms(
    samples: NDArray[np.float32],
    columns: NDArray[np.int64],
    first: NDArray[np.float64],
    power: NDArray[np.float64],
    out: NDArray[np.float32],
) -> None:
    """Divide columns ``columns`` by one number, the root mean square of all their samples so far about the ``first``.

    ``first`` (k,) is the first sample's values; ``power`` (2,) holds the sum of squares and their number, changed. Where
    nothing has moved yet, 0 comes out. Other columns are copied.
    """
    k = len(columns)
    for i in range(samples.shape[0]):
        for c in range(k):
            step = np.float64(samples[i, columns[c]]) - first[c]
            power[0] += step * step
        power[1] += k
        scale = math.sqrt(power[0] / power[1])
        for c in range(samples.shape[1]):
            out[i, c] = samples[i, c]
        for c in range(k):
            x = np.float64(samples[i, columns[c]])
            out[i, columns[c]] = np.float32(x / scale) if scale > 0.0 else np.float32(0.0)


@nb.njit(
    [
        nb.void(
            *(_samples, _indices, _indices, nb.float64, nb.int64, nb.int64),
            *(_vector, _vector, _matrix, _vector, _matrix, _matrix, _out),
        )
    ],
    cache=True,
    nogil=True,
)
def regress_out(
    samples: NDArray[np.float32],
    columns: NDArray[np.int64],
    references: NDArray[np.int64],
    forget: float,
    count: int,
    settled: int,
    mean: NDArray[np.float64],
    lags: NDArray[np.float64],
    root: NDArray[np.float64],
    peak: NDArray[np.float64],
    cross: NDArray[np.float64],
    coefficients: NDArray[np.float64],
    out: NDArray[np.float32],
) -> None:
    """Subtract from ``columns`` what the newest ``references`` and their past predict, then learn from the sample.

    Recursive least squares by orthogonal (QR) updates: the new row is rotated into the triangular root of the references'
    weighted products (Gentleman and Kung, Proc. SPIE 298, 1981; Haykin, Adaptive Filter Theory, QR-RLS). Nothing is ever
    inverted or subtracted, so it stays stable where the usual recursion of the inverse blows up.

    Parameters
    ----------
    samples : (n, n_channels) float32.
    columns, references : (k,) and (r,) int64, columns that are cleaned, and references.
    forget : weight of the sample before, as a share of the newest's.
    count : samples seen before these; the coefficients are 0 until ``settled``.
    mean : (n_channels,) float64 running means of the columns, changed; predictions are of what departs from them.
    lags : (m,) float64, m = r * taps: the newest references less their means, newest lag first; changed.
    root : (m, m) float64, upper triangle; changed.
    peak : (m,) float64, largest diagonal of ``root`` so far; changed.
    cross : (m, k) float64, root times coefficients; changed.
    coefficients : (m, k) float64, changed.
    out : (n, n_channels) float32; columns that are not cleaned are copied.
    """
    n_channels = samples.shape[1]
    k, r, m = len(columns), len(references), len(lags)
    fade = math.sqrt(forget)
    row = np.empty(m)
    target = np.empty(k)
    for i in range(samples.shape[0]):
        for j in range(m - 1, r - 1, -1):
            lags[j] = lags[j - r]
        for j in range(r):
            lags[j] = np.float64(samples[i, references[j]]) - mean[references[j]]
        for c in range(n_channels):
            out[i, c] = samples[i, c]
        for c in range(k):
            x = np.float64(samples[i, columns[c]])
            target[c] = x - mean[columns[c]]
            predicted = 0.0
            for j in range(m):
                predicted += coefficients[j, c] * lags[j]
            out[i, columns[c]] = np.float32(x - predicted)
        for j in range(m):
            row[j] = lags[j]
            peak[j] = max(peak[j], abs(root[j, j]))
            if abs(root[j, j]) > KEPT_ROOT * peak[j]:
                for q in range(j, m):
                    root[j, q] *= fade
                for c in range(k):
                    cross[j, c] *= fade
        for j in range(m):
            if row[j] == 0.0:
                continue
            length = math.hypot(root[j, j], row[j])
            cosine, sine = root[j, j] / length, row[j] / length
            for q in range(j, m):
                old = root[j, q]
                root[j, q] = cosine * old + sine * row[q]
                row[q] = cosine * row[q] - sine * old
            for c in range(k):
                old = cross[j, c]
                cross[j, c] = cosine * old + sine * target[c]
                target[c] = cosine * target[c] - sine * old
        count += 1
        if count >= settled:
            for j in range(m - 1, -1, -1):
                whole = 0.0
                for q in range(j + 1):
                    whole += root[q, j] * root[q, j]
                depends = abs(root[j, j]) <= DEPENDENT * math.sqrt(whole)
                for c in range(k):
                    if depends:
                        coefficients[j, c] = 0.0
                        continue
                    value = cross[j, c]
                    for q in range(j + 1, m):
                        value -= root[j, q] * coefficients[q, c]
                    coefficients[j, c] = value / root[j, j]
        share = max(1.0 / count, 1.0 - forget)
        for c in range(n_channels):
            mean[c] += share * (np.float64(samples[i, c]) - mean[c])
