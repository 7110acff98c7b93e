"""The session's log file: one line an event, with its time, and no harm done when it cannot be written."""

from __future__ import annotations

import logging
from datetime import datetime
from pathlib import Path


class LineFormatter(logging.Formatter):
    """``2026-11-23T21:54:03.123+01:00 INFO rtbci.recording: text``; line breaks within an event become `` | ``."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802 - logging's name
        """ISO 8601 with milliseconds and zone."""
        return datetime.fromtimestamp(record.created).astimezone().isoformat(timespec="milliseconds")

    def format(self, record: logging.LogRecord) -> str:
        """The event and its traceback, if any, on one line."""
        return " | ".join(line.rstrip() for line in super().format(record).splitlines() if line.strip())


class LineHandler(logging.FileHandler):
    """Appends events to a file; ``lost`` counts those that it could not write (a full disk must not print 10 000)."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, encoding="utf-8", delay=True)
        self.lost = 0
        self.setFormatter(LineFormatter())

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Count instead of printing a traceback for every event."""
        self.lost += 1

    def close(self) -> None:
        """Close; what a full disk did not take is given up."""
        try:
            super().close()
        except OSError:
            self.lost += 1
