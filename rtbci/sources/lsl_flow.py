"""How a stream flows: the rate at which samples arrive, how long a silence is a loss, and where its clock stands."""

from __future__ import annotations

import math
from collections import deque
from threading import Event, Thread
from typing import Any

import pylsl
from pylsl.util import LostError

RATE_SECONDS = 10.0
_MARK_SECONDS = 0.5
_LONG_WAIT_SECONDS = 60.0
_MOST_PATIENCE = 10.0
CLOCK_SECONDS = 5.0


class Arrivals:
    """When samples arrived.

    A silence of ``lost_after`` seconds is a loss, except for a sender whose packets are that far apart: once two long
    waits within a minute were followed by samples, 1.5 times the shorter of them is waited for (at most 10 s).
    """

    def __init__(self, lost_after: float) -> None:
        self._lost_after = lost_after
        self._marks: deque[tuple[float, int]] = deque()
        self._count = 0
        self._last = math.nan
        self._waits: deque[tuple[float, float]] = deque(maxlen=2)

    @property
    def last(self) -> float:
        """Time of the newest arrival in seconds of the LSL clock, NaN before the first."""
        return self._last

    def add(self, now: float, count: int) -> None:
        """Note that ``count`` samples arrived at ``now``."""
        if now - self._last > 0.5 * self._lost_after:
            self._waits.append((now, now - self._last))
        self._last = now
        if not self._marks or now - self._marks[-1][0] >= _MARK_SECONDS:
            self._marks.append((now, self._count))
            while self._marks[0][0] < now - RATE_SECONDS - _MARK_SECONDS:
                self._marks.popleft()
        self._count += count

    def restart(self, now: float) -> None:
        """Begin anew at ``now``: the silence before it says nothing of the rate."""
        self._marks.clear()
        self._last = now

    def patience(self, now: float) -> float:
        """Seconds of silence after which the stream is lost."""
        if len(self._waits) == 2 and all(now - when < _LONG_WAIT_SECONDS for when, _ in self._waits):
            return max(self._lost_after, min(_MOST_PATIENCE, 1.5 * min(wait for _, wait in self._waits)))
        return self._lost_after

    def left(self, now: float) -> float:
        """Seconds until silence becomes a loss; infinite before the first sample."""
        if math.isnan(self._last):
            return math.inf
        return self._last + self.patience(now) - now

    @property
    def rate(self) -> float | None:
        """Samples a second over the last ten seconds, by arrival; None before half a second has passed."""
        if len(self._marks) < 2:
            return None
        (first, before), (last, after) = self._marks[0], self._marks[-1]
        return (after - before) / (last - first)


class ClockOffset:
    """What must be added to a sender's stamps to be on this machine's clock, asked of liblsl every five seconds.

    liblsl measures it in the background (twenty round trips, the quickest counts); asking may still block, so a thread
    of its own asks, and `offset` is the last answer.
    """

    def __init__(self) -> None:
        self.offset = 0.0
        self.known = False
        self._inlet: Any = None
        self._stop = Event()
        self._thread: Thread | None = None

    def measure(self, inlet: Any, timeout: float) -> None:
        """Ask once, waiting at most ``timeout`` seconds, and again every five seconds from then on."""
        self._inlet = inlet
        self._ask(inlet, timeout)
        if self._thread is None:
            self._thread = Thread(target=self._run, name="LSL clock", daemon=True)
            self._thread.start()

    def _ask(self, inlet: Any, timeout: float) -> None:
        try:
            self.offset = inlet.time_correction(timeout)
            self.known = True
        except (LostError, pylsl.util.TimeoutError):
            # the last answer stands; that a stream is lost is for its reader to find
            return

    def _run(self) -> None:
        while not self._stop.wait(CLOCK_SECONDS):
            self._ask(self._inlet, 2.0)

    def close(self) -> None:
        """Stop asking."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(3.0)
        self._inlet = None
