"""Training: recordings in, a model file out, through the pipeline that will run live.

The windows that a decoder is fitted on are cut by `rtbci.pipeline.Pipeline` with the same causal transforms, so what it
is taught is what it will see. Transforms that begin a session with what calibration taught them are calibrated first,
each session on itself; a new session begins with what the last one gave.
"""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from rtbci import assemble
from rtbci import model as models
from rtbci.asking import blamed_on, log_probs_of, name_of
from rtbci.bank import Bank
from rtbci.bank.targets import OF_CLASSES, load
from rtbci.calibration import Calibration
from rtbci.config import DecoderConfig, Experiment
from rtbci.errors import ConfigError, DecoderError, ModelError, TransformError
from rtbci.interfaces import Calibrates, Decoder, Embeds, KnowsStream, Learns, Source
from rtbci.model import Calibrated, Model, Rest
from rtbci.pipeline import aligned_empty
from rtbci.spool import IN_MEMORY, Room
from rtbci.training_run import TrainingRun
from rtbci.training_set import Piece, Progress, collect, refuse_twice, source_of
from rtbci.types import Window
from rtbci.weights import kind_of

if TYPE_CHECKING:
    from rtbci.bank.retriever import Index

__all__ = [
    "Gathered",
    "Options",
    "Progress",
    "TrainReport",
    "collect",
    "fit",
    "gather",
    "recordings_of",
    "source_of",
    "train",
]


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


@dataclass(frozen=True, slots=True)
class Options:
    """What `train` may be told beside the experiment.

    Attributes
    ----------
    begin : a model file from whose decoders those of the experiment begin, or None.
    train : "all" of a decoder, or only its "local" part, where it begins from a model.
    resume : whether a training that was interrupted goes on from its checkpoint.
    memory : bytes of signal that are kept in memory; what is more lies in a scratch file beside the model.
    rank, of : number of this process among those that train together, and how many they are; the first writes the model.
    """

    begin: Path | None = None
    train: Literal["all", "local"] = "all"
    resume: bool = True
    memory: int = IN_MEMORY
    rank: int = 0
    of: int = 1


@dataclass(frozen=True, slots=True)
class Gathered:
    """What a decoder is trained on, and what its transforms begin a new session with."""

    data: Calibration
    calibrated: Calibrated = field(default_factory=dict)


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


def gather(
    experiment: Experiment,
    config: DecoderConfig,
    recordings: Sequence[Path | Piece],
    progress: Progress = lambda text: None,
    room: Room | None = None,
    open_source: Callable[[Path], Source] | None = None,
) -> Gathered:
    """Calibrate the transforms of ``config`` that want it, in their order, and collect what the decoder is trained on.

    ``open_source`` makes the source of a recording, where it is not to be what `source_of` makes. Raises what
    `rtbci.training_set.collect` raises, and ConfigError when a transform cannot be calibrated.
    """
    pieces = [part if isinstance(part, Piece) else Piece(part) for part in recordings]
    states: dict[tuple[str, str], dict[int, Mapping[str, NDArray[Any]]]] = {}
    for number, transform in enumerate(assemble.make_transforms(experiment, config), 1):
        if not isinstance(transform, Calibrates):
            continue
        step = config.transforms[number - 1].use
        data = collect(experiment, config, pieces, progress, open_source, states, room, before=number - 1)
        sessions = data.sessions()
        for whose, rows in sessions.items():
            if not len(rows):
                continue
            progress(f"{config.name}: calibrating {step} on {' '.join(whose).strip() or 'the recordings'}")
            place = assemble.where(experiment, f'[[decoder]] "{config.name}" transforms[{number}] "{step}"')
            try:
                with blamed_on(f"{place}.calibrate"):
                    transform.calibrate(data.only(rows))
                    states.setdefault(whose, {})[number] = {k: np.array(v) for k, v in transform.arrays().items()}
            except TransformError as error:
                raise ConfigError(f"{place}: {error}") from error
        known = [whose for whose, rows in sessions.items() if len(rows)]
        for whose in sessions.keys() - set(known):  # without a single trial: it begins like the last one that has some
            states.setdefault(whose, {})[number] = states[known[-1]][number]
    data = collect(experiment, config, pieces, progress, open_source, states, room)
    last = pieces[-1].whose
    return Gathered(data, states.get(last, {}))


def _try_out(decoder: Decoder, data: Calibration, n_classes: int) -> None:
    """Ask the fitted ``decoder`` about one window of each class: what cannot predict is refused now, not live."""
    buffer = aligned_empty(data.n_samples, data.info.n_channels)
    samples = buffer.T
    samples.flags.writeable = False
    for k in range(n_classes):
        buffer[:] = data.cut([int(np.argmax(data.labels == k))])[0].T
        log_probs_of(decoder, Window(samples, 0, len(buffer) - 1, 0.0, 0.0, fresh=len(buffer)), n_classes)


