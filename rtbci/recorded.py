"""Which samples of a session are in its recording, and in which part of it."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rtbci.errors import RecordingError
from rtbci.interfaces import Source
from rtbci.recording.session_folder import SessionFolder
from rtbci.types import Marker, Samples, StreamInfo, Times


@dataclass(frozen=True, slots=True)
class Recorded:
    """The file ``path`` holds the samples ``[first, stop)`` of the session; ``in`` asks for one of them."""

    path: Path
    first: int
    stop: int

    def __contains__(self, sample: int) -> bool:
        return self.first <= sample < self.stop


def recorded(folder: SessionFolder) -> tuple[Recorded, ...]:
    """The parts of the recording in ``folder``, in their order; none where recording was never begun.

    Raises
    ------
    RecordingError
        When two parts claim the same sample.
    SourceError
        When a part is missing, or is not what rtbci recorded.
    """
    parts = tuple(_part(path) for path in folder.recordings())
    for before, after in itertools.pairwise(parts):
        if after.first < before.stop:
            raise RecordingError(
                f"{after.path} begins with sample {after.first}, but {before.path.name} goes on to {before.stop}; "
                "one of them is not of this session"
            )
    return parts


def _part(path: Path) -> Recorded:
    from rtbci.sources.file import format_of
    from rtbci.sources.xdf_file import scan

    format_of(path)  # says what is wrong with a file that is missing or empty
    streams, _ = scan(path)
    signal = next((stream for stream in streams if stream.own_info is not None and stream.desc is not None), None)
    if signal is None or signal.desc is None:
        raise RecordingError(f"{path} holds no signal that rtbci recorded; the session's own recording is needed")
    first = int(signal.desc.findtext("rtbci/first_sample") or 0)
    return Recorded(path, first, first + signal.n_samples)


class From:
    """A recording from its sample number ``skip`` on, as a worker that began there saw the ring."""

    def __init__(self, source: Source, skip: int) -> None:
        self._source = source
        self._skip = skip

    def open(self) -> StreamInfo:
        """What the recording is; what lies before is passed over."""
        info = self._source.open()
        left = self._skip
        while left > 0:
            rows = min(left, 8192)
            left -= self._source.read(np.empty((rows, info.n_channels), np.float32), np.empty(rows, np.float64), 1.0)
        return info

    def read(self, samples: Samples, times: Times, timeout: float) -> int:
        """As the recording's."""
        return self._source.read(samples, times, timeout)

    def markers(self) -> Sequence[Marker]:
        """As the recording's, with those from before."""
        return self._source.markers()

    def now(self) -> float:
        """As the recording's."""
        return self._source.now()

    def close(self) -> None:
        """Close the recording."""
        self._source.close()
