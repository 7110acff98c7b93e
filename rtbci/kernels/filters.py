"""Kernel of the recursive filters: a cascade of second-order sections over all channels at once.

Compiled for one signature when it is imported (or taken from Numba's cache), so that no live session waits for a compiler.
No ``fastmath`` anywhere: it would let rounding depend on how many channels fill a vector register.
"""

from __future__ import annotations

import numba as nb
import numpy as np
from numpy.typing import NDArray

QUIET = 1e-10
"""Added to and taken off every section's output, which rounds it to multiples of about 1e-26.

A channel that stands still lets a recursive filter decay into denormal numbers, where it stays (2e-319 for ever was
seen) and where many processors are a hundred times slower. This step lies far below the rounding of float32 samples and
far above denormal numbers.
"""

_read_only = nb.types.Array(nb.float32, 2, "C", readonly=True)


@nb.njit(
    [nb.void(_read_only, nb.float32[:, ::1], nb.float64[:, ::1], nb.float64[:, :, ::1], nb.float64[::1])],
    cache=True,
    nogil=True,
)
def filter_sections(
    samples: NDArray[np.float32],
    out: NDArray[np.float32],
    sections: NDArray[np.float64],
    state: NDArray[np.float64],
    work: NDArray[np.float64],
) -> None:
    """Filter ``samples`` (n, n_channels) into ``out`` (n, n_channels); the transposed direct form II, as scipy's sosfilt.

    Two sections are done in one pass over the channels: half the traffic through ``work``, and twice as fast as one by one.

    Parameters
    ----------
    sections : (n_sections, 6) float64, rows b0 b1 b2 a0 a1 a2 with a0 = 1.
    state : (n_sections, 2, n_channels) float64, changed.
    work : (n_channels,) float64, scratch.
    """
    n, n_channels = samples.shape
    n_sections = sections.shape[0]
    for i in range(n):
        for c in range(n_channels):
            work[c] = samples[i, c]
        s = 0
        while s + 1 < n_sections:
            b0, b1, b2 = sections[s, 0], sections[s, 1], sections[s, 2]
            a1, a2 = sections[s, 4], sections[s, 5]
            d0, d1, d2 = sections[s + 1, 0], sections[s + 1, 1], sections[s + 1, 2]
            c1, c2 = sections[s + 1, 4], sections[s + 1, 5]
            u0, u1 = state[s, 0], state[s, 1]
            v0, v1 = state[s + 1, 0], state[s + 1, 1]
            for c in range(n_channels):
                x = work[c]
                y = ((b0 * x + u0[c]) + QUIET) - QUIET
                u0[c] = b1 * x - a1 * y + u1[c]
                u1[c] = b2 * x - a2 * y
                z = ((d0 * y + v0[c]) + QUIET) - QUIET
                v0[c] = d1 * y - c1 * z + v1[c]
                v1[c] = d2 * y - c2 * z
                work[c] = z
            s += 2
        if s < n_sections:
            b0, b1, b2 = sections[s, 0], sections[s, 1], sections[s, 2]
            a1, a2 = sections[s, 4], sections[s, 5]
            u0, u1 = state[s, 0], state[s, 1]
            for c in range(n_channels):
                x = work[c]
                y = ((b0 * x + u0[c]) + QUIET) - QUIET
                u0[c] = b1 * x - a1 * y + u1[c]
                u1[c] = b2 * x - a2 * y
                work[c] = y
        for c in range(n_channels):
            out[i, c] = np.float32(work[c])
