"""From sRGB to CIELAB, where a distance is roughly a difference that is seen."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float32]

_TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
"""XYZ from linear sRGB, with the white D65 (IEC 61966-2-1)."""
_RELATIVE = (_TO_XYZ / _TO_XYZ.sum(axis=1, keepdims=True)).astype(np.float32)
"""The same relative to that white, so that greys have equal X, Y and Z and a chroma of 0."""
_ENCODED = np.arange(256) / 255.0
_LINEAR = np.where(_ENCODED <= 0.04045, _ENCODED / 12.92, ((_ENCODED + 0.055) / 1.055) ** 2.4).astype(np.float32)
"""Linear light, 0 to 1, of an sRGB byte (IEC 61966-2-1)."""
_KNEE = np.float32(216 / 24389)
_SLOPE, _OFFSET = np.float32(24389 / 27 / 116), np.float32(16 / 116)


def cielab(pixels: NDArray[np.uint8]) -> Plane:
    """CIELAB (3, height, width) float32 of sRGB ``pixels`` (height, width, 3) uint8: L* 0 to 100, a* and b* about ±100.

    CIE 15:2018, section 8.2.1, with the reference white D65.
    """
    red, green, blue = _LINEAR[pixels.transpose(2, 0, 1)]
    # written out rather than as a matrix product, which BLAS would split over threads
    x, y, z = (_adapted(row[0] * red + row[1] * green + row[2] * blue) for row in _RELATIVE)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def _adapted(light: Plane) -> Plane:
    """The cube root, with the straight piece of CIE 15 for the darkest."""
    result: Plane = np.where(light > _KNEE, np.cbrt(light), _SLOPE * light + _OFFSET)
    return result
