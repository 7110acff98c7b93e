"""Whose recording a file is, and which of theirs, from its name and folders.

``sub-01_ses-02_task-x_run-3_eeg.edf`` and folders ``sub-01/ses-02/`` (BIDS entities, as LabRecorder writes them too),
``S001R06.edf`` (PhysioNet), or whatever a regular expression finds.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rtbci.errors import ConfigError

ENTITIES = {"subject": "sub", "session": "ses", "run": "run"}


@dataclass(frozen=True, slots=True)
class Named:
    """What a name says; None where it says nothing."""

    subject: str | None = None
    session: str | None = None
    run: str | None = None

    def over(self, other: Named) -> Named:
        """What both say; where they differ, what the first one says."""
        return Named(
            self.subject if self.subject is not None else other.subject,
            self.session if self.session is not None else other.session,
            self.run if self.run is not None else other.run,
        )


def by_name(path: Path) -> Named:
    """What the name of ``path``, or that of the nearest folder it lies in, says."""
    stem = path.name.split(".")[0]
    found = Named()
    if physionet := re.fullmatch(r"(S\d+)R(\d+)", stem):
        found = Named(physionet[1], None, physionet[2])
    entities: dict[str, str | None] = {}
    for field, key in ENTITIES.items():
        in_name = re.search(rf"(?:^|_){key}-([A-Za-z0-9+]+)(?=_|$)", stem)
        folders = (re.fullmatch(rf"{key}-([A-Za-z0-9+]+)", folder.name) for folder in path.parents)
        hit = in_name or next((folder for folder in folders if folder), None)
        entities[field] = hit[1] if hit else None
    return found.over(Named(**entities))


def compiled(pattern: str | None) -> re.Pattern[str] | None:
    """``pattern`` as a regular expression. Raises ConfigError where it is none or names neither subject, session nor run."""
    if pattern is None:
        return None
    try:
        made = re.compile(pattern)
    except re.error as error:
        raise ConfigError(f"--pattern {pattern!r}: {error}; a regular expression would be right") from error
    if not set(made.groupindex) & set(ENTITIES) or set(made.groupindex) - set(ENTITIES):
        raise ConfigError(
            f"--pattern {pattern!r}: names the groups {', '.join(made.groupindex) or 'none'}; some of (?P<subject>…), "
            "(?P<session>…) and (?P<run>…) would be right"
        )
    return made


def by_pattern(given: str, path: Path, pattern: re.Pattern[str]) -> Named:
    """What ``pattern`` finds in the path as it was ``given``, or else in the whole one. Raises ConfigError."""
    hit = pattern.search(given) or pattern.search(path.as_posix())
    if hit is None:
        raise ConfigError(
            f"--pattern {pattern.pattern!r}: is not found in {path}; one that every recording has is needed"
        )
    return replace(Named(), **{field: text for field, text in hit.groupdict().items() if text})


def natural(text: str) -> tuple[tuple[int, int, str], ...]:
    """Sorts "run 2" before "run 10", and numbers before words."""
    pieces = [piece for piece in re.split(r"([0-9]+)", text) if piece]
    return tuple((0, int(piece), piece) if piece.isdecimal() else (1, 0, piece) for piece in pieces)


def aligned(labels: Sequence[str]) -> list[str]:
    """``labels`` with zeros before their numbers, so that as texts they sort as the numbers do: "2", "10" is "02", "10".

    The n-th numbers of all labels are made as wide as the widest of them.
    """
    split = [re.split(r"([0-9]+)", label) for label in labels]
    widths: dict[int, int] = {}
    for pieces in split:
        for at in range(1, len(pieces), 2):
            widths[at] = max(widths.get(at, 0), len(pieces[at]))
    return [
        "".join(piece.zfill(widths[at]) if at % 2 else piece for at, piece in enumerate(pieces)) for pieces in split
    ]