def fit(
    experiment: Experiment, config: DecoderConfig, decoder: Decoder, data: Calibration, run: TrainingRun | None = None
) -> None:
    """Fit ``decoder`` on ``data`` and try it out. Raises DecoderError that names the table and what went wrong."""
    run = run or TrainingRun()
    table = assemble.where(experiment, f'[[decoder]] "{config.name}"')
    if isinstance(decoder, KnowsStream):
        with blamed_on(f"{table}: {name_of(decoder)}.prepare"):
            decoder.prepare(data.info, data.n_samples, len(experiment.classes))
    what = f"{table}: {name_of(decoder)}.{{}}, given {len(data)} windows of {(data.info.n_channels, data.n_samples)},"
    if isinstance(decoder, Learns):
        with blamed_on(what.format("learn")):
            decoder.learn(data, run)
    else:
        with blamed_on(what.format("fit")):
            decoder.fit(data.windows, data.labels)
    try:
        _try_out(decoder, data, len(experiment.classes))
    except DecoderError as error:
        raise DecoderError(f"{table}: {error}") from error


def check_space(experiment: Experiment, config: DecoderConfig) -> None:
    """Refuse, before anything is trained, ``targets`` of another space than the bank's. Raises ConfigError or BankError."""
    if experiment.bank is None:
        return
    bank = Bank.open(experiment.resolve(experiment.bank.path))
    targets = config.args.get("targets")
    if not isinstance(targets, str):
        return  # what else its embeddings are of is known when it is trained
    path = experiment.resolve(targets)
    place = assemble.where(experiment, f'[[decoder]] "{config.name}" targets = {path}')
    space = load(path, place).space_id
    if space != bank.space_id:
        raise ConfigError(
            f"{place}: is of space {space}, {bank.path} of {bank.space_id}; the bank itself, or another of its space "
            "(rtbci bank build --like), would be right"
        )


def rest_for(
    experiment: Experiment,
    config: DecoderConfig,
    decoder: Decoder,
    data: Calibration,
    run: TrainingRun,
    index: Index | None,
) -> Rest | None:
    """How sure the fitted ``decoder`` is of rest, where it looks in the experiment's bank and there is enough of it."""
    if index is None or experiment.bank is None:
        return None
    from rtbci.bank.rest import rest_of

    assert isinstance(decoder, Embeds)
    table = assemble.where(experiment, f'[[decoder]] "{config.name}"')
    with blamed_on(f"{table}: {name_of(decoder)}.embed"):
        rest = rest_of(index, decoder, data)
    wanted = math.ceil(1.0 / experiment.bank.false_alarms) - 1
    if len(rest) < wanted:
        run.note(
            f"{len(rest)} windows of rest between the trials; false_alarms = {experiment.bank.false_alarms:g} needs "
            f"{wanted}: a picture is claimed by its probability alone"
        )
        return None
    run.note(f"{len(rest)} windows of rest set what is claimed, at {experiment.bank.false_alarms:g} false alarms each")
    return Rest(rest, str(index.bank.entry()["sha256"]))


