"""Steady-state visual responses by their extended covariance (`rtbci_riemann.extended`): nearest class mean, or linear."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtbci.errors import DecoderError
from rtbci.types import Samples, StreamInfo, Window
from rtbci_riemann.class_means import ClassMeans
from rtbci_riemann.extended import ExtendedCovariance, stimulus_filters
from rtbci_riemann.in_parts import log_probs_in_parts
from rtbci_riemann.linear import CLASSIFIERS
from rtbci_riemann.options import ESTIMATORS, METRICS, number, one_of
from rtbci_riemann.spd import log_softmax
from rtbci_riemann.stacks import Matrix
from rtbci_riemann.staging import Staging
from rtbci_riemann.tangent_classifier import TangentClassifier
from rtbci_riemann.training import fitting, n_classes_of
from rtbci_riemann.whole import whole


class RiemannSsvep:
    """Which flickering stimulus is looked at, or none: classes are learnt, so a class at rest is one like any other.

    Parameters
    ----------
    frequencies : the stimuli's in Hz, as a list ([13.0, 17.0, 21.0]) or by the class's name ({left = 13.0}). Their order
        means nothing, and there may be fewer than classes; 0 stands for a class without one.
    harmonics : how many multiples of each frequency get a filter, itself included.
    half_width : Hz on both sides of a frequency that its filter lets through.
    filter_order : order of the Butterworth low-pass that the band-pass is made of.
    settle : seconds at the window's beginning that are left out of the covariance, in which the filters swell up.
    classifier : "mdm" (the nearest class mean), or in the tangent space "lr", "svm" or "lda".
    C : inverse strength of the linear classifier's l2 penalty.
    estimator : covariance estimator by pyRiemann's name: "oas", "lwf", "scm" or "cov".
    reg : added to the diagonal of every covariance, as a fraction of its mean variance.
    metric : "riemann", "logeuclid" or "euclid".
    """

    def __init__(
        self,
        frequencies: Sequence[float] | Mapping[str, float],
        harmonics: int = 1,
        half_width: float = 0.5,
        filter_order: int = 2,
        settle: float = 0.0,
        classifier: str = "mdm",
        C: float = 1.0,
        estimator: str = "oas",
        reg: float = 0.0,
        metric: str = "riemann",
    ) -> None:
        self.frequencies = _hertz(frequencies)
        self.harmonics = whole("harmonics", harmonics)
        self.half_width = number("half_width", half_width, above=0.0)
        self.filter_order = whole("filter_order", filter_order)
        self.settle = number("settle", settle, at_least=0.0)
        self.classifier = one_of("classifier", classifier, ("mdm", *CLASSIFIERS))
        self.C = number("C", C, above=0.0)
        self.estimator = one_of("estimator", estimator, ESTIMATORS)
        self.reg = number("reg", reg, at_least=0.0)
        self.metric = one_of("metric", metric, METRICS)
        self._n_classes: int | None = None
        self._rate: float | None = None

    def prepare(self, info: StreamInfo, n_samples: int, n_classes: int) -> None:
        """Remember the number of classes and the rate, which the filters need. Raises DecoderError."""
        stimulus_filters(self.frequencies, self.harmonics, self.half_width, self.filter_order, info.rate)
        self._n_classes, self._rate = n_classes, info.rate

    def fit(self, windows: Samples, labels: NDArray[np.int64]) -> RiemannSsvep:
        """Learn from ``windows`` (n_windows, n_channels, n_samples) float32 in order of time, ``labels`` (n_windows,)."""
        n_classes_of(windows, labels, self._n_classes)
        if self._rate is None:
            raise DecoderError("riemann-ssvep: the rate is not known, and the filters need it; call prepare before fit")
        filters = stimulus_filters(self.frequencies, self.harmonics, self.half_width, self.filter_order, self._rate)
        n_left_out = round(self.settle * self._rate)
        covariance = ExtendedCovariance(Staging.learn(windows), filters, n_left_out, self.estimator, self.reg)
        self._classes = self._learnt(covariance.many(windows), labels)
        self._covariance = covariance
        return self

    def predict(self, window: Window) -> NDArray[np.float64]:
        """Log-probabilities (n_classes,) of ``window``."""
        self._fitted()
        said: NDArray[np.float64] = self._log_probs(self._covariance.many(window.samples[None]))[0]
        return said

    def predict_many(self, windows: Samples, starts: NDArray[np.int64]) -> NDArray[np.float64]:
        """Log-probabilities (n_windows, n_classes) of ``windows``, as `rtbci.interfaces.PredictsMany` has it."""
        self._fitted()
        n_classes = len(self._classes.means if isinstance(self._classes, ClassMeans) else self._classes.bias)
        return log_probs_in_parts(windows, self._covariance.many, self._log_probs, self._covariance.rank, n_classes)

    def arrays(self) -> Mapping[str, NDArray[Any]]:
        """What `fit` learnt, by name, and the filters that it made."""
        self._fitted()
        learnt = self._classes
        of_classes = {"means": learnt.means} if isinstance(learnt, ClassMeans) else learnt.arrays()
        return {**of_classes, **self._covariance.arrays()}

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Become what wrote ``arrays``. Raises DecoderError."""
        try:
            covariance = ExtendedCovariance.restore(self.estimator, self.reg, arrays)
            classes = self._restored(arrays)
            if classes.rank != covariance.rank:
                raise ValueError(f"classes of rank {classes.rank} for covariances of rank {covariance.rank}")
        except (KeyError, ValueError, TypeError) as error:
            raise DecoderError(
                f"riemann-ssvep: arrays that riemann-ssvep cannot have written ({error}); train the model again"
            ) from error
        self._covariance, self._classes = covariance, classes

    def _learnt(self, covariances: Matrix, labels: NDArray[np.int64]) -> ClassMeans | TangentClassifier:
        if self.classifier != "mdm":
            return TangentClassifier.fit(covariances, labels, metric=self.metric, classifier=self.classifier, C=self.C)
        from pyriemann.classification import MDM

        fitted = fitting("MDM", lambda: MDM(metric=self.metric).fit(covariances, labels))
        return ClassMeans(self.metric, np.array(fitted.covmeans_, np.float64))

    def _restored(self, arrays: Mapping[str, NDArray[Any]]) -> ClassMeans | TangentClassifier:
        if self.classifier != "mdm":
            return TangentClassifier.restore(self.metric, arrays)
        means = np.array(arrays["means"], np.float64)
        if means.ndim != 3 or means.shape[1] != means.shape[2]:
            raise ValueError(f"means of shape {means.shape}")
        return ClassMeans(self.metric, means)

    def _log_probs(self, covariances: Matrix) -> NDArray[np.float64]:
        if isinstance(self._classes, ClassMeans):
            return log_softmax(-self._classes.squared_distances(covariances))
        return self._classes.log_probs(covariances)

    def _fitted(self) -> None:
        if not hasattr(self, "_covariance"):
            raise DecoderError("riemann-ssvep: neither fitted nor restored; fit it or load a model first")


def _hertz(value: object) -> tuple[float, ...]:
    """Frequencies above 0 in Hz, ascending and each once, from the argument ``frequencies``. Raises DecoderError."""
    listed = list(value.values()) if isinstance(value, Mapping) else value
    if isinstance(listed, (list, tuple)) and all(_is_frequency(item) for item in listed) and any(listed):
        return tuple(sorted({float(item) for item in listed if item}))
    raise DecoderError(
        f"frequencies = {value!r}: it must be a list of the stimuli's frequencies in Hz, such as [13.0, 17.0, 21.0], or a "
        "table such as { left = 13.0, right = 17.0 }"
    )


def _is_frequency(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value) and value >= 0
