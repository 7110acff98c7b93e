"""A delay line: samples come out a fixed number of samples later, so that what follows them can be taken into account."""

from __future__ import annotations

import numpy as np

from rtbci.transforms.blocks import OutputBuffer
from rtbci.types import Samples


class DelayLine:
    """Delays samples by ``n_delayed``; the first sample after `prime` stands in for those before it.

    Parameters
    ----------
    n_channels : columns of the samples.
    n_delayed : samples of delay, 0 or more.
    """

    def __init__(self, n_channels: int, n_delayed: int) -> None:
        self._held: Samples = np.zeros((n_delayed, n_channels), np.float32)
        self._joined = OutputBuffer(n_channels)
        self.prime()

    def prime(self) -> None:
        """Forget what is held; the next sample takes its place."""
        self._primed = False

    def push(self, samples: Samples) -> Samples:
        """Take ``samples`` (n, n_channels) float32; give as many that came earlier, in a buffer that is reused."""
        n, n_delayed = len(samples), len(self._held)
        if n_delayed == 0 or n == 0:
            return samples
        if not self._primed:
            self._held[:] = samples[0]
            self._primed = True
        joined = self._joined.first(n_delayed + n)
        joined[:n_delayed] = self._held
        joined[n_delayed:] = samples
        self._held[:] = joined[n:]
        return joined[:n]
