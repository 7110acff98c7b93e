"""What a recording offers, whatever its format, and what all readers of recordings share."""

from __future__ import annotations

import configparser
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol
from xml.etree.ElementTree import ParseError

from rtbci.errors import SourceError
from rtbci.types import Marker, Samples, StreamInfo, Times

FORMATS = "FIF, EDF, BDF, GDF, BrainVision (.vhdr), EEGLAB (.set), KIT (.con, .sqd), XDF and CSV"
"""The formats that are understood, as error messages name them."""

READ_ERRORS = (
    OSError,
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    RuntimeError,
    TypeError,
    ValueError,
    ParseError,
    configparser.Error,
    struct.error,
)
"""What the libraries that parse recordings raise on a damaged file (seen with MNE 1.13 and pyxdf 1.17)."""


class Reader(Protocol):
    """A recording: random access to samples and their times, and all its markers in order of time."""

    @property
    def info(self) -> StreamInfo:
        """What the stream is."""
        ...

    @property
    def n_samples(self) -> int:
        """Length of the recording in samples."""
        ...

    @property
    def markers(self) -> tuple[Marker, ...]:
        """All markers, sorted by time."""
        ...

    def samples(self, start: int, stop: int) -> Samples:
        """Samples ``start`` to ``stop``: (stop - start, n_channels) float32. Raises SourceError."""
        ...

    def times(self, start: int, stop: int) -> Times:
        """Times of samples ``start`` to ``stop`` in seconds."""
        ...

    def close(self) -> None:
        """Let go of the file."""
        ...


def one_line(error: BaseException) -> str:
    """The first line of what ``error`` says, or its name when it says nothing."""
    text = " ".join(str(error).split("\n")[0].split())
    return text.rstrip(".") or type(error).__name__


def broken(path: Path, error: BaseException) -> SourceError:
    """The error to raise for a file that its reader could not make sense of."""
    return SourceError(f"cannot read {path}: {one_line(error)}; a whole recording is needed in one of {FORMATS}")


def check_names(path: Path, there: Sequence[str], wanted: Sequence[str]) -> None:
    """Raise SourceError for ``wanted`` channel names that cannot be the recording's: not as many as are ``there``."""
    if wanted and len(wanted) != len(there):
        raise SourceError(
            f"{path} has {len(there)} channels ({', '.join(there[:8])}{', …' if len(there) > 8 else ''}), but 'channels' "
            f"names {len(wanted)}; give {len(there)} names, or none"
        )


def header_wins(there: Sequence[str], wanted: Sequence[str]) -> tuple[str, ...]:
    """The note, if one is due, that a recording's own channel names are used rather than the ``wanted`` ones."""
    if not wanted or tuple(wanted) == tuple(there):
        return ()
    return ("The recording names its channels: the experiment's names are not used.",)


def chosen(
    path: Path, markers: Sequence[Marker], streams: Sequence[str] | None, there: Sequence[str]
) -> tuple[Marker, ...]:
    """Markers of ``streams`` (None: all), sorted by time. Raises SourceError for a stream that is not ``there``."""
    if streams is not None:
        missing = [name for name in streams if name not in there]
        if missing:
            raise SourceError(
                f"{path} has no marker stream {missing[0]!r}; it has {', '.join(map(repr, there)) if there else 'none'}"
            )
        markers = [marker for marker in markers if marker.stream in streams]
    return tuple(sorted(markers, key=lambda marker: marker.time))


def code_of(label: str) -> int | None:
    """The whole number that ``label`` is, or None; the same rule as for live markers."""
    digits = label.strip().removeprefix("-")
    return int(label) if digits.isascii() and digits.isdigit() else None
