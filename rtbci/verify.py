"""Verification: a recorded session is run again from its own recording, and every decision is compared with the log.

A worker that was restarted has left decisions of several *origins* (the sample from which its transforms ran without a
break); each origin is run again from there. Windows that were skipped live are skipped again, so that the evidence has the
same past. What is compared, bit for bit: sample indices, signal time, log-probabilities, evidence, answer; of what was
found in a bank the candidates, their probabilities and cosines, ranks, what was claimed.

What was decided on a device that is not here, or in one batch with windows of other decoders, is compared within the
decoder's tolerance (`rtbci.agreement`). What was decided on the processor is decided there again.

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
from typing import Any

import numpy as np

from rtbci import assemble, config, learnt, origins
from rtbci.agreement import Agreement, bits_differ, retrieval_differs
from rtbci.bank import Bank
from rtbci.config import DecoderConfig, Experiment
from rtbci.devices import CPU, device_of, is_cpu, tolerance_of
from rtbci.errors import ModelError, RecordingError
from rtbci.interfaces import Decoder, Source
from rtbci.learning import Named
from rtbci.logged import decisions, retrievals
from rtbci.model import Model
from rtbci.origins import Origin
from rtbci.pipeline import Pipeline, aligned_empty
from rtbci.recording.session_folder import SessionFolder
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


def verify(path: Path, progress: Progress = lambda text: None, tolerance: float | None = None) -> Verdict:
    """Run the session in folder ``path`` again and compare.

    With ``tolerance``, log-probabilities of every decoder may differ by that much; without it only where they were made on
    another device or in joined batches, and by the decoder's own.

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
    _refuse_other_bank(experiment, fields.get("bank"))
    verdicts: dict[str, DecoderVerdict] = {}
    for name, model_name in fields.get("models", {}).items():
        # the copy in the folder is what ran, wherever the folder has been moved since
        model_path = folder.path / Path(model_name).name
        if not model_path.exists():
            raise RecordingError(f"{model_path}: the session's copy of its model is missing; nothing can be compared")
        logged = decisions(folder.decision_log(name))
        progress(f"{name}: {len(logged)} decisions in the log")
        again = _Again(experiment, experiment.decoder(name), model_path, folder, progress, tolerance)
        verdicts[name] = again.verify(logged)
    return Verdict(folder.path, verdicts)


def _refuse_other_bank(experiment: Experiment, live: Mapping[str, Any] | None) -> None:
    """Refuse a bank that is not the one in which was looked ``live``."""
    if experiment.bank is None or live is None:
        return
    bank = Bank.open(experiment.resolve(experiment.bank.path))
    if bank.entry()["sha256"] != live["sha256"]:
        raise RecordingError(
            f"{bank.path} is not the bank in which the session looked ({live['items']} items of {live['space']}); "
            "what it found cannot be compared"
        )


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


Key = tuple[int, int, float]


def _key(start: int, stop: int, marker_time: float) -> Key:
    return start, stop, -1.0 if math.isnan(marker_time) else marker_time


