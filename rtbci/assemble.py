"""The composition root: turns names in an experiment file into sources, transforms, decoders and pipelines.

The only place that knows both the pipeline and the plugins. What a component refuses comes out as a ConfigError that
names the file, the table, the key and the value.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from threadpoolctl import threadpool_limits

from rtbci import model as models
from rtbci import plugins
from rtbci.asking import blamed_on, name_of
from rtbci.bank import Bank
from rtbci.config import BankConfig, DecoderConfig, Experiment
from rtbci.devices import use_device
from rtbci.errors import BankError, ConfigError, DecoderError, ModelMismatch, TransformError
from rtbci.interfaces import Calibrates, Decoder, Embeds, KnowsStream, Source, Transform
from rtbci.learning import require_adapts
from rtbci.model import Calibrated, Model, Rest
from rtbci.pipeline import Pipeline, Plan
from rtbci.types import StreamInfo

if TYPE_CHECKING:
    from rtbci.bank.retriever import Index

AUXILIARY = frozenset({"stim", "misc", "eog", "ecg", "emg", "bio", "resp", "ias", "syst", "exci", "ref_meg"})
"""Channel kinds that no decoder gets unless a transform picks them by name: a decoder should not see the eyes unasked."""

LONGEST_SECONDS = 600.0
"""No window, offset or baseline may be longer: a pipeline keeps that much of its stream in memory."""


def limit_threads() -> None:
    """One BLAS and OpenMP thread: small matrices are faster so, and rounding does not depend on the machine's load."""
    threadpool_limits(limits=1)


def base_of(experiment: Experiment) -> Path:
    """Folder that relative paths in the experiment are relative to."""
    return experiment.path.parent if experiment.path else Path()


def where(experiment: Experiment, table: str) -> str:
    """How an error message names ``table`` of the experiment's file."""
    return f"{experiment.path or 'experiment'}: {table}"


def make_source(experiment: Experiment, **overrides: Any) -> Source:
    """The source that the experiment names, with ``overrides`` of its arguments; not opened yet."""
    args = {**experiment.source.args, **overrides}
    if experiment.source.use == "file" and isinstance(args.get("path"), str):
        args["path"] = str(experiment.resolve(args["path"]))
    made = plugins.make("sources", experiment.source.use, args, base_of(experiment), where(experiment, "[source]"))
    source: Source = _as(Source, made, experiment.source.use)
    return source


def check_source(experiment: Experiment, recording: Path) -> None:
    """Refuse a ``[source]`` table that no live session could use, before anything is made from ``recording`` with it.

    Our own sources are made, which opens nothing. Of a plugin's it is only seen that it is installed: the driver of an
    amplifier need not be on the machine that trains.
    """
    use = experiment.source.use
    if ":" in use or any(p.name == use and p.distribution != "rtbci" for p in plugins.names("sources")):
        return
    if use == "file" and "path" not in experiment.source.args:
        make_source(experiment, path=str(recording.resolve()))
    else:
        make_source(experiment)


def make_transforms(
    experiment: Experiment, config: DecoderConfig, calibrated: Calibrated | None = None
) -> list[Transform]:
    """The transforms of one decoder, in order, not started.

    ``calibrated`` is what those begin with that `rtbci.interfaces.Calibrates`; without it they begin from nothing.

    Raises
    ------
    ConfigError
        When one cannot be made as the experiment says.
    ModelMismatch
        When ``calibrated`` lacks one of them, or holds what it cannot have written.
    """
    made: list[Transform] = []
    for number, step in enumerate(config.transforms, 1):
        place = _step(experiment, config, number)
        transform = _as(
            Transform, plugins.make("transforms", step.use, step.args, base_of(experiment), place), step.use
        )
        if calibrated is not None and isinstance(transform, Calibrates):
            _restore(transform, calibrated, number, f'{place} "{step.use}"')
        made.append(transform)
    return made


