"""The chosen experiment and its models as plain facts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rtbci.config import Component, DecoderConfig, Experiment
from rtbci.errors import ModelError
from rtbci.model import counted, read_manifest
from rtbci_ui.facts import Fact
from rtbci_ui.start.past import ago, changed, last_session

SUFFIXES = (".rtbci", ".model")
"""Of model files."""
MOST = 12
"""Model files that are offered of one folder."""


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A model file: for which decoders it has models, what it was trained on, and what is wrong with it ("" nothing)."""

    path: Path
    decoders: tuple[str, ...] = ()
    trained: str = ""
    problem: str = ""


def model_file(path: Path) -> ModelFile:
    """Look into the model file at ``path``."""
    if not path.exists():
        return ModelFile(path, problem="there is no such file")
    try:
        manifest = read_manifest(path)
    except ModelError as error:
        return ModelFile(path, problem=str(error))
    return ModelFile(path, tuple(manifest), trained(next(iter(manifest.values()), {})))


def trained(entry: Mapping[str, Any]) -> str:
    """On what a model was trained, and when: ``calibration.edf, 40 trials, 2026-11-23``."""
    recordings = [r for r in entry.get("trained_on") or () if isinstance(r, Mapping)]
    trials = counted(recordings, "trials")
    names = [str(r.get("name") or "?") for r in recordings]
    shown = ", ".join(names[:2]) + (f" and {len(names) - 2} more" if len(names) > 2 else "")
    when = str(entry.get("created") or "")[:10]
    return ", ".join(part for part in (shown, f"{trials} trials" if trials else "", when) if part)


def named_models(experiment: Experiment) -> dict[str, Path]:
    """Model file by decoder, as far as the experiment itself names any."""
    return {d.name: experiment.resolve(d.model) for d in experiment.decoders if d.model is not None}


def model_files(experiment: Experiment) -> list[ModelFile]:
    """Model files beside the experiment that have a model of one of its decoders, the newest first."""
    wanted = {config.name for config in experiment.decoders}
    try:
        paths = [path for path in experiment.base.iterdir() if path.suffix in SUFFIXES and path.is_file()]
    except OSError:
        return []
    paths.sort(key=lambda path: changed(path) or 0.0, reverse=True)
    found = (model_file(path) for path in paths[:MOST])
    return [each for each in found if wanted & set(each.decoders)]


def facts(experiment: Experiment, model: ModelFile | None, now: float | None = None) -> list[Fact]:
    """What is to be done, in the order in which one asks; ``model`` is the chosen file, None for what the file names."""
    last = last_session(experiment)
    return [
        Fact("File", str(experiment.path or "")),
        Fact("Source", _source(experiment.source)),
        Fact("Classes", _classes(experiment)),
        Fact("Trial", f"{experiment.trial.start:g} to {experiment.trial.stop:g} s after the marker"),
        *_decoders(experiment.decoders),
        Fact("Model", *_model(experiment, model)),
        *([Fact("Bank", str(experiment.bank.path))] if experiment.bank is not None else []),
        Fact("Sessions", str(experiment.resolve(experiment.recording.folder))),
        Fact("Last session", "none yet" if last is None else f"{ago(last.started, now)}: {last.path.name}"),
    ]


def _source(source: Component) -> str:
    if source.use == "lsl":
        keys = ("name", "type", "source_id", "hostname")
        said = [f"{key} {source.args[key]}" for key in keys if source.args.get(key)]
        return f"LSL stream, {', '.join(said)}" if said else "LSL stream of type EEG"
    args = ", ".join(f"{key} = {value}" for key, value in source.args.items())
    return f"{source.use}: {args}" if args else source.use


def _classes(experiment: Experiment) -> str:
    if not experiment.classes:
        return "none"
    shown = [
        f"{name} ({', '.join(labels[:3])}{', …' if len(labels) > 3 else ''})" if labels else f"{name} (between trials)"
        for name, labels in list(experiment.classes.items())[:6]
    ]
    more = f" and {len(experiment.classes) - 6} more" if len(experiment.classes) > 6 else ""
    return ", ".join(shown) + more


def _decoders(configs: Sequence[DecoderConfig]) -> list[Fact]:
    if not configs:
        return [Fact("Decoders", "none: it records only")]
    return [Fact("Decoder" if k == 0 else "", _decoder(config)) for k, config in enumerate(configs)]


def _decoder(config: DecoderConfig) -> str:
    when = f"every {config.hop:g} s" if config.hop is not None else "at each marker"
    steps = " → ".join([_step(step) for step in config.transforms] or ["as it comes"])
    return f"{config.name}: {config.use}, {config.window:g} s {when}; {steps}"


def _step(step: Component) -> str:
    values = [f"{value:g}" if isinstance(value, int | float) else "" for value in step.args.values()]
    said = "–".join(value for value in values if value)
    return f"{step.use} {said}".strip()


def _model(experiment: Experiment, model: ModelFile | None) -> tuple[str, str]:
    """Words and mood of the fact on models."""
    if model is not None:
        if model.problem:
            return f"{model.path.name}: {model.problem}", "alarm"
        return f"{model.path.name}, trained on {model.trained}", "good"
    named = named_models(experiment)
    if not named:
        return "none: records only, a calibration", "warning"
    files = {path: model_file(path) for path in named.values()}
    bad = [f"{path.name}: {each.problem}" for path, each in files.items() if each.problem]
    if bad:
        return "; ".join(bad), "alarm"
    return "; ".join(f"{path.name}, trained on {each.trained}" for path, each in files.items()), "good"
