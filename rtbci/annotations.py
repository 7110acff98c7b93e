"""What people say while a session runs: notes, channels that are bad, who is in charge, what the window is to show.

Notes, bads and switches go to the session folder line by line, each of them on the disk before the answer; what a full disk
does not take is kept in memory, written as soon as there is room (`Annotations.catch_up`), and stands in the report. Nothing
here changes a sample or a decision.
"""

from __future__ import annotations

import json
import logging
import threading
from pathlib import Path
from typing import Any

from rtbci.charge import Switch
from rtbci.recording.growing_file import append_whole
from rtbci.recording.session_folder import SessionFolder, now_iso

log = logging.getLogger("rtbci.session")

_ENDS = {ord(end): f"\\u{ord(end):04x}" for end in "\x85\u2028\u2029"}
"""Ends of lines to `str.splitlines`, but not to JSON, which lets them stand: written as escapes, a line stays one line."""


def _line_of(fields: dict[str, Any]) -> str:
    return json.dumps(fields, ensure_ascii=False).translate(_ENDS) + "\n"


class _Lines:
    """A file of one JSON object a line, each on the disk when `add` returns."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.kept: list[dict[str, Any]] = []
        self._written = 0

    def add(self, line: dict[str, Any]) -> str | None:
        """Add ``line``, after those that could not be written before; what kept it from the disk, or None."""
        self.kept.append(line)
        if (why := self._write()) is None:
            return None
        log.error("%s cannot be written: %s; kept in memory: %s", self.path, why, _line_of(line).strip())
        return (
            f"{self.path.name} could not be written ({why}); it is kept in memory, will be written as soon "
            "as that is possible, and stands in the report"
        )

    def catch_up(self) -> None:
        """Try again to write what could not be written."""
        if self._written < len(self.kept) and self._write() is None:
            log.info("%s could be written again; nothing of it is missing", self.path)

    def _write(self) -> str | None:
        """Write all that is not on the disk yet; what kept it from there, or None."""
        text = "".join(_line_of(one) for one in self.kept[self._written :])
        try:
            append_whole(self.path, text.encode(errors="replace"))
        except OSError as error:
            return error.strerror or str(error)
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

    def catch_up(self) -> None:
        """Write what a full disk did not take, if there is room for it by now; the session asks once a second."""
        with self._lock:
            for lines in (self._notes, self._bads, self._switches):
                lines.catch_up()

    def as_json(self) -> dict[str, Any]:
        """What stands in the report."""
        with self._lock:
            return {"notes": self._notes.kept[:], "bads": self._bads.kept[:], "charge": self._switches.kept[:]}
