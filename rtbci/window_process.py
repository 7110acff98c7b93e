"""The window as the session sees it: a process that was started, may end in any way, and is never waited for."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

CLOSE_SECONDS = 3.0
"""A window sees by itself that its session has ended; this long it may take to close."""
TERMINATE_SECONDS = 2.0


class WindowProcess:
    """The window on the run folder ``run``, in an interpreter of its own."""

    def __init__(self, run: Path) -> None:
        # what it prints must not get between a program and the one JSON object on our stdout
        self._process = subprocess.Popen([sys.executable, "-m", "rtbci_ui", str(run)], stdout=subprocess.DEVNULL)

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    def ended(self) -> int | None:
        """Exit code, 0 when it was closed; None while it is open."""
        return self._process.poll()

    def close(self) -> None:
        """Let it close by itself, or end it."""
        for seconds, end in (
            (CLOSE_SECONDS, self._process.terminate),
            (TERMINATE_SECONDS, self._process.kill),
        ):
            try:
                self._process.wait(seconds)
            except subprocess.TimeoutExpired:
                end()
            else:
                return
        self._process.wait()
