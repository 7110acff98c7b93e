"""How far a window's covariance is to be moved towards a multiple of the identity: estimated from the window itself.

The formulas are scikit-learn's (`sklearn.covariance.LedoitWolf`, `sklearn.covariance.OAS`), from sums that do not change
when the signal is turned, so that they hold within the span of rank-deficient data too.
"""

from __future__ import annotations

import math

import numpy as np

from rtbci.transforms.spd import Matrix


def ledoit_wolf(covariance: Matrix, fourth: float, n_samples: int) -> float:
    """The share of the identity, from 0 to 1 (Ledoit and Wolf, J. Multivariate Analysis 88(2), 2004).

    Parameters
    ----------
    covariance : (p, p) float64 of ``n_samples`` samples, mean removed, divided by ``n_samples``.
    fourth : mean over the samples of the fourth power of their distance to the mean (`fourth_moment`).
    """
    p, squares, mu = _sums(covariance)
    delta = (squares - p * mu * mu) / p
    beta = min((fourth - squares) / (p * n_samples), delta)
    return beta / delta if beta > 0.0 else 0.0


def oas(covariance: Matrix, n_samples: int) -> float:
    """The share of the identity, from 0 to 1: oracle approximating shrinkage.

    Chen, Wiesel, Eldar and Hero, IEEE Trans. Signal Processing 58(10), 2010, eq. 23, for many channels (without 2 / p).
    ``covariance`` (p, p) float64 of ``n_samples`` samples, mean removed, divided by ``n_samples``.
    """
    p, squares, mu = _sums(covariance)
    alpha = squares / p**2
    below = (n_samples + 1.0) * (alpha - mu * mu / p)
    return min((alpha + mu * mu) / below, 1.0) if below > 0.0 else 1.0


def fourth_moment(deviations: Matrix) -> float:
    """Mean over samples of the fourth power of their distance to the mean; ``deviations`` (n_samples, p) float64 from it."""
    return math.fsum(_over_rows(deviations.T**2) ** 2) / len(deviations)


def _sums(covariance: Matrix) -> tuple[int, float, float]:
    """Dimension, sum of squared entries, and mean variance of ``covariance`` (p, p)."""
    p = len(covariance)
    return p, math.fsum(_over_rows(covariance**2)), math.fsum(covariance.diagonal()) / p


def _over_rows(matrix: Matrix) -> Matrix:
    """Sums (n,) over the rows of ``matrix`` (m, n), added one by one: rounding does not depend on where they lie."""
    sums: Matrix = np.add.reduce(np.ascontiguousarray(matrix), axis=0)
    return sums
