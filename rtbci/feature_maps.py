"""Feature maps: where, and at which frequency or time, the trials of two classes differ; and their file.

A file ``maps.npz`` holds the arrays, ``maps.json`` beside it everything else, for programs that have no NumPy.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtbci.errors import ConfigError
from rtbci.separability import FALSE_DISCOVERIES

FREQUENCY, TIME = "frequency", "time"
FORMAT = 1


@dataclass(frozen=True, eq=False)
class FeatureMap:
    """One map: ``first`` against ``second`` over channels × ``axis``.

    Attributes
    ----------
    first, second : names of what is compared; ``second`` is "all others" where one class is held against the rest.
    trials : how many of each.
    axis : "frequency" (log band power of the trial) or "time" (amplitude less its mean before the marker).
    r2, p, q : (n_channels, n_bins) float64: signed r², positive where ``first`` has more; two-sided p of the rank-sum
        test; p adjusted for the false discovery rate over this map (`rtbci.separability`).
    """

    first: str
    second: str
    trials: tuple[int, int]
    axis: str
    r2: NDArray[np.float64]
    p: NDArray[np.float64]
    q: NDArray[np.float64]

    @property
    def significant(self) -> NDArray[np.bool_]:
        """(n_channels, n_bins): cells that survive the false discovery rate."""
        return np.asarray(self.q <= FALSE_DISCOVERIES, np.bool_)


@dataclass(frozen=True, eq=False)
class FeatureMaps:
    """The maps of one calibration.

    Attributes
    ----------
    channels, kinds, positions : of each channel; positions are metres in head coordinates, or None.
    classes : of the experiment, in order, and ``trials`` how many there were of each.
    frequencies, times : (n_bins,) float64, centres of the bins in Hz and in seconds after the marker.
    frequency_width, time_width : of a bin.
    maps : for each comparison one over frequency and one over time.
    about : what was computed of what: recordings, span of the trial, filters, versions.
    """

    channels: tuple[str, ...]
    kinds: tuple[str, ...]
    positions: tuple[tuple[float, float, float] | None, ...]
    classes: tuple[str, ...]
    trials: tuple[int, ...]
    frequencies: NDArray[np.float64]
    times: NDArray[np.float64]
    frequency_width: float
    time_width: float
    maps: tuple[FeatureMap, ...]
    about: Mapping[str, Any]

    def of(self, axis: str) -> tuple[FeatureMap, ...]:
        """The maps over ``axis``, "frequency" or "time", one for each comparison."""
        return tuple(one for one in self.maps if one.axis == axis)

    def as_json(self) -> dict[str, Any]:
        """Everything but the arrays of the maps, and of each map how many cells are significant, and the strongest."""
        return {
            "format": FORMAT,
            "channels": list(self.channels),
            "kinds": list(self.kinds),
            "positions": [None if place is None else list(place) for place in self.positions],
            "classes": list(self.classes),
            "trials": list(self.trials),
            "frequency_width": self.frequency_width,
            "time_width": self.time_width,
            "false_discovery_rate": FALSE_DISCOVERIES,
            "maps": [
                {
                    "first": one.first,
                    "second": one.second,
                    "trials": list(one.trials),
                    "axis": one.axis,
                    "cells": one.r2.size,
                    "significant": int(one.significant.sum()),
                    "strongest": self._strongest(one),
                }
                for one in self.maps
            ],
            "about": dict(self.about),
        }

    def _strongest(self, one: FeatureMap) -> dict[str, Any]:
        row, column = np.unravel_index(int(np.abs(one.r2).argmax()), one.r2.shape)
        centres = self.frequencies if one.axis == FREQUENCY else self.times
        return {
            "channel": self.channels[row],
            "at": float(centres[column]),
            "r2": float(one.r2[row, column]),
            "p": float(one.p[row, column]),
            "q": float(one.q[row, column]),
        }


def save(maps: FeatureMaps, path: Path) -> Path:
    """Write ``maps`` to ``path`` (.npz), each file whole or not at all, and JSON beside it; return the latter's path.

    Raises ConfigError where the folder cannot be written.
    """
    arrays: dict[str, Any] = {"frequencies": maps.frequencies, "times": maps.times}
    for number, one in enumerate(maps.maps):
        arrays |= {f"r2_{number}": one.r2, f"p_{number}": one.p, f"q_{number}": one.q}
    text = json.dumps(maps.as_json(), indent=1, allow_nan=False)
    beside = path.with_suffix(".json")
    scratch, scratch_text = path.with_name(f"{path.name}.part"), beside.with_name(f"{beside.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with scratch.open("wb") as file:
            np.savez_compressed(file, about=np.array(text), **arrays)
        scratch_text.write_text(text, encoding="utf-8")
        scratch.replace(path)
        scratch_text.replace(beside)
    except OSError as error:
        for left in (scratch, scratch_text):
            with suppress(OSError):  # what could not be written may not be removable either
                left.unlink()
        raise ConfigError(
            f"{path}: cannot be written: {error.strerror}; a path in a writable folder would be right"
        ) from error
    return beside


def load(path: Path) -> FeatureMaps:
    """Read what `save` wrote. Raises ConfigError for anything else."""
    try:
        with np.load(path, allow_pickle=False) as file:
            about = json.loads(str(file["about"]))
            if about["format"] != FORMAT:
                raise ConfigError(f"{path}: feature maps of format {about['format']}; format {FORMAT} would be right")
            maps = tuple(
                FeatureMap(
                    one["first"], one["second"], tuple(one["trials"]), one["axis"],
                    file[f"r2_{number}"], file[f"p_{number}"], file[f"q_{number}"],
                )
                for number, one in enumerate(about["maps"])
            )  # fmt: skip
            return FeatureMaps(
                tuple(about["channels"]), tuple(about["kinds"]),
                tuple(None if place is None else tuple(place) for place in about["positions"]),
                tuple(about["classes"]), tuple(about["trials"]), file["frequencies"], file["times"],
                about["frequency_width"], about["time_width"], maps, about["about"],
            )  # fmt: skip
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        raise ConfigError(
            f"{path}: are no feature maps ({error}); what `rtbci feature-maps --out` wrote would be right"
        ) from error
