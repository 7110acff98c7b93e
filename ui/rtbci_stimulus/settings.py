"""Settings of a paradigm: dataclass fields that say what they mean, read strictly from a table of TOML or from words.

A paradigm is a frozen dataclass whose fields are made by `setting`; the type of a value is that of its default.
"""

from __future__ import annotations

import dataclasses
import math
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from rtbci.config_file import Problems, Table, kind_of, show
from rtbci.errors import ConfigError

P = TypeVar("P", bound="Presentation")
OWN_MARKERS = ("run-start", "run-end", "trial-start", "get-ready", "trial-end", "pause", "resume", "abort")
"""Markers that every run has and that stand for no class."""
CORNERS = ("top left", "top right", "bottom left", "bottom right", "none")


def setting(default: Any, about: str, unit: str = "", **bounds: Any) -> Any:
    """A field: its default, what it means, its unit, and bounds: ``above``, ``at_least``, ``at_most`` or ``choices``."""
    return dataclasses.field(default=default, metadata={"about": about, "unit": unit, **bounds})


@dataclass(frozen=True, slots=True, kw_only=True)
class Presentation:
    """What every paradigm has: its ground, the patch for a photodiode, its stream of markers, and its seed."""

    seed: int = setting(-1, "of the order; -1 draws a new one, which is logged", at_least=-1)
    background: float = setting(0.35, "grey of the ground, 0 black to 1 white", at_least=0.0, at_most=1.0)
    patch: str = setting("bottom left", "corner of the photodiode patch", choices=CORNERS)
    patch_size: float = setting(0.06, "side of the patch, in heights of the screen", above=0.0, at_most=0.5)
    patch_frames: int = setting(1, "frames that the patch is white from a marker on", "frames", at_least=1, at_most=60)
    display_delay: float = setting(
        0.0,
        "added to every marker: from the swap to the light, as the photodiode shows it",
        "s",
        at_least=-0.5,
        at_most=0.5,
    )
    stream: str = setting("rtbci-markers", "name of the LSL stream of markers")
    block_pause: float = setting(
        10.0, "length of the pause between blocks with --auto", "s", at_least=0.0, at_most=3600.0
    )
    instructions: str = setting("", "shown before the start; empty for the paradigm's own words")

    def check(self, table: Table) -> None:
        """Judge what concerns several settings at once; problems are noted in ``table``."""


def read(cls: type[P], values: Mapping[str, Any], where: str = "[paradigm]", file: str = "paradigm") -> P:
    """Make a ``cls`` of a table's ``values``. Raises ConfigError: file, table, key, value, what would be right."""
    problems = Problems(file)
    table = Table(values, where, problems)
    fields = dataclasses.fields(cls)
    common = {field.name for field in dataclasses.fields(Presentation)}
    table.only(tuple(field.name for field in sorted(fields, key=lambda field: field.name in common)))
    made = {field.name: _value(table, field) for field in fields if field.name in values}
    if problems:
        problems.raise_first()
    paradigm = cls(**made)
    paradigm.check(table)
    if problems:
        problems.raise_first()
    return paradigm


def _value(table: Table, field: dataclasses.Field[Any]) -> Any:
    """The value of one field, or its default where it is wrong, which is noted."""
    value, default, bounds = table.values[field.name], field.default, field.metadata
    example = _example(default)
    if isinstance(default, bool):
        if isinstance(value, bool):
            return value
        table.wrong(field.name, f"{kind_of(value)} came; true or false would be right")
    elif isinstance(default, int | float):
        if isinstance(value, bool) or not isinstance(value, int | float):
            table.wrong(field.name, f"{kind_of(value)} came; a number such as {example} would be right")
        elif isinstance(default, int) and not isinstance(value, int):
            table.wrong(field.name, f"is no whole number; one such as {example} would be right")
        elif problem := _outside(value, bounds):
            table.wrong(field.name, f"{problem}; a number such as {example} would be right")
        else:
            return value if isinstance(default, int) else float(value)
    elif isinstance(default, str):
        if not isinstance(value, str):
            table.wrong(field.name, f"{kind_of(value)} came; a string would be right")
        elif "choices" in bounds and value not in bounds["choices"]:
            table.wrong(field.name, f"is not known; {_either(bounds['choices'])} would be right")
        elif not value.strip() and default:
            table.wrong(field.name, f"is empty; one such as {example} would be right")
        else:
            return value
    else:
        return _listed(table, field, value, example)
    return default


