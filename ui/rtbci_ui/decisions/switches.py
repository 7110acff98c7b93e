"""When which decoder took over from which, as the session has logged it: known to a window that comes late; without Qt."""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path

from rtbci.charge import Switch
from rtbci_ui.followed import Lines


def path_of(folder: Path, decoders: Collection[str]) -> Path:
    """Where the session in ``folder`` logs switches: a decoder of this name has its decision log there (`SessionFolder`)."""
    return folder / "decisions" / ("charge.switches.jsonl" if "charge" in decoders else "charge.jsonl")


class SwitchLog:
    """Follows the log of who is in charge in the folder of a session, on the disk.

    Attributes
    ----------
    switches : every switch so far, oldest first; times in seconds of the source's clock.
    problem : why some are not known, or "".
    """

    def __init__(self) -> None:
        self.switches: list[Switch] = []
        self.problem = ""
        self._damaged = ""
        self._path: Path | None = None
        self._lines: Lines | None = None

    def refresh(self, path: Path) -> None:
        """Take in what is new at ``path`` (`path_of`)."""
        try:
            fresh = self._new(path)
        except OSError as error:
            self.problem = f"who was in charge before is unknown ({error.strerror}): {path}"
            return
        for line in fresh:
            try:
                self.switches.append(_switch(line))
            except (ValueError, KeyError, TypeError) as error:
                self._damaged = f"a switch of who is in charge is missing here: its line cannot be read ({error})"
        self.problem = self._damaged

    def _new(self, path: Path) -> list[bytes]:
        if self._lines is None or path != self._path:
            self.close()
            self._lines, self._path = Lines(path), path
            self._lines.began_anew = True
        self._lines.look()
        fresh = self._lines.new()
        if self._lines.began_anew:
            self._lines.began_anew = False
            self.switches, self._damaged = [], ""
        return fresh

    def close(self) -> None:
        """Let go of the file."""
        if self._lines is not None:
            self._lines.close()
            self._lines = None


def _switch(line: bytes) -> Switch:
    fields = json.loads(line)
    return Switch(float(fields["time"]), str(fields["from"]), str(fields["to"]))
