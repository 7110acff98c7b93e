"""The processes that work for one session: its workers, and the renderer where the experiment has one."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from rtbci.config import DecoderConfig, Experiment
from rtbci.errors import ConfigError
from rtbci.model import read_manifest
from rtbci.recording.session_folder import SessionFolder
from rtbci.render_process import RenderProcess
from rtbci.report import DecoderTally, trial_seconds
from rtbci.runfolder import RunFolder
from rtbci.supervision import WorkerProcess, wait_until_ready
from rtbci.tallying import Tallying

READY_SECONDS = 60.0
"""How long the start may wait for the slowest decoder; after that it joins when it is ready."""
LOOK_SECONDS = 0.1
"""Between two looks at whether they are ready."""


class Crew:
    """Starts the processes of one session, looks after them, and ends them; used by the session's main loop alone.

    Parameters
    ----------
    models : model file by decoder name; decoders without one are not run, and that is ``said``.

    Attributes
    ----------
    workers : the worker of each decoder, one for several where they share it.
    """

    def __init__(self, experiment: Experiment, models: Mapping[str, Path], said: Callable[[str], None]) -> None:
        self.experiment = experiment
        self.models = dict(models)
        self.workers: dict[str, WorkerProcess] = {}
        self._said = said
        self._renderer: RenderProcess | None = None
        self._renderer_said: str | None = None

    def make(self, run: RunFolder, folder: SessionFolder, tallying: Tallying) -> None:
        """Make the workers, which do not run yet, and a tally for each decoder."""
        by_process: dict[str, list[DecoderConfig]] = {}
        for config in self.experiment.decoders:
            if config.name not in self.models:
                self._said(f"decoder {config.name} has no model yet: recording only (rtbci train makes one)")
                continue
            tallying.tallies[config.name] = DecoderTally(
                tuple(self.experiment.classes), trial_seconds=trial_seconds(self.experiment, config)
            )
            by_process.setdefault(config.process, []).append(config)
        workers = {name: WorkerProcess(configs, run, folder.path) for name, configs in by_process.items()}
        self.workers = {name: workers[self.experiment.decoder(name).process] for name in tallying.tallies}

    def start(self, run: RunFolder, folder: SessionFolder, tallying: Tallying, go_on: Callable[[], bool]) -> None:
        """Start all, and wait until each worker is ready or will not be so soon; ``go_on`` is asked ten times a second.

        Raises ConfigError when a decoder cannot work on this stream.
        """
        for worker in self.processes:
            worker.start()
        if not self.workers:
            return
        self._start_renderer(run, folder)
        self._said(f"starting {', '.join(self.workers)} …")
        end = time.monotonic() + READY_SECONDS
        while time.monotonic() < end and go_on():
            wait_until_ready(self.processes, LOOK_SECONDS)
            if all(worker.settled for worker in self.processes):
                break
        for name, worker in self.workers.items():
            if worker.state == "failed":
                raise ConfigError(worker.problem or f"decoder {name} cannot work on this stream")
            if worker.state != "live":
                self._said(f"decoder {name} is not ready: {worker.problem or 'still loading'}; it joins later")
            tallying.hear(name, worker)

    def _start_renderer(self, run: RunFolder, folder: SessionFolder) -> None:
        """Have drawn what one decoder finds; a decision never waits for it, and no session ends without it."""
        settings, retrieving = self.experiment.renderer, self.retrieving()
        if settings is None:
            return
        name = settings.decoder or (retrieving[0] if retrieving else "")
        if name not in retrieving:
            self._said(
                f"note: nothing is drawn: {f'decoder {name}' if name else 'no decoder'} gives embeddings of the bank"
            )
            return
        self._renderer = RenderProcess(run, folder.path, name)
        self._renderer.start()

    def retrieving(self) -> tuple[str, ...]:
        """The decoders that may look in the experiment's bank: whose models embed."""
        if self.experiment.bank is None:
            return ()
        return tuple(
            name for name in self.workers if read_manifest(self.models[name])[name].get("space_id") is not None
        )

    def watch(self) -> None:
        """Look after all of them once."""
        for worker in self.processes:
            worker.watch()

    def watch_renderer(self) -> None:
        """Look after the renderer once, and tell what is wrong with it."""
        if self._renderer is None:
            return
        self._renderer.watch()
        problem = self._renderer.problem
        if problem and problem != self._renderer_said:
            self._said(f"renderer: {problem}")
        self._renderer_said = problem

    @property
    def processes(self) -> list[WorkerProcess]:
        """The workers, each once, whatever number of decoders it has."""
        return list(dict.fromkeys(self.workers.values()))

    def pids(self) -> list[int]:
        """Ids of the processes that run."""
        pids = (*(worker.pid for worker in self.processes), None if self._renderer is None else self._renderer.pid)
        return [pid for pid in pids if pid is not None]

    def gpus(self) -> list[list[dict[str, Any]]]:
        """What each live worker has said of GPUs."""
        live = [(name, worker) for name, worker in self.workers.items() if worker.state == "live"]
        return [worker.report(name).get("gpu", []) for name, worker in live]

    def renderer_status(self) -> dict[str, Any] | None:
        """How the renderer is doing; None where there is none."""
        return None if self._renderer is None else self._renderer.status()

    def finish(self, seconds: float) -> None:
        """Let every worker decide what has come, for at most ``seconds`` each, then end it."""
        for worker in self.processes:
            worker.finish(seconds)

    def close(self) -> None:
        """End all of them now."""
        for worker in self.processes:
            worker.finish(0.0)
            worker.close()
        if self._renderer is not None:
            self._renderer.close()
