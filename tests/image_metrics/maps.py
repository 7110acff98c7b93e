"""Feature maps for tests: small, without weights; one that works, and those that do not."""

from __future__ import annotations

import numpy as np

from rtbci.errors import BankError
from rtbci.image_metrics.pixels import resized

ASKED: list[int] = []
"""How many pictures each call of `coarse` was given."""


def coarse(pictures):
    """Each picture as 6 x 6 pixels."""
    ASKED.append(len(pictures))
    return np.stack([resized(picture, 6).ravel() for picture in pictures])


def without_weights(pictures):
    raise BankError("weights little.pth are not in /nowhere")


def raises(pictures):
    raise ZeroDivisionError("a defect")


def too_few(pictures):
    return np.zeros((1, 4), np.float32)


def not_finite(pictures):
    return np.full((len(pictures), 4), np.nan, np.float32)
