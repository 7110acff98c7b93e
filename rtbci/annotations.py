"""What people say while a session runs: notes, channels that are bad, who is in charge, what the window is to show.

Notes, bads and switches go to the session folder line by line, each of them on the disk before the answer; what a full disk
does not take is kept in memory, written as soon as there is room, and stands in the report. Nothing here changes a sample
or a decision.
"""

from __future__ import annotations

import json
import logging
import os
import threading
from pathlib import Path
from typing import Any

from rtbci.charge import Switch
from rtbci.recording.session_folder import SessionFolder, now_iso

log = logging.getLogger("rtbci.session")


class _Lines:
    """A file of one JSON object a line, each on the disk when `add` returns."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.kept: list[dict[str, Any]] = []
        self._written = 0

    def add(self, line: dict[str, Any]) -> str | None:
        """Add ``line``, after those that could not be written before; what kept it from the disk, or None."""
        self.kept.append(line)
        text = "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in self.kept[self._written :])
        try:
            size = self.path.stat().st_size if self.path.exists() else 0
            with self.path.open("ab") as file:
                try:
                    file.write(text.encode())
                    file.flush()
                    os.fsync(file.fileno())
                except OSError:
                    file.truncate(size)  # half a line would spoil the next one
                    raise
        except OSError as error:
            log.error("%s cannot be written: %s; kept in memory: %s", self.path, error.strerror, text.strip())
            return (
                f"{self.path.name} could not be written ({error.strerror}); it is kept in memory, will be written as soon "
                "as that is possible, and stands in the report"
            )
        self._written = len(self.kept)
        return None


class Annotations:
    """Keeps them for one session; safe from any thread.

    Attributes
    ----------
    bads : channels that are marked bad now.
    display : what the window was asked to show, with the ``number`` of that wish; empty before the first one.
    """

    def __init__(self, folder: SessionFolder) -> None:
        self._lock = threading.Lock()
        self._notes = _Lines(folder.notes)
        self._bads = _Lines(folder.bads)
        self._switches = _Lines(folder.charge_log)
        self.bads: frozenset[str] = frozenset()
        self.display: dict[str, Any] = {}

    def note(self, time: float, text: str) -> tuple[dict[str, Any], str | None]:
        """Keep ``text``, said at ``time`` on the source's clock; the note, and what is wrong with the disk, or None."""
        line = {"time": time, "wall": now_iso(), "text": text}
        with self._lock:
            return line, self._notes.add(line)

    def mark_bad(self, time: float, channel: str, bad: bool) -> str | None:
        """Keep that ``channel`` was marked ``bad``, or good again; what is wrong with the disk, or None."""
        with self._lock:
            self.bads = self.bads | {channel} if bad else self.bads - {channel}
            return self._bads.add({"time": time, "wall": now_iso(), "channel": channel, "bad": bad})

    def show(self, wish: dict[str, Any]) -> dict[str, Any]:
        """What the window shall show from now on; keys that are not in ``wish`` stay as they were asked for before."""
        with self._lock:
            number = int(self.display.get("number", 0)) + 1
            self.display = {**self.display, **wish, "number": number}
            return self.display

    def switched(self, switch: Switch, sample: int) -> None:
        """Keep that another decoder is in charge from ``sample`` on, an absolute index."""
        with self._lock:
            self._switches.add({**switch.as_json(), "sample": sample})

    def as_json(self) -> dict[str, Any]:
        """What stands in the report."""
        with self._lock:
            return {"notes": self._notes.kept[:], "bads": self._bads.kept[:], "charge": self._switches.kept[:]}
