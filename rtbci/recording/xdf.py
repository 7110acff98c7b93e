"""Writes XDF 1.0 files: one container for signals, markers and decisions, readable while it grows.

Every sample carries its own 8-byte time stamp, bit for bit the one it was given. Each chunk is put together in memory and
appended whole; its first byte is written last, so a file whose writer was killed in the middle ends with a zero, which
readers take for the end, and never with part of a sample. Source: https://github.com/sccn/xdf/wiki/Specifications.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtbci.recording.chunks import BOUNDARY, MAGIC, Tag, chunk_head, var_length
from rtbci.recording.growing_file import GrowingFile
from rtbci.recording.stream_header import StreamHeader, footer_xml, header_xml, info_xml
from rtbci.types import Times

NUMERIC = {"float32": "<f4", "double64": "<f8", "int8": "<i1", "int16": "<i2", "int32": "<i4", "int64": "<i8"}
"""NumPy's name of each numeric channel format."""


@dataclass(slots=True)
class _Stream:
    header: StreamHeader
    row: np.dtype[Any] | None  # one sample as it stands in the file; None for strings
    count: int = 0
    first: float = 0.0
    last: float = 0.0
    offsets: list[tuple[float, float]] = field(default_factory=list)


class XdfWriter:
    """An XDF file that grows.

    Parameters
    ----------
    path : the file to make; it must not exist.
    started : date and time of the recording's start in ISO 8601, for the file's header; left out where empty.
    """

    def __init__(self, path: Path, started: str = "") -> None:
        """Make the file. Raises RecordingError when it exists already or cannot be made."""
        xml = info_xml({"version": "1.0", **({"datetime": started} if started else {})})
        self._file = GrowingFile(path, MAGIC + chunk_head(Tag.FILE_HEADER, len(xml)) + xml)
        self._streams: list[_Stream] = []
        self._closed = False

    @property
    def path(self) -> Path:
        """The file."""
        return self._file.path

    @property
    def size(self) -> int:
        """Bytes written, all of them in whole chunks."""
        return self._file.size

    @property
    def file(self) -> GrowingFile:
        """The file underneath: whether it is still where it was made."""
        return self._file

    def add_stream(self, header: StreamHeader) -> int:
        """Add a stream and give its number (1, 2, …). Raises RecordingError when it cannot be written."""
        if header.channel_format not in NUMERIC and header.channel_format != "string":
            raise ValueError(f"channel format {header.channel_format!r} is not one of {', '.join(NUMERIC)}, string")
        if not header.channels:
            raise ValueError(f"stream {header.name!r} has no channels; a stream needs at least one")
        row = None
        if header.channel_format in NUMERIC:
            value = (NUMERIC[header.channel_format], (len(header.channels),))
            row = np.dtype([("stamp_bytes", "u1"), ("time", "<f8"), ("values", *value)])
        number = len(self._streams) + 1
        xml = header_xml(header)
        self._append(chunk_head(Tag.STREAM_HEADER, len(xml), number) + xml)
        self._streams.append(_Stream(header, row))
        return number

    def write_samples(self, stream: int, samples: NDArray[Any], times: Times) -> None:
        """Append ``samples`` (n, n_channels) with their ``times`` (n,) float64 seconds, as one chunk.

        Raises RecordingError when they cannot be written (the file is then as it was before), ValueError for samples that
        do not fit the stream.
        """
        state = self._streams[stream - 1]
        if state.row is None or samples.shape != (len(times), len(state.header.channels)):
            raise ValueError(
                f"samples {samples.dtype} {samples.shape} with {len(times)} times do not fit stream {state.header.name!r} "
                f"of {len(state.header.channels)} {state.header.channel_format} channels"
            )
        if not np.can_cast(samples.dtype, state.row["values"].base, "same_kind"):
            raise ValueError(f"{samples.dtype} samples do not fit into {state.header.channel_format}")
        n = len(times)
        if n == 0:
            return
        self._first_offset(stream, float(times[0]))
        count = var_length(n)
        head = chunk_head(Tag.SAMPLES, len(count) + n * state.row.itemsize, stream) + count
        chunk = np.empty(len(head) + n * state.row.itemsize, np.uint8)
        chunk[: len(head)] = np.frombuffer(head, np.uint8)
        rows = chunk[len(head) :].view(state.row)
        rows["stamp_bytes"] = 8
        rows["time"] = times
        rows["values"] = samples
        self._append(chunk)
        self._count(state, times)

    def write_strings(self, stream: int, values: Sequence[str], times: Times) -> None:
        """Append ``values``, one a sample of a one-channel string stream, with ``times`` (n,); raises as `write_samples`."""
        state = self._streams[stream - 1]
        if state.header.channel_format != "string" or len(state.header.channels) != 1 or len(values) != len(times):
            raise ValueError(
                f"{len(values)} strings with {len(times)} times do not fit stream {state.header.name!r} of "
                f"{len(state.header.channels)} {state.header.channel_format} channels"
            )
        if len(values) == 0:
            return
        self._first_offset(stream, float(times[0]))
        parts = [var_length(len(values))]
        for value, time in zip(values, times, strict=True):
            text = value.encode("utf-8", "replace")  # half a surrogate pair cannot be written; "?" can
            parts += [struct.pack("<Bd", 8, time), var_length(len(text)), text]
        content = b"".join(parts)
        self._append(chunk_head(Tag.SAMPLES, len(content), stream) + content)
        self._count(state, times)

    def boundary(self) -> None:
        """Append a mark from which a reader can go on after damage. Raises RecordingError when it cannot be written."""
        self._append(chunk_head(Tag.BOUNDARY, len(BOUNDARY)) + BOUNDARY)

    def flush(self) -> None:
        """Wait until the disk has what was written (the operating system has it at once). Raises RecordingError."""
        self._file.sync()

    def close(self) -> None:
        """Append the footers and close the file, even when that fails; raises RecordingError then. Safe to call twice."""
        if self._closed:
            return
        self._closed = True
        try:
            for i, state in enumerate(self._streams):
                xml = footer_xml(state.first, state.last, state.count, state.offsets)
                self._append(chunk_head(Tag.STREAM_FOOTER, len(xml), i + 1) + xml)
            self._file.sync()
        finally:
            self._file.close()

    def _append(self, chunk: bytes | NDArray[np.uint8]) -> None:
        self._file.append(chunk, first_byte_last=True)

    def _first_offset(self, stream: int, time: float) -> None:
        """Say once, before a stream's first samples, that its clock is the recording's: readers that synchronise add 0."""
        state = self._streams[stream - 1]
        if state.offsets:
            return
        self._append(chunk_head(Tag.CLOCK_OFFSET, 16, stream) + struct.pack("<dd", time, 0.0))
        state.offsets.append((time, 0.0))

    @staticmethod
    def _count(state: _Stream, times: Times) -> None:
        if state.count == 0:
            state.first = float(times[0])
        state.last = float(times[-1])
        state.count += len(times)
