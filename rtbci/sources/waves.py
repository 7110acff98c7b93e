"""Waveforms of simulated sources: 1/f noise and narrow-band rhythms, block after block, from seeds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.signal import sosfilt

Array = NDArray[np.float64]

BLOCK = 256
"""Samples drawn at a time."""
WARM_UP_SECONDS = 8.0
"""Filters run this long before the first sample, so that the start looks like the rest."""


class Waves:
    """Waveforms of unit variance.

    Parameters
    ----------
    sections : second-order sections of each waveform's filter, as `pink` and `rhythm` give them.
    rate : Hz.
    seed : numbers that make this set of waveforms what it is.
    """

    def __init__(self, sections: Sequence[Array], rate: float, seed: Sequence[int]) -> None:
        self._seed = tuple(seed)
        self._sections = sections
        self._states = [np.zeros((len(each), 2)) for each in sections]
        for block in range(-(-int(WARM_UP_SECONDS * rate) // BLOCK), 0, -1):
            self._draw(1, block)

    def next(self, block: int) -> Array:
        """Return block number ``block``: (BLOCK, n_waveforms) float64. Blocks come in order, from 0."""
        return self._draw(0, block)

    def _draw(self, warm_up: int, block: int) -> Array:
        rng = np.random.default_rng([*self._seed, warm_up, block])
        white = rng.standard_normal((len(self._sections), BLOCK))
        out = np.empty((BLOCK, len(self._sections)))
        for i, sections in enumerate(self._sections):
            out[:, i], self._states[i] = sosfilt(sections, white[i], zi=self._states[i])
        return out


def pink(rate: float) -> Array:
    """Second-order sections that make white noise fall by 10 dB a decade (1/f power), at unit variance.

    Poles and zeros alternate, each a factor of two from the next: S. Plaszczynski, "Generating long streams of 1/f^alpha
    noise", Fluct. Noise Lett. 7 (2007) R1-R13.
    """
    sections = []
    pole = 0.1
    while 2 * pole < rate / 2:
        p, z = np.exp(-2 * np.pi * pole / rate), np.exp(-2 * np.pi * 2 * pole / rate)
        sections.append([1.0, -z, 0.0, 1.0, -p, 0.0])
        pole *= 4.0
    return _unit_variance(np.array(sections))


def rhythm(frequency: float, bandwidth: float, rate: float) -> Array:
    """Sections of a resonance at ``frequency`` Hz, ``bandwidth`` Hz wide at half power, at unit variance."""
    radius = np.exp(-np.pi * bandwidth / rate)
    angle = 2 * np.pi * frequency / rate
    return _unit_variance(np.array([[1.0, 0.0, -1.0, 1.0, -2 * radius * np.cos(angle), radius**2]]))


def _unit_variance(sections: Array) -> Array:
    z = np.exp(-1j * np.pi * (np.arange(1 << 16) + 0.5) / (1 << 16))
    power = np.ones(len(z))
    for b0, b1, b2, a0, a1, a2 in sections:
        power *= np.abs((b0 + b1 * z + b2 * z**2) / (a0 + a1 * z + a2 * z**2)) ** 2
    scaled = sections.copy()
    scaled[0, :3] /= np.sqrt(power.mean())
    return scaled
