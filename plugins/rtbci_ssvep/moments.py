"""All that a correlation with references needs of a window: its covariances with itself and with them.

Everything after it (canonical correlations, task-related components, templates at any shift) is a function of these small
matrices, so a window is gone through once.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rtbci_ssvep.aligned import Array, aligned_zeros
from rtbci_ssvep.filter_bank import filtered, steady


class Moments(NamedTuple):
    """`WindowMoments` of many windows: (n_windows, n_bands, ...)."""

    power: Array
    cross: Array


class WindowMoments:
    """Sums of products within a window, without the channels' means, in each sub-band.

    Parameters
    ----------
    n_channels : of a window.
    references : (n_frequencies, n_waves, n_samples), aligned.
    sections : second-order sections of each sub-band; None: one band, unfiltered.

    Attributes
    ----------
    power : (n_bands, n_channels, n_channels), products of channels, in their unit squared times samples.
    cross : (n_bands, n_frequencies, n_waves, n_channels), products of references and channels.
        Both are buffers that `take` fills anew.
    """

    def __init__(self, n_channels: int, references: Array, sections: list[Array] | None) -> None:
        n_frequencies, n_waves, n_samples = references.shape
        self._references = references.reshape(-1, n_samples)
        self._filters = [None] if sections is None else [(part, steady(part)) for part in sections]
        self.samples = aligned_zeros(n_channels, n_samples)
        self._band = aligned_zeros(n_channels, n_samples)
        n_bands = len(self._filters)
        self.power = aligned_zeros(n_bands, n_channels, n_channels)
        self.cross = aligned_zeros(n_bands, n_frequencies, n_waves, n_channels)
        self._rows = self.cross.reshape(n_bands, -1, n_channels)

    def take(self, window: NDArray[np.float32]) -> None:
        """Fill `power` and `cross` from ``window`` (n_channels, n_samples)."""
        self.samples[...] = window
        for b, sub_band in enumerate(self._filters):
            self._band[...] = self.samples if sub_band is None else filtered(sub_band[0], self.samples, sub_band[1])
            self._band -= self._band.mean(axis=1, keepdims=True)
            np.dot(self._band, self._band.T, out=self.power[b])
            np.dot(self._references, self._band.T, out=self._rows[b])

    def of_many(self, windows: NDArray[np.float32]) -> Moments:
        """Moments of ``windows`` (n_windows, n_channels, n_samples)."""
        many = Moments(np.empty((len(windows), *self.power.shape)), np.empty((len(windows), *self.cross.shape)))
        for i, window in enumerate(windows):
            self.take(window)
            many.power[i], many.cross[i] = self.power, self.cross
        return many
