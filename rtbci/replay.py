"""Replay: a recording through the pipeline that runs live, decision by decision, with the report of a live session.

Without a speed to keep to, windows are decided many at once where decoder and transforms allow it. That changes no bit of
a decision: a decoder that answers batches within a tolerance only is asked window by window, unless it is told otherwise,
and then the report says so. A decision's age is then what it would be on a computer that has nothing else to do: its newest
sample waits for its chunk to be full, and takes the time of computing, of a batch an equal share; nothing is flagged as
late, because nothing was waited for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rtbci import assemble
from rtbci.config import Experiment
from rtbci.devices import device_of, shown
from rtbci.errors import ModelMismatch
from rtbci.model import Model, flattering, trained_on_this
from rtbci.naming import by_name
from rtbci.pipeline import Pipeline
from rtbci.report import DecoderTally
from rtbci.training import Progress, source_of
from rtbci.trials import Trial
from rtbci.types import Decision, Marker, Samples, StreamInfo, Times

Decided = Callable[[str, Decision], None]
LARGEST_READ = 1 << 20
ROWS = 8192
"""Samples that are taken at a time where no time is kept to: no decision depends on it."""
BATCH = 256
"""Most windows that are decided at once: what is done once for all of them hardly counts any more."""


class InChunks:
    """A recording read as fast as it can be, that tells when each sample would have arrived in chunks of ``chunk``."""

    def __init__(self, source: Any, chunk: int) -> None:
        self._source = source
        self._chunk = chunk
        self._at = 0
        self.arrivals: Times | None = None

    def open(self) -> StreamInfo:
        """As the recording says."""
        info: StreamInfo = self._source.open()
        self._rate = info.rate
        self._newest = self._source.n_samples - 1
        return info

    def read(self, samples: Samples, times: Times, timeout: float) -> int:
        """Fill ``samples`` and ``times`` with what comes; raises what the recording raises."""
        n: int = self._source.read(samples, times, timeout)
        if n:
            mine = self._at + np.arange(n)
            last = np.minimum((mine // self._chunk + 1) * self._chunk - 1, self._newest) - self._at
            read = np.minimum(last, n - 1)
            filled = times[read] + (last - read) / self._rate
            self.arrivals = np.maximum(filled, times[:n])  # a clock may be set back within a chunk
            self._at += n
        return n

    def markers(self) -> Sequence[Marker]:
        """As the recording has them."""
        markers: Sequence[Marker] = self._source.markers()
        return markers

    def now(self) -> float:
        """The recording's time, which goes on with the wall's."""
        return float(self._source.now())

    def close(self) -> None:
        """Close the recording."""
        self._source.close()


def replay(
    experiment: Experiment,
    model: Path,
    recording: Path,
    *,
    speed: float | None = None,
    chunk: int = 4,
    batched: bool = False,
    bank: Path | None = None,
    progress: Progress = lambda text: None,
    decided: Decided = lambda name, decision: None,
) -> dict[str, Any]:
    """Run every decoder of ``experiment`` over ``recording`` and report as a live session does.

    ``speed`` paces the recording (None: as fast as it can be decoded); ``chunk`` is the number of samples that arrive
    together. Neither changes a decision. With ``chunk`` a decision's age includes waiting for its chunk to be full, as it
    would live. With ``batched``, decoders that have a tolerance may answer batches within it. Every decoder gets a pass of
    its own over the recording. Decoders that give embeddings look in the experiment's bank, or in ``bank``, for what was
    shown, and the report says at which rank it stood.

    Raises
    ------
    ConfigError, ModelError, SourceError
        In one line, before anything is decided.
    """
    assemble.limit_threads()
    assemble.check_source(experiment, recording)
    models = assemble.load_models(experiment, model)
    notes = _seen_before(models, recording)
    tallies: dict[str, DecoderTally] = {}
    samples = {"received": 0, "lost": 0}
    gaps = 0
    duration = 0.0
    for config in experiment.decoders:
        paced = speed is not None
        source = source_of(experiment, recording, speed=speed, chunk=chunk if paced else None)
        if not paced:
            source = InChunks(source, chunk)
        info = source.open()
        try:
            try:
                fitted = assemble.fit_to_stream(models[config.name], info)
            except ModelMismatch as error:
                raise ModelMismatch(f'{model} (decoder "{config.name}") does not fit {recording}: {error}') from error
            notes += [note for note in info.notes if note not in notes]
            notes += [f"{config.name}: {note}" for note in fitted.notes]
            rows = min(chunk, LARGEST_READ) if paced else ROWS
            pipeline = assemble.make_pipeline(
                experiment,
                config,
                source,
                info,
                fitted.model.decoder,
                fitted.channels,
                rows=rows,
                calibrated=fitted.model.calibrated,
                subject=by_name(recording).subject or "",
                batched=batched,
            )
            first, last = pipeline.trial_span
            tally = DecoderTally(tuple(experiment.classes), trial_seconds=(last - first) / pipeline.info.rate)
            notes += _look_in(bank, experiment, fitted.model, pipeline)
            tally.device = device_of(fitted.model.decoder)
            tallies[config.name] = tally
            told: Callable[[Decision], None] = lambda d, name=config.name: decided(name, d)  # type: ignore[misc]  # noqa: E731
            tally.trials = run(pipeline, tally, told, progress, paced=paced)
            notes += in_batches(config.name, pipeline.batch_tolerance)
        finally:
            source.close()
        samples = {"received": pipeline.received, "lost": sum(gap.missing for gap in pipeline.gaps)}
        gaps = len(pipeline.gaps)
        duration = pipeline.received / info.rate
    return {
        "name": experiment.name,
        "session": None,
        "recording": str(recording),
        "seconds": round(duration, 3),
        "decoders": {name: tally.as_json() for name, tally in tallies.items()},
        "samples": samples,
        "gaps": gaps,
        "notes": notes,
    }


def _look_in(bank: Path | None, experiment: Experiment, model: Model, pipeline: Pipeline) -> list[str]:
    """Let ``pipeline`` look in ``bank``, or that of the experiment, or say why its decoder cannot; refuse another space."""
    config = experiment.decoder(model.name)
    index = assemble.open_bank(experiment, config, model.decoder, bank)
    if index is None:
        return [] if bank is None else [f"{model.name}: gives no embeddings, so nothing is looked for in {bank}"]
    assemble.retrieve_in(experiment, index, pipeline, model.rest)
    return []


def in_batches(name: str, tolerance: float) -> list[str]:
    """What is to be said of decoder ``name`` where it has answered batches within a ``tolerance``."""
    if not tolerance:
        return []
    return [f"{name}: was asked in batches; log-probabilities may differ from live by {shown(tolerance)}"]


def _seen_before(models: Mapping[str, Model], recording: Path) -> list[str]:
    """A warning where an accuracy would be one on the data that the model was fitted on."""
    if not recording.is_file():
        return []  # the source says what is wrong with it
    return [flattering(name) for name, model in models.items() if trained_on_this(model.trained_on, recording)]


def run(
    pipeline: Pipeline,
    tally: DecoderTally,
    decided: Callable[[Decision], None],
    progress: Progress = lambda text: None,
    *,
    paced: bool = False,
    batch: int = BATCH,
) -> list[Trial]:
    """Decide every window of ``pipeline`` until its source ends, counting in ``tally``; return the trials.

    ``paced``: the source keeps to a speed, so each window is decided as soon as it is there. Otherwise up to ``batch``
    windows are decided at once, where `rtbci.pipeline.Pipeline.takes_batches`.
    """
    pipeline.paced = paced
    decide = _decide_many if pipeline.takes_batches and not paced else _decide_singly
    trials: list[Trial] = []
    ended = False
    minute = 0
    while not ended:
        try:
            pipeline.ingest(1.0)
        except EOFError:
            ended = True
        for decisions in decide(pipeline, batch):
            for decision in decisions:
                tally.add(decision)
                decided(decision)
            trials.extend(pipeline.finished_trials())
        trials.extend(pipeline.finished_trials(ended))
        if (now := int(pipeline.received / pipeline.source_rate / 60)) > minute:
            minute = now
            progress(f"minute {minute}: {tally.decoded} decisions, {len(trials)} trials")
    tally.found = pipeline.found()
    tally.skipped = pipeline.skipped
    tally.over_gap = pipeline.over_hole
    tally.without_data = pipeline.trials.without_data
    return trials


def _decide_singly(pipeline: Pipeline, batch: int) -> Iterator[Sequence[Decision]]:
    while (window := pipeline.next_window()) is not None:
        yield (pipeline.decode(window),)


def _decide_many(pipeline: Pipeline, batch: int) -> Iterator[Sequence[Decision]]:
    while (windows := pipeline.next_windows(batch)) is not None:
        yield pipeline.decode_many(windows)
