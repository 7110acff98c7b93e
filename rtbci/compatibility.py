"""Whether an experiment, its models and a stream go together, said in plain words before anything runs.

What decides is the session's own code (`assemble.check_against`, `signature.match`, `assemble.check`); this module asks it,
and finds words for each thing that fits or differs. Nothing of a decoder is imported.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from rtbci import assemble, plugins
from rtbci.bank import Bank
from rtbci.config import DecoderConfig, Experiment
from rtbci.config_file import did_you_mean, names
from rtbci.errors import BankError, ConfigError, ModelMismatch, RtbciError
from rtbci.model import counted

FITS, DIFFERS, NOTE = "fits", "differs", "note"
"""What a `Finding` can be. A session is refused where something differs; a note is for a person to judge."""
_MARKS = {FITS: "✓", DIFFERS: "✗", NOTE: "·"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: its verdict, what it is about in a word, a sentence, and the decoder's name or ""."""

    verdict: str
    about: str
    text: str
    decoder: str = ""

    def as_json(self) -> dict[str, str]:
        """The same as a dictionary."""
        return asdict(self)

    def as_text(self) -> str:
        """One line with its mark."""
        whose = f"{self.decoder}: " if self.decoder else ""
        return f"{_MARKS[self.verdict]} {whose}{self.text}"


def fits(findings: Iterable[Finding]) -> bool:
    """Whether nothing differs."""
    return all(finding.verdict != DIFFERS for finding in findings)


def of_experiment(experiment: Experiment) -> list[Finding]:
    """What the experiment is, and whether all that it names is installed; no plugin is imported but transforms."""
    classes = names(experiment.classes, 8)
    words = (
        f"{experiment.name}: {len(experiment.classes)} classes ({classes})" if experiment.classes else experiment.name
    )
    found = [Finding(FITS, "experiment", f"experiment {words}")]
    if not experiment.decoders:
        found.append(Finding(NOTE, "experiment", "no [[decoder]]: a session of it records, and decides nothing"))
    installed = [plugin.name for plugin in plugins.names("decoders")]
    for config in experiment.decoders:
        if ":" not in config.use and config.use not in installed:
            near = did_you_mean(config.use, installed) or ";"
            text = f'"{config.use}" is not installed{near} there are {names(installed, 30)}'
            found.append(Finding(DIFFERS, "plugin", text, config.name))
        try:
            assemble.make_transforms(experiment, config)
        except ConfigError as error:
            found.append(Finding(DIFFERS, "transforms", str(error), config.name))
    return found


def of_model(
    experiment: Experiment, config: DecoderConfig, entry: Mapping[str, Any] | None, path: Path
) -> list[Finding]:
    """Whether the model of one decoder was trained as the experiment would use it.

    ``entry`` is its entry in the manifest of the file ``path``, None where the file has none.
    """
    if entry is None:
        text = f"{path.name} has no model of it; train one with this experiment, or choose another file"
        return [Finding(DIFFERS, "model", text, config.name)]
    found = [Finding(FITS, "model", f"model {path.name}, {trained(entry)}", config.name)]
    words = list(_differences(experiment, config, entry))
    try:
        assemble.check_against(experiment, config, dict(entry), path)
    except ModelMismatch as error:  # the judge; the words are ours
        told = words or [("model", str(error))]
        found += [
            Finding(DIFFERS, key, f"{text}; train it again, or use its settings", config.name) for key, text in told
        ]
    except (KeyError, TypeError):
        found.append(
            Finding(DIFFERS, "model", f"{path.name} lacks what a model says of itself; train it again", config.name)
        )
    if config.lock is None and entry.get("hop") != config.hop:
        text = (
            f"hop: {_seconds(config.hop)}, {_seconds(entry.get('hop'))} in training; it changes how often it is asked"
        )
        found.append(Finding(NOTE, "hop", text, config.name))
    if entry.get("use") == config.use and dict(entry.get("args") or {}) != dict(config.args):
        text = (
            f"the decoder's own settings are those of the model ({_arguments(entry.get('args') or {})}), not the file's"
        )
        found.append(Finding(NOTE, "arguments", f"{text} ({_arguments(config.args)})", config.name))
    return found + _versions(entry, config.name) + _space(experiment, entry, config.name)


