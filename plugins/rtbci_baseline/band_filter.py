"""A bank of band-passes within a window: forward only, primed with the window's own first sample.

The windows of a bank overlap and may be skipped, so no state can be carried from one to the next: each is filtered from
its first sample on, as if that sample's value had always been there. What comes out begins at zero and takes about one
over the bandwidth to follow the band's envelope (a Butterworth band-pass of 4 Hz and four poles a side has given out half
of the energy of its impulse response after 0.24 s, 90 % after 0.34 s), so that first stretch is left out of the power.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rtbci.errors import DecoderError
from rtbci_baseline.linear import Vector, aligned_zeros

ORDER = 4
"""Poles a side. Orders 2, 3 and 4 decoded .93 .93 .93 of the trials of fists or feet (64 channels, 160 Hz) and
.80 .83 .86 of those of right or left (7 channels, 250 Hz), leaving one run out."""
WIDTH = 4.0
LOWEST, HIGHEST = 4.0, 40.0
"""Hz: bands of this width between these frequencies where none are given (Ang et al. 2008, section II-A)."""
USABLE = 0.45
"""Share of the sampling rate up to which there are bands where none are given: resamplers fall off from about there."""
LARGEST_SETTLING = 0.25
"""Largest share of a window that is left out while the filters settle. Leaving out nothing cost .07 of the windows of
fists or feet."""


def bands_for(rate: float, given: tuple[tuple[float, float], ...] | None) -> tuple[tuple[float, float], ...]:
    """The bands (low, high) in Hz for windows of ``rate`` Hz. Raises DecoderError where one does not fit the rate."""
    if given is not None:
        for low, high in given:
            if high >= rate / 2:
                raise DecoderError(
                    f"bands = [[{low:g}, {high:g}]]: the windows have {rate:g} Hz; a band that ends below "
                    f"{rate / 2:g} Hz would be right"
                )
        return given
    edges = np.arange(LOWEST, HIGHEST, WIDTH)
    bands = tuple((float(low), float(low + WIDTH)) for low in edges if low + WIDTH <= USABLE * rate)
    if not bands:
        raise DecoderError(f"windows of {rate:g} Hz hold none of the bands from {LOWEST:g} Hz up; give bands = [[...]]")
    return bands


def sections_for(bands: tuple[tuple[float, float], ...], rate: float) -> Vector:
    """Butterworth band-passes as second-order sections, (n_bands, n_sections, 6)."""
    from scipy.signal import butter

    return np.array([butter(ORDER, band, btype="bandpass", fs=rate, output="sos") for band in bands], np.float64)


def settling(bands: tuple[tuple[float, float], ...], rate: float, n_samples: int) -> NDArray[np.int64]:
    """Samples (n_bands,) at a window's begin in which each band's filter has not settled: one over its bandwidth."""
    most = int(LARGEST_SETTLING * n_samples)
    return np.array([min(round(rate / (high - low)), most) for low, high in bands], np.int64)


def steady(sections: Vector) -> Vector:
    """State (n_sections, 2) of ``sections`` (n_sections, 6) in which a constant 1 has always been there."""
    from scipy.signal import sosfilt_zi

    state: Vector = sosfilt_zi(sections)
    return state


def filtered(sections: Vector, samples: Vector, state: Vector) -> Vector:
    """``samples`` (..., n_samples) float64 through one band's ``sections`` (n_sections, 6), each row on its own.

    ``state`` (n_sections, 2) is `steady` of the sections.
    """
    from scipy.signal import sosfilt

    primed = state.reshape(len(sections), *(1,) * (samples.ndim - 1), 2) * samples[None, ..., :1]
    out, _ = sosfilt(sections, samples, axis=-1, zi=primed)
    result: Vector = out
    return result


class BandPowers:
    """Mean squares of components, each in its own band, once the band's filter has settled.

    A spatial filter and a filter in time may change places, so that live a handful of components is filtered, not every
    channel in every band.

    Parameters
    ----------
    filters : (n_features, n_channels), the spatial filter of each feature.
    sections : (n_features, n_sections, 6), the band-pass of each feature.
    skipped : (n_features,), samples left out at the begin of a window.
    n_samples : length of a window.
    """

    def __init__(self, filters: Vector, sections: Vector, skipped: NDArray[np.int64], n_samples: int) -> None:
        n = len(filters)
        if filters.ndim != 2 or sections.ndim != 3 or sections.shape[::2] != (n, 6) or skipped.shape != (n,):
            raise ValueError(f"filters {filters.shape}, sections {sections.shape} and skipped {skipped.shape}")
        if not (skipped.min() >= 0 and skipped.max() < n_samples):
            raise ValueError(f"{skipped.max()} of {n_samples} samples to skip")
        self.sections, self.skipped = sections, skipped
        self.filters = aligned_zeros(*filters.shape)
        self.filters[...] = filters
        self.samples = aligned_zeros(filters.shape[1], n_samples)
        self._components = aligned_zeros(n, n_samples)
        self._squares = aligned_zeros(n, n_samples)
        self._counts = (n_samples - skipped).astype(np.float64)
        self._runs = [(run, sections[run.start], steady(sections[run.start])) for run in _runs(sections)]

    def of(self, window: NDArray[np.float32]) -> Vector:
        """Powers (n_features,) in ``window`` (n_channels, n_samples), in its unit squared."""
        self.samples[...] = window
        np.dot(self.filters, self.samples, out=self._components)
        for run, section, state in self._runs:
            skip = int(self.skipped[run.start])
            band = filtered(section, self._components[run], state)
            np.square(band[:, skip:], out=self._squares[run, skip:])
        powers: Vector = self._squares.sum(axis=1) / self._counts
        return powers


def _runs(sections: Vector) -> list[slice]:
    """Stretches of features that share a band: one call filters them all."""
    breaks = [i for i in range(1, len(sections)) if not np.array_equal(sections[i], sections[i - 1])]
    return [slice(start, stop) for start, stop in zip([0, *breaks], [*breaks, len(sections)], strict=True)]
