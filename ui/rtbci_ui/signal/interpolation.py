"""From values at sensors to a picture of the head: spherical splines, as one matrix per set of sensors.

No Qt here.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, lru_cache

import numpy as np
from numpy.polynomial.legendre import legval
from numpy.typing import NDArray

from rtbci.montage import directions

ORDER = 3
"""Perrin's m. With 4, which is common, what one sensor alone sees is smoothed away; with 2 the map bends sharply at it."""
TERMS = 60
RIDGE = 1e-7
"""Added to the diagonal: the map goes through the sensors' values within a percent, whatever their noise."""
GRID = 100
"""Points of the picture across the whole map; the screen smooths between them."""
_TABLE = 8192
_REACH = (np.deg2rad(18.0), np.deg2rad(40.0))
_BEYOND = np.deg2rad(12.0)


def _legendre(cosine: NDArray[np.float64]) -> NDArray[np.float64]:
    """The function g of spherical splines for cosines of angles, any shape.

    Perrin, Pernier, Bertrand & Echallier, Electroenceph. clin. Neurophysiol. 72, 184-187 (1989), equation 3, with the
    correction in 76, 565-566 (1990): 1/4π Σ (2n+1) / (n(n+1))^m · P_n(cos).
    """
    n = np.arange(1, TERMS + 1)
    return np.asarray(legval(cosine, [0.0, *((2 * n + 1) / (n * (n + 1.0)) ** ORDER / (4 * np.pi))]), np.float64)


@cache
def _tabulated() -> NDArray[np.float64]:
    return _legendre(np.linspace(-1.0, 1.0, _TABLE))


def _looked_up(cosine: NDArray[np.float64]) -> NDArray[np.float64]:
    """`_legendre` from a table, to 1e-7: to sum 60 polynomials at half a million points takes 0.1 s."""
    at = (cosine + 1.0) * ((_TABLE - 1) / 2.0)
    below = np.clip(at.astype(np.int32), 0, _TABLE - 2)
    table = _tabulated()
    lower = table[below]
    return np.asarray(lower + (table[below + 1] - lower) * (at - below), np.float64)


def spline_matrix(sensors: NDArray[np.float64], points: NDArray[np.float64]) -> NDArray[np.float64]:
    """The matrix (n_points, n_sensors) that turns values at ``sensors`` into values at ``points``.

    Parameters
    ----------
    sensors, points : (n, 2) float64, places on the map (`rtbci.montage.project`); no two sensors at the same place.
    """
    n = len(sensors)
    if n == 1:
        return np.ones((len(points), 1))
    at, to = directions(sensors), directions(points)
    system = np.ones((n + 1, n + 1))
    system[:n, :n] = _legendre(np.clip(at @ at.T, -1.0, 1.0)) + RIDGE * np.eye(n)
    system[n, n] = 0.0
    reached = np.column_stack([_looked_up(np.clip(to @ at.T, -1.0, 1.0)), np.ones(len(to))])
    weights = np.linalg.solve(system, np.eye(n + 1, n))
    return np.asarray(reached @ weights, np.float64)


def merge_sites(xy: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Sensors that share a place: (n_sites, 2) places and (n,) the site of each sensor of ``xy`` (n, 2)."""
    places, first, site = np.unique(np.round(xy, 4), axis=0, return_index=True, return_inverse=True)
    return xy[first].reshape(len(places), 2), site.reshape(-1).astype(np.int64)


@dataclass(frozen=True, slots=True)
class Field:
    """A picture of the head for one set of sensors.

    Attributes
    ----------
    extent : half the width of the picture on the map; the picture is square about the middle.
    inside : (GRID, GRID) bool, row 0 at the front; points that are near enough to a sensor to say something.
    matrix : (n_inside, n_sensors) float32.
    """

    extent: float
    inside: NDArray[np.bool_]
    matrix: NDArray[np.float32]

    def picture(self, values: NDArray[np.floating]) -> NDArray[np.float32]:
        """(n_inside,) from ``values`` (n_sensors,)."""
        # without BLAS, whose threads wait for each other on a busy machine: half a millisecond instead of up to ten
        return np.asarray(np.einsum("ij,j->i", self.matrix, values.astype(np.float32)), np.float32)


def field(xy: NDArray[np.float64], extent: float) -> Field:
    """The picture for sensors at ``xy`` (n, 2), ``extent`` from its middle to its edge; the newest few are kept.

    One for 100 sensors takes some 40 ms to prepare, several times that on a busy machine: see `field_soon`.

    The map is drawn as far from a sensor as 1.6 times the sensors' usual distance, 18° to 40°, and outside the head's
    outline 12°: beyond, a spline says nothing about the head.
    """
    return _field(np.ascontiguousarray(xy, np.float64).tobytes(), extent)


def field_soon(xy: NDArray[np.float64], extent: float) -> Future[Field]:
    """As `field`, from another thread, one after the other."""
    return _thread().submit(field, xy, extent)


@cache
def _thread() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, "head maps")


@lru_cache(maxsize=16)
def _field(places: bytes, extent: float) -> Field:
    xy = np.frombuffer(places).reshape(-1, 2)
    axis = (np.arange(GRID) + 0.5) / GRID * 2.0 - 1.0
    x, y = np.meshgrid(axis * extent, -axis * extent)
    points = np.column_stack([x.ravel(), y.ravel()])
    at = directions(xy)
    near = np.arccos(np.clip((directions(points) @ at.T).max(axis=1), -1.0, 1.0))
    reach = _REACH[1]
    if len(xy) > 1:
        between = np.arccos(np.clip(at @ at.T, -1.0, 1.0)) + 4.0 * np.eye(len(xy))
        reach = float(np.clip(1.6 * np.median(between.min(axis=1)), *_REACH))
    inside = near <= np.where(np.hypot(points[:, 0], points[:, 1]) <= 1.0, reach, _BEYOND)
    return Field(extent, inside.reshape(GRID, GRID), spline_matrix(xy, points[inside]).astype(np.float32))