def _restore(transform: Calibrates, calibrated: Calibrated, number: int, what: str) -> None:
    if number not in calibrated:
        raise ModelMismatch(f"{what}: the model does not hold what it was calibrated with; train it again")
    try:
        transform.restore(calibrated[number])
    except TransformError as error:
        raise ModelMismatch(f"{what}: {error}; train the model again") from error


def make_decoder(experiment: Experiment, config: DecoderConfig) -> Decoder:
    """The decoder of one ``[[decoder]]`` table, not fitted."""
    table = where(experiment, f'[[decoder]] "{config.name}"')
    made = plugins.make("decoders", config.use, config.args, base_of(experiment), table)
    decoder: Decoder = _as(Decoder, made, config.use)
    check_adapts(experiment, config, decoder)
    return decoder


def check_adapts(experiment: Experiment, config: DecoderConfig, decoder: Decoder) -> None:
    """Refuse ``adapt = true`` for a ``decoder`` that cannot learn while it runs. Raises ConfigError."""
    if config.adapt:
        try:
            require_adapts(decoder)
        except DecoderError as error:
            table = where(experiment, f'[[decoder]] "{config.name}"')
            raise ConfigError(f"{table} adapt = true: {error}") from error


def _as(protocol: Any, made: object, use: str) -> Any:
    if not isinstance(made, protocol):
        wanted = [name for name in dir(protocol) if not name.startswith("_")]
        missing = [name for name in wanted if not hasattr(made, name)]
        raise ConfigError(
            f'"{use}" is not a {protocol.__name__}: it has no {", ".join(missing)}; it must offer {wanted}'
        )
    return made


def _step(experiment: Experiment, config: DecoderConfig, number: int) -> str:
    return where(experiment, f'[[decoder]] "{config.name}" transforms[{number}]')


def default_channels(info: StreamInfo, config: DecoderConfig) -> tuple[int, ...]:
    """Indices of the channels that a decoder is trained on: no trigger channels, no bad ones, no eyes unasked."""
    stim_only = any(
        step.use in ("pick", "bipolar") or (step.use == "re-reference" and step.args.get("channels"))
        for step in config.transforms
    )
    left_out: frozenset[str] = frozenset({"stim"}) if stim_only else AUXILIARY
    regressions = [step for step in config.transforms if step.use == "regress-eog"]
    if regressions:
        left_out = left_out - {"eog"}  # it needs the eyes to take them out, and takes them out of what comes after it
    named = {name for step in regressions for name in step.args.get("channels", ())}
    kept = [
        i
        for i, c in enumerate(info.channels)
        if (c.kind not in left_out or c.name in named) and c.name not in info.bads
    ]
    if not kept:
        kept = [i for i, c in enumerate(info.channels) if c.kind != "stim"]
    return tuple(kept)


def check(
    experiment: Experiment,
    config: DecoderConfig,
    info: StreamInfo,
    channels: tuple[int, ...],
    calibrated: Calibrated | None = None,
) -> StreamInfo:
    """Start every transform on the stream once, from what it was ``calibrated`` with; say what the windows will be made of.

    Raises
    ------
    ConfigError
        When a transform cannot work on this stream, or the window is shorter than a filter's warm-up or two samples.
    ModelMismatch
        As `make_transforms`.
    """
    out = replace(info, channels=tuple(info.channels[i] for i in channels))
    table = where(experiment, f'[[decoder]] "{config.name}"')
    for number, transform in enumerate(make_transforms(experiment, config, calibrated), 1):
        try:
            out = transform.start(out)
        except TransformError as error:
            step = config.transforms[number - 1].use
            raise ConfigError(f'{_step(experiment, config, number)} "{step}" {error}') from error
        warmup = float(getattr(transform, "warmup_seconds", 0.0))
        if config.window < warmup:
            raise ConfigError(
                f"{table} window = {config.window}: is shorter than the warm-up of its "
                f'"{config.transforms[number - 1].use}", {warmup:.3f} s; take a longer window or a wider band'
            )
    if round(config.window * out.rate) < 2:
        raise ConfigError(
            f"{table} window = {config.window}: is shorter than two samples at {out.rate:g} Hz; "
            f"{2 / out.rate:.6g} or more would be right"
        )
    if config.hop is not None and config.hop * out.rate < 0.5:
        raise ConfigError(
            f"{table} hop = {config.hop}: is shorter than one sample at {out.rate:g} Hz; "
            f"{1 / out.rate:.6g} or more would be right"
        )
    for key, seconds in (("window", config.window), ("offset", config.offset), ("baseline", config.baseline or 0.0)):
        if abs(seconds) > LONGEST_SECONDS:
            raise ConfigError(
                f"{table} {key} = {seconds}: is longer than {LONGEST_SECONDS:g} s, which a session would have to keep in "
                "memory; a few seconds would be right"
            )
    return out


