"""Reading a TOML file strictly, table by table: what is wrong is said with table, key, value and what would be right.

What an experiment *is* stands in `rtbci.config`; how its file is written back, in `rtbci.config_write`.
"""

from __future__ import annotations

import datetime
import difflib
import math
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from rtbci.errors import ConfigError

LARGEST = 1 << 20
"""Bytes above which a file is no experiment: somebody named a recording by mistake."""

_MISSING: Any = object()


def read_text(path: Path) -> str:
    """Text of the file at ``path``, with line ends of one character and without a byte-order mark.

    Raises ConfigError when it is missing, a folder, unreadable, too large or not UTF-8.
    """
    try:
        if path.is_dir():
            raise ConfigError(f"{path}: is a folder; the experiment file (something.toml) in it would be right")
        if path.exists() and not path.is_file():
            raise ConfigError(f"{path}: is a device or pipe; a TOML file would be right")
        with path.open("rb") as file:
            raw = file.read(LARGEST + 1)
    except FileNotFoundError:
        raise ConfigError(f"{path}: there is no such file{_neighbours(path)}") from None
    except (OSError, ValueError) as error:  # ValueError: a null character in the path
        raise ConfigError(f"{path}: cannot be read ({error}); a readable TOML file would be right") from error
    if len(raw) > LARGEST:
        raise ConfigError(f"{path}: is larger than {LARGEST} bytes; an experiment file is a page of TOML text")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"{path}: is not UTF-8 text (byte {raw[error.start]:#04x} at position {error.start}); "
            "a TOML file saved as UTF-8 would be right"
        ) from None
    return text.replace("\r\n", "\n")


def _neighbours(path: Path) -> str:
    try:
        there = sorted(p.name for p in path.parent.glob("*.toml"))
    except OSError:
        there = []
    if not there:
        return "; the path of an experiment file (TOML) would be right"
    return f"; in {path.parent} there is {names(there)}"


def parse(text: str, file: str) -> dict[str, Any]:
    """Parse TOML; ``file`` is what errors call it. Raises ConfigError with line and column."""
    if not text.strip():
        raise ConfigError(f"{file}: is empty; an experiment needs at least a name and a [source] table with use = …")
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        message = str(error)
        place = re.search(r"\(at line (\d+), column (\d+)\)$", message)
        if place is None:
            raise ConfigError(f"{file}: not TOML: {message}") from None
        line = text.split("\n")[int(place[1]) - 1].strip()
        what = message[: place.start()].strip()
        raise ConfigError(f"{file}: not TOML: line {place[1]}, column {place[2]}: {what}: {line[:80]!r}") from None
    except (ValueError, RecursionError) as error:  # numbers of thousands of digits, brackets in brackets in brackets
        raise ConfigError(f"{file}: not TOML that can be read: {type(error).__name__}: {error}") from None


def names(items: Iterable[str], most: int = 12) -> str:
    """Join ``items`` for an error message, the first ``most`` of them."""
    listed = list(items)
    rest = f" and {len(listed) - most} more" if len(listed) > most else ""
    return ", ".join(listed[:most]) + rest if listed else "nothing"


def did_you_mean(word: str, known: Iterable[str], cutoff: float = 0.6) -> str:
    """``; did you mean "x"?``, or nothing where no known word is near."""
    near = difflib.get_close_matches(word, list(known), 1, cutoff)
    return f'; did you mean "{near[0]}"?' if near else ""


