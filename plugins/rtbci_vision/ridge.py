"""Ridge regression for every penalty at once, by one singular value decomposition of standardised features.

Source: Hoerl and Kennard, Technometrics 1970. With the features' decomposition ``x = u s v'`` the weights for a penalty a
are ``v (s / (s² + a)) u' y``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
ALPHAS = np.logspace(0.0, 7.0, 15)
"""Penalties that are tried; features have a spread of 1."""


@dataclass(frozen=True, slots=True)
class Linear:
    """``(x - mean) / spread @ weights + offset``: (n_features,) twice, (n_features, n_dims), (n_dims,), all float64."""

    mean: Array
    spread: Array
    weights: Array
    offset: Array

    def __call__(self, x: Array) -> Array:
        """Predictions (n, n_dims) for features (n, n_features)."""
        said: Array = ((x - self.mean) / self.spread) @ self.weights + self.offset
        return said

    def rescaled(self, centre: Array, gain: Array, offset: Array) -> Linear:
        """The same followed by ``(said - centre) * gain + offset``, each (n_dims,)."""
        return Linear(self.mean, self.spread, self.weights * gain, (self.offset - centre) * gain + offset)


class Ridge:
    """The decomposition of ``x`` (n, n_features) and what it says of ``y`` (n, n_dims)."""

    def __init__(self, x: Array, y: Array) -> None:
        self.mean = x.mean(axis=0)
        self.spread = np.maximum(x.std(axis=0), 1e-6 * float(x.std()) + 1e-12)  # a dead channel stays silent
        self.centre = y.mean(axis=0)
        u, self.values, self.right = np.linalg.svd((x - self.mean) / self.spread, full_matrices=False)
        self.rotated = u.T @ (y - self.centre)

    def fit(self, alpha: float) -> Linear:
        """The regression with penalty ``alpha`` > 0."""
        shrunk = (self.values / (self.values**2 + alpha))[:, None] * self.rotated
        return Linear(self.mean, self.spread, self.right.T @ shrunk, self.centre)

    def best(self, x: Array, y: Array) -> float:
        """Of `ALPHAS` the one whose predictions for other ``x`` have the smallest squared distance from their ``y``."""
        costs = [float(((self.fit(alpha)(x) - y) ** 2).mean()) for alpha in ALPHAS]
        return float(ALPHAS[int(np.argmin(costs))])
