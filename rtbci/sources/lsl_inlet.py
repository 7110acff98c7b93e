"""Samples out of liblsl into our memory, with as little as possible in between."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
import pylsl
from numpy.typing import NDArray
from pylsl.util import handle_error

from rtbci.types import Samples, Times

_BUFFER_SECONDS = 60
"""What liblsl keeps for a session that does not read; older samples are dropped, and show as a gap."""
_TIMEOUT, _LOST = -1, -2


class SampleInlet:
    """An inlet that writes into the caller's buffer.

    liblsl does not recover it: it would bring back a stream whose header may have changed, without a word.

    Attributes
    ----------
    lsl : the pylsl inlet.
    n_channels : channels of the stream.
    stamps : (n,) float64, the stamps of the last `pull` as sent.
    lost : whether liblsl has said that the stream is gone.
    """

    def __init__(self, info: pylsl.StreamInfo) -> None:
        self.lsl: Any = pylsl.StreamInlet(info, max_buflen=_BUFFER_SECONDS, recover=False)
        self.n_channels: int = info.channel_count()
        self.stamps: Times = np.empty(0)
        self.lost = False
        self._direct = self.lsl.np_dtype is np.float32
        self._scratch: NDArray[Any] = np.empty((0, self.n_channels), self.lsl.np_dtype)
        self._error = ctypes.c_int()

    def pull(self, samples: Samples, rows: int, timeout: float) -> int:
        """Wait at most ``timeout`` seconds for one sample, then take all that are there, ``rows`` at most.

        Fills the first rows of ``samples`` (n, n_channels) float32, converting where the stream sends another type.
        It does what pylsl's ``pull_chunk`` does with ``min_samples=1``, without its allocations, which for chunks of a
        few samples cost more than the copy.
        """
        if len(self.stamps) < rows:
            self.stamps = np.empty(rows)
        direct = self._direct and samples.flags.c_contiguous
        if not direct and len(self._scratch) < rows:
            self._scratch = np.empty((rows, self.n_channels), self.lsl.np_dtype)
        target: NDArray[Any] = samples if direct else self._scratch
        data, stamps = target.ctypes.data, self.stamps.ctypes.data
        n = self._pull(data, stamps, 1, timeout)
        if n and rows > 1:
            n += self._pull(data + self.n_channels * target.itemsize, stamps + 8, rows - 1, 0.0)
        if not direct:
            samples[:n] = self._scratch[:n]
        return n

    def _pull(self, data: int, stamps: int, rows: int, timeout: float) -> int:
        """Call liblsl, which lets other threads run while it waits; returns the number of samples."""
        self._error.value = 0
        values: int = self.lsl.do_pull_chunk(
            self.lsl.obj,
            ctypes.c_void_p(data),
            ctypes.c_void_p(stamps),
            ctypes.c_size_t(rows * self.n_channels),
            ctypes.c_size_t(rows),
            ctypes.c_double(timeout),
            ctypes.byref(self._error),
        )
        if self._error.value == _LOST:
            self.lost = True
            return 0
        if self._error.value not in (0, _TIMEOUT):
            handle_error(self._error)
        return values // self.n_channels
