"""Kernels of the mirrored ring: ordered loads and stores of the two counters, and the copy that keeps the mirror.

The counters are aligned 8-byte words of the mapped file's header. They are read and written with LLVM's atomic loads and
stores, so that the order holds on processors that reorder stores (ARM) as on those that do not (x86).
Writer:  claimed := last + n;  fence;  copy;  written := last + n   (release)
Reader:  written (acquire);  copy;  fence;  claimed (acquire): rows older than claimed - capacity may be torn.
"""

from __future__ import annotations

from typing import Any

import numba as nb
import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic
from numpy.typing import NDArray

WRITTEN = 0
CLAIMED = 8
"""Positions of the counters in the header's array of int64, a cache line (64 bytes) apart."""


@intrinsic
def _load_acquire(typingctx: Any, array: Any, index: Any) -> Any:
    """``array[index]`` of a contiguous int64 array, as an atomic load with acquire ordering."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        view = context.make_array(signature.args[0])(context, builder, args[0])
        pointer = cgutils.gep_inbounds(builder, view.data, args[1])
        return builder.load_atomic(pointer, ordering="acquire", align=8)

    return types.int64(array, types.intp), codegen


@intrinsic
def _store_release(typingctx: Any, array: Any, index: Any, value: Any) -> Any:
    """``array[index] = value`` of a contiguous int64 array, as an atomic store with release ordering."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        view = context.make_array(signature.args[0])(context, builder, args[0])
        pointer = cgutils.gep_inbounds(builder, view.data, args[1])
        builder.store_atomic(args[2], pointer, ordering="release", align=8)
        return context.get_dummy_value()

    return types.void(array, types.intp, types.int64), codegen


@intrinsic
def _fence(typingctx: Any) -> Any:
    """A full memory fence."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        builder.fence("seq_cst")
        return context.get_dummy_value()

    return types.void(), codegen


_ = ir  # llvmlite is what the intrinsics above are written in


@nb.njit(cache=True, nogil=True)
def load_counter(header: NDArray[np.int64], which: int) -> int:
    """Read counter ``which`` of the header; whatever was published before it is visible afterwards."""
    return _load_acquire(header, which)  # type: ignore[no-any-return]


@nb.njit(cache=True, nogil=True)
def store_counter(header: NDArray[np.int64], which: int, value: int) -> None:
    """Publish ``value`` as counter ``which``; whatever was written before it is visible to who reads it."""
    _store_release(header, which, value)


@nb.njit(cache=True, nogil=True)
def push(
    header: NDArray[np.int64],
    ring: NDArray[Any],
    ring_times: NDArray[np.float64],
    ring_arrivals: NDArray[np.float64],
    samples: NDArray[Any],
    times: NDArray[np.float64],
    arrival: float,
) -> None:
    """Append ``samples`` (n, n_channels), with n at most the capacity, to both halves of the ring, and publish them.

    ``ring`` is (2 * capacity, n_channels), ``ring_times`` and ``ring_arrivals`` (2 * capacity,).
    """
    capacity = ring.shape[0] // 2
    n = samples.shape[0]
    written = _load_acquire(header, WRITTEN)
    _store_release(header, CLAIMED, written + n)
    _fence()
    n_channels = ring.shape[1]
    for i in range(n):
        row = (written + i) % capacity
        for c in range(n_channels):
            ring[row, c] = samples[i, c]
        for c in range(n_channels):
            ring[row + capacity, c] = samples[i, c]
        ring_times[row] = times[i]
        ring_times[row + capacity] = times[i]
        ring_arrivals[row] = arrival
        ring_arrivals[row + capacity] = arrival
    _store_release(header, WRITTEN, written + n)


@nb.njit(cache=True, nogil=True)
def intact_from(header: NDArray[np.int64], capacity: int) -> int:
    """Oldest index that no write can have touched by now; call it after the data have been used or copied."""
    _fence()
    claimed = _load_acquire(header, CLAIMED)
    return max(0, claimed - capacity)  # type: ignore[no-any-return]
