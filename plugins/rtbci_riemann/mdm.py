"""Minimum distance to mean: the class whose mean covariance is nearest.

Barachant, Bonnet, Congedo and Jutten, IEEE Trans. Biomedical Engineering 59(4), 2012, algorithm 3. Probabilities are the
softmax of minus the squared distances, as pyRiemann's ``MDM.predict_proba`` gives them.
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
from rtbci_riemann.options import ESTIMATORS, METRICS, number, one_of
from rtbci_riemann.spd import Matrix, Spectrum, inverse_cholesky, log_softmax
from rtbci_riemann.training import fitting, n_classes_of


class Mdm:
    """Minimum distance to the class means of the covariance matrices.

    Parameters
    ----------
    estimator : covariance estimator by pyRiemann's name: "oas", "lwf", "scm" or "cov".
    metric : "riemann" (affine-invariant), "logeuclid" or "euclid", for means and distances.
    reg : added to the diagonal of every covariance, as a fraction of its mean variance.
    """

    def __init__(self, estimator: str = "oas", metric: str = "riemann", reg: float = 0.0) -> None:
        self.estimator = one_of("estimator", estimator, ESTIMATORS)
        self.metric = one_of("metric", metric, METRICS)
        self.reg = number("reg", reg, at_least=0.0)
        self._n_classes: int | None = None

    def prepare(self, info: StreamInfo, n_samples: int, n_classes: int) -> None:
        """Remember the number of classes; everything else comes with the windows."""
        self._n_classes = n_classes

    def fit(self, windows: Samples, labels: NDArray[np.int64]) -> Mdm:
        """Learn the class means of ``windows`` (n_windows, n_channels, n_samples) with ``labels`` (n_windows,)."""
        from pyriemann.classification import MDM

        n_classes_of(windows, labels, self._n_classes)
        covariance = WindowCovariance.learn(self.estimator, self.reg, windows)
        fitted = fitting("MDM", lambda: MDM(metric=self.metric).fit(covariance.batch(windows), labels))
        self._start(covariance, np.array(fitted.covmeans_, np.float64))
        return self

    def predict(self, window: Window) -> NDArray[np.float64]:
        """Log-probabilities (n_classes,) of ``window``."""
        return log_softmax(-self.squared_distances(window))

    def squared_distances(self, window: Window) -> NDArray[np.float64]:
        """Squared distance of the window's covariance to each class mean, (n_classes,)."""
        if not hasattr(self, "_covariance"):
            raise DecoderError("mdm: neither fitted nor restored; fit it or load a model first")
        matrix = self._covariance.of(window)
        distances = np.empty(len(self._means))
        if self.metric == "riemann":
            for k, whitener in enumerate(self._references):
                logs = self._spectrum.log_eigenvalues(matrix, whitener)
                distances[k] = np.dot(logs, logs)
            return distances
        point = self._spectrum.log(matrix, None) if self.metric == "logeuclid" else self._spectrum.full(matrix)
        for k, reference in enumerate(self._references):
            np.subtract(point, reference, out=self._difference)
            flat = self._difference.T.reshape(-1)
            distances[k] = np.dot(flat, flat)
        return distances

    def arrays(self) -> Mapping[str, NDArray[Any]]:
        """What `fit` learnt, by name."""
        return {"means": self._means, **self._covariance.arrays()}

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Become what wrote ``arrays``. Raises DecoderError."""
        try:
            covariance = WindowCovariance.restore(self.estimator, self.reg, arrays)
            means = np.array(arrays["means"], np.float64)
            if means.ndim != 3 or means.shape[1:] != (covariance.rank, covariance.rank):
                raise ValueError(f"means of shape {means.shape} for rank {covariance.rank}")
        except (KeyError, ValueError, TypeError) as error:
            raise DecoderError(f"mdm: arrays that mdm cannot have written ({error}); train the model again") from error
        self._start(covariance, means)

    def _start(self, covariance: WindowCovariance, means: Matrix) -> None:
        self._covariance = covariance
        self._means = means
        self._spectrum = Spectrum(covariance.rank)
        self._difference = aligned_copy(np.zeros((covariance.rank, covariance.rank)))
        if self.metric == "riemann":
            self._references = [inverse_cholesky(mean) for mean in means]
        elif self.metric == "logeuclid":
            self._references = [aligned_copy(self._spectrum.log(np.asfortranarray(mean), None)) for mean in means]
        else:
            self._references = [aligned_copy(mean) for mean in means]
