"""What is done to every chunk as it comes in, in one pass over the samples: units, values that are no numbers, triggers."""

from __future__ import annotations

import numba as nb
import numpy as np
from numpy.typing import NDArray


@nb.njit(cache=True, nogil=True)
def scale(samples: NDArray[np.float32], factors: NDArray[np.float32]) -> None:
    """Multiply ``samples`` (n, n_channels) by ``factors`` (n_channels,) in place."""
    for i in range(samples.shape[0]):
        for c in range(samples.shape[1]):
            samples[i, c] *= factors[c]


@nb.njit(cache=True, nogil=True, fastmath={"reassoc"})
def count_nonfinite(samples: NDArray[np.float32]) -> int:
    """Number of rows of ``samples`` (n, n_channels) in which a value is NaN or infinite."""
    count = 0
    for i in range(samples.shape[0]):
        # x * 0 is 0 for every number and NaN for what is none, so that the sum can be vectorised
        total = np.float32(0.0)
        for c in range(samples.shape[1]):
            total += samples[i, c] * np.float32(0.0)
        if total != total:
            count += 1
    return count


@nb.njit(cache=True, nogil=True)
def has_break(times: NDArray[np.float64], before: float, longest: float) -> bool:
    """Whether a step of ``times`` (n,) seconds is longer than ``longest`` seconds or goes backwards.

    ``before`` is the time before ``times[0]`` (NaN: there was none). True exactly when `rtbci.gaps.find_gaps` finds a gap.
    """
    for i in range(times.shape[0]):
        step = times[i] - before
        if step > longest or step < 0.0:
            return True
        before = times[i]
    return False


@nb.njit(cache=True, nogil=True)
def rising_codes(
    samples: NDArray[np.float32],
    column: int,
    previous: float,
    rows: NDArray[np.int64],
    codes: NDArray[np.int64],
) -> tuple[int, float]:
    """Find where column ``column`` of ``samples`` (n, n_channels) rises to a new code.

    Fills the first elements of ``rows`` and ``codes`` (both at least n long) and returns how many, with the column's last
    value. ``previous`` is its value before the first row; NaN there, as before the first sample of a stream, makes the
    first value the state of rest and no event. A fall to a lower code is no event: lines are cleared one by one.
    """
    found = 0
    for i in range(samples.shape[0]):
        value = float(samples[i, column])
        if not np.isfinite(value):
            continue
        if value > previous and value != 0.0:
            rows[found] = i
            codes[found] = int(value)
            found += 1
        previous = value
    return found, previous
