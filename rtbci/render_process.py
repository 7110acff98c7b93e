"""The renderer as the session sees it: started, restarted with back-off, ended; a session needs none to go on.

::

    starting --ready--> live --gone--> waiting --back-off over--> starting
    any --it cannot draw from this bank (exit code 2)--> failed
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import IO, Any

from rtbci.runfolder import RunFolder, read_json
from rtbci.supervision import BACK_OFF_SECONDS, HEALTHY_SECONDS, ONE_THREAD

log = logging.getLogger(__name__)

END_SECONDS = 2.0
"""How long it may take to end when it is asked to; then it is killed."""
DYING_SECONDS = 2.0
"""A process that is killed is gone in less, unless a driver holds it; nobody waits longer."""


class RenderProcess:
    """The process that draws for ``decoder``: nothing here can block on it, or raises because of it.

    How long a picture takes is nobody's business, so one that hangs is not found out: its last picture grows old.

    Attributes
    ----------
    state : "starting", "live", "waiting" (to be restarted), "failed" (it cannot draw; see ``problem``) or "ended".
    restarts : how often it was started again.
    """

    def __init__(self, run: RunFolder, session_folder: Path, decoder: str) -> None:
        self.decoder = decoder
        self.state = "starting"
        self.problem: str | None = None
        self.restarts = 0
        self._run = run
        self._session_folder = session_folder
        self._process: subprocess.Popen[bytes] | None = None
        self._started = 0.0
        self._again_at = 0.0
        self._failures = 0

    @property
    def pid(self) -> int | None:
        """Process id, or None before the first start."""
        return None if self._process is None else self._process.pid

    def start(self) -> None:
        """Start the process in an interpreter of its own (nothing is forked), on one thread."""
        arguments = (str(self._run.path), str(self._session_folder), self.decoder)
        self._started = time.monotonic()
        try:
            with self._log() as log_file:
                self._process = subprocess.Popen(
                    [sys.executable, "-m", "rtbci.render_worker", *arguments],
                    env={**os.environ, **ONE_THREAD},
                    stdin=subprocess.DEVNULL,
                    stdout=log_file,
                    stderr=subprocess.STDOUT,
                )
        except OSError as error:  # no memory or no process left: decisions matter more
            self._wait(f"cannot be started ({error.strerror})")
            return
        self.state = "starting"

    def _log(self) -> IO[bytes]:
        """Where its output goes; a session folder that has vanished ends no session."""
        try:
            return (self._session_folder / "renderer.log").open("ab")
        except OSError as error:
            log.error("the renderer's log cannot be written: %s", error.strerror)
            return Path(os.devnull).open("ab")

    def watch(self) -> None:
        """Look after the process once: whether it is ready, gone, or due to be started again."""
        if self.state == "waiting":
            if time.monotonic() >= self._again_at:
                self.restarts += 1
                self.start()
            return
        if self._process is None or self.state in ("failed", "ended"):
            return
        said, code = self._said(), self._process.poll()
        if code is not None:
            self._ended(code, said)
        elif self.state == "starting":
            if said.get("state") == "live":
                self.state, self.problem = "live", None
        elif time.monotonic() - self._started > HEALTHY_SECONDS:
            self._failures = 0

    def _said(self) -> dict[str, Any]:
        """What this process last said; nothing where an earlier one said it."""
        said = read_json(self._run.renderer) or {}
        return said if said.get("pid") == self.pid else {}

    def _ended(self, code: int, said: dict[str, Any]) -> None:
        why = said.get("problem") or (f"was killed by signal {-code}" if code < 0 else f"ended with code {code}")
        if said.get("fatal"):
            self.state, self.problem = "failed", why
            log.error("no pictures are drawn: %s", why)
            return
        self._wait(why)

    def _wait(self, why: str) -> None:
        wait = BACK_OFF_SECONDS[min(self._failures, len(BACK_OFF_SECONDS) - 1)]
        self._failures += 1
        self.state, self.problem = "waiting", why
        self._again_at = time.monotonic() + wait
        log.warning("the renderer %s; it starts again in %g s", why, wait)

    def status(self) -> dict[str, Any]:
        """State, problem and counts, for status.json."""
        said = self._said()
        return {
            "decoder": self.decoder,
            "state": self.state,
            "problem": self.problem,
            "pid": self.pid,
            "restarts": self.restarts,
            "drawn": said.get("drawn", 0),
            "overtaken": said.get("overtaken", 0),
            "seconds": said.get("seconds"),
        }

    def close(self) -> None:
        """End it; safe to call twice."""
        process, self.state = self._process, "ended"
        if process is None or process.poll() is not None:
            return
        for seconds, end in ((END_SECONDS, process.terminate), (DYING_SECONDS, process.kill)):
            end()
            try:
                process.wait(seconds)
            except subprocess.TimeoutExpired:
                continue
            return
        log.error("the renderer (process %d) does not end; it is left alone", process.pid)
