"""What can go wrong between an amplifier and an acquisition, each as a function of the samples that have passed and a seed.

Samples are struck in packets, as amplifiers send them: a packet is lost or spoilt as a whole, and one that is lost always
leaves a gap (`rtbci.gaps`), because single samples may be missing unseen. Which ones are struck depends on the seed and
on how many samples or markers have passed, never on how these were chunked.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtbci.errors import SourceError
from rtbci.gaps import longest_step

PACKET_SECONDS = 0.04
LONGEST_JITTER, LONGEST_DELAY, LONGEST_AWAY, FASTEST_DRIFT = 1.0, 60.0, 600.0, 100_000.0


@dataclass(frozen=True, slots=True)
class Kind:
    """A fault: its name, its value's unit, what it does, and values that make sense; ``most`` None: channel names."""

    name: str
    unit: str
    text: str
    usual: float | str
    most: float | None
    least: float = 0.0


KINDS: tuple[Kind, ...] = (
    Kind("drop", "share", "samples are lost, in packets of 40 ms: gaps", 0.01, 1.0),
    Kind("nan", "share", "packets have a channel that is no number: holes", 0.01, 1.0),
    Kind("dead", "channels", "channels are flat, at 0", "", None),
    Kind("jitter", "s", "time stamps of packets are early by up to so much", 0.005, LONGEST_JITTER),
    Kind("drift", "ppm", "the amplifier's clock goes fast, or slow", 100.0, FASTEST_DRIFT, -FASTEST_DRIFT),
    Kind("late-markers", "s", "markers become known so much later; their times are right", 0.5, LONGEST_DELAY),
    Kind("lost-markers", "share", "markers never come", 0.1, 1.0),
    Kind("disconnect", "s", "the stream goes away once, for so long", 3.0, LONGEST_AWAY),
)
NAMES: tuple[str, ...] = tuple(kind.name for kind in KINDS)


def kind_of(name: Any) -> Kind:
    """The fault called ``name``. Raises SourceError that names them all."""
    found = next((kind for kind in KINDS if kind.name == name), None)
    if found is None:
        raise SourceError(f"there is no fault {name!r}; there are {', '.join(NAMES)}")
    return found


def read_value(kind: Kind, value: Any) -> float | tuple[str, ...]:
    """A fault's value, from JSON or as it stands on a command line. Raises SourceError."""
    if kind.most is None:
        names = value.split(",") if isinstance(value, str) else value
        if not isinstance(names, Sequence) or not all(isinstance(name, str) for name in names):
            raise SourceError(f"fault {kind.name} is {value!r}; channel names, separated by commas, would be right")
        found = tuple(name.strip() for name in names if name.strip())
        if not found:
            raise SourceError(f"fault {kind.name} names no channel; such as {kind.name}=C3,Cz would be right")
        return found
    example = f"such as {kind.name}={kind.usual}"
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not kind.least <= number <= kind.most:
        raise SourceError(
            f"fault {kind.name} is {value!r}; {kind.least:g} to {kind.most:g} ({kind.unit}) would be right, {example}"
        )
    return number


def read_faults(given: Sequence[str]) -> dict[str, float | tuple[str, ...]]:
    """Faults as they stand on a command line, each ``NAME=VALUE``. Raises SourceError."""
    found: dict[str, float | tuple[str, ...]] = {}
    for text in given:
        name, equals, value = text.partition("=")
        kind = kind_of(name.strip())
        if not equals:
            raise SourceError(f"fault {text!r} has no value ({kind.unit}); such as {kind.name}={kind.usual or 'C3'}")
        found[kind.name] = read_value(kind, value.strip())
    return found


class Draws:
    """Uniform random numbers by index: number ``i`` is the same whenever, and in whatever order, it is asked for."""

    _BLOCK = 512

    def __init__(self, seed: int, purpose: str) -> None:
        self._key = (seed, *purpose.encode())
        self._blocks: dict[int, NDArray[np.float64]] = {}

    def at(self, index: NDArray[np.int64]) -> NDArray[np.float64]:
        """Numbers (n,) in [0, 1) for ``index`` (n,)."""
        block, place = np.divmod(index, self._BLOCK)
        out = np.empty(len(index))
        for number in np.unique(block).tolist():
            if number not in self._blocks:
                self._blocks = {k: v for k, v in self._blocks.items() if k >= number - 1}  # time goes on
                self._blocks[number] = np.random.default_rng((*self._key, number)).random(self._BLOCK)
            mine = block == number
            out[mine] = self._blocks[number][place[mine]]
        return out


def packet_samples(rate: float) -> int:
    """Samples in a packet: so many that one that is lost leaves a gap."""
    unseen = longest_step(rate) * rate - 1.0  # as many may be missing without being a gap
    return max(math.floor(unseen + 1e-9) + 1, round(PACKET_SECONDS * rate))


def described(faults: Mapping[str, Any]) -> str:
    """Faults in words, as they would stand on a command line: "drop=0.01, dead=C3,Cz"."""
    return ", ".join(
        f"{name}={','.join(value) if isinstance(value, tuple) else f'{value:g}'}" for name, value in faults.items()
    )
