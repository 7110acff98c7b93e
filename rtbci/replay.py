"""Replay: a recording through the pipeline that runs live, decision by decision, with the report of a live session."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from rtbci import assemble
from rtbci.config import Experiment
from rtbci.errors import ModelMismatch
from rtbci.interfaces import Source
from rtbci.model import Model, sha256
from rtbci.pipeline import Pipeline
from rtbci.report import DecoderTally
from rtbci.training import Progress, source_of
from rtbci.trials import Trial
from rtbci.types import Decision

Decided = Callable[[str, Decision], None]
LARGEST_READ = 1 << 20


def replay(
    experiment: Experiment,
    model: Path,
    recording: Path,
    *,
    speed: float | None = None,
    chunk: int = 4,
    progress: Progress = lambda text: None,
    decided: Decided = lambda name, decision: None,
) -> dict[str, Any]:
    """Run every decoder of ``experiment`` over ``recording`` and report as a live session does.

    ``speed`` paces the recording (None: as fast as it can be decoded); ``chunk`` is the number of samples that arrive
    together. Neither changes a decision. With ``chunk`` a decision's age includes waiting for its chunk to be full, as it
    would live. Every decoder gets a pass of its own over the recording.

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
        source: Source = source_of(experiment, recording, speed=speed, chunk=chunk)
        info = source.open()
        try:
            try:
                fitted = assemble.fit_to_stream(models[config.name], info)
            except ModelMismatch as error:
                raise ModelMismatch(f'{model} (decoder "{config.name}") does not fit {recording}: {error}') from error
            notes += [note for note in info.notes if note not in notes]
            notes += [f"{config.name}: {note}" for note in fitted.notes]
            rows = min(chunk, LARGEST_READ)
            pipeline = assemble.make_pipeline(
                experiment, config, source, info, fitted.model.decoder, fitted.channels, rows=rows
            )
            tally = tallies[config.name] = DecoderTally(tuple(experiment.classes))
            tally.trials = run(pipeline, tally, lambda d, name=config.name: decided(name, d), progress)  # type: ignore[misc]
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


def _seen_before(models: Mapping[str, Model], recording: Path) -> list[str]:
    """A warning where an accuracy would be one on the data that the model was fitted on."""
    if not recording.is_file():
        return []  # the source says what is wrong with it
    digest = sha256(recording)
    return [
        f"{name}: was trained on this very recording: what it scores here says nothing about another one"
        for name, model in models.items()
        if any(entry.get("sha256") == digest for entry in model.trained_on)
    ]


def run(
    pipeline: Pipeline, tally: DecoderTally, decided: Callable[[Decision], None], progress: Progress = lambda text: None
) -> list[Trial]:
    """Decide every window of ``pipeline`` until its source ends, counting in ``tally``; return the trials."""
    trials: list[Trial] = []
    ended = False
    minute = 0
    while not ended:
        try:
            pipeline.ingest(1.0)
        except EOFError:
            ended = True
        while (window := pipeline.next_window()) is not None:
            decision = pipeline.decode(window)
            tally.add(decision)
            decided(decision)
            trials.extend(pipeline.finished_trials())
        trials.extend(pipeline.finished_trials(ended))
        if (now := int(pipeline.received / pipeline.source_rate / 60)) > minute:
            minute = now
            progress(f"minute {minute}: {tally.decoded} decisions, {len(trials)} trials")
    tally.skipped = pipeline.skipped
    tally.over_gap = pipeline.over_hole
    tally.without_data = pipeline.trials.without_data
    return trials
