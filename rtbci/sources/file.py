"""A recording as a source: what was recorded, in order, as fast as it is asked for or at a given speed."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rtbci.errors import SourceError
from rtbci.sources.bids import part_of
from rtbci.sources.reader import FORMATS, Reader
from rtbci.types import Marker, Samples, StreamInfo, Times

BLOCK_BYTES = 1 << 22
"""Roughly how much is read from disk at a time: large enough that the cost per block vanishes, bounded for long files."""


def open_reader(
    path: str | Path,
    *,
    stream: str | None = None,
    type: str | None = None,
    channels: Sequence[str] = (),
    markers: str | Sequence[str] | None = None,
) -> Reader:
    """Open the recording at ``path`` in whatever format its name says; arguments as for `FileSource`. Raises SourceError."""
    path = Path(path)
    format_of(path)
    names = (markers,) if isinstance(markers, str) else markers
    lower = path.name.lower()
    # each branch imports what it needs: XDF and CSV do without MNE
    if lower.endswith((".xdf", ".xdfz", ".xdf.gz")):
        from rtbci.sources.xdf_reader import XdfReader

        reader: Reader = XdfReader(path, stream, type, channels, names)
    elif lower.endswith(".csv"):
        from rtbci.sources.csv_reader import CsvReader

        reader = CsvReader(path, channels, names)
    else:
        from rtbci.sources.mne_reader import MneReader

        reader = MneReader(path, channels, names)
    if reader.n_samples == 0 or not reader.info.channels:
        raise SourceError(f"{path} holds no samples of any signal channel; a recording with a signal is needed")
    asked = ((stream, reader.info.name, "stream", "named"), (type, reader.info.type, "type", "of type"))
    for wanted, there, key, word in asked:
        if wanted is not None and wanted.lower() != there.lower():
            reader.close()
            raise SourceError(f"{path} holds one stream, {word} {there!r}, not {wanted!r}; leave '{key}' out to use it")
    return reader


_SUFFIX_NAMES = {
    ".fif": "FIF",
    ".fif.gz": "FIF",
    ".edf": "EDF",
    ".bdf": "BDF",
    ".gdf": "GDF",
    ".vhdr": "BrainVision",
    ".set": "EEGLAB",
    ".con": "KIT",
    ".sqd": "KIT",
    ".xdf": "XDF",
    ".xdfz": "XDF",
    ".xdf.gz": "XDF",
    ".csv": "CSV",
}


def format_of(path: Path) -> str:
    """Name of the recording's format. Raises SourceError for what is not there, empty, a pointer, or of no known format."""
    if not path.exists():
        raise SourceError(f"there is no recording {path}; give the path of an existing file")
    if path.is_dir():
        taken = (path / "session.json").is_file() or part_of(path) is not None
        hint = " (`rtbci evaluate` takes the folder itself)" if taken else ""
        raise SourceError(f"{path} is a folder; give the path of one recording in it{hint}")
    for suffix in sorted(_SUFFIX_NAMES, key=len, reverse=True):
        if path.name.lower().endswith(suffix):
            break
    else:
        raise SourceError(f"{path} has no suffix of a format that is understood: {FORMATS}")
    try:
        with path.open("rb") as file:
            head = file.read(64)
    except OSError as error:
        raise SourceError(f"cannot open {path}: {error.strerror}; is it readable for you?") from error
    if not head:
        raise SourceError(f"{path} is empty (0 bytes); a whole recording is needed")
    if head.startswith(b"version https://git-lfs"):
        raise SourceError(f"{path} is a Git LFS pointer, not the recording itself; fetch it with 'git lfs pull'")
    return _SUFFIX_NAMES[suffix]


