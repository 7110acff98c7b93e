r"""A linear classifier in the tangent space at a mean covariance.

Barachant, Bonnet, Congedo and Jutten, IEEE Trans. Biomedical Engineering 59(4), 2012, section III. With the reference
``M``, a tangent vector holds the entries of ``log(M^-1/2 C M^-1/2)`` weighted so that its norm is the matrix's, so a
linear classifier on it is an inner product of matrices, ``<W, log(M^-1/2 C M^-1/2)> + b``. Any other whitener of ``M``
differs by a rotation ``Q``: with its inverse Cholesky factor ``L^-1 = Q M^-1/2``,

    <W, log(M^-1/2 C M^-1/2)> = <Q W Q', log(L^-1 C L^-T)>

so that predicting takes a triangular whitener, one logarithm and one product; no vector is formed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtbci_riemann.linear import ONE_AGAINST_REST, SOFTMAX, fit_linear
from rtbci_riemann.logarithm import MatrixLog, condition_for
from rtbci_riemann.proximal import proximal_step
from rtbci_riemann.spd import function_of, inverse_cholesky, log_probabilities
from rtbci_riemann.stacks import Matrix, Workspace, congruent, padded, stacked
from rtbci_riemann.training import fitting

AT_ONCE = 2**21
"""Bytes of logarithms that are computed at once: more leave the cache, fewer pay Python's overhead more often."""


