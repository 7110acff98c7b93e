"""What goes into a transform is checked, and what comes out of it stands in a buffer that the next call reuses."""

from __future__ import annotations

import numpy as np

from rtbci.errors import TransformError
from rtbci.types import Samples

ROWS = 256
"""Samples that a buffer holds at first; it grows with the largest chunk that comes."""


def contiguous(samples: Samples, n_channels: int) -> Samples:
    """``samples`` (n, n_channels) as a C-contiguous float32 array, itself where it is one.

    Raises TransformError for another number of channels than the stream was said to have.
    """
    if samples.ndim != 2 or samples.shape[1] != n_channels:
        raise TransformError(
            f"samples of shape {samples.shape} came; (n, {n_channels}) was announced to start(), "
            "which must be called first"
        )
    return np.ascontiguousarray(samples, np.float32)


class OutputBuffer:
    """Rows of ``n_channels`` float32, allocated once and grown only for a chunk that is larger than any before."""

    def __init__(self, n_channels: int) -> None:
        self._rows: Samples = np.empty((ROWS, n_channels), np.float32)

    def first(self, n: int) -> Samples:
        """The first ``n`` rows, with whatever stands in them."""
        if n > len(self._rows):
            self._rows = np.empty((max(n, 2 * len(self._rows)), self._rows.shape[1]), np.float32)
        return self._rows[:n]