def train(
    experiment: Experiment,
    recordings: Sequence[Path | Piece],
    out: Path,
    progress: Progress = lambda text: None,
    options: Options | None = None,
) -> TrainReport:
    """Fit every decoder of ``experiment`` on ``recordings`` and write the model file ``out``.

    While networks are trained, a folder beside ``out`` holds their checkpoints; it is gone when the model is written.

    Raises
    ------
    DecoderError, SourceError, ConfigError, ModelError
        In one line; the file is written whole at the very end, or not at all.
    """
    started = time.perf_counter()
    options = options or Options()
    if not experiment.decoders:
        raise DecoderError(f"{experiment.path or 'experiment'}: has no [[decoder]] table; there is nothing to train")
    pieces = [part if isinstance(part, Piece) else Piece(part) for part in recordings]
    refuse_loss(experiment, pieces, out)
    refuse_twice(pieces)
    assemble.check_source(experiment, pieces[0].recording)
    decoders = {config.name: assemble.make_decoder(experiment, config) for config in experiment.decoders}
    for config in experiment.decoders:
        check_space(experiment, config)
        assemble.make_transforms(
            experiment, config
        )  # a slip in the last table is told before the first network is trained
        kind_of(decoders[config.name], assemble.where(experiment, f'[[decoder]] "{config.name}"'))  # can it be saved?
    begins = {config.name: _begin(experiment, config, decoders[config.name], options) for config in experiment.decoders}
    assemble.limit_threads()
    trained_on = [models.fingerprint(piece.recording) for piece in pieces]
    scratch = out.with_name(f"{out.name}.training")
    fitted: dict[str, Model] = {}
    summary: dict[str, dict[str, Any]] = {}
    notes: list[str] = []
    total = 0
    for config in experiment.decoders:
        gathered = gather(experiment, config, pieces, progress, Room(options.memory, out.parent))
        data, decoder = gathered.data, decoders[config.name]
        n_windows, n_trials = len(data), len(data.moments)
        progress(f"{config.name}: fitting on {n_windows} windows of {n_trials} trials")
        run = TrainingRun(
            say=_named(progress, config.name),
            checkpoints=scratch / config.name,
            key=models.key_of(experiment, config, trained_on, options.begin, options.train),
            begin=begins[config.name],
            train=options.train,
            rank=options.rank,
            of=options.of,
        )
        if not options.resume and options.rank == 0:
            shutil.rmtree(scratch / config.name, ignore_errors=True)
        fit(experiment, config, decoder, data, run)
        rest = rest_for(experiment, config, decoder, data, run, assemble.open_bank(experiment, config, decoder))
        fitted[config.name] = models.make(
            config,
            decoder,
            classes=tuple(experiment.classes),
            signature=models.signature_of(data.picked),
            trained_on=_counted(trained_on, data),
            calibrated=gathered.calibrated,
            rest=rest,
        )
        summary[config.name] = _summary(experiment, data)
        notes.extend(note for note in data.info.notes if note not in notes)
        notes.extend(f"{config.name}: {note}" for note in run.notes)
        total += n_windows
    if options.rank == 0:
        models.save(out, fitted)
        shutil.rmtree(scratch, ignore_errors=True)
    return TrainReport(out, total, time.perf_counter() - started, summary, tuple(notes))


def _counted(recordings: Sequence[Mapping[str, Any]], data: Calibration) -> list[dict[str, Any]]:
    """What a model remembers of its ``recordings``, with how many windows and trials of ``data`` each of them has."""
    windows = np.bincount(data.places.signal, minlength=len(recordings))
    trials = np.bincount(data.moments[:, 0].astype(np.int64), minlength=len(recordings))
    return [
        {**recording, "windows": int(n_windows), "trials": int(n_trials)}
        for recording, n_windows, n_trials in zip(recordings, windows, trials, strict=True)
    ]


def _named(progress: Progress, name: str) -> Progress:
    return lambda text: progress(f"{name} {text}")


def refuse_loss(experiment: Experiment, pieces: Sequence[Piece], out: Path) -> None:
    """Refuse an ``out`` that cannot be written, or that something is made from. Raises ModelError."""
    models.check_writable(out)
    for given in (*(piece.recording for piece in pieces), *([experiment.path] if experiment.path else [])):
        if out.exists() and given.exists() and out.samefile(given):
            raise ModelError(f"{out}: is what the model is made from, and would be lost; another path would be right")


def _begin(
    experiment: Experiment, config: DecoderConfig, decoder: Decoder, options: Options
) -> Mapping[str, NDArray[Any]] | None:
    """What the model that ``decoder`` begins from had learnt: that of its name, or the only one of its kind."""
    if options.begin is None:
        return None
    table = assemble.where(experiment, f'[[decoder]] "{config.name}"')
    if not isinstance(decoder, Learns):
        raise ConfigError(
            f'{table} use = "{config.use}": cannot begin from a model ({options.begin}); networks can, and every other '
            "decoder is trained in one go, without --from"
        )
    there = models.read_manifest(options.begin)
    alike = [name for name, entry in there.items() if entry["use"] == config.use]
    name = config.name if config.name in alike else alike[0] if len(alike) == 1 else None
    if name is None:
        has = ", ".join(f'"{name}" ({entry["use"]})' for name, entry in there.items())
        raise ModelError(
            f'{options.begin}: has no single model of "{config.use}" for {table} to begin from; it has {has or "none"}'
        )
    classes, space = there[name]["classes"], there[name]["space_id"]
    if options.train == "local" and space in (None, OF_CLASSES) and classes != list(experiment.classes):
        raise ModelError(
            f'{options.begin}: model "{name}" tells {", ".join(classes)} apart, {table} {", ".join(experiment.classes)}; '
            "where only the input block is trained, the same classes in the same order, or --train all, would be right"
        )
    return models.read_arrays(options.begin, name)


def _summary(experiment: Experiment, data: Calibration) -> dict[str, Any]:
    per_class = {
        name: {
            "windows": int((data.labels == k).sum()),
            "trials": len(np.unique(data.trial[data.labels == k])),
        }
        for k, name in enumerate(experiment.classes)
    }
    return {
        "windows": len(data),
        "trials": len(data.moments),
        "trials_without_data": data.without_data,
        "classes": per_class,
        "channels": list(data.picked.names),
    }
