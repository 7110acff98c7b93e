"""Feature maps: functions of plugins that turn pictures into features, found by name in entry points.

A package offers one in the group ``rtbci.feature_maps``: a function that takes a list of pictures, each (height, width, 3)
uint8 RGB, and returns their features (n, d), the same d always. It is called with a few pictures at a time and may keep its
network between calls. Where library or weights are absent it raises `rtbci.errors.BankError` with the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.metadata import entry_points
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rtbci.asking import origin
from rtbci.errors import BankError
from rtbci.image_metrics.pairs import Picture, read
from rtbci.training_run import TrainingRun

FeatureMap = Callable[[Sequence[Picture]], NDArray[np.float32]]

GROUP = "rtbci.feature_maps"
BATCH = 16
"""Pictures that a map is given at once."""


def names() -> list[str]:
    """Names of the feature maps that are installed; nothing is imported."""
    return sorted({entry.name for entry in entry_points(group=GROUP)})


def load(name: str) -> FeatureMap:
    """The feature map of that name. Raises BankError where there is none, several, or it cannot be imported."""
    found = {entry.value: entry for entry in entry_points(group=GROUP, name=name)}
    if len(found) != 1:
        raise BankError(
            f"{len(found)} packages offer the feature map {name}"
            if found
            else f"no installed package offers the feature map {name}"
        )
    try:
        made: FeatureMap = next(iter(found.values())).load()
    except Exception as error:  # importing a stranger's module may raise anything
        raise BankError(f"feature map {name} cannot be imported: {origin(error)}") from error
    return made


def features_of(name: str, files: Sequence[Path], run: TrainingRun) -> NDArray[np.float32]:
    """Features (n_files, d) float32 of the pictures in ``files`` by the feature map ``name``.

    Raises
    ------
    BankError
        With the reason, in a few words, for which there are none.
    """
    ask = load(name)
    parts: list[NDArray[np.float32]] = []
    for first in range(0, len(files), BATCH):
        pictures = [read(file) for file in files[first : first + BATCH]]
        try:
            said = np.asarray(ask(pictures))
        except BankError:
            raise
        except Exception as error:  # a stranger's code: it becomes the reason
            raise BankError(f"feature map {name} raised {origin(error)}") from error
        width = parts[0].shape[1] if parts else "d"
        if said.ndim != 2 or len(said) != len(pictures) or (parts and said.shape[1] != width) or not said.shape[1]:
            raise BankError(
                f"feature map {name} gave an array {said.shape} for {len(pictures)} pictures; "
                f"({len(pictures)}, {width}) would be right"
            )
        if said.dtype.kind not in "fiu" or not np.isfinite(said).all():
            raise BankError(f"feature map {name} gave values that are no finite numbers")
        parts.append(said.astype(np.float32, copy=False))
        run.progress(min(first + BATCH, len(files)), len(files), f"pictures through {name}")
    return np.concatenate(parts)