def make_plan(experiment: Experiment, config: DecoderConfig, channels: tuple[int, ...] | None) -> Plan:
    """What the pipeline of one decoder is to do."""
    classes = tuple(experiment.classes)
    return Plan(
        classes=classes,
        labels={label: k for k, name in enumerate(classes) for label in experiment.classes[name]},
        window=config.window,
        hop=config.hop,
        trial=(experiment.trial.start, experiment.trial.stop),
        offset=config.offset,
        baseline=config.baseline,
        threshold=experiment.evidence.threshold,
        dwell=experiment.evidence.dwell,
        time_constant=experiment.evidence.time_constant,
        channels=channels,
        adapt=config.adapt,
    )


def make_pipeline(
    experiment: Experiment,
    config: DecoderConfig,
    source: Source,
    info: StreamInfo,
    decoder: Decoder | None,
    channels: tuple[int, ...],
    *,
    origin: int = 0,
    rows: int = 4096,
    calibrated: Calibrated | None = None,
    subject: str = "",
    batched: bool = False,
) -> Pipeline:
    """The pipeline of one decoder on an opened ``source``; checks everything that can be checked before it runs.

    ``calibrated`` is what its transforms begin with. ``subject`` says whose the stream is, where the experiment does not.
    ``batched`` is as for `rtbci.pipeline.Pipeline`.
    """
    check(experiment, config, info, channels, calibrated)
    if decoder is not None:
        check_adapts(experiment, config, decoder)
    pipeline = Pipeline(
        source,
        info,
        make_plan(experiment, config, channels),
        make_transforms(experiment, config, calibrated),
        decoder,
        origin=origin,
        rows=rows,
        batched=batched,
    )
    if decoder is not None and isinstance(decoder, KnowsStream):
        table = where(experiment, f'[[decoder]] "{config.name}"')
        whose = replace(pipeline.info, subject=experiment.recording.subject or subject)
        with blamed_on(f"{table}: {name_of(decoder)}.prepare"):
            decoder.prepare(whose, pipeline.length, len(experiment.classes))
    return pipeline


def open_bank(
    experiment: Experiment, config: DecoderConfig, decoder: Decoder, path: Path | None = None
) -> Index | None:
    """The bank that the decoder looks in, or None where there is none or the decoder gives no embeddings.

    ``path`` is of another bank than the experiment's. Raises ConfigError for one that cannot be read or is of another space.
    """
    place = f"{path}"
    if path is None and experiment.bank is not None:
        path = experiment.resolve(experiment.bank.path)
        place = where(experiment, f"[bank] path = {path}:")
    if path is None or not isinstance(decoder, Embeds):
        return None
    from rtbci.bank.retriever import Index  # loads the kernels of the search, which nobody else needs

    try:
        bank = Bank.open(path)
        index = Index(bank, (experiment.bank or BankConfig(path)).search)
    except BankError as error:
        raise ConfigError(str(error)) from error
    if decoder.space_id != bank.space_id:
        raise ConfigError(
            f'{place} is of space {bank.space_id}, decoder "{config.name}" of {decoder.space_id}; a bank of that space '
            "(rtbci bank build --like), or a decoder trained with targets = this bank, would be right"
        )
    return index


