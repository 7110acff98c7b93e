"""An experiment as the form holds it: texts and numbers that may be wrong for a while, turned into one that is judged."""

from __future__ import annotations

import tempfile
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from rtbci import config
from rtbci.config import Component, DecoderConfig, EvidenceConfig, Experiment, Trial
from rtbci.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Use:
    """What to use, and its arguments as TOML: ``low = 8.0, high = 30.0``."""

    use: str
    args: str = ""


@dataclass(frozen=True, slots=True)
class DecoderDraft:
    """One decoder; ``window`` and ``hop`` in seconds, ``hop`` None for windows that are locked to markers.

    ``was`` is its name in the file, so that what the form does not show survives a change of name.
    """

    name: str
    use: str
    window: float
    hop: float | None
    args: str = ""
    transforms: tuple[Use, ...] = ()
    was: str = ""


@dataclass(frozen=True, slots=True)
class Draft:
    """Everything that the form shows; ``classes`` are names with their labels, separated by commas."""

    name: str
    source: Use
    classes: tuple[tuple[str, str], ...]
    start: float
    stop: float
    decoders: tuple[DecoderDraft, ...]
    evidence: EvidenceConfig = field(default_factory=EvidenceConfig)


NEW = Experiment(
    name="new experiment",
    source=Component("lsl", {"type": "EEG"}),
    classes={"left": ("1",), "right": ("2",)},
    trial=Trial(0.5, 3.5),
    decoders=(DecoderConfig("riemann", "tangent", 2.0, 0.1, (Component("band-pass", {"low": 8.0, "high": 30.0}),)),),
)
"""What a file that is not there yet begins with."""


def open_experiment(path: Path) -> Experiment:
    """The experiment at ``path``, or a new one where there is no such file. Raises ConfigError for one that is wrong."""
    return config.load(path) if path.exists() else replace(NEW, path=path)


def arguments_text(args: Mapping[str, Any]) -> str:
    """``args`` as the inside of a TOML inline table."""
    import tomlkit

    table = tomlkit.inline_table()
    for key, value in args.items():
        table[key] = value
    return table.as_string().strip().removeprefix("{").removesuffix("}").strip()


def arguments(text: str, where: str) -> dict[str, Any]:
    """Read what `arguments_text` wrote, or a person did. Raises ConfigError that says ``where``."""
    try:
        value = tomllib.loads(f"value = {{ {text.strip().rstrip(',')} }}")["value"]
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(
            f"{where}: arguments {text!r}: {error}; such as low = 8.0, high = 30.0 would be right"
        ) from None
    return dict(value)


def draft_of(experiment: Experiment) -> Draft:
    """What the form shows of ``experiment``."""
    return Draft(
        name=experiment.name,
        source=Use(experiment.source.use, arguments_text(experiment.source.args)),
        classes=tuple((name, ", ".join(labels)) for name, labels in experiment.classes.items() if labels),
        start=experiment.trial.start,
        stop=experiment.trial.stop,
        decoders=tuple(
            DecoderDraft(
                d.name, d.use, d.window, d.hop, arguments_text(d.args),
                tuple(Use(t.use, arguments_text(t.args)) for t in d.transforms), d.name,
            )
            for d in experiment.decoders
        ),
        evidence=experiment.evidence,
    )  # fmt: skip


def experiment_of(draft: Draft, before: Experiment) -> Experiment:
    """``before`` with what the form says. Raises ConfigError where a text cannot be read."""
    classes: dict[str, tuple[str, ...]] = {}
    for name, labels in draft.classes:
        if name in classes:
            raise ConfigError(
                f'[classes]: two classes are called "{name}"; another name for one of them would be right'
            )
        classes[name] = tuple(label.strip() for label in labels.split(",") if label.strip())
        if not classes[name]:
            raise ConfigError(f'[classes] {name}: has no marker label; at least one such as "T1" would be right')
    if before.idle is not None:
        classes.setdefault(list(before.classes)[before.idle], ())  # the form leaves [idle] as it is
    known = {d.name: d for d in before.decoders}
    decoders = []
    for given in draft.decoders:
        where = f'[[decoder]] "{given.name}"'
        base = known.get(given.was, DecoderConfig("", "", given.window, given.hop))
        transforms = tuple(
            Component(t.use, arguments(t.args, f"{where} transforms entry {i + 1}"))
            for i, t in enumerate(given.transforms)
        )
        decoders.append(
            replace(
                base, name=given.name, use=given.use, window=given.window, hop=given.hop,
                args=arguments(given.args, where), transforms=transforms,
            )
        )  # fmt: skip
    return replace(
        before,
        name=draft.name,
        source=Component(draft.source.use, arguments(draft.source.args, "[source]")),
        classes=classes,
        own_classes=before.own_classes or classes != dict(before.classes),
        trial=Trial(draft.start, draft.stop),
        decoders=tuple(decoders),
        evidence=draft.evidence,
    )


def problem(draft: Draft, before: Experiment, path: Path) -> str:
    """What is wrong with ``draft`` as the file ``path``, in one line, or "".

    The judge is the writer itself: it writes to a scratch folder, and refuses what could not be read back.
    """
    with tempfile.TemporaryDirectory(prefix="rtbci-form-") as folder:
        scratch = Path(folder) / path.name
        try:
            experiment = experiment_of(draft, before)
            if experiment.bank is not None:  # its path is relative to the file, not to the scratch folder
                bank = replace(experiment.bank, path=before.resolve(experiment.bank.path))
                experiment = replace(experiment, bank=bank)
            config.save(experiment, scratch)
        except ConfigError as error:
            return str(error).replace(str(scratch), path.name)
    return ""