class TangentClassifier:
    """Whitener, reference and linear weights. Row ``i`` of what it says is a function of matrix ``i``, bit for bit.

    Parameters
    ----------
    metric : "riemann" (affine-invariant), "logeuclid" or "euclid".
    whitener : (rank, rank) lower triangular; the identity but for "riemann".
    weights : (n_classes, rank, rank), in the whitener's basis.
    bias : (n_classes,).
    centre : (rank, rank) what the weights are multiplied with at the reference: 0 but for "logeuclid" and "euclid".
    link : `rtbci_riemann.linear.SOFTMAX` or ``ONE_AGAINST_REST``.
    condition : what `rtbci_riemann.logarithm.MatrixLog` provides for.
    """

    def __init__(
        self,
        metric: str,
        whitener: Matrix,
        weights: Matrix,
        bias: Matrix,
        centre: Matrix,
        link: int,
        condition: float,
    ) -> None:
        self.metric = metric
        self.whitener, self.weights, self.bias, self.centre = whitener, weights, bias, centre
        self.link = link
        self.rank = len(whitener)
        self._width = padded(self.rank)
        self._whitener = stacked(whitener[None])
        self._log = MatrixLog(self.rank, condition)
        self._room = Workspace()
        self._at_once = max(1, min(32, AT_ONCE // (12 * 8 * self.rank * self._width)))
        self._place(weights, bias)

    @classmethod
    def fit(
        cls,
        covariances: Matrix,
        labels: NDArray[np.int64],
        *,
        metric: str = "riemann",
        classifier: str = "lr",
        C: float = 1.0,
        standardise: bool = False,
        logarithm: str = "auto",
        class_weight: str | None = None,
    ) -> TangentClassifier:
        """Learn from ``covariances`` (n, rank, rank) float64, positive definite, in order of time, and ``labels`` (n,).

        Parameters
        ----------
        classifier : one of `rtbci_riemann.linear.CLASSIFIERS`; ``C`` is its inverse penalty ("lda" has none).
        standardise : whether tangent vectors are scaled to unit variance before.
        logarithm : "auto", "eigh" or "chebyshev" (`rtbci_riemann.logarithm.condition_for`).
        class_weight : None, or "balanced": as if every class had as many windows.
        """
        from pyriemann.tangentspace import TangentSpace

        space = TangentSpace(metric=metric)
        vectors = fitting("the tangent space", lambda: space.fit_transform(covariances))
        linear = fitting(
            "the classifier", lambda: fit_linear(vectors, labels, classifier, C, standardise, class_weight)
        )
        rank = covariances.shape[1]
        weights = np.array([as_matrix(row, rank) for row in linear.coefficients])
        reference = np.array(space.reference_, np.float64)
        whitener, centre = np.eye(rank), np.zeros((rank, rank))
        if metric == "riemann":
            whitener = np.ascontiguousarray(inverse_cholesky(reference))
            rotation = whitener @ function_of(reference, np.sqrt)
            weights = rotation @ weights @ rotation.T
        elif metric == "logeuclid":
            weights = np.array([_pull_back(weight, reference) for weight in weights])
            centre = function_of(reference, np.log)
        else:
            centre = reference
        condition = 0.0
        if metric != "euclid":
            condition = condition_for(whitener @ covariances @ whitener.T, logarithm)
        bias = linear.bias - (weights * centre).sum(axis=(1, 2))
        return cls(metric, whitener, np.ascontiguousarray(weights), bias, centre, linear.link, condition)

    def log_probs(self, covariances: Matrix) -> NDArray[np.float64]:
        """Log-probabilities (n, n_classes) of ``covariances`` (n, rank, rank) float64. Raises DecoderError."""
        said = np.empty((len(covariances), len(self.bias)))
        for first in range(0, len(covariances), self._at_once):
            part = slice(first, first + self._at_once)
            said[part] = log_probabilities(self._scores(self.points(covariances[part])), self.link)
        return said

    def points(self, covariances: Matrix) -> Matrix:
        """What the weights are multiplied with, a stack (n, rank, padded): whitened logarithms; a buffer that is reused."""
        n, rank, width = len(covariances), self.rank, self._width
        matrices = self._room.take("matrices", n, rank, width)
        matrices[:, :, :rank] = covariances
        if self.metric == "euclid":
            return matrices
        if self.metric == "riemann":
            congruent(self._whitener, matrices, self._room.take("half", n, rank, width), matrices)
        return self._log.of(matrices)

    def adapt(self, covariances: Matrix, label: int, stiffness: float) -> None:
        """Turn weights and bias towards a trial of class ``label``, ``covariances`` (n, rank, rank), positive definite."""
        n, rank = len(covariances), self.rank
        points = np.empty((n, rank, rank))
        for first in range(0, n, self._at_once):
            part = slice(first, first + self._at_once)
            points[part] = self.points(covariances[part])[:, :, :rank]
        # measured from the reference, so that the points' size is how far they differ and not where they lie
        centre = self.centre.reshape(-1)
        old = self.weights.reshape(-1, rank * rank)
        weights, bias = proximal_step(
            points.reshape(n, -1) - centre, label, old, self.bias + old @ centre, self.link, stiffness
        )
        self._place(weights.reshape(-1, rank, rank), bias - weights @ centre)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What was learnt, by name."""
        return {
            "whitener": self.whitener,
            "weights": self.weights,
            "bias": self.bias,
            "centre": self.centre,
            "link": np.array(self.link, np.int64),
            "condition": np.array(self._log.condition, np.float64),
        }

    @classmethod
    def restore(cls, metric: str, arrays: Mapping[str, NDArray[Any]]) -> TangentClassifier:
        """Become what wrote ``arrays``. Raises KeyError or ValueError when they cannot be its own."""
        names = ("whitener", "weights", "bias", "centre")
        whitener, weights, bias, centre = (np.array(arrays[name], np.float64) for name in names)
        link, condition = int(arrays["link"]), float(arrays["condition"])
        rank = len(whitener)
        if whitener.shape != (rank, rank) or bias.ndim != 1 or weights.shape != (len(bias), rank, rank):
            raise ValueError(f"weights of shape {weights.shape} for rank {rank}")
        if centre.shape != whitener.shape:
            raise ValueError(f"a centre of shape {centre.shape} for rank {rank}")
        if link not in (SOFTMAX, ONE_AGAINST_REST):
            raise ValueError(f"a link of {link}")
        if not (condition == 0.0 or 1.0 < condition < np.inf):
            raise ValueError(f"a condition number of {condition}")
        return cls(metric, whitener, weights, bias, centre, link, condition)

    def _scores(self, points: Matrix) -> Matrix:
        """Weights times points plus bias, (n, n_classes)."""
        n = len(points)
        scores: Matrix = np.matmul(self._used_weights, points.reshape(n, -1, 1))[:, :, 0] + self.bias
        return scores

    def _place(self, weights: Matrix, bias: Matrix) -> None:
        """Take ``weights`` and ``bias`` into use."""
        self.weights, self.bias = weights, bias
        self._used_weights = stacked(weights).reshape(1, len(weights), -1)


def as_matrix(vector: Matrix, n: int) -> Matrix:
    """The symmetric matrix whose inner product with ``X`` is that of ``vector`` with X's tangent vector."""
    matrix = np.zeros((n, n))
    rows, columns = np.triu_indices(n)
    # off-diagonal entries carry sqrt(2) in the vector and are counted twice by the inner product of matrices
    matrix[rows, columns] = np.where(rows == columns, vector, vector / np.sqrt(2.0))
    matrix[columns, rows] = matrix[rows, columns]
    return matrix


def _pull_back(weight: Matrix, reference: Matrix) -> Matrix:
    """``D`` with ``<weight, d exp_{log M}(Y)> = <D, Y>`` for symmetric ``Y``.

    The differential of the exponential is self-adjoint: in M's eigenbasis it multiplies entry (i, j) by the divided
    difference ``(m_i - m_j) / (log m_i - log m_j)``, ``m_i`` where the two are equal (Daleckii and Krein 1965).
    """
    values, vectors = np.linalg.eigh(reference)
    logs = np.log(values)
    gaps = logs[:, None] - logs[None, :]
    # expm1 keeps the digits of close eigenvalues
    ratio = np.divide(np.expm1(gaps), gaps, out=np.ones_like(gaps), where=gaps != 0.0) * values[None, :]
    result: Matrix = vectors @ (ratio * (vectors.T @ weight @ vectors)) @ vectors.T
    return result
