"""What happened, one JSON object a line, written by a thread of its own so that no disk delays a frame."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from pathlib import Path
from queue import SimpleQueue
from typing import Any, TextIO

from rtbci.errors import RecordingError


class Log:
    """Lines to a file, or to nowhere where ``path`` is None; ``failure`` says why lines were lost, if any were."""

    def __init__(self, path: Path | None) -> None:
        self.failure = ""
        self._lines: SimpleQueue[str | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        if path is None:
            return
        try:
            torn = _ends_within_a_line(path)
            file = path.open("a", encoding="utf-8")
        except OSError as error:
            raise RecordingError(
                f"--log {path}: {error.strerror}; a path in a writable folder would be right"
            ) from error
        if torn:
            self._lines.put("")
        self._thread = threading.Thread(target=self._write, args=(file,), name="stimulus log", daemon=True)
        self._thread.start()

    def add(self, event: Mapping[str, Any]) -> None:
        """Queue a line; never waits."""
        if self._thread is not None:
            self._lines.put(json.dumps(event, default=str))

    def close(self) -> None:
        """Write what is left."""
        if self._thread is not None:
            self._lines.put(None)
            self._thread.join()
            self._thread = None

    def _write(self, file: TextIO) -> None:
        try:
            with file:
                while (line := self._lines.get()) is not None:
                    try:
                        file.write(line + "\n")
                        if self._lines.empty():
                            file.flush()
                    except OSError as error:
                        self.failure = _lacking(error)
        except OSError as error:  # closing writes what is left
            self.failure = _lacking(error)


def _ends_within_a_line(path: Path) -> bool:
    """Whether a run that was killed left half a line, to which the first of ours must not be joined."""
    if not path.is_file() or not path.stat().st_size:
        return False
    with path.open("rb") as file:
        file.seek(-1, 2)
        return file.read() != b"\n"


def _lacking(error: OSError) -> str:
    return f"the log lacks lines: {error.strerror}"
