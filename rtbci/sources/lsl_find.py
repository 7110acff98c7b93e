"""Finding one stream among those in sight, and finding it again after it was lost."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import pylsl

from rtbci.errors import SourceError
from rtbci.sources.lsl_discovery import FORMATS, SIGHT_SECONDS, describe, look


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an experiment says of its stream; None means any."""

    type: str | None = None
    name: str | None = None
    source_id: str | None = None
    hostname: str | None = None

    def matches(self, info: pylsl.StreamInfo) -> bool:
        """Whether ``info`` is such a stream; the type's case is ignored, since senders do not agree on it."""
        return (
            (self.type is None or info.type().lower() == self.type.lower())
            and (self.name is None or info.name() == self.name)
            and (self.source_id is None or info.source_id() == self.source_id)
            and (self.hostname is None or info.hostname() == self.hostname)
        )

    def __str__(self) -> str:
        pairs = [(key, getattr(self, key)) for key in ("type", "name", "source_id", "hostname")]
        return ", ".join(f"{key} = {value!r}" for key, value in pairs if value is not None)


def find(resolver: pylsl.ContinuousResolver, wanted: Wanted, timeout: float) -> Any:
    """Return the one stream that is ``wanted``.

    Waits at most ``timeout`` seconds for it, and at least as long as it takes to see whether there is another.

    Raises
    ------
    SourceError
        When there is none (it lists what is in sight) or more than one (it says what tells them apart), or when it sends
        text or has no sampling rate.
    """
    start = time.monotonic()
    look(resolver, timeout, lambda infos: any(map(wanted.matches, infos)))
    infos = look(resolver, max(0.0, start + SIGHT_SECONDS - time.monotonic()), lambda infos: False)
    matching = [info for info in infos if wanted.matches(info)]
    if not matching:
        raise SourceError(f"no LSL stream with {wanted} within {timeout:g} s; in sight: {describe(infos)}")
    signals = [info for info in matching if _is_signal(info)]
    if len(signals) > 1:
        raise SourceError(
            f"{len(signals)} LSL streams with {wanted}: {describe(signals)}; set {_telling_key(signals)} in [source] "
            "to say which one"
        )
    if not signals:
        info = matching[0]
        kind = "text" if FORMATS.get(info.channel_format()) == "string" else "values without a sampling rate"
        raise SourceError(f"the LSL stream {info.name()!r} sends {kind}; a signal needs numbers at a regular rate")
    return signals[0]


def _is_signal(info: pylsl.StreamInfo) -> bool:
    return info.nominal_srate() > 0.0 and FORMATS.get(info.channel_format()) not in ("string", "undefined")


def _telling_key(infos: list[Any]) -> str:
    """Name the first key by which all of ``infos`` differ."""
    for key in ("name", "source_id", "hostname"):
        values = [getattr(info, key)() for info in infos]
        if len(set(values)) == len(values) and all(values):
            return key
    return "name, source_id or hostname (they do not differ in any one: give each sender its own source_id)"


@dataclass(frozen=True, slots=True)
class Identity:
    """By what a stream is known again: its source id where it has one, else what it is called and what it sends."""

    uid: str
    name: str
    type: str
    source_id: str
    hostname: str
    n_channels: int
    rate: float

    @classmethod
    def of(cls, info: pylsl.StreamInfo) -> Identity:
        """Take it from a stream's description."""
        return cls(
            info.uid(), info.name(), info.type(), info.source_id(), info.hostname(), info.channel_count(),
            info.nominal_srate(),
        )  # fmt: skip

    def successor(self, infos: list[Any], wanted: Wanted) -> Any | None:
        """Return the stream among ``infos`` that takes this one's place; None while there is none.

        A new outlet has a new uid. One with the same source id comes first, then one of the same name, type, channel
        count and rate (an empty or generated source id does not survive a restart), on the same host if possible. A
        stream of the same name and type that sends something else is returned when it is the only one, so that the
        caller can say how it differs.

        Raises
        ------
        SourceError
            When several streams could be it.
        """
        infos = [info for info in infos if wanted.matches(info) and _is_signal(info) and info.uid() != self.uid]
        by_id = [info for info in infos if self.source_id and info.source_id() == self.source_id]
        alike = [info for info in infos if info.name() == self.name and info.type() == self.type]
        same = [i for i in alike if i.channel_count() == self.n_channels and i.nominal_srate() == self.rate]
        here = [info for info in same if info.hostname() == self.hostname]
        for candidates in (by_id, here, same, alike):
            if len(candidates) > 1:
                raise SourceError(
                    f"the lost stream {self.name!r} could be any of {describe(candidates)}; set "
                    f"{_telling_key(candidates)} in [source]"
                )
            if candidates:
                return candidates[0]
        return None
