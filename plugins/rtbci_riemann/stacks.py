"""Stacks of matrices, laid out so that NumPy's batched products give each matrix the same bits, alone or among many.

A stack is ``(n, rows, padded(columns))`` float64: every row of every matrix begins on a 64-byte boundary and the padding
holds zeros. `numpy.matmul` calls BLAS once for each matrix of a stack, with the same shapes, strides and alignment
whatever ``n`` is, and what is done entry by entry does not know its neighbours. Only a product over *all* matrices at once
(one large gemm, whose kernels depend on its size) would round a matrix differently in company: nothing here does that.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from rtbci.errors import DecoderError
from rtbci_riemann.aligned import aligned_zeros

Matrix = NDArray[np.float64]

SMALLEST = float(np.finfo(np.float64).tiny)
"""Eigenvalues are raised to this before their logarithm is taken: a flat window has zeros."""
LINE = 64
"""Bytes on whose multiples rows begin."""


def padded(columns: int, item_bytes: int = 8) -> int:
    """Columns of a row that is filled up to whole lines."""
    per_line = LINE // item_bytes
    return -(-columns // per_line) * per_line


def stack(n: int, rows: int, columns: int) -> Matrix:
    """Zeros (n, rows, padded(columns)) float64, aligned."""
    zeros: Matrix = aligned_zeros((n, rows, padded(columns)))
    return zeros


def stacked(matrices: Matrix) -> Matrix:
    """``matrices`` (n, rows, columns) of any layout as a stack of their own."""
    copy = stack(*matrices.shape)
    copy[:, :, : matrices.shape[2]] = matrices
    return copy


def diagonal(matrices: Matrix) -> Matrix:
    """The main diagonals (n, rows) of a stack, as a view that may be written to."""
    n, rows, columns = matrices.shape
    view: Matrix = matrices.reshape(n, rows * columns)[:, : (rows - 1) * columns + rows : columns + 1]
    return view


def inner(a: Matrix, b: Matrix) -> Matrix:
    """Sums of the products of entries, (n,), of two stacks."""
    n = len(a)
    sums: Matrix = np.matmul(a.reshape(n, 1, -1), b.reshape(n, -1, 1)).reshape(n)
    return sums


def congruent(whitener: Matrix, matrices: Matrix, half: Matrix, out: Matrix) -> None:
    """``W A W'`` for ``whitener`` (1, rank, padded) and each ``A`` of a stack; ``half`` is room for ``W A``."""
    rank = matrices.shape[1]
    np.matmul(whitener[:, :, :rank], matrices[:, :, :rank], out=half[:, :, :rank])
    np.matmul(half[:, :, :rank], whitener[:, :, :rank].transpose(0, 2, 1), out=out[:, :, :rank])


def eigen(matrices: Matrix) -> tuple[Matrix, Matrix]:
    """Ascending eigenvalues (n, rank) and eigenvectors (n, rank, rank) of a stack's lower triangles. DecoderError."""
    try:
        values, vectors = np.linalg.eigh(matrices[:, :, : matrices.shape[1]])
    except np.linalg.LinAlgError as error:
        raise DecoderError(NOT_FINITE) from error
    return finite(values), vectors


def eigenvalues(matrices: Matrix) -> Matrix:
    """Ascending eigenvalues (n, rank) of a stack's lower triangles. Raises DecoderError."""
    try:
        values = np.asarray(np.linalg.eigvalsh(matrices[:, :, : matrices.shape[1]]), np.float64)
    except np.linalg.LinAlgError as error:
        raise DecoderError(NOT_FINITE) from error
    return finite(values)


def finite(values: Matrix) -> Matrix:
    """``values``, if all are finite. Raises DecoderError: LAPACK may take NaN and give NaN."""
    # their sum is not where one of them is not, and takes a third of the time
    if not math.isfinite(values.sum()):
        raise DecoderError(NOT_FINITE)
    return values


NOT_FINITE = "the eigenvalues of a window's covariance did not converge: its samples are not finite"


class Workspace:
    """Stacks that are kept between calls, by name: made when first asked for, and made anew when more is wanted."""

    def __init__(self) -> None:
        self._kept: dict[str, NDArray[Any]] = {}
        self._views: dict[tuple[str, int], Any] = {}

    def take(self, name: str, n: int, *shape: int, dtype: DTypeLike = np.float64) -> Matrix:
        """The first ``n`` of ``name``'s arrays, always of one ``shape``; zeros when new, else what was last written."""
        view = self._views.get((name, n))  # a live decoder asks for the same ones thousands of times
        if view is None:
            kept = self._kept.get(name)
            if kept is None or len(kept) < n:
                kept = self._kept[name] = aligned_zeros((n, *shape), dtype)
                self._views = {key: old for key, old in self._views.items() if key[0] != name}
            view = self._views[name, n] = kept[:n]
        taken: Matrix = view
        return taken
