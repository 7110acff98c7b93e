"""Any scikit-learn classifier over windows is a decoder as it stands; this is how."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtbci.errors import DecoderError
from rtbci.types import Samples, Window

SMALLEST = float(np.finfo(np.float64).tiny)
"""A probability of zero has no logarithm: it is raised to this."""


class SklearnDecoder:
    """A classifier over ``(n_windows, n_channels, n_samples)`` with ``predict_proba`` or ``decision_function``.

    The estimator sees float64 in C order. Scores of ``decision_function`` become probabilities by the softmax (the
    logistic function for two classes), which is exact for logistic regression and uncalibrated for the rest.

    Parameters
    ----------
    estimator : such as ``make_pipeline(Covariances("oas"), TangentSpace(), LogisticRegression())``.
    """

    def __init__(self, estimator: Any) -> None:
        self.estimator = estimator
        self._check_abilities()
        self._input: NDArray[np.float64] | None = None

    def fit(self, windows: Samples, labels: NDArray[np.int64]) -> SklearnDecoder:
        """Fit the estimator on ``windows`` (n_windows, n_channels, n_samples) float32 with ``labels`` (n_windows,).

        Raises DecoderError when the estimator cannot learn from windows.
        """
        try:
            self.estimator.fit(np.array(windows, np.float64, order="C"), np.array(labels))
        except (ValueError, TypeError) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise DecoderError(
                f"{self._name} could not learn from windows of shape {windows.shape} "
                f"(n_windows, n_channels, n_samples): {reason}; a pipeline that begins by making features of them would be "
                "right, such as pyRiemann's Covariances and TangentSpace"
            ) from error
        self._check_classes()
        return self

    def predict(self, window: Window) -> NDArray[np.float64]:
        """Log-probabilities (n_classes,) of ``window``."""
        if not hasattr(self.estimator, "classes_"):
            raise DecoderError(f"{self._name}: not fitted; fit it or load a model first")
        batch = self._filled(window)
        if hasattr(self.estimator, "predict_proba"):
            probabilities = np.asarray(self.estimator.predict_proba(batch), np.float64)
            scores = np.log(np.maximum(self._one(probabilities, "predict_proba"), SMALLEST))
        else:
            scores = np.atleast_1d(np.asarray(self.estimator.decision_function(batch), np.float64)[0])
            if scores.shape == (1,):  # two classes: the log-odds of the second
                scores = np.array([0.0, scores[0]])
            scores = self._one(scores[None], "decision_function")
        scores = scores - scores.max()
        log_probs: NDArray[np.float64] = scores - np.log(np.exp(scores).sum())
        return log_probs

    def adopt(self, estimator: Any) -> None:
        """Become a decoder around this fitted ``estimator``, as a model file holds it. Raises DecoderError."""
        if type(estimator) is not type(self.estimator):
            raise DecoderError(f"{self._name} cannot become a {type(estimator).__name__}; train the model again")
        self.estimator = estimator
        self._check_abilities()
        self._check_classes()

    @property
    def _name(self) -> str:
        return type(self.estimator).__name__

    def _filled(self, window: Window) -> NDArray[np.float64]:
        """The window as a batch of one, in one aligned buffer: BLAS may round differently with the alignment."""
        shape = (1, *window.samples.shape)
        if self._input is None or self._input.shape != shape:
            n_bytes = 8 * int(np.prod(shape))
            raw = np.zeros(n_bytes + 64, np.uint8)
            first = -raw.ctypes.data % 64
            self._input = raw[first : first + n_bytes].view(np.float64).reshape(shape)
        self._input[0] = window.samples
        return self._input

    def _one(self, scores: NDArray[np.float64], method: str) -> NDArray[np.float64]:
        """The only row of ``scores``, in the order of the labels."""
        n_classes = len(self.estimator.classes_)
        if scores.shape != (1, n_classes):
            raise DecoderError(
                f"{self._name}.{method} gave an array of shape {scores.shape} for one window and {n_classes} classes; "
                f"(1, {n_classes}) would be right"
            )
        ordered: NDArray[np.float64] = scores[0][np.argsort(self.estimator.classes_)]
        return ordered

    def _check_abilities(self) -> None:
        if not hasattr(self.estimator, "fit"):
            raise DecoderError(f"{self._name} has no fit; a scikit-learn classifier would be right")
        if not (hasattr(self.estimator, "predict_proba") or hasattr(self.estimator, "decision_function")):
            raise DecoderError(
                f"{self._name} has neither predict_proba nor decision_function; a classifier that gives probabilities "
                "or scores would be right (SVC: probability=True, or its decision_function as it is)"
            )

    def _check_classes(self) -> None:
        classes = getattr(self.estimator, "classes_", None)
        if classes is None:
            raise DecoderError(f"{self._name} has no classes_ after fit; a scikit-learn classifier would be right")
        if sorted(int(label) for label in classes) != list(range(len(classes))) or len(classes) < 2:
            raise DecoderError(
                f"{self._name} was fitted on the labels {[int(label) for label in classes]}; "
                "0, 1, … without a hole, and two or more, would be right"
            )
