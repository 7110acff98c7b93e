"""The chunks of an XDF file: how one is made, and a walk over those of a file that need not be whole.

An XDF file is ``XDF:`` and then chunks ``[NumLengthBytes u1][Length][Tag u2][Content]``, all little-endian; Length counts
the tag and the content. Samples, ClockOffset, StreamHeader and StreamFooter begin their content with the stream's number
(u4).
Source: XDF 1.0 specification, https://github.com/sccn/xdf/wiki/Specifications.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import BinaryIO

from rtbci.errors import RecordingError

MAGIC = b"XDF:"
BOUNDARY = bytes.fromhex("43a546dccbf5410fb30ed5467383cbe4")
"""The UUID that a Boundary chunk holds, by which a reader finds its way after damage."""
_SCAN = 1 << 20


class Tag(IntEnum):
    """Kinds of chunks."""

    FILE_HEADER = 1
    STREAM_HEADER = 2
    SAMPLES = 3
    CLOCK_OFFSET = 4
    BOUNDARY = 5
    STREAM_FOOTER = 6


OF_A_STREAM = frozenset({Tag.STREAM_HEADER, Tag.SAMPLES, Tag.CLOCK_OFFSET, Tag.STREAM_FOOTER})
"""Kinds whose content begins with the number of a stream."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Where a chunk lies in its file, in bytes.

    ``start`` is its first byte, ``content`` the first one after the tag and the stream's number, ``stop`` one past its last.
    ``stream`` is the number of its stream, None where the kind has none.
    """

    tag: Tag
    start: int
    content: int
    stop: int
    stream: int | None = None


def var_length(value: int) -> bytes:
    """A variable-length integer: the number of bytes (1, 4 or 8), then ``value``, little-endian."""
    if value < 1 << 8:
        return struct.pack("<BB", 1, value)
    if value < 1 << 32:
        return struct.pack("<BI", 4, value)
    return struct.pack("<BQ", 8, value)


def read_var_length(data: bytes, at: int) -> tuple[int, int]:
    """The variable-length integer at ``data[at]`` and the position after it. Raises ValueError when there is none."""
    formats = {1: "<B", 4: "<I", 8: "<Q"}
    n_bytes = data[at] if at < len(data) else 0
    if n_bytes not in formats or at + 1 + n_bytes > len(data):
        raise ValueError(f"no variable-length integer at byte {at}")
    return struct.unpack_from(formats[n_bytes], data, at + 1)[0], at + 1 + n_bytes


def chunk_head(tag: Tag, n_content: int, stream: int | None = None) -> bytes:
    """What stands before ``n_content`` bytes of content: length, tag, and the stream's number where the kind has one."""
    tail = struct.pack("<H", tag) + (b"" if stream is None else struct.pack("<I", stream))
    return var_length(len(tail) + n_content) + tail


def check_magic(file: BinaryIO, name: object) -> None:
    """Raise RecordingError unless ``file`` begins as an XDF file does; ``name`` is what the message calls it."""
    file.seek(0)
    begin = file.read(len(MAGIC))
    if begin != MAGIC:
        raise RecordingError(f"{name} is no XDF file: it begins with {begin!r}; an XDF file begins with {MAGIC!r}")


def walk(file: BinaryIO) -> Iterator[Chunk]:
    """The whole chunks of ``file``, in order, reading only their heads.

    An incomplete chunk at the end is not among them. After damage within the file the walk goes on behind the next
    Boundary; so what lies between one chunk's ``stop`` and the next one's ``start``, or the end of the file, cannot be read.
    """
    size = file.seek(0, os.SEEK_END)
    at = len(MAGIC)
    while at < size:
        chunk = _chunk_at(file, at, size)
        if chunk is not None:
            yield chunk
            at = chunk.stop
            continue
        found = _find_boundary(file, at, size)
        if found is None:
            return
        at = found + len(BOUNDARY)


def _chunk_at(file: BinaryIO, at: int, size: int) -> Chunk | None:
    file.seek(at)
    head = file.read(15)  # 1 + 8 of length, 2 of tag, 4 of stream number
    try:
        length, after = read_var_length(head, 0)
        (number,) = struct.unpack_from("<H", head, after)
        tag = Tag(number)
        stop = at + after + length
        if stop > size:
            return None
        if tag not in OF_A_STREAM:
            return Chunk(tag, at, at + after + 2, stop) if length >= 2 else None
        if length < 6:
            return None
        (stream,) = struct.unpack_from("<I", head, after + 2)
    except (ValueError, struct.error):
        return None
    return Chunk(tag, at, at + after + 6, stop, stream)


def _find_boundary(file: BinaryIO, at: int, size: int) -> int | None:
    while at < size:
        file.seek(at)
        block = file.read(_SCAN)
        place = block.find(BOUNDARY)
        if place >= 0:
            return at + place
        if len(block) < _SCAN:
            return None
        at += _SCAN - len(BOUNDARY) + 1  # a boundary may lie across two blocks
    return None
