"""Kernels that turn samples into the pixels of a scrolling picture of traces.

A picture column shows what the piecewise linear curve through the samples does within it: the smallest and the largest
value, the interpolated values at the column's two edges included. Neighbouring columns therefore meet, without a memory of
the previous one, whether a column holds many samples or less than one; and drawing column by column as samples come gives
the same picture as drawing it whole.
"""

from __future__ import annotations

from typing import Any

import numba as nb
import numpy as np
from numpy.typing import NDArray

EMPTY, DATA, GAP, PENDING = 0, 1, 2, 3
"""What a column is: before the oldest sample, samples, missing samples, or not come yet."""
TILE = 16
"""Columns that are painted together: as many pixels as a line of the processor's cache holds."""


@nb.njit(cache=True, nogil=True)
def block_mean(samples: NDArray[np.float32], mean: NDArray[np.float64]) -> None:
    """Mean over ``samples`` (n, n_channels) into ``mean`` (n_channels,), NaN left out; 0 where all are NaN."""
    n, n_channels = samples.shape
    count = np.zeros(n_channels)
    mean[:] = 0.0
    for i in range(n):
        for c in range(n_channels):
            value = samples[i, c]
            if value == value:
                mean[c] += value
                count[c] += 1.0
    for c in range(n_channels):
        if count[c] > 0.0:
            mean[c] /= count[c]


@nb.njit(cache=True, nogil=True)
def envelope(
    samples: NDArray[np.float32],
    first: int,
    shift: int,
    step: float,
    start: int,
    stop: int,
    baseline: NDArray[np.float64],
    baseline_first: int,
    block: int,
    lo: NDArray[np.float32],
    hi: NDArray[np.float32],
) -> None:
    """Merge an unbroken stretch of samples into columns ``start`` to ``stop`` of the envelope.

    Parameters
    ----------
    samples : (n, n_channels) float32; row i is sample ``first + i`` and stands at position ``first + i + shift``.
    step : positions per column; column k covers positions ``k * step`` to ``(k + 1) * step``.
    baseline : (n_knots, n_channels) float64, the running mean at multiples of ``block`` samples; row i is knot
        ``baseline_first + i``. What lies outside takes the nearest knot.
    lo, hi : (n_columns, n_channels) float32 rings, column k in row ``k % n_columns``; NaN where there is nothing yet.
        The baseline is subtracted from what is merged in.
    """
    n, n_channels = samples.shape
    width = lo.shape[0]
    n_knots = baseline.shape[0]
    low = np.empty(n_channels, np.float32)
    high = np.empty(n_channels, np.float32)
    for column in range(start, stop):
        left = max(column * step - shift - first, 0.0)
        right = min((column + 1) * step - shift - first, n - 1.0)
        if right < left:
            continue
        low[:] = np.inf
        high[:] = -np.inf
        for edge in (left, right):
            i = int(edge)
            w = np.float32(edge - i)
            j = min(i + 1, n - 1)
            for c in range(n_channels):
                value = samples[i, c] + w * (samples[j, c] - samples[i, c])
                low[c] = value if value < low[c] else low[c]
                high[c] = value if value > high[c] else high[c]
        for i in range(int(np.ceil(left)), int(right) + 1):
            for c in range(n_channels):
                value = samples[i, c]
                low[c] = value if value < low[c] else low[c]
                high[c] = value if value > high[c] else high[c]
        # the running mean lags one block, so that it never needs samples that have not come
        knot = (right + first) / block - 1.0 - baseline_first
        knot = min(max(knot, 0.0), n_knots - 1.0)
        k = int(knot)
        w64 = knot - k
        k1 = min(k + 1, n_knots - 1)
        row = column % width
        for c in range(n_channels):
            if high[c] >= low[c]:
                base = baseline[k, c] + w64 * (baseline[k1, c] - baseline[k, c])
                bottom = np.float32(low[c] - base)
                top = np.float32(high[c] - base)
                if not lo[row, c] <= bottom:
                    lo[row, c] = bottom
                if not hi[row, c] >= top:
                    hi[row, c] = top


@nb.njit(cache=True, nogil=True, inline="always")
def _blend(pixel: Any, colour: Any, coverage: float, light: bool) -> Any:
    """A pixel (0xffRRGGBB) covered in part by a colour: of red, green and blue each, what is further from the ground.

    On a dark ground the lighter of the pixel and ``coverage`` of the colour; on a ``light`` one the darker of the pixel
    and of white with ``coverage`` of the colour. So a thin part of one trace never dims another one that it crosses.
    """
    if coverage >= 1.0:
        return colour
    out = np.uint32(0xFF000000)
    for bits in (16, 8, 0):
        below = (pixel >> np.uint32(bits)) & np.uint32(255)
        full = float((colour >> np.uint32(bits)) & np.uint32(255))
        if light:
            out |= min(below, np.uint32(255.0 - (255.0 - full) * coverage)) << np.uint32(bits)
        else:
            out |= max(below, np.uint32(full * coverage)) << np.uint32(bits)
    return out


