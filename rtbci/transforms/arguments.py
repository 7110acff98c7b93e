"""Checks of what a person wrote for a transform; every refusal begins with ``key = value: `` as it stands in the file."""

from __future__ import annotations

import difflib
import json
import math
import numbers
from collections.abc import Sequence
from typing import Any

import numpy as np

from rtbci.errors import TransformError
from rtbci.types import StreamInfo

LONGEST = 80
"""Characters of a value, or of a list of names, that a one-line message shows."""


def refuse(key: str, value: object, reason: str) -> TransformError:
    """The error for argument ``key``; ``reason`` says what is wrong and what would be right."""
    return TransformError(f"{key} = {shown(value)}: {reason}")


def shown(value: object) -> str:
    """``value`` as it would stand in a TOML file, shortened."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, str | bool):
        text = json.dumps(value, ensure_ascii=False)
    elif isinstance(value, list | tuple):
        text = f"[{', '.join(shown(item) for item in value)}]"
    else:
        text = repr(value).replace("\n", " ")
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def listed(names: Sequence[str]) -> str:
    """Names with commas between them, as many as one line holds."""
    text = ""
    for i, name in enumerate(names):
        if len(text) + len(name) > LONGEST and i > 0:
            return f"{text} and {len(names) - i} more"
        text += f"{', ' if i else ''}{name}"
    return text or "none"


def number(
    key: str, value: object, *, above: float = -math.inf, at_least: float = -math.inf, right: str = "a number"
) -> float:
    """``value`` as a float. Raises TransformError unless it is a finite number ``above`` and ``at_least`` these.

    A bool is no number. ``right`` says what would be right.
    """
    if isinstance(value, bool | np.bool_) or not isinstance(value, numbers.Real):
        raise refuse(key, value, f"must be {right}, not {_kind(value)}")
    try:
        result = float(value)
    except OverflowError:
        result = math.inf
    if not math.isfinite(result):
        raise refuse(key, value, f"must be {right}, and finite")
    if not (result > above and result >= at_least):
        bound = f"above {above:g}" if above >= at_least else f"at least {at_least:g}"
        raise refuse(key, value, f"must be {right} {bound}")
    return result


def whole(key: str, value: object, at_least: int, at_most: int) -> int:
    """``value`` as an int. Raises TransformError unless it is a whole number within the bounds, both included."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, numbers.Integral):
        raise refuse(key, value, f"must be a whole number from {at_least} to {at_most}, not {_kind(value)}")
    if not at_least <= int(value) <= at_most:
        raise refuse(key, value, f"must be from {at_least} to {at_most}")
    return int(value)


def flag(key: str, value: object) -> bool:
    """``value`` as a bool. Raises TransformError unless it is one."""
    if not isinstance(value, bool | np.bool_):
        raise refuse(key, value, f"must be true or false, not {_kind(value)}")
    return bool(value)


def name_list(key: str, value: object, what: str = "channel names") -> tuple[str, ...]:
    """``value`` as a tuple of strings. Raises TransformError unless it is a list of distinct, non-empty strings."""
    if isinstance(value, str) or not isinstance(value, list | tuple):
        raise refuse(key, value, f'must be a list of {what} such as ["C3", "C4"], not {_kind(value)}')
    for item in value:
        if not isinstance(item, str) or not item:
            raise refuse(key, value, f"must hold {what} only; {shown(item)} is none")
    twice = sorted({item for item in value if list(value).count(item) > 1})
    if twice:
        raise refuse(key, value, f"names {listed(twice)} more than once; once each would be right")
    return tuple(value)


def find_channels(key: str, value: object, names: Sequence[str], info: StreamInfo) -> list[int]:
    """Indices of channels ``names`` in the stream, in the order of ``names``.

    Raises TransformError, with near matches or what there is, for a name the stream does not have or has twice.
    """
    at: dict[str, int] = {}
    for i, name in enumerate(info.names):
        at.setdefault(name, i)
    missing = [name for name in names if name not in at]
    if missing:
        raise refuse(key, value, f"the stream has no channel {listed(missing)}; {_suggestion(missing, info.names)}")
    for name in names:
        if info.names.count(name) > 1:
            raise refuse(
                key, value, f"the stream has {info.names.count(name)} channels named {name}; names must differ"
            )
    return [at[name] for name in names]


def check_stream(info: StreamInfo) -> None:
    """Raise TransformError unless the stream has channels and a finite sampling rate above 0."""
    if not (math.isfinite(info.rate) and info.rate > 0):
        raise TransformError(f"rate = {shown(info.rate)}: the stream must have a sampling rate above 0 Hz")
    if info.n_channels < 1:
        raise TransformError("channels = []: the stream has no channels left; at least one is needed")


def _suggestion(missing: Sequence[str], names: Sequence[str]) -> str:
    """Near matches of what is ``missing``, upper and lower case apart, or else what there is."""
    lower = {name.lower(): name for name in names}
    near: list[str] = []
    for name in missing:
        for match in difflib.get_close_matches(name.lower(), lower, n=3, cutoff=0.5):
            if lower[match] not in near:
                near.append(lower[match])
    return f"near matches: {listed(near)}" if near else f"it has {listed(names)}"


def _kind(value: Any) -> str:
    kinds = {str: "a string", bool: "true or false", list: "a list", tuple: "a list", dict: "a table", float: "a float"}
    if value is None:
        return "nothing"
    return kinds.get(type(value), f"{type(value).__name__}")
