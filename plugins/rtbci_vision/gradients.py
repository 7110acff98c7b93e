"""Which way the edges of a picture run, and where."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from rtbci_vision.cells import Boxes, box_means, cells

Plane = NDArray[np.float32]

ORIENTATIONS = 8
CELL = 16
"""Side of a cell in pixels."""
_QUIET = 1.0
"""Gradient in L* per pixel, as a cell's mean, below which edges count little."""


def gradients(lightness: Plane) -> NDArray[np.float64]:
    """Histograms of gradient orientation (n_features(side),) of ``lightness`` (side, side) float32, L* 0 to 100.

    Dalal and Triggs 2005, "Histograms of oriented gradients for human detection": unsigned orientation, votes shared
    between neighbouring orientations and cells, contrast normalised. Each cell is normalised once, by the cells around
    it, in place of their four overlapping blocks, and keeps the strength that this takes away as one feature more. That
    at two scales; the second is the picture at half its size.
    """
    half = box_means(lightness[None], len(lightness) // 2)[0].astype(np.float32)
    return np.concatenate([_at_one_scale(lightness), _at_one_scale(half)])


def n_features(side: int) -> int:
    """Number of features of a square picture of this ``side`` in pixels."""
    return (ORIENTATIONS + 1) * sum((side // scale // CELL) ** 2 for scale in (1, 2))


def _at_one_scale(lightness: Plane) -> NDArray[np.float64]:
    """Normalised histograms, then the strengths of all cells, ((ORIENTATIONS + 1) * n_cells,) float64."""
    histograms = cells(_votes(lightness))
    energy = (histograms**2).sum(axis=0)
    around = _blurred(_blurred(energy).T).T
    normalised = histograms / np.sqrt(around + _QUIET**2)
    strength = np.log1p(np.sqrt(energy) / _QUIET)
    return np.concatenate([normalised.ravel(), strength.ravel()])


def _votes(lightness: Plane) -> Boxes:
    """Mean gradient (ORIENTATIONS, n, n) float64 by orientation, in L* per pixel, in boxes of half a cell's side.

    Orientation 0 is that of gradients along rows, the next ones turn from there towards gradients down columns.
    """
    across, down = np.zeros_like(lightness), np.zeros_like(lightness)
    across[:, 1:-1] = (lightness[:, 2:] - lightness[:, :-2]) / 2
    down[1:-1] = (lightness[2:] - lightness[:-2]) / 2
    size = np.sqrt(across**2 + down**2).ravel()
    angle = np.arctan2(down, across).ravel()
    position = np.where(angle < 0, angle + np.float32(np.pi), angle) * np.float32(ORIENTATIONS / np.pi)
    lower = position.astype(np.intp)
    upper_share = position - lower.astype(np.float32)
    n = 2 * len(lightness) // CELL
    votes = np.zeros(ORIENTATIONS * n**2)
    for orientation, share in ((lower, 1 - upper_share), (lower + 1, upper_share)):
        at = orientation % ORIENTATIONS * n**2 + _box_of_pixel(len(lightness))
        votes += np.bincount(at, size * share, len(votes))
    return votes.reshape(ORIENTATIONS, n, n) / (CELL // 2) ** 2


@cache
def _box_of_pixel(side: int) -> NDArray[np.intp]:
    """Index (side * side,) of the box of half a cell's side that each pixel lies in."""
    along = np.arange(side) // (CELL // 2)
    return (along[:, None] * (2 * side // CELL) + along).ravel()


def _blurred(plane: NDArray[np.float64]) -> NDArray[np.float64]:
    """``plane`` (n, n) averaged along its first axis with weights 1, 2, 1 (of 4), the edge repeated."""
    padded = np.concatenate([plane[:1], plane, plane[-1:]])
    result: NDArray[np.float64] = (padded[:-2] + 2 * padded[1:-1] + padded[2:]) / 4
    return result
