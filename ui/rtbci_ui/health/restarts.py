"""Which workers were started again, when and why: newest first."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from rtbci_ui import wording
from rtbci_ui.status import DecoderStatus


@dataclass(frozen=True, slots=True)
class Restart:
    """One restart, at ``time`` seconds since 1970; ``decoders`` share the worker that ended."""

    time: float
    decoders: tuple[str, ...]
    why: str

    def __str__(self) -> str:
        """As it stands in the list."""
        return f"{wording.time_of_day(self.time)}   {', '.join(self.decoders)}   {self.why}"


def restarts(decoders: Iterable[DecoderStatus]) -> list[Restart]:
    """All that the session still knows of, newest first; a worker of several decoders ended once for all of them."""
    found: dict[tuple[float, str], list[str]] = {}
    for decoder in decoders:
        for reason in decoder.restart_reasons:
            key = float(reason.get("time") or 0.0), str(reason.get("why") or "no reason given")
            found.setdefault(key, []).append(decoder.name)
    return [Restart(time, tuple(names), why) for (time, why), names in sorted(found.items(), reverse=True)]
