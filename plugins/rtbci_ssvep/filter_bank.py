"""Sub-bands that keep the n-th harmonics and what lies above.

Chen, Wang, Gao, Jung and Gao, Journal of Neural Engineering 12(4), 046008, 2015, design M3 and equation 8: sub-bands that
begin at multiples of the lowest stimulus and end together, so that a weak harmonic is not drowned by the strong first one.
There are as many as harmonics. They are Butterworth filters that run forward over the window alone and begin as if its
first sample had always been there; as wide as they are, they settle within about 0.1 s.
"""

from __future__ import annotations

import numpy as np

from rtbci_ssvep.aligned import Array

MARGIN = 2.0
"""Hz below the lowest stimulus's harmonic at which a sub-band begins, and above the highest's last at which all end."""
ORDER = 4
"""Poles a side."""
USABLE = 0.45
"""Share of the rate at which sub-bands end at the latest: resamplers fall off from about there."""
NARROWEST = 4.0
"""Hz: a sub-band that would be narrower is left out."""


def sub_bands(frequencies: tuple[float, ...], harmonics: int, rate: float) -> list[tuple[float, float]]:
    """(low, high) in Hz of each sub-band, one at least."""
    lowest = min(frequencies)
    high = max(min(harmonics * max(frequencies) + MARGIN, USABLE * rate), max(frequencies) + 0.5 * MARGIN)
    high = min(high, 0.499 * rate)
    margin = min(MARGIN, 0.25 * lowest)
    lows = [n * lowest - margin for n in range(1, harmonics + 1)]
    return [(low, high) for n, low in enumerate(lows) if n == 0 or high - low >= NARROWEST]


def sections_for(bands: list[tuple[float, float]], rate: float) -> list[Array]:
    """Second-order sections (n_sections, 6) of each sub-band."""
    from scipy.signal import butter

    return [np.asarray(butter(ORDER, band, btype="bandpass", fs=rate, output="sos"), np.float64) for band in bands]


def weights_for(n_bands: int) -> Array:
    """Weights (n_bands,) of the sub-bands' squared correlations: ``n^-1.25 + 0.25``, the paper's a and b."""
    weights: Array = np.arange(1.0, n_bands + 1.0, dtype=np.float64) ** -1.25 + 0.25
    return weights


def steady(sections: Array) -> Array:
    """State (n_sections, 2) of ``sections`` (n_sections, 6) in which a constant 1 has always been there."""
    from scipy.signal import sosfilt_zi

    state: Array = sosfilt_zi(sections)
    return state


def filtered(sections: Array, samples: Array, state: Array) -> Array:
    """``samples`` (n_channels, n_samples) float64 through ``sections`` (n_sections, 6), whose `steady` is ``state``."""
    from scipy.signal import sosfilt

    out, _ = sosfilt(sections, samples, axis=-1, zi=state[:, None, :] * samples[None, :, :1])
    result: Array = out
    return result
