"""Kernel of the streaming polyphase resampler."""

from __future__ import annotations

import numba as nb
import numpy as np
from numpy.typing import NDArray

_read_only = nb.types.Array(nb.float64, 2, "C", readonly=True)


@nb.njit(
    [
        nb.void(
            nb.float32[:, ::1],
            nb.float64[::1],
            nb.int64,
            _read_only,
            nb.int64,
            nb.int64,
            nb.float64,
            nb.float32[:, ::1],
            nb.float64[::1],
            nb.float64[::1],
        )
    ],
    cache=True,
    nogil=True,
)
def polyphase(
    history: NDArray[np.float32],
    history_times: NDArray[np.float64],
    first: int,
    taps: NDArray[np.float64],
    down: int,
    k: int,
    delay: float,
    out: NDArray[np.float32],
    out_times: NDArray[np.float64],
    work: NDArray[np.float64],
) -> None:
    """Output samples ``k``, ``k + 1``, … into ``out`` (n, n_channels) and their times into ``out_times`` (n,).

    Output k is the sum over t of ``taps[phase, t] * input[newest - t]``, where ``newest`` and ``phase`` are quotient and
    remainder of ``k * down`` by the number of phases (Crochiere and Rabiner, Multirate Digital Signal Processing, 1983,
    section 3.3). The sum runs from the newest sample to the oldest, in float64, whatever the chunk.

    Parameters
    ----------
    history : (n_rows, n_channels) float32, row r is input sample ``first + r``; all that the outputs need must be there.
    history_times : (n_rows,) float64 seconds.
    taps : (up, n_taps) float64, with n_taps a multiple of 4.
    delay : seconds taken off the times, which are interpolated linearly between the two input samples around the output.
    work : (n_channels,) float64, scratch.
    """
    up, n_taps = taps.shape
    n_channels = history.shape[1]
    for i in range(out.shape[0]):
        position = (k + i) * down
        row = position // up - first
        phase = position % up
        for c in range(n_channels):
            work[c] = 0.0
        # four taps a pass: a quarter of the traffic through work, in the same order of additions as one by one
        for t in range(0, n_taps, 4):
            h0, h1, h2, h3 = taps[phase, t], taps[phase, t + 1], taps[phase, t + 2], taps[phase, t + 3]
            x0, x1, x2, x3 = history[row - t], history[row - t - 1], history[row - t - 2], history[row - t - 3]
            for c in range(n_channels):
                work[c] = (((work[c] + h0 * x0[c]) + h1 * x1[c]) + h2 * x2[c]) + h3 * x3[c]
        for c in range(n_channels):
            out[i, c] = np.float32(work[c])
        time = history_times[row]
        if phase > 0:
            time += (history_times[row + 1] - time) * (phase / up)
        out_times[i] = time - delay
