"""What is said of each cell of a grid over a picture: cells overlap, so that a small shift changes little."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Boxes = NDArray[np.float64]


def boxes(planes: NDArray[Any], n_boxes: int) -> NDArray[Any]:
    """View (k, n_boxes, width, n_boxes, width) of ``planes`` (k, side, side) in boxes; ``n_boxes`` divides the side."""
    k, side = planes.shape[:2]
    width = side // n_boxes
    return planes.reshape(k, n_boxes, width, n_boxes, width)


def box_means(planes: NDArray[Any], n_boxes: int) -> Boxes:
    """Means (k, n_boxes, n_boxes) float64 of ``planes`` (k, side, side) in boxes; ``n_boxes`` divides the side."""
    means: Boxes = boxes(planes, n_boxes).mean(axis=(2, 4)).astype(np.float64)
    return means


def cells(means: Boxes) -> Boxes:
    """Means (k, n / 2, n / 2) of cells, from the ``means`` (k, n, n) of the boxes in them and beside them.

    Along each axis a cell weighs its two boxes 3/8 and the next one on either side 1/8, which stands for a window that
    falls off linearly to the middle of the neighbouring cell. At the edge of the picture its last box is repeated.
    """
    for _ in range(2):
        padded = np.concatenate([means[:, :1], means, means[:, -1:]], axis=1)
        along = (padded[:, :-3:2] + padded[:, 3::2] + 3 * (padded[:, 1:-2:2] + padded[:, 2:-1:2])) / 8
        means = along.transpose(0, 2, 1)
    return means
