"""Commands that the start screen runs as children: one that is asked and answers, one that goes on telling.

They are plain subprocesses that a timer looks at: a QProcess that dies with its parent crashed the window now and then.
`Watch` runs a command that ends when its stdin is closed, so that it ends with the window even where that is killed.
"""

from __future__ import annotations

import os
import subprocess
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from threading import Thread
from typing import IO, Any

from PySide6.QtCore import QObject, QTimer, Signal

from rtbci_ui.calibrate.job import Job

FIRST_WAIT, LONGEST_WAIT = 1.0, 30.0
"""Seconds until a child that died is started again; doubled each time."""
LOOK_MS = 100
END_SECONDS = 2.0
"""How long a child that is killed may take to be gone."""


class Asked(QObject):
    """Runs ``rtbci ARGUMENTS --json`` and says what came: ``answered(exit code, object or None, complaint)``.

    The complaint is the last line of stderr, or the object's "error", "" where the exit code is 0. A new question replaces
    one that has not been answered.
    """

    answered = Signal(int, object, str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._job = Job(self)
        self._job.done.connect(self._done)

    @property
    def busy(self) -> bool:
        """Whether an answer is awaited."""
        return self._job.running

    def ask(self, arguments: Sequence[str]) -> None:
        """Run the command."""
        self._job.start([*arguments, "--json"])

    def stop(self) -> None:
        """Ask no more."""
        self._job.cancel()

    def _done(self, code: int, result: Mapping[str, Any] | None, complaint: str) -> None:
        self.answered.emit(code, result, complaint)


class _Lines:
    """What comes out of a pipe, taken line by line by a thread: nobody waits for it, and the child never waits for us."""

    def __init__(self, pipe: IO[bytes], most: int | None = None) -> None:
        self.lines: deque[str] = deque(maxlen=most)
        self._thread = Thread(target=self._take, args=(pipe,), name="child's words", daemon=True)
        self._thread.start()

    def _take(self, pipe: IO[bytes]) -> None:
        with pipe:
            for line in pipe:
                if text := line.decode("utf-8", "replace").strip():
                    self.lines.append(text)

    @property
    def over(self) -> bool:
        """Whether all that was said is in ``lines``."""
        return not self._thread.is_alive()


class Watch(QObject):
    """Runs a command that prints line after line, and starts it again, later and later, where it ends by itself.

    ``said(line)`` for each line, ``failed(words)`` where it ended.
    """

    said = Signal(str)
    failed = Signal(str)

    def __init__(self, program: str, arguments: Sequence[str], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._command = [program, *arguments]
        self._wait = FIRST_WAIT
        self._child: subprocess.Popen[bytes] | None = None
        self._out: _Lines | None = None
        self._err: _Lines | None = None
        self._timer = QTimer(self)
        self._timer.setInterval(LOOK_MS)
        self._timer.timeout.connect(self.look)
        self._again = QTimer(self)
        self._again.setSingleShot(True)
        self._again.timeout.connect(self._start)

    @property
    def pid(self) -> int:
        """Process id, 0 while there is no process."""
        return 0 if self._child is None else self._child.pid

    @property
    def waits(self) -> float:
        """Seconds that it waits before it starts again, 0 while it runs or is stopped."""
        return self._again.interval() / 1e3 if self._again.isActive() else 0.0

    def start(self) -> None:
        """Run it, where it does not run."""
        if self._child is None and not self._again.isActive():
            self._wait = FIRST_WAIT
            self._start()

    def stop(self) -> None:
        """End it; nobody hears of it."""
        self._again.stop()
        self._timer.stop()
        child, self._child = self._child, None
        if child is None:
            return
        child.kill()
        with suppress(subprocess.TimeoutExpired):  # killed, but stuck in the kernel: the system will bury it
            child.wait(END_SECONDS)
        _shut(child)

    def _start(self) -> None:
        try:
            child = self._child = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
            )
        except OSError as error:
            self._over(f"cannot be started: {error.strerror}", "")
            return
        assert child.stdout is not None and child.stderr is not None
        self._out, self._err = _Lines(child.stdout), _Lines(child.stderr, most=1)
        self._timer.start()

    def look(self) -> None:
        """See what it has said, and whether it has ended; a timer does it."""
        child, out, err = self._child, self._out, self._err
        if child is None or out is None or err is None:
            return
        ended = child.poll() is not None and out.over and err.over
        while out.lines and self._child is child:
            self._wait = FIRST_WAIT
            self.said.emit(out.lines.popleft())
        if ended and self._child is child:
            self._child = None
            self._timer.stop()
            _shut(child)
            self._over(f"ended with exit code {child.returncode}", err.lines[0] if err.lines else "")

    def _over(self, how: str, complaint: str) -> None:
        seconds, self._wait = self._wait, min(2.0 * self._wait, LONGEST_WAIT)
        self._again.start(round(1e3 * seconds))
        complaint = complaint.removeprefix("rtbci: ")
        self.failed.emit(f"it {how}{f': {complaint}' if complaint else ''}; again in {seconds:g} s")


def _shut(child: subprocess.Popen[bytes]) -> None:
    """Close our end of the child's stdin; the ends that its words came from are closed by who takes them."""
    if child.stdin is not None:
        child.stdin.close()
