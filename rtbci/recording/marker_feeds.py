"""What the recorder copies of single moments: markers, and the gaps, which are written as markers."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from rtbci.errors import RecordingError
from rtbci.recording.growing_file import append_whole
from rtbci.recording.stream_header import StreamHeader
from rtbci.recording.xdf import XdfWriter
from rtbci.ring import Ring
from rtbci.runfolder import MarkerReader, marker_to_json
from rtbci.types import Channel, Marker

GAP_STREAM = "rtbci gaps"
"""Name of the marker stream that says where samples are missing."""
MOST_UNRECORDED = 1000
"""Markers that are remembered while nothing is recorded, in case that a part begins before their samples have come."""
MakeHeader = Callable[[str, str, tuple[Channel, ...], float, str], StreamHeader]
"""Completes a header from name, type, channels, nominal rate and channel format."""


class GapFeed:
    """The gap table of the raw ring, as markers "gap N samples" at the time of the first sample after the gap."""

    def __init__(self, streams: StringStreams, ring: Ring, first: int = 0) -> None:
        self._markers = streams
        self._ring = ring
        self._next = first
        self.written = 0

    def copy(self) -> None:
        """Copy the gaps that were noted since the last call."""
        first = max(self._next, self._ring.n_gaps - self._ring.max_gaps)
        gaps = self._ring.gaps(first)
        self._next = first + len(gaps)
        self._markers.write([Marker(gap.after, f"gap {gap.missing} samples", stream=GAP_STREAM) for gap in gaps])
        self.written += len(gaps)


class MarkerFeed:
    """The markers of the session: into ``sink``, or, while nothing is recorded, into a file of their own, in JSON lines.

    ``written`` markers are in a recording, ``aside`` in that file.
    """

    def __init__(self, path: Path, aside: Path) -> None:
        self._reader = MarkerReader(path)
        self._aside_path = aside
        self._unrecorded: list[Marker] = []
        self._pending: list[Marker] = []  # read, and not on the disk yet
        self.sink: StringStreams | None = None
        self.written = 0
        self.aside = 0

    def begin(self, sink: StringStreams, since: float) -> None:
        """From now on into ``sink``: first those that came while nothing was recorded, and are later than ``since``."""
        self.sink = sink
        early, self._unrecorded = [m for m in self._unrecorded if m.time > since], []
        self._write(early)

    def copy(self) -> None:
        """Copy the markers that became known since the last call, and those that could not be written then."""
        self._pending += self._reader.new()
        self._write(self._pending)
        self._pending = []

    def _write(self, markers: list[Marker]) -> None:
        if not markers:
            return
        if self.sink is not None:
            self.sink.write(markers)
            self.written += len(markers)
            return
        text = "".join(json.dumps(marker_to_json(marker)) + "\n" for marker in markers)
        try:
            append_whole(self._aside_path, text.encode())
        except OSError as error:
            raise RecordingError(f"cannot write {self._aside_path}: {error.strerror}") from error
        self._unrecorded = [*self._unrecorded, *markers][-MOST_UNRECORDED:]
        self.aside += len(markers)

    def close(self) -> None:
        """Close the session's file of markers."""
        self._reader.close()


class StringStreams:
    """Marker streams of the recording by name, each made when its first marker comes."""

    def __init__(self, writer: XdfWriter, header: MakeHeader) -> None:
        self._writer = writer
        self._header = header
        self._streams: dict[str, int] = {}

    def write(self, markers: list[Marker]) -> None:
        """Write ``markers``, those of one stream in one chunk, in their order."""
        by_stream: dict[str, list[Marker]] = {}
        for marker in markers:
            by_stream.setdefault(marker.stream or "markers", []).append(marker)
        for name, those in by_stream.items():
            if name not in self._streams:
                channels = (Channel("marker", "marker", ""),)
                self._streams[name] = self._writer.add_stream(self._header(name, "Markers", channels, 0.0, "string"))
            times = np.array([marker.time for marker in those])
            self._writer.write_strings(self._streams[name], [marker.label for marker in those], times)
