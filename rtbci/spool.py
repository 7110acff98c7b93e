"""Signals of any length, kept in memory as long as they fit, and beyond that in a scratch file that is mapped into it."""

from __future__ import annotations

import mmap
import tempfile
from pathlib import Path
from typing import IO

import numpy as np

from rtbci.errors import SourceError
from rtbci.types import Samples

IN_MEMORY = 2 << 30
"""Bytes of signal that are kept in memory where nothing else is said."""


class Room:
    """How much memory the signals of one calibration may take together, and where what does not fit is put.

    ``folder`` is where scratch files are made; they have no name there and are gone when nobody looks at them any more, even
    if the process is killed (on systems that allow it).
    """

    def __init__(self, n_bytes: int = IN_MEMORY, folder: Path | None = None) -> None:
        self.n_bytes = n_bytes
        self.folder = folder
        self.used = 0


def open_scratch(folder: Path | None) -> IO[bytes]:
    """A nameless file in ``folder`` to write to and map. Raises OSError."""
    return tempfile.TemporaryFile(prefix="rtbci-signal-", dir=folder)


class Spool:
    """One signal as it grows: samples ``(n, n_channels)`` float32 are added at its end, and then it is read as a whole."""

    def __init__(self, n_channels: int, room: Room) -> None:
        self._n_channels = n_channels
        self._room = room
        self._held: list[Samples] = []
        self._file: IO[bytes] | None = None
        self._n = 0

    def add(self, samples: Samples) -> None:
        """Take a copy of ``samples``. Raises SourceError when they fit neither into memory nor onto the disk."""
        self._n += len(samples)
        if self._file is None:
            if self._room.used + samples.nbytes <= self._room.n_bytes:
                self._room.used += samples.nbytes
                self._held.append(np.array(samples, np.float32, order="C"))
                return
            self._spill()
        self._write(samples)

    def whole(self) -> Samples:
        """All that was added, (n, n_channels) float32, read-only; nothing may be added after that."""
        if self._file is None or self._n == 0:
            joined = np.concatenate(self._held) if self._held else np.empty((0, self._n_channels), np.float32)
            self._held = []
        else:
            self._file.flush()
            # the map outlives the file's name and handle
            mapped = mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ)
            joined = np.frombuffer(mapped, np.float32).reshape(self._n, self._n_channels)
            self._file.close()
        joined.flags.writeable = False
        return joined

    def _spill(self) -> None:
        try:
            self._file = open_scratch(self._room.folder)
        except OSError as error:
            raise SourceError(
                f"{self._room.folder or tempfile.gettempdir()}: no scratch file for signals that do not fit into memory can "
                f"be made ({error.strerror}); a folder with room, or more --memory, would be right"
            ) from error
        for held in self._held:
            self._write(held)
            self._room.used -= held.nbytes
        self._held = []

    def _write(self, samples: Samples) -> None:
        assert self._file is not None
        try:
            self._file.write(np.ascontiguousarray(samples, np.float32).data)
        except OSError as error:
            raise SourceError(
                f"{self._room.folder or tempfile.gettempdir()}: signals that do not fit into memory cannot be kept there "
                f"({error.strerror}); a folder with room, or more --memory, would be right"
            ) from error
