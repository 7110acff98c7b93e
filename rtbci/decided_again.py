"""One decoder of a session, run again from the recording, and its decisions compared with those that were logged.

A decoder's decisions have an *origin*, the sample at which its transforms began. Where the recording has the signal from
there on, every decision must be equal. Where recording was started later (`rtbci run --no-record`, a second part), the
filters of the second run begin with the part, knowing less than those of the first one did. Filters forget: decisions are
compared, within `LATE_TOLERANCE`, from the first one on that agrees, `SETTLE_SECONDS` after the beginning of the part at the
earliest and `rtbci.settling.LONGEST_SETTLING` at the latest; until then they are counted as unsettled, and evidence goes on
from what was logged. What does not forget (a decoder that learns, a bank, transforms that adapt) is not compared there, and
that is said.
"""

from __future__ import annotations

import json
import math
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from rtbci import assemble, learnt, origins
from rtbci.agreement import Agreement, bits_differ, retrieval_differs
from rtbci.config import DecoderConfig, Experiment
from rtbci.deciding import SETTLE_SECONDS
from rtbci.devices import CPU, device_of, is_cpu, tolerance_of
from rtbci.errors import ModelError, RecordingError
from rtbci.interfaces import Decoder, Transform
from rtbci.learning import Named
from rtbci.logged import retrievals
from rtbci.model import Model
from rtbci.origins import Origin
from rtbci.pipeline import Pipeline, aligned_empty
from rtbci.recorded import From, Recorded
from rtbci.recording.session_folder import SessionFolder
from rtbci.settling import Key, Settling, key_of
from rtbci.training import Progress
from rtbci.types import Decision, Samples, Window
from rtbci.verdict import SHOWN, DecoderVerdict

LATE_TOLERANCE = 1e-6
"""How far log-probabilities may differ where filters began later than live: what is left of that once they have settled."""


class Again:
    """One decoder of a session, run again."""

    def __init__(
        self,
        experiment: Experiment,
        config: DecoderConfig,
        model: Path,
        folder: SessionFolder,
        parts: Sequence[Recorded],
        progress: Progress,
        tolerance: float | None,
    ) -> None:
        self.experiment = experiment
        self.config = config
        self.model_path = model
        self.folder = folder
        self.parts = parts
        self.progress = progress
        self.tolerance = tolerance
        self.order = _learnt_from(folder, config) if config.adapt else ()
        self.origins = origins.read(origins.kept_for(folder.path, config.name))

    def verify(self, logged: Sequence[Decision]) -> DecoderVerdict:
        """Run every origin of ``logged`` again, in every part of the recording that has decisions of it, and compare."""
        verdict = DecoderVerdict(skipped=max((d.skipped for d in logged), default=0))
        log = retrievals(self.folder.retrieved_log(self.config.name))
        self.retrieved = {key_of(r.start, r.stop, r.marker_time): r for r in log}
        verdict.unrecorded = sum(all(d.sample not in part for part in self.parts) for d in logged)
        for origin in dict.fromkeys(decision.origin for decision in logged):
            mine = [decision for decision in logged if decision.origin == origin]
            for part in self.parts:
                wanted = {key_of(d.start, d.stop, d.marker_time): d for d in mine if d.sample in part}
                if wanted:
                    where = "" if len(self.parts) == 1 else f" of {part.path.name}"
                    self.progress(
                        f"{self.config.name}: running {len(wanted)} decisions again from sample {origin}{where}"
                    )
                    self._run(self.origins.get(origin), origin, part, wanted, verdict)
        return verdict

    def _run(
        self, begun: Origin | None, origin: int, part: Recorded, wanted: dict[Key, Decision], verdict: DecoderVerdict
    ) -> None:
        from rtbci.sources.file import FileSource

        late = part.first - origin  # samples from the origin on that are not in this part
        source = From(FileSource(str(part.path)), max(0, -late))
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
                origin=max(origin, part.first),
                calibrated=model.calibrated,
            )
            if (index := assemble.open_bank(self.experiment, self.config, model.decoder)) is not None:
                assemble.retrieve_in(self.experiment, index, pipeline, model.rest)
            pipeline.go_on_adapting(adapted, self.order)
            tolerance = self._tolerance(begun, model.decoder, verdict)
            settling: Settling | None = None
            if late > 0:
                if why := self._remembers(pipeline, model):
                    verdict.unsettled += len(wanted)
                    verdict.notes.append(f"{part.path.name}: {len(wanted)} decisions cannot be compared: {why}")
                    return
                tolerance = max(tolerance, LATE_TOLERANCE if self.tolerance is None else 0.0)
                verdict.tolerance = max(verdict.tolerance, tolerance)
                settling = Settling(pipeline, part, self._settle_seconds(model), verdict)
            agreement = Agreement(tolerance, pipeline.evidence, known=late <= 0) if tolerance else None
            for key, window in self._windows(pipeline, wanted):
                before = wanted.pop(key)
                now = pipeline.decode(window, before.adapted)
                if settling is not None and settling.goes_on(before, now, agreement):
                    continue
                allowed = max(tolerance, 0.0 if pipeline.retriever is None else pipeline.retriever.tolerance)
                otherwise = retrieval_differs(self.retrieved.get(key), pipeline.retrieved, allowed)
                _compare(before, now, agreement, verdict, otherwise)
            if settling is not None:
                settling.leave_out(wanted)
            _count_missing(wanted, pipeline, verdict)
        finally:
            source.close()

    def _steps(self, model: Model) -> Sequence[Transform]:
        return assemble.make_transforms(self.experiment, self.config, model.calibrated)

    def _settle_seconds(self, model: Model) -> float:
        """As a decoder that is restarted in mid-stream waits until it decides (`rtbci.deciding`)."""
        return max(SETTLE_SECONDS, *(float(getattr(step, "settle_seconds", 0.0)) for step in self._steps(model)), 0.0)

    def _remembers(self, pipeline: Pipeline, model: Model) -> str | None:
        """Why what was decided depends on signal of any age, so that it cannot be decided again without; or None."""
        if self.config.adapt:
            return "the decoder has learnt from trials that were not recorded"
        if pipeline.retriever is not None:
            return "what it looked for in the bank reaches back to where nothing was recorded"
        for step in self._steps(model):
            if getattr(step, "settle_seconds", 0.0) > 0.0 or hasattr(step, "bads"):
                return f"{type(step).__name__} has learnt from signal that was not recorded"
        return None

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
                key = key_of(window.start, window.stop, math.nan if window.marker is None else window.marker.time)
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
