"""Several recordings, one after the other, as one: the parts of a session whose recording was stopped and started again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from rtbci.errors import SourceError
from rtbci.sources.reader import Reader
from rtbci.types import Marker, Samples, StreamInfo, Times


class Joined:
    """``parts``, in their order, as one `rtbci.sources.reader.Reader`; a pause between two is a gap in the times.

    Raises
    ------
    SourceError
        When their channels or rates differ.
    """

    def __init__(self, parts: Sequence[Reader]) -> None:
        first = parts[0].info
        for number, part in enumerate(parts[1:], 2):
            if (part.info.names, part.info.rate) != (first.names, first.rate):
                raise SourceError(
                    f"part {number} of the recording has {part.info.n_channels} channels at {part.info.rate:g} Hz, the "
                    f"first {first.n_channels} at {first.rate:g} Hz, or other names; the parts of one session have the same"
                )
        self._parts = tuple(parts)
        self._firsts = np.cumsum([0, *(part.n_samples for part in parts)])
        notes = tuple(dict.fromkeys(note for part in parts for note in part.info.notes))
        self.info: StreamInfo = replace(first, notes=notes)
        self.n_samples = int(self._firsts[-1])
        found = (marker for part in parts for marker in part.markers)
        self.markers: tuple[Marker, ...] = tuple(sorted(found, key=lambda marker: marker.time))

    def _pieces(self, start: int, stop: int) -> list[tuple[Reader, int, int]]:
        pieces = []
        for part, first in zip(self._parts, self._firsts.tolist(), strict=False):
            a, b = max(start - first, 0), min(stop - first, part.n_samples)
            if a < b:
                pieces.append((part, a, b))
        return pieces

    def samples(self, start: int, stop: int) -> Samples:
        """Samples ``start`` to ``stop``: (stop - start, n_channels) float32. Raises SourceError."""
        found = [part.samples(a, b) for part, a, b in self._pieces(start, stop)]
        return np.concatenate(found) if found else np.empty((0, self.info.n_channels), np.float32)

    def times(self, start: int, stop: int) -> Times:
        """Times of samples ``start`` to ``stop`` in seconds."""
        found = [part.times(a, b) for part, a, b in self._pieces(start, stop)]
        return np.concatenate(found) if found else np.empty(0)

    def close(self) -> None:
        """Let go of the files."""
        for part in self._parts:
            part.close()
