"""What a model was trained on, held against the stream that it is to run on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from rtbci.errors import ModelMismatch
from rtbci.types import Channel, StreamInfo

SHOWN = 8
"""Channels that a sentence names before it says how many more there are."""


@dataclass(frozen=True, slots=True)
class Signature:
    """Rate in Hz and channels, in order, of the stream that a model was trained on, before its transforms."""

    rate: float
    channels: tuple[Channel, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Channel names in order."""
        return tuple(channel.name for channel in self.channels)


@dataclass(frozen=True, slots=True)
class ChannelMap:
    """Where a model's channels are in a stream: ``indices`` in the model's order, and sentences about what differs."""

    indices: tuple[int, ...]
    notes: tuple[str, ...] = ()


def signature_of(info: StreamInfo) -> Signature:
    """The part of ``info`` that a model depends on."""
    return Signature(info.rate, tuple(Channel(c.name, c.kind, c.unit) for c in info.channels))


def match(signature: Signature, info: StreamInfo) -> ChannelMap:
    """Find the channels of ``signature`` in ``info`` by name.

    Names are compared as they stand; one that is not found counts as found when it differs only in case, spaces and
    trailing dots ("Fc5." and "FC5"), and a note says so.

    Raises
    ------
    ModelMismatch
        With everything that differs in one message: channels that are missing, the rate, units.
    """
    indices, alike, missing = _find(signature.names, info.names)
    found = [(wanted, info.channels[i]) for wanted, i in zip(signature.channels, indices, strict=True) if i is not None]
    units = [f"{there.name} in {there.unit}, not {wanted.unit}" for wanted, there in found if there.unit != wanted.unit]
    same_rate = math.isclose(signature.rate, info.rate, rel_tol=1e-6)
    if missing or units or not same_rate:
        raise ModelMismatch(_difference(signature, info, missing, units))
    picked = tuple(i for i in indices if i is not None)
    return ChannelMap(picked, tuple(_notes(info, picked, alike, found)))


def _plain(name: str) -> str:
    return "".join(name.split()).rstrip(".").casefold()


def _find(wanted: Sequence[str], there: Sequence[str]) -> tuple[list[int | None], list[str], list[str]]:
    """Index of each wanted name, pairs of names taken as equal, and names that are missing."""
    if tuple(wanted) == tuple(there):  # also where a name stands for several channels
        return list(range(len(wanted))), [], []
    exact = {name: i for i, name in reversed(list(enumerate(there)))}
    plain: dict[str, list[int]] = {}
    for i, name in enumerate(there):
        plain.setdefault(_plain(name), []).append(i)
    taken = {exact[name] for name in wanted if name in exact}
    indices: list[int | None] = []
    alike, missing = [], []
    for name in wanted:
        similar = [i for i in plain.get(_plain(name), []) if i not in taken]
        if name in exact:
            indices.append(exact[name])
        elif len(similar) == 1:
            indices.append(similar[0])
            taken.add(similar[0])
            alike.append(f"{there[similar[0]]} for {name}")
        else:
            indices.append(None)
            missing.append(name)
    return indices, alike, missing


def _difference(signature: Signature, info: StreamInfo, missing: list[str], units: list[str]) -> str:
    parts = [
        f"the model was trained on {len(signature.channels)} channels at {signature.rate:g} Hz; "
        f"the stream has {info.n_channels} at {info.rate:g} Hz"
    ]
    if missing:
        parts.append(f"missing: {_listed(missing)} (the stream has {_listed(list(info.names))})")
    if units:
        parts.append(f"other unit: {_listed(units)}")
    if not math.isclose(signature.rate, info.rate, rel_tol=1e-6):
        parts.append("other rate: record at the model's, or train on a recording at the stream's")
    return "; ".join(parts)


def _notes(
    info: StreamInfo, picked: tuple[int, ...], alike: list[str], found: list[tuple[Channel, Channel]]
) -> list[str]:
    notes = []
    if alike:
        notes.append(f"channel names taken as equal: {_listed(alike)}")
    if list(picked) != sorted(picked):
        notes.append(f"the stream's channels come in another order; the model's {len(picked)} were picked by name")
    unused = [name for i, name in enumerate(info.names) if i not in picked]
    if unused:
        notes.append(f"the model does not use {_listed(unused)}")
    kinds = [f"{there.name} is {there.kind}, was {wanted.kind}" for wanted, there in found if there.kind != wanted.kind]
    if kinds:
        notes.append(f"channels of another kind than in training: {_listed(kinds)}")
    return notes


def _listed(names: Sequence[str]) -> str:
    if len(names) <= SHOWN:
        return ", ".join(names) or "none"
    return f"{', '.join(names[:SHOWN])} and {len(names) - SHOWN} more"
