"""Which recordings an evaluation is made of: files, sessions of rtbci, BIDS datasets and datasets of MOABB.

::

    S001R06.edf, sub-01_ses-02_run-3_eeg.vhdr     a recording; its name says whose (`rtbci.naming`)
    sessions/2026-11-23_21-54-03_fists-or-feet    a session that rtbci recorded
    study/, study/sub-01, bids:study/sub-01       a BIDS dataset, or a part of one
    moabb:BNCI2014_001, moabb:BNCI2014_001/1,2    a dataset of MOABB, or some of its subjects
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import starmap
from pathlib import Path

from rtbci import config
from rtbci.errors import SourceError
from rtbci.evaluation.nouns import Recorded
from rtbci.naming import Named, aligned, by_name, by_pattern, compiled, natural
from rtbci.recording.session_folder import SessionFolder
from rtbci.sources import bids
from rtbci.sources.file import format_of


@dataclass(frozen=True, slots=True)
class _Entry:
    """One recording, what is known of whose it is, and the path as it was given (None: a person did not name it)."""

    path: Path
    named: Named
    given: str | None


def find(specs: Sequence[str | Path], experiment_subject: str = "", pattern: str | None = None) -> tuple[Recorded, ...]:
    """The recordings that ``specs`` mean, by subject, session and run.

    Numbers in sessions and runs get zeros before them where others have more digits, because `Recorded` sorts as text.

    Parameters
    ----------
    specs : files and folders as above.
    experiment_subject : whose a file is whose name does not say so; "" for subject "1".
    pattern : regular expression with the groups ``subject``, ``session``, ``run`` (or some of them), looked for in each
        path; what it finds wins over what the name seems to say. Datasets of MOABB it does not concern.

    Raises
    ------
    SourceError
        When there is nothing under a spec, a recording is given twice, or two are the same run of the same session.
    ConfigError
        For a ``pattern`` that cannot be used or is not in a path.
    """
    if not specs:
        raise SourceError("no recording is given; a file, a folder or moabb:DATASET would be right")
    matching = compiled(pattern)
    entries = [entry for spec in specs for entry in _entries(str(spec))]
    _refuse_twice(entries)
    known = [_identified(entry, matching) for entry in entries]
    subjects = [named.subject or experiment_subject or "1" for named in known]
    sessions = [named.session or "1" for named in known]
    runs = _numbered(subjects, sessions, [named.run for named in known])
    paths = [entry.path for entry in entries]
    found = list(starmap(Recorded, zip(subjects, aligned(sessions), aligned(runs), paths, strict=True)))
    _refuse_alike(found)
    return tuple(sorted(found, key=lambda one: (natural(one.subject), one)))


def _entries(spec: str) -> list[_Entry]:
    if spec.startswith("moabb:"):
        return _of_moabb(spec.removeprefix("moabb:"))
    asked_bids = spec.startswith("bids:")
    given = spec.removeprefix("bids:")
    path = Path(os.path.abspath(Path(given).expanduser()))  # noqa: PTH100 - links stay, their names tell
    if asked_bids and not path.is_dir():
        raise SourceError(f"{spec}: there is no folder {path}; the root of a BIDS dataset would be right")
    if not path.is_dir():
        format_of(path)
        return [_Entry(path, _in_session(path).over(by_name(path)), given)]
    if not asked_bids and (path / "session.json").is_file():
        return _of_session(path, given)
    part = bids.part_of(path)
    if part is None:
        missing = "a dataset_description.json, or a subject's folder in one that has it"
        if asked_bids:
            raise SourceError(f"{spec}: {path} is no BIDS dataset; a folder with {missing}, would be right")
        raise SourceError(
            f"{path} is a folder that is neither a session of rtbci (session.json) nor a BIDS dataset ({missing}); name the "
            "recordings in it one by one"
        )
    found = bids.recordings(part)
    return [_Entry(one.path.absolute(), Named(one.subject, one.session, one.run), str(one.path)) for one in found]


def _of_moabb(what: str) -> list[_Entry]:
    from rtbci.sources import moabb

    name, _, subjects = what.partition("/")
    if not re.fullmatch(r"[\w-]+", name):
        raise SourceError(f"moabb:{what}: names no dataset; such as moabb:BNCI2014_001 or moabb:BNCI2014_001/1,2")
    found = moabb.runs(name, subjects)
    return [_Entry(one.path, Named(f"{one.subject}", one.session, one.run), None) for one in found]


def _of_session(path: Path, given: str) -> list[_Entry]:
    """A session of rtbci: its day is the session and its time of day the run, because a person sits there once a day.

    Of several parts of its recording each is a run.
    """
    folder = SessionFolder.open(path)
    about = folder.read()
    if about.get("state") == "running":
        raise SourceError(f"{path} is still running, or was killed; `rtbci recover` closes what a killed one has left")
    parts = folder.recordings()
    missing = next((part.name for part in parts if not part.is_file()), None)
    if missing or not parts:
        raise SourceError(
            f"{path} has no {missing or 'recording'}; a session folder as `rtbci run` leaves it would be right"
        )
    named = _named(folder, parts)
    if named is None:
        raise SourceError(
            f"{folder.session}: does not say when the session started; a time as rtbci writes it would be right"
        )
    return [_Entry(part, one, given) for part, one in zip(parts, named, strict=True)]


def _in_session(path: Path) -> Named:
    """What a session that has ``path`` among the parts of its recording says of it, also while it runs; else nothing.

    So a session that is given as the file in it sorts among those that are given as folders.
    """
    if not (path.parent / "session.json").is_file():
        return Named()
    folder = SessionFolder.open(path.parent)
    parts = folder.recordings()
    named = _named(folder, parts)
    at = dict(zip([part.resolve() for part in parts], named or (), strict=False))
    return at.get(path.resolve(), Named())


def _named(folder: SessionFolder, parts: Sequence[Path]) -> list[Named] | None:
    """Whose each part is, of which day and which time of it; None where the session does not say when it began."""
    try:
        began = datetime.fromisoformat(folder.read()["started"])
    except (KeyError, TypeError, ValueError):
        return None
    subject = config.load(folder.experiment).recording.subject if folder.experiment.is_file() else ""
    day, run = f"{began:%Y-%m-%d}", f"{began:%H-%M-%S}"
    names = [run, *(f"{run}_{number}" for number in range(2, len(parts) + 1))]
    return [Named(subject or None, day, name) for name in names]


def _identified(entry: _Entry, pattern: re.Pattern[str] | None) -> Named:
    if pattern is None or entry.given is None:
        return entry.named
    return by_pattern(entry.given, entry.path, pattern).over(entry.named)


def _numbered(subjects: Sequence[str], sessions: Sequence[str], runs: Sequence[str | None]) -> list[str]:
    """``runs``, and where one is not known its running number in the session, in the order given."""
    counts: dict[tuple[str, str], int] = {}
    found = []
    for subject, session, run in zip(subjects, sessions, runs, strict=True):
        if run is None:
            counts[subject, session] = counts.get((subject, session), 0) + 1
        found.append(run if run is not None else str(counts[subject, session]))
    return found


def _refuse_twice(entries: Sequence[_Entry]) -> None:
    seen: set[Path] = set()
    for entry in entries:
        real = entry.path.resolve()
        if real in seen:
            raise SourceError(f"{entry.path} is given twice; each recording once would be right")
        seen.add(real)


def _refuse_alike(found: Sequence[Recorded]) -> None:
    seen: dict[Recorded, Recorded] = {}
    for one in found:
        if one in seen:
            raise SourceError(
                f"{seen[one].path} and {one.path} are both {one}; names that tell them apart, or a --pattern with the "
                "groups subject, session and run, would be right"
            )
        seen[one] = one
