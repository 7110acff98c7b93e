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
from rtbci_riemann.class_means import ClassMeans, mean_of, positive_definite
from rtbci_riemann.covariance import WindowCovariance
from rtbci_riemann.options import COUNTED, ESTIMATORS, METRICS, number, one_of
from rtbci_riemann.spd import log_softmax
from rtbci_riemann.training import fitting, n_classes_of, n_runs


class Mdm:
    """Minimum distance to the class means of the covariance matrices.

    Parameters
    ----------
    estimator : covariance estimator by pyRiemann's name: "oas", "lwf", "scm" or "cov".
    metric : "riemann" (affine-invariant), "logeuclid" or "euclid", for means and distances.
    reg : added to the diagonal of every covariance, as a fraction of its mean variance.
    counted : what a class mean is a mean of when `adapt` moves it by ``m / (n + m)``: "trials" (a run of training windows
        with one label is one, a new trial counts 1) or "windows" (a new trial counts as many as it has).
    least_step : the smallest step of `adapt`, 0 to 1: above 0 the means keep following a drift for ever.
    """

    def __init__(
        self,
        estimator: str = "oas",
        metric: str = "riemann",
        reg: float = 0.0,
        counted: str = "trials",
        least_step: float = 0.0,
    ) -> None:
        self.estimator = one_of("estimator", estimator, ESTIMATORS)
        self.metric = one_of("metric", metric, METRICS)
        self.reg = number("reg", reg, at_least=0.0)
        self.counted = one_of("counted", counted, COUNTED)
        self.least_step = number("least_step", least_step, at_least=0.0, at_most=1.0)
        self._n_classes: int | None = None

    def prepare(self, info: StreamInfo, n_samples: int, n_classes: int) -> None:
        """Remember the number of classes; everything else comes with the windows."""
        self._n_classes = n_classes

    def fit(self, windows: Samples, labels: NDArray[np.int64]) -> Mdm:
        """Learn the class means of ``windows`` (n_windows, n_channels, n_samples) with ``labels`` (n_windows,)."""
        from pyriemann.classification import MDM

        n_classes = n_classes_of(windows, labels, self._n_classes)
        covariance = WindowCovariance.learn(self.estimator, self.reg, windows)
        fitted = fitting("MDM", lambda: MDM(metric=self.metric).fit(covariance.batch(windows), labels))
        counts = np.bincount(labels) if self.counted == "windows" else n_runs(labels, n_classes)
        self._start(covariance, np.array(fitted.covmeans_, np.float64), counts.astype(np.float64))
        return self

    def predict(self, window: Window) -> NDArray[np.float64]:
        """Log-probabilities (n_classes,) of ``window``."""
        return log_softmax(-self.squared_distances(window))

    def predict_many(self, windows: Samples, starts: NDArray[np.int64]) -> NDArray[np.float64]:
        """Log-probabilities (n_windows, n_classes) of ``windows``, as `rtbci.interfaces.PredictsMany` has it."""
        self._fitted()
        said = np.empty((len(windows), len(self._counts)))
        for part, covariances in self._covariance.many(windows, starts):
            said[part] = log_softmax(-self._means.squared_distances(covariances))
        return said

    def squared_distances(self, window: Window) -> NDArray[np.float64]:
        """Squared distance of the window's covariance to each class mean, (n_classes,)."""
        self._fitted()
        distances: NDArray[np.float64] = self._means.squared_distances(self._covariance.of(window)[None])[0]
        return distances

    def adapt(self, windows: Samples, label: int) -> None:
        """Move the mean of class ``label`` towards the mean covariance of ``windows`` (n_windows, n_channels, n_samples).

        Windows whose covariance is not positive definite (flat ones) teach nothing. Raises DecoderError.
        """
        self._fitted()
        if not 0 <= label < len(self._counts):
            raise DecoderError(f"mdm: a trial of class {label}; the decoder knows 0 to {len(self._counts) - 1}")
        covariances = self._covariance.apart(windows)
        covariances = covariances[positive_definite(covariances)]
        if not len(covariances):
            return
        weight = float(len(covariances)) if self.counted == "windows" else 1.0
        step = max(weight / (self._counts[label] + weight), self.least_step)
        self._means.move(label, mean_of(covariances, self.metric), step)
        self._counts[label] += weight

    def arrays(self) -> Mapping[str, NDArray[Any]]:
        """What `fit` and `adapt` learnt, by name."""
        return {"means": self._means.means, "counts": self._counts.copy(), **self._covariance.arrays()}

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Become what wrote ``arrays``. Raises DecoderError."""
        try:
            covariance = WindowCovariance.restore(self.estimator, self.reg, arrays)
            means, counts = np.array(arrays["means"], np.float64), np.array(arrays["counts"], np.float64)
            if means.ndim != 3 or means.shape[1:] != (covariance.rank, covariance.rank):
                raise ValueError(f"means of shape {means.shape} for rank {covariance.rank}")
            if counts.shape != means.shape[:1] or not (counts > 0.0).all():
                raise ValueError(f"counts {counts} for {len(means)} classes")
        except (KeyError, ValueError, TypeError) as error:
            raise DecoderError(f"mdm: arrays that mdm cannot have written ({error}); train the model again") from error
        self._start(covariance, means, counts)

    def _start(self, covariance: WindowCovariance, means: NDArray[np.float64], counts: NDArray[np.float64]) -> None:
        self._covariance = covariance
        self._means = ClassMeans(self.metric, means)
        self._counts = counts

    def _fitted(self) -> None:
        if not hasattr(self, "_covariance"):
            raise DecoderError("mdm: neither fitted nor restored; fit it or load a model first")
