"""What the times of swaps say of a display: its refresh rate, whether swaps wait for it, and dropped frames."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from rtbci_stimulus.frame import Frame
from rtbci_stimulus.scene import DIM, Text

LATE = 1.5
"""Refresh periods between two swaps beyond which frames were dropped."""
MEASURED_SWAPS = 120
WARM_UP_SWAPS = 20
"""Swaps that are not measured: the first ones load fonts and shaders."""
_GAIN = 0.05
"""Share of a stamp's deviation by which the time of the next refresh is moved: follows a rate that is a little off."""
_NEAR = 0.05
_STEADY = 0.25
_STEADY_SHARE = 0.9


@dataclass(frozen=True, slots=True)
class Display:
    """How frames reach the eye: ``rate`` in Hz, whether swaps wait for the display, and why that is believed or not."""

    rate: float
    synchronised: bool
    why: str

    @property
    def words(self) -> str:
        """One line for a person."""
        if self.synchronised:
            return f"synchronised to the display at {self.rate:.2f} Hz ({self.why})"
        return f"not synchronised to the display: {self.why}"


def judge(swaps: list[float], nominal: float) -> Display:
    """Say from the times of ``swaps`` (seconds), made as fast as they went, whether they waited for the display.

    They did where nine of ten intervals lie within a quarter of their median, and this within a twentieth of the refresh
    period of the ``nominal`` rate (Hz) that the system states. The rate is then the one measured.
    """
    intervals = np.diff(np.asarray(swaps, np.float64))
    if len(intervals) < 10:
        return Display(nominal, False, f"{len(intervals)} intervals are too few to measure")
    median = float(np.median(intervals))
    steady = float(np.mean(np.abs(intervals - median) <= _STEADY * median))
    if abs(median * nominal - 1.0) > _NEAR:
        return Display(
            nominal,
            False,
            f"a swap takes {median * 1e3:.2f} ms where the display refreshes every {1e3 / nominal:.2f} ms",
        )
    if steady < _STEADY_SHARE:
        return Display(
            nominal, False, f"{100 * (1 - steady):.0f} % of the swaps are off by more than a quarter of a period"
        )
    # the mean over whole periods, dropped ones counted as the periods that they took, is finer than the median
    periods = np.maximum(np.rint(intervals / median), 1.0)
    rate = float(periods.sum() / intervals.sum())
    return Display(rate, True, f"measured over {len(intervals)} swaps; the system states {nominal:.4g} Hz")


def missed(interval: float, rate: float) -> int:
    """Frames that were dropped between two swaps ``interval`` seconds apart."""
    return max(1, round(interval * rate) - 1) if interval * rate > LATE else 0


class Pace:
    """Counts refreshes of a display of ``rate`` Hz from the times at which swaps were stamped.

    A stamp comes late by part of a period now and then. Intervals that are rounded one by one add up what they are rounded
    by, and a schedule that follows them runs away from time; so a refresh is counted from where those before it lay.
    """

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._at: float | None = None
        self._crowded = False  # whether another swap came within the newest refresh

    def begin(self) -> None:
        """Count anew from the next swap, which is one refresh."""
        self._at = None

    def passed(self, time: float) -> int:
        """Refreshes from the newest swap that counted to this one, at ``time`` seconds; 0 where both belong to the same."""
        if self._at is None:
            self._at, self._crowded = time, False
            return 1
        refreshes = math.ceil((time - self._at) * self._rate - 0.5)
        if refreshes < 1:
            self._crowded = True
            return 0
        self._at += refreshes / self._rate
        if not self._crowded:  # which of several swaps is the one to count would move it the same way each time
            self._at += _GAIN * (time - self._at)
        self._crowded = False
        return refreshes


@dataclass(slots=True)
class Intervals:
    """Intervals between the swaps of frames that followed each other, in seconds, and the frames dropped between them."""

    seconds: list[float] = field(default_factory=list)
    dropped: int = 0

    def add(self, interval: float, rate: float) -> int:
        """Count an interval; return the frames that were dropped in it."""
        self.seconds.append(interval)
        lost = missed(interval, rate)
        self.dropped += lost
        return lost

    def percentile(self, q: float) -> float | None:
        """Milliseconds, or None before the second frame."""
        return float(np.percentile(self.seconds, q)) * 1e3 if self.seconds else None


class Measurement:
    """The stage before a run: an empty screen is swapped as fast as that goes, and its times are kept."""

    def __init__(self, swaps: int = MEASURED_SWAPS) -> None:
        self._wanted = swaps + WARM_UP_SWAPS
        self._times: list[float] = []

    @property
    def done(self) -> bool:
        """Whether there are enough."""
        return len(self._times) >= self._wanted

    def frame(self) -> Frame:
        """What is seen meanwhile."""
        return Frame((Text("Measuring the display", 0.0, 0.0, 0.04, DIM),))

    def swapped(self, time: float) -> None:
        """A swap, at ``time`` in seconds."""
        self._times.append(time)

    def result(self, nominal: float) -> Display:
        """What they say (`judge`)."""
        return judge(self._times[WARM_UP_SWAPS:], nominal)
