"""Load and save the experiment: the one TOML file that says what a session is, and that the window edits too.

Everything that can be judged from the file alone is judged here; arguments of sources, transforms and decoders are
checked where they are made (`rtbci.plugins.make`), and what depends on the stream where the stream is known.
The file's shape stands in `rtbci.config_tables`, what comes out of it in `rtbci.experiment`.
"""

from __future__ import annotations

from pathlib import Path

from rtbci import config_tables, config_write
from rtbci.config_file import Problems, Table, parse, read_text, show
from rtbci.config_tables import as_tables
from rtbci.errors import ConfigError
from rtbci.experiment import (
    BankConfig,
    Component,
    DecoderConfig,
    EvidenceConfig,
    Experiment,
    MarkersConfig,
    RecordingConfig,
    RemoteConfig,
    RendererConfig,
    SessionConfig,
    Trial,
)

__all__ = [
    "BankConfig",
    "Component",
    "DecoderConfig",
    "EvidenceConfig",
    "Experiment",
    "MarkersConfig",
    "RecordingConfig",
    "RemoteConfig",
    "RendererConfig",
    "SessionConfig",
    "Trial",
    "load",
    "loads",
    "save",
]


def load(path: Path) -> Experiment:
    """Read the experiment file at ``path``. Raises ConfigError: one line with file, table, key, value, what is right."""
    return loads(read_text(path), path)


def loads(text: str, path: Path | None = None) -> Experiment:
    """Read an experiment from TOML ``text``; ``path`` is where relative paths start and what errors name.

    Raises ConfigError for the first problem, with the number of further ones.
    """
    file = "experiment" if path is None else str(path)
    problems = Problems(file)
    experiment = config_tables.experiment(Table(parse(text, file), "", problems), path, text)
    if problems:
        problems.raise_first()
    return experiment


def save(experiment: Experiment, path: Path) -> None:
    """Write ``experiment`` to ``path``, whole or not at all.

    Where it has a ``text``, only what changed since is written anew: comments, order and spelling of the rest stay. What was
    written has been read back and found equal before the old file is replaced. Raises ConfigError where the experiment
    could not be read back (its values are impossible) or the file cannot be written.
    """
    try:
        plain = config_write.update("", config_tables.BLANK, as_tables(experiment), config_tables.NAMED)
    except (TypeError, ValueError) as error:  # an argument that TOML has no word for
        raise ConfigError(
            f"{path}: cannot be written: {error}; arguments of other names that are numbers, strings or lists would be right"
        ) from error
    _same_or_raise(loads(plain, path), experiment)
    config_write.write_text(path, _edited(experiment, path) or plain)


def _edited(experiment: Experiment, path: Path) -> str | None:
    """The experiment's text with what changed, or None where there is none or it is laid out beyond faithful editing."""
    if not experiment.text:
        return None
    new = as_tables(experiment)
    try:
        old = as_tables(loads(experiment.text, path))
        # the order of the classes numbers them: where adding at the end does not give it, the table is written anew
        kept = [name for name in old["classes"] if name in new["classes"]]
        if list(new["classes"])[: len(kept)] != kept:
            old["classes"] = None
        text = config_write.update(experiment.text, old, new, config_tables.NAMED)
        _same_or_raise(loads(text, path), experiment)
    except (ConfigError, ValueError, KeyError, TypeError, IndexError):
        return None
    return text


def _same_or_raise(read: Experiment, meant: Experiment) -> None:
    """Raise ConfigError unless both say the same, order of the classes included (it numbers them)."""
    a, b = as_tables(read), as_tables(meant)
    if config_write.same(a, b) and list(a["classes"]) == list(b["classes"]):
        return
    key = next((key for key in a if not config_write.same(a[key], b[key])), "classes")
    raise ConfigError(f"{read.file}: [{key}] cannot be written: {show(b[key])} would be read back as {show(a[key])}")
