"""The session's log and its notes, as far as they have been written: what a panel shows line by line. No Qt here."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

KEPT = 500
"""Lines that are kept for the screen; the file has all."""
FIRST_BYTES = 64_000
"""Of a long log that is attached to late, only the end is read."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line: ``mood`` is "", "note", "warning" or "alarm"."""

    text: str
    mood: str = ""


def mood_of(line: str) -> str:
    """How loud a line of ``log.txt`` is, by the level that it names."""
    head = line[:60]
    if " ERROR " in head or " CRITICAL " in head:
        return "alarm"
    return "warning" if " WARNING " in head else ""


class LogLines:
    """Follows ``log.txt`` and ``notes.jsonl`` of a session folder; reads only what is new.

    Attributes
    ----------
    lines : the newest `KEPT` lines in the order in which they were found.
    total : lines ever found, so that whoever shows them knows how many are new.
    problem : why there may be newer lines that cannot be read, or "".
    """

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self.total = 0
        self.problem = ""
        self._folder: Path | None = None
        self._read: dict[str, int] = {}

    def refresh(self, folder: Path | None) -> bool:
        """Look into session folder ``folder``, None while there is none; say whether there are new lines."""
        if folder != self._folder:
            self._folder, self._read = folder, {}
            self.lines.clear()
        self.problem = ""
        if folder is None:
            return False
        fresh = [Line(text, mood_of(text)) for text in self._new(folder / "log.txt")]
        for text in self._new(folder / "notes.jsonl"):
            try:
                fresh.append(Line(f"note: {json.loads(text)['text']}", "note"))
            except (ValueError, KeyError, TypeError):
                fresh.append(Line(f"notes.jsonl: cannot read {text[:80]!r}", "warning"))
        self.lines.extend(fresh)
        self.total += len(fresh)
        del self.lines[:-KEPT]
        return bool(fresh)

    def _new(self, path: Path) -> list[str]:
        """Whole lines that were added to ``path`` since the last look, at the first one those of its end."""
        try:
            with path.open("rb") as file:
                size = file.seek(0, 2)
                first = self._read.get(path.name)
                if first is None:
                    first = max(0, size - FIRST_BYTES)
                    file.seek(max(0, first - 1))
                    first += len(file.readline()) - 1 if first else 0  # the rest of a line is none
                if size == first:
                    self._read[path.name] = first
                    return []
                file.seek(first)
                fresh = file.read()
        except FileNotFoundError:
            return []
        except OSError as error:  # a disk that was pulled out, a network that is away
            self.problem = f"{path} cannot be read: {error.strerror}"
            return []
        whole = fresh.rfind(b"\n") + 1  # what follows the last line end is still being written
        self._read[path.name] = first + whole
        return fresh[:whole].decode(errors="replace").splitlines()
