"""What an XDF file of unknown health holds: its streams, their whole samples, and which bytes can be read."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO
from xml.etree import ElementTree

import numpy as np

from rtbci.recording.chunks import MAGIC, Chunk, Tag, read_var_length, walk
from rtbci.recording.xdf import NUMERIC


@dataclass(slots=True)
class StreamSurvey:
    """One stream: its header's fields, and what was found of it.

    ``rate`` in Hz, 0 for irregular streams; ``first`` and ``last`` time stamps in seconds, as written, valid where ``count``
    is not 0; ``clock_offsets`` are pairs of time and offset in seconds.
    """

    number: int
    name: str
    type: str
    channel_format: str
    n_channels: int
    rate: float
    count: int = 0
    first: float = 0.0
    last: float = 0.0
    clock_offsets: list[tuple[float, float]] = field(default_factory=list)
    has_footer: bool = False


@dataclass(frozen=True, slots=True)
class Survey:
    """A file: its size and last change, the stretches of it that can be read (start, stop), and its streams by number."""

    size: int
    modified: float
    stretches: tuple[tuple[int, int], ...]
    streams: dict[int, StreamSurvey]

    @property
    def unreadable(self) -> int:
        """Bytes that belong to no whole chunk."""
        return self.size - len(MAGIC) - sum(stop - start for start, stop in self.stretches)


def survey(file: BinaryIO) -> Survey:
    """Look through the chunks of ``file``, which begins as an XDF file; of sample chunks no more is read than is needed."""
    stat = os.fstat(file.fileno())
    stretches: list[tuple[int, int]] = []
    streams: dict[int, StreamSurvey] = {}
    for chunk in walk(file):
        try:
            _take(file, chunk, streams)
        except (ValueError, LookupError, struct.error, ElementTree.ParseError):
            continue  # its length is right and its content is not: a reader would stumble over it
        if stretches and stretches[-1][1] == chunk.start:
            stretches[-1] = (stretches[-1][0], chunk.stop)
        else:
            stretches.append((chunk.start, chunk.stop))
    return Survey(stat.st_size, stat.st_mtime, tuple(stretches), streams)


def _content(file: BinaryIO, chunk: Chunk, at: int = 0, n: int | None = None) -> bytes:
    file.seek(chunk.content + at)
    rest = chunk.stop - chunk.content - at
    return file.read(rest if n is None else min(n, rest))


def _take(file: BinaryIO, chunk: Chunk, streams: dict[int, StreamSurvey]) -> None:
    if chunk.stream is None:
        return
    if chunk.tag is Tag.STREAM_HEADER:
        streams[chunk.stream] = _read_header(chunk.stream, _content(file, chunk))
        return
    stream = streams[chunk.stream]  # a chunk of a stream that has no header can mean nothing
    if chunk.tag is Tag.SAMPLES:
        times = _sample_times(file, chunk, stream)
        if times:
            n, first, last = times
            stream.first = stream.first if stream.count else first
            stream.last = last
            stream.count += n
    elif chunk.tag is Tag.CLOCK_OFFSET:
        time, offset = struct.unpack("<dd", _content(file, chunk))
        stream.clock_offsets.append((time, offset))
    else:
        ElementTree.fromstring(_content(file, chunk))
        stream.has_footer = True


def _read_header(number: int, xml: bytes) -> StreamSurvey:
    info = ElementTree.fromstring(xml.decode("utf-8", "replace"))
    channel_format = info.findtext("channel_format", "")
    if channel_format not in NUMERIC and channel_format != "string":
        raise ValueError(f"unknown channel format {channel_format!r}")
    return StreamSurvey(
        number=number,
        name=info.findtext("name", ""),
        type=info.findtext("type", ""),
        channel_format=channel_format,
        n_channels=int(info.findtext("channel_count", "")),
        rate=float(info.findtext("nominal_srate", "0") or 0),
    )


def _sample_times(file: BinaryIO, chunk: Chunk, stream: StreamSurvey) -> tuple[int, float, float] | None:
    """Number of samples in a chunk, and the times of its first and its last; None for an empty one."""
    n, after = read_var_length(_content(file, chunk, 0, 9), 0)
    size = chunk.stop - chunk.content
    if n == 0:
        return None
    if stream.channel_format != "string":
        row = 9 + stream.n_channels * np.dtype(NUMERIC[stream.channel_format]).itemsize
        if size == after + n * row:  # each sample has its own stamp: the last one's place is known
            (first,) = struct.unpack("<d", _content(file, chunk, after + 1, 8))
            (last,) = struct.unpack("<d", _content(file, chunk, size - row + 1, 8))
            return n, first, last
    times = list(_walk_samples(_content(file, chunk), after, n, stream))
    return n, times[0], times[-1]


def _walk_samples(data: bytes, at: int, n: int, stream: StreamSurvey) -> Iterator[float]:
    """Times of ``n`` samples from ``data[at]`` on; one without a stamp follows its predecessor by the nominal period."""
    last = stream.last
    for _ in range(n):
        if data[at]:
            (last,) = struct.unpack_from("<d", data, at + 1)
            at += 9
        else:
            last += 1.0 / stream.rate if stream.rate else 0.0
            at += 1
        if stream.channel_format == "string":
            for _ in range(stream.n_channels):
                length, at = read_var_length(data, at)
                at += length
        else:
            at += stream.n_channels * np.dtype(NUMERIC[stream.channel_format]).itemsize
        yield last
    if at != len(data):
        raise ValueError(f"{len(data)} bytes of samples where {at} were announced")
