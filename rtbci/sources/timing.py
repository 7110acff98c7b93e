"""Sampling rates and straight time lines for recordings whose own time stamps are missing a rate or are uneven."""

from __future__ import annotations

import itertools

import numpy as np

from rtbci.types import Times

BREAK_SECONDS = 1.0
"""A step this long, in either direction, is a break in the recording; shorter unevenness is jitter (as pyxdf has it)."""
_SNAP = 0.005


def _break(steps: Times) -> float:
    # a slow stream (one value a second) does not consist of breaks
    return max(BREAK_SECONDS, 10.0 * float(np.median(np.abs(steps)))) if len(steps) else BREAK_SECONDS


def measured_rate(times: Times) -> float:
    """Samples per second outside breaks, in Hz; 0 when there are fewer than two samples or no time passes."""
    steps = np.diff(times)
    steps = steps[np.abs(steps) <= _break(steps)]
    total = float(steps.sum())
    return len(steps) / total if len(steps) and total > 0.0 else 0.0


def estimated_rate(times: Times) -> float:
    """What the nominal rate in Hz of unevenly stamped samples must have been: `measured_rate`, snapped to a whole number.

    An amplifier's rate is a whole number of Hz, and its clock is right to far better than the half percent that is
    forgiven here.
    """
    rate = measured_rate(times)
    whole = round(rate)
    return float(whole) if whole and abs(rate - whole) <= _SNAP * rate else rate


def straightened(times: Times) -> Times:
    """Times (n,) with the jitter taken out: a least-squares line through each stretch between breaks.

    The same idea as in pyxdf's ``dejitter_timestamps``, for recordings that do not pass through it.
    """
    out = np.array(times, np.float64)
    steps = np.diff(out)
    edges = [0, *(np.flatnonzero(np.abs(steps) > _break(steps)) + 1), len(times)]
    for first, stop in itertools.pairwise(edges):
        if stop - first > 1:
            index = np.arange(stop - first) - (stop - first - 1) / 2
            part = out[first:stop]
            middle = part.mean()
            slope = float(index @ (part - middle)) / float(index @ index)
            out[first:stop] = middle + slope * index
    return out
