"""Which of several ways is faster: asked in turns, so that whatever else the computer does hits all of them alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from statistics import median

Clock = Callable[[], float]
"""Seconds."""
Ways = Mapping[str, Callable[[], object]]


def medians(ways: Ways, rounds: int, warm_up: int, clock: Clock = time.perf_counter) -> dict[str, float]:
    """Median seconds of a call of each of ``ways``, over ``rounds`` calls after ``warm_up`` calls that do not count."""
    for _ in range(warm_up):
        for way in ways.values():
            way()
    took: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            began = clock()
            way()
            took[name].append(clock() - began)
    return {name: median(seconds) for name, seconds in took.items()}


def in_words(seconds: float) -> str:
    """``0.27 ms``."""
    return f"{seconds * 1e3:.3g} ms"
