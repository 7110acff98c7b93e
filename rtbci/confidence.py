"""Temperature: how sharp probabilities may be, from windows that were not trained on.

Source: Guo et al., ICML 2017 (temperature scaling). Windows of a trial are no independent witnesses, so each trial counts
once; and because few trials are held out, the temperature is drawn towards 1.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

COLDEST, HOTTEST = 0.05, 20.0
SPREAD = 1.0
"""Standard deviation of the normal prior on the logarithm of the temperature."""


def log_softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Logarithms of probabilities (..., n_classes) of ``logits`` (..., n_classes), in float64."""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    result: NDArray[np.float64] = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return result


def temperature(
    logits: NDArray[np.float64], labels: NDArray[np.int64], trial: NDArray[np.int64], *, balance: bool = True
) -> float:
    """What ``logits`` (n_windows, n_classes) are best divided by, given ``labels`` and ``trial`` (n_windows,).

    With ``balance``, classes count alike, however many of the trials are theirs: a decoder that always names the class which
    most of a dozen trials happen to have must not be called sure of it.
    """
    _, inverse, counts = np.unique(trial, return_inverse=True, return_counts=True)
    weights = 1.0 / counts[inverse]
    if balance:
        weights *= weights.sum() / (np.bincount(labels, weights)[labels] * len(np.unique(labels)))
    rows = np.arange(len(labels))

    def cost(log_t: float) -> float:
        said = log_softmax(logits / np.exp(log_t))[rows, labels]
        return float(-(weights * said).sum() + 0.5 * (log_t / SPREAD) ** 2)

    found = minimize_scalar(cost, bounds=(np.log(COLDEST), np.log(HOTTEST)), method="bounded", options={"xatol": 1e-4})
    return float(np.exp(found.x))
