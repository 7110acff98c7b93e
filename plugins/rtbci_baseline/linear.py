"""A linear classifier on logarithms of power, in the form in which it predicts: ``log_softmax(W f + b)``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtbci.errors import DecoderError

Vector = NDArray[np.float64]

SMALLEST = 1e-12
"""Powers below this fraction of the training data's mean are raised to it: a flat channel has none, and no logarithm."""


def aligned_zeros(*shape: int) -> Vector:
    """Zeros of ``shape`` from a 64-byte boundary on: NumPy and BLAS may round differently with the alignment."""
    n_bytes = 8 * int(np.prod(shape))
    raw = np.zeros(n_bytes + 64, np.uint8)
    first = -raw.ctypes.data % 64
    return raw[first : first + n_bytes].view(np.float64).reshape(shape)


class LinearOnPower:
    """Scores of classes from powers (n_features,).

    Parameters
    ----------
    weights : (n_classes, n_features); bias : (n_classes,); floor : (n_features,), the smallest power that counts.
    """

    def __init__(self, weights: Vector, bias: Vector, floor: Vector) -> None:
        if weights.ndim != 2 or bias.shape != weights.shape[:1] or floor.shape != weights.shape[1:]:
            raise ValueError(f"weights of shape {weights.shape}, bias {bias.shape} and floor {floor.shape}")
        self.weights = aligned_zeros(*weights.shape)
        self.weights[...] = weights
        self.bias, self.floor = bias, floor
        self._logs = aligned_zeros(len(floor))

    @classmethod
    def from_sklearn(
        cls, classifier: Any, floor: Vector, mean: Vector | None = None, scale: Vector | None = None
    ) -> LinearOnPower:
        """From a fitted linear ``classifier`` on log-powers that were standardised with ``mean`` and ``scale``.

        scikit-learn has one row for two classes: the log-odds of the second.
        """
        coefficients, bias = np.asarray(classifier.coef_, np.float64), np.asarray(classifier.intercept_, np.float64)
        if scale is not None:
            coefficients = coefficients / scale
        if mean is not None:
            bias = bias - coefficients @ mean
        if len(coefficients) == 1:
            coefficients, bias = np.vstack([0.0 * coefficients, coefficients]), np.concatenate([[0.0], bias])
        return cls(coefficients, bias, floor)

    def log_probs(self, powers: Vector) -> Vector:
        """Log-probabilities (n_classes,) of ``powers`` (n_features,)."""
        np.maximum(powers, self.floor, out=self._logs)
        np.log(self._logs, out=self._logs)
        scores = np.dot(self.weights, self._logs) + self.bias
        scores -= scores.max()
        result: Vector = scores - np.log(np.exp(scores).sum())
        return result

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Its three arrays, by name."""
        return {"weights": np.array(self.weights), "bias": self.bias, "floor": self.floor}

    @classmethod
    def restore(cls, arrays: Mapping[str, NDArray[Any]]) -> LinearOnPower:
        """From what `arrays` gave. Raises KeyError or ValueError."""
        return cls(*(np.array(arrays[name], np.float64) for name in ("weights", "bias", "floor")))


def floored_logs(powers: Vector) -> tuple[Vector, Vector]:
    """Logarithms of training ``powers`` (n_windows, n_features), and the floor (n_features,) they were raised to."""
    mean = powers.mean(axis=0)
    floor = np.where(mean > 0.0, SMALLEST * mean, 1.0)
    return np.log(np.maximum(powers, floor)), floor


def check_training(windows: NDArray[np.float32], labels: NDArray[np.int64], declared: int | None) -> None:
    """Refuse training data that nothing can be learnt from. Raises DecoderError."""
    if windows.ndim != 3 or len(windows) != len(labels) or not len(windows):
        raise DecoderError(
            f"windows of shape {windows.shape} with {len(labels)} labels; "
            "fit wants (n_windows, n_channels, n_samples) and one label for each window"
        )
    if not np.isfinite(windows).all():
        raise DecoderError("training windows with NaN or infinite samples; leave those windows out")
    if (windows == windows[..., :1]).all():
        raise DecoderError("training windows that are flat in every channel; recorded signals would be right")
    counts = np.bincount(labels, minlength=declared or 2)
    if not counts.all():
        raise DecoderError(
            f"classes with {counts.tolist()} training windows; every class needs some, and there must be two or more"
        )


def check_window(shape: tuple[int, ...], n_channels: int, n_samples: int) -> None:
    """Refuse a window of another shape than those of training. Raises DecoderError."""
    if shape != (n_channels, n_samples):
        raise DecoderError(
            f"a window of {shape[0]} channels and {shape[1]} samples; "
            f"the decoder was fitted on {n_channels} channels and {n_samples} samples"
        )
