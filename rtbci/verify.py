"""Verification: a recorded session is run again from its own recording, and every decision is compared with the log.

A worker that was restarted has left decisions of several *origins* (the sample from which its transforms ran without a
break); each origin is run again from there. Windows that were skipped live are skipped again, so that the evidence has the
same past. What is compared, bit for bit: sample indices, signal time, log-probabilities, evidence, answer.

A decoder that adapts learns again from the same trials in the same order, before the decision that the log says was the
first after it: a marker may have come late. Where it began anew with what it had learnt, it is given the copy of that.
"""

from __future__ import annotations

import json
import math
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from rtbci import assemble, config, learnt
from rtbci.config import DecoderConfig, Experiment
from rtbci.errors import ModelError, RecordingError
from rtbci.interfaces import Source
from rtbci.learning import Named
from rtbci.model import Model
from rtbci.pipeline import Pipeline, aligned_empty
from rtbci.recording.session_folder import SessionFolder
from rtbci.runfolder import decision_from_json
from rtbci.training import Progress
from rtbci.types import Decision, Marker, Samples, StreamInfo, Times, Window
from rtbci.verdict import SHOWN, DecoderVerdict, Verdict


class _From:
    """A recording from absolute sample ``origin`` on, as a worker that began there saw the ring."""

    def __init__(self, source: Source, origin: int) -> None:
        self._source = source
        self._origin = origin

    def open(self) -> StreamInfo:
        info = self._source.open()
        left = self._origin
        while left > 0:
            rows = min(left, 8192)
            left -= self._source.read(np.empty((rows, info.n_channels), np.float32), np.empty(rows, np.float64), 1.0)
        return info

    def read(self, samples: Samples, times: Times, timeout: float) -> int:
        return self._source.read(samples, times, timeout)

    def markers(self) -> Sequence[Marker]:
        return self._source.markers()

    def now(self) -> float:
        return self._source.now()

    def close(self) -> None:
        self._source.close()


def verify(path: Path, progress: Progress = lambda text: None) -> Verdict:
    """Run the session in folder ``path`` again and compare.

    Raises
    ------
    RecordingError
        When the folder is no session, or lacks its recording, model or log.
    """
    folder = SessionFolder.open(path)
    fields = folder.read()
    experiment_path = fields.get("experiment_path")
    try:
        text = folder.experiment.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RecordingError(
            f"{folder.experiment} cannot be read ({error}); the session's copy of its experiment is needed"
        ) from error
    experiment = config.loads(text, Path(experiment_path) if experiment_path else None)
    assemble.limit_threads()
    _refuse_holes(folder)
    verdicts: dict[str, DecoderVerdict] = {}
    for name, model_name in fields.get("models", {}).items():
        # the copy in the folder is what ran, wherever the folder has been moved since
        model_path = folder.path / Path(model_name).name
        if not model_path.exists():
            raise RecordingError(f"{model_path}: the session's copy of its model is missing; nothing can be compared")
        logged = _read_log(folder.decision_log(name))
        progress(f"{name}: {len(logged)} decisions in the log")
        again = _Again(experiment, experiment.decoder(name), model_path, folder, progress)
        verdicts[name] = again.verify(logged)
    return Verdict(folder.path, verdicts)


def _refuse_holes(folder: SessionFolder) -> None:
    """Refuse a recording that the disk was too slow for: its samples are no longer numbered as they were live."""
    if not folder.report.exists():
        return  # the session was killed; what was recorded up to then is whole
    try:
        missed = int(json.loads(folder.report.read_text())["recording"]["samples_missed"])
        stopped = json.loads(folder.report.read_text())["recording"]["problem"]
    except (ValueError, KeyError, TypeError) as error:
        raise RecordingError(
            f"{folder.report} is not the report of a session ({error!r}); it has been changed"
        ) from error
    if missed and not stopped:
        raise RecordingError(
            f"{folder.recording} lacks {missed} samples that the disk was too slow for; what came after them cannot be "
            "compared"
        )


def _read_log(path: Path) -> list[Decision]:
    if not path.exists():
        return []
    decisions = []
    lines = path.read_text().split("\n")
    for number, line in enumerate(lines, 1):
        if not line:
            continue
        try:
            decisions.append(decision_from_json(json.loads(line)))
        except (ValueError, KeyError, TypeError) as error:
            if number == len(lines):  # the session was killed in the middle of this line
                break
            raise RecordingError(
                f"{path} line {number}: is not a decision ({error}); the log has been changed"
            ) from error
    return decisions


Key = tuple[int, int, float]


def _key(start: int, stop: int, marker_time: float) -> Key:
    return start, stop, -1.0 if math.isnan(marker_time) else marker_time


