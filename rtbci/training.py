"""Training: recordings in, a model file out, through the pipeline that will run live.

The windows that a decoder is fitted on are cut by `rtbci.pipeline.Pipeline` with the same causal transforms, so what it
is taught is what it will see.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtbci import assemble
from rtbci import model as models
from rtbci.asking import blamed_on, log_probs_of, name_of
from rtbci.config import DecoderConfig, Experiment
from rtbci.config_file import show
from rtbci.errors import ConfigError, DecoderError, ModelError, SourceError
from rtbci.interfaces import Decoder, KnowsStream
from rtbci.model import Model
from rtbci.pipeline import aligned_empty
from rtbci.trials import Gatherer
from rtbci.types import Samples, StreamInfo, Window
from rtbci.weights import kind_of

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """Labelled windows of one or more recordings for one decoder.

    ``windows`` (n_windows, n_channels, n_samples) float32; ``labels`` and ``trial`` (n_windows,) int64: class and running
    number of the trial that each window was cut from.
    """

    windows: Samples
    labels: NDArray[np.int64]
    trial: NDArray[np.int64]
    info: StreamInfo
    picked: StreamInfo
    without_data: int


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


def source_of(experiment: Experiment, recording: Path, **overrides: Any) -> Any:
    """A file source for ``recording`` that names its channels and picks its stream as the experiment's source does."""
    from rtbci.sources.file import FileSource

    use, args = experiment.source.use, experiment.source.args
    shared: dict[str, Any] = {}
    if use == "file":
        shared = {key: value for key, value in args.items() if key not in ("path", "speed", "chunk")}
    elif use == "lsl":  # what another source means by these names is its own business
        shared = {key: args[key] for key in ("channels", "type") if args.get(key)}
        if _holds_stream(recording, args.get("name")):
            shared["stream"] = args["name"]
    # names of live marker streams mean nothing in a format that does not keep them
    if experiment.markers.streams is not None and (use == "file" or _is_xdf(recording)):
        shared["markers"] = list(experiment.markers.streams)
    return FileSource(str(recording), **{**shared, **overrides})


def _is_xdf(recording: Path) -> bool:
    return recording.name.lower().endswith((".xdf", ".xdfz", ".xdf.gz"))


def _holds_stream(recording: Path, name: object) -> bool:
    """Whether ``recording`` is an XDF with a signal called ``name``: of two amplifiers the experiment's own is meant."""
    if not isinstance(name, str) or not _is_xdf(recording) or not recording.is_file():
        return False
    from rtbci.sources.xdf_file import scan

    streams, _ = scan(recording)
    return any(stream.name == name and not stream.is_markers for stream in streams)


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


