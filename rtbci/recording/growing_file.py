"""A file that grows by whole pieces, so that whoever reads it, at any time and after any fault, finds no part of one."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rtbci.errors import RecordingError


def append_whole(path: Path, piece: bytes, *, sync: bool = True) -> None:
    """Append ``piece`` to the file ``path``, made where there is none; all of it or nothing. Raises OSError.

    With ``sync`` it is on the disk, not only with the operating system, when this returns.
    """
    with path.open("ab", buffering=0) as file:
        size = file.seek(0, os.SEEK_END)
        try:
            view = memoryview(piece)
            while view:
                view = view[file.write(view) or 0 :]
            if sync:
                os.fsync(file.fileno())
        except OSError:
            file.truncate(size)  # half a line would spoil the next one
            raise


def cut_line(path: Path) -> int:
    """Cut the last line of the file ``path`` where its writer was killed in the middle of it, and say by how many bytes.

    Raises OSError.
    """
    text = path.read_bytes()
    whole = text.rfind(b"\n") + 1
    if whole < len(text):
        os.truncate(path, whole)
    return len(text) - whole


class GrowingFile:
    """A new file that is only ever appended to, without a buffer of its own: what was appended survives ``kill -9``.

    Attributes
    ----------
    path : where it is.
    size : bytes of whole pieces appended so far.
    """

    def __init__(self, path: Path, first: bytes = b"") -> None:
        """Make the file with ``first`` in it. Raises RecordingError when it exists or cannot be made."""
        self.path = path
        self.size = 0
        try:
            self._file = path.open("xb", buffering=0)
        except FileExistsError:
            raise RecordingError(f"{path} exists already; a recording is never written over") from None
        except OSError as error:
            raise RecordingError(f"cannot make {path}: {error.strerror}; is its folder there and writable?") from error
        try:
            self.append(first)
        except RecordingError:
            self._file.close()
            path.unlink(missing_ok=True)  # nothing of it can be read
            raise

    def append(self, piece: bytes | NDArray[np.uint8], *, first_byte_last: bool = False) -> None:
        """Append ``piece``, or nothing of it.

        With ``first_byte_last`` the piece's first byte is written when everything after it is there, so that one which was
        cut short by a kill begins with a zero. Raises RecordingError when it could not be written; the file is then as
        it was before.
        """
        view = memoryview(piece) if isinstance(piece, bytes) else piece.data
        skipped = 1 if first_byte_last else 0
        try:
            self._file.seek(self.size + skipped)
            self._write(view[skipped:])
            if skipped:
                self._file.seek(self.size)
                self._write(view[:1])
        except OSError as error:
            self._file.truncate(self.size)
            raise RecordingError(
                f"cannot write {self.path}: {error.strerror}; {self.size} bytes of it are safe"
            ) from error
        self.size += len(view)

    def _write(self, view: memoryview) -> None:
        while view:
            view = view[self._file.write(view) or 0 :]

    def sync(self) -> None:
        """Wait until the disk has what was appended. Raises RecordingError when it cannot take it."""
        try:
            os.fsync(self._file.fileno())
        except OSError as error:
            raise RecordingError(f"cannot write {self.path} to the disk: {error.strerror}") from error

    @property
    def removed(self) -> bool:
        """Whether no folder holds the file any more: what is appended goes with it when it is closed."""
        return os.fstat(self._file.fileno()).st_nlink == 0

    @property
    def in_place(self) -> bool:
        """Whether ``path`` still leads to the file."""
        try:
            return os.path.samestat(self.path.stat(), os.fstat(self._file.fileno()))
        except OSError:
            return False

    def close(self) -> None:
        """Close the file; safe to call twice."""
        self._file.close()
