"""How a presentation goes, read from its log while it is written. No Qt here."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

READ_BYTES = 1 << 20
"""Most that is read at once: a second look takes the rest."""


@dataclass(slots=True)
class Presented:
    """What is known of a run: ``state`` is "opening", "ready" (the start page), "running", "done" or "ended early"."""

    state: str = "opening"
    paradigm: str = ""
    stream: str = ""
    trials: int = 0
    planned: int = 0
    markers: int = 0
    dropped: int = 0
    synchronised: bool | None = None
    display: str = ""
    refresh_rate: float = 0.0
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    first_marker: float | None = None
    heard: bool | None = None

    @property
    def over(self) -> bool:
        """Whether it has ended."""
        return self.state in ("done", "ended early")


class Follower:
    """Reads the lines of ``path`` as they come; lines that are not whole yet wait."""

    def __init__(self, path: Path, planned: int = 0) -> None:
        self.path = path
        self.presented = Presented(planned=planned)
        self._at = 0
        self._rest = b""

    def look(self) -> Presented:
        """Take in what is new; never raises because the file is not there (yet)."""
        try:
            with self.path.open("rb") as file:
                file.seek(self._at)
                data = file.read(READ_BYTES)
        except OSError:
            return self.presented
        self._at += len(data)
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            try:
                event = json.loads(line)
            except ValueError:
                continue
            if isinstance(event, dict):
                self._take(event)
        return self.presented

    def _take(self, event: Mapping[str, Any]) -> None:
        now = self.presented
        kind = event.get("event")
        if kind == "open":
            now.state = "ready"
            now.paradigm = str(event.get("paradigm") or "")
            now.stream = str((event.get("settings") or {}).get("stream") or "")
            now.synchronised = bool(event.get("synchronised"))
            now.display = str(event.get("display") or "")
            now.refresh_rate = float(event.get("refresh_rate") or 0.0)
            now.notes = tuple(map(str, event.get("notes") or ()))
        elif kind == "begin":
            now.state, now.heard = "running", bool(event.get("receiver"))
        elif kind == "marker":
            now.state = "running"
            now.markers += 1
            now.trials += event.get("label") == "trial-end"
            if now.first_marker is None and event.get("time") is not None:
                now.first_marker = float(event["time"])
        elif kind == "dropped":
            now.dropped += int(event.get("frames") or 0)
        elif kind in ("end", "summary"):
            now.state = "done" if event.get("completed") else "ended early"
            now.trials = int(event.get("trials", now.trials))
            now.planned = int(event.get("planned_trials", now.planned))
            now.markers = int(event.get("markers", now.markers))
            now.dropped = int(event.get("dropped", now.dropped))
            now.warnings = tuple(map(str, event.get("warnings") or now.warnings))
