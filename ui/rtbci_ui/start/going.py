"""A session from its start to its end, as the start screen sees it.

::

    idle --begin--> starting --it acquires--> shown --come_back--> leaving --it has ended--> idle
                       `--it was refused--> idle                      `--a while--> goes on without a window
"""

from __future__ import annotations

import time
from pathlib import Path

from PySide6.QtCore import QObject, QTimer, Signal

from rtbci.runfolder import read_json
from rtbci_ui.launch import Launched
from rtbci_ui.start.past import cut_short, ended_words, lives
from rtbci_ui.status import read_status

POLL_MS = 100
ENDING_SECONDS = 3.0
"""A session that was stopped with its window needs about so long to decide its last windows and write its report."""


class Going(QObject):
    """Follows one session: one that was started here, or one that ran already.

    ``doing(words)`` while it starts, ``ready(run folder)`` when it acquires, ``refused(words)`` where it was not,
    ``ended(words, folder)`` when a session that was shown is over, ``goes_on(run folder)`` where it runs without a window.
    """

    doing = Signal(str)
    ready = Signal(object)
    refused = Signal(str)
    ended = Signal(str, object)
    goes_on = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.state = "idle"
        self._launched: Launched | None = None
        self._run: Path | None = None
        self._folder: Path | None = None
        self._left_at = 0.0
        self._told = False
        self._timer = QTimer(self)
        self._timer.setInterval(POLL_MS)
        self._timer.timeout.connect(self.look)

    def begin(self, launched: Launched) -> None:
        """Follow a session that was just started."""
        self.state, self._launched, self._run, self._folder = "starting", launched, None, None
        self._timer.start()
        self.look()

    def attach(self, run: Path) -> None:
        """Follow the session of the run folder ``run``, which a window is about to be opened on."""
        if run != self._run:
            self._launched = None
        self.state, self._run = "shown", run
        self._folder = self._kept()

    def cancel(self) -> None:
        """End what is being started."""
        if self.state == "starting" and self._launched is not None:
            self._launched.cancel()

    def come_back(self) -> None:
        """The window on the session was closed: see what becomes of it."""
        if self.state != "shown":
            return
        self.state, self._left_at, self._told = "leaving", time.monotonic(), False
        self._timer.start()
        self.look()

    def stop(self) -> None:
        """Follow it no more; it goes on."""
        self._timer.stop()

    def look(self) -> None:
        """Look what has become of it."""
        if self.state == "starting":
            self._starting()
        elif self.state == "leaving":
            self._leaving()
        else:
            self._timer.stop()

    def _starting(self) -> None:
        assert self._launched is not None
        outcome = self._launched.poll()
        if outcome.ended:
            self._over()
            self.refused.emit(outcome.problem or "it was ended before it began")
        elif outcome.ready and outcome.run is not None:
            self.state, self._run, self._folder = "shown", outcome.run, outcome.folder
            self._timer.stop()
            self.ready.emit(outcome.run)
        else:
            self.doing.emit(outcome.doing)

    def _leaving(self) -> None:
        assert self._run is not None
        problem = ""
        if self._launched is not None:
            outcome = self._launched.poll()
            gone, problem = outcome.ended, outcome.problem
            self._folder = outcome.folder or self._folder
        else:
            self._folder = self._kept() or self._folder
            gone = not lives(self._run)
        if gone:
            folder = self._folder if self._folder is not None and self._folder.is_dir() else None
            told = [problem, cut_short(folder)] if problem else []
            words = f"session ended: {'; '.join(part for part in told if part)}" if problem else ended_words(folder)
            if folder is None and not problem:
                words = "session ended; nothing was kept of it"
            self._over()
            self.ended.emit(words, folder)
        elif not self._told and time.monotonic() - self._left_at > ENDING_SECONDS:
            self._told = True  # and it is followed on: it may end after all
            self.goes_on.emit(self._run)

    def _over(self) -> None:
        self._timer.stop()
        if self._launched is not None:
            self._launched.forget()
        self.state, self._launched, self._run = "idle", None, None

    def _kept(self) -> Path | None:
        """The session's folder, as its status says."""
        if self._run is None:
            return None
        try:
            fields = read_json(self._run / "status.json")
        except (OSError, ValueError):
            return None
        return read_status(fields).session_folder if fields is not None else None
