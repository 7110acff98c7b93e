"""Canonical correlation with sines and cosines at the stimuli's frequencies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtbci.types import Samples
from rtbci_ssvep.aligned import Array
from rtbci_ssvep.canonical import CanonicalCorrelation
from rtbci_ssvep.correlating import Correlating
from rtbci_ssvep.stimuli import stimuli


class Cca(Correlating):
    """Which frequency the window holds: canonical correlation (Lin et al. 2006), on request with a filter bank.

    The correlations need no training; training windows only tell how a correlation becomes a probability, and how low all
    must be for the class without a frequency. The evidence is the squared correlation, with a filter bank the weighted
    sum over sub-bands (Chen et al. 2015, equation 7).

    Parameters
    ----------
    frequencies : Hz, in the order of the classes; 0 for a class that looks at nothing that flickers, as has a last class
        without an entry (such as idle).
    harmonics : of each frequency, the frequency itself counted; as far as the sampling rate holds them for all.
    filter_bank : whether sub-bands that begin at each harmonic are correlated one by one (FBCCA).
    """

    name = "cca"

    def __init__(self, frequencies: list[float], harmonics: int = 2, filter_bank: bool = False) -> None:
        super().__init__(stimuli(frequencies, distinct=True), harmonics, filter_bank)

    def _build(self, waves: Array, n_channels: int, weights: Array) -> None:
        self._canonical = CanonicalCorrelation(n_channels, waves)
        self._weights = weights

    def _learn(self, windows: Samples, labels: NDArray[np.int64]) -> Array:
        return np.array([self.correlations(window) for window in windows])

    def _correlations(self, power: Array, cross: Array) -> Array:
        squares = np.zeros(cross.shape[1])
        for weight, p, c in zip(self._weights, power, cross, strict=True):
            squares += weight * self._canonical.squares(p, c)
        return squares

    def _learnt(self) -> Mapping[str, Array]:
        return {}

    def _relearn(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Nothing: correlations need no training."""
