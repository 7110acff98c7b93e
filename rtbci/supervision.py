"""The worker processes, watched from the session: started, restarted with back-off, killed when they hang.

::

    starting --ready--> live --process gone--------> waiting --back-off over--> starting
                         +----busy past deadline---> (killed) -> waiting
                         +----its device is lost---> waiting --at once, on the CPU--> starting
    starting --cannot work on this stream (exit code 2)--> failed
    any state --halt()--> stopped --go_on()--> starting
"""

from __future__ import annotations

import contextlib
import logging
import os
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import IO, Any

from rtbci.config import DecoderConfig
from rtbci.devices import CPU
from rtbci.errors import RecordingError
from rtbci.runfolder import DecisionRing, RunFolder, read_json
from rtbci.types import Decision

log = logging.getLogger(__name__)

BACK_OFF_SECONDS = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
"""Wait before the first, second, … restart; the last one holds from then on."""
HEALTHY_SECONDS = 30.0
"""A worker that has lived this long starts again from the shortest wait."""
STARTING_SECONDS = 120.0
"""A worker that is not ready by then is taken for hung: loading a network can take long, not this long."""
DYING_SECONDS = 2.0
"""A process that is killed is gone in less, unless a driver holds it; nobody waits longer."""
REASONS = 20
"""Restarts of which it is kept when they were and why: the newest."""
LIMITED = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "NUMBA_NUM_THREADS")
ONE_THREAD = dict.fromkeys(LIMITED, "1")


def deadline_of(config: DecoderConfig) -> float:
    """Seconds that one decision may take: as configured, or twenty hops, and at least two seconds."""
    if config.deadline is not None:
        return config.deadline
    return max(2.0, 20.0 * (config.hop or 0.1))


class _Followed:
    """The decisions of one decoder as the session reads them; their ring is there once the worker has started."""

    def __init__(self, config: DecoderConfig, run: RunFolder) -> None:
        self.config = config
        self._path = run.decisions(config.name)
        self._ring: DecisionRing | None = None
        self._read = 0

    def ring(self) -> DecisionRing | None:
        """The ring, or None while there is none."""
        if self._ring is None and self._path.exists():
            try:
                self._ring = DecisionRing.attach(self._path)
            except RecordingError as error:
                log.debug("decision ring of %s is not ready: %s", self.config.name, error)
        return self._ring

    def new(self) -> list[Decision]:
        """Decisions since the last call."""
        if (ring := self.ring()) is None:
            return []
        decisions, self._read = ring.follow(self._read)
        return decisions

    def overdue(self) -> bool:
        """Whether the decision that is being made has taken longer than its deadline."""
        ring = self.ring()
        return ring is not None and ring.busy_seconds() > deadline_of(self.config)

    def close(self) -> None:
        """Let go of the ring."""
        if self._ring is not None:
            self._ring.close()
            self._ring = None


