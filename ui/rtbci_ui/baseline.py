"""The running mean that the display takes off each channel, so that an offset does not push its trace away.

It touches nothing but the picture: what is recorded and decoded keeps its offset.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rtbci.errors import Overrun
from rtbci.kernels.raster import block_mean
from rtbci_ui.traces.signals import Signal

BLOCKS_PER_SECOND = 4
MEAN_BLOCKS = 16
"""The mean runs over 16 blocks of a quarter of a second: 4 s, a display high-pass of about 0.1 Hz."""


class Baseline:
    """Means over blocks of samples, and their running mean at every block boundary ("knot").

    Knot k is the mean of blocks k - 16 to k - 1. It is computed once and kept, so a picture that is drawn again gets
    the baseline that it was drawn with the first time.

    Attributes
    ----------
    block : samples in a block.
    first : number of the oldest knot that is kept.
    knots : (n_knots, n_channels) float64.
    restarts : counts up when what was given before no longer holds (the first block is whole, or the writer lapped us).
    """

    def __init__(self, ring: Signal, rate: float, seconds: float) -> None:
        """Keep knots for the last ``seconds`` of ``ring`` (or of a piece of the past), whose rate is ``rate`` Hz."""
        self._ring = ring
        self.block = max(1, round(rate / BLOCKS_PER_SECOND))
        self._keep = int(seconds * rate / self.block) + MEAN_BLOCKS + 2
        self._means: list[NDArray[np.float64]] = []
        self._knots: list[NDArray[np.float64]] = []
        self._next = -1
        self.first = 0
        self.restarts = 0
        self.knots: NDArray[np.float64] = np.zeros((1, ring.n_channels))

    def refresh(self) -> None:
        """Take in the blocks that have been finished since the last call."""
        written = self._ring.written
        last = written // self.block
        # what is older than what is kept need not be looked at: a panel that nobody saw for minutes comes back at once
        oldest = max(-(-self._ring.oldest // self.block), last - self._keep)
        if self._next < oldest:  # the first call, or the writer has lapped us: begin again
            self._means.clear()
            self._knots.clear()
            self._next = self.first = oldest
        if not self._knots and written > self._next * self.block:
            # before the first block is whole, the first sample is the best guess at an offset
            start = self._next * self.block
            self.knots = np.nan_to_num(self._ring.view(start, start + 1)[0].astype(np.float64))
        if self._next >= last:
            return
        while self._next < last:
            mean = np.empty(self._ring.n_channels)
            try:
                samples, _, _ = self._ring.view(self._next * self.block, (self._next + 1) * self.block)
            except Overrun:
                return  # lapped in this very moment: the next call begins again
            block_mean(samples, mean)
            if not self._knots:
                self._knots.append(mean)
                self.restarts += 1
            self._means = [*self._means[-(MEAN_BLOCKS - 1) :], mean]
            self._next += 1
            self._knots.append(np.mean(self._means, axis=0))
        surplus = len(self._knots) - self._keep
        if surplus > 0:
            del self._knots[:surplus]
            self.first += surplus
        self.knots = np.array(self._knots)

    def at(self, index: int, channel: int) -> float:
        """What the picture takes off ``channel`` at sample ``index``, as `rtbci.kernels.raster.envelope` reckons it."""
        knot = min(max(index / self.block - 1.0 - self.first, 0.0), len(self.knots) - 1.0)
        low = int(knot)
        high = min(low + 1, len(self.knots) - 1)
        base = self.knots[low, channel]
        return float(base + (knot - low) * (self.knots[high, channel] - base))


def baseline_of(still: Signal, rate: float) -> Baseline:
    """The running mean of all that ``still`` holds, a piece of the past."""
    found = Baseline(still, rate, still.capacity / rate + 1.0)
    found.refresh()
    return found
