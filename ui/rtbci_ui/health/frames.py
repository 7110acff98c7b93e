"""How fluently the window itself draws."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

import numpy as np

KEPT = 2000
"""Frames that percentiles are made of: half a minute of 60 a second."""
PACE_SECONDS = 2.0
"""What frames per second are counted over."""


class FrameTimes:
    """Times of the newest frames; the shell says of each how long it took to make.

    Parameters
    ----------
    clock : seconds; tells when a frame was there.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._took: deque[float] = deque(maxlen=KEPT)
        self._at: deque[float] = deque(maxlen=KEPT)

    def frame(self, seconds: float, clock: float | None = None) -> None:
        """A frame took ``seconds`` of the window's time; ``clock`` is when it was, None: just now."""
        self._took.append(seconds)
        self._at.append(self._clock() if clock is None else clock)

    def __len__(self) -> int:
        """Frames that are kept."""
        return len(self._took)

    def per_second(self) -> float | None:
        """Frames per second over the last two; None before the second frame and when none has come lately."""
        now = self._clock()
        recent = [at for at in self._at if now - at <= PACE_SECONDS]
        if len(recent) < 2 or recent[-1] <= recent[0]:
            return None
        return (len(recent) - 1) / (recent[-1] - recent[0])

    def milliseconds(self) -> tuple[float, float] | None:
        """The 50th and the 99th percentile of what a frame takes, in milliseconds; None before the first."""
        if not self._took:
            return None
        p50, p99 = np.percentile(np.array(self._took) * 1e3, (50, 99))
        return float(p50), float(p99)