class WorkerProcess:
    """The worker of one decoder, or of several that share it, as the session sees it: nothing here can block on it.

    Parameters
    ----------
    configs : its decoders; they are started, and started again, together.

    Attributes
    ----------
    name : what it is called, as its log is: its decoder, or the experiment's name for it.
    state : "starting", "live", "waiting" (to be restarted), "failed" (it cannot work; see ``problem``) or "stopped" (by
        command).
    on_cpu : whether it runs on the CPU because the device of one of its decoders was lost.
    reasons : when it ended, in seconds since 1970, and why, each time that it is started again; newest last.
    """

    def __init__(self, configs: Sequence[DecoderConfig], run: RunFolder, session_folder: Path) -> None:
        self.name = configs[0].process
        self.state = "starting"
        self.problem: str | None = None
        self.restarts = 0
        self.on_cpu = False
        self.reasons: deque[dict[str, Any]] = deque(maxlen=REASONS)
        self._followed = {config.name: _Followed(config, run) for config in configs}
        self._run = run
        self._session_folder = session_folder
        self._process: subprocess.Popen[bytes] | None = None
        self._started = 0.0
        self._again_at = 0.0
        self._failures = 0

    @property
    def shared(self) -> bool:
        """Whether it has several decoders."""
        return len(self._followed) > 1

    def __str__(self) -> str:
        return f"worker {self.name} of {', '.join(self._followed)}" if self.shared else f"decoder {self.name}"

    def start(self) -> None:
        """Start the process in an interpreter of its own (nothing is forked)."""
        command = [
            sys.executable, "-m", "rtbci.worker", str(self._run.path), str(self._session_folder),
            CPU if self.on_cpu else "-", *self._followed,
        ]  # fmt: skip
        for followed in self._followed.values():
            if (ring := followed.ring()) is not None:
                ring.busy(0)  # one that died while it was deciding has left its note
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

    def _start_again(self) -> None:
        """`start` in the course of a session, which goes on where the machine has no memory or process left for it now."""
        try:
            self.start()
        except OSError as error:
            self._ended(-1, {"problem": f"could not be started: {error.strerror}"}, True)

    def _log(self) -> IO[bytes]:
        """Where the worker's output goes; a session folder that has vanished ends no session."""
        try:
            return (self._session_folder / f"worker-{self.name}.log").open("ab")
        except OSError as error:
            log.error("%s: its log cannot be written: %s", self, error.strerror)
            return Path(os.devnull).open("ab")

    @property
    def pid(self) -> int | None:
        """Process id, or None while none runs."""
        return None if self._process is None else self._process.pid

    @property
    def settled(self) -> bool:
        """Whether it is live, or has shown that it will not be so soon."""
        return self.state in ("live", "failed", "stopped") or self._failures >= 2

    def report(self, decoder: str) -> dict[str, Any]:
        """What the worker last said of one of its decoders."""
        return read_json(self._run.worker(decoder)) or {}

    def watch(self, restart: bool = True) -> None:
        """Look after the process once: whether it is ready, gone, hung, or due to be started again."""
        if self.state in ("failed", "stopped"):
            return
        if self.state == "waiting":
            if restart and time.monotonic() >= self._again_at:
                self.restarts += 1
                self._start_again()
            return
        assert self._process is not None, "start() comes first"
        code, said = self._process.poll(), self._last_words(self._process.pid)
        if code is None and said:
            self._put_down(
                0.0
            )  # what holds it now is its exit, which the driver of a GPU that is gone may never let it make
            code = -9
        if code is not None:
            self._ended(code, said, restart)
        elif self.state == "starting":
            patience = STARTING_SECONDS * len(self._followed)
            if all(said.get("state") == "live" for said in self._reports(self._process.pid)):
                self.state = "live"
            elif time.monotonic() - self._started > patience:
                self._kill(f"was not ready after {patience:.0f} s")
        else:
            late = next((one.config for one in self._followed.values() if one.overdue()), None)
            if late is not None:
                whose = f"{late.name}: " if self.shared else ""
                self._kill(f"{whose}one decision took longer than its deadline of {deadline_of(late):g} s")
            elif time.monotonic() - self._started > HEALTHY_SECONDS:
                self._failures = 0

    def _reports(self, pid: int) -> list[dict[str, Any]]:
        """What process ``pid`` last said of each decoder; nothing where an earlier one said it."""
        reports = [self.report(name) for name in self._followed]
        return [said if said.get("pid") == pid else {} for said in reports]

    def _last_words(self, pid: int) -> dict[str, Any]:
        return next((said for said in self._reports(pid) if said.get("problem")), {})

    def _ended(self, code: int, said: dict[str, Any], restart: bool) -> None:
        if not restart and code == 0:
            self.state = "waiting"
            return
        why = said.get("problem") or (f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}")
        self.problem = str(why)
        to_cpu = bool(said.get("lost")) and not self.on_cpu
        if to_cpu:
            self.problem += "; goes on on the CPU"
        log.error("%s: %s", self, self.problem)
        if said.get("fatal"):
            self.state = "failed"
            return
        self.state = "waiting"
        self._keep_reason(self.problem)
        if to_cpu:
            self.on_cpu, self._again_at = True, 0.0
            return
        wait = BACK_OFF_SECONDS[min(self._failures, len(BACK_OFF_SECONDS) - 1)]
        self._failures += 1
        self._again_at = time.monotonic() + wait

    def _keep_reason(self, why: str) -> None:
        self.reasons.append({"time": time.time(), "why": why})

    def _kill(self, why: str) -> None:
        self._put_down()
        self._ended(-9, {"problem": why}, True)

    def _put_down(self, seconds: float = DYING_SECONDS) -> None:
        """Kill the process, and wait a while until it is gone: it runs no code of ours any more, whatever still holds it."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(seconds)

    def new_decisions(self, decoder: str) -> list[Decision]:
        """Decisions of one of its decoders since the last call."""
        return self._followed[decoder].new()

    def finish(self, timeout: float) -> None:
        """Let the worker decide what has come, for at most ``timeout`` seconds, then end it."""
        if self._process is not None and self._process.poll() is None:
            try:
                self._process.wait(timeout)
            except subprocess.TimeoutExpired:
                log.warning("%s did not end within %g s and was killed", self, timeout)
                self._put_down()

    def restart_now(self) -> None:
        """End the process; it is started again at once, and tries the device again that was lost."""
        self._put_down()
        self._again_at = 0.0
        self.on_cpu = False
        self.problem = "restarted by the experimenter"
        self._keep_reason(self.problem)
        self.state = "waiting"

    def halt(self) -> None:
        """End the process until `go_on`: somebody wants no decisions now, which is no fault and no restart."""
        if self.state != "stopped":
            self._put_down()
            self.state, self.problem, self._failures = "stopped", None, 0

    def go_on(self) -> None:
        """Start the process that `halt` has ended; it begins anew, with the signal of the last seconds."""
        if self.state == "stopped":
            self._start_again()

    def close(self) -> None:
        """Let go of the rings."""
        for followed in self._followed.values():
            followed.close()


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
