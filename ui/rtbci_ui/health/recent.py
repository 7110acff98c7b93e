"""What has changed lately: counters that grew, and how fast a recording fills its disk."""

from __future__ import annotations

from collections import deque

LATELY_SECONDS = 10.0
"""What is called "now" where something is lost or skipped."""
GROWTH_SECONDS = 60.0
LEAST_SECONDS = 5.0
"""A rate over less than this says little: files grow in blocks."""


class Recent:
    """By how much a counter has grown in the last `LATELY_SECONDS`."""

    def __init__(self, seconds: float = LATELY_SECONDS) -> None:
        self._seconds = seconds
        self._seen: deque[tuple[float, int]] = deque()

    def add(self, now: float, value: int | None) -> None:
        """The counter stands at ``value`` at ``now`` (seconds); one that has fallen has begun anew."""
        if value is None or (self._seen and value < self._seen[-1][1]):
            self._seen.clear()
        if value is None:
            return
        self._seen.append((now, value))
        while len(self._seen) > 1 and self._seen[1][0] <= now - self._seconds:
            self._seen.popleft()

    @property
    def grown(self) -> int:
        """How much was counted lately."""
        return self._seen[-1][1] - self._seen[0][1] if self._seen else 0


class Growth:
    """Bytes per second by which a recording grows, over its last minute; before that, over all of it."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()
        self._overall: float | None = None

    def add(self, seconds: float | None, n_bytes: int | None) -> None:
        """The recording is ``seconds`` long and has ``n_bytes``; one that is smaller than before is another one."""
        if seconds is None or n_bytes is None:
            self._seen.clear()
            self._overall = None
            return
        self._overall = n_bytes / seconds if seconds >= LEAST_SECONDS else None
        if self._seen and (n_bytes < self._seen[-1][1] or seconds < self._seen[-1][0]):
            self._seen.clear()
        if not self._seen or seconds - self._seen[-1][0] >= 1.0:
            self._seen.append((seconds, n_bytes))
        while len(self._seen) > 2 and self._seen[1][0] <= seconds - GROWTH_SECONDS:
            self._seen.popleft()

    @property
    def rate(self) -> float | None:
        """Bytes per second; None while it is too early to say, or where nothing grows."""
        if self._seen:
            (first, least), (last, most) = self._seen[0], self._seen[-1]
            if last - first >= LEAST_SECONDS:
                return (most - least) / (last - first) or None
        return self._overall or None


def seconds_left(free: int | None, rate: float | None) -> float | None:
    """For how long ``free`` bytes last at ``rate`` bytes per second; None where either is not known."""
    return None if free is None or rate is None else free / rate
