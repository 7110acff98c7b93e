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
            file = path.open("a", encoding="utf-8")
        except OSError as error:
            raise RecordingError(
                f"--log {path}: {error.strerror}; a path in a writable folder would be right"
            ) from error
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
        with file:
            while (line := self._lines.get()) is not None:
                try:
                    file.write(line + "\n")
                    if self._lines.empty():
                        file.flush()
                except OSError as error:
                    self.failure = f"the log lacks lines: {error.strerror}"
