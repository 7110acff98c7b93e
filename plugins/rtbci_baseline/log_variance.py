"""Logarithm of each channel's variance, standardised, and logistic regression: the least that should be beaten."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtbci.errors import DecoderError
from rtbci.types import Samples, StreamInfo, Window
from rtbci_baseline.linear import LinearOnPower, aligned_zeros, check_training, check_window, floored_logs


class LogVariance:
    """Log-variance of every channel within the window, and logistic regression.

    Parameters
    ----------
    C : inverse strength of the l2 penalty (scikit-learn's ``LogisticRegression``).
    """

    def __init__(self, C: float = 1.0) -> None:
        if isinstance(C, bool) or not isinstance(C, (int, float)) or not (math.isfinite(C) and C > 0):
            raise DecoderError(f"C = {C!r}: it must be a number above 0")
        self.C = float(C)
        self._n_classes: int | None = None

    def prepare(self, info: StreamInfo, n_samples: int, n_classes: int) -> None:
        """Remember the number of classes; everything else comes with the windows."""
        self._n_classes = n_classes

    def fit(self, windows: Samples, labels: NDArray[np.int64]) -> LogVariance:
        """Learn from ``windows`` (n_windows, n_channels, n_samples) float32 and ``labels`` (n_windows,)."""
        from sklearn.linear_model import LogisticRegression
        from sklearn.preprocessing import StandardScaler

        check_training(windows, labels, self._n_classes)
        logs, floor = floored_logs(windows.astype(np.float64).var(axis=2))
        scaler = StandardScaler().fit(logs)
        classifier = LogisticRegression(C=self.C, max_iter=2000).fit(scaler.transform(logs), labels)
        self._start(LinearOnPower.from_sklearn(classifier, floor, scaler.mean_, scaler.scale_), windows.shape[2])
        return self

    def predict(self, window: Window) -> NDArray[np.float64]:
        """Log-probabilities (n_classes,) of ``window``."""
        if not hasattr(self, "_linear"):
            raise DecoderError("log-variance: neither fitted nor restored; fit it or load a model first")
        check_window(window.samples.shape, *self._samples.shape)
        samples = self._samples
        samples[...] = window.samples
        samples -= samples.mean(axis=1, keepdims=True)
        np.square(samples, out=samples)
        return self._linear.log_probs(samples.mean(axis=1))

    def arrays(self) -> Mapping[str, NDArray[Any]]:
        """What `fit` learnt, by name."""
        return {**self._linear.arrays(), "n_samples": np.array(self._samples.shape[1], np.int64)}

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Become what wrote ``arrays``. Raises DecoderError."""
        try:
            self._start(LinearOnPower.restore(arrays), int(arrays["n_samples"]))
        except (KeyError, ValueError, TypeError) as error:
            raise DecoderError(
                f"log-variance: arrays that log-variance cannot have written ({error}); train the model again"
            ) from error

    def _start(self, linear: LinearOnPower, n_samples: int) -> None:
        self._linear = linear
        self._samples = aligned_zeros(len(linear.floor), n_samples)
