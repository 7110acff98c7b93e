"""How a recording is played, read from the session's status: plain data, no Qt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rtbci.runfolder import RunFolder, read_json
from rtbci_ui.status import Status


@dataclass(frozen=True, slots=True)
class FaultState:
    """One fault: its value as text, whether it is on, and how often it has struck."""

    name: str
    value: str
    on: bool
    struck: int


@dataclass(frozen=True, slots=True)
class Playback:
    """``position`` and ``duration`` in seconds; ``speed`` None is as fast as the decoders follow; ``loop`` (start, stop).

    ``rate`` is how many seconds are played in a second now.

    ``notes`` say why accuracies would flatter, a sentence each.

    ``recording`` is "" where a live stream is given faults: it has no place and cannot be played.
    """

    recording: str = ""
    position: float = 0.0
    duration: float = 0.0
    speed: float | None = 1.0
    paused: bool = False
    ended: bool = False
    loop: tuple[float, float] | None = None
    seeks: int = 0
    rate: float = 1.0
    faults: tuple[FaultState, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def live(self) -> bool:
        """Whether this is a live stream with faults."""
        return not self.recording

    @property
    def file(self) -> str:
        """The recording's name, without its folder; of a session, that of its folder."""
        return Path(self.recording).name

    @property
    def on(self) -> tuple[FaultState, ...]:
        """The faults that are on."""
        return tuple(fault for fault in self.faults if fault.on)


def read_playback(status: Status | None) -> Playback | None:
    """How it is played as the session says; None where it is live, or says nothing yet."""
    if status is None or status.playback is None:
        return None
    fields = status.playback
    loop = fields.get("loop")
    speed = fields.get("speed", 1.0)
    faults = fields.get("faults") or {}
    return Playback(
        recording=str(fields.get("recording") or ""),
        position=float(fields.get("position") or 0.0),
        duration=float(fields.get("duration") or 0.0),
        speed=None if speed is None else float(speed),
        paused=bool(fields.get("paused")),
        ended=bool(fields.get("ended")),
        loop=(float(loop[0]), float(loop[1])) if loop else None,
        seeks=int(fields.get("seeks") or 0),
        rate=status.clock_rate,
        faults=tuple(_fault(name, value) for name, value in faults.items()),
        notes=tuple(map(str, fields.get("notes") or ())),
    )


def _fault(name: str, fields: Any) -> FaultState:
    if not isinstance(fields, Mapping):
        return FaultState(name, _shown(fields), True, 0)
    return FaultState(name, _shown(fields.get("value")), bool(fields.get("on")), int(fields.get("struck") or 0))


def _shown(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:g}" if isinstance(value, (int, float)) else str(value)


@dataclass(slots=True)
class Marks:
    """Where the recording's markers are, in seconds, and what they say: read once, when the session has written it."""

    run: RunFolder
    places: list[tuple[float, str]] = field(default_factory=list)
    known: bool = False

    def look(self) -> bool:
        """Read them if they are there by now; say whether they have just become known."""
        if self.known or not self.run.playback.exists():
            return False
        fields = read_json(self.run.playback) or {}
        self.places = [(float(place), str(label)) for place, label in fields.get("markers", ())]
        self.known = True
        return True


@dataclass(slots=True)
class LoopDraft:
    """How a loop is set with one key.

    ::

        no loop --press--> begun at the position --press--> looping --press--> no loop
    """

    begun: float | None = None

    def press(self, playback: Playback) -> dict[str, Any] | None:
        """What to tell the session, or None where the loop has only been begun."""
        if playback.loop is not None:
            self.begun = None
            return {"action": "loop", "off": True}
        if self.begun is None:
            self.begun = playback.position
            return None
        start, stop = sorted((self.begun, playback.position))
        self.begun = None
        return {"action": "loop", "from": round(start, 3), "to": round(stop, 3)}
