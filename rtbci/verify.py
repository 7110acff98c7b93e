"""Verification: a recorded session is run again from its own recording, and every decision is compared with the log.

A worker that was restarted has left decisions of several *origins* (the sample from which its transforms ran without a
break); each origin is run again from there. Windows that were skipped live are skipped again, so that the evidence has the
same past. What is compared, bit for bit: sample indices, signal time, log-probabilities, evidence, answer.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from rtbci import assemble, config
from rtbci.config import DecoderConfig, Experiment
from rtbci.errors import RecordingError
from rtbci.interfaces import Source
from rtbci.model import Model
from rtbci.recording.session_folder import SessionFolder
from rtbci.runfolder import decision_from_json
from rtbci.training import Progress
from rtbci.types import Decision, Marker, Samples, StreamInfo, Times

SHOWN = 5
"""Differences that are spelt out, per decoder; all are counted."""


@dataclass(slots=True)
class DecoderVerdict:
    """What came of comparing one decoder's decisions."""

    compared: int = 0
    equal: int = 0
    skipped: int = 0
    missing: int = 0
    unrecorded: int = 0
    examples: list[str] = field(default_factory=list)

    @property
    def different(self) -> int:
        """Decisions that the second run made otherwise, or did not make at all."""
        return self.compared - self.equal

    def as_json(self) -> dict[str, Any]:
        """Counts and the first few differences."""
        return {
            "compared": self.compared,
            "equal": self.equal,
            "different": self.different,
            "skipped": self.skipped,
            "missing": self.missing,
            "unrecorded": self.unrecorded,
            "examples": self.examples,
        }


@dataclass(slots=True)
class Verdict:
    """What came of verifying a session."""

    session: Path
    decoders: dict[str, DecoderVerdict]

    def total(self, what: str) -> int:
        """Sum of one count over the decoders."""
        return sum(int(getattr(verdict, what)) for verdict in self.decoders.values())

    def as_json(self) -> dict[str, Any]:
        """The verdict as one JSON object."""
        counts = {what: self.total(what) for what in ("compared", "equal", "different", "skipped", "unrecorded")}
        decoders = {name: verdict.as_json() for name, verdict in self.decoders.items()}
        return {"session": str(self.session), **counts, "decoders": decoders}


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
        model = assemble.load_models(experiment, model_path, [name])[name]
        logged = _read_log(folder.decision_log(name))
        progress(f"{name}: {len(logged)} decisions in the log")
        verdicts[name] = _verify_decoder(experiment, experiment.decoder(name), model, folder, logged, progress)
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


def _verify_decoder(
    experiment: Experiment,
    config: DecoderConfig,
    model: Model,
    folder: SessionFolder,
    logged: Sequence[Decision],
    progress: Progress,
) -> DecoderVerdict:
    verdict = DecoderVerdict(skipped=max((d.skipped for d in logged), default=0))
    for origin in dict.fromkeys(decision.origin for decision in logged):
        wanted = {_key(d.start, d.stop, d.marker_time): d for d in logged if d.origin == origin}
        progress(f"{config.name}: running {len(wanted)} decisions again from sample {origin}")
        _verify_run(experiment, config, model, folder, origin, wanted, verdict)
    return verdict


def _verify_run(
    experiment: Experiment,
    config: DecoderConfig,
    model: Model,
    folder: SessionFolder,
    origin: int,
    wanted: dict[Key, Decision],
    verdict: DecoderVerdict,
) -> None:
    from rtbci.sources.file import FileSource

    source = _From(FileSource(str(folder.recording)), origin)
    try:
        info = source.open()
        fitted = assemble.fit_to_stream(model, info)
        pipeline = assemble.make_pipeline(
            experiment, config, source, info, fitted.model.decoder, fitted.channels, origin=origin
        )
        ended = False
        while wanted and not ended:
            try:
                pipeline.ingest(1.0)
            except EOFError:
                ended = True
            while (window := pipeline.next_window()) is not None:
                marker_time = math.nan if window.marker is None else window.marker.time
                before = wanted.pop(_key(window.start, window.stop, marker_time), None)
                if before is None:
                    continue
                now = pipeline.decode(window)
                verdict.compared += 1
                difference = _difference(before, now)
                if difference is None:
                    verdict.equal += 1
                elif len(verdict.examples) < SHOWN:
                    verdict.examples.append(difference)
        for key, decision in wanted.items():
            if decision.sample >= pipeline.received:
                verdict.unrecorded += 1  # the recording ends before it: a full disk, or a kill
                continue
            verdict.compared += 1
            verdict.missing += 1
            if len(verdict.examples) < SHOWN:
                verdict.examples.append(f"window {key[0]} to {key[1]} was decided live but is not due in the recording")
    finally:
        source.close()


def _difference(before: Decision, now: Decision) -> str | None:
    """What differs between two decisions about one window, or None when all is equal bit for bit."""
    place = f"window {before.start} to {before.stop}"
    for name in ("sample", "answer", "signal_time"):
        old, new = getattr(before, name), getattr(now, name)
        if old != new:
            return f"{place}: {name} was {old!r} live, is {new!r} now"
    for name in ("log_probs", "evidence"):
        old, new = getattr(before, name), getattr(now, name)
        if old.tobytes() != new.tobytes():
            return f"{place}: {name} was {old.tolist()} live, is {new.tolist()} now"
    return None