class FileSource:
    """Plays a recording as a `rtbci.interfaces.Source`, in the times of the recording's own clock.

    Parameters
    ----------
    path : the recording; its suffix says the format.
    stream, type : name and type of the signal stream, where the file has several (XDF); None: the only EEG or MEG stream.
    channels : channel names to use in place of the header's, one for each channel.
    markers : names of the marker streams to hear ("annotations", a trigger channel, an XDF stream); None: all.
    chunk : `read` returns no more samples than this at a time; None: as many as it is given room for.
    speed : None: as fast as it is read. A number: sample times are kept to, that many times faster than they were recorded.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        stream: str | None = None,
        type: str | None = None,
        channels: Sequence[str] = (),
        markers: str | Sequence[str] | None = None,
        chunk: int | None = None,
        speed: float | None = None,
    ) -> None:
        if chunk is not None and chunk < 1:
            raise SourceError(f"chunk is {chunk}; it should be a whole number of samples, at least 1")
        if speed is not None and not (0.0 < speed < float("inf")):
            raise SourceError(f"speed is {speed}; it should be a positive number, or absent for as fast as possible")
        self._path = Path(path)
        self._choice: dict[str, Any] = {"stream": stream, "type": type, "channels": channels, "markers": markers}
        self._chunk = chunk
        self._speed = speed
        self._reader: Reader | None = None
        self._index = 0
        self._next_marker = 0
        self._block: tuple[int, Samples, Times] = (0, np.empty((0, 0), np.float32), np.empty(0))
        self._block_rows = 1
        self._start_wall = 0.0
        self._start_time = 0.0
        self._newest = 0.0
        self._known_until = -np.inf
        self._delivered_wall: float | None = None

    def open(self) -> StreamInfo:
        """Open the recording and say what it holds. Raises SourceError."""
        reader = open_reader(self._path, **self._choice)
        self._reader = reader
        self._block_rows = max(1, BLOCK_BYTES // (4 * reader.info.n_channels))
        self._start_time = self._newest = float(reader.times(0, 1)[0])
        return reader.info

    @property
    def n_samples(self) -> int:
        """Length of the recording in samples."""
        return self._opened().n_samples

    def _opened(self) -> Reader:
        if self._reader is None:
            raise SourceError(f"{self._path} is not open; call open() first")
        return self._reader

    def _at(self, index: int) -> tuple[int, Samples, Times]:
        """The block that holds sample ``index``: blocks begin at fixed indices, so chunking cannot change a value."""
        first, samples, _ = self._block
        if not first <= index < first + len(samples):
            reader = self._opened()
            first = index // self._block_rows * self._block_rows
            stop = min(first + self._block_rows, reader.n_samples)
            self._block = (first, reader.samples(first, stop), reader.times(first, stop))
        return self._block

    def _due(self, sample_times: Times, timeout: float) -> int:
        """How many of the next samples, at ``sample_times``, are due; waits up to ``timeout`` seconds for the first."""
        if self._speed is None:
            return len(sample_times)
        now = time.perf_counter()
        if self._index == 0:
            self._start_wall = now
        due_at = self._start_wall + (float(sample_times[0]) - self._start_time) / self._speed
        if due_at > now + timeout:
            time.sleep(max(timeout, 0.0))
            return 0
        if due_at > now:
            time.sleep(due_at - now)
        reached = self._start_time + (time.perf_counter() - self._start_wall) * self._speed
        # a clock that was set back does not make its samples wait, and one sample is due by now whatever the rounding
        late = np.flatnonzero(np.maximum.accumulate(sample_times) > reached)
        return max(1, int(late[0]) if len(late) else len(sample_times))

    def read(self, samples: Samples, times: Times, timeout: float) -> int:
        """Fill the first rows of ``samples`` (n, n_channels) float32 and ``times`` (n,) float64; say how many.

        Raises EOFError after the last sample, and SourceError where the file turns out to be damaged.
        """
        reader = self._opened()
        if self._index >= reader.n_samples:
            self._known_until = np.inf
            raise EOFError(f"{self._path} ends after {reader.n_samples} samples")
        first, block, block_times = self._at(self._index)
        row = self._index - first
        n = min(len(samples), len(block) - row, self._chunk or len(samples))
        n = self._due(block_times[row : row + n], timeout) if n else 0
        if n == 0:
            return 0
        samples[:n] = block[row : row + n]
        times[:n] = block_times[row : row + n]
        self._index += n
        self._newest = float(times[n - 1])
        self._delivered_wall = time.perf_counter()
        self._known_until = self._hearing(reader)
        return n

    def _hearing(self, reader: Reader) -> float:
        """Markers up to this time are nearest to a sample that has been delivered."""
        if self._index >= reader.n_samples:
            return float("inf")
        following = float(reader.times(self._index, self._index + 1)[0])
        return max(self._newest + 0.5 / reader.info.rate, 0.5 * (self._newest + following))

    def markers(self) -> Sequence[Marker]:
        """Markers nearest to the samples delivered since the last call, by time; with the last sample, all that are left."""
        reader = self._opened()
        first = self._next_marker
        while self._next_marker < len(reader.markers) and reader.markers[self._next_marker].time <= self._known_until:
            self._next_marker += 1
        return reader.markers[first : self._next_marker]

    def now(self) -> float:
        """Time of the newest sample delivered plus the wall time since: what a decision's age is measured with."""
        if self._delivered_wall is None:
            return self._newest
        return self._newest + time.perf_counter() - self._delivered_wall

    def close(self) -> None:
        """Close the file."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None


@dataclass(frozen=True, slots=True)
class Recording:
    """A whole recording: ``samples`` (n, n_channels) float32 in the units of ``info``, ``times`` (n,) seconds."""

    info: StreamInfo
    samples: Samples
    times: Times
    markers: tuple[Marker, ...]


def load(
    path: str | Path,
    *,
    stream: str | None = None,
    type: str | None = None,
    channels: Sequence[str] = (),
    markers: str | Sequence[str] | None = None,
) -> Recording:
    """Read the whole recording into memory; arguments as for `FileSource`. Raises SourceError."""
    reader = open_reader(path, stream=stream, type=type, channels=channels, markers=markers)
    try:
        n = reader.n_samples
        return Recording(reader.info, reader.samples(0, n), reader.times(0, n), reader.markers)
    finally:
        reader.close()
