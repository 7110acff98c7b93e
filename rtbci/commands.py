"""The commands of a session, as words: what each takes, and whether one is well formed. `rtbci.commanding` answers them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

from rtbci.errors import ConfigError

VIEWS = ("traces", "signal", "decisions", "images", "health", "calibrate")
"""What a window can be asked to show."""
LONGEST_TEXT = 10_000
"""Characters of a note or a marker's label."""
_HALVES = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Field:
    """What stands under one key of a command: what a person would call it, and whether it must be there."""

    what: str
    kinds: tuple[type, ...]
    needed: bool = False


TEXT, NAME, FLAG, NUMBER, CODE = (str,), (str,), (bool,), (int, float), (int,)
FIELDS: Mapping[str, Mapping[str, Field]] = {
    "status": {},
    "stop": {},
    "help": {},
    "mark": {
        "label": Field("a text", TEXT, True),
        "time": Field("seconds on the source's clock", NUMBER),
        "code": Field("a whole number", CODE),
    },
    "note": {"text": Field("a text", TEXT, True), "marker": Field("true or false", FLAG)},
    "record": {"on": Field("true or false", FLAG, True), "name": Field("a file name", NAME)},
    "decode": {"on": Field("true or false", FLAG, True), "decoder": Field("a decoder's name", NAME)},
    "restart": {"decoder": Field("a decoder's name", NAME, True)},
    "charge": {"decoder": Field("a decoder's name", NAME, True)},
    "bad": {"channel": Field("a channel's name", NAME, True), "bad": Field("true or false", FLAG, True)},
    "display": {
        "show": Field("one of " + ", ".join(VIEWS), TEXT),
        "seconds": Field("a number of seconds", NUMBER),
        "decoder": Field("a decoder's name", NAME),
    },
}
"""What each command takes. ``play`` is answered by the source, and takes what that takes."""


def described() -> dict[str, dict[str, str]]:
    """What there is to ask, for people: what each command takes, by command and key."""
    return {
        do: {key: field.what + ("" if field.needed else " (may be left out)") for key, field in fields.items()}
        for do, fields in FIELDS.items()
    }


def check(command: Mapping[str, Any]) -> str:
    """The name of ``command`` where it is well formed. Raises ConfigError that says what would be right."""
    do = command.get("do")
    if not isinstance(do, str) or do not in (*FIELDS, "play"):
        there = ", ".join((*FIELDS, "play"))
        raise ConfigError(f'unknown command {_shown(command)}; there are {there}, as in {{"do": "status"}}')
    if do == "play":
        return do
    fields = FIELDS[do]
    for key in command:
        if key != "do" and key not in fields:
            takes = ", ".join(f'"{name}"' for name in fields) or "nothing else"
            raise ConfigError(f'{do} does not know "{key}"; it takes {takes}')
    for key, field in fields.items():
        if key not in command:
            if field.needed:
                raise ConfigError(f'{do} needs "{key}": {field.what}, as in {_example(do)}')
            continue
        value = command[key]
        # JSON's true is an int to Python
        if not isinstance(value, field.kinds) or (isinstance(value, bool) and bool not in field.kinds):
            raise ConfigError(f'{do}: "{key}" is {_shown(value)}; it should be {field.what}, as in {_example(do)}')
    return do


def _example(do: str) -> str:
    values: dict[str, object] = {
        "label": "T1", "text": "blinked", "on": False, "decoder": "mdm", "channel": "C3", "bad": True, "show": "traces",
    }  # fmt: skip
    return json.dumps({"do": do, **{key: values[key] for key, field in FIELDS[do].items() if field.needed}})


def _shown(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)[:200]


def recording_name(name: str) -> str:
    """The file ``name`` of a part, within the session folder, with its suffix. Raises ConfigError for one that is none."""
    path = PurePosixPath(name.strip().replace("\\", "/"))
    if (
        not path.name
        or path.is_absolute()
        or PureWindowsPath(name).drive
        or ".." in path.parts
        or not name.isprintable()
    ):
        raise ConfigError(
            f"record: {name!r} is no file name within the session folder; such as run-2.xdf or s1/run-2.xdf"
        )
    return str(path if path.suffix.lower() == ".xdf" else path.with_name(f"{path.name}.xdf"))


def checked_text(do: str, key: str, text: str) -> str:
    """``text``, with � for half a surrogate pair, which no file or terminal takes.

    Such halves come from a text that was cut within an emoji, or typed in another encoding. Raises ConfigError for one that
    is empty or too long.
    """
    if not text.strip():
        raise ConfigError(f'{do}: "{key}" is empty; some text would be right')
    if len(text) > LONGEST_TEXT:
        raise ConfigError(f'{do}: "{key}" has {len(text)} characters; at most {LONGEST_TEXT} would be right')
    return _HALVES.sub("\N{REPLACEMENT CHARACTER}", text)


def one_of(do: str, key: str, name: str, known: Iterable[str]) -> str:
    """``name``, where it is one of the ``known``. Raises ConfigError that names them."""
    names = list(known)
    if name not in names:
        there = ", ".join(names[:40]) or "none"
        raise ConfigError(f'{do}: there is no {key} "{name}"; there are {there}')
    return name
