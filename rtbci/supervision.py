"""One worker process per decoder, watched from the session: started, restarted with back-off, killed when it hangs.

::

    starting --ready--> live --process gone--------> waiting --back-off over--> starting
                         +----busy past deadline---> (killed) -> waiting
    starting --cannot work on this stream (exit code 2)--> failed
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any

from rtbci.config import DecoderConfig
from rtbci.errors import RecordingError
from rtbci.ring import BUSY
from rtbci.runfolder import DecisionRing, RunFolder, read_json
from rtbci.types import Decision

log = logging.getLogger(__name__)

BACK_OFF_SECONDS = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
"""Wait before the first, second, … restart; the last one holds from then on."""
HEALTHY_SECONDS = 30.0
"""A worker that has lived this long starts again from the shortest wait."""
STARTING_SECONDS = 120.0
"""A worker that is not ready by then is taken for hung: loading a network can take long, not this long."""
LIMITED = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "NUMBA_NUM_THREADS")
ONE_THREAD = dict.fromkeys(LIMITED, "1")


def deadline_of(config: DecoderConfig) -> float:
    """Seconds that one decision may take: as configured, or twenty hops, and at least two seconds."""
    if config.deadline is not None:
        return config.deadline
    return max(2.0, 20.0 * (config.hop or 0.1))


class WorkerProcess:
    """The worker of one decoder, as the session sees it: nothing here can block on it.

    Attributes
    ----------
    state : "starting", "live", "waiting" (to be restarted) or "failed" (it cannot work; see ``problem``).
    """

    def __init__(self, config: DecoderConfig, run: RunFolder, session_folder: Path, log_path: Path) -> None:
        self.config = config
        self.state = "starting"
        self.problem: str | None = None
        self.restarts = 0
        self._run = run
        self._session_folder = session_folder
        self._log_path = log_path
        self._process: subprocess.Popen[bytes] | None = None
        self._ring: DecisionRing | None = None
        self._read = 0
        self._started = 0.0
        self._again_at = 0.0
        self._failures = 0

    def start(self) -> None:
        """Start the process in an interpreter of its own (nothing is forked)."""
        command = [
            sys.executable, "-m", "rtbci.worker", str(self._run.path), str(self._session_folder), self.config.name,
        ]  # fmt: skip
        if (ring := self._attach()) is not None:
            ring.ring.set_word(BUSY, 0)  # one that died while it was deciding has left its note
        with self._log() as log_file:
            self._process = subprocess.Popen(
                command,
                env={**os.environ, **ONE_THREAD},
                stdin=subprocess.DEVNULL,
                stdout=log_file,
                stderr=subprocess.STDOUT,
            )
        self._started = time.monotonic()
        self.state = "starting"

    def _log(self) -> IO[bytes]:
        """Where the worker's output goes; a session folder that has vanished ends no session."""
        try:
            return self._log_path.open("ab")
        except OSError as error:
            log.error("decoder %s: its log cannot be written: %s", self.config.name, error.strerror)
            return Path(os.devnull).open("ab")

    @property
    def pid(self) -> int | None:
        """Process id, or None while none runs."""
        return None if self._process is None else self._process.pid

    @property
    def settled(self) -> bool:
        """Whether it is live, or has shown that it will not be so soon."""
        return self.state in ("live", "failed") or self._failures >= 2

    def report(self) -> dict[str, Any]:
        """What the worker last said of itself."""
        return read_json(self._run.worker(self.config.name)) or {}

    def watch(self, restart: bool = True) -> None:
        """Look after the process once: whether it is ready, gone, hung, or due to be started again."""
        if self.state == "failed":
            return
        if self.state == "waiting":
            if restart and time.monotonic() >= self._again_at:
                self.restarts += 1
                self.start()
            return
        assert self._process is not None, "start() comes first"
        code = self._process.poll()
        said = self.report()
        mine = said.get("pid") == self._process.pid
        if code is not None:
            self._ended(code, said if mine else {}, restart)
        elif self.state == "starting":
            if mine and said.get("state") == "live":
                self.state = "live"
            elif time.monotonic() - self._started > STARTING_SECONDS:
                self._kill(f"was not ready after {STARTING_SECONDS:.0f} s")
        else:
            busy = self._busy_seconds()
            if busy > deadline_of(self.config):
                self._kill(f"one decision took longer than its deadline of {deadline_of(self.config):g} s")
            elif time.monotonic() - self._started > HEALTHY_SECONDS:
                self._failures = 0

    def _busy_seconds(self) -> float:
        ring = self._attach()
        since = 0 if ring is None else ring.ring.word(BUSY)
        return (time.monotonic_ns() - since) / 1e9 if since else 0.0

    def _ended(self, code: int, said: dict[str, Any], restart: bool) -> None:
        if not restart and code == 0:
            self.state = "waiting"
            return
        why = said.get("problem") or (f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}")
        self.problem = str(why)
        log.error("decoder %s: %s", self.config.name, why)
        if said.get("fatal"):
            self.state = "failed"
            return
        wait = BACK_OFF_SECONDS[min(self._failures, len(BACK_OFF_SECONDS) - 1)]
        self._failures += 1
        self._again_at = time.monotonic() + wait
        self.state = "waiting"

    def _kill(self, why: str) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        self._ended(-9, {"problem": why}, True)

    def _attach(self) -> DecisionRing | None:
        if self._ring is None and self._run.decisions(self.config.name).exists():
            try:
                self._ring = DecisionRing.attach(self._run.decisions(self.config.name))
            except RecordingError as error:
                log.debug("decision ring of %s is not ready: %s", self.config.name, error)
        return self._ring

    def new_decisions(self) -> list[Decision]:
        """Decisions since the last call."""
        ring = self._attach()
        if ring is None:
            return []
        decisions, self._read = ring.follow(self._read)
        return decisions

    def finish(self, timeout: float) -> None:
        """Let the worker decide what has come, for at most ``timeout`` seconds, then end it."""
        if self._process is not None and self._process.poll() is None:
            try:
                self._process.wait(timeout)
            except subprocess.TimeoutExpired:
                log.warning("decoder %s did not end within %g s and was killed", self.config.name, timeout)
                self._process.kill()
                self._process.wait()

    def restart_now(self) -> None:
        """End the process; it is started again at once."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._again_at = 0.0
        self.problem = "restarted by the experimenter"
        self.state = "waiting"

    def close(self) -> None:
        """Let go of the ring."""
        if self._ring is not None:
            self._ring.close()
            self._ring = None


def wait_until_ready(workers: Iterable[WorkerProcess], timeout: float, tick: float = 0.02) -> None:
    """Watch ``workers`` until each is settled, or until the time is over."""
    workers = list(workers)
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        for worker in workers:
            worker.watch()
        if all(worker.settled for worker in workers):
            return
        time.sleep(tick)
