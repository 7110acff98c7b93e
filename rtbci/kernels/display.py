"""What the screen's own filters need beside `rtbci.kernels.filters`: values that are no numbers must not stay in them."""

from __future__ import annotations

import numba as nb
import numpy as np
from numpy.typing import NDArray


@nb.njit(
    [nb.boolean(nb.types.Array(nb.float32, 2, "C", readonly=True), nb.float32[:, ::1], nb.float32[::1])],
    cache=True,
    nogil=True,
)
def hold(samples: NDArray[np.float32], held: NDArray[np.float32], last: NDArray[np.float32]) -> bool:
    """Copy ``samples`` (n, n_channels) to ``held`` with each value that is no number replaced by the channel's last one.

    ``last`` (n_channels,) is what a channel held before, and is changed; say whether anything was replaced.
    """
    n, n_channels = samples.shape
    replaced = False
    for i in range(n):
        for c in range(n_channels):
            value = samples[i, c]
            if np.isfinite(value):
                last[c] = value
            else:
                replaced = True
            held[i, c] = last[c]
    return replaced


@nb.njit([nb.void(nb.types.Array(nb.float32, 2, "C", readonly=True), nb.float32[:, ::1])], cache=True, nogil=True)
def blank(samples: NDArray[np.float32], out: NDArray[np.float32]) -> None:
    """Make ``out`` (n, n_channels) NaN where ``samples`` (n, n_channels) are no numbers."""
    n, n_channels = samples.shape
    for i in range(n):
        for c in range(n_channels):
            if not np.isfinite(samples[i, c]):
                out[i, c] = np.nan