def collect(
    experiment: Experiment,
    config: DecoderConfig,
    recordings: Sequence[Path],
    progress: Progress = lambda text: None,
) -> TrainingSet:
    """Cut the windows of every trial in ``recordings`` for one decoder.

    Raises
    ------
    SourceError
        When a recording cannot be read or differs from the first in rate or channels.
    ConfigError
        When the experiment cannot be on this stream, or no recording has a whole trial of some class.
    """
    windows: list[Samples] = []
    labels: list[int] = []
    trial_of: list[int] = []
    first: StreamInfo | None = None
    picked: StreamInfo | None = None
    out: StreamInfo | None = None
    without_data = n_trials = 0
    seen: dict[str, int] = {}
    for recording in recordings:
        source = source_of(experiment, recording)
        info = source.open()
        try:
            if first is None:
                first = info
                channels = assemble.default_channels(info, config)
                picked = replace(info, channels=tuple(info.channels[i] for i in channels))
            elif info.rate != first.rate:
                raise SourceError(
                    f"{recording} runs at {info.rate:g} Hz, {recordings[0]} at {first.rate:g}; train on one rate"
                )
            assert picked is not None
            found = models.match(models.signature_of(picked), info).indices
            pipeline = assemble.make_pipeline(experiment, config, source, info, None, found, rows=8192)
            out = pipeline.info
            begin, end = pipeline.trial_span
            hop = pipeline.hop or pipeline.length
            keep = max(16, math.ceil((end - begin) / hop) + 16) if pipeline.hop else 4096
            gatherer: Gatherer[Samples] = Gatherer(pipeline.plan.labels, begin, end, pipeline.locate, keep=keep)
            pipeline.on_marker = gatherer.add_marker
            minute, ended = -1, False
            while not ended:
                try:
                    pipeline.ingest(0.0)
                except EOFError:
                    ended = True
                gathered = []
                while (window := pipeline.next_window()) is not None:
                    gatherer.add(window.start, window.stop, np.array(window.samples))
                    gathered += gatherer.finished(pipeline.decided_before())
                gathered += gatherer.finished(pipeline.decided_before())
                for trial in gathered:
                    windows.extend(trial.items)
                    labels.extend([trial.truth] * len(trial.items))
                    trial_of.extend([n_trials] * len(trial.items))
                    n_trials += 1
                if (now := int(pipeline.received / info.rate / 60)) != minute:
                    minute = now
                    progress(f"{config.name}: {recording.name}, minute {minute}, {n_trials} trials")
            gatherer.abandon()
            without_data += gatherer.without_data
            for label, count in pipeline.labels_seen.items():
                seen[label] = seen.get(label, 0) + count
        finally:
            source.close()
    assert first is not None and picked is not None and out is not None, "at least one recording"
    names = list(experiment.classes)
    missing = [name for k, name in enumerate(names) if k not in labels]
    if missing:
        raise _no_trial(experiment, config, recordings, missing[0], seen)
    return TrainingSet(
        np.stack(windows), np.array(labels, np.int64), np.array(trial_of, np.int64), out, picked, without_data
    )


def _no_trial(
    experiment: Experiment, config: DecoderConfig, recordings: Sequence[Path], name: str, seen: dict[str, int]
) -> ConfigError:
    """Say why class ``name`` has no trial: its markers are not there, or no window fits where they are."""
    labels = experiment.classes[name]
    table = assemble.where(experiment, f"[classes] {name} = {show(labels)}")
    places = ", ".join(str(recording) for recording in recordings)
    if not any(label in seen for label in labels):
        there = ", ".join(f"{label} ({n})" for label, n in sorted(seen.items())) or "no marker at all"
        return ConfigError(f"{table}: no such marker in {places}; there is {there}: labels among these would be right")
    window = f'the {config.window:g} s window of decoder "{config.name}"'
    if config.lock is None:
        window += f" in the [trial] from {experiment.trial.start:g} to {experiment.trial.stop:g} s"
    return ConfigError(
        f"{table}: {sum(seen.get(label, 0) for label in labels)} markers in {places}, but {window} fits whole and "
        "without a gap after none of them; a shorter one, or a longer recording, would be right"
    )


def _try_out(decoder: Decoder, data: TrainingSet, n_classes: int) -> None:
    """Ask the fitted ``decoder`` about one window of each class: what cannot predict is refused now, not live."""
    buffer = aligned_empty(data.windows.shape[2], data.windows.shape[1])
    samples = buffer.T
    samples.flags.writeable = False
    for k in range(n_classes):
        buffer[:] = data.windows[int(np.argmax(data.labels == k))].T
        log_probs_of(decoder, Window(samples, 0, len(buffer) - 1, 0.0, 0.0, fresh=len(buffer)), n_classes)


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
        table = assemble.where(experiment, f'[[decoder]] "{config.name}"')
        if isinstance(decoder, KnowsStream):
            with blamed_on(f"{table}: {name_of(decoder)}.prepare"):
                decoder.prepare(data.info, data.windows.shape[2], len(experiment.classes))
        n_windows, n_trials = len(data.labels), int(data.trial.max()) + 1
        progress(f"{config.name}: fitting on {n_windows} windows of {n_trials} trials")
        with blamed_on(f"{table}: {name_of(decoder)}.fit, given {n_windows} windows of {data.windows.shape[1:]},"):
            decoder.fit(data.windows, data.labels)
        try:
            _try_out(decoder, data, len(experiment.classes))
        except DecoderError as error:
            raise DecoderError(f"{table}: {error}") from error
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
