"""Files that arguments of decoders and transforms name, such as embeddings of what was shown: their contents count, too."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rtbci.experiment import DecoderConfig
from rtbci.file_digest import sha256_of


def contents_of(config: DecoderConfig, base: Path) -> dict[str, str]:
    """A hash of every file and folder that an argument in ``config`` names, by what was written there.

    Of a file it is that of its bytes; of a folder that of its files' names, sizes and times of change.
    """
    found = {}
    for args in (config.args, *(step.args for step in config.transforms)):
        for text in _texts(args):
            path = base / Path(text).expanduser()
            try:
                if path.is_file():
                    found[text] = sha256_of(path)
                elif path.is_dir():
                    found[text] = _of_folder(path)
            except (OSError, ValueError):  # no path after all, or one that its decoder will complain of
                continue
    return found


def _texts(args: Mapping[str, Any]) -> list[str]:
    return [
        value for value in args.values() if isinstance(value, str) and value.strip() and value not in (".", "..", "/")
    ]


def _of_folder(path: Path) -> str:
    digest = hashlib.sha256()
    for file in sorted(p for p in path.rglob("*") if p.is_file()):
        stat = file.stat()
        digest.update(f"{file.relative_to(path).as_posix()}\0{stat.st_size}\0{stat.st_mtime_ns}\n".encode())
    return digest.hexdigest()
