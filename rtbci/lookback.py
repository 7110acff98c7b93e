"""Looks back through a session that is still being recorded: the growing XDF file, read by sample number and by time.

Of every chunk of the signal the index keeps where it lies, how many samples it holds, and the times of its first and last
one: 32 bytes, half a megabyte for an hour of four chunks a second (and 4 h with two markers a second took 8 MB in all, and
0.7 s of one core, to index). Samples are read from the file when they are
asked for, so the memory does not grow with them.

The first byte of a chunk is written last (`rtbci.recording`), so a chunk that begins with a zero, or that is longer than
the file, is not there yet: indexing stops before it and goes on from there the next time. Only files that rtbci wrote
are read: every sample has its own time stamp, and the header says which sample was the first. Source: XDF 1.0
specification, https://github.com/sccn/xdf/wiki/Specifications.
"""

from __future__ import annotations

import struct
from array import array
from pathlib import Path
from typing import BinaryIO
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from rtbci.errors import RecordingError
from rtbci.gaps import longest_step
from rtbci.types import Marker, Samples, Times

GAP_STREAM = "rtbci gaps"
_HEADER, _SAMPLES = 2, 3
_OF_A_STREAM = (2, 3, 4, 6)
_WHOLE = {1: "<B", 4: "<I", 8: "<Q"}
_HEAD = 48
"""Bytes read of every chunk: its head (15 at most), the number of samples (9), and the first time stamp (9)."""


