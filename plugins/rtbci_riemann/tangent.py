"""Tangent space at the mean covariance, and a linear classifier in it (`rtbci_riemann.tangent_classifier`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtbci.errors import DecoderError
from rtbci.types import Samples, StreamInfo, Window
from rtbci_riemann.class_means import positive_definite
from rtbci_riemann.covariance import WindowCovariance
from rtbci_riemann.linear import CLASSIFIERS
from rtbci_riemann.options import ESTIMATORS, LOGARITHMS, METRICS, number, one_of, yes_or_no
from rtbci_riemann.tangent_classifier import TangentClassifier
from rtbci_riemann.training import n_classes_of


class Tangent:
    """A linear classifier in the tangent space of the covariance matrices.

    Parameters
    ----------
    estimator : covariance estimator by pyRiemann's name: "oas", "lwf", "scm" or "cov".
    C : inverse strength of the l2 penalty (scikit-learn's ``LogisticRegression`` and ``SVC``; "lda" has none).
    metric : "riemann" (affine-invariant), "logeuclid" or "euclid", for the reference and the tangent space.
    reg : added to the diagonal of every covariance, as a fraction of its mean variance.
    standardise : whether tangent vectors are scaled to unit variance before the regression. They have a common scale by
        themselves, and on two subjects' motor imagery scaling them cost accuracy (trials .82 to .77 and 1.00 to .93).
    classifier : "lr" (logistic regression), "svm" (linear, with Platt's probabilities) or "lda" (shrunk).
    logarithm : "eigh" (eigendecompositions), "chebyshev" (series for all windows like those of training) or "auto"
        (whichever takes least time at this rank and these spectra); the two agree to 1e-11.
    stiffness : how strongly `adapt` holds on to the weights, as `rtbci_riemann.proximal` has it; above 0. On motor
        imagery of three people (30 to 105 trials, learnt from one run) 10 gained up to .11 of trials and lost up to .10
        where there was little to decode; 1 lost .27 there.
    """

    def __init__(
        self,
        estimator: str = "oas",
        C: float = 1.0,
        metric: str = "riemann",
        reg: float = 0.0,
        standardise: bool = False,
        classifier: str = "lr",
        logarithm: str = "auto",
        stiffness: float = 10.0,
    ) -> None:
        self.estimator = one_of("estimator", estimator, ESTIMATORS)
        self.C = number("C", C, above=0.0)
        self.metric = one_of("metric", metric, METRICS)
        self.reg = number("reg", reg, at_least=0.0)
        self.standardise = yes_or_no("standardise", standardise)
        self.classifier = one_of("classifier", classifier, CLASSIFIERS)
        self.logarithm = one_of("logarithm", logarithm, LOGARITHMS)
        self.stiffness = number("stiffness", stiffness, above=0.0)
        self._n_classes: int | None = None

    def prepare(self, info: StreamInfo, n_samples: int, n_classes: int) -> None:
        """Remember the number of classes; everything else comes with the windows."""
        self._n_classes = n_classes

    def fit(self, windows: Samples, labels: NDArray[np.int64]) -> Tangent:
        """Learn from ``windows`` (n_windows, n_channels, n_samples) float32 in order of time, ``labels`` (n_windows,)."""
        n_classes_of(windows, labels, self._n_classes)
        covariance = WindowCovariance.learn(self.estimator, self.reg, windows)
        classifier = TangentClassifier.fit(
            covariance.batch(windows),
            labels,
            metric=self.metric,
            classifier=self.classifier,
            C=self.C,
            standardise=self.standardise,
            logarithm=self.logarithm,
        )
        self._covariance, self._classifier = covariance, classifier
        return self

    def predict(self, window: Window) -> NDArray[np.float64]:
        """Log-probabilities (n_classes,) of ``window``."""
        self._fitted()
        said: NDArray[np.float64] = self._classifier.log_probs(self._covariance.of(window)[None])[0]
        return said

    def predict_many(self, windows: Samples, starts: NDArray[np.int64]) -> NDArray[np.float64]:
        """Log-probabilities (n_windows, n_classes) of ``windows``, as `rtbci.interfaces.PredictsMany` has it."""
        self._fitted()
        said = np.empty((len(windows), len(self._classifier.bias)))
        for part, covariances in self._covariance.many(windows, starts):
            said[part] = self._classifier.log_probs(covariances)
        return said

    def adapt(self, windows: Samples, label: int) -> None:
        """Turn the weights towards a trial of class ``label``, ``windows`` (n_windows, n_channels, n_samples).

        The reference stays. Windows whose covariance is not positive definite (flat ones) teach nothing. Raises
        DecoderError.
        """
        self._fitted()
        n_classes = len(self._classifier.bias)
        if not 0 <= label < n_classes:
            raise DecoderError(f"tangent: a trial of class {label}; the decoder knows 0 to {n_classes - 1}")
        covariances = self._covariance.apart(windows)
        covariances = covariances[positive_definite(covariances)]
        if len(covariances):
            self._classifier.adapt(covariances, label, self.stiffness)

    def arrays(self) -> Mapping[str, NDArray[Any]]:
        """What `fit` and `adapt` learnt, by name."""
        return {**self._classifier.arrays(), **self._covariance.arrays()}

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Become what wrote ``arrays``. Raises DecoderError."""
        try:
            covariance = WindowCovariance.restore(self.estimator, self.reg, arrays)
            classifier = TangentClassifier.restore(self.metric, arrays)
            if classifier.rank != covariance.rank:
                raise ValueError(f"weights of rank {classifier.rank} for covariances of rank {covariance.rank}")
        except (KeyError, ValueError, TypeError) as error:
            raise DecoderError(
                f"tangent: arrays that tangent cannot have written ({error}); train the model again"
            ) from error
        self._covariance, self._classifier = covariance, classifier

    def _fitted(self) -> None:
        if not hasattr(self, "_covariance"):
            raise DecoderError("tangent: neither fitted nor restored; fit it or load a model first")
