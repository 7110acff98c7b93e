"""One command that runs beside the window and tells how far it is."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal

LOOK_MS = 100
END_SECONDS, PATIENCE_SECONDS = 0.5, 4.0
"""How long a child that is killed may take to be gone, and one that was asked to end."""

CRASHES = ("SIGSEGV", "SIGABRT", "SIGBUS", "SIGILL", "SIGFPE")
"""Signals with which a child ends by its own fault."""


class Job(QObject):
    """Runs ``python -m MODULE ARGUMENTS``: ``said(line)`` for lines of stderr, then ``done(exit code, object, problem)``.

    The object is the JSON on the last line of stdout, or None; the problem is "" where the exit code is 0. What was
    cancelled is not done: it is gone, and nothing is said any more. What the child prints goes to files, so that it never
    waits for us. (A QProcess that dies with its parent crashed the window now and then.)
    """

    said = Signal(str)
    done = Signal(int, object, str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._child: subprocess.Popen[bytes] | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._at = 0
        self._line = ""
        self._began = self._asked = 0.0
        self.seconds = 0.0
        self._timer = QTimer(self)
        self._timer.setInterval(LOOK_MS)
        self._timer.timeout.connect(self.look)

    @property
    def running(self) -> bool:
        """Whether the child runs."""
        return self._child is not None

    @property
    def pid(self) -> int | None:
        """Process id of the child, None where there is none."""
        return None if self._child is None else self._child.pid

    @property
    def elapsed(self) -> float:
        """Seconds that it has run, or had run when it was done."""
        return time.monotonic() - self._began if self._child is not None else self.seconds

    def start(self, arguments: Sequence[str], module: str = "rtbci") -> None:
        """Run the command; what ran before is ended."""
        self.cancel()
        self._at, self._line, self._began, self._asked = 0, "", time.monotonic(), 0.0
        try:
            self._folder = tempfile.TemporaryDirectory(prefix="rtbci-job-", ignore_cleanup_errors=True)
            folder = Path(self._folder.name)
            with (folder / "out").open("wb") as out, (folder / "err").open("wb") as err:
                self._child = subprocess.Popen(
                    [sys.executable, "-m", module, *arguments],
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=err,
                    env={**os.environ, "PYTHONUNBUFFERED": "1", "RTBCI_PROGRESS": "lines"},
                )
        except OSError as error:
            self._close()
            self.done.emit(-1, None, f"python -m {module} cannot be started: {error}")
            return
        self._timer.start()

    def ask_to_end(self) -> None:
        """Ask it to end properly, and end it where it does not; it is done then as by itself."""
        if self._child is not None and not self._asked:
            self._child.terminate()
            self._asked = time.monotonic()

    def end(self) -> None:
        """Ask it to end, wait for that for a moment, and hear no more of it."""
        if self._child is not None:
            self._child.terminate()
            _wait(self._child)
        self.cancel()

    def cancel(self) -> None:
        """End it at once and hear no more of it."""
        child, self._child = self._child, None
        if child is not None:
            child.kill()
            _wait(child)
        self._close()

    def look(self) -> None:
        """See what it has said, and whether it has ended; a timer does it."""
        if self._child is None:
            return
        code = self._child.poll()
        self._read()
        if code is not None:
            self._ended(code)
        elif self._asked and time.monotonic() - self._asked > PATIENCE_SECONDS:
            self._child.kill()

    def _read(self) -> None:
        data = self._printed("err", self._at)
        whole = data[: data.rfind(b"\n") + 1]
        self._at += len(whole)
        lines = [line.strip() for line in whole.decode("utf-8", "replace").splitlines() if line.strip()]
        if lines:
            self._line = lines[-1].removeprefix("rtbci: ")
            self.said.emit(self._line)

    def _ended(self, code: int) -> None:
        self.seconds = time.monotonic() - self._began
        self._child = None
        result = last_object(self._printed("out").decode("utf-8", "replace"))
        self._close()
        problem = ""
        if code < 0:
            problem = f"{_end_words(-code)}{f'; its last words: {self._line}' if self._line else ''}"
        elif code:
            last = self._line or f"it ended with exit code {code} and said nothing"
            problem = str((result or {}).get("error") or last)
        self.done.emit(code, result, problem)

    def _close(self) -> None:
        self._timer.stop()
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    def _printed(self, name: str, at: int = 0) -> bytes:
        """What the child has printed from byte ``at`` on."""
        if self._folder is None:
            return b""
        with (Path(self._folder.name) / name).open("rb") as file:
            file.seek(at)
            return file.read()


def _wait(child: subprocess.Popen[bytes]) -> None:
    try:
        child.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()


def _end_words(number: int) -> str:
    """What signal ``number`` says of the end of a child."""
    try:
        name = signal.Signals(number).name
    except ValueError:
        name = f"signal {number}"
    if name in CRASHES:
        return f"it crashed ({name})"
    return "it was ended from outside" + (", or by the system because memory ran out" if name == "SIGKILL" else "")


def last_object(text: str) -> dict[str, Any] | None:
    """The JSON object on the last line of ``text``, or None."""
    lines = text.strip().splitlines()
    try:
        value = json.loads(lines[-1]) if lines else None
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
