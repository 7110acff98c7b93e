"""Files that another process writes, followed as they grow, and noticed when they are replaced."""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO

BYTES_AT_ONCE = 64 << 10
"""What is taken in at a look, so that attaching to hours of trials holds no frame up: some 250 trials of two classes."""


def identity(path: Path) -> tuple[int, int]:
    """Numbers that name the file at ``path`` and its last change; (0, 0) where there is none."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return 0, 0
    return found.st_ino, found.st_mtime_ns


class Lines:
    """Follows a file of JSON lines; one that is still being written waits for its end.

    Where another file has taken its place, it is read from the beginning and `began_anew` says so.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[bytes] | None = None
        self._rest = b""
        self.began_anew = False

    def look(self) -> None:
        """Open the file where it has appeared, and again where it was replaced or cut."""
        if self._file is not None:
            mine = os.fstat(self._file.fileno())
            if identity(self._path)[0] in (0, mine.st_ino) and mine.st_size >= self._file.tell():
                return
            self.close()
            self.began_anew = True
        try:
            self._file = self._path.open("rb")
        except FileNotFoundError:
            return

    def new(self) -> list[bytes]:
        """Lines that were added since the last call."""
        fresh = self._file.read() if self._file is not None else b""
        if not fresh:
            return []
        *lines, self._rest = (self._rest + fresh).split(b"\n")
        return [line for line in lines if line]

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
        self._file, self._rest = None, b""
