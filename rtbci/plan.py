"""What a pipeline is to do, apart from its source, its transforms and its decoder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Plan:
    """What a pipeline is to do, in seconds and names; see the experiment file for what each means.

    ``channels`` picks the source's channels by index, in the order in which the decoder wants them (None: all).
    ``hop`` is None exactly for windows that are locked to class markers. ``adapt``: the decoder learns while it runs.
    """

    classes: tuple[str, ...]
    labels: Mapping[str, int]
    window: float
    hop: float | None
    trial: tuple[float, float]
    offset: float = 0.0
    baseline: float | None = None
    threshold: float = 0.7
    dwell: float = 0.0
    time_constant: float = 4.0
    channels: tuple[int, ...] | None = None
    adapt: bool = False