class RecordedFile:
    """The index of one recording, which may still grow.

    Attributes
    ----------
    path : the file.
    first : absolute index of its first sample; -1 until the header of the signal has been met.
    """

    def __init__(self, path: Path, n_channels: int) -> None:
        """Open ``path``. Raises RecordingError when it cannot be opened or is no XDF file."""
        self.path = path
        self.first = -1
        try:
            self._file: BinaryIO = path.open("rb", buffering=0)  # a buffer would go on showing the end as it was
        except OSError as error:
            raise RecordingError(f"cannot read {path}: {error.strerror}; was the recording moved?") from error
        begin = self._file.read(4)
        if begin != b"XDF:":
            self._file.close()
            raise RecordingError(f"{path} is no XDF file: it begins with {begin!r}; one begins with b'XDF:'")
        self._row = np.dtype([("stamp_bytes", "u1"), ("time", "<f8"), ("values", "<f4", (n_channels,))])
        self._n_channels = n_channels
        self._at = 4
        self._rate = 0.0
        self._signal = -1
        self._texts: dict[int, str] = {}  # names of the marker streams by number
        self._places, self._counts = array("q"), array("q")
        self._begins, self._ends = array("d"), array("d")
        self._text_chunks: list[tuple[float, float, int, int, int]] = []  # first and last time, stream, content, stop
        self._gap_times: set[float] = set()
        self._jumps: list[tuple[int, float, int]] = []  # chunk, its first time, samples missing before it
        self._starts_of = (-1, -1)
        self._starts: NDArray[np.int64] = np.zeros(0, np.int64)

    def advance(self, chunks: int) -> bool:
        """Take in at most ``chunks`` chunks; say whether that was all there are by now. Raises RecordingError."""
        size = self._file.seek(0, 2)
        return not all(self._step(size) for _ in range(chunks))

    def _step(self, size: int) -> bool:
        head = self._bytes(self._at, _HEAD)
        width = head[0] if head else 0
        if width not in _WHOLE or len(head) < 3 + width:
            return False  # the end, or a chunk that is being written
        length = struct.unpack_from(_WHOLE[width], head, 1)[0]
        body = 1 + width
        stop = self._at + body + length
        if stop > size or length < 2:
            return False
        tag = struct.unpack_from("<H", head, body)[0]
        if tag in _OF_A_STREAM and length >= 6:
            stream = struct.unpack_from("<I", head, body + 2)[0]
            content = self._at + body + 6
            if tag == _HEADER:
                self._meet(stream, self._bytes(content, stop - content))
            elif tag == _SAMPLES and stream == self._signal:
                self._note(head, body + 6, content, stop)
            elif tag == _SAMPLES and stream in self._texts:
                self._note_text(stream, content, stop)
        self._at = stop
        return True

    def _bytes(self, at: int, n: int) -> bytes:
        self._file.seek(at)
        return self._file.read(n)

    def _meet(self, stream: int, xml: bytes) -> None:
        try:
            info = ElementTree.fromstring(xml.decode("utf-8", "replace"))
        except ElementTree.ParseError as error:
            raise RecordingError(f"{self.path}: the header of stream {stream} cannot be read ({error})") from error
        first = info.findtext("desc/rtbci/first_sample")
        if first is not None:
            n_channels = int(info.findtext("channel_count") or 0)
            if n_channels != self._n_channels:
                raise RecordingError(
                    f"{self.path} holds {n_channels} channels, the stream has {self._n_channels}; they should agree"
                )
            self._signal, self.first = stream, int(first)
            self._rate = float(info.findtext("nominal_srate") or 0.0)
        elif info.findtext("type") == "Markers" and info.findtext("channel_format") == "string":
            self._texts[stream] = info.findtext("name") or ""

    def _note(self, head: bytes, at: int, content: int, stop: int) -> None:
        width = head[at]
        count = struct.unpack_from(_WHOLE[width], head, at + 1)[0]
        begin = struct.unpack_from("<d", head, at + 2 + width)[0]
        end = struct.unpack("<d", self._bytes(stop - self._row.itemsize + 1, 8))[0]
        if self._ends and self._rate and begin - self._ends[-1] > longest_step(self._rate):
            missing = max(0, round((begin - self._ends[-1]) * self._rate) - 1)
            self._jumps.append((len(self._counts), begin, missing))
        self._places.append(content + 1 + width)
        self._counts.append(count)
        self._begins.append(begin)
        self._ends.append(end)

    def _note_text(self, stream: int, content: int, stop: int) -> None:
        found = list(_texts(self._bytes(content, stop - content)))
        if self._texts[stream] == GAP_STREAM:
            self._gap_times.update(time for time, _ in found)
        elif found:
            times = [time for time, _ in found]
            self._text_chunks.append((min(times), max(times), stream, content, stop))

    @property
    def starts(self) -> NDArray[np.int64]:
        """(n_chunks + 1,) absolute indices at which the chunks begin, and the one after the last sample.

        Where time jumps between two chunks and the session knows of no gap, the recorder was overtaken: the samples
        between them are in no recording, but they are counted.
        """
        if self._starts_of != (len(self._counts), len(self._gap_times)):
            counts = np.array(self._counts, np.int64)
            starts = np.concatenate([[0], np.cumsum(counts)]) + max(self.first, 0)
            for chunk, begin, missing in self._jumps:
                if begin not in self._gap_times:
                    starts[chunk:] += missing
            self._starts, self._starts_of = starts, (len(self._counts), len(self._gap_times))
        return self._starts

    def fill(self, start: int, samples: Samples, times: Times) -> None:
        """Put what is recorded from sample ``start`` on into ``samples`` (n, n_channels) and ``times`` (n,)."""
        starts = self.starts
        stop = start + len(times)
        chunk = max(int(np.searchsorted(starts, start, "right")) - 1, 0)
        while chunk < len(self._counts) and starts[chunk] < stop:
            begin = max(start, int(starts[chunk]))
            end = min(stop, int(starts[chunk]) + self._counts[chunk])
            if end > begin:
                rows = np.empty(end - begin, self._row)
                self._file.seek(self._places[chunk] + (begin - int(starts[chunk])) * self._row.itemsize)
                if self._file.readinto(rows.view(np.uint8).data) == rows.nbytes:  # type: ignore[attr-defined]
                    samples[begin - start : end - start] = rows["values"]
                    times[begin - start : end - start] = rows["time"]
            chunk += 1

    def index_at(self, time: float) -> int | None:
        """Absolute index of the first sample at or after ``time``, None where all are older; times are taken as monotone."""
        begins = np.frombuffer(self._begins, np.float64) if self._begins else np.zeros(0)
        chunk = max(int(np.searchsorted(begins, time, "left")) - 1, 0)
        for k in range(chunk, min(chunk + 2, len(self._counts))):
            if self._ends[k] >= time:
                rows = np.empty(self._counts[k], self._row)
                self._file.seek(self._places[k])
                self._file.readinto(rows.view(np.uint8).data)  # type: ignore[attr-defined]
                return int(self.starts[k]) + int(np.searchsorted(rows["time"], time, "left"))
        return None

    def markers(self, start: float, stop: float) -> list[Marker]:
        """Markers with ``start <= time < stop``, in the order of the file."""
        found = []
        for first, last, stream, content, end in self._text_chunks:
            if last >= start and first < stop:
                name = self._texts[stream]
                texts = _texts(self._bytes(content, end - content))
                found += [Marker(time, label, None, name) for time, label in texts if start <= time < stop]
        return found

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _texts(content: bytes) -> list[tuple[float, str]]:
    """Time and text of every sample in the content of a chunk of a one-channel string stream."""
    width = content[0]
    count = struct.unpack_from(_WHOLE[width], content, 1)[0]
    at = 1 + width
    found = []
    for _ in range(count):
        time = struct.unpack_from("<d", content, at + 1)[0]
        width = content[at + 9]
        length = struct.unpack_from(_WHOLE[width], content, at + 10)[0]
        at += 10 + width
        found.append((time, content[at : at + length].decode("utf-8", "replace")))
        at += length
    return found


