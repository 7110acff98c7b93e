"""Functions of symmetric matrices, and probabilities from scores; stacks as in `rtbci_riemann.stacks`."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.linalg import lapack

from rtbci.errors import DecoderError
from rtbci_riemann.aligned import aligned_copy
from rtbci_riemann.linear import ONE_AGAINST_REST
from rtbci_riemann.stacks import Matrix


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


def function_of(matrix: Matrix, function: Callable[[Matrix], Matrix]) -> Matrix:
    """``function`` of symmetric ``matrix`` (rank, rank): of its eigenvalues."""
    values, vectors = np.linalg.eigh(matrix)
    result: Matrix = (vectors * function(values)) @ vectors.T
    return result


def log_probabilities(scores: Matrix, link: int) -> Matrix:
    """Logarithms of probabilities (n, n_classes) from ``scores`` (n, n_classes): see `rtbci_riemann.linear.SOFTMAX`."""
    if link == ONE_AGAINST_REST:
        scores = -np.logaddexp(0.0, -scores)
    return log_softmax(scores)


def log_softmax(scores: Matrix) -> Matrix:
    """``scores - log(sum(exp(scores)))`` of (n_classes,) or of each row of (n, n_classes)."""
    # classes are few, windows many: adding column by column gives a row the same bits in any company
    columns = scores.T
    highest = columns[0].copy()
    for column in columns[1:]:
        highest = np.maximum(highest, column)
    shifted = columns - highest
    each = np.exp(shifted)
    total = each[0].copy()
    for column in each[1:]:
        total = total + column
    result: Matrix = np.ascontiguousarray((shifted - np.log(total)).T)
    return result
