"""Experiments to begin with: one commented TOML file for each kind, in the folder ``templates`` beside this module.

A template is an ordinary experiment file, so that whoever reads it learns the format. Its first comment line is its title,
the lines up to the first empty one say what it is for.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from rtbci.config_file import did_you_mean, names
from rtbci.errors import ConfigError

NAMES = ("motor-imagery", "p300", "ssvep", "n170", "meg-images", "resting")
"""All there are, in the order in which they are offered."""


@dataclass(frozen=True, slots=True)
class Template:
    """One template: its name, a title, what it is for in a sentence or two, and its text."""

    name: str
    title: str
    about: str
    text: str


def template(name: str) -> Template:
    """The template called ``name``. Raises ConfigError that names those there are."""
    if name not in NAMES:
        near = did_you_mean(name, NAMES) or ";"
        raise ConfigError(f'"{name}" is no template{near} there are {names(NAMES)}')
    text = (Path(__file__).resolve().parent / "templates" / f"{name}.toml").read_text(encoding="utf-8")
    head = [line.removeprefix("#").strip() for line in text.split("\n\n", 1)[0].splitlines()]
    return Template(name, head[0], " ".join(head[1:]), text)


def templates() -> list[Template]:
    """All of them."""
    return [template(name) for name in NAMES]


def write(name: str, path: Path) -> Template:
    """Write the template ``name`` as the new file ``path``. Raises ConfigError where it is there, or cannot be written."""
    made = template(name)
    try:
        # "x": whoever comes second is refused, also where two come at once
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    except FileExistsError:
        raise ConfigError(f"{path} is there already and stays as it is; another name would be right") from None
    except OSError as error:
        raise ConfigError(
            f"cannot write {path}: {error.strerror}; a path in a folder of yours would be right"
        ) from error
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(made.text)
    except OSError as error:
        path.unlink(missing_ok=True)  # half a page would be read as an experiment
        raise ConfigError(f"cannot write {path}: {error.strerror}; a disk with room would be right") from error
    return made
