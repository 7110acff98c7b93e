"""The session process: acquires, records, supervises and reports. No Qt, no torch and no plugin decoder in here.

::

    connecting -> starting (workers load and warm up) -> live <-> lost -> ended
                     |                                    |
                     +-- a decoder cannot work here ------+--> nothing is recorded, one line says why

Samples flow only once the workers are ready (or have had `READY_SECONDS`), so that no window is missed at the start.
"""

from __future__ import annotations

import json
import logging
import math
import os
import shutil
import signal
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rtbci.acquisition import Acquisition
from rtbci.bank import Bank
from rtbci.config import DecoderConfig, Experiment
from rtbci.control import ControlServer
from rtbci.errors import ConfigError, RecordingError, SourceError
from rtbci.interfaces import Source
from rtbci.model import read_manifest
from rtbci.recording.recorder import Recorder
from rtbci.recording.session_folder import SessionFolder
from rtbci.render_process import RenderProcess
from rtbci.report import DecoderTally, trial_seconds
from rtbci.retrieved import Found
from rtbci.ring import Ring
from rtbci.runfolder import RunFolder, marker_to_json, replace_json, stream_to_json
from rtbci.status import decoder_status, recording_status, stream_status
from rtbci.supervision import WorkerProcess, wait_until_ready
from rtbci.trials import Trial
from rtbci.types import Decision, Marker, StreamInfo
from rtbci.window_process import WindowProcess

log = logging.getLogger(__name__)

READY_SECONDS = 60.0
"""How long the start may wait for the slowest decoder; after that it joins when it is ready."""
TICK_SECONDS = 0.05
STATUS_SECONDS = 0.1
FINISH_SECONDS = 10.0
"""How long a worker may take, at the end, to decide what has come."""


