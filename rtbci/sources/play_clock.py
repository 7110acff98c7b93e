"""A clock that runs at a speed of its own, stands still, and is set."""

from __future__ import annotations

import time
from collections.abc import Callable


class PlayClock:
    """A straight line from one change to the next; its owner sees to it that one thread at a time uses it.

    Attributes
    ----------
    rate : seconds that it goes on in a second; 0: it stands.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._at = monotonic()
        self._time = 0.0
        self.rate = 0.0

    def now(self) -> float:
        """The time that it shows, in seconds."""
        return self._time + (self._monotonic() - self._at) * self.rate

    def set(self, time: float, rate: float) -> None:
        """From now on it shows ``time`` and goes on ``rate`` times as fast."""
        self._at, self._time, self.rate = self._monotonic(), time, rate

    def run(self, rate: float) -> None:
        """It goes on ``rate`` times as fast from where it is."""
        if rate != self.rate:
            self.set(self.now(), rate)

    @property
    def line(self) -> tuple[float, float, float]:
        """When it was last changed (monotonic seconds), what it showed then, and its rate."""
        return self._at, self._time, self.rate
