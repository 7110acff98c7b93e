"""Buffers that begin on a 64-byte boundary: BLAS and NumPy reductions may round differently with the alignment."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import DTypeLike, NDArray


def aligned_zeros(
    shape: tuple[int, ...], dtype: DTypeLike = np.float64, order: Literal["C", "F"] = "C"
) -> NDArray[Any]:
    """Zeros of ``shape`` whose first byte lies on a multiple of 64."""
    kind = np.dtype(dtype)
    n_bytes = int(np.prod(shape)) * kind.itemsize
    raw = np.zeros(n_bytes + 64, np.uint8)
    first = -raw.ctypes.data % 64
    return raw[first : first + n_bytes].view(kind).reshape(shape, order=order)


def aligned_copy(array: NDArray[Any], order: Literal["C", "F"] = "F") -> NDArray[Any]:
    """A float64 copy of ``array`` that begins on a multiple of 64 bytes."""
    copy = aligned_zeros(array.shape, np.float64, order)
    copy[...] = array
    return copy
