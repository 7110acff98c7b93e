"""The logarithm of a matrix as a Chebyshev series: matrix products instead of an eigendecomposition.

On ``[a, 1]``, with ``rho = (1 - sqrt(a)) / (1 + sqrt(a))`` and ``x = (1+a)/2 + t (1-a)/2``,

    log x = 2 log((1 + sqrt(a))/2) + sum over k >= 1 of  2 (-1)^(k+1) rho^k / k  T_k(t)

(the generating function ``log(1 + 2 rho t + rho^2)``: Mason and Handscomb, Chebyshev Polynomials, 2003, chapter 5). All
terms have one sign at ``x = a``, so the error of leaving out those beyond ``d`` is at most ``sum over k > d of 2 rho^k/k``
and is reached there. A symmetric matrix with its spectrum in ``[a, 1]`` has its logarithm to that error in the 2-norm.

The series is summed after Paterson and Stockmeyer (SIAM J. Computing 2(1), 1973), in the Chebyshev basis: with ``s``
polynomials ``T_0 .. T_(s-1)`` at hand and ``y = T_s``, ``T_(is+j) = 2 T_i(y) T_j - T_(is-j)`` turns it into
``sum over i of Q_i T_i(y)``, ``Q_i = sum over j < s of q_ij T_j``, which Clenshaw's recurrence sums: ``s + m - 2`` products
for ``s m`` terms.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import DTypeLike, NDArray

from rtbci_riemann.stacks import Matrix, Workspace, diagonal

TOLERANCE = 1e-11
"""Largest error of the series in the 2-norm. Float64 rounding adds about 1e-14; probabilities keep 1e-10."""


def log_coefficients(condition: float, tolerance: float = TOLERANCE) -> Matrix:
    """Coefficients (degree + 1,) of the shortest series of log on ``[1/condition, 1]`` whose error is below ``tolerance``."""
    root = 1.0 / math.sqrt(condition)
    rho = (1.0 - root) / (1.0 + root)
    # the rest after degree d is below 2 rho^(d+1) / ((d+1)(1-rho)): a degree that surely suffices, then the exact one
    enough = 2
    while 2.0 * rho ** (enough + 1) / ((enough + 1) * (1.0 - rho)) > 1e-3 * tolerance:
        enough *= 2
    k = np.arange(1, enough + 1)
    sizes = 2.0 * rho**k / k
    rest = np.cumsum(sizes[::-1])[::-1]  # rest[d] is the error of leaving out the terms beyond degree d
    degree = int(np.argmax(rest <= 0.999 * tolerance))
    signs = np.where(k % 2 == 1, 1.0, -1.0)
    return np.concatenate([[2.0 * math.log((1.0 + root) / 2.0)], (signs * sizes)[:degree]])


def nested(coefficients: Matrix, n_small: int) -> Matrix:
    """``q`` (m, n_small) with ``sum c_k T_k = sum_i T_i(T_s) sum_j q_ij T_j``, ``s = n_small``."""
    n_rows = -(-len(coefficients) // n_small)
    left = np.zeros(n_rows * n_small)
    left[: len(coefficients)] = coefficients
    q = np.zeros((n_rows, n_small))
    for k in range(len(left) - 1, -1, -1):
        i, j = divmod(k, n_small)
        if i == 0 or j == 0:
            q[i, j] += left[k]
        else:
            q[i, j] += 2.0 * left[k]
            left[i * n_small - j] -= left[k]
    return q


class LogSeries:
    """Logarithms of symmetric matrices whose eigenvalues lie in ``[1/condition, 1]``.

    Parameters
    ----------
    condition : largest eigenvalue over smallest that is provided for, > 1.
    tolerance : error allowed in the 2-norm.
    dtype : float64; float32 is for measuring what it would cost and gain.
    """

    def __init__(self, condition: float, tolerance: float = TOLERANCE, dtype: DTypeLike = np.float64) -> None:
        self.smallest = 1.0 / condition
        coefficients = log_coefficients(condition, tolerance)
        self.degree = len(coefficients) - 1
        self._q: NDArray[np.float64] = min(
            (nested(coefficients, s) for s in range(2, len(coefficients) + 2)),
            key=lambda q: (q.shape[0] + q.shape[1], q.shape[1]),
        ).astype(dtype)
        self.n_products = sum(self._q.shape) - 2
        self._room = Workspace()
        self._dtype = dtype

    def of(self, matrices: Matrix, squares: Matrix, out: Matrix) -> None:
        """Write the logarithms of ``matrices`` into ``out``, all stacks (n, rank, padded); ``squares`` are their squares."""
        n, rank, width = matrices.shape
        n_large, n_small = self._q.shape
        small = self._room.take("small", n, n_small + 1, rank, width, dtype=self._dtype)
        large = self._room.take("large", n, n_large, rank, width, dtype=self._dtype)
        double = self._room.take("double", n, rank, width, dtype=self._dtype)

        # t = slope x - shift; T_2 = 2 t^2 - 1 comes from the square that is there
        slope = 2.0 / (1.0 - self.smallest)
        shift = (1.0 + self.smallest) / (1.0 - self.smallest)
        diagonal(small[:, 0])[...] = 1.0
        first, second = small[:, 1], small[:, 2]
        np.multiply(matrices, 2.0 * slope, out=double)
        np.multiply(double, -2.0 * shift, out=first)
        np.multiply(squares, 2.0 * slope * slope, out=second)
        second += first
        diagonal(second)[...] += 2.0 * shift * shift - 1.0
        diagonal(double)[...] -= 2.0 * shift
        np.multiply(double, 0.5, out=first)
        for j in range(3, n_small + 1):
            np.matmul(double[:, :, :rank], small[:, j - 1, :, :rank], out=small[:, j, :, :rank])
            small[:, j] -= small[:, j - 2]

        entries = rank * width
        np.matmul(self._q, small[:, :n_small].reshape(n, n_small, entries), out=large.reshape(n, n_large, entries))
        self._clenshaw(small[:, n_small], large, out)

    def _clenshaw(self, y: Matrix, large: Matrix, out: Matrix) -> None:
        """``out = sum_i T_i(y) large_i``, by ``b_i = large_i + 2 y b_(i+1) - b_(i+2)``; ``large`` is used up."""
        n, n_large, rank, width = large.shape
        product = self._room.take("product", n, rank, width, dtype=self._dtype)
        twice = self._room.take("double", n, rank, width, dtype=self._dtype)
        np.multiply(y, 2.0, out=twice)
        for i in range(n_large - 2, 0, -1):
            np.matmul(twice[:, :, :rank], large[:, i + 1, :, :rank], out=product[:, :, :rank])
            large[:, i] += product
            if i + 2 < n_large:
                large[:, i] -= large[:, i + 2]
        if n_large == 1:
            out[...] = large[:, 0]
            return
        np.matmul(y[:, :, :rank], large[:, 1, :, :rank], out=product[:, :, :rank])
        np.add(large[:, 0], product, out=out)
        if n_large > 2:
            out -= large[:, 2]
