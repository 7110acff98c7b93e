"""Class probabilities from correlations: a multinomial logistic regression with one slope for all classes.

A class's score is its stimulus's correlation times the common slope plus the class's own bias; the class without a
stimulus has a bias only, so it wins where no correlation is high. One slope, because "the higher its correlation the
likelier the class" holds for all alike, and few windows must do; a bias each, because by chance alone the correlation with
a low frequency, or one within the alpha rhythm, is higher. Slope and biases are held back by normal priors and found by
maximum a posteriori: with little to learn from, what comes out is the correlations' order with cautious probabilities.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtbci_ssvep.aligned import Array

SLOPE_DEVIATION, BIAS_DEVIATION = 3.0, 1.0
"""Standard deviations of the priors, for correlations scaled to unit deviation."""


class Calibration:
    """``log p(class)`` from correlations.

    Parameters
    ----------
    columns : (n_classes,) int64, the column of each class's correlation, -1 for the class without one.
    slope : of every correlation, 0 or more: a correlation with its own stimulus never speaks against a class.
    bias : (n_classes,).
    """

    def __init__(self, columns: NDArray[np.int64], slope: float, bias: Array) -> None:
        if bias.shape != columns.shape or not np.isfinite(bias).all() or not (np.isfinite(slope) and slope >= 0):
            raise ValueError(f"slope {slope} and bias of shape {bias.shape} for {len(columns)} classes")
        self.columns, self.slope, self.bias = columns, slope, bias

    @classmethod
    def fit(cls, columns: NDArray[np.int64], correlations: Array, labels: NDArray[np.int64]) -> Calibration:
        """From the ``correlations`` (n_windows, n_frequencies) of windows with ``labels`` (n_windows,)."""
        from scipy.optimize import minimize

        centre, spread = float(correlations.mean()), float(correlations.std()) or 1.0
        scaled = _spread((correlations - centre) / spread, columns)
        hits = np.eye(len(columns))[labels]

        def loss(parameters: Array) -> tuple[float, Array]:
            slope, bias = parameters[0], parameters[1:]
            log_probs = _log_softmax(slope * scaled + bias)
            error = np.exp(log_probs) - hits
            value = -(log_probs * hits).sum() + 0.5 * (slope / SLOPE_DEVIATION) ** 2
            value += 0.5 * ((bias / BIAS_DEVIATION) ** 2).sum()
            slope_gradient = (error * scaled).sum() + slope / SLOPE_DEVIATION**2
            return float(value), np.concatenate([[slope_gradient], error.sum(axis=0) + bias / BIAS_DEVIATION**2])

        begin = np.zeros(1 + len(columns))
        begin[0] = 1.0
        bounds = [(0.0, None), *[(None, None)] * len(columns)]
        found = minimize(loss, begin, jac=True, method="L-BFGS-B", bounds=bounds, options={"ftol": 1e-12, "gtol": 1e-8})
        slope, bias = float(found.x[0]) / spread, np.array(found.x[1:])
        bias[columns >= 0] -= slope * centre
        return cls(columns, slope, bias)

    def log_probs(self, correlations: Array) -> Array:
        """Log-probabilities (n_classes,) from the ``correlations`` (n_frequencies,) of one window."""
        return _log_softmax(self.slope * _spread(correlations, self.columns) + self.bias)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Its arrays, by name."""
        return {"columns": self.columns, "slope": np.array(self.slope), "bias": self.bias}

    @classmethod
    def restore(cls, arrays: Mapping[str, NDArray[Any]]) -> Calibration:
        """From what `arrays` gave. Raises KeyError or ValueError."""
        return cls(np.array(arrays["columns"], np.int64), float(arrays["slope"]), np.array(arrays["bias"], np.float64))


def _spread(correlations: Array, columns: NDArray[np.int64]) -> Array:
    """Correlations (..., n_frequencies) by class, (..., n_classes); 0 for the class without one."""
    spread: Array = np.where(columns >= 0, correlations[..., np.maximum(columns, 0)], 0.0)
    return spread


def _log_softmax(scores: Array) -> Array:
    shifted = scores - scores.max(axis=-1, keepdims=True)
    result: Array = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return result
