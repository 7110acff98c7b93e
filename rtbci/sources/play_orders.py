"""What a player can be told, in the JSON objects of the control socket: read here, so that nonsense changes nothing.

::

    {"action": "pause"}  {"action": "resume"}  {"action": "step", "decoder": NAME or absent}
    {"action": "speed", "speed": 2 or "max"}
    {"action": "seek", "time": seconds}  {"action": "seek", "by": seconds}
    {"action": "seek", "marker": LABEL, "next" or "previous"}
    {"action": "loop", "from": seconds, "to": seconds}  {"action": "loop", "off": true}
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rtbci.errors import SourceError

SLOWEST, FASTEST = 0.05, 64.0
"""Speeds that can be asked for; "max" is never faster either, so that whoever reads the raw ring can follow."""
SHORTEST_LOOP = 0.5
"""Seconds."""
ACTIONS = ("pause", "resume", "speed", "step", "seek", "loop", "fault")


@dataclass(frozen=True, slots=True)
class Pause:
    """Stand still."""


@dataclass(frozen=True, slots=True)
class Resume:
    """Go on."""


@dataclass(frozen=True, slots=True)
class Speed:
    """Times real time; None: as fast as the decoders follow."""

    factor: float | None


@dataclass(frozen=True, slots=True)
class Step:
    """One more decision of ``decoder`` ("": the first one), then stand still."""

    decoder: str


@dataclass(frozen=True, slots=True)
class Seek:
    """To a place in seconds from the recording's beginning, by so many seconds, or to a marker; one of them is given."""

    time: float | None = None
    by: float | None = None
    marker: str | None = None


@dataclass(frozen=True, slots=True)
class Loop:
    """Play ``span`` (start, stop) in seconds again and again; None: no more."""

    span: tuple[float, float] | None


Order = Pause | Resume | Speed | Step | Seek | Loop


def read_order(command: Mapping[str, Any]) -> Order:
    """The order in ``command``. Raises SourceError that says what would be right."""
    match dict(command):
        case {"action": "pause"}:
            return Pause()
        case {"action": "resume"}:
            return Resume()
        case {"action": "step", **more}:
            name = more.get("decoder") or ""
            if not isinstance(name, str):
                raise SourceError(f"step: decoder is {name!r}; a decoder's name would be right, or none for the first")
            return Step(name)
        case {"action": "speed", **more}:
            return Speed(read_speed(more.get("speed")))
        case {"action": "seek", "marker": str(label)} if label:
            return Seek(marker=label)
        case {"action": "seek", "time": value}:
            return Seek(time=_number(value, "seek: time"))
        case {"action": "seek", "by": value}:
            return Seek(by=_number(value, "seek: by"))
        case {"action": "seek"}:
            raise SourceError(
                'seek: no place is given; "time": seconds, "by": seconds or "marker": TEXT would be right'
            )
        case {"action": "loop", "off": True}:
            return Loop(None)
        case {"action": "loop", "from": start, "to": stop}:
            return Loop(checked_loop(_number(start, "loop: from"), _number(stop, "loop: to")))
        case {"action": "loop"}:
            raise SourceError('loop: "from" and "to" in seconds would be right, or "off": true')
    raise SourceError(
        f"play: action is {json.dumps(command.get('action'), default=str)[:80]}; one of {', '.join(ACTIONS)} would be right"
    )


def read_speed(value: Any) -> float | None:
    """A speed; ``"max"`` or None is None. Raises SourceError."""
    if value is None or value == "max":
        return None
    speed = _number(value, "speed")
    if not SLOWEST <= speed <= FASTEST:
        raise SourceError(
            f'speed is {speed:g}; {SLOWEST:g} to {FASTEST:g} times real time would be right, or "max" for as fast as '
            "the decoders follow"
        )
    return speed


def checked_loop(start: float, stop: float) -> tuple[float, float]:
    """``start`` and ``stop`` of a loop in seconds. Raises SourceError."""
    if start < 0.0 or stop - start < SHORTEST_LOOP:
        raise SourceError(
            f"the loop is from {start:g} to {stop:g} s; at least {SHORTEST_LOOP:g} s from a place in the recording to a "
            "later one would be right"
        )
    return start, stop


def _number(value: Any, what: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise SourceError(
            f"{what} is {value!r}; a number of seconds would be right"
            if "speed" not in what
            else f'speed is {value!r}; a number such as 2 would be right, or "max"'
        )
    return float(value)
