"""The session process: acquires, records, supervises and reports. No Qt, no torch and no plugin decoder in here.

::

    connecting -> starting (workers load and warm up) -> live <-> lost -> ended
                     |                                    |
                     +-- a decoder cannot work here ------+--> nothing is recorded, one line says why

Samples flow only once the workers are ready (or have had `rtbci.crew.READY_SECONDS`): no window is missed at the start.
"""

from __future__ import annotations

import logging
import math
import shutil
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from rtbci.acquisition import Acquisition
from rtbci.annotations import Annotations
from rtbci.bank import Bank
from rtbci.charge import Charge, trial_runs
from rtbci.commanding import Commanding
from rtbci.config import Experiment
from rtbci.control import ControlServer
from rtbci.crew import Crew
from rtbci.errors import RecordingError, RtbciError, SourceError
from rtbci.host import Host
from rtbci.interfaces import Source
from rtbci.recording.recorder import Recorder
from rtbci.recording.session_folder import SessionFolder
from rtbci.remote import RemoteServer, RemoteSettings
from rtbci.ring import Ring
from rtbci.runfolder import RunFolder, replace_json, stream_to_json
from rtbci.status import session_status, stages_ms
from rtbci.supervision import WorkerProcess
from rtbci.tallying import Tallying, signal_report
from rtbci.telling import Teller
from rtbci.trials import Trial
from rtbci.types import Decision, StreamInfo
from rtbci.window_process import WindowProcess

log = logging.getLogger(__name__)

TICK_SECONDS = 0.05
STATUS_SECONDS = 0.1
CATCH_UP_SECONDS = 1.0
TELL_SECONDS = 2.0
"""How long, at the end, the session waits for a terminal that takes no more lines."""
FINISH_SECONDS = 10.0
"""How long a worker may take, at the end, to decide what has come."""


@dataclass(frozen=True, slots=True)
class Listener:
    """Who wants to hear of a session while it runs (the terminal); called from a thread of its own (`rtbci.telling`)."""

    said: Callable[[str], None] = lambda text: None
    decided: Callable[[str, Decision, tuple[str, ...], float], None] = lambda name, decision, classes, since: None
    finished: Callable[[str, Trial, tuple[str, ...]], None] = lambda name, trial, classes: None


