"""From the space of a bank to that of a pipeline's image embeddings: ridge regression, spread as true embeddings are.

Fitted on the bank's own items, seen through the pipeline's image encoder. Predictions of a regression shrink to the mean,
from which every generator draws the same picture; so each dimension is given the spread that it has in the bank (as in
brain-diffuser, Ozcelik and VanRullen 2023), with the statistics of held-out items, never of what is being decoded.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from rtbci.errors import BankError

PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
"""Tried, as shares of the mean eigenvalue of the covariance."""
FOLDS = 4
MOST_SPREAD = 4.0
"""A dimension that can hardly be predicted is not blown up by more."""


@dataclass(frozen=True, slots=True)
class Prior:
    """``(z - z_mean) @ weights * spread + mean``: image embeddings (n_out,) of embeddings (n_dims,) of the bank's space.

    ``held_out`` is the mean cosine, around the mean, of held-out items' predictions with the truth; NaN where too few.
    """

    z_mean: NDArray[np.float64] = field(repr=False)
    weights: NDArray[np.float64] = field(repr=False)
    spread: NDArray[np.float64] = field(repr=False)
    mean: NDArray[np.float64] = field(repr=False)
    held_out: float

    def __call__(self, embedding: NDArray[np.float32]) -> NDArray[np.float32]:
        """The image embedding (n_out,) float32, of the length that the pipeline's encoder gives."""
        z = np.asarray(embedding, np.float64) - self.z_mean
        said: NDArray[np.float32] = (z @ self.weights * self.spread + self.mean).astype(np.float32)
        return said


def fit(embeddings: NDArray[np.floating], targets: NDArray[np.floating], seed: int = 0) -> Prior:
    """Fit to ``embeddings`` (n, n_dims) of length 1 of a bank's items and their image embeddings ``targets`` (n, n_out).

    The penalty is the one by which held-out quarters are predicted best. Raises BankError for fewer than 8 items.
    """
    x, y = np.asarray(embeddings, np.float64), np.asarray(targets, np.float64)
    if len(x) < 2 * FOLDS:
        raise BankError(f"{len(x)} pictures to fit a prior on; {2 * FOLDS} or more would be right")
    parts = np.array_split(np.random.default_rng([seed, 41]).permutation(len(x)), FOLDS)
    best: tuple[float, float, NDArray[np.float64]] | None = None
    for penalty in PENALTIES:
        predicted = np.empty_like(y)
        for part in parts:
            rest = np.setdiff1d(np.arange(len(x)), part)
            x_mean, y_mean, weights = _ridge(x[rest], y[rest], penalty)
            predicted[part] = (x[part] - x_mean) @ weights + y_mean
        loss = float(((predicted - y) ** 2).sum())
        if best is None or loss < best[0]:
            best = loss, penalty, predicted
    assert best is not None
    _, penalty, predicted = best
    z_mean, mean, weights = _ridge(x, y, penalty)
    spread = np.clip(y.std(axis=0) / np.maximum(predicted.std(axis=0), 1e-12), 1.0, MOST_SPREAD)
    a, b = predicted - y.mean(axis=0), y - y.mean(axis=0)
    cosines = (a * b).sum(axis=1) / np.maximum(np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1), 1e-12)
    return Prior(z_mean, weights, spread, mean, float(cosines.mean()))


def _ridge(
    x: NDArray[np.float64], y: NDArray[np.float64], penalty: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Means of ``x`` and ``y``, and weights (n_dims, n_out); whichever of both Gram matrices is smaller is solved."""
    x_mean, y_mean = x.mean(axis=0), y.mean(axis=0)
    x, y = x - x_mean, y - y_mean
    wide = x.shape[1] > len(x)
    gram = x @ x.T if wide else x.T @ x
    gram[np.diag_indices_from(gram)] += penalty * float(np.trace(gram)) / len(gram) + 1e-12
    solved: NDArray[np.float64] = np.asarray(np.linalg.solve(gram, y if wide else x.T @ y), np.float64)
    return x_mean, y_mean, x.T @ solved if wide else solved
