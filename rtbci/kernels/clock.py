"""De-jittering of time stamps: a causal line through stamp against sample count, forgetting, with gaps left open.

The model is a straight line whose level and slope are estimated by recursive least squares with exponential
forgetting (Haykin, *Adaptive Filter Theory*, chapter on RLS), written in the coordinates of the newest sample
(level now, slope per sample), so that nothing grows with the length of the recording. liblsl's own smoother fits the
same line but knows no gaps: after a loss it bends the line for minutes, and time is silently closed up.

One sample is one step of the recursion, so the result does not depend on how the samples were chunked.
"""

from __future__ import annotations

import math

import numba as nb
import numpy as np
from numpy.typing import NDArray

# positions in the state vector (float64)
BASE, LEVEL, SLOPE, P_LEVEL, P_CROSS, P_SLOPE = 0, 1, 2, 3, 4, 5
SEEN, OUT, RAW, MEAN, VARIANCE, ASTRAY = 6, 7, 8, 9, 10, 11
OLD, OLD_SLOPE, OLD_AGE, TOLERANCE, RESTARTS, OUT_OF_ORDER, DUPLICATED, RESTART, FIRST, JUMP = (
    12,
    13,
    14,
    15,
    16,
    17,
    18,
    19,
    20,
    21,
)
N_STATE = 22

NEW_LINE = 1.0
"""Value of ``state[RESTART]`` that asks for a new line at the next sample, keeping the learnt slope."""

_WARM_UP = 50
"""Samples in which the slope is still being found: until then a gap must exceed 30 sample periods as well."""
_WARM_UP_PERIODS = 30.0
_PRIOR_SLOPE = 0.01
"""Variance of the first slope (relative to one stamp's jitter, per sample squared): the prior weighs about ten samples."""
_RELEARN_SLOPE = 1e-6
"""Variance of a slope that is to be learnt again: the prior weighs about two hundred samples."""
_PACKET_SECONDS = 10.0
"""How long after the first sample a jump may be told from a gap by the count alone."""
_ASTRAY_PERIODS = 1.5
_ASTRAY_JITTERS = 4.0
_ASTRAY_SECONDS = 1.0
_MEAN_SECONDS = 0.25
_VARIANCE_SECONDS = 30.0
_HALF_TIME = 90.0
_OLD_SECONDS = 5.0
"""How long the line before a jump is remembered: a burst that was delayed comes back to it."""


def new_state(rate: float, gap: float) -> NDArray[np.float64]:
    """State of `dejitter` before the first sample of a stream of ``rate`` Hz; ``gap`` seconds."""
    state = np.zeros(N_STATE)
    state[SLOPE] = 1.0 / rate
    state[TOLERANCE] = gap
    state[OUT] = state[RAW] = -math.inf
    return state


@nb.njit(cache=True, nogil=True)
def _start(state: NDArray[np.float64], stamp: float) -> None:
    """Begin a line at ``stamp``; the slope and what is known of it stay."""
    state[BASE] = stamp
    state[LEVEL] = 0.0
    state[P_LEVEL] = 1.0
    state[P_CROSS] = 0.0
    state[MEAN] = 0.0
    state[ASTRAY] = 0.0


@nb.njit(cache=True, nogil=True)
def _step(state: NDArray[np.float64], nominal: float) -> None:
    """Move the line, and the one before a jump, on by one sample; what is known of it fades."""
    forget = 0.5 ** (nominal / _HALF_TIME)
    p_cross = state[P_CROSS] + state[P_SLOPE]
    p_level = state[P_LEVEL] + state[P_CROSS] + p_cross
    state[LEVEL] += state[SLOPE]
    state[P_LEVEL] = p_level / forget
    state[P_CROSS] = p_cross / forget
    state[P_SLOPE] /= forget
    state[OLD] += state[OLD_SLOPE]
    state[OLD_AGE] -= nominal


@nb.njit(cache=True, nogil=True)
def _bend(state: NDArray[np.float64], residual: float) -> None:
    """Take a stamp that lies ``residual`` seconds off the line into account."""
    total = 1.0 + state[P_LEVEL]
    gain_level = state[P_LEVEL] / total
    gain_slope = state[P_CROSS] / total
    state[LEVEL] += gain_level * residual
    state[SLOPE] += gain_slope * residual
    state[P_SLOPE] -= gain_slope * state[P_CROSS]
    state[P_CROSS] -= gain_slope * state[P_LEVEL]
    state[P_LEVEL] -= gain_level * state[P_LEVEL]


@nb.njit(cache=True, nogil=True)
def _is_astray(state: NDArray[np.float64], residual: float, period: float, nominal: float) -> bool:
    """Whether stamps have been off the line for so long, and so far beyond their jitter, that samples must be missing."""
    jitter = math.sqrt(state[VARIANCE])
    state[MEAN] += min(1.0, nominal / _MEAN_SECONDS) * (residual - state[MEAN])
    # bounded, so that a loss does not pass for jitter
    spread = residual if state[SEEN] < _WARM_UP else min(abs(residual), 4.0 * jitter + period)
    state[VARIANCE] += max(nominal / _VARIANCE_SECONDS, 1.0 / state[SEEN]) * (spread * spread - state[VARIANCE])
    if abs(state[MEAN]) > max(_ASTRAY_PERIODS * period, _ASTRAY_JITTERS * jitter):
        state[ASTRAY] += nominal
    else:
        state[ASTRAY] = 0.0
    return bool(state[ASTRAY] > _ASTRAY_SECONDS)


