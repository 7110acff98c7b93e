"""The square of a picture that is looked at: the same number of pixels for every size and every aspect ratio."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from rtbci.errors import BankError

SIDE = 128
"""Side in pixels of the square that all statistics are taken from."""


def checked(picture: object, index: int) -> NDArray[np.uint8]:
    """``picture`` if it is (height, width, 3) uint8 with at least one pixel. Raises BankError that names its ``index``."""
    if isinstance(picture, np.ndarray):
        if picture.dtype == np.uint8 and picture.ndim == 3 and picture.shape[2] == 3 and picture.size:
            return picture
        what = f"{picture.dtype} of shape {picture.shape}"
    else:
        what = type(picture).__name__
    raise BankError(f"picture {index} is {what}; (height, width, 3) uint8 of at least 1 x 1 pixel would be right")


def square(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The middle of ``picture`` (height, width, 3) uint8 RGB as (SIDE, SIDE, 3) uint8.

    Up to an aspect ratio of 2 that is the square in the middle; of a longer picture the middle half is squeezed to a
    square, so that never less than half of a picture counts. Pillow's bicubic filter is as wide as the reduction needs
    (antialiased); where that is a lot, pixels are first averaged in whole blocks, no coarser than twice the result.
    """
    height, width = picture.shape[:2]
    shorter = min(height, width)
    kept_width, kept_height = max(shorter, width / 2), max(shorter, height / 2)
    left, top = (width - kept_width) / 2, (height - kept_height) / 2
    whole = Image.fromarray(np.ascontiguousarray(picture))
    box = (left, top, left + kept_width, top + kept_height)
    return np.asarray(whole.resize((SIDE, SIDE), Image.Resampling.BICUBIC, box, reducing_gap=2.0))