def show(value: object) -> str:
    """Write ``value`` much as TOML would, cut at 60 characters."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        text = f'"{value}"' if "\n" not in value else repr(value)
    elif isinstance(value, Mapping):
        text = "{" + ", ".join(f"{k} = {show(v)}" for k, v in value.items()) + "}"
    elif isinstance(value, Sequence):
        text = "[" + ", ".join(map(show, value)) + "]"
    else:
        text = str(value)
    return text if len(text) <= 60 else text[:59] + "…"


def kind_of(value: object) -> str:
    """Name the TOML type of ``value`` with its article."""
    for kind, word in (
        (bool, "a true/false"),
        (int, "an integer"),
        (float, "a number"),
        (str, "a string"),
        (Mapping, "a table"),
        (Sequence, "a list"),
        ((datetime.date, datetime.time), "a date or time"),
    ):
        if isinstance(value, kind):
            return word
    return f"a {type(value).__name__}"


class Problems:
    """What is wrong with one file; the first is raised, the others counted."""

    def __init__(self, file: str) -> None:
        self.file = file
        self._found: list[str] = []

    def add(self, where: str, what: str) -> None:
        """Note ``what`` is wrong at ``where`` (``[table] key = value``)."""
        self._found.append(f"{where}: {what}" if where else what)

    def __bool__(self) -> bool:
        return bool(self._found)

    def raise_first(self) -> NoReturn:
        """Raise ConfigError with the first problem."""
        more = f" (and {len(self._found) - 1} more)" if len(self._found) > 1 else ""
        raise ConfigError(f"{self.file}: {' '.join(self._found[0].split())}{more}")


class Table:
    """One table, read key by key; what is asked for and wrong is noted, and a harmless stand-in returned.

    The stand-in of a number is NaN, with which every later comparison is false: a value is complained about once.
    """

    def __init__(self, values: Mapping[str, Any], where: str, problems: Problems) -> None:
        self.values = values
        self.where = where
        self.problems = problems
        self.lacks: list[str] = []

    def at(self, key: str) -> str:
        """``[table] key = value`` for an error message."""
        return f"{self.where} {key} = {show(self.values[key])}".strip()

    def wrong(self, key: str, what: str) -> None:
        """Note that the value of ``key`` is wrong; a key that is not there goes by its name alone."""
        self.problems.add(self.at(key) if key in self.values else f"{self.where} {key}".strip(), what)

    def missing(self, key: str, example: str) -> None:
        """Note that ``key`` is not there."""
        near = difflib.get_close_matches(key, list(self.values), 1, 0.75)
        typo = f' (is "{near[0]}" meant to be it?)' if near else ""
        self.lacks.append(key)
        self.problems.add(f"{self.where} {key}".strip(), f"is missing{typo}; {example} would be right")

    def number(
        self,
        key: str,
        default: float = _MISSING,
        *,
        example: str,
        above: float = -math.inf,
        at_least: float = -math.inf,
        below: float = math.inf,
    ) -> float:
        """Read a finite number in seconds or without unit; ``example`` is one that would be right."""
        if key not in self.values:
            if default is _MISSING:
                self.missing(key, f"{key} = {example}")
                return math.nan
            return default
        value = self.values[key]
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.wrong(key, f"{kind_of(value)} came; a number such as {example} would be right")
            return math.nan
        try:
            number = float(value)
        except OverflowError:  # TOML integers have no end
            number = math.inf
        if not math.isfinite(number):
            self.wrong(key, f"is not a finite number; one such as {example} would be right")
        elif not number > above:
            self.wrong(key, f"is not above {above:g}; a number such as {example} would be right")
        elif not number >= at_least:
            self.wrong(key, f"is below {at_least:g}; a number such as {example} would be right")
        elif not number < below:
            self.wrong(key, f"is not below {below:g}; a number such as {example} would be right")
        else:
            return number
        return math.nan

    def text(self, key: str, default: str = _MISSING, *, example: str, empty: bool = False) -> str:
        """Read a string, which must hold something unless ``empty``."""
        if key not in self.values:
            if default is _MISSING:
                self.missing(key, f'{key} = "{example}"')
                return ""
            return default
        value = self.values[key]
        if not isinstance(value, str):
            self.wrong(key, f'{kind_of(value)} came; a string such as "{example}" would be right')
        elif not value.strip() and not empty:
            self.wrong(key, f'is empty; a string such as "{example}" would be right')
        else:
            return value
        return ""

    def table(self, key: str, example: str) -> Table | None:
        """Read a table, or None where there is none."""
        if key not in self.values:
            return None
        value = self.values[key]
        if isinstance(value, Mapping):
            return Table(value, f"[{key}]", self.problems)
        self.wrong(key, f"{kind_of(value)} came; a table such as [{key}] {example} would be right")
        return None

    def tables(self, key: str, example: str) -> list[Mapping[str, Any]]:
        """Read a list of tables; empty where there is none or it is wrong."""
        value = self.values.get(key, [])
        if isinstance(value, list) and all(isinstance(item, Mapping) for item in value):
            return value
        came = kind_of(value) if not isinstance(value, list) else "a list of other things than tables"
        self.wrong(key, f"{came} came; {example} would be right")
        return []

    def only(self, known: Sequence[str]) -> None:
        """Note every key that is not ``known``."""
        for key in self.values:
            if key not in known:
                self.wrong(key, f"is not known here{did_you_mean(key, known) or ';'} the keys are {names(known)}")

    def arguments(self, own: Sequence[str]) -> dict[str, Any]:
        """Return all keys but our ``own``; not-a-number and dates are no arguments."""
        args = {key: value for key, value in self.values.items() if key not in own}
        for key, value in args.items():
            for leaf in _leaves(value):
                if isinstance(leaf, float) and math.isnan(leaf):
                    self.wrong(key, "nan is no number to work with; a finite number would be right")
                elif isinstance(leaf, datetime.date | datetime.time):
                    self.wrong(key, "a date or time came; a string or number would be right")
        return args


def _leaves(value: object) -> Iterable[object]:
    if isinstance(value, Mapping):
        for item in value.values():
            yield from _leaves(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _leaves(item)
    else:
        yield value
