"""A recording from which any sample may come next: what a player plays."""

from __future__ import annotations

import bisect

import numpy as np

from rtbci.errors import SourceError
from rtbci.sources.reader import Reader
from rtbci.types import Marker, Samples, StreamInfo, Times

BLOCK_BYTES = 1 << 22
"""Roughly how much is read from disk at a time."""


BACK_SECONDS = 1.0
"""Who asks for the previous marker so soon after one means the one before it."""


class Tape:
    """The recording behind ``reader``; places in it are seconds from its first sample, or sample indices.

    Attributes
    ----------
    times : (n,) float64, the recording's own. A clock that was set back makes none of them earlier than one before.
    markers : in order of time.
    """

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self.info: StreamInfo = reader.info
        self.stamps: Times = reader.times(0, reader.n_samples)
        self.times: Times = np.maximum.accumulate(self.stamps)
        self.markers: tuple[Marker, ...] = reader.markers
        self._marker_times = [marker.time for marker in self.markers]
        self._rows = max(1, BLOCK_BYTES // (4 * reader.info.n_channels))
        self._block: tuple[int, Samples] = (0, np.empty((0, reader.info.n_channels), np.float32))

    @property
    def n_samples(self) -> int:
        """Length in samples."""
        return len(self.times)

    @property
    def duration(self) -> float:
        """Length in seconds: the last sample lasts as long as the others."""
        return float(self.times[-1] - self.times[0]) + 1.0 / self.info.rate

    def seconds(self, index: int) -> float:
        """Where sample ``index`` lies; the end, where there is none any more."""
        return self.duration if index >= self.n_samples else float(self.times[index] - self.times[0])

    def index(self, seconds: float) -> int:
        """The first sample at or after ``seconds``, or nearest where that is a matter of rounding; the last one beyond."""
        at = float(self.times[0]) + seconds - 0.5 / self.info.rate
        return min(int(np.searchsorted(self.times, at)), self.n_samples - 1)

    def next_marker(self, time: float) -> int:
        """Number of the first marker at or after ``time`` on the recording's clock."""
        return bisect.bisect_left(self._marker_times, time)

    def find(self, label: str, seconds: float) -> float:
        """Where the marker ``label`` lies that comes next after ``seconds``, from the beginning again after the end.

        ``"next"`` and ``"previous"`` are any marker after and before, where no marker has that label. Raises SourceError.
        """
        first, half = float(self.times[0]), 0.5 / self.info.rate
        places = [(marker.time - first, marker.label) for marker in self.markers]
        named = [place for place, there in places if there == label]
        if named:
            return next((place for place in named if place > seconds + half), named[0])
        if label == "next":
            ahead = [place for place, _ in places if place > seconds + half]
            if not ahead:
                raise SourceError(f"no marker comes after {clock(seconds)}; seek to an earlier one, or by time")
            return ahead[0]
        if label == "previous":
            behind = [place for place, _ in places if place < seconds - BACK_SECONDS]
            if not behind:
                raise SourceError(f"no marker comes before {clock(seconds)}; seek to a later one, or by time")
            return behind[-1]
        known = sorted({there for _, there in places})
        shown = ", ".join(map(repr, known[:8])) + (", …" if len(known) > 8 else "")
        raise SourceError(
            f"the recording has no marker {label!r}; it has {shown or 'none'}, and there are next and previous"
        )

    def read(self, index: int, samples: Samples, stamps: Times) -> None:
        """Fill ``samples`` (n, n_channels) and ``stamps`` (n,) with what begins at ``index``. Raises SourceError."""
        done, n = 0, len(samples)
        while done < n:
            first, block = self._block
            at = index + done
            if not first <= at < first + len(block):
                first = at // self._rows * self._rows
                block = self._reader.samples(first, min(first + self._rows, self.n_samples))
                self._block = (first, block)
            part = min(n - done, first + len(block) - at)
            samples[done : done + part] = block[at - first : at - first + part]
            done += part
        stamps[:] = self.stamps[index : index + n]

    def close(self) -> None:
        """Let go of the file."""
        self._reader.close()


def clock(seconds: float) -> str:
    """``seconds`` as minutes and seconds: 83.5 is "1:23.5"."""
    minutes, rest = divmod(round(seconds, 1), 60.0)
    return f"{int(minutes)}:{rest:04.1f}"