def trained(entry: Mapping[str, Any]) -> str:
    """When and on what a model was trained: ``trained 2026-11-23 on calibration.edf (40 trials)``."""
    recordings = [r for r in entry.get("trained_on") or () if isinstance(r, Mapping)]
    trials = counted(recordings, "trials")
    on = names((str(r.get("name", "?")) for r in recordings), 2) if recordings else "what it does not say"
    number = f" ({trials} trials)" if trials else ""
    when = str(entry.get("created") or "")[:10]
    return f"trained {when + ' ' if when else ''}on {on}{number}"


def _differences(experiment: Experiment, config: DecoderConfig, entry: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    """Key and sentence for each thing that `assemble.check_against` refuses."""
    here, there = list(experiment.classes), list(entry.get("classes") or ())
    if here != there:
        same = sorted(here) == sorted(there)
        order = ": the same in another order, which numbers them" if same else ""
        yield "classes", f"classes: the model knows {names(there, 6)}; the experiment has {names(here, 6)}{order}"
    if entry.get("use") != config.use:
        yield "use", f'kind: the model is a "{entry.get("use")}", the experiment asks for a "{config.use}"'
    for key, value in (("window", config.window), ("offset", config.offset), ("baseline", config.baseline)):
        if entry.get(key) != value:
            yield key, f"{key}: {_seconds(entry.get(key))} in the model, {_seconds(value)} in the experiment"
    if entry.get("lock") != config.lock:
        how = {None: "slides", "marker": "waits for markers"}
        was, is_ = (how.get(lock, str(lock)) for lock in (entry.get("lock"), config.lock))
        yield "lock", f"windows: the model {was}, the experiment {is_}"
    elif config.lock is not None and entry.get("hop") != config.hop:
        yield "hop", f"hop: {_seconds(entry.get('hop'))} in the model, {_seconds(config.hop)} in the experiment"
    steps = [[step.use, dict(step.args)] for step in config.transforms]
    before = [list(step) for step in entry.get("transforms") or ()]
    if steps != before:
        yield "transforms", f"transforms: {_steps(before)} in the model, {_steps(steps)} in the experiment"


def _versions(entry: Mapping[str, Any], decoder: str) -> list[Finding]:
    """A note where packages that fitted the model have changed since, by more than a correction."""
    changed = []
    for package, was in (entry.get("versions") or {}).items():
        try:
            now = metadata.version(package)
        except metadata.PackageNotFoundError:
            if package != "python":
                changed.append(f"{package} {was}, not installed here")
            continue
        if now.split(".")[:2] != str(was).split(".")[:2]:
            changed.append(f"{package} {was}, here {now}")
    text = (
        f"other versions than those that fitted it: {names(changed, 4)}; `rtbci replay` shows whether it decides alike"
    )
    return [Finding(NOTE, "versions", text, decoder)] if changed else []


def _space(experiment: Experiment, entry: Mapping[str, Any], decoder: str) -> list[Finding]:
    """Whether the bank is of the space in which the model gives embeddings."""
    space = entry.get("space_id")
    if space is None or experiment.bank is None:
        return []
    path = experiment.resolve(experiment.bank.path)
    try:
        bank = Bank.open(path)
    except BankError as error:
        return [Finding(DIFFERS, "bank", f"bank: {error}", decoder)]
    if bank.space_id != space:
        text = (
            f"bank {path.name} is of space {bank.space_id}, the model of {space}; a bank of that space would be right"
        )
        return [Finding(DIFFERS, "bank", text, decoder)]
    return [Finding(FITS, "bank", f"bank {path.name}: {len(bank.items)} items, of the model's space", decoder)]


def of_transforms(experiment: Experiment, config: DecoderConfig, info: Any, channels: Sequence[int]) -> Finding:
    """Whether the decoder's transforms and windows are possible on the ``channels`` of a stream."""
    try:
        out = assemble.check(experiment, config, info, tuple(channels))
    except RtbciError as error:
        return Finding(DIFFERS, "transforms", str(error), config.name)
    shape = f"{out.n_channels} channels, {round(config.window * out.rate)} samples at {out.rate:g} Hz"
    return Finding(FITS, "transforms", f"its transforms work on this stream; windows of {shape}", config.name)


def _seconds(value: Any) -> str:
    return "none" if value is None else f"{value:g} s"


def _arguments(args: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} = {value}" for key, value in args.items()) or "all defaults"


def _steps(steps: Sequence[Sequence[Any]]) -> str:
    return ", ".join(f"{use} ({_arguments(args)})" if args else str(use) for use, args in steps) or "none"
