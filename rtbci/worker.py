"""The worker process of one decoder: raw ring in, decisions out. The only process of a session that runs plugin code.

Started by the session as ``python -m rtbci.worker RUN_FOLDER SESSION_FOLDER DECODER``. It may crash, hang or be killed at
any instant: it holds nothing that anybody waits for.
"""

from __future__ import annotations

import json
import os
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rtbci import assemble, config, learnt
from rtbci.config import DecoderConfig, Experiment
from rtbci.errors import ConfigError, ModelError, Overrun, RtbciError, TransformError
from rtbci.pipeline import Pipeline
from rtbci.ring import BUSY
from rtbci.runfolder import DecisionRing, RunFolder, replace_json
from rtbci.sources.ring import RingSource
from rtbci.trials import Trial
from rtbci.types import Decision, StreamInfo
from rtbci.warming import warm_up

REPORT_SECONDS = 0.25
SETTLE_SECONDS = 5.0
"""A worker that is restarted in mid-stream begins this long (and two windows) before the newest sample, so that its
filters have settled when the first window is due; longer where a transform asks for it (``settle_seconds``)."""


class Worker:
    """Decides for one decoder until its session ends.

    ::

        load -> warm up -> [wait for the samples of the next window -> transform -> newest window -> decide] -> end

    What a decoder learns while it runs is written to the run folder after every trial. A worker that is restarted goes on
    with it, and leaves a copy in the session's folder for the origin at which it began anew (`rtbci.learnt`).
    """

    def __init__(self, run: RunFolder, session: Path, name: str) -> None:
        self.run_folder = run
        self.name = name
        fields = json.loads((session / "session.json").read_text())
        path = fields.get("experiment_path")
        text = (session / "experiment.toml").read_text()
        self.experiment: Experiment = config.loads(text, Path(path) if path else None)
        self.config: DecoderConfig = self.experiment.decoder(name)
        self.model_path = Path(fields["models"][name])
        self.counts: dict[str, Any] = {"skipped": 0, "over_gap": 0, "without_data": 0}
        self.notes: tuple[str, ...] = ()
        self._over_gap_before = 0
        self._parent = os.getppid()
        self._told = 0.0
        self._trials_told: set[float] = set()
        self._session = session
        self._adapted = 0

    def say(self, state: str, problem: str | None = None, fatal: bool = False) -> None:
        """Tell the session how it goes."""
        replace_json(
            self.run_folder.worker(self.name),
            {
                "state": state,
                "pid": os.getpid(),
                "problem": problem,
                "fatal": fatal,
                "notes": list(self.notes),
                **self.counts,
            },
        )
        self._told = time.monotonic()

    def run(self) -> None:
        """Load, warm up, decide; returns when the session's stream has ended."""
        self.say("starting")
        assemble.limit_threads()
        info, _ = self.run_folder.read_stream()
        self.fitted = self._load(info)
        self.notes = self.fitted.notes
        warm_up(self.experiment, self.config, self.fitted, info)
        if self.config.adapt:
            self.fitted = self._load(info)  # what the warm-up has taught it is nonsense
            self._remember_learnt(info)
        decisions = self._decision_ring()
        self._remember_trials()
        pipeline = self._begin(decisions, first=None if decisions.count == 0 else -1)
        self.say("live")
        try:
            self._decide(pipeline, decisions)
        finally:
            decisions.close()

    def _load(self, info: StreamInfo) -> assemble.Fitted:
        model = assemble.load_models(self.experiment, self.model_path, [self.name])[self.name]
        return assemble.fit_to_stream(model, info)

    def _remember_learnt(self, info: StreamInfo) -> None:
        """After a restart: what the decoder had learnt from this session's trials."""
        path = self.run_folder.learnt(self.name)
        if not path.exists():
            return
        try:
            self._adapted = learnt.read(path, self.fitted.model.decoder)
        except ModelError as error:
            note = f"{error}; {self.name} began again with its model, without what it had learnt while it ran"
            print(f"{self.name}: {note}", flush=True)
            self.notes = (*self.notes, note)
            self.fitted = self._load(info)  # the damaged one may have been taken in half

    def _keep_learnt(self, path: Path) -> None:
        """Write what the decoder has learnt so far; a disk that fails ends no session."""
        try:
            learnt.write(path, self.fitted.model.decoder, self._adapted)
        except OSError as error:
            note = f"{path}: what was learnt cannot be kept ({error.strerror})"
            if note not in self.notes:
                print(f"{self.name}: {note}", flush=True)
                self.notes = (*self.notes, note)

    def _decision_ring(self) -> DecisionRing:
        path = self.run_folder.decisions(self.name)
        if path.exists():
            return DecisionRing.attach(path)
        return DecisionRing.create(
            path, tuple(self.experiment.classes), self.config.hop or self.config.window, self.config.window
        )

    def _settle_seconds(self) -> float:
        """How much signal the slowest transform needs before it is itself again; the ring may hold less."""
        steps = assemble.make_transforms(self.experiment, self.config)
        return max([SETTLE_SECONDS, *(float(getattr(step, "settle_seconds", 0.0)) for step in steps)])

    def _begin(self, decisions: DecisionRing, first: int | None) -> Pipeline:
        """A pipeline from sample ``first`` of the ring; None: from its oldest; -1: in mid-stream, after a break."""
        source = RingSource(self.run_folder, first=0)
        info = source.open()
        ring = source.ring
        if first is None:
            source.index = ring.oldest
        else:
            settle = int((self._settle_seconds() + 2 * self.config.window) * info.rate)
            newest = decisions.newest()
            # never the origin of an earlier run, so that the log tells the runs apart
            after = 0 if newest is None else newest.origin + 1
            source.index = min(max(ring.oldest, ring.written - settle, after), ring.written)
        pipeline = assemble.make_pipeline(
            self.experiment,
            self.config,
            source,
            info,
            self.fitted.model.decoder,
            self.fitted.channels,
            origin=source.index,
            calibrated=self.fitted.model.calibrated,
        )
        newest = decisions.newest()
        if newest is not None:
            pipeline.forget_before(newest.start, newest.skipped)
        # all markers of the session are heard again
        pipeline.trials.leave_out(self._trials_told)
        pipeline.go_on_adapting(self._adapted)
        if self._adapted:
            self._keep_learnt(learnt.kept_for(self._session, self.name, source.index))
        self._source = source
        return pipeline

    def _decide(self, pipeline: Pipeline, decisions: DecisionRing) -> None:
        ended = False
        while not ended:
            self._source.wait_for(pipeline.next_needed(), 0.05)
            try:
                pipeline.ingest(0.0)
            except EOFError:
                ended = True
            except Overrun as overrun:
                print(f"{self.name}: too slow, {overrun}; beginning again with the newest samples", flush=True)
                self._over_gap_before = self.counts["over_gap"]
                self._source.close()
                pipeline = self._begin(decisions, first=-1)
                continue
            while (window := pipeline.next_window()) is not None:
                if pipeline.newer_is_due():
                    pipeline.skip(window)
                    continue
                decisions.ring.set_word(BUSY, time.monotonic_ns())
                try:
                    decision: Decision = pipeline.decode(window)
                finally:
                    decisions.ring.set_word(BUSY, 0)  # a worker that is dying of an exception does not hang
                decisions.add(decision)
                if decision.adapted != self._adapted:
                    self._adapted = decision.adapted
                    self._keep_learnt(self.run_folder.learnt(self.name))
            self._tell_trials(pipeline.finished_trials(ended))
            self.counts = {
                "skipped": pipeline.skipped,
                "over_gap": self._over_gap_before + pipeline.over_hole,
                "without_data": pipeline.trials.without_data,  # a second pipeline hears all markers again
            }
            if time.monotonic() - self._told > REPORT_SECONDS:
                self.say("live")
                if os.getppid() != self._parent:
                    print("the session is gone; ending", flush=True)
                    return
        self.say("ended")

    def _trials_path(self) -> Path:
        return self.run_folder.trials(self.name)

    def _remember_trials(self) -> None:
        """After a restart: which trials were told already."""
        if self._trials_path().exists():
            lines = self._trials_path().read_text().splitlines()
            self._trials_told = {float(json.loads(line)["time"]) for line in lines}

    def _tell_trials(self, trials: Sequence[Trial]) -> None:
        fresh = [trial for trial in trials if trial.time not in self._trials_told]
        if fresh:
            self._trials_told.update(trial.time for trial in fresh)
            with self._trials_path().open("a") as file:
                file.write("".join(json.dumps(trial.as_json()) + "\n" for trial in fresh))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one worker; 0: its session has ended, 2: it cannot work (the reason is in its status), 1: it crashed."""
    run, session, name = sys.argv[1:] if arguments is None else arguments
    folder = RunFolder(Path(run))
    try:
        worker = Worker(folder, Path(session), name)
        worker.run()
    except (ConfigError, ModelError, TransformError) as error:
        # starting again would not help: the session is told, and stops asking
        _last_words(folder, name, str(error), fatal=True)
        return 2
    except RtbciError as error:
        if error.__cause__ is not None:
            traceback.print_exception(error.__cause__)  # a plugin's own mistake: its author finds all of it in the log
        _last_words(folder, name, str(error), fatal=False)
        return 1
    except Exception as error:  # noqa: BLE001 - a plugin may raise anything; its author is told where
        traceback.print_exc()
        frame = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{Path(frame.filename).name}:{frame.lineno}"
        _last_words(folder, name, f"raised {type(error).__name__}: {error} ({place})", fatal=False)
        return 1
    return 0


def _last_words(run: RunFolder, name: str, problem: str, fatal: bool) -> None:
    print(f"{name}: {problem}", flush=True)
    if run.path.exists():
        replace_json(
            run.worker(name), {"state": "failed", "pid": os.getpid(), "problem": problem, "fatal": fatal, "notes": []}
        )


if __name__ == "__main__":
    raise SystemExit(main())