class _Again:
    """One decoder of a session, run again."""

    def __init__(
        self, experiment: Experiment, config: DecoderConfig, model: Path, folder: SessionFolder, progress: Progress
    ) -> None:
        self.experiment = experiment
        self.config = config
        self.model_path = model
        self.folder = folder
        self.progress = progress
        self.order = _learnt_from(folder, config) if config.adapt else ()
        self.model = self._load()

    def _load(self) -> Model:
        name = self.config.name
        return assemble.load_models(self.experiment, self.model_path, [name])[name]

    def verify(self, logged: Sequence[Decision]) -> DecoderVerdict:
        """Run every origin of ``logged`` again and compare."""
        verdict = DecoderVerdict(skipped=max((d.skipped for d in logged), default=0))
        for origin in dict.fromkeys(decision.origin for decision in logged):
            wanted = {_key(d.start, d.stop, d.marker_time): d for d in logged if d.origin == origin}
            self.progress(f"{self.config.name}: running {len(wanted)} decisions again from sample {origin}")
            self._run(origin, wanted, verdict)
        return verdict

    def _run(self, origin: int, wanted: dict[Key, Decision], verdict: DecoderVerdict) -> None:
        from rtbci.sources.file import FileSource

        source = _From(FileSource(str(self.folder.recording)), origin)
        try:
            info = source.open()
            adapted = self._go_back(origin)
            fitted = assemble.fit_to_stream(self.model, info)
            pipeline = assemble.make_pipeline(
                self.experiment,
                self.config,
                source,
                info,
                fitted.model.decoder,
                fitted.channels,
                origin=origin,
                calibrated=fitted.model.calibrated,
            )
            pipeline.go_on_adapting(adapted, self.order)
            for key, window in self._windows(pipeline, wanted):
                before = wanted.pop(key)
                verdict.compared += 1
                difference = _difference(before, pipeline.decode(window, before.adapted))
                if difference is None:
                    verdict.equal += 1
                elif len(verdict.examples) < SHOWN:
                    verdict.examples.append(difference)
            _count_missing(wanted, pipeline, verdict)
        finally:
            source.close()

    def _go_back(self, origin: int) -> int:
        """Make the decoder what it was when it began at ``origin``; from how many trials it had learnt then."""
        if not self.config.adapt:
            return 0
        self.model = self._load()
        kept = learnt.kept_for(self.folder.path, self.config.name, origin)
        if not kept.exists():
            return 0
        try:
            return learnt.read(kept, self.model.decoder)
        except ModelError as error:
            raise RecordingError(f"{error}; what was decided from sample {origin} on cannot be compared") from error

    def _windows(self, pipeline: Pipeline, wanted: Mapping[Key, Decision]) -> Iterator[tuple[Key, Window]]:
        """The ``wanted`` windows; those of a decoder that adapts in the order in which they were decided live.

        They differ only in windows locked to a marker, which may have come after that of a later window.
        """
        waits = self.config.adapt and pipeline.hop is None
        turns = deque(wanted)
        held: dict[Key, Window] = {}
        ended = False
        while wanted and not ended:
            try:
                pipeline.ingest(1.0)
            except EOFError:
                ended = True
            while (window := pipeline.next_window()) is not None:
                key = _key(window.start, window.stop, math.nan if window.marker is None else window.marker.time)
                if key not in wanted:
                    continue
                if not waits:
                    yield key, window
                    continue
                held[key] = replace(window, samples=_copy(window.samples))
                while turns and turns[0] in held:
                    yield turns[0], held.pop(turns.popleft())
        yield from ((key, held[key]) for key in turns if key in held)


def _copy(samples: Samples) -> Samples:
    """A copy of a window's ``samples`` (n_channels, n_samples), laid out in memory as they were."""
    rows = aligned_empty(samples.shape[1], samples.shape[0])
    rows[:] = samples.T
    return rows.T


def _learnt_from(folder: SessionFolder, config: DecoderConfig) -> tuple[Named, ...]:
    """The trials of the session as ``config``'s decoder came to know them; none where the session was killed."""
    path = folder.decisions / f"{config.name}.trials.jsonl"
    if not path.exists():
        return ()
    try:
        return tuple((trial["time"], trial["label"]) for trial in map(json.loads, path.read_text().splitlines()))
    except (ValueError, KeyError, TypeError) as error:
        raise RecordingError(f"{path}: holds something else than trials ({error!r}); it has been changed") from error


def _count_missing(wanted: Mapping[Key, Decision], pipeline: Pipeline, verdict: DecoderVerdict) -> None:
    """Count the decisions ``wanted`` for which no window came."""
    for key, decision in wanted.items():
        if decision.sample >= pipeline.received:
            verdict.unrecorded += 1  # the recording ends before it: a full disk, or a kill
            continue
        verdict.compared += 1
        verdict.missing += 1
        if len(verdict.examples) < SHOWN:
            verdict.examples.append(f"window {key[0]} to {key[1]} was decided live but is not due in the recording")


def _difference(before: Decision, now: Decision) -> str | None:
    """What differs between two decisions about one window, or None when all is equal bit for bit."""
    place = f"window {before.start} to {before.stop}"
    for name in ("sample", "answer", "signal_time", "adapted"):
        old, new = getattr(before, name), getattr(now, name)
        if old != new:
            return f"{place}: {name} was {old!r} live, is {new!r} now"
    for name in ("log_probs", "evidence"):
        old, new = getattr(before, name), getattr(now, name)
        if old.tobytes() != new.tobytes():
            return f"{place}: {name} was {old.tolist()} live, is {new.tolist()} now"
    return None
