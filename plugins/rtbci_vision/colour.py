"""Which colours a picture has, and where."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rtbci_vision.cells import box_means, boxes, cells

Plane = NDArray[np.float32]
Features = NDArray[np.float64]

GRID = 4
"""Cells along a side for means and spreads."""
_LIGHTNESS_BINS = 8
_CHROMA_BINS = 7
_CHROMA_UNIT = 10.0
"""a* or b* at which the histogram's axes go over from linear to logarithmic: bins lie at 0, 12, 36 and 100."""
_RARE = 0.01
"""Share of the picture below which a bin's share counts linearly rather than by its root."""
N_FEATURES = 6 * GRID**2 + _LIGHTNESS_BINS + _CHROMA_BINS**2


def colour(lab: Plane) -> Features:
    """Colour statistics (N_FEATURES,) float64 of a picture ``lab`` (3, side, side) float32 in CIELAB.

    Mean and standard deviation of L*, a* and b* in each cell of a grid, in hundreds (colour moments: Stricker and Orengo
    1995, "Similarity of color images"), and the histograms of L* and of (a*, b*) over the whole picture (Swain and
    Ballard 1991, "Color indexing"), as roots of shares, so that their distance is Hellinger's (Arandjelović and
    Zisserman 2012, "Three things everyone should know to improve object retrieval").
    """
    means_of_boxes, within = box_means(lab, 2 * GRID), boxes(lab, 2 * GRID).var(axis=(2, 4))
    means = cells(means_of_boxes)
    spreads = np.sqrt(np.maximum(cells(within + means_of_boxes**2) - means**2, 0.0))
    lightness = _shares([lab[0] * np.float32((_LIGHTNESS_BINS - 1) / 100)], _LIGHTNESS_BINS)
    middle = np.float32((_CHROMA_BINS - 1) / 2)
    chroma = _shares([np.arcsinh(plane / np.float32(_CHROMA_UNIT)) + middle for plane in lab[1:]], _CHROMA_BINS)
    shares = np.concatenate([lightness, chroma])
    return np.concatenate([means.ravel() / 100, spreads.ravel() / 100, np.sqrt(shares + _RARE) - np.sqrt(_RARE)])


def _shares(axes: list[Plane], n_bins: int) -> Features:
    """Histogram (n_bins ** n_axes,) float64, of sum 1; a pixel is shared between the bins beside it.

    Parameters
    ----------
    axes : the pixels' positions along each axis, in bins.
    """
    n_pixels = axes[0].size
    corners = [(np.zeros(n_pixels, np.intp), np.ones(n_pixels, np.float32))]
    for axis in axes:
        position = np.clip(axis.ravel(), 0, n_bins - 1)
        lower = np.minimum(position.astype(np.intp), n_bins - 2)
        upper_share = position - lower.astype(np.float32)
        beside = ((lower, 1 - upper_share), (lower + 1, upper_share))
        corners = [(at * n_bins + bin_, weight * share) for at, weight in corners for bin_, share in beside]
    shares = np.zeros(n_bins ** len(axes))
    for at, weight in corners:
        shares += np.bincount(at, weight, len(shares))
    return shares / n_pixels
