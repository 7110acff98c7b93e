"""What stands in an XDF file: its stream headers, by a walk over the chunks, and its values, through pyxdf.

The walk is rtbci's own because pyxdf gives headers only together with the data, and whether clocks are to be synchronised
depends on the header: a recording that rtbci wrote holds the times that were used, and they are left alone to the bit.
Layout of the chunks: XDF specification 1.0, https://github.com/sccn/xdf/wiki/Specifications.
"""

from __future__ import annotations

import gzip
import logging
import struct
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any
from xml.etree.ElementTree import Element, fromstring

import numpy as np
from numpy.typing import NDArray

from rtbci.errors import SourceError
from rtbci.sources.lsl_header import holds_markers
from rtbci.sources.reader import READ_ERRORS, broken
from rtbci.types import Times

SUFFIXES = (".xdf", ".xdfz", ".xdf.gz")
_SAMPLES, _HEADER = 3, 2


@dataclass(frozen=True, slots=True)
class XdfStream:
    """The header of one stream, and how many samples the file holds of it.

    ``xml`` is the whole header; ``rate`` the nominal one in Hz, 0 for irregular; ``desc`` a part of the header, or None.
    """

    id: int
    name: str
    type: str
    format: str
    rate: float
    n_channels: int
    n_samples: int
    xml: str
    desc: Element | None

    @property
    def is_text(self) -> bool:
        """Whether the samples are strings."""
        return self.format == "string"

    @property
    def is_markers(self) -> bool:
        """Whether this is a stream of markers: all text is, and numbers where the type says so (``int32`` codes)."""
        return holds_markers(self.type, self.is_text)

    @property
    def by_rtbci(self) -> bool:
        """Whether rtbci wrote this stream."""
        return self.desc is not None and self.desc.find("rtbci") is not None

    @property
    def own_info(self) -> str | None:
        """What rtbci wrote of the stream it recorded, as JSON; None in other files and for other streams."""
        return None if self.desc is None else self.desc.findtext("rtbci/stream")


@dataclass(frozen=True, slots=True)
class XdfValues:
    """What a stream holds: numbers (n, n_channels) of the file's own type, or a list of rows of text; times (n,) seconds."""

    values: NDArray[Any] | list[list[str]]
    times: Times


def scan(path: Path) -> tuple[list[XdfStream], bool]:
    """The streams of the file, and whether its last chunk is cut short. Raises SourceError."""
    try:
        with _opened(path) as file:
            if file.read(4) != b"XDF:":
                raise SourceError(
                    f"{path} is not an XDF file (it does not begin with 'XDF:'); give one of another suffix"
                )
            return _walk(file)
    except READ_ERRORS as error:
        raise broken(path, error) from error


def _opened(path: Path) -> IO[bytes] | gzip.GzipFile:
    if path.name.endswith((".xdfz", ".gz")):
        return gzip.open(path, "rb")
    return path.open("rb")


def _length(file: IO[bytes] | gzip.GzipFile) -> int | None:
    width = file.read(1)
    if not width:
        return None
    if width[0] == 0:
        raise EOFError  # rtbci writes the first byte of a chunk last: this one was being written when the session died
    if width[0] not in (1, 4, 8):
        raise ValueError(f"a length of {width[0]} bytes at byte {file.tell() - 1} (1, 4 or 8 are possible)")
    return int.from_bytes(_exactly(file, width[0]), "little")


def _exactly(file: IO[bytes] | gzip.GzipFile, n: int) -> bytes:
    data = file.read(n)
    if len(data) != n:
        raise EOFError
    return data


def _walk(file: IO[bytes] | gzip.GzipFile) -> tuple[list[XdfStream], bool]:
    found: dict[int, XdfStream] = {}
    end = file.seek(0, 2)
    file.seek(4)
    try:
        while (length := _length(file)) is not None:
            after = file.tell() + length
            tag = struct.unpack("<H", _exactly(file, 2))[0]
            if tag in (_HEADER, _SAMPLES):
                stream_id = struct.unpack("<I", _exactly(file, 4))[0]
                if tag == _HEADER:
                    found[stream_id] = _header(stream_id, _exactly(file, length - 6))
                elif after <= end and stream_id in found:
                    stream = found[stream_id]
                    found[stream_id] = replace(stream, n_samples=stream.n_samples + (_length(file) or 0))
            if after > end:
                return list(found.values()), True
            file.seek(after)
    except EOFError:
        return list(found.values()), True
    return list(found.values()), False


def _header(stream_id: int, xml: bytes) -> XdfStream:
    text = xml.decode("utf-8", "replace")
    info = fromstring(text)
    return XdfStream(
        id=stream_id,
        name=(info.findtext("name") or "").strip(),
        type=(info.findtext("type") or "").strip(),
        format=(info.findtext("channel_format") or "").strip(),
        rate=float(info.findtext("nominal_srate") or 0.0),
        n_channels=int(info.findtext("channel_count") or 0),
        n_samples=0,
        xml=text,
        desc=info.find("desc"),
    )


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep pyxdf from writing to the log what is said here in the notes of the stream."""
    logger = logging.getLogger("pyxdf.pyxdf")
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def load(path: Path, streams: Sequence[XdfStream]) -> dict[int, XdfValues]:
    """Values and times of ``streams`` by id: clocks synchronised and jitter removed, unless rtbci wrote the file.

    Raises SourceError.
    """
    import pyxdf

    ours = any(stream.by_rtbci for stream in streams)
    try:
        with _quiet():
            loaded, _ = pyxdf.load_xdf(
                str(path),
                select_streams=[stream.id for stream in streams],
                synchronize_clocks=not ours,
                dejitter_timestamps=not ours,
            )
    except (*READ_ERRORS, MemoryError) as error:
        raise broken(path, error) from error
    return {
        stream["info"]["stream_id"]: XdfValues(stream["time_series"], np.asarray(stream["time_stamps"], np.float64))
        for stream in loaded
    }
