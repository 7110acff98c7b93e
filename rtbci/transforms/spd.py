"""Functions of symmetric positive matrices, at 64-byte aligned addresses so that LAPACK and BLAS always round alike.

Matrices are float64. The affine-invariant geometry is that of Bhatia, Positive Definite Matrices, 2007, chapter 6; the
log-Euclidean one that of Arsigny et al., SIAM J. Matrix Analysis 29(1), 2007.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import blas, lapack

from rtbci.errors import TransformError

Matrix = NDArray[np.float64]

NOISE_FLOOR = 1e-8
"""Smallest variance, relative to the largest, of a direction that counts, with every channel scaled to unit variance:
rounding of float32 samples leaves about 1e-14, and up to 1e-9 where a large offset was filtered away; cap EEG of 64
channels stays above 1e-6."""

ITERATIONS = 100
"""Steps of Weiszfeld's iteration at most; it ends when no weight moves by a millionth of the mean weight."""


def aligned_zeros(shape: tuple[int, ...]) -> Matrix:
    """Zeros of ``shape``, C order, that begin on a multiple of 64 bytes."""
    raw = np.zeros(8 * math.prod(shape) + 64, np.uint8)
    first = -raw.ctypes.data % 64
    return raw[first : first + 8 * math.prod(shape)].view(np.float64).reshape(shape)


def aligned_copy(matrix: Matrix) -> Matrix:
    """A copy of ``matrix`` in Fortran order, as BLAS wants it, that begins on a multiple of 64 bytes."""
    copy = aligned_zeros(matrix.shape[::-1]).T
    copy[...] = matrix
    return copy


def product(a: Matrix, b: Matrix, *, transpose_a: bool = False, transpose_b: bool = False) -> Matrix:
    """The matrix product of ``a`` and ``b``, either of them transposed first."""
    rows = a.shape[1] if transpose_a else a.shape[0]
    columns = b.shape[0] if transpose_b else b.shape[1]
    out = aligned_zeros((columns, rows)).T
    if out.size:
        a, b = aligned_copy(a), aligned_copy(b)
        blas.dgemm(1.0, a, b, trans_a=transpose_a, trans_b=transpose_b, beta=0.0, c=out, overwrite_c=1)
    return out


def eigen(matrix: Matrix) -> tuple[Matrix, Matrix]:
    """Eigenvalues (p,), ascending, and eigenvectors (p, p) in columns of a symmetric ``matrix`` (p, p).

    Raises TransformError when they do not converge, as for samples that are not finite.
    """
    values, vectors, failed = lapack.dsyevd(aligned_copy(matrix), compute_v=1, lower=1, overwrite_a=1)
    if failed:
        raise TransformError("the eigenvalues of a covariance did not converge; its samples must be finite")
    return values, vectors


def from_eigen(values: Matrix, vectors: Matrix) -> Matrix:
    """The symmetric matrix (p, p) with eigenvalues ``values`` (k,) along ``vectors`` (p, k)."""
    made = product(vectors * values, vectors, transpose_b=True)
    return (made + made.T) * 0.5


def of_eigenvalues(matrix: Matrix, function: Callable[[Matrix], Matrix]) -> Matrix:
    """The matrix with the same eigenvectors and ``function`` of the eigenvalues."""
    values, vectors = eigen(matrix)
    return from_eigen(function(values), vectors)


def sqrtm(matrix: Matrix) -> Matrix:
    """Square root of a positive semi-definite ``matrix``; what rounding made negative counts as 0."""
    return of_eigenvalues(matrix, lambda values: np.sqrt(np.maximum(values, 0.0)))


def inverse_sqrtm(matrix: Matrix) -> Matrix:
    """Inverse square root of a positive definite ``matrix``."""
    return of_eigenvalues(matrix, lambda values: 1.0 / np.sqrt(_positive(values)))


def logm(matrix: Matrix) -> Matrix:
    """Logarithm of a positive definite ``matrix``."""
    return of_eigenvalues(matrix, lambda values: np.log(_positive(values)))


def expm(matrix: Matrix) -> Matrix:
    """Exponential of a symmetric ``matrix``."""
    return of_eigenvalues(matrix, np.exp)


class Relative:
    """``b`` as seen from ``a``, both positive definite (p, p): with ``a = L L'``, the eigenvalues of ``inv(L) b inv(L')``.

    Raises TransformError when ``a`` is not positive definite.

    Attributes
    ----------
    values : (p,) float64, ascending; the generalised eigenvalues of ``b`` and ``a``.
    """

    def __init__(self, a: Matrix, b: Matrix) -> None:
        factor, failed = lapack.dpotrf(aligned_copy(a), lower=1, clean=1, overwrite_a=1)
        if failed:
            raise TransformError("a covariance is not positive definite; shrinkage above 0 would make it so")
        half = blas.dtrsm(1.0, factor, aligned_copy(b), lower=1, overwrite_b=1)
        whitened = blas.dtrsm(1.0, factor, half, side=1, lower=1, trans_a=1, overwrite_b=1)
        values, vectors = eigen((whitened + whitened.T) * 0.5)
        self.values = _positive(values)
        self._axes = product(factor, vectors)

    @property
    def distance(self) -> float:
        """Affine-invariant distance of ``a`` and ``b``: root of the summed squared logarithms of the eigenvalues."""
        return math.sqrt(math.fsum(np.log(self.values) ** 2))

    def between(self, share: float) -> Matrix:
        """The point of the geodesic from ``a`` to ``b`` that lies at ``share`` of the way (Bhatia, section 6.1)."""
        return from_eigen(self.values**share, self._axes)


