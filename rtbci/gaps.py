"""Where a stream has a gap: one rule, from the time stamps alone, for live streams, recordings and replays.

Because the rule sees nothing but the times that are recorded, a replay finds exactly the gaps that the session found.
"""

from __future__ import annotations

import math

import numpy as np

from rtbci.types import Gap, Times

TOLERANCE_SECONDS = 0.02
"""A step may be this much (and 1.5 samples) longer than the sample period before it is a gap: time stamps of one packet
of an amplifier or of one de-jittered chunk stand closer than this, whereas a lost packet leaves a longer hole."""


def longest_step(rate: float) -> float:
    """Longest step between two samples, in seconds, that is no gap at ``rate`` Hz."""
    return 1.0 / rate + max(TOLERANCE_SECONDS, 1.5 / rate)


def find_gaps(times: Times, rate: float, first_index: int = 0, before: float = math.nan) -> list[Gap]:
    """Gaps in ``times`` (n,) seconds of a stream of ``rate`` Hz.

    ``first_index`` is the absolute index of ``times[0]``; ``before`` the time of the sample before it (NaN: there was
    none). A step backwards is a gap too (a clock was set): nothing is missing, but time is not continuous.
    """
    if len(times) == 0:
        return []
    steps = np.diff(times, prepend=before)
    suspects = np.flatnonzero((steps > longest_step(rate)) | (steps < 0.0))
    gaps = []
    for i in suspects:
        last = before if i == 0 else float(times[i - 1])
        missing = max(0, round((float(times[i]) - last) * rate) - 1)
        gaps.append(Gap(first_index + int(i), last, float(times[i]), missing))
    return gaps
