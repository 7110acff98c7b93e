"""Colour maps for pictures: perceptually uniform, told apart with any colour vision, as tables of pixels.

No Qt here but pyqtgraph's tables of colours.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray

SEQUENTIAL = "viridis"
DIVERGING = "CET-D1"
"""Blue, white, red of equal steps in lightness (Kovesi, arXiv:1509.03700)."""


@lru_cache(maxsize=8)
def table(name: str) -> NDArray[np.uint32]:
    """(256,) uint32, 0xffRRGGBB, of pyqtgraph's colour map ``name``."""
    rgb = pg.colormap.get(name).getLookupTable(0.0, 1.0, 256, alpha=False).astype(np.uint32)
    packed: NDArray[np.uint32] = (0xFF << 24) | (rgb[:, 0] << 16) | (rgb[:, 1] << 8) | rgb[:, 2]
    return packed.astype(np.uint32)


def coloured(values: NDArray[np.floating], low: float, high: float, name: str) -> NDArray[np.uint32]:
    """Pixels of ``values`` (any shape), from ``low`` to ``high``; not-a-number is transparent."""
    span = high - low if high > low else 1.0
    scaled = (values - low) * (255.0 / span)
    known = np.isfinite(scaled)
    steps = np.clip(np.where(known, scaled, 0.0), 0, 255).astype(np.uint8)
    return np.where(known, table(name)[steps], np.uint32(0))


def is_light(pixel: int) -> bool:
    """Whether black stands out better than white on ``pixel`` (ITU-R BT.601 luma)."""
    red, green, blue = (pixel >> 16) & 255, (pixel >> 8) & 255, pixel & 255
    return 0.299 * red + 0.587 * green + 0.114 * blue > 128