def _listed(table: Table, field: dataclasses.Field[Any], value: Any, example: str) -> Any:
    numbers = field.metadata.get("numbers", False)
    allowed: tuple[type, ...] = (int, float) if numbers else (str,)
    if not isinstance(value, list | tuple) or any(isinstance(v, bool) or not isinstance(v, allowed) for v in value):
        what = "numbers" if numbers else "strings"
        table.wrong(field.name, f"is no list of {what}; one such as {example} would be right")
        return field.default
    for item in value:
        if numbers and (problem := _outside(item, field.metadata)):
            table.wrong(field.name, f"{show(item)} {problem}; such as {example} would be right")
            return field.default
    return tuple(map(float, value)) if numbers else tuple(value)


def _outside(value: float, bounds: Mapping[str, Any]) -> str:
    try:
        finite = math.isfinite(value)
    except OverflowError:  # TOML integers have no end
        finite = False
    if not finite:
        return "is not finite"
    if "above" in bounds and not value > bounds["above"]:
        return f"is not above {bounds['above']:g}"
    if "at_least" in bounds and value < bounds["at_least"]:
        return f"is below {bounds['at_least']:g}"
    if "at_most" in bounds and value > bounds["at_most"]:
        return f"is above {bounds['at_most']:g}"
    return ""


def _either(choices: tuple[str, ...]) -> str:
    return ", ".join(f'"{choice}"' for choice in choices[:-1]) + f' or "{choices[-1]}"'


def _example(default: Any) -> str:
    """A default as TOML writes it."""
    if isinstance(default, bool):
        return "true" if default else "false"
    if isinstance(default, str):
        return f'"{default}"'
    if isinstance(default, tuple):
        return "[" + ", ".join(_example(item) for item in default) + "]"
    return f"{default:g}" if isinstance(default, float) else str(default)


def refuse_own(table: Table, key: str, labels: Iterable[str], own: Sequence[str] = OWN_MARKERS) -> None:
    """Note in ``table`` a label of a class that means something else, or nothing: each of those would count as a trial."""
    for label in labels:
        if label in own or not label.strip():
            table.wrong(key, f'"{label}" cannot stand for a class; another word would be right')
            return


def from_word(cls: type[Presentation], word: str) -> tuple[str, Any]:
    """A setting from the command line, ``KEY=VALUE``: a value of TOML, or bare words, with commas where it is a list.

    Raises ConfigError where there is no ``=``.
    """
    key, sign, text = (part.strip() for part in word.partition("="))
    if not sign or not key:
        raise ConfigError(f'--set "{word}" is no setting; KEY=VALUE such as soa=0.2 would be right')
    default = next((field.default for field in dataclasses.fields(cls) if field.name == key), None)
    if isinstance(default, str):
        return key, text.strip('"') if not text.startswith("'") else text.strip("'")
    value = _toml(text)
    if isinstance(default, tuple) and not isinstance(value, list):  # bare words, or numbers, between commas
        return key, [_toml(part.strip()) for part in text.split(",") if part.strip()]
    return key, value


def _toml(text: str) -> Any:
    """``text`` as a value of TOML, or as it stands where it is none."""
    try:
        return tomllib.loads(f"x = {text}")["x"]
    except tomllib.TOMLDecodeError:
        return text


def describe(cls: type[Presentation]) -> list[dict[str, Any]]:
    """Every setting with its key, default, unit, meaning and bounds; a form or a table of documentation is made of it."""
    return [
        {
            "key": field.name,
            "default": list(field.default) if isinstance(field.default, tuple) else field.default,
            "toml": _example(field.default),
            **{k: list(v) if isinstance(v, tuple) else v for k, v in field.metadata.items()},
        }
        for field in dataclasses.fields(cls)
    ]