class Session:
    """One live session of an experiment.

    Parameters
    ----------
    experiment : what to acquire and decode.
    source : where samples come from; opened and closed here.
    models : model file by decoder name; decoders without one are not run, and the session says so.
    folder : session folder to make, or None for a dated one in the experiment's recordings folder.
    """

    def __init__(
        self,
        experiment: Experiment,
        source: Source,
        models: Mapping[str, Path],
        folder: Path | None = None,
        listener: Listener | None = None,
    ) -> None:
        self.experiment = experiment
        self.source = source
        self.listener = listener or Listener()
        self._folder_wanted = folder
        # a plain flag: a signal handler must take no lock, which the thread that it interrupts may hold
        self._stopping = False
        self._state = "connecting"
        self._message: str | None = None
        self._crew = Crew(experiment, models, self._say)
        self._asked: deque[Callable[[], None]] = deque()
        self._until: float | None = None
        self._end_when_lost: float | None = None
        self._end_with_window = False
        self._unseen = False
        self._teller = Teller()
        tell = self._teller.tell
        self._tallying = Tallying(
            self._say, partial(tell, self.listener.decided), partial(tell, self.listener.finished)
        )
        self._window: WindowProcess | None = None
        self._remote: RemoteServer | None = None
        self._host = Host(self._recordings, self._pids, self._crew.gpus)
        self._status_at = self._caught_up_at = 0.0
        self._ring: Ring | None = None
        self.run_folder: RunFolder | None = None
        self.folder: SessionFolder | None = None
        self.info: StreamInfo | None = None
        self.acquisition: Acquisition | None = None
        self.recorder: Recorder | None = None
        self.annotations: Annotations | None = None
        self.charge: Charge | None = None

    def _say(self, text: str) -> None:
        log.info("%s", text)
        self._teller.tell(self.listener.said, text)

    def stop(self) -> None:
        """End the session soon; safe from any thread and from a signal handler."""
        self._stopping = True

    def run(
        self,
        seconds: float | None = None,
        *,
        window: bool = False,
        end_with_window: bool = False,
        end_when_lost: float | None = None,
        record: bool = True,
        remote: RemoteSettings | None = None,
    ) -> dict[str, Any]:
        """Run until stopped, for ``seconds`` of samples, or until the stream has been away for ``end_when_lost`` seconds.

        With ``window`` a window is opened; closing it ends the session only with ``end_with_window``. Without ``record`` the
        recording waits until somebody asks for it. ``remote`` says where programs may ask over TCP.

        Returns the report (see `rtbci.report`). Raises RtbciError when the session cannot start; then nothing is left
        behind.
        """
        self._end_when_lost = end_when_lost
        self._end_with_window = end_with_window
        self._record_at_once = record
        self.run_folder = RunFolder.create()
        control: ControlServer | None = None
        try:
            self._host.start()
            self._teller.start()
            commanding = Commanding(self)
            control = ControlServer(self.run_folder, commanding)
            if remote is not None:
                self._remote = RemoteServer(self.run_folder, commanding, remote, self._say)
            self._write_status()
            if window:
                self._window = WindowProcess(self.run_folder.path)
            self._say(f"looking for the stream of {self.experiment.name!r} …")
            info = self._open_source()
            for note in info.notes:
                self._say(f"note: {note}")
            clock_offset = self.source.now() - time.monotonic()
            self.run_folder.write_stream(info, clock_offset)
            return self._run_with_stream(info, seconds)
        finally:
            self._state = "ended"
            self._host.stop()
            self._write_status()
            self.source.close()
            for server in (self._remote, control):
                if server is not None:
                    server.close()
            self._crew.close()
            if self._window is not None:
                self._window.close()
            if self._ring is not None:
                self._ring.close()  # not sooner: the last status still counts what came
            shutil.rmtree(self.run_folder.path, ignore_errors=True)
            self._teller.close(TELL_SECONDS)

    # ------------------------------------------------------------------ lifecycle

    @contextmanager
    def _alive(self) -> Iterator[None]:
        """While the main loop is at something that may take seconds, a window sees that the session is alive."""
        done = threading.Event()

        def tell() -> None:
            while not done.wait(STATUS_SECONDS):
                self._write_status()

        telling = threading.Thread(target=tell, name="status", daemon=True)
        telling.start()
        try:
            yield
        finally:
            done.set()
            telling.join()

    def _open_source(self) -> StreamInfo:
        with self._alive():
            self.info = self.source.open()
        return self.info

    def _run_with_stream(self, info: StreamInfo, seconds: float | None) -> dict[str, Any]:
        assert self.run_folder is not None
        rows = math.ceil(self.experiment.session.ring_seconds * info.rate)
        ring = self._ring = Ring.create(self.run_folder.raw, rows, info.n_channels, meta={"rate": info.rate})
        try:
            folder = self._make_folder(info)
            self._start_workers(self.run_folder, folder)
            acquisition = Acquisition(self.source, info, ring, self.run_folder, self.experiment.session.lost_after)
            recorder = Recorder(ring, info, self.run_folder, folder, tuple(self.workers), self._crew.retrieving())
            recorder.start(self._record_at_once)
        except (RtbciError, OSError):
            self._leave_nothing()
            raise
        self._acquisition, self._recorder = acquisition, recorder
        self.acquisition, self.recorder = acquisition, recorder
        acquisition.start()
        self._state = "live"
        self._say(
            f"recording to {folder.path}" if self._record_at_once else f"NOT recording yet; session {folder.path}"
        )
        try:
            self._watch(seconds)
        finally:
            self._message = "ending: the last windows are being decided"
            self._write_status()
            with self._alive():
                report = self._end(acquisition, recorder, folder)
        return report

    def _end(self, acquisition: Acquisition, recorder: Recorder, folder: SessionFolder) -> dict[str, Any]:
        """Let the last windows be decided, close the recording and complete the folder; the report."""
        acquisition.stop()
        acquisition.join(5.0)
        try:
            self._crew.finish(FINISH_SECONDS)
            self._gather()
        finally:
            recorder.stop(10.0)  # whatever else goes wrong, the recording is closed
        self._catch_up()
        report = self._report(folder)
        try:
            self._tallying.keep(folder)
            folder.write_report(report)
            folder.end()
        except (RecordingError, OSError) as error:
            self._say(f"the session folder could not be completed: {error}")
        folder.stop_log()
        return report

    def _leave_nothing(self) -> None:
        """Remove the folder of a session that could not start: nothing was recorded."""
        if self.folder is not None:
            self.folder.stop_log()
            shutil.rmtree(self.folder.path, ignore_errors=True)

    def _make_folder(self, info: StreamInfo) -> SessionFolder:
        assert self.run_folder is not None
        settings = self.experiment.bank
        bank = None if settings is None else Bank.open(self.experiment.resolve(settings.path)).entry()
        folder = SessionFolder.create(self._folder_wanted, self.experiment.name, self._recordings())
        self.folder = folder
        kept = folder.keep_models(self._crew.models)
        folder.start_log()
        folder.write_experiment(self.experiment.text)
        folder.update(
            experiment=self.experiment.name,
            experiment_path=str(self.experiment.path.resolve()) if self.experiment.path else None,
            models={name: str(path) for name, path in kept.items()},
            stream=stream_to_json(info),
            run_folder=str(self.run_folder.path),
            bank=bank,
        )
        self.annotations = Annotations(folder)
        return folder

    def _start_workers(self, run: RunFolder, folder: SessionFolder) -> None:
        self._state = "starting"
        self._crew.make(run, folder, self._tallying)
        self.charge = Charge(list(self.workers)) if self.workers else None
        self._crew.start(run, folder, self._tallying, self._go_on_starting)

    def _go_on_starting(self) -> bool:
        self._write_status()
        return not self._stopping

    def _watch(self, seconds: float | None) -> None:
        begun: float | None = None
        lost_told = False
        while not self._stopping:
            if begun is None and self._acquisition.last_time is not None:
                begun = time.monotonic()
                self._until = None if seconds is None else begun + seconds
            if self._until is not None and time.monotonic() >= self._until:
                return
            if not self._acquisition.is_alive():
                # a recording has ended, or the source failed: let everything that came be decided and written
                if self._acquisition.problem:
                    self._say(self._acquisition.problem)
                return
            if self._acquisition.state == "lost":
                if not lost_told:
                    self._say(f"stream LOST: {self._acquisition.problem}; looking for it")
                lost_told = True
                away = time.monotonic() - (self._acquisition.lost_since or time.monotonic())
                if self._end_when_lost is not None and away >= self._end_when_lost:
                    return
            elif lost_told:
                lost_told = False
                self._say("the stream is back; the gap is marked")
            self._tick()
            time.sleep(TICK_SECONDS)

    def _tick(self) -> None:
        while self._asked:
            self._asked.popleft()()
        self._crew.watch()
        self._gather()
        self._hand_over()
        self._crew.watch_renderer()
        self._watch_window()
        if time.monotonic() - self._caught_up_at >= CATCH_UP_SECONDS:
            self._catch_up()
        if time.monotonic() - self._status_at >= STATUS_SECONDS:
            self._write_status()

    def _catch_up(self) -> None:
        """Write notes and the like that the disk did not take before."""
        self._caught_up_at = time.monotonic()
        if self.annotations is not None:
            self.annotations.catch_up()

    def _hand_over(self) -> None:
        """Put another decoder in charge, where one was asked for and no trial runs."""
        charge = self.charge
        if charge is None or charge.next is None:
            return
        now = self.source.now()
        cues = {label for labels in self.experiment.classes.values() for label in labels}
        times = [marker.time for marker in self._acquisition.newest_markers() if marker.label in cues]
        if charge.update(now, trial_runs(now, times, self.experiment.trial.stop, charge.asked)):
            switch = charge.switches[-1]
            assert self.annotations is not None
            self.annotations.switched(switch, self._received())
            self._say(f"decoder {switch.new} is in charge now, in place of {switch.old}")

    def _gather(self) -> None:
        """Count what the workers decided since the last look."""
        assert self.run_folder is not None
        self._tallying.gather(self.run_folder, self.workers, self._acquisition.first_time or 0.0)

    def _report(self, folder: SessionFolder) -> dict[str, Any]:
        assert self.run_folder is not None
        said = {} if self.annotations is None else self.annotations.as_json()
        return {
            "name": self.experiment.name,
            "session": str(folder.path),
            **signal_report(self._acquisition, self._recorder, self._received(), self._n_gaps()),
            "decoders": {
                name: {**tally.as_json(), "stages_ms": stages_ms(self.run_folder, name)}
                for name, tally in self._tallying.tallies.items()
            },
            "annotations": said,
        }

    def _received(self) -> int:
        return 0 if self._ring is None else self._ring.written

    def _n_gaps(self) -> int:
        return 0 if self._ring is None else self._ring.n_gaps

    # ------------------------------------------------------------------ what others see and ask

    def _recordings(self) -> Path:
        """Where recordings go, or will go."""
        if self.folder is not None:
            return self.folder.path
        root = self.experiment.recording.folder
        return root if self.experiment.path is None else self.experiment.resolve(str(root))

    def _pids(self) -> list[int]:
        """Processes of the session besides this one."""
        window = None if self._window is None else self._window.pid
        return [*self._crew.pids(), *([] if window is None else [window])]

    def _write_status(self) -> None:
        assert self.run_folder is not None
        self._status_at = time.monotonic()
        try:
            replace_json(self.run_folder.status, self.status())
        except OSError as error:  # what the run folder is on is full: a window sees that nothing moves
            if not self._unseen:
                self._say(f"windows see nothing new: {self.run_folder.status} cannot be written: {error.strerror}")
            self._unseen = True
        else:
            self._unseen = False

    @property
    def workers(self) -> Mapping[str, WorkerProcess]:
        """The worker of each decoder."""
        return self._crew.workers

    def later(self, work: Callable[[], None]) -> None:
        """Have ``work`` done by the main loop, which alone handles processes; safe from any thread."""
        self._asked.append(work)

    def status(self) -> dict[str, Any]:
        """What the session says of itself; safe from any thread."""
        acquisition = self.acquisition
        state = self._state
        message = self._message
        if state == "live" and acquisition is not None:
            state = {"starting": "connecting"}.get(acquisition.state, acquisition.state)
            message = message or acquisition.problem or acquisition.marker_problem
        elif state == "starting":
            message = "decoders are loading; samples flow when they are ready"
        return {
            **session_status(self, self._tallying.tallies),
            "state": state,
            "message": message,
            "seconds_left": None if self._until is None else max(0.0, self._until - time.monotonic()),
            "samples": {"received": self._received(), "lost": acquisition.lost_samples if acquisition else 0},
            "gaps": self._n_gaps(),
            "renderer": self._crew.renderer_status(),
            "host": self._host.status(),
            "remote": None if self._remote is None else self._remote.status(),
        }

    def _watch_window(self) -> None:
        if self._window is None or (code := self._window.ended()) is None:
            return
        self._window = None
        if code == 0 and self._end_with_window:
            self.stop()
            return
        how = "was closed" if code == 0 else f"died (exit code {code})"
        assert self.folder is not None
        self._say(
            f"the window {how}; the session goes on. Ctrl-C ends it, "
            f"'rtbci attach {self.folder.path}' opens a window again"
        )


def stop_on_signals(session: Session) -> None:
    """Ctrl-C and SIGTERM end the session properly: the recording is closed and the report written."""
    for number in (getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)):
        if number not in (signal.SIGINT, signal.SIGTERM) and signal.getsignal(number) is signal.SIG_IGN:
            continue  # nohup: it is to outlive its terminal
        signal.signal(number, lambda number, frame: session.stop())


__all__ = ["Listener", "RecordingError", "Session", "SourceError", "stop_on_signals"]
