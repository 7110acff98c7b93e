"""Functions of symmetric matrices in LAPACK, on buffers that are allocated once.

All matrices are float64 in Fortran order; of symmetric arguments only the lower triangle is read.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import blas, lapack

from rtbci.errors import DecoderError
from rtbci_riemann.aligned import aligned_copy, aligned_zeros

Matrix = NDArray[np.float64]

SMALLEST = float(np.finfo(np.float64).tiny)
"""Eigenvalues are raised to this before their logarithm is taken: a flat window has zeros."""


def inverse_cholesky(matrix: Matrix) -> Matrix:
    """Lower triangular ``W`` with ``W matrix W' = I``. Raises DecoderError where ``matrix`` is not positive definite."""
    factor, failed = lapack.dpotrf(np.asfortranarray(matrix), lower=1, clean=1)
    if not failed:
        factor, failed = lapack.dtrtri(factor, lower=1, overwrite_c=1)
    if failed:
        raise DecoderError(
            "a mean covariance of the training windows is not positive definite; "
            'use estimator = "oas" or "lwf", or a larger reg'
        )
    return aligned_copy(factor)


def log_softmax(scores: Matrix) -> Matrix:
    """``scores - log(sum(exp(scores)))`` for (n_classes,) float64."""
    shifted = scores - scores.max()
    result: Matrix = shifted - np.log(np.exp(shifted).sum())
    return result


class Spectrum:
    """Eigenvalues and logarithms of (rank, rank) symmetric matrices, seen through a whitener."""

    def __init__(self, rank: int) -> None:
        self.rank = rank
        self._matrix = aligned_zeros((rank, rank), order="F")
        self._scaled = aligned_zeros((rank, rank), order="F")
        self._log = aligned_zeros((rank, rank), order="F")
        self._values = aligned_zeros((rank,))

    def log_eigenvalues(self, matrix: Matrix, whitener: Matrix | None) -> Matrix:
        """Logarithms of the eigenvalues of ``W matrix W'``, ascending, (rank,); a buffer that is reused.

        ``whitener`` is lower triangular (`inverse_cholesky`), or None for the identity. With ``W B W' = I`` these are
        the logarithms of the joint eigenvalues of ``matrix`` and ``B`` (Foerstner and Moonen 1999).
        """
        values, _, failed = lapack.dsyevd(self._whitened(matrix, whitener), compute_v=0, lower=1, overwrite_a=1)
        return self._logarithms(values, failed)

    def log(self, matrix: Matrix, whitener: Matrix | None) -> Matrix:
        """Logarithm of ``W matrix W'``, (rank, rank), both triangles; a buffer that is reused."""
        values, vectors, failed = lapack.dsyevd(self._whitened(matrix, whitener), compute_v=1, lower=1, overwrite_a=1)
        np.multiply(vectors, self._logarithms(values, failed), out=self._scaled)
        blas.dgemm(1.0, self._scaled, vectors, trans_b=1, beta=0.0, c=self._log, overwrite_c=1)
        return self._log

    def full(self, matrix: Matrix) -> Matrix:
        """``matrix`` with both triangles, (rank, rank); a buffer that is reused."""
        lower = np.tril(matrix, -1)
        self._log[...] = lower + lower.T
        self._log.T.reshape(-1)[:: self.rank + 1] = matrix.diagonal()
        return self._log

    def _whitened(self, matrix: Matrix, whitener: Matrix | None) -> Matrix:
        if whitener is None:
            self._matrix[...] = matrix
        else:
            blas.dsymm(1.0, matrix, whitener, side=1, lower=1, beta=0.0, c=self._matrix, overwrite_c=1)
            blas.dtrmm(1.0, whitener, self._matrix, side=1, lower=1, trans_a=1, overwrite_b=1)
        return self._matrix

    def _logarithms(self, values: Matrix, failed: int) -> Matrix:
        if failed:
            raise DecoderError("the eigenvalues of a window's covariance did not converge: its samples are not finite")
        np.maximum(values, SMALLEST, out=self._values)
        np.log(self._values, out=self._values)
        return self._values
