"""Where sensors are, seen from above: each axis from 0 to 1, as networks with a map of the sensors want it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rtbci.types import StreamInfo

MARGIN = 0.05
"""Room between the outermost sensor and the map's edge."""


def positions_of(info: StreamInfo) -> NDArray[np.float32]:
    """Positions (n_chans, 2) float32 in [0, 1]: azimuthal equidistant projections of the channels' own positions.

    A channel without one is looked up by its name in the 10-05 system; where that has no such name either, it is put onto a
    circle at the edge, so that no two channels of a stream lie at the same place.
    """
    places = [channel.position for channel in info.channels]
    if any(place is None for place in places):
        standard = _standard()
        places = [
            place if place is not None else standard.get(_plain(channel.name))
            for place, channel in zip(places, info.channels, strict=True)
        ]
    known = np.array([place is not None for place in places])
    flat = np.zeros((len(places), 2))
    if known.any():
        flat[known] = _flattened(np.array([place for place in places if place is not None], np.float64))
    edge = np.flatnonzero(~known)
    angles = 2 * np.pi * np.arange(len(edge)) / max(1, len(edge))
    radius = 1.1 * max(1e-3, float(np.abs(flat[known]).max(initial=0.0)))
    flat[edge] = radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    low, high = flat.min(axis=0), flat.max(axis=0)
    span = max(float((high - low).max()), 1e-9)
    centred: NDArray[np.float32] = ((flat - (low + high) / 2) / span * (1 - 2 * MARGIN) + 0.5).astype(np.float32)
    return centred


def _flattened(places: NDArray[np.float64]) -> NDArray[np.float64]:
    """``places`` (n, 3) in metres on a head, seen from above its centre: angle from the top as radius (n, 2)."""
    if len(places) > 3:
        places = places - _centre(places)
    length = np.maximum(np.linalg.norm(places, axis=1), 1e-9)
    polar = np.arccos(np.clip(places[:, 2] / length, -1.0, 1.0))
    around = np.arctan2(places[:, 1], places[:, 0])
    return np.stack([polar * np.cos(around), polar * np.sin(around)], axis=1)


def _centre(places: NDArray[np.float64]) -> NDArray[np.float64]:
    """Centre (3,) of the sphere that fits ``places`` best: |p|^2 = 2 c.p + (r^2 - |c|^2), by least squares."""
    columns = np.column_stack([2 * places, np.ones(len(places))])
    solution, _, rank, _ = np.linalg.lstsq(columns, (places**2).sum(axis=1), rcond=None)
    centre: NDArray[np.float64] = solution[:3] if rank == 4 else np.zeros(3)
    return centre


def _standard() -> dict[str, tuple[float, float, float]]:
    import mne

    new, old = "colin27_1005", "standard_1005"  # renamed in MNE 1.13
    there = {montage if isinstance(montage, str) else montage[0] for montage in mne.channels.get_builtin_montages()}
    montage = mne.channels.make_standard_montage(new if new in there else old)
    return {_plain(name): tuple(place) for name, place in montage.get_positions()["ch_pos"].items()}


def _plain(name: str) -> str:
    return "".join(name.split()).rstrip(".").casefold()
