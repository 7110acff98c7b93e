"""How much of a picture is coarse and how much is fine, in each direction, and where."""

from __future__ import annotations

from functools import cache

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from rtbci_vision.cells import box_means, cells

Plane = NDArray[np.float32]
Spectrum = NDArray[np.complex64]

ORIENTATIONS = 6
SCALES = 4
GRID = 4
N_FEATURES = SCALES * ORIENTATIONS * GRID**2
_FAINT = 1.0
"""Amplitude in L* below which waves count little."""


def texture(lightness: Plane) -> NDArray[np.float64]:
    """Log-amplitudes (N_FEATURES,) of ``lightness`` (side, side) float32, L* 0 to 100, by scale, orientation and cell.

    The spatial envelope of Oliva and Torralba 2001, "Modeling the shape of the scene": amplitudes of oriented band-pass
    filters, averaged over the cells of a coarse grid. The filters are those of the complex steerable pyramid (Portilla
    and Simoncelli 2000, "A parametric texture model based on joint statistics of complex wavelet coefficients"): each an
    octave to either side of 1/4, 1/8, 1/16 and 1/32 cycles per pixel and nothing beyond, so that a coarser scale needs
    fewer pixels, without error.
    """
    spectrum, side = _periodic(lightness), len(lightness)
    features = []
    for scale in range(SCALES):
        kept = side >> scale
        bands = scipy.fft.ifft2(_cropped(spectrum, kept) * _filters(kept), axes=(1, 2))
        amplitude = np.sqrt(cells(box_means(bands.real**2 + bands.imag**2, 2 * GRID)))
        amplitude *= (kept / side) ** 2  # an inverse transform of fewer pixels divides by fewer
        features.append(np.log1p(amplitude / _FAINT).ravel())
    return np.concatenate(features)


def _periodic(plane: Plane) -> Spectrum:
    """Spectrum (side, side) complex64 of ``plane`` (side, side) less the smooth part that joins its opposite edges.

    Moisan 2011, "Periodic plus smooth image decomposition": without it, the transform, which takes the picture for one
    period of a tiling, sees a strong edge all around.
    """
    jumps = np.zeros_like(plane)
    down, across = plane[-1] - plane[0], plane[:, -1] - plane[:, 0]
    jumps[0] += down
    jumps[-1] -= down
    jumps[:, 0] += across
    jumps[:, -1] -= across
    spectrum: Spectrum = scipy.fft.fft2(plane) - scipy.fft.fft2(jumps) * _inverse_laplacian(len(plane))
    return spectrum


@cache
def _inverse_laplacian(side: int) -> Plane:
    """One over the spectrum (side, side) of the discrete Laplacian, 0 for the mean."""
    wave = 2 * np.cos(2 * np.pi * np.arange(side) / side)
    laplacian = wave[:, None] + wave - 4
    laplacian[0, 0] = np.inf
    inverse: Plane = (1 / laplacian).astype(np.float32)
    return inverse


def _cropped(spectrum: Spectrum, kept: int) -> Spectrum:
    """The ``kept`` lowest frequencies along each axis of ``spectrum`` (side, side)."""
    at = np.r_[0 : kept // 2, len(spectrum) - kept // 2 : len(spectrum)]
    low: Spectrum = spectrum[np.ix_(at, at)]
    return low


@cache
def _filters(side: int) -> Plane:
    """Responses (ORIENTATIONS, side, side) float32 of the octaves around 1/4 cycle per pixel.

    One-sided and of height 2: the inverse transform's magnitude is the amplitude of a wave. Orientation 0 is that of
    waves along rows, the next ones turn from there towards waves down columns.
    """
    along = np.fft.fftfreq(side)
    down, across = np.meshgrid(along, along, indexing="ij")
    radius = np.hypot(down, across)
    radius[0, 0] = 1.0  # the mean: far from every octave
    octaves = np.log2(4 * radius)
    radial = np.where(np.abs(octaves) < 1, np.cos(np.pi / 2 * octaves), 0.0)
    angles = np.arctan2(down, across) - np.pi * np.arange(ORIENTATIONS)[:, None, None] / ORIENTATIONS
    towards = np.maximum(np.cos(angles), 0.0) ** (ORIENTATIONS - 1)
    responses: Plane = (2 * radial * towards).astype(np.float32)
    return responses
