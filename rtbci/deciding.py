"""One decoder of a worker: its model, its pipeline on the session's ring, and all that it leaves behind.

In the run folder these are its decisions, trials, status and what it has learnt; in the session's folder, the origins at
which it began.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rtbci import assemble, learnt, origins
from rtbci.config import DecoderConfig, Experiment
from rtbci.devices import device_of
from rtbci.errors import ModelError
from rtbci.host import GpuMemory
from rtbci.interfaces import Decoder
from rtbci.origins import Origin
from rtbci.pipeline import Pipeline
from rtbci.recording.growing_file import append_whole, cut_line
from rtbci.retrieved import Found, RetrievedRing
from rtbci.runfolder import DecisionRing, RunFolder, replace_json
from rtbci.sources.ring import RingSource
from rtbci.stages import StageRing
from rtbci.trials import Trial
from rtbci.types import Decision, Retrieved, StreamInfo, Window
from rtbci.warming import warm_up

if TYPE_CHECKING:
    from rtbci.bank.retriever import Index

REPORT_SECONDS = 0.25
SETTLE_SECONDS = 5.0
"""A decoder that is restarted in mid-stream begins this long (and two windows) before the newest sample, so that its
filters have settled when the first window is due; longer where a transform asks for it (``settle_seconds``)."""


class Decider:
    """Decides with one decoder until its session ends.

    ::

        load() -> begin() -> [take() samples -> due() window -> publish() decision -> tell()] -> ended

    What a decoder learns while it runs is written to the run folder after every trial. One that is restarted goes on with
    it, and leaves a copy in the session's folder for the origin at which it began anew (`rtbci.learnt`).

    Parameters
    ----------
    model : file that holds the decoder's model.
    device : what it is to run on, where it uses devices; None: as the experiment says.

    Attributes
    ----------
    pipeline, source : what it decides with, and the ring as it reads it; `begin` comes first.
    ended : whether the session's stream has ended, and all of it was taken.
    """

    pipeline: Pipeline
    source: RingSource

    def __init__(
        self, run: RunFolder, session: Path, experiment: Experiment, name: str, model: Path, device: str | None
    ) -> None:
        self.name = name
        self.config: DecoderConfig = experiment.decoder(name)
        self.n_classes = len(experiment.classes)
        self.counts: dict[str, Any] = {"skipped": 0, "over_gap": 0, "without_data": 0}
        self.notes: tuple[str, ...] = ()
        self.ended = False
        self._run = run
        self._session = session
        self._experiment = experiment
        self._model = model
        self._wanted_device = device
        self._device: str | None = None
        self._over_gap_before = 0
        self._told = 0.0
        self._trials_told: set[float] = set()
        self._untold: list[Trial] = []
        self._untold_found: list[Found] = []
        self._adapted = 0
        self._index: Index | None = None
        self._retrieved: RetrievedRing | None = None
        self._began = self._cut = self._asked = 0.0
        self._gpu = GpuMemory()

    @property
    def decoder(self) -> Decoder:
        """The decoder itself; `load` comes first."""
        return self._fitted.model.decoder

    @property
    def retrieves(self) -> bool:
        """Whether it looks in a bank for what was seen; `load` comes first."""
        return self._index is not None

    def say(self, state: str) -> None:
        """Tell the session how it goes, as far as there is room for it in the run folder: decisions need none."""
        said = {
            "state": state,
            "pid": os.getpid(),
            "problem": None,
            "fatal": False,
            "device": self._device,
            "notes": list(self.notes),
            "gpu": self._gpu.look(),
            **self.counts,
        }
        try:
            replace_json(self._run.worker(self.name), said)
        except OSError as error:
            self._note(f"how it goes could not be told for a while: {error.strerror}")
        self._told = time.monotonic()

    # ------------------------------------------------------------------ beginning

    def load(self, info: StreamInfo) -> Window | None:
        """Load the model and warm it up; a window of noise that it has decided."""
        self._fitted = self._load(info)
        self.notes = self._fitted.notes
        self._index = assemble.open_bank(self._experiment, self.config, self.decoder)
        noise = warm_up(self._experiment, self.config, self._fitted, info, self._index)
        if self.config.adapt:
            self._fitted = self._load(info)  # what the warm-up has taught it is nonsense
            self._remember_learnt(info)
        self._decisions = self._decision_ring()
        path = self._run.stages(self.name)
        self._stages = StageRing.attach(path) if path.exists() else StageRing.create(path)
        self._remember_trials()
        return noise

    def _load(self, info: StreamInfo) -> assemble.Fitted:
        model = assemble.load_models(self._experiment, self._model, [self.name], self._wanted_device)[self.name]
        return assemble.fit_to_stream(model, info)

    def _note(self, note: str) -> None:
        if note not in self.notes:
            print(f"{self.name}: {note}", flush=True)
            self.notes = (*self.notes, note)

    def _remember_learnt(self, info: StreamInfo) -> None:
        """After a restart: what the decoder had learnt from this session's trials."""
        path = self._run.learnt(self.name)
        if not path.exists():
            return
        try:
            self._adapted = learnt.read(path, self.decoder)
        except ModelError as error:
            self._note(f"{error}; {self.name} began again with its model, without what it had learnt while it ran")
            self._fitted = self._load(info)  # the damaged one may have been taken in half

    def _decision_ring(self) -> DecisionRing:
        path = self._run.decisions(self.name)
        if path.exists():
            return DecisionRing.attach(path)
        return DecisionRing.create(
            path, tuple(self._experiment.classes), self.config.hop or self.config.window, self.config.window
        )

    def _settle_seconds(self) -> float:
        """How much signal the slowest transform needs before it is itself again; the ring may hold less."""
        steps = assemble.make_transforms(self._experiment, self.config, self._fitted.model.calibrated)
        return max([SETTLE_SECONDS, *(float(getattr(step, "settle_seconds", 0.0)) for step in steps)])

    def begin(self, anew: bool = False) -> None:
        """Begin with the oldest sample of the ring, or in mid-stream: ``anew``, or after a worker that has died."""
        source = RingSource(self._run, first=0)
        info = source.open()
        ring = source.ring
        newest = self._decisions.newest()
        if newest is None and not anew:
            source.index = ring.oldest
        else:
            settle = int((self._settle_seconds() + 2 * self.config.window) * info.rate)
            # never the origin of an earlier run, so that the log tells the runs apart
            after = 0 if newest is None else newest.origin + 1
            source.index = min(max(ring.oldest, ring.written - settle, after), ring.written)
        pipeline = assemble.make_pipeline(
            self._experiment,
            self.config,
            source,
            info,
            self.decoder,
            self._fitted.channels,
            origin=source.index,
            calibrated=self._fitted.model.calibrated,
        )
        if self._index is not None:
            if not assemble.knows_rest(self._fitted.model.rest, self._index):
                self._note(
                    "its model knows too little of rest in this bank: a picture is claimed by its probability alone"
                )
            assemble.retrieve_in(self._experiment, self._index, pipeline, self._fitted.model.rest)
        if newest is not None:
            pipeline.forget_before(newest.start, newest.skipped)
        # all markers of the session are heard again
        pipeline.leave_out(self._trials_told)
        pipeline.go_on_adapting(self._adapted)
        if self._adapted:
            self._keep_learnt(learnt.kept_for(self._session, self.name, source.index))
        self.source, self.pipeline = source, pipeline
        if (device := device_of(self.decoder)) is not None and device != self._device:
            self._note(f"runs on {device}" + (", because a device was lost" if self._wanted_device else ""))
        self._device = device
        for note in getattr(self.decoder, "notes", ()):
            self._note(str(note))

    def begin_again(self) -> None:
        """Begin anew with the newest samples: those that were to come next have been overwritten."""
        self._over_gap_before = self.counts["over_gap"]
        self.source.close()
        self.begin(anew=True)

    def keep_origin(self, exact: bool) -> None:
        """Write to the session's folder where it began, and whether it decides alone; a disk that fails ends no session."""
        path = origins.kept_for(self._session, self.name)
        try:
            origins.add(path, Origin(self.pipeline.origin, self._device, exact))
        except OSError as error:
            self._note(f"{path}: where it began cannot be kept ({error.strerror})")

    # ------------------------------------------------------------------ deciding

    def take(self) -> None:
        """Take what the session has received. Raises Overrun when that has been overwritten."""
        if not self.ended:
            try:
                self.pipeline.ingest(0.0)
            except EOFError:
                self.ended = True

    def due(self) -> Window | None:
        """The next window that is to be decided, or None; the older ones of several that have come are skipped."""
        while (window := self.pipeline.next_window()) is not None:
            if not self.pipeline.newer_is_due():
                self._began, self._cut = self.pipeline.began, self.source.now()
                return window
            self.pipeline.skip(window)
        return None

    def busy(self, since: int) -> None:
        """Let the session see since when it has been deciding, in ns of the monotonic clock; 0: it is not."""
        if since:
            self._asked = self.source.now()
        self._decisions.busy(since)

    def publish(self, decision: Decision) -> None:
        """Let the session see ``decision``, and what was found with it."""
        if (retrieved := self.pipeline.retrieved) is not None:
            self._retrieved_ring(retrieved).add(retrieved)
        self._decisions.add(decision)
        self._stages.note(decision, self._began, self._cut, self._asked)
        if decision.adapted != self._adapted:
            self._adapted = decision.adapted
            self._keep_learnt(self._run.learnt(self.name))

    def _retrieved_ring(self, first: Retrieved) -> RetrievedRing:
        """The ring of what is found, made for what is found ``first``."""
        if self._retrieved is None:
            assert self._index is not None
            path, bank = self._run.retrieved(self.name), self._index.bank
            sizes = len(first.items), len(first.embedding), len(bank.items)
            if path.exists():
                self._retrieved = RetrievedRing.attach(path)
            if (
                self._retrieved is None or self._retrieved.sizes != sizes
            ):  # the bank was replaced while a worker was away
                self._retrieved = RetrievedRing.create(path, *sizes, bank.path)
        return self._retrieved

    def _keep_learnt(self, path: Path) -> None:
        """Write what the decoder has learnt so far; a disk that fails ends no session."""
        try:
            learnt.write(path, self.decoder, self._adapted)
        except OSError as error:
            self._note(f"{path}: what was learnt cannot be kept ({error.strerror})")

    # ------------------------------------------------------------------ telling

    def tell(self) -> None:
        """Tell the session of finished trials, and now and then how it goes."""
        self._tell_trials(self.pipeline.finished_trials(self.ended))
        self._untold_found += self.pipeline.found()
        if self._append(self._run.found(self.name), self._untold_found):
            self._untold_found = []
        self.counts = {
            "skipped": self.pipeline.skipped,
            "over_gap": self._over_gap_before + self.pipeline.over_hole,
            "without_data": self.pipeline.trials.without_data,  # a second pipeline hears all markers again
        }
        if time.monotonic() - self._told > REPORT_SECONDS:
            self._stages.publish()
            self.say("live")
        self._decisions.took(self.pipeline.received)  # last: who sees it finds all that was decided by then

    def _remember_trials(self) -> None:
        """After a restart: which trials were told already; of a line that a kill has cut short, nothing was."""
        for path in (self._run.trials(self.name), self._run.found(self.name)):
            if path.exists():
                cut_line(path)
        path = self._run.trials(self.name)
        if path.exists():
            self._trials_told = {float(json.loads(line)["time"]) for line in path.read_text().splitlines()}

    def _tell_trials(self, trials: Sequence[Trial]) -> None:
        fresh = [trial for trial in trials if trial.time not in self._trials_told]
        self._trials_told.update(trial.time for trial in fresh)
        self._untold += fresh
        if self._append(self._run.trials(self.name), self._untold):
            self._untold = []

    def _append(self, path: Path, told: Sequence[Trial] | Sequence[Found]) -> bool:
        """Add a line each to the file ``path``, which the session reads; False where there is no room: try again later."""
        if not told:
            return True
        try:
            append_whole(path, "".join(json.dumps(one.as_json()) + "\n" for one in told).encode(), sync=False)
        except OSError as error:
            self._note(f"{path.name} could not be written for a while: {error.strerror}")
            return False
        return True

    def close(self) -> None:
        """Let go of the rings."""
        self._decisions.close()
        self._stages.publish()
        self._stages.close()
        if self._retrieved is not None:
            self._retrieved.close()
