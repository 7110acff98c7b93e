"""Buffers that begin on a 64-byte boundary: BLAS and NumPy reductions may round differently with the alignment."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def aligned_zeros(*shape: int, order: Literal["C", "F"] = "C") -> Array:
    """Zeros (float64) of ``shape`` whose first byte lies on a multiple of 64."""
    n_bytes = 8 * int(np.prod(shape))
    raw = np.zeros(n_bytes + 64, np.uint8)
    first = -raw.ctypes.data % 64
    return raw[first : first + n_bytes].view(np.float64).reshape(shape, order=order)


def aligned_copy(array: NDArray[Any]) -> Array:
    """A float64 copy of ``array`` in C order that begins on a multiple of 64 bytes."""
    copy = aligned_zeros(*array.shape)
    copy[...] = array
    return copy
