"""What is in a file, as a number: recordings, banks and files that arguments name are known by it."""

from __future__ import annotations

import hashlib
from pathlib import Path


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, 64 hexadecimal digits; read in pieces. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256_of_beginning(path: Path, n: int) -> str:
    """The same of the first ``n`` bytes: what is written to the file meanwhile does not count. Raises OSError."""
    hashed = hashlib.sha256()
    with path.open("rb") as file:
        while n > 0 and (piece := file.read(min(n, 1 << 20))):
            hashed.update(piece)
            n -= len(piece)
    return hashed.hexdigest()