@nb.njit(cache=True, nogil=True)
def is_light(shade: Any) -> bool:
    """Whether a colour (0xffRRGGBB) is nearer to white than to black (the luma of ITU-R BT.601)."""
    red, green, blue = (shade >> 16) & 255, (shade >> 8) & 255, shade & 255
    return bool(0.299 * red + 0.587 * green + 0.114 * blue > 127.5)


@nb.njit(cache=True, nogil=True)
def paint(
    picture: NDArray[np.uint32],
    start: int,
    stop: int,
    kinds: NDArray[np.uint8],
    lo: NDArray[np.float32],
    hi: NDArray[np.float32],
    rows: NDArray[np.int64],
    centres: NDArray[np.float32],
    pixels: NDArray[np.float32],
    colours: NDArray[np.uint32],
    reach: float,
    step: float,
    tick: float,
    shades: NDArray[np.uint32],
) -> None:
    """Paint columns ``start`` to ``stop`` of a picture that is a ring: column k stands at ``k % width``.

    Parameters
    ----------
    picture : (height, width) uint32, 0xffRRGGBB (QImage.Format_RGB32).
    kinds : (width,) uint8, what each column is (EMPTY, DATA, GAP, PENDING).
    lo, hi : (width, n_channels) float32 from `envelope`, in the channel's unit; NaN paints nothing.
    rows : (n_shown,) int64, which channels are shown, from top to bottom.
    centres, pixels, colours : (n_shown,) y of the zero line in pixels, pixels per unit, 0xffRRGGBB.
    reach : pixels that a trace may leave its zero line by; what goes further is cut there.
    step : positions per column.
    tick : positions between two lines of the time grid.
    shades : (3,) uint32, colours of the background, of the time grid and of the hatching; a light background makes traces
        darken what is below them, a dark one lighten it.
    """
    height, width = picture.shape
    n_shown = rows.shape[0]
    light = is_light(int(shades[0]))
    backgrounds = np.empty(TILE, np.uint32)
    begin = start
    while begin < stop:
        left = begin % width
        n = min(TILE, stop - begin, width - left)
        hatched = False
        for i in range(n):
            column = begin + i
            on_tick = np.floor((column + 1) * step / tick) > np.floor(column * step / tick)
            backgrounds[i] = shades[1] if on_tick else shades[0]
            hatched |= kinds[left + i] >= GAP
        for y in range(height):
            for i in range(n):
                picture[y, left + i] = backgrounds[i]
        if hatched:
            _hatch(picture, begin, left, n, kinds, shades[2])
        for s in range(n_shown):
            c = rows[s]
            for x in range(left, left + n):
                if kinds[x] != DATA or not hi[x, c] >= lo[x, c]:
                    continue
                top = centres[s] - min(max(hi[x, c] * pixels[s], -reach), reach) - 0.5
                bottom = centres[s] - min(max(lo[x, c] * pixels[s], -reach), reach) + 0.5
                _line(picture, x, top, bottom, colours[s], light)
        begin += n


@nb.njit(cache=True, nogil=True)
def _hatch(picture: NDArray[np.uint32], begin: int, left: int, n: int, kinds: NDArray[np.uint8], shade: int) -> None:
    """Hatch what is no data of ``n`` columns from ``begin``, which stands at ``left``: missing samples more densely."""
    for i in range(n):
        kind = kinds[left + i]
        if kind != GAP and kind != PENDING:
            continue
        period = 7 if kind == GAP else 14
        for y in range((-(begin + i)) % period, picture.shape[0], period):
            picture[y, left + i] = shade


@nb.njit(cache=True, nogil=True, inline="always")
def _line(picture: Any, x: int, top: float, bottom: float, colour: Any, light: bool) -> None:
    """Cover column ``x`` from ``top`` to ``bottom`` (pixels from the upper edge), its two ends in part."""
    height = picture.shape[0]
    first, last = int(np.floor(top)), int(np.floor(bottom))
    if first == last:
        if 0 <= first < height:
            picture[first, x] = _blend(picture[first, x], colour, bottom - top, light)
        return
    if 0 <= first < height:
        picture[first, x] = _blend(picture[first, x], colour, first + 1.0 - top, light)
    for y in range(max(first + 1, 0), min(last, height)):
        picture[y, x] = colour
    if 0 <= last < height and bottom > last:
        picture[last, x] = _blend(picture[last, x], colour, bottom - last, light)