@dataclass(frozen=True, slots=True)
class Listener:
    """Who wants to hear of a session while it runs (the terminal); called from the session's main loop."""

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
        self._models = dict(models)
        self._folder_wanted = folder
        self._stop = threading.Event()
        self._state = "connecting"
        self._message: str | None = None
        self._workers: dict[str, WorkerProcess] = {}
        self._tallies: dict[str, DecoderTally] = {}
        self._bytes_read: dict[Path, int] = {}
        self._restart_asked: list[str] = []
        self._notes_told: dict[str, list[str]] = {}
        self._until: float | None = None
        self._end_when_lost: float | None = None
        self._end_with_window = False
        self._window: WindowProcess | None = None
        self._renderer: RenderProcess | None = None
        self._renderer_said: str | None = None
        self._status_at = 0.0
        self._ring: Ring | None = None
        self.run_folder: RunFolder | None = None
        self.folder: SessionFolder | None = None
        self.info: StreamInfo | None = None

    def _say(self, text: str) -> None:
        log.info("%s", text)
        self.listener.said(text)

    def stop(self) -> None:
        """End the session soon; safe from any thread and from a signal handler."""
        self._stop.set()

    def run(
        self,
        seconds: float | None = None,
        *,
        window: bool = False,
        end_with_window: bool = False,
        end_when_lost: float | None = None,
    ) -> dict[str, Any]:
        """Run until stopped, for ``seconds`` of samples, or until the stream has been away for ``end_when_lost`` seconds.

        With ``window`` a window is opened; closing it ends the session only with ``end_with_window``.

        Returns the report (see `rtbci.report`). Raises RtbciError when the session cannot start; then nothing is left
        behind.
        """
        self._end_when_lost = end_when_lost
        self._end_with_window = end_with_window
        self.run_folder = RunFolder.create()
        control: ControlServer | None = None
        try:
            control = ControlServer(self.run_folder, self._command)
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
            self._write_status()
            self.source.close()
            if control is not None:
                control.close()
            for worker in self._processes:
                worker.finish(0.0)
                worker.close()
            if self._renderer is not None:
                self._renderer.close()
            if self._window is not None:
                self._window.close()
            if self._ring is not None:
                self._ring.close()  # not sooner: the last status still counts what came
            shutil.rmtree(self.run_folder.path, ignore_errors=True)

    # ------------------------------------------------------------------ lifecycle

    def _open_source(self) -> StreamInfo:
        """Open the source, which may take seconds; a window sees meanwhile that the session is alive."""
        opened = threading.Event()

        def tell() -> None:
            while not opened.wait(STATUS_SECONDS):
                self._write_status()

        telling = threading.Thread(target=tell, name="status", daemon=True)
        telling.start()
        try:
            info = self.source.open()
        finally:
            opened.set()
            telling.join()
        self.info = info
        return info

    def _run_with_stream(self, info: StreamInfo, seconds: float | None) -> dict[str, Any]:
        assert self.run_folder is not None
        rows = math.ceil(self.experiment.session.ring_seconds * info.rate)
        ring = self._ring = Ring.create(self.run_folder.raw, rows, info.n_channels, meta={"rate": info.rate})
        folder = self._make_folder(info)
        try:
            self._start_workers(folder)
        except ConfigError:
            shutil.rmtree(folder.path, ignore_errors=True)  # nothing was recorded
            raise
        acquisition = Acquisition(self.source, info, ring, self.run_folder, self.experiment.session.lost_after)
        recorder = Recorder(ring, info, self.run_folder, folder, tuple(self._workers), self._retrieving())
        self._acquisition, self._recorder = acquisition, recorder
        recorder.start()
        acquisition.start()
        self._state = "live"
        self._say(f"recording to {folder.path}")
        try:
            self._watch(seconds)
        finally:
            self._message = "ending: the last windows are being decided"
            self._write_status()
            acquisition.stop()
            acquisition.join(5.0)
            for worker in self._processes:
                worker.finish(FINISH_SECONDS)
            self._gather()
            recorder.stop(10.0)
            report = self._report(folder)
            self._keep(folder, report)
        return report

    def _make_folder(self, info: StreamInfo) -> SessionFolder:
        assert self.run_folder is not None
        settings = self.experiment.bank
        bank = None if settings is None else Bank.open(self.experiment.resolve(settings.path)).entry()
        root = self.experiment.recording.folder
        if self.experiment.path is not None:
            root = self.experiment.resolve(str(root))
        folder = SessionFolder.create(self._folder_wanted, self.experiment.name, root)
        self.folder = folder
        kept = folder.keep_models(self._models)
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
        return folder

    def _start_workers(self, folder: SessionFolder) -> None:
        assert self.run_folder is not None
        self._state = "starting"
        by_process: dict[str, list[DecoderConfig]] = {}
        for config in self.experiment.decoders:
            if config.name not in self._models:
                self._say(f"decoder {config.name} has no model yet: recording only (rtbci train makes one)")
                continue
            self._tallies[config.name] = DecoderTally(
                tuple(self.experiment.classes), trial_seconds=trial_seconds(self.experiment, config)
            )
            by_process.setdefault(config.process, []).append(config)
        workers = {name: WorkerProcess(configs, self.run_folder, folder.path) for name, configs in by_process.items()}
        self._workers = {name: workers[self.experiment.decoder(name).process] for name in self._tallies}
        for worker in self._processes:
            worker.start()
        if not self._workers:
            return
        self._start_renderer(folder)
        self._say(f"starting {', '.join(self._workers)} …")
        end = time.monotonic() + READY_SECONDS
        while time.monotonic() < end and not self._stop.is_set():
            wait_until_ready(self._processes, STATUS_SECONDS)
            self._write_status()
            if all(worker.settled for worker in self._processes):
                break
        for name, worker in self._workers.items():
            if worker.state == "failed":
                raise ConfigError(worker.problem or f"decoder {name} cannot work on this stream")
            if worker.state != "live":
                self._say(f"decoder {name} is not ready: {worker.problem or 'still loading'}; it joins later")
            self._hear(name, worker)

    def _start_renderer(self, folder: SessionFolder) -> None:
        """Have drawn what one decoder finds; a decision never waits for it, and no session ends without it."""
        settings, retrieving = self.experiment.renderer, self._retrieving()
        if settings is None:
            return
        name = settings.decoder or (retrieving[0] if retrieving else "")
        if name not in retrieving:
            self._say(
                f"note: nothing is drawn: {f'decoder {name}' if name else 'no decoder'} gives embeddings of the bank"
            )
            return
        assert self.run_folder is not None
        self._renderer = RenderProcess(self.run_folder, folder.path, name)
        self._renderer.start()

    def _watch_renderer(self) -> None:
        if self._renderer is None:
            return
        self._renderer.watch()
        problem = self._renderer.problem
        if problem and problem != self._renderer_said:
            self._say(f"renderer: {problem}")
        self._renderer_said = problem

    def _retrieving(self) -> tuple[str, ...]:
        """The decoders that may look in the experiment's bank: whose models embed."""
        if self.experiment.bank is None:
            return ()
        return tuple(
            name for name in self._workers if read_manifest(self._models[name])[name].get("space_id") is not None
        )

    @property
    def _processes(self) -> list[WorkerProcess]:
        """The workers, each once, whatever number of decoders it has."""
        return list(dict.fromkeys(self._workers.values()))

    def _watch(self, seconds: float | None) -> None:
        begun: float | None = None
        lost_told = False
        while not self._stop.is_set():
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
            self._stop.wait(TICK_SECONDS)

    def _tick(self) -> None:
        for name in self._restart_asked[:]:
            self._restart_asked.remove(name)
            self._workers[name].restart_now()
        for worker in self._processes:
            worker.watch()
        self._gather()
        self._watch_renderer()
        self._watch_window()
        if time.monotonic() - self._status_at >= STATUS_SECONDS:
            self._write_status()

    def _gather(self) -> None:
        """Count what the workers decided since the last look."""
        since = self._acquisition.first_time or 0.0
        for name, worker in self._workers.items():
            tally = self._tallies[name]
            for decision in worker.new_decisions(name):
                tally.add(decision)
                self.listener.decided(name, decision, tally.classes, since)
            self._hear(name, worker)
            assert self.run_folder is not None
            for fields in self._new_lines(self.run_folder.trials(name)):
                trial = Trial.from_json(fields)
                tally.trials.append(trial)
                self.listener.finished(name, trial, tally.classes)
            tally.found += [Found.from_json(fields) for fields in self._new_lines(self.run_folder.found(name))]

    def _hear(self, name: str, worker: WorkerProcess) -> None:
        """Take what the worker says of decoder ``name``; a note that it did not make before is told."""
        said, tally = worker.report(name), self._tallies[name]
        tally.skipped = max(tally.skipped, int(said.get("skipped", 0)))
        tally.over_gap = max(tally.over_gap, int(said.get("over_gap", 0)))
        tally.without_data = max(tally.without_data, int(said.get("without_data", 0)))
        tally.restarts, tally.problem = worker.restarts, worker.problem
        tally.device = said.get("device") or tally.device
        if said.get("state") == "live":
            notes = list(said.get("notes", ()))
            for note in notes:
                if note not in self._notes_told.get(name, ()):
                    self._say(f"note: {name}: {note}")
            self._notes_told[name] = notes

    def _new_lines(self, path: Path) -> list[dict[str, Any]]:
        """The JSON objects that were added to the file at ``path`` since the last look."""
        if not path.exists():
            return []
        first = self._bytes_read.get(path, 0)
        with path.open(
            "rb"
        ) as file:  # from there on alone: twenty looks a second, at what may be megabytes after an hour
            file.seek(first)
            fresh = file.read()
        whole = fresh.rfind(b"\n") + 1  # what follows the last line end is still being written
        self._bytes_read[path] = first + whole
        return [json.loads(line) for line in fresh[:whole].splitlines()]

    def _keep(self, folder: SessionFolder, report: dict[str, Any]) -> None:
        """Leave the report and the trials in the session folder; a folder that is gone costs nobody the report."""
        try:
            for name, tally in self._tallies.items():
                text = "".join(json.dumps(trial.as_json()) + "\n" for trial in tally.trials)
                (folder.decisions / f"{name}.trials.jsonl").write_text(text)
                if tally.found:
                    text = "".join(json.dumps(found.as_json()) + "\n" for found in tally.found)
                    (folder.decisions / f"{name}.found.jsonl").write_text(text)
            folder.write_report(report)
            folder.end()
        except (RecordingError, OSError) as error:
            self._say(f"the session folder could not be completed: {error}")
        folder.stop_log()

    def _report(self, folder: SessionFolder) -> dict[str, Any]:
        acquisition, recorder = self._acquisition, self._recorder
        assert self.info is not None
        ring_written = recorder.samples_written + recorder.samples_missed
        return {
            "name": self.experiment.name,
            "session": str(folder.path),
            "seconds": round((acquisition.last_time or 0.0) - (acquisition.first_time or 0.0), 3),
            "decoders": {name: tally.as_json() for name, tally in self._tallies.items()},
            "samples": {
                "received": self._received(),
                "lost": acquisition.lost_samples,
                "not_finite": acquisition.not_finite,
                "recorded": recorder.samples_written,
            },
            "gaps": self._n_gaps(),
            "markers": acquisition.n_markers,
            "recording": {
                "path": str(recorder.path),
                "bytes": recorder.bytes,
                "problem": recorder.problem,
                "samples_missed": max(recorder.samples_missed, self._received() - ring_written),
            },
            "problem": acquisition.problem,
        }

    def _received(self) -> int:
        return 0 if self._ring is None else self._ring.written

    def _n_gaps(self) -> int:
        return 0 if self._ring is None else self._ring.n_gaps

    # ------------------------------------------------------------------ what others see and ask

    def _write_status(self) -> None:
        assert self.run_folder is not None
        self._status_at = time.monotonic()
        replace_json(self.run_folder.status, self._status())

    def _status(self) -> dict[str, Any]:
        acquisition: Acquisition | None = getattr(self, "_acquisition", None)
        recorder: Recorder | None = getattr(self, "_recorder", None)
        info = self.info
        state = self._state
        message = self._message
        if state == "live" and acquisition is not None:
            state = {"starting": "connecting"}.get(acquisition.state, acquisition.state)
            message = message or acquisition.problem
        elif state == "starting":
            message = "decoders are loading; samples flow when they are ready"
        return {
            "state": state,
            "time": self.source.now() if info is not None else time.monotonic(),
            "monotonic": time.monotonic(),
            "name": self.experiment.name,
            "session": str(self.folder.path) if self.folder else "",
            "pid": os.getpid(),
            "started": acquisition.first_time if acquisition else None,
            "seconds_left": None if self._until is None else max(0.0, self._until - time.monotonic()),
            "message": message,
            "experiment": str(self.experiment.path) if self.experiment.path else None,
            "stream": stream_status(info, self.source),
            "samples": {
                "received": self._received(),
                "lost": acquisition.lost_samples if acquisition else 0,
            },
            "gaps": self._n_gaps(),
            "last_sample_time": acquisition.last_time if acquisition else None,
            "recording": recording_status(recorder),
            "renderer": None if self._renderer is None else self._renderer.status(),
            "decoders": {
                name: decoder_status(self.experiment.decoder(name), worker, self._tallies[name], self.experiment)
                for name, worker in self._workers.items()
            },
        }

    def _command(self, command: dict[str, Any]) -> dict[str, Any]:
        """Answer one control command; called from the control server's thread."""
        match command:
            case {"do": "stop"}:
                self.stop()
                return {"ok": True}
            case {"do": "mark", "label": str(label)} if label:
                return self._mark(label)
            case {"do": "restart", "decoder": str(name)} if name in self._workers:
                self._restart_asked.append(name)
                return {"ok": True}
            case {"do": "status"}:
                return {"ok": True, "status": self._status()}
        return {
            "error": f'unknown command {json.dumps(command)[:200]}; there are {{"do": "stop"}}, {{"do": "status"}}, '
            f'{{"do": "mark", "label": TEXT}} and {{"do": "restart", "decoder": one of {sorted(self._workers)}}}'
        }

    def _mark(self, label: str) -> dict[str, Any]:
        acquisition: Acquisition | None = getattr(self, "_acquisition", None)
        if acquisition is None or not acquisition.is_alive():
            return {"error": "nothing is being recorded yet; mark again when samples flow"}
        marker = Marker(self.source.now(), label, None, "experimenter")
        acquisition.add_marker(marker)
        return {"ok": True, "marker": marker_to_json(marker)}

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
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), lambda number, frame: session.stop())


__all__ = ["Listener", "RecordingError", "Session", "SourceError", "stop_on_signals"]
