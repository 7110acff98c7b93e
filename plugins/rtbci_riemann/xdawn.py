"""xDAWN and super-trial covariances (`rtbci_riemann.super_trial`), and a linear classifier in the tangent space."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtbci.errors import DecoderError
from rtbci.types import Samples, StreamInfo
from rtbci_riemann.linear import CLASSIFIERS
from rtbci_riemann.options import ESTIMATORS, METRICS, number, one_of, yes_or_no
from rtbci_riemann.super_trial import SuperTrialCovariance
from rtbci_riemann.tangent_classifier import TangentClassifier
from rtbci_riemann.tangent_decoder import TangentDecoder
from rtbci_riemann.training import n_classes_of
from rtbci_riemann.whole import whole, whole_numbers

CLASS_WEIGHTS = ("balanced", "none")


class Xdawn(TangentDecoder[SuperTrialCovariance]):
    """A decoder of responses to a marker (P300, N170, error potentials): windows must begin at a fixed time after it.

    Parameters
    ----------
    nfilter : spatial filters of each class; as many as there are channels (in rank) at most.
    classifier : "lr", "svm" or "lda", in the tangent space.
    C : inverse strength of the classifier's l2 penalty ("lda" has none).
    class_weight : "balanced": probabilities are for classes that are equally frequent, whatever they were in training, so
        that the log-odds of a flash are what *it* says. They are added over flashes; with the training prior in them
        (one target in six) it would be counted again with each, and the answer be "no target" in the end. "none":
        probabilities for the training data's own prior, for decisions that are made once.
    estimator : covariance estimator of the super-trials: "oas", "lwf", "scm" or "cov".
    xdawn_estimator : covariance estimator under the filters; it sees all training samples at once.
    applyfilters : whether the window is filtered too; without, all its channels are stacked below the responses.
    classes : numbers of the classes (from 0, in the experiment's order) whose responses are learnt; all where left out.
    metric : "riemann", "logeuclid" or "euclid", for the reference and the tangent space.
    """

    name = "xdawn"

    def __init__(
        self,
        nfilter: int = 4,
        classifier: str = "lr",
        C: float = 1.0,
        class_weight: str = "balanced",
        estimator: str = "oas",
        xdawn_estimator: str = "scm",
        applyfilters: bool = True,
        classes: Sequence[int] | None = None,
        metric: str = "riemann",
    ) -> None:
        self.nfilter = whole("nfilter", nfilter)
        self.classifier = one_of("classifier", classifier, CLASSIFIERS)
        self.C = number("C", C, above=0.0)
        self.class_weight = one_of("class_weight", class_weight, CLASS_WEIGHTS)
        self.estimator = one_of("estimator", estimator, ESTIMATORS)
        self.xdawn_estimator = one_of("xdawn_estimator", xdawn_estimator, ESTIMATORS)
        self.applyfilters = yes_or_no("applyfilters", applyfilters)
        self.classes = None if classes is None else whole_numbers("classes", classes, least=0)
        self.metric = one_of("metric", metric, METRICS)
        self._n_classes: int | None = None

    def prepare(self, info: StreamInfo, n_samples: int, n_classes: int) -> None:
        """Remember the number of classes; everything else comes with the windows."""
        self._n_classes = n_classes

    def fit(self, windows: Samples, labels: NDArray[np.int64]) -> Xdawn:
        """Learn from ``windows`` (n_windows, n_channels, n_samples) float32 in order of time, ``labels`` (n_windows,)."""
        n_classes = n_classes_of(windows, labels, self._n_classes)
        if self.classes is not None and self.classes[-1] >= n_classes:
            raise DecoderError(f"classes = {list(self.classes)}: there are {n_classes}, numbered 0 to {n_classes - 1}")
        covariance = SuperTrialCovariance.learn(
            windows,
            labels,
            n_filters=self.nfilter,
            apply_filters=self.applyfilters,
            estimator=self.estimator,
            xdawn_estimator=self.xdawn_estimator,
            classes=self.classes,
        )
        classifier = TangentClassifier.fit(
            covariance.many(windows),
            labels,
            metric=self.metric,
            classifier=self.classifier,
            C=self.C,
            class_weight="balanced" if self.class_weight == "balanced" else None,
        )
        self._covariance, self._classifier = covariance, classifier
        return self

    def _restored(self, arrays: Mapping[str, NDArray[Any]]) -> SuperTrialCovariance:
        return SuperTrialCovariance.restore(self.estimator, arrays)
