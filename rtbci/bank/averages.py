"""Presentations of one item, averaged: what the next window is decoded as when its item was shown before."""

from __future__ import annotations

from collections import OrderedDict

import numpy as np
from numpy.typing import NDArray

from rtbci.types import Samples

LARGEST = 256 << 20
"""Bytes of sums that are kept; beyond that the item that was shown longest ago is forgotten, and counts from one again."""


class Averages:
    """Sums the windows of each item, in float64 and in the order in which they were decided.

    Parameters
    ----------
    n_samples, n_channels : of a window.
    largest : bytes that the sums may take.
    """

    def __init__(self, n_samples: int, n_channels: int, largest: int = LARGEST) -> None:
        self._shape = n_samples, n_channels
        self._most = max(1, largest // (8 * n_samples * n_channels))
        self._sums: OrderedDict[int, tuple[int, NDArray[np.float64]]] = OrderedDict()
        raw = np.empty(n_samples * n_channels + 16, np.float32)
        begin = -raw.ctypes.data % 64 // 4
        self._rows = raw[begin : begin + n_samples * n_channels].reshape(n_samples, n_channels)
        self._window = self._rows.T
        self._window.flags.writeable = False

    def add(self, item: int, samples: Samples) -> tuple[int, Samples]:
        """Take a window's ``samples`` (n_channels, n_samples) of ``item``: how often it was shown, and the mean so far.

        The mean is laid out as a window is, and stands until the next call; of a first presentation it is ``samples``.
        """
        count, total = self._sums.pop(item, (0, None))
        if total is None:
            total = np.zeros(self._shape)
            while len(self._sums) >= self._most:
                self._sums.popitem(last=False)
        total += samples.T
        self._sums[item] = count + 1, total
        if not count:
            return 1, samples
        np.divide(total, count + 1, out=self._rows, casting="same_kind")
        return count + 1, self._window
