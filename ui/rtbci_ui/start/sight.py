"""The streams in sight, as `rtbci streams --watch --json` lists them line by line."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

OFF = 0.02
"""Share by which a measured rate may differ from the nominal one without a word: it was measured for a second."""
FAR_MS = 1000.0
"""Clock offsets beyond this are shown in seconds: another machine's clock counts from its own start."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One stream; rates in Hz (``rate`` 0: irregular), ``offset_ms`` None where it could not be measured."""

    name: str
    type: str
    n_channels: int
    rate: float
    effective_rate: float | None
    offset_ms: float | None
    host: str
    source_id: str
    note: str
    format: str = ""

    @property
    def key(self) -> tuple[str, str, str]:
        """Name, type and source id: by what a check names the stream that it would take."""
        return self.name, self.type, self.source_id

    @property
    def nominal(self) -> str:
        """Nominal rate; a dash where samples come when they come."""
        return f"{self.rate:g}" if self.rate else "–"

    @property
    def measured(self) -> str:
        """Measured rate in words, or why there is none."""
        if self.effective_rate is not None:
            return f"{self.effective_rate:.1f}"
        return self.note or "–"

    @property
    def off(self) -> bool:
        """Whether what comes is not what was promised."""
        if self.rate <= 0.0:
            return bool(self.note)
        return self.effective_rate is None or abs(self.effective_rate / self.rate - 1.0) > OFF

    @property
    def offset(self) -> str:
        """Clock offset in words."""
        if self.offset_ms is None:
            return "–"
        far = abs(self.offset_ms) >= FAR_MS
        return f"{self.offset_ms / 1e3:+.1f} s" if far else f"{self.offset_ms:+.2f} ms"

    @property
    def whole(self) -> str:
        """All that is known, for a tooltip."""
        lines = [f"{self.name} ({self.type})", f"{self.n_channels} channels of {self.format or 'numbers'}"]
        lines += [
            f"nominal {f'{self.rate:g} Hz' if self.rate else 'irregular'}, measured {self.measured}",
            f"clock {self.offset}",
        ]
        lines += [f"host {self.host}, source id {self.source_id or 'none'}"]
        return "\n".join([*lines, self.note] if self.note else lines)


def read_sight(line: str) -> tuple[Seen, ...] | None:
    """The streams that one line lists, or None where the line is no such list."""
    try:
        value = json.loads(line)
        return tuple(_seen(entry) for entry in value["streams"])
    except (ValueError, KeyError, TypeError):
        return None


def _seen(entry: Mapping[str, Any]) -> Seen:
    effective, offset = entry.get("effective_rate"), entry.get("clock_offset_ms")
    return Seen(
        name=str(entry["name"]),
        type=str(entry["type"]),
        n_channels=int(entry["n_channels"]),
        rate=float(entry["rate"]),
        effective_rate=None if effective is None else float(effective),
        offset_ms=None if offset is None else float(offset),
        host=str(entry.get("hostname") or ""),
        source_id=str(entry.get("source_id") or ""),
        note=str(entry.get("note") or ""),
        format=str(entry.get("channel_format") or ""),
    )


def set_of(streams: tuple[Seen, ...]) -> frozenset[tuple[object, ...]]:
    """What of the streams a check depends on: when it changes, it is time for another check."""
    return frozenset((*seen.key, seen.n_channels, seen.rate, seen.host) for seen in streams)