def geodesic(a: Matrix, b: Matrix, share: float) -> Matrix:
    """The point at ``share`` (0: ``a``, 1: ``b``) of the geodesic between two positive definite matrices (p, p)."""
    return Relative(a, b).between(share)


def shrunk(covariance: Matrix, shrinkage: float) -> Matrix:
    """``covariance`` (p, p) moved by ``shrinkage`` towards the multiple of the identity that has its trace."""
    out = covariance * (1.0 - shrinkage)
    np.einsum("ii->i", out)[:] += shrinkage * math.fsum(covariance.diagonal()) / len(covariance)
    return out


def span(covariance: Matrix) -> Matrix:
    """Orthonormal columns (p, rank) of the directions that ``covariance`` (p, p) fills beyond rounding; the true rank.

    The identity for full rank, so that nothing is turned without need. An average reference, SSP, and channels that
    stand still take dimensions away.
    """
    alive = np.flatnonzero(covariance.diagonal() > 0.0)
    if len(alive) == 0:
        return np.zeros((len(covariance), 0))
    moving = covariance[np.ix_(alive, alive)]
    divisor = _deviations(moving)
    values, vectors = eigen(moving / np.outer(divisor, divisor))
    kept = values > NOISE_FLOOR * float(values[-1])
    inner = np.eye(len(alive))
    if not kept.all():
        inner, _ = np.linalg.qr(aligned_copy(divisor[:, None] * vectors[:, kept]))
    basis = np.zeros((len(covariance), inner.shape[1]))
    basis[alive] = inner
    return aligned_copy(basis)


def within(covariance: Matrix, basis: Matrix) -> Matrix:
    """``covariance`` (p, p) in the coordinates of ``basis`` (p, rank): (rank, rank)."""
    inner = product(basis, product(covariance, basis), transpose_a=True)
    return (inner + inner.T) * 0.5


def outside(covariance: Matrix, basis: Matrix) -> float:
    """Largest share of a channel's variance in ``covariance`` (p, p) that lies outside the span of ``basis`` (p, rank)."""
    if basis.shape[0] == basis.shape[1]:
        return 0.0
    divisor = _deviations(covariance)
    # channels scaled to unit variance: what rounding leaves of a strong one must not count as all of a weak one
    scaled, _ = np.linalg.qr(aligned_copy(basis / divisor[:, None]))
    rest = np.eye(len(covariance)) - product(scaled, scaled, transpose_b=True)
    return float(within(covariance / np.outer(divisor, divisor), rest).diagonal().max())


def geometric_median(matrices: Matrix) -> Matrix:
    """The matrix (p, p) with the least sum of Frobenius distances to ``matrices`` (n, p, p): Weiszfeld's iteration.

    It is a mean with weights that fall with the distance, so it is positive where they are. Distances come from the inner
    products of the matrices, computed once.
    """
    n, p, _ = matrices.shape
    rows = matrices.reshape(n, -1)
    inner = product(rows, rows, transpose_b=True)
    squares = inner.diagonal()
    weights = np.full((n, 1), 1.0 / n)
    smallest = 1e-6 * math.sqrt(float(squares.max())) or 1.0
    for _ in range(ITERATIONS):
        shadows = product(inner, weights)
        own = float(product(weights, shadows, transpose_a=True)[0, 0])
        distances = np.sqrt(np.maximum(squares - 2.0 * shadows[:, 0] + own, 0.0))
        fresh = 1.0 / np.maximum(distances, smallest)
        fresh /= math.fsum(fresh)
        moved = float(np.abs(fresh - weights[:, 0]).max())
        weights = fresh[:, None].copy()
        if moved < 1e-6 / n:
            break
    median = product(weights, rows, transpose_a=True).reshape(p, p)
    return (median + median.T) * 0.5


def _deviations(covariance: Matrix) -> Matrix:
    """Standard deviations (p,) of the channels of ``covariance``; the largest for one that stands still, 1 for all."""
    variances = covariance.diagonal()
    largest = float(variances.max()) or 1.0
    return np.sqrt(np.where(variances > 0.0, variances, largest))


def _positive(values: Matrix) -> Matrix:
    """``values`` with a floor at the rounding of the largest, so that their logarithms are finite."""
    largest = max(float(values.max(initial=0.0)), np.finfo(float).tiny * 2.0**60)
    return np.maximum(values, np.finfo(float).eps * largest)