@nb.njit(cache=True, nogil=True)
def _follow(state: NDArray[np.float64], stamp: float, rate: float, gap: float) -> None:
    """Judge ``stamp`` (seconds) against the line: bend the line, or begin another."""
    nominal = 1.0 / rate
    period = max(abs(state[SLOPE]), 1e-3 * nominal)
    residual = stamp - state[BASE] - state[LEVEL]
    counted = state[SEEN] * nominal
    limit = state[TOLERANCE]
    if state[SEEN] < _WARM_UP:
        limit = max(limit, _WARM_UP_PERIODS * nominal)
    asked = state[RESTART] != 0.0
    by_count = counted < _PACKET_SECONDS and abs(stamp - state[FIRST] - counted) < gap
    if residual > limit and by_count and not asked:
        # the next packet of a sender with one stamp a packet
        state[TOLERANCE] = max(state[TOLERANCE], 1.25 * residual)
        state[SLOPE] = nominal
        _start(state, stamp)
        state[P_SLOPE] = _RELEARN_SLOPE
    elif residual > limit or asked:
        state[JUMP] = residual
        state[OLD] = state[BASE] + state[LEVEL]
        state[OLD_SLOPE] = state[SLOPE]
        state[OLD_AGE] = 0.0 if asked else _OLD_SECONDS
        state[RESTART] = 0.0
        state[RESTARTS] += 1.0
        _start(state, stamp)
    elif state[OLD_AGE] > 0.0 and abs(stamp - state[OLD]) < 0.5 * gap and residual < -0.25 * state[JUMP]:
        # the jump was a burst that had been held up
        state[TOLERANCE] = max(state[TOLERANCE], 1.25 * state[JUMP])
        _start(state, state[OLD])
        state[SLOPE] = state[OLD_SLOPE]
        state[OLD_AGE] = 0.0
    elif residual < -limit:
        state[RESTARTS] += 1.0
        _start(state, stamp)
    elif _is_astray(state, residual, period, nominal):
        state[RESTARTS] += 1.0
        _start(state, state[BASE] + state[LEVEL] + state[MEAN])
        # the slope may be what is wrong: let it be learnt again within some hundred samples
        state[P_SLOPE] = max(state[P_SLOPE], _RELEARN_SLOPE)
    elif state[SEEN] < max(_WARM_UP, 2.0 * rate):
        _bend(state, residual)
    else:  # one stray stamp must not tilt a settled line
        bound = max(4.0 * math.sqrt(state[VARIANCE]), 2.0 * period)
        _bend(state, min(max(residual, -bound), bound))
    state[SEEN] += 1.0


@nb.njit(cache=True, nogil=True)
def dejitter(
    state: NDArray[np.float64],
    stamps: NDArray[np.float64],
    correction: float,
    rate: float,
    gap: float,
    times: NDArray[np.float64],
) -> None:
    """Write smooth, strictly increasing ``times`` (n,) for raw ``stamps`` (n,), both in seconds.

    ``correction`` (seconds) is added to every stamp; ``rate`` is the nominal rate in Hz, from which the slope starts and
    from which it may depart (a recording played at four times its speed). Three things end a line and begin another at
    the stamp that caused it, so that the jump stays visible:

    * a residual of more than ``gap`` seconds;
    * a smoothed residual (0.25 s) beyond 1.5 sample periods and beyond four times the jitter for more than a second:
      a few lost samples;
    * ``state[RESTART]`` set by the caller.

    A jump that turns out to be a burst that had been held up (the stamps return to the old line within 5 s) goes back
    to the old line, and the tolerance is widened to 1.25 times that hold-up, since a sender that does it once does it
    again. A sender that gives all samples of a large packet one stamp jumps at every packet; in the first ten seconds
    such a jump is known by the number of samples, which is the nominal rate's, and the tolerance is widened likewise.
    Stamps that fall behind what was already given out are answered by the smallest steps forward: time never
    steps back. A stamp that is not a number is replaced by the line's prediction.
    """
    nominal = 1.0 / rate
    for i in range(stamps.shape[0]):
        raw = stamps[i]
        usable = math.isfinite(raw)
        if usable:
            state[DUPLICATED] += raw == state[RAW]
            state[OUT_OF_ORDER] += raw < state[RAW]
            state[RAW] = raw
        stamp = raw + correction
        if state[SEEN] == 0.0:
            if not usable:
                times[i] = stamp  # there is no line yet that could say better
                continue
            _start(state, stamp)
            state[FIRST] = stamp
            state[P_SLOPE] = _PRIOR_SLOPE
            state[SEEN] = 1.0
        else:
            _step(state, nominal)
            if usable:
                _follow(state, stamp, rate, gap)
        time = state[BASE] + state[LEVEL]
        # the smallest step is a thousandth of a period, and never below what float64 resolves at this magnitude
        least = state[OUT] + max(1e-3 * nominal, 4e-16 * abs(time))
        if not time > least:
            time = least
        state[OUT] = time
        times[i] = time