def knows_rest(rest: Rest | None, index: Index) -> bool:
    """Whether ``rest`` is of the bank that is searched."""
    return rest is not None and rest.bank == index.bank.entry()["sha256"]


def retrieve_in(experiment: Experiment, index: Index, pipeline: Pipeline, rest: Rest | None = None) -> None:
    """Let ``pipeline`` look in a bank for what was seen; ``rest`` is what its decoder's model knows of rest.

    It counts in the bank that it is of, and in no other.
    """
    from rtbci.bank.retriever import Retriever

    decoder: object = pipeline.decoder
    assert isinstance(decoder, Embeds)
    settings = experiment.bank or BankConfig(index.bank.path)
    pipeline.retrieve_with(
        Retriever(
            index,
            decoder,
            experiment.classes,
            length=pipeline.length,
            rate=pipeline.info.rate,
            n_channels=pipeline.info.n_channels,
            hop=pipeline.hop,
            time_constant=experiment.evidence.time_constant,
            threshold=experiment.evidence.threshold,
            rest=rest.sure if rest is not None and knows_rest(rest, index) else None,
            top=settings.top,
            average=settings.average,
            false_alarms=settings.false_alarms,
        )
    )


@dataclass(frozen=True, slots=True)
class Fitted:
    """A model that fits the experiment and the stream: its decoder, its channels, and sentences about what was remapped."""

    model: Model
    channels: tuple[int, ...]
    notes: tuple[str, ...]


def load_models(
    experiment: Experiment, path: Path, names: Sequence[str] | None = None, device: str | None = None
) -> dict[str, Model]:
    """The models of the experiment's decoders from file ``path``; plugins are imported here.

    With ``device``, decoders that use one are to run on it, whatever the experiment says.

    Raises
    ------
    ModelMismatch
        When the file has no model for a decoder, or one that was trained with another window, hop, transforms, classes.
    """
    manifest = models.read_manifest(path)
    wanted = [d.name for d in experiment.decoders if names is None or d.name in names]
    for name in wanted:
        if name not in manifest:
            raise ModelMismatch(f'{path} has no model for decoder "{name}"; it has {", ".join(manifest) or "none"}')
        # before anything is made of it: what a file names must be what the experiment names
        check_against(experiment, experiment.decoder(name), manifest[name], path)
    loaded = models.load(path, lambda use, args: _remake(experiment, use, args, device), wanted)
    return {name: loaded[name] for name in wanted}


def _remake(experiment: Experiment, use: str, args: Any, device: str | None) -> Decoder:
    made = plugins.make("decoders", use, args, base_of(experiment), f'model of "{use}"')
    decoder: Decoder = _as(Decoder, made, use)
    if device is not None:
        use_device(decoder, device)
    return decoder


def check_against(experiment: Experiment, config: DecoderConfig, trained: dict[str, Any], path: Path) -> None:
    """Refuse a model that was trained otherwise than the experiment would use it; ``trained`` is its manifest entry."""
    here: dict[str, Any] = {
        "classes": list(experiment.classes),
        "use": config.use,
        "window": config.window,
        "hop": config.hop,
        "lock": config.lock,
        "offset": config.offset,
        "baseline": config.baseline,
        "transforms": [[step.use, dict(step.args)] for step in config.transforms],
    }
    different = [
        f"{key} was {trained[key]!r}, the experiment says {value!r}"
        for key, value in here.items()
        if trained[key] != value
    ]
    # another hop only changes how often a sliding decoder is asked, so it is no reason to refuse the model
    different = [line for line in different if not (line.startswith("hop ") and config.lock is None)]
    if different:
        raise ModelMismatch(
            f'{path} does not fit decoder "{config.name}": '
            + "; ".join(different)
            + "; train it again or use its settings"
        )


def fit_to_stream(model: Model, info: StreamInfo) -> Fitted:
    """Find the model's channels in the stream. Raises ModelMismatch that says exactly what differs."""
    found = models.match(model.signature, info)
    return Fitted(model, found.indices, found.notes)
