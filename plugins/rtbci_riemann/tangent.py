r"""Tangent space at the mean covariance, and logistic regression in it.

Barachant, Bonnet, Congedo and Jutten, IEEE Trans. Biomedical Engineering 59(4), 2012, section III. With the reference
``M``, a tangent vector holds the entries of ``log(M^-1/2 C M^-1/2)`` weighted so that its norm is the matrix's, so a
linear classifier on it is an inner product of matrices, ``<W, log(M^-1/2 C M^-1/2)> + b``. Any other whitener of ``M``
differs by a rotation ``Q``: with its inverse Cholesky factor ``L^-1 = Q M^-1/2``,

    <W, log(M^-1/2 C M^-1/2)> = <Q W Q', log(L^-1 C L^-T)>

so that predicting takes a triangular whitener, one eigendecomposition and one product; no vector is formed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtbci.errors import DecoderError
from rtbci.types import Samples, StreamInfo, Window
from rtbci_riemann.aligned import aligned_copy
from rtbci_riemann.covariance import WindowCovariance
from rtbci_riemann.options import ESTIMATORS, METRICS, number, one_of, yes_or_no
from rtbci_riemann.spd import Matrix, Spectrum, inverse_cholesky, log_softmax
from rtbci_riemann.training import fitting, n_classes_of


class Tangent:
    """Logistic regression in the tangent space of the covariance matrices.

    Parameters
    ----------
    estimator : covariance estimator by pyRiemann's name: "oas", "lwf", "scm" or "cov".
    C : inverse strength of the l2 penalty (scikit-learn's ``LogisticRegression``).
    metric : "riemann" (affine-invariant), "logeuclid" or "euclid", for the reference and the tangent space.
    reg : added to the diagonal of every covariance, as a fraction of its mean variance.
    standardise : whether tangent vectors are scaled to unit variance before the regression. They have a common scale by
        themselves, and on two subjects' motor imagery scaling them cost accuracy (trials .82 to .77 and 1.00 to .93).
    """

    def __init__(
        self,
        estimator: str = "oas",
        C: float = 1.0,
        metric: str = "riemann",
        reg: float = 0.0,
        standardise: bool = False,
    ) -> None:
        self.estimator = one_of("estimator", estimator, ESTIMATORS)
        self.C = number("C", C, above=0.0)
        self.metric = one_of("metric", metric, METRICS)
        self.reg = number("reg", reg, at_least=0.0)
        self.standardise = yes_or_no("standardise", standardise)
        self._n_classes: int | None = None

    def prepare(self, info: StreamInfo, n_samples: int, n_classes: int) -> None:
        """Remember the number of classes; everything else comes with the windows."""
        self._n_classes = n_classes

    def fit(self, windows: Samples, labels: NDArray[np.int64]) -> Tangent:
        """Learn from ``windows`` (n_windows, n_channels, n_samples) float32 in order of time, ``labels`` (n_windows,)."""
        from pyriemann.tangentspace import TangentSpace

        n_classes = n_classes_of(windows, labels, self._n_classes)
        covariance = WindowCovariance.learn(self.estimator, self.reg, windows)
        space = TangentSpace(metric=self.metric)
        vectors = fitting("the tangent space", lambda: space.fit_transform(covariance.batch(windows)))
        coefficients, bias = self._regress(vectors, labels)
        if n_classes == 2:  # scikit-learn has one row for two classes: log-odds of the second
            coefficients, bias = np.vstack([0.0 * coefficients, coefficients]), np.concatenate([[0.0], bias])
        weights = [_as_matrix(row, covariance.rank) for row in coefficients]
        reference = np.array(space.reference_, np.float64)
        whitener = np.eye(covariance.rank)
        if self.metric == "riemann":
            whitener = inverse_cholesky(reference)
            rotation = whitener @ _function(reference, np.sqrt)
            weights = [rotation @ weight @ rotation.T for weight in weights]
        elif self.metric == "logeuclid":
            weights = [_pull_back(weight, reference) for weight in weights]
            log_reference = _function(reference, np.log)
            bias = bias - [float((weight * log_reference).sum()) for weight in weights]
        else:
            bias = bias - [float((weight * reference).sum()) for weight in weights]
        self._start(covariance, np.ascontiguousarray(whitener), np.array(weights), np.array(bias))
        return self

    def predict(self, window: Window) -> NDArray[np.float64]:
        """Log-probabilities (n_classes,) of ``window``."""
        if not hasattr(self, "_covariance"):
            raise DecoderError("tangent: neither fitted nor restored; fit it or load a model first")
        matrix = self._covariance.of(window)
        if self.metric == "euclid":
            point = self._spectrum.full(matrix)
        else:
            point = self._spectrum.log(matrix, self._used_whitener)
        return log_softmax(np.dot(self._used_weights, point.T.reshape(-1)) + self._bias)

    def arrays(self) -> Mapping[str, NDArray[Any]]:
        """What `fit` learnt, by name."""
        return {
            "whitener": self._whitener,
            "weights": self._weights,
            "bias": self._bias,
            **self._covariance.arrays(),
        }

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Become what wrote ``arrays``. Raises DecoderError."""
        try:
            covariance = WindowCovariance.restore(self.estimator, self.reg, arrays)
            whitener, weights, bias = (np.array(arrays[name], np.float64) for name in ("whitener", "weights", "bias"))
            square = (covariance.rank, covariance.rank)
            if whitener.shape != square or bias.ndim != 1 or weights.shape != (len(bias), *square):
                raise ValueError(f"weights of shape {weights.shape} for rank {covariance.rank}")
        except (KeyError, ValueError, TypeError) as error:
            raise DecoderError(
                f"tangent: arrays that tangent cannot have written ({error}); train the model again"
            ) from error
        self._start(covariance, whitener, weights, bias)

    def _regress(self, vectors: Matrix, labels: NDArray[np.int64]) -> tuple[Matrix, Matrix]:
        """Coefficients (n_rows, n_features) on tangent vectors as they are, and bias (n_rows,)."""
        from sklearn.linear_model import LogisticRegression

        mean, scale = np.zeros(vectors.shape[1]), np.ones(vectors.shape[1])
        if self.standardise:
            from sklearn.preprocessing import StandardScaler

            scaler = StandardScaler().fit(vectors)
            mean, scale = scaler.mean_, scaler.scale_
            vectors = scaler.transform(vectors)
        regression = LogisticRegression(C=self.C, max_iter=2000).fit(vectors, labels)
        coefficients: Matrix = regression.coef_ / scale
        bias: Matrix = regression.intercept_ - coefficients @ mean
        return coefficients, bias

    def _start(self, covariance: WindowCovariance, whitener: Matrix, weights: Matrix, bias: Matrix) -> None:
        self._covariance = covariance
        self._whitener, self._weights, self._bias = whitener, weights, bias
        self._spectrum = Spectrum(covariance.rank)
        self._used_whitener = aligned_copy(whitener) if self.metric == "riemann" else None
        self._used_weights = aligned_copy(weights.reshape(len(weights), -1), "C")


def _as_matrix(vector: Matrix, n: int) -> Matrix:
    """The symmetric matrix whose inner product with ``X`` is that of ``vector`` with X's tangent vector."""
    matrix = np.zeros((n, n))
    rows, columns = np.triu_indices(n)
    # off-diagonal entries carry sqrt(2) in the vector and are counted twice by the inner product of matrices
    matrix[rows, columns] = np.where(rows == columns, vector, vector / np.sqrt(2.0))
    matrix[columns, rows] = matrix[rows, columns]
    return matrix


def _function(matrix: Matrix, function: Any) -> Matrix:
    values, vectors = np.linalg.eigh(matrix)
    result: Matrix = (vectors * function(values)) @ vectors.T
    return result


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
