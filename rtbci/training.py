"""Training: recordings in, a model file out, through the pipeline that will run live.

The windows that a decoder is fitted on are cut by `rtbci.pipeline.Pipeline` with the same causal transforms, so what it
is taught is what it will see.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rtbci import assemble
from rtbci import model as models
from rtbci.asking import blamed_on, log_probs_of, name_of
from rtbci.config import DecoderConfig, Experiment
from rtbci.errors import ConfigError, DecoderError, ModelError
from rtbci.interfaces import Decoder, KnowsStream
from rtbci.model import Model
from rtbci.pipeline import aligned_empty
from rtbci.training_set import Progress, TrainingSet, collect, source_of
from rtbci.types import Window
from rtbci.weights import kind_of

__all__ = ["Progress", "TrainReport", "collect", "fit", "recordings_of", "source_of", "train"]


@dataclass(frozen=True, slots=True)
class TrainReport:
    """What `train` made."""

    model: Path
    windows: int
    seconds: float
    decoders: dict[str, dict[str, Any]]
    notes: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """The report as one JSON object."""
        return {
            "model": str(self.model),
            "windows": self.windows,
            "seconds": round(self.seconds, 3),
            "decoders": self.decoders,
            "notes": list(self.notes),
        }


def recordings_of(experiment: Experiment, given: Sequence[Path]) -> tuple[Path, ...]:
    """The recordings to train on: those ``given``, or else the one that the experiment's source plays.

    Raises ConfigError when there is neither.
    """
    if given:
        return tuple(given)
    source = experiment.source
    if source.use == "file" and isinstance(path := source.args.get("path"), str):
        return (experiment.resolve(path),)
    table = assemble.where(experiment, f'[source] use = "{source.use}"')
    raise ConfigError(
        f'{table}: gives no recording to train on; --recording FILE, or use = "file" with a path, would be right'
    )


def _try_out(decoder: Decoder, data: TrainingSet, n_classes: int) -> None:
    """Ask the fitted ``decoder`` about one window of each class: what cannot predict is refused now, not live."""
    buffer = aligned_empty(data.windows.shape[2], data.windows.shape[1])
    samples = buffer.T
    samples.flags.writeable = False
    for k in range(n_classes):
        buffer[:] = data.windows[int(np.argmax(data.labels == k))].T
        log_probs_of(decoder, Window(samples, 0, len(buffer) - 1, 0.0, 0.0, fresh=len(buffer)), n_classes)


def fit(experiment: Experiment, config: DecoderConfig, decoder: Decoder, data: TrainingSet) -> None:
    """Fit ``decoder`` on ``data`` and try it out. Raises DecoderError that names the table and what went wrong."""
    table = assemble.where(experiment, f'[[decoder]] "{config.name}"')
    if isinstance(decoder, KnowsStream):
        with blamed_on(f"{table}: {name_of(decoder)}.prepare"):
            decoder.prepare(data.info, data.windows.shape[2], len(experiment.classes))
    with blamed_on(f"{table}: {name_of(decoder)}.fit, given {len(data.labels)} windows of {data.windows.shape[1:]},"):
        decoder.fit(data.windows, data.labels)
    try:
        _try_out(decoder, data, len(experiment.classes))
    except DecoderError as error:
        raise DecoderError(f"{table}: {error}") from error


def train(
    experiment: Experiment, recordings: Sequence[Path], out: Path, progress: Progress = lambda text: None
) -> TrainReport:
    """Fit every decoder of ``experiment`` on ``recordings`` and write the model file ``out``.

    Raises
    ------
    DecoderError, SourceError, ConfigError, ModelError
        In one line; the file is written whole at the very end, or not at all.
    """
    started = time.perf_counter()
    if not experiment.decoders:
        raise DecoderError(f"{experiment.path or 'experiment'}: has no [[decoder]] table; there is nothing to train")
    models.check_writable(out)
    for given in (*recordings, *([experiment.path] if experiment.path else [])):
        if out.exists() and given.exists() and out.samefile(given):
            raise ModelError(f"{out}: is what the model is made from, and would be lost; another path would be right")
    assemble.check_source(experiment, recordings[0])
    decoders = {config.name: assemble.make_decoder(experiment, config) for config in experiment.decoders}
    for config in experiment.decoders:
        kind_of(decoders[config.name], assemble.where(experiment, f'[[decoder]] "{config.name}"'))  # can it be saved?
    assemble.limit_threads()
    trained_on = [models.fingerprint(recording) for recording in recordings]
    fitted: dict[str, Model] = {}
    summary: dict[str, dict[str, Any]] = {}
    notes: list[str] = []
    total = 0
    for config in experiment.decoders:
        data = collect(experiment, config, recordings, progress)
        decoder = decoders[config.name]
        n_windows, n_trials = len(data.labels), int(data.trial.max()) + 1
        progress(f"{config.name}: fitting on {n_windows} windows of {n_trials} trials")
        fit(experiment, config, decoder, data)
        per_class = {
            name: {
                "windows": int((data.labels == k).sum()),
                "trials": len(np.unique(data.trial[data.labels == k])),
            }
            for k, name in enumerate(experiment.classes)
        }
        fitted[config.name] = models.make(
            config,
            decoder,
            classes=tuple(experiment.classes),
            signature=models.signature_of(data.picked),
            trained_on=[{**entry, "windows": n_windows, "trials": n_trials} for entry in trained_on],
        )
        summary[config.name] = {
            "windows": n_windows,
            "trials": n_trials,
            "trials_without_data": data.without_data,
            "classes": per_class,
            "channels": list(data.picked.names),
        }
        notes.extend(note for note in data.info.notes if note not in notes)
        total += n_windows
    models.save(out, fitted)
    return TrainReport(out, total, time.perf_counter() - started, summary, tuple(notes))
