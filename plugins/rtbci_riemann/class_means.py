"""Class means of covariance matrices: how far a matrix is from each, and how a mean follows new trials.

Distances are of Barachant, Bonnet, Congedo and Jutten (IEEE Trans. Biomedical Engineering 59(4), 2012, algorithm 3). A
mean moves along the geodesic towards the new trial, ``gamma(t) = L (L^-1 C L^-T)^t L'`` with ``M = L L'`` (Moakher, SIAM J.
Matrix Analysis 26(3), 2005, section 3; any square root of ``M`` gives the same curve), which for ``t = 1/(n + 1)`` is the
recursive form of a mean of ``n + 1``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rtbci_riemann.spd import function_of, inverse_cholesky
from rtbci_riemann.stacks import SMALLEST, Matrix, Workspace, congruent, eigen, eigenvalues, inner, padded, stacked


class ClassMeans:
    """Mean covariances of classes under one metric.

    Parameters
    ----------
    metric : "riemann" (affine-invariant), "logeuclid" or "euclid".
    means : (n_classes, rank, rank), positive definite. Raises DecoderError where one is not.
    """

    def __init__(self, metric: str, means: Matrix) -> None:
        self.metric = metric
        self.means = means
        self.rank = means.shape[1]
        self._width = padded(self.rank)
        self._room = Workspace()
        self._references = [self._reference(mean) for mean in means]

    def squared_distances(self, covariances: Matrix) -> Matrix:
        """Squared distances (n, n_classes) of ``covariances`` (n, rank, rank) float64. Raises DecoderError."""
        n, rank, width = len(covariances), self.rank, self._width
        matrices, moved, half = (self._room.take(name, n, rank, width) for name in ("matrices", "moved", "half"))
        matrices[:, :, :rank] = covariances
        distances = np.empty((n, len(self.means)))
        if self.metric == "riemann":
            for k, whitener in enumerate(self._references):
                congruent(whitener, matrices, half, moved)
                distances[:, k] = squared_logs(eigenvalues(moved), self._room.take("logs", n, 1, width))
            return distances
        points = self._logarithms(matrices) if self.metric == "logeuclid" else matrices
        for k, reference in enumerate(self._references):
            np.subtract(points, reference, out=moved)
            distances[:, k] = inner(moved, moved)
        return distances

    def move(self, label: int, target: Matrix, step: float) -> None:
        """Move the mean of ``label`` by ``step`` (0 to 1) of the way to ``target`` (rank, rank), along the geodesic."""
        moved = self.means.copy()
        moved[label] = between(self.means[label], target, step, self.metric)
        self._references[label] = self._reference(moved[label])
        self.means = moved

    def _reference(self, mean: Matrix) -> Matrix:
        """What a window's matrix is held against, a stack of one."""
        if self.metric == "riemann":
            return stacked(inverse_cholesky(mean)[None])
        return stacked((function_of(mean, _log) if self.metric == "logeuclid" else mean)[None])

    def _logarithms(self, matrices: Matrix) -> Matrix:
        values, vectors = eigen(matrices)
        n, rank, width = matrices.shape
        half, logs = self._room.take("half", n, rank, width), self._room.take("moved logs", n, rank, width)
        np.multiply(vectors, _log(values)[:, None, :], out=half[:, :, :rank])
        np.matmul(half[:, :, :rank], vectors.transpose(0, 2, 1), out=logs[:, :, :rank])
        return logs


def squared_logs(values: Matrix, logs: Matrix) -> Matrix:
    """Sums of squared logarithms (n,) of eigenvalues (n, rank); ``logs`` (n, 1, padded) is room for them."""
    logs[:, 0, : values.shape[1]] = _log(values)
    return inner(logs, logs)


def between(a: Matrix, b: Matrix, step: float, metric: str) -> Matrix:
    """The point ``step`` of the way from ``a`` to ``b``, both (rank, rank) positive definite, along the geodesic."""
    if metric == "euclid":
        return (1.0 - step) * a + step * b
    if metric == "logeuclid":
        return _symmetric(function_of((1.0 - step) * function_of(a, _log) + step * function_of(b, _log), np.exp))
    whitener = inverse_cholesky(a)
    factor = np.linalg.cholesky(a)
    return _symmetric(factor @ function_of(whitener @ b @ whitener.T, lambda values: values**step) @ factor.T)


def mean_of(covariances: Matrix, metric: str) -> Matrix:
    """The mean (rank, rank) of ``covariances`` (n, rank, rank) under ``metric``; all must be positive definite.

    The affine-invariant one by Moakher's fixed point, ``M <- L exp(mean log(L^-1 C L^-T)) L'`` (2005, section 4), from the
    arithmetic mean.
    """
    if metric == "euclid":
        return np.array(covariances.mean(axis=0))
    if metric == "logeuclid":
        return _symmetric(function_of(np.array([function_of(c, _log) for c in covariances]).mean(axis=0), np.exp))
    mean = np.array(covariances.mean(axis=0))
    for _ in range(50):
        whitener, factor = inverse_cholesky(mean), np.linalg.cholesky(mean)
        values, vectors = np.linalg.eigh(whitener @ covariances @ whitener.T)
        tangent = ((vectors * _log(values)[:, None, :]) @ vectors.transpose(0, 2, 1)).mean(axis=0)
        mean = _symmetric(factor @ function_of(tangent, np.exp) @ factor.T)
        if np.linalg.norm(tangent) < 1e-9:
            break
    return mean


def positive_definite(covariances: Matrix) -> NDArray[np.bool_]:
    """Which of ``covariances`` (n, rank, rank) have eigenvalues above rounding, (n,): flat windows have not."""
    values = np.linalg.eigvalsh(covariances)
    result: NDArray[np.bool_] = values[:, 0] > 1e-12 * np.maximum(values[:, -1], SMALLEST)
    return result


def _log(values: Matrix) -> Matrix:
    logs: Matrix = np.log(np.maximum(values, SMALLEST))
    return logs


def _symmetric(matrix: Matrix) -> Matrix:
    return 0.5 * (matrix + matrix.T)