class _Again:
    """One decoder of a session, run again."""

    def __init__(
        self,
        experiment: Experiment,
        config: DecoderConfig,
        model: Path,
        folder: SessionFolder,
        progress: Progress,
        tolerance: float | None,
    ) -> None:
        self.experiment = experiment
        self.config = config
        self.model_path = model
        self.folder = folder
        self.progress = progress
        self.tolerance = tolerance
        self.order = _learnt_from(folder, config) if config.adapt else ()
        self.origins = origins.read(origins.kept_for(folder.path, config.name))

    def verify(self, logged: Sequence[Decision]) -> DecoderVerdict:
        """Run every origin of ``logged`` again and compare."""
        verdict = DecoderVerdict(skipped=max((d.skipped for d in logged), default=0))
        log = retrievals(self.folder.retrieved_log(self.config.name))
        self.retrieved = {_key(r.start, r.stop, r.marker_time): r for r in log}
        for origin in dict.fromkeys(decision.origin for decision in logged):
            wanted = {_key(d.start, d.stop, d.marker_time): d for d in logged if d.origin == origin}
            self.progress(f"{self.config.name}: running {len(wanted)} decisions again from sample {origin}")
            self._run(self.origins.get(origin), origin, wanted, verdict)
        return verdict

    def _run(self, begun: Origin | None, origin: int, wanted: dict[Key, Decision], verdict: DecoderVerdict) -> None:
        from rtbci.sources.file import FileSource

        source = _From(FileSource(str(self.folder.recording)), origin)
        try:
            info = source.open()
            model = self._load(CPU if begun is not None and is_cpu(begun.device) else None)
            adapted = self._go_back(model, origin)
            fitted = assemble.fit_to_stream(model, info)
            pipeline = assemble.make_pipeline(
                self.experiment,
                self.config,
                source,
                info,
                model.decoder,
                fitted.channels,
                origin=origin,
                calibrated=model.calibrated,
            )
            if (index := assemble.open_bank(self.experiment, self.config, model.decoder)) is not None:
                assemble.retrieve_in(self.experiment, index, pipeline, model.rest)
            pipeline.go_on_adapting(adapted, self.order)
            tolerance = self._tolerance(begun, model.decoder, verdict)
            agreement = Agreement(tolerance, pipeline.evidence) if tolerance else None
            for key, window in self._windows(pipeline, wanted):
                before = wanted.pop(key)
                now = pipeline.decode(window, before.adapted)
                allowed = max(tolerance, 0.0 if pipeline.retriever is None else pipeline.retriever.tolerance)
                otherwise = retrieval_differs(self.retrieved.get(key), pipeline.retrieved, allowed)
                _compare(before, now, agreement, verdict, otherwise)
            _count_missing(wanted, pipeline, verdict)
        finally:
            source.close()

    def _load(self, device: str | None) -> Model:
        name = self.config.name
        return assemble.load_models(self.experiment, self.model_path, [name], device)[name]

    def _tolerance(self, begun: Origin | None, decoder: Decoder, verdict: DecoderVerdict) -> float:
        """How far decisions of an origin may differ, now that ``decoder`` is prepared; noted in ``verdict`` with devices."""
        here, live = device_of(decoder), None if begun is None else begun.device
        for device, noted in ((live, verdict.devices), (here, verdict.again_on)):
            if device is not None and device not in noted:
                noted.append(device)
        same = begun is None or (begun.exact and live == here)
        tolerance = self.tolerance if self.tolerance is not None else 0.0 if same else tolerance_of(decoder)
        verdict.tolerance = max(verdict.tolerance, tolerance)
        return tolerance

    def _go_back(self, model: Model, origin: int) -> int:
        """Make the decoder what it was when it began at ``origin``; from how many trials it had learnt then."""
        if not self.config.adapt:
            return 0
        kept = learnt.kept_for(self.folder.path, self.config.name, origin)
        if not kept.exists():
            return 0
        try:
            return learnt.read(kept, model.decoder)
        except ModelError as error:
            raise RecordingError(f"{error}; what was decided from sample {origin} on cannot be compared") from error

    def _windows(self, pipeline: Pipeline, wanted: Mapping[Key, Decision]) -> Iterator[tuple[Key, Window]]:
        """The ``wanted`` windows; those of a decoder that adapts, or averages, in the order in which they were decided live.

        They differ only in windows locked to a marker, which may have come after that of a later window.
        """
        averages = pipeline.retriever is not None and pipeline.retriever.averages
        waits = (self.config.adapt or averages) and pipeline.hop is None
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


def _compare(
    before: Decision, now: Decision, agreement: Agreement | None, verdict: DecoderVerdict, otherwise: str | None
) -> None:
    """Count one decision that was made again; without ``agreement`` it must be equal bit for bit.

    ``otherwise`` is how what was found with it differs, or None.
    """
    verdict.compared += 1
    bits = bits_differ(before, now)
    difference = bits
    if agreement is not None:
        difference = agreement.differ(before, now)
        verdict.largest = max(verdict.largest, agreement.largest)
    difference = difference or otherwise
    if bits is None and otherwise is None:
        verdict.equal += 1
    elif difference is None:
        verdict.within += 1
    elif len(verdict.examples) < SHOWN:
        verdict.examples.append(difference)


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
