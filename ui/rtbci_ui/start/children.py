"""Commands that the start screen runs as children: one that is asked and answers, one that goes on telling.

Both end with the window: their stdin is a pipe of ours, and `Watch` runs a command that ends when that is closed.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QObject, QProcess, QProcessEnvironment, QTimer, Signal

FIRST_WAIT, LONGEST_WAIT = 1.0, 30.0
"""Seconds until a child that died is started again; doubled each time."""
END_MS = 2000
"""How long a child that is killed may take to be gone."""


def _process(parent: QObject) -> QProcess:
    """One that is used again and again: deleted from a slot of its own signal, it ended in a bus error (PySide 6.11)."""
    process = QProcess(parent)
    environment = QProcessEnvironment.systemEnvironment()
    environment.insert("PYTHONUNBUFFERED", "1")
    process.setProcessEnvironment(environment)
    return process


def _end(process: QProcess) -> None:
    """Kill what ``process`` runs; nobody hears of it."""
    if process.state() != QProcess.ProcessState.NotRunning:
        process.blockSignals(True)
        process.kill()
        process.waitForFinished(END_MS)
        process.blockSignals(False)


def _last_line(process: QProcess) -> str:
    """The last line of stderr, without the program's name."""
    text = bytes(process.readAllStandardError().data()).decode("utf-8", "replace")
    lines = text.strip().splitlines()
    return lines[-1].removeprefix("rtbci: ") if lines else ""


class Asked(QObject):
    """Runs ``rtbci ARGUMENTS --json`` and says what came: ``answered(exit code, object or None, last line of stderr)``.

    A new question replaces one that has not been answered.
    """

    answered = Signal(int, object, str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.busy = False
        """Whether an answer is awaited."""
        self._child = _process(self)
        self._child.finished.connect(self._done)
        self._child.errorOccurred.connect(self._broken)

    def ask(self, arguments: Sequence[str]) -> None:
        """Run the command."""
        self.stop()
        self.busy = True
        self._child.start(sys.executable, ["-m", "rtbci", *arguments, "--json"])

    def stop(self) -> None:
        """Ask no more."""
        self.busy = False
        _end(self._child)

    def _done(self, code: int) -> None:
        self.busy = False
        result = _last_object(bytes(self._child.readAllStandardOutput().data()).decode("utf-8", "replace"))
        self.answered.emit(code, result, _last_line(self._child))

    def _broken(self, error: QProcess.ProcessError) -> None:
        if error == QProcess.ProcessError.FailedToStart:
            self.busy = False
            self.answered.emit(-1, None, f"{sys.executable} cannot be started: {self._child.errorString()}")


def _last_object(text: str) -> dict[str, Any] | None:
    lines = text.strip().splitlines()
    try:
        value = json.loads(lines[-1]) if lines else None
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


class Watch(QObject):
    """Runs a command that prints line after line, and starts it again, later and later, where it ends by itself.

    ``said(line)`` for each line, ``failed(words)`` where it ended.
    """

    said = Signal(str)
    failed = Signal(str)

    def __init__(self, program: str, arguments: Sequence[str], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._program, self._arguments = program, list(arguments)
        self._wait = FIRST_WAIT
        self._child = _process(self)
        self._child.readyReadStandardOutput.connect(self._read)
        self._child.finished.connect(self._ended)
        self._child.errorOccurred.connect(self._broken)
        self._again = QTimer(self)
        self._again.setSingleShot(True)
        self._again.timeout.connect(self._start)

    @property
    def pid(self) -> int:
        """Process id, 0 while there is no process."""
        return int(self._child.processId())

    @property
    def waits(self) -> float:
        """Seconds that it waits before it starts again, 0 while it runs or is stopped."""
        return self._again.interval() / 1e3 if self._again.isActive() else 0.0

    def start(self) -> None:
        """Run it, where it does not run."""
        if self._child.state() == QProcess.ProcessState.NotRunning and not self._again.isActive():
            self._wait = FIRST_WAIT
            self._start()

    def stop(self) -> None:
        """End it."""
        self._again.stop()
        _end(self._child)

    def _start(self) -> None:
        self._child.start(self._program, self._arguments)

    def _read(self) -> None:
        while self._child.canReadLine():
            line = bytes(self._child.readLine().data()).decode("utf-8", "replace").strip()
            if line:
                self._wait = FIRST_WAIT
                self.said.emit(line)

    def _broken(self, error: QProcess.ProcessError) -> None:
        if error == QProcess.ProcessError.FailedToStart:
            self._over(f"cannot be started: {self._child.errorString()}")

    def _ended(self, code: int) -> None:
        self._over(f"ended with exit code {code}")

    def _over(self, how: str) -> None:
        complaint = _last_line(self._child)
        seconds, self._wait = self._wait, min(2.0 * self._wait, LONGEST_WAIT)
        self._again.start(round(1e3 * seconds))
        self.failed.emit(f"it {how}{f': {complaint}' if complaint else ''}; again in {seconds:g} s")
