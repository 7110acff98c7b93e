"""Curves as pictures: many over each other as how many pass through each pixel, and single ones drawn wide.

306 curves take a plotting library a third of a second; counting them takes 3 ms. No Qt here.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

RGB = tuple[int, int, int]


def _columns(curves: NDArray[np.float64], width: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Smallest and largest value (width, n_curves) of ``curves`` (n_times, n_curves) within each of ``width`` columns."""
    n = len(curves)
    edges = np.linspace(0.0, n - 1.0, width + 1)
    if n <= width:
        left = np.minimum(edges.astype(np.int64), n - 2)
        weight = (edges - left)[:, None]
        at = curves[left] * (1.0 - weight) + curves[left + 1] * weight
        return np.minimum(at[:-1], at[1:]), np.maximum(at[:-1], at[1:])
    first = edges.astype(np.int64)
    # the sample at a column's right edge belongs to both columns: curves are drawn without breaks
    low = np.minimum(np.minimum.reduceat(curves, first[:-1], axis=0), curves[first[1:]])
    high = np.maximum(np.maximum.reduceat(curves, first[:-1], axis=0), curves[first[1:]])
    return low, high


def _rows(
    smallest: NDArray[np.float64], largest: NDArray[np.float64], height: int, low: float, high: float
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First row and the row after the last one, of 0 to ``height``, that values from ``smallest`` to ``largest`` take."""
    scale = height / (high - low)
    bottom = np.floor((high - smallest) * scale).clip(-1, height - 1).astype(np.int64) + 1
    top = np.floor((high - largest) * scale).clip(0, height).astype(np.int64)
    return np.minimum(top, bottom), bottom


def coverage(curves: NDArray[np.float64], width: int, height: int, low: float, high: float) -> NDArray[np.int32]:
    """How many curves pass through each pixel: (height, width) int32, row 0 at ``high``.

    ``curves`` (n_times, n_curves) run over the whole width; ``low`` to ``high`` over the height. What lies beyond is cut,
    curves with a value that is not a number are left out.
    """
    curves = curves[:, np.isfinite(curves).all(axis=0)]
    if curves.shape[1] == 0 or len(curves) < 2 or width < 1 or height < 1:
        return np.zeros((max(height, 0), max(width, 0)), np.int32)
    top, bottom = _rows(*_columns(curves, width), height, low, high)
    column = np.arange(width)[:, None]
    # +1 where a curve begins and -1 below where it ends: the running sum downwards counts them
    begins = np.bincount((top * width + column).ravel(), minlength=(height + 1) * width)
    ends = np.bincount((bottom * width + column).ravel(), minlength=(height + 1) * width)
    steps = (begins - ends).reshape(height + 1, width)
    return np.cumsum(steps, axis=0)[:height].astype(np.int32)


class Canvas:
    """A transparent picture that curves are drawn on, each over the whole width.

    A plotting library's smooth or wide lines take ten times as long, and drop a frame each time.

    Attributes
    ----------
    rgba : (height, width, 4) uint8, row 0 at the top.
    """

    def __init__(self, width: float, height: float, low: float, high: float) -> None:
        """A canvas of ``width`` x ``height`` pixels that shows values from ``low`` to ``high``."""
        self._size = max(int(width), 20), max(int(height), 20)
        self._low, self._high = low, high
        self.rgba: NDArray[np.uint8] = np.zeros((self._size[1], self._size[0], 4), np.uint8)

    def grid(self, parts: Sequence[float], values: Sequence[float], colour: RGB) -> None:
        """Lines upright at ``parts`` of the width (0 to 1), and level at ``values``."""
        width, height = self._size
        for part in parts:
            if 0.0 <= part < 1.0:
                self.rgba[:, int(part * width)] = (*colour, 255)
        for value in values:
            row = int((self._high - value) / (self._high - self._low) * height)
            if 0 <= row < height:
                self.rgba[row] = (*colour, 255)

    def between(self, lower: NDArray[np.float64], upper: NDArray[np.float64], colour: RGB, opacity: float) -> None:
        """Fill from ``lower`` to ``upper``, both (n,), mixed with what is there."""
        at = np.linspace(0.0, len(lower) - 1.0, self._size[0])
        known = np.arange(len(lower))
        self._fill(np.interp(at, known, lower), np.interp(at, known, upper), (*colour, int(255 * opacity)), 0)

    def curves(self, curves: NDArray[np.float64], colour: RGB, ink: float) -> None:
        """Draw ``curves`` (n_times, n_curves); each lays ``ink`` (0 to 1) of ``colour`` on, over what was there."""
        counts = coverage(curves, *self._size, self._low, self._high)
        shades = np.empty((int(counts.max()) + 1, 4), np.uint8)
        shades[:, :3] = colour
        shades[:, 3] = 255.0 * (1.0 - (1.0 - ink) ** np.arange(len(shades)))
        np.copyto(self.rgba.view(np.uint32)[..., 0], shades.view(np.uint32)[:, 0][counts], where=counts > 0)

    def line(self, curve: NDArray[np.float64], colour: RGB, width: int = 2) -> None:
        """Draw one curve (n,), ``width`` pixels wide."""
        finite = np.where(np.isfinite(curve), curve, self._low - 1.0)
        lowest, highest = _columns(finite[:, None], self._size[0])
        self._fill(lowest[:, 0], highest[:, 0], (*colour, 255), width - 1)

    def _fill(
        self, lower: NDArray[np.float64], upper: NDArray[np.float64], colour: tuple[int, int, int, int], more: int
    ) -> None:
        """Fill from ``lower`` to ``upper`` (width,), and ``more`` pixels below."""
        width, height = self._size
        top, bottom = _rows(lower, upper, height, self._low, self._high)
        bottom = np.where(bottom > top, np.minimum(bottom + more, height), bottom)
        length = bottom - top
        # every pixel once: the n-th of its column stands n below the column's top
        column = np.repeat(np.arange(width), length)
        row = np.arange(len(column)) - np.repeat(np.cumsum(length) - length - top, length)
        self.rgba.view(np.uint32)[row, column, 0] = np.array(colour, np.uint8).view(np.uint32)[0]
