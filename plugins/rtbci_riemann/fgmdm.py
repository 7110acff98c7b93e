"""Minimum distance to mean after geodesic filtering.

Barachant, Bonnet, Congedo and Jutten, LVA/ICA 2010 (LNCS 6365, pp. 629-636): in the tangent space at the mean, everything
but the directions of a linear discriminant analysis is projected away; what is left goes back to the manifold, and the
nearest class mean there is the answer. With discriminants ``W`` the projection is ``W' (W W')^+ W = B' B``, so a window's
filtered matrix is ``exp(sum of a_i B_i)`` with ``a_i = <B_i, log(L^-1 C L^-T)>`` in coordinates whitened by the mean
``L L'``, where the class means are held too: distances do not change with coordinates.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtbci.errors import DecoderError
from rtbci.types import Samples, StreamInfo, Window
from rtbci_riemann.class_means import ClassMeans
from rtbci_riemann.covariance import WindowCovariance
from rtbci_riemann.logarithm import MatrixLog, condition_for
from rtbci_riemann.options import ESTIMATORS, LOGARITHMS, number, one_of
from rtbci_riemann.spd import function_of, inverse_cholesky, log_softmax
from rtbci_riemann.stacks import Matrix, Workspace, congruent, eigen, padded, stacked
from rtbci_riemann.tangent_classifier import as_matrix
from rtbci_riemann.training import fitting, n_classes_of


class FgMdm:
    """Minimum distance to the class means, affine-invariant, of covariance matrices filtered in the tangent space.

    Parameters
    ----------
    estimator : covariance estimator by pyRiemann's name: "oas", "lwf", "scm" or "cov".
    reg : added to the diagonal of every covariance, as a fraction of its mean variance.
    logarithm : "auto", "eigh" or "chebyshev", as in `rtbci_riemann.tangent.Tangent`.
    """

    def __init__(self, estimator: str = "oas", reg: float = 0.0, logarithm: str = "auto") -> None:
        self.estimator = one_of("estimator", estimator, ESTIMATORS)
        self.reg = number("reg", reg, at_least=0.0)
        self.logarithm = one_of("logarithm", logarithm, LOGARITHMS)
        self._n_classes: int | None = None

    def prepare(self, info: StreamInfo, n_samples: int, n_classes: int) -> None:
        """Remember the number of classes; everything else comes with the windows."""
        self._n_classes = n_classes

    def fit(self, windows: Samples, labels: NDArray[np.int64]) -> FgMdm:
        """Learn from ``windows`` (n_windows, n_channels, n_samples) float32 and ``labels`` (n_windows,)."""
        from pyriemann.classification import MDM
        from pyriemann.tangentspace import FGDA

        n_classes_of(windows, labels, self._n_classes)
        covariance = WindowCovariance.learn(self.estimator, self.reg, windows)
        covariances = covariance.batch(windows)
        filtering = FGDA(metric="riemann")
        filtered = fitting("geodesic filtering", lambda: filtering.fit_transform(covariances, labels))
        means = fitting("MDM", lambda: MDM(metric="riemann").fit(filtered, labels)).covmeans_
        reference = np.array(filtering._ts.reference_, np.float64)
        whitener = inverse_cholesky(reference)
        rotation = whitener @ function_of(reference, np.sqrt)
        filters = np.array([as_matrix(row, covariance.rank) for row in _factor(filtering._lda.coef_)])
        self._start(
            covariance,
            np.ascontiguousarray(whitener),
            np.ascontiguousarray(rotation @ filters @ rotation.T),
            np.ascontiguousarray(whitener @ np.array(means, np.float64) @ whitener.T),
            condition_for(whitener @ covariances @ whitener.T, self.logarithm),
        )
        return self

    def predict(self, window: Window) -> NDArray[np.float64]:
        """Log-probabilities (n_classes,) of ``window``."""
        self._fitted()
        said: NDArray[np.float64] = self._log_probs(self._covariance.of(window)[None])[0]
        return said

    def predict_many(self, windows: Samples, starts: NDArray[np.int64]) -> NDArray[np.float64]:
        """Log-probabilities (n_windows, n_classes) of ``windows``, as `rtbci.interfaces.PredictsMany` has it."""
        self._fitted()
        said = np.empty((len(windows), len(self._means.means)))
        for part, covariances in self._covariance.many(windows, starts):
            said[part] = self._log_probs(covariances)
        return said

    def arrays(self) -> Mapping[str, NDArray[Any]]:
        """What `fit` learnt, by name."""
        return {
            "whitener": self._whitener,
            "filters": self._filters,
            "means": self._means.means,
            "condition": np.array(self._log.condition, np.float64),
            **self._covariance.arrays(),
        }

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Become what wrote ``arrays``. Raises DecoderError."""
        try:
            covariance = WindowCovariance.restore(self.estimator, self.reg, arrays)
            whitener, filters, means = (np.array(arrays[name], np.float64) for name in ("whitener", "filters", "means"))
            condition = float(arrays["condition"])
            square = (covariance.rank, covariance.rank)
            if whitener.shape != square or filters.shape != (len(filters), *square) or means.shape[1:] != square:
                raise ValueError(f"filters of shape {filters.shape} for rank {covariance.rank}")
            if not (condition == 0.0 or 1.0 < condition < np.inf):
                raise ValueError(f"a condition number of {condition}")
        except (KeyError, ValueError, TypeError) as error:
            raise DecoderError(
                f"fgmdm: arrays that fgmdm cannot have written ({error}); train the model again"
            ) from error
        self._start(covariance, whitener, filters, means, condition)

    def _start(
        self, covariance: WindowCovariance, whitener: Matrix, filters: Matrix, means: Matrix, condition: float
    ) -> None:
        self._covariance, self._whitener, self._filters = covariance, whitener, filters
        self._means = ClassMeans("riemann", means)
        self._log = MatrixLog(covariance.rank, condition)
        self._used_whitener = stacked(whitener[None])
        self._used_filters = stacked(filters).reshape(1, len(filters), -1)
        self._room = Workspace()

    def _log_probs(self, covariances: Matrix) -> NDArray[np.float64]:
        """Log-probabilities (n, n_classes) of ``covariances`` (n, rank, rank)."""
        return log_softmax(-self._means.squared_distances(self._filtered(covariances)))

    def _filtered(self, covariances: Matrix) -> Matrix:
        """Filtered matrices (n, rank, rank) in whitened coordinates; a view of a buffer."""
        n, rank = len(covariances), self._covariance.rank
        matrices, half = (self._room.take(name, n, rank, padded(rank)) for name in ("matrices", "half"))
        matrices[:, :, :rank] = covariances
        congruent(self._used_whitener, matrices, half, matrices)
        points = self._log.of(matrices).reshape(n, -1, 1)
        amounts = np.matmul(self._used_filters, points)  # (n, n_filters, 1)
        left = np.matmul(amounts.transpose(0, 2, 1), self._used_filters, out=half.reshape(n, 1, -1))
        values, vectors = eigen(left.reshape(n, rank, -1))
        np.multiply(vectors, np.exp(values)[:, None, :], out=half[:, :, :rank])
        np.matmul(half[:, :, :rank], vectors.transpose(0, 2, 1), out=matrices[:, :, :rank])
        return matrices[:, :, :rank]

    def _fitted(self) -> None:
        if not hasattr(self, "_covariance"):
            raise DecoderError("fgmdm: neither fitted nor restored; fit it or load a model first")


def _factor(coefficients: NDArray[np.float64]) -> Matrix:
    """``B`` (n_rows, n_features) with ``B' B = W' (W W')^+ W`` for discriminants ``W`` (n_rows, n_features)."""
    inverse = np.linalg.pinv(coefficients @ coefficients.T)
    values, vectors = np.linalg.eigh(0.5 * (inverse + inverse.T))
    kept = values > 0.0
    result: Matrix = (vectors[:, kept] * np.sqrt(values[kept])).T @ coefficients
    return result
