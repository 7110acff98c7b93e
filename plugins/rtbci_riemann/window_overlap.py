"""Which training windows share samples: a fit is told their order in time, but neither their starts nor their hop.

Two windows that overlap hold the same float32 values, one shifted against the other; of recorded signals no others do.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Windows = NDArray[np.float32]


def shared_samples(earlier: Windows, later: Windows) -> int:
    """How many samples at the end of ``earlier`` (n_channels, n_samples) are the first of ``later``."""
    n_samples = earlier.shape[1]
    for at in np.flatnonzero((earlier == later[:, :1]).all(axis=0)):
        if np.array_equal(earlier[:, at:], later[:, : n_samples - at]):
            return int(n_samples - at)
    return 0


def n_overlapping(windows: Windows) -> int:
    """The most windows that follow a window of ``windows`` (n_windows, n_channels, n_samples) and share samples with it."""
    most, stop = 0, 0
    for i in range(len(windows)):
        stop = max(stop, i + 1)  # windows before ``stop`` overlapped an earlier one, so they overlap this one
        while stop < len(windows) and shared_samples(windows[i], windows[stop]):
            stop += 1
        most = max(most, stop - i - 1)
    return most


def disjoint(windows: Windows) -> NDArray[np.int64]:
    """Positions of windows of which none shares samples with the one before."""
    taken = [0]
    for i in range(1, len(windows)):
        if not shared_samples(windows[taken[-1]], windows[i]):
            taken.append(i)
    return np.array(taken, np.int64)