class Lookback:
    """What is recorded of a session, in one file or in several parts; used by one thread.

    Absolute sample indices are those of the session's ring.
    """

    def __init__(self, n_channels: int) -> None:
        self._n_channels = n_channels
        self._files: dict[Path, RecordedFile] = {}

    def add(self, path: Path) -> None:
        """Look into ``path`` as well, if it is not known yet. Raises RecordingError when it cannot be read."""
        if path not in self._files:
            self._files[path] = RecordedFile(path, self._n_channels)

    def advance(self, chunks: int = 1000) -> bool:
        """Take in at most ``chunks`` new chunks of each file; say whether that was all. Raises RecordingError."""
        done = [file.advance(chunks) for file in self._files.values()]
        return all(done)

    @property
    def span(self) -> tuple[int, int]:
        """Absolute indices of the oldest recorded sample and of the one after the newest; (0, 0) where there are none."""
        found = [(int(f.starts[0]), int(f.starts[-1])) for f in self._files.values() if len(f.starts) > 1]
        return (min(a for a, _ in found), max(b for _, b in found)) if found else (0, 0)

    def read(self, start: int, stop: int) -> tuple[Samples, Times]:
        """Samples ``start`` to ``stop`` (n, n_channels) float32 and their times (n,), both NaN where nothing is recorded."""
        samples = np.full((stop - start, self._n_channels), np.nan, np.float32)
        times = np.full(stop - start, np.nan)
        for file in self._files.values():
            file.fill(start, samples, times)
        return samples, times

    def between(self, start: float, stop: float) -> tuple[int, Samples, Times]:
        """Samples with ``start <= time < stop`` in seconds of the source's clock: index of the first, samples, times."""
        first = self.index_at(start)
        if first is None:
            return self.span[1], *self.read(0, 0)
        last = self.index_at(stop)
        return first, *self.read(first, self.span[1] if last is None else max(last, first))

    def index_at(self, time: float) -> int | None:
        """Absolute index of the first recorded sample at or after ``time``, None where all are older."""
        found = [index for file in self._files.values() if (index := file.index_at(time)) is not None]
        return min(found, default=None)

    def markers(self, start: float, stop: float) -> list[Marker]:
        """Recorded markers with ``start <= time < stop``, by time; gaps are not among them."""
        found = [marker for file in self._files.values() for marker in file.markers(start, stop)]
        return sorted(found, key=lambda marker: marker.time)

    def close(self) -> None:
        """Close the files."""
        for file in self._files.values():
            file.close()
        self._files.clear()
