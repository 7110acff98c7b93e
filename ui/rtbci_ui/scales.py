"""Round numbers for scales: the 1-2-5 series, and how large a lane should be for the signals that are there."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

PAGES = (1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0)
"""Seconds that a page of traces can show."""
LANE_SIGMAS = 4.0
"""A lane is this many standard deviations high: rhythms are seen in it, and what is larger may reach over its neighbours."""
_DEFAULTS: Mapping[str, float] = {"eeg": 100.0, "eog": 200.0, "ecg": 1000.0, "emg": 200.0, "mag": 2000.0, "grad": 500.0}


def round_up(value: float) -> float:
    """The smallest of …, 0.1, 0.2, 0.5, 1, 2, 5, 10, … that is at least ``value`` (> 0)."""
    decade = 10.0 ** math.floor(math.log10(value))
    for step in (1.0, 2.0, 5.0, 10.0):
        if step * decade >= value * (1.0 - 1e-9):
            return step * decade
    return 10.0 * decade  # pragma: no cover - rounding cannot leave the decade


def round_down(value: float) -> float:
    """The largest of …, 0.1, 0.2, 0.5, 1, 2, 5, 10, … that is at most ``value`` (> 0)."""
    decade = 10.0 ** math.floor(math.log10(value))
    for step in (10.0, 5.0, 2.0, 1.0):
        if step * decade <= value * (1.0 + 1e-9):
            return step * decade
    return decade  # pragma: no cover - rounding cannot leave the decade


def larger(value: float) -> float:
    """The next number of the series above ``value``."""
    return round_up(value * 1.01)


def smaller(value: float) -> float:
    """The next number of the series below ``value``."""
    return round_down(value / 1.01)


def next_page(seconds: float, direction: int) -> float:
    """The page that is longer (``direction`` 1) or shorter (-1) than ``seconds``; the ends of `PAGES` stay."""
    at = min(range(len(PAGES)), key=lambda i: abs(PAGES[i] - seconds))
    return PAGES[min(max(at + direction, 0), len(PAGES) - 1)]


def lanes(kinds: Sequence[str], samples: NDArray[np.float32] | None) -> dict[str, float]:
    """Height of a lane for each channel kind, in the kind's unit.

    Parameters
    ----------
    kinds : kind of each of the n_channels channels.
    samples : (n_samples, n_channels) float32, a second or so of signal, or None while there is none.

    Notes
    -----
    Half of what lies between the 16th and the 84th percentile stands for a channel's standard deviation, so that a blink
    does not decide; of a kind's channels the median does, so that a few bad ones do not.
    """
    heights: dict[str, float] = {}
    for kind in dict.fromkeys(kinds):
        heights[kind] = _DEFAULTS.get(kind, 1.0)
        if samples is None or not len(samples):
            continue
        part = samples[:, [i for i, k in enumerate(kinds) if k == kind]].astype(np.float64)
        finite = np.where(np.isfinite(part), part, np.nan)
        usable = np.isfinite(finite).sum(axis=0) > 1
        spread = 0.0
        if usable.any():
            low, high = np.nanpercentile(finite[:, usable], (16, 84), axis=0)
            spread = float(np.median(high - low)) / 2.0
        if spread > 0.0 and math.isfinite(spread):
            heights[kind] = round_up(LANE_SIGMAS * spread)
    return heights


def tick_seconds(page: float) -> float:
    """Seconds between lines of the time grid on a page of ``page`` seconds: at most about a dozen of them."""
    return max(0.1, round_up(page / 12.0))


def page_label(seconds: float) -> str:
    """``seconds`` since the stream began as m:ss, with tenths where they are not zero."""
    tenths = round(seconds * 10)
    sign = "-" if tenths < 0 else ""
    whole, tenth = divmod(abs(tenths), 10)
    text = f"{sign}{whole // 60}:{whole % 60:02d}"
    return f"{text}.{tenth}" if tenth else text


def precise_label(seconds: float) -> str:
    """``seconds`` since the stream began as m:ss.mmm."""
    thousandths = round(abs(seconds) * 1000)
    whole, part = divmod(thousandths, 1000)
    return f"{'-' if seconds < 0 and thousandths else ''}{whole // 60}:{whole % 60:02d}.{part:03d}"
