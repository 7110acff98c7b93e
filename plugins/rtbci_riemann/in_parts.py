"""Log-probabilities of many windows, through as many covariances at a time as stay in the processor's cache."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from rtbci_riemann.stacks import Matrix

AT_ONCE = 2**20
"""Bytes of covariances that are held at once."""


def log_probs_in_parts(
    windows: NDArray[np.float32],
    covariances: Callable[[NDArray[np.float32]], Matrix],
    log_probs: Callable[[Matrix], Matrix],
    rank: int,
    n_classes: int,
) -> NDArray[np.float64]:
    """Log-probabilities (n_windows, n_classes) of ``windows`` (n_windows, n_channels, n_samples).

    Parameters
    ----------
    covariances : gives (n, rank, rank) for ``n`` windows; each matrix the same bits in any company.
    log_probs : gives (n, n_classes) for these; each row the same bits in any company.
    """
    said = np.empty((len(windows), n_classes))
    at_once = max(1, AT_ONCE // (8 * rank * rank))
    for first in range(0, len(windows), at_once):
        part = slice(first, first + at_once)
        said[part] = log_probs(covariances(windows[part]))
    return said
