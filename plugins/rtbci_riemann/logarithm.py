"""Logarithms of stacks of covariance matrices: by a Chebyshev series where that is quicker, else by eigendecomposition.

A covariance that was whitened by the mean has its eigenvalues around 1, within a factor of a few tens; over so short an
interval a polynomial of modest degree is a logarithm to eleven digits (`rtbci_riemann.chebyshev`). Which condition number
to provide for is learnt from the training data, once. Each window is then put into the interval by bounds that hold for
certain:

* the largest eigenvalue by its traces: with ``m = tr(A^2)/p`` and ``s^2 = tr(A^4)/p - m^2``, the largest eigenvalue of
  ``A^2`` is at most ``m + s sqrt(p - 1)`` (Wolkowicz and Styan, Linear Algebra and its Applications 29, 1980, theorem 2.1);
* the smallest by a Cholesky factorisation: ``A - l I`` has one exactly if all eigenvalues are above ``l``.

A window whose spectrum is wider than that gets an eigendecomposition. So what a window's logarithm is depends on the model
and on the window, never on the windows beside it.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from rtbci_riemann.chebyshev import LogSeries
from rtbci_riemann.stacks import SMALLEST, Matrix, Workspace, diagonal, eigen, eigenvalues, inner, stacked

SPARE = 1.0 + 1e-9
"""By how much the bound of the largest eigenvalue is raised, so that rounding cannot undo it."""

WIDEST = 1e4
"""Condition number beyond which a series loses more digits to rounding than it is wanted to have."""

MARGIN = 3.0
"""By how much spectra may be wider than in training: sessions differ, and products grow with the fourth root only."""

EIGH_IN_PRODUCTS = ((12, 4.0), (16, 24.0), (22, 30.0), (32, 27.0), (64, 19.0))
"""(rank, how many of a series' products, with all that goes with them, take as long as an eigendecomposition).

Measured in place in batches (bench_matrix_log.py). Below 16 channels a batch would gain 1 to 8 us a window and a single
window lose 40, so there an eigendecomposition it is.
"""


class MatrixLog:
    """Logarithms of stacks of (rank, rank) symmetric matrices.

    Parameters
    ----------
    rank : rows of a matrix.
    condition : the ratio of eigenvalues up to which a series is used, or 0 for always an eigendecomposition.
    """

    def __init__(self, rank: int, condition: float) -> None:
        self.rank = rank
        self.condition = float(condition)
        self._series = LogSeries(self.condition) if condition else None
        self._room = Workspace()

    def of(self, matrices: Matrix) -> Matrix:
        """Logarithms, a stack like ``matrices`` (n, rank, padded) and a buffer that is reused. Raises DecoderError."""
        n, rank, width = matrices.shape
        out = self._room.take("out", n, rank, width)
        if self._series is None:
            self._by_eigenvalues(matrices, out)
            return out
        squares, scaled = (self._room.take(name, n, rank, width) for name in ("squares", "scaled"))
        np.matmul(matrices[:, :, :rank], matrices[:, :, :rank], out=squares[:, :, :rank])
        largest = largest_eigenvalue(matrices, squares)
        np.multiply(matrices, (1.0 / largest)[:, None, None], out=scaled)
        fits = above(scaled, self._series.smallest, self._room.take("moved", n, rank, width))
        fits &= np.isfinite(largest)  # a factorisation does not stop at NaN
        if fits.all():
            self._series.of(scaled, out)
            diagonal(out)[...] += np.log(largest)[:, None]
            return out
        for chosen, by in ((fits, self._by_series), (~fits, self._by_eigenvalues)):
            if chosen.any():
                some = stacked(matrices[chosen])
                by(some, some)
                out[chosen] = some
        return out

    def _by_series(self, matrices: Matrix, out: Matrix) -> None:
        """`of` for matrices that are known to fit, ``out`` may be ``matrices``."""
        out[...] = MatrixLog.of(self, matrices)

    def _by_eigenvalues(self, matrices: Matrix, out: Matrix) -> None:
        values, vectors = eigen(matrices)
        logs = np.log(np.maximum(values, SMALLEST))
        rank = self.rank
        scaled = self._room.take("vectors", len(matrices), rank, matrices.shape[2])
        np.multiply(vectors, logs[:, None, :], out=scaled[:, :, :rank])
        np.matmul(scaled[:, :, :rank], vectors.transpose(0, 2, 1), out=out[:, :, :rank])


def largest_eigenvalue(matrices: Matrix, squares: Matrix) -> Matrix:
    """Upper bounds (n,) of the largest eigenvalues' sizes, from a stack and the stack of its squares; above 0."""
    rank = matrices.shape[1]
    # one matrix after the other: numbers that are few are quicker so
    means, squared = (inner(matrices, matrices) / rank).tolist(), (inner(squares, squares) / rank).tolist()
    spreads = [math.sqrt(max(b - a * a, 0.0) * (rank - 1.0)) for a, b in zip(means, squared, strict=True)]
    return np.array([max(math.sqrt(a + s) * SPARE, SMALLEST) for a, s in zip(means, spreads, strict=True)])


def above(matrices: Matrix, bound: float, moved: Matrix) -> NDArray[np.bool_]:
    """Which of a stack have all eigenvalues above ``bound``, (n,); ``moved`` is room for them."""
    np.copyto(moved, matrices)
    diagonal(moved)[...] -= bound
    return _positive_definite(moved)


def _positive_definite(matrices: Matrix) -> NDArray[np.bool_]:
    # NumPy says of a stack only that some matrix failed: halves find which, at the cost of one more look for each halving
    try:
        np.linalg.cholesky(matrices[:, :, : matrices.shape[1]])
    except np.linalg.LinAlgError:
        if len(matrices) == 1:
            return np.zeros(1, np.bool_)
        half = len(matrices) // 2
        return np.concatenate([_positive_definite(matrices[:half]), _positive_definite(matrices[half:])])
    return np.ones(len(matrices), np.bool_)


def condition_for(matrices: Matrix, method: str, eigh_in_products: float | None = None) -> float:
    """The condition number that a `MatrixLog` of windows like ``matrices`` (n, rank, rank) should provide for.

    ``method`` is "eigh" (never a series), "chebyshev" (a series for all of these windows) or "auto": the number at which
    series and eigendecompositions together take least time, by a count of products, and 0 where a series does not pay.
    """
    rank = matrices.shape[1]
    if method == "eigh" or rank == 1 or len(matrices) == 0:
        return 0.0
    stack = stacked(matrices)
    squares = stacked(np.matmul(matrices, matrices))
    smallest = eigenvalues(stack)[:, 0]
    usable = smallest > 0.0
    if not usable.any():
        return 0.0
    conditions = np.sort(MARGIN * largest_eigenvalue(stack, squares)[usable] / smallest[usable])
    conditions = conditions[conditions <= WIDEST]
    if not len(conditions):
        return 0.0
    if method == "chebyshev":
        return float(conditions[-1])
    if eigh_in_products is None:
        ranks, products = zip(*EIGH_IN_PRODUCTS, strict=True)
        eigh_in_products = float(np.interp(rank, ranks, products))
    best, least = 0.0, eigh_in_products
    for share in (0.5, 0.75, 0.9, 0.95, 0.98, 1.0):
        condition = float(conditions[max(0, int(np.ceil(share * len(conditions))) - 1)])
        covered = float((conditions <= condition).sum()) / len(matrices)
        cost = LogSeries(condition).n_products + 2.0 + (1.0 - covered) * eigh_in_products
        if cost < least:
            best, least = condition, cost
    return best
