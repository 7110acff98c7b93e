"""The logarithm of a matrix as a Chebyshev series: matrix products instead of an eigendecomposition.

On ``[a, 1]``, with ``rho = (1 - sqrt(a)) / (1 + sqrt(a))`` and ``x = (1+a)/2 + t (1-a)/2``,

    log x = 2 log((1 + sqrt(a))/2) + sum over k >= 1 of  2 (-1)^(k+1) rho^k / k  T_k(t)

(the generating function ``log(1 + 2 rho t + rho^2)``: Mason and Handscomb, Chebyshev Polynomials, 2003, chapter 5). All
terms have one sign at ``x = a``, so the error of leaving out those beyond ``d`` is at most ``sum over k > d of 2 rho^k/k``
and is reached there. A symmetric matrix with its spectrum in ``[a, 1]`` has its logarithm to that error in the 2-norm.

The series is summed after Paterson and Stockmeyer (SIAM J. Computing 2(1), 1973), in the Chebyshev basis: with ``s``
polynomials ``T_0 .. T_(s-1)`` at hand and ``y = T_s``, ``T_(is+j) = 2 T_i(y) T_j - T_(is-j)`` turns it into
``sum over i of Q_i y^i``, ``Q_i = sum over j < s of q_ij T_j``, for Horner's scheme: ``s + m - 2`` products for ``s m``
terms. (Powers of ``y`` are safe where powers of ``t`` would not be: going from ``T_i(y)`` to them multiplies coefficients
by 2.4^i at most, while these fall with ``rho^(s i)``.)
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.polynomial.chebyshev import cheb2poly
from numpy.typing import DTypeLike, NDArray

from rtbci_riemann.stacks import Matrix, Workspace, diagonal

TOLERANCE = 1e-11
"""Largest error of the series in the 2-norm. Float64 rounding adds about 1e-14; probabilities keep 1e-10."""


def log_coefficients(condition: float, tolerance: float = TOLERANCE) -> Matrix:
    """Coefficients (degree + 1,) of the shortest series of log on ``[1/condition, 1]`` with an error below ``tolerance``."""
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
    """``q`` (m, n_small) with ``sum c_k T_k = sum_i y^i sum_j q_ij T_j``, ``y = T_s``, ``s = n_small``."""
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
    powers = np.zeros((n_rows, n_rows))  # row i: T_i as a polynomial
    for i in range(n_rows):
        powers[i, : i + 1] = cheb2poly(np.eye(n_rows)[i, : i + 1])
    result: Matrix = powers.T @ q
    return result


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
        terms = len(coefficients)
        # few products, and among equals many powers rather than many polynomials, which take memory
        n_small = min(range(2, terms + 2), key=lambda s: (s - (-terms // s), s))
        self._q: NDArray[np.floating] = nested(coefficients, n_small).astype(dtype)
        self.n_products = sum(self._q.shape) - 2
        self._kept = Workspace()
        self._rooms: dict[tuple[int, ...], _Room] = {}

    def of(self, matrices: Matrix, out: Matrix) -> None:
        """Write the logarithms of ``matrices`` into ``out``, both stacks (n, rank, padded)."""
        room = self._rooms.get(matrices.shape)
        if room is None:
            room = self._rooms[matrices.shape] = _Room(self._take, matrices.shape, *self._q.shape)
        slope = 2.0 / (1.0 - self.smallest)
        # the polynomials of t = slope x - shift
        np.multiply(matrices, 2.0 * slope, out=room.twice)
        room.twice_diagonal[...] -= 2.0 * (slope - 1.0)
        np.multiply(room.twice, 0.5, out=room.small[1])
        for j in range(2, len(room.small)):
            np.matmul(room.inside_twice, room.inside_small[j - 1], out=room.inside_small[j])
            room.small[j] -= room.small[j - 2]
        np.matmul(self._q, room.small_flat, out=room.large_flat)

        y, large = room.inside_small[-1], room.large
        for i in range(len(large) - 2, -1, -1):
            np.matmul(y, room.inside_large[i + 1], out=room.inside_product)
            np.add(large[i], room.product, out=large[i] if i else out)
        if len(large) == 1:
            out[...] = large[0]

    def _take(self, name: str, *shape: int) -> Matrix:
        return self._kept.take(name, *shape, dtype=self._q.dtype)


class _Room:
    """Where a series of ``n`` matrices is computed: views, made once because making them costs as much as using them."""

    def __init__(self, take: Callable[..., Matrix], shape: tuple[int, ...], n_large: int, n_small: int) -> None:
        n, rank, width = shape
        small = take("small", n, n_small + 1, rank, width)
        large = take("large", n, n_large, rank, width)
        self.twice, self.product = take("twice", n, rank, width), take("product", n, rank, width)
        self.twice_diagonal = diagonal(self.twice)
        self.inside_twice, self.inside_product = self.twice[:, :, :rank], self.product[:, :, :rank]
        self.small = [small[:, j] for j in range(n_small + 1)]
        self.large = [large[:, i] for i in range(n_large)]
        self.inside_small = [matrix[:, :, :rank] for matrix in self.small]
        self.inside_large = [matrix[:, :, :rank] for matrix in self.large]
        self.small_flat = small[:, :n_small].reshape(n, n_small, rank * width)
        self.large_flat = large.reshape(n, n_large, rank * width)
        diagonal(self.small[0])[...] = 1.0
