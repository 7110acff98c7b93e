"""What a decoder left in a session's folder: its decisions, and what it found with each, as they were logged."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from rtbci import retrieved
from rtbci.errors import RecordingError
from rtbci.runfolder import decision_from_json
from rtbci.types import Decision, Retrieved

T = TypeVar("T")


def decisions(path: Path) -> list[Decision]:
    """The decisions in the log at ``path``, none where there is no log. Raises RecordingError for a changed one."""
    return _lines(path, decision_from_json, "a decision")


def retrievals(path: Path) -> list[Retrieved]:
    """What was found, by the log at ``path``, none where there is no log. Raises RecordingError for a changed one."""
    return _lines(path, retrieved.from_json, "what was found in a bank")


def _lines(path: Path, read: Callable[[dict[str, Any]], T], what: str) -> list[T]:
    if not path.exists():
        return []
    found = []
    lines = path.read_text().split("\n")
    for number, line in enumerate(lines, 1):
        if not line:
            continue
        try:
            found.append(read(json.loads(line)))
        except (ValueError, KeyError, TypeError) as error:
            if number == len(lines):  # the session was killed in the middle of this line
                break
            raise RecordingError(f"{path} line {number}: is not {what} ({error}); the log has been changed") from error
    return found
