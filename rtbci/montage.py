"""Where channels sit on a map of the head.

The map is the azimuthal equidistant projection that MNE's topographies use (``mne/channels/layout.py``,
``_auto_topomap_coords`` with ``to_sphere``): a sensor stands in the direction that it has from above, and as far from the
middle as the angle between it and the vertical. The head's outline is the horizon, 90°, as MNE draws it with
``sphere="eeglab"``: the sphere's centre is the mean of Fpz, Oz, T7 and T8.

``montage.json`` is a table of 343 electrodes and 102 helmet sites that ``replay_data/electrodes.py`` takes from MNE: MNE
itself needs a quarter of a second to make its montage, and the window must not load it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtbci.types import Channel

KINDS = ("eeg", "mag", "grad")
"""Kinds of channels that have a map."""
ENOUGH = 16
"""Sensors through which a sphere is fitted; the centre of fewer is that of the standard head."""
_RADII = (0.05, 0.16)
"""Radii in metres that a fitted sphere may have, from an infant's head to a helmet."""
_DECORATION = re.compile(r"^eeg[ _-]*|[ .]+$|[-_ ](ref|le|avg|car)$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Places:
    """Channels of one kind on the map.

    Attributes
    ----------
    channels : (n,) int64, numbers of the channels that have a place.
    xy : (n, 2) float64, x to the right and y to the front; the head's outline is the circle of radius 1.
    without : names of the channels of this kind whose place is not known.
    source : where the places come from, in words; "" where there are none.
    """

    channels: NDArray[np.int64]
    xy: NDArray[np.float64]
    without: tuple[str, ...]
    source: str


@cache
def _table() -> dict[str, Any]:
    table: dict[str, Any] = json.loads(Path(__file__).with_name("montage.json").read_text())
    table["folded"] = {name.lower(): at for name, at in table["eeg"].items()}
    return table


def electrode(name: str) -> tuple[float, float, float] | None:
    """Position of the electrode ``name`` in metres (head coordinates), or None where the 10-05 system has none.

    Upper and lower case are alike, T3, T4, T5 and T6 are known, and what recordings put around a name ("EEG Fp1-REF",
    "Fc5.") is left out. Nothing else is guessed.
    """
    folded = _table()["folded"]
    plain = name.strip().lower()
    for _ in range(3):
        if plain in folded:
            x, y, z = folded[plain]
            return x * 1e-3, y * 1e-3, z * 1e-3
        plain = _DECORATION.sub("", plain)
    return None


def _helmet(name: str) -> tuple[float, float, float] | None:
    found = re.fullmatch(r"MEG ?(\d{3})[123]", name.strip(), re.IGNORECASE)
    at = _table()["neuromag"].get(f"MEG{found[1]}") if found else None
    return None if at is None else (at[0] * 1e-3, at[1] * 1e-3, at[2] * 1e-3)


def project(positions: NDArray[np.float64], centre: NDArray[np.float64]) -> NDArray[np.float64]:
    """Azimuthal equidistant projection: (n, 2) from ``positions`` (n, 3) about ``centre`` (3,), 90° at radius 1."""
    off = positions - centre
    radius = np.arctan2(np.hypot(off[:, 0], off[:, 1]), off[:, 2]) / (np.pi / 2)
    azimuth = np.arctan2(off[:, 1], off[:, 0])
    return np.column_stack([radius * np.cos(azimuth), radius * np.sin(azimuth)])


def directions(xy: NDArray[np.float64]) -> NDArray[np.float64]:
    """The inverse of `project`: (n, 3) unit vectors from ``xy`` (n, 2)."""
    radius = np.hypot(xy[:, 0], xy[:, 1])
    angle = radius * (np.pi / 2)
    sideways = np.sin(angle) / np.where(radius > 0, radius, 1.0)
    return np.column_stack([xy[:, 0] * sideways, xy[:, 1] * sideways, np.cos(angle)])


def _sphere(positions: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """Centre (3,) and radius of the sphere through ``positions`` (n, 3), by least squares."""
    system = np.column_stack([2 * positions, np.ones(len(positions))])
    solution = np.linalg.lstsq(system, (positions**2).sum(1), rcond=None)[0]
    centre = solution[:3]
    return centre, float(np.sqrt(max(solution[3] + centre @ centre, 0.0)))


def _centre(positions: NDArray[np.float64], kind: str) -> NDArray[np.float64]:
    """The sphere's centre for positions of the stream's own, whose frame may be another than the head's."""
    table = _table()
    horizon = np.array(table["horizon_centre"]) * 1e-3
    sphere = np.array(table["sphere_centre"]) * 1e-3
    if len(positions) >= ENOUGH and np.linalg.matrix_rank(positions - positions.mean(0), tol=1e-3) == 3:
        centre, radius = _sphere(positions)
        if _RADII[0] < radius < _RADII[1]:
            # the sphere that fits electrodes best lies a little off the one whose horizon is the head's outline
            return centre + (horizon - sphere if kind == "eeg" else 0.0)
    return horizon if kind == "eeg" else sphere


def places(channels: Sequence[Channel], kind: str) -> Places:
    """Find where the channels of ``kind`` ("eeg", "mag" or "grad") sit.

    Positions that the stream gives are used where it gives any; otherwise electrodes are found by name in the 10-05 system
    and MEG sensors by the names of a Neuromag helmet. A channel without either has no place.
    """
    those = [i for i, channel in enumerate(channels) if channel.kind == kind]
    own = {i: channels[i].position for i in those if channels[i].position is not None}
    if own:
        at = own
        centre = _centre(np.array(list(own.values()), np.float64), kind)
        source = "positions sent by the stream"
    else:
        find = electrode if kind == "eeg" else _helmet
        at = {i: position for i in those if (position := find(channels[i].name)) is not None}
        centre = np.array(_table()["horizon_centre" if kind == "eeg" else "helmet_centre"]) * 1e-3
        source = "names in the 10-05 system" if kind == "eeg" else "names of a Neuromag helmet"
    without = tuple(channels[i].name for i in those if i not in at)
    if not at:
        return Places(np.zeros(0, np.int64), np.zeros((0, 2)), without, "")
    xy = project(np.array(list(at.values()), np.float64), centre)
    return Places(np.array(list(at), np.int64), xy, without, source)
