"""A recording played into a live session: its times are moved onto the running clock, once, at its first sample."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

from rtbci.interfaces import Source
from rtbci.types import Marker, Samples, StreamInfo, Times


class LiveFile:
    """Wraps a paced source of a recording so that its samples are stamped with the time at which they are played."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._shift: float | None = None
        self._early: list[Marker] = []

    def open(self) -> StreamInfo:
        """Open the recording."""
        return self._source.open()

    def read(self, samples: Samples, times: Times, timeout: float) -> int:
        """As the recording's read, with the times moved."""
        n = self._source.read(samples, times, timeout)
        if n and self._shift is None:
            self._shift = time.monotonic() - float(times[n - 1])
        if self._shift is not None:
            times[:n] += self._shift
        return n

    def markers(self) -> Sequence[Marker]:
        """As the recording's markers, with the times moved."""
        self._early.extend(self._source.markers())
        if self._shift is None:
            return []
        moved = [replace(marker, time=marker.time + self._shift) for marker in self._early]
        self._early.clear()
        return moved

    def now(self) -> float:
        """The running clock in seconds."""
        return time.monotonic()

    def close(self) -> None:
        """Close the recording."""
        self._source.close()
