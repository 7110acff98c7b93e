"""The subspace that training data really fill: an average reference, SSP, SSS or a flat channel takes dimensions away."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

NOISE_FLOOR = 1e-8
"""Smallest variance, relative to the largest, of a direction that counts, with every channel scaled to unit variance.

float32 samples are good to 6e-8 of their size, so what rounding leaves in a direction that holds no signal is about
1e-14 of the variance, and up to 1e-9 where a large offset was filtered away; cap EEG of 64 channels stays above 1e-6.
"""


def true_subspace(windows: NDArray[np.float32]) -> NDArray[np.float64] | None:
    """Orthonormal rows (rank, n_channels) that span ``windows``, or None where they have full rank.

    Parameters
    ----------
    windows : (n_windows, n_channels, n_samples) float32.
    """
    n_windows, n_channels, n_samples = windows.shape
    pooled = np.zeros((n_channels, n_channels))
    for window in windows:
        centred = window.astype(np.float64)
        centred -= centred.mean(axis=1, keepdims=True)
        pooled += centred @ centred.T
    pooled /= n_windows * n_samples
    scale = np.sqrt(np.diag(pooled))
    scale[scale == 0.0] = 1.0
    values, vectors = np.linalg.eigh(pooled / np.outer(scale, scale))
    kept = values > NOISE_FLOOR * max(values[-1], 0.0)
    if kept.all() or not kept.any():
        return None
    basis, _ = np.linalg.qr(scale[:, None] * vectors[:, kept])
    return np.ascontiguousarray(basis.T)
