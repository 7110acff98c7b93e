"""Datasets of MOABB as recordings: each run is written once, as a FIF file in a cache folder, and read like any other.

::

    $RTBCI_CACHE/moabb/BNCI2014_001-1.7.2/       without RTBCI_CACHE: the user's cache folder, rtbci/
        subjects.json                            which subjects the dataset has
        1/runs.json                              which file is which session and run
        1/ses-0train_run-0_raw.fif               float32, SI units, every channel but the triggers

A subject's folder appears by rename when it is whole, so that a download that was stopped leaves nothing behind which looks
like data. What stands in the files, `rtbci.sources.moabb_load` says.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from rtbci.errors import SourceError
from rtbci.sources.moabb_load import WITHOUT, find_dataset, load
from rtbci.sources.reader import one_line


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a dataset, and the FIF file that holds it. ``session`` and ``run`` begin with MOABB's running numbers."""

    subject: str
    session: str
    run: str
    path: Path


def cache_folder() -> Path:
    """Where materialised recordings are kept: ``$RTBCI_CACHE``, or rtbci's part of the user's cache folder."""
    if named := os.environ.get("RTBCI_CACHE"):
        return Path(named).expanduser().absolute()
    import platformdirs

    return platformdirs.user_cache_path("rtbci", appauthor=False)


def runs(name: str, subjects: str = "") -> tuple[Run, ...]:
    """The runs of dataset ``name``, as files; ``subjects`` such as "1,2,5" or "1-3", or "" for all.

    What is not in the cache yet is downloaded and written, with MOABB's progress on the standard error.

    Raises
    ------
    SourceError
        When there is no such dataset or subject, MOABB is missing, or the data cannot be had.
    """
    try:
        version = metadata.version("moabb")
    except metadata.PackageNotFoundError:
        raise SourceError(f"moabb:{name}: {WITHOUT}") from None
    dataset: Any = None
    folder = cache_folder() / "moabb" / f"{name}-{version}"
    there = _noted_subjects(folder)
    if there is None:
        dataset = find_dataset(name)
        folder = folder.with_name(f"{type(dataset).__name__}-{version}")
        there = [str(subject) for subject in dataset.subject_list]
        _note(folder, "subjects.json", there)
    found: list[Run] = []
    for subject in _chosen(name, subjects, there):
        kept = _kept(folder, subject)
        if kept is None:
            dataset = find_dataset(name) if dataset is None else dataset
            kept = _materialise(dataset, subject, folder)
        found += kept
    if not found:
        raise SourceError(f"moabb:{name}: holds no run of subject {subjects or 'any'}; another dataset would be right")
    return tuple(found)


def _chosen(name: str, subjects: str, there: Sequence[str]) -> list[str]:
    if not subjects:
        return list(there)
    wanted: list[str] = []
    for part in subjects.split(","):
        if span := re.fullmatch(r"\s*(\d+)\s*-\s*(\d+)\s*", part):
            wanted += [str(number) for number in range(int(span[1]), int(span[2]) + 1)]
        else:
            wanted.append(part.strip())
    for subject in wanted:
        if subject not in there:
            has = f"{there[0]} to {there[-1]}" if len(there) > 3 else ", ".join(there)
            raise SourceError(f'moabb:{name}/{subjects}: the dataset has no subject "{subject}"; it has {has}')
    return list(dict.fromkeys(wanted))


def _noted_subjects(folder: Path) -> list[str] | None:
    try:
        return [str(subject) for subject in json.loads((folder / "subjects.json").read_text(encoding="utf-8"))]
    except (OSError, ValueError, TypeError):
        return None  # not materialised yet, or a cache somebody has been at: made anew


def _kept(folder: Path, subject: str) -> list[Run] | None:
    """The runs of ``subject`` that are in the cache; None where one of them is missing."""
    place = folder / subject
    try:
        noted = json.loads((place / "runs.json").read_text(encoding="utf-8"))
        kept = [Run(subject, one["session"], one["run"], place / one["file"]) for one in noted]
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return kept if all(run.path.is_file() for run in kept) else None


def _materialise(dataset: Any, subject: str, folder: Path) -> list[Run]:
    """Write the runs of ``subject`` into ``folder`` and say where they are."""
    code = type(dataset).__name__
    number = next(known for known in dataset.subject_list if str(known) == subject)
    sessions = load(dataset, number)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=f".{subject}-", dir=folder))
        try:
            noted = []
            for session, of_session in sessions.items():
                for run, raw in of_session.items():
                    file = f"ses-{session}_run-{run}_raw.fif"
                    _write(raw, scratch / file)
                    noted.append({"session": str(session), "run": str(run), "file": file})
            _note(scratch, "runs.json", noted)
            _move(scratch, folder / subject)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    except OSError as error:
        reason = error.strerror or one_line(error)
        raise SourceError(
            f"moabb:{code}: cannot write subject {subject} to {folder}: {reason}; set RTBCI_CACHE to a folder with room"
        ) from error
    kept = _kept(folder, subject)
    assert kept is not None, "what has just been written is there"
    return kept


def _write(raw: Any, path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        raw.save(path, fmt="single", verbose="error")


def _note(folder: Path, name: str, what: Any) -> None:
    """Write ``what`` as JSON, at once for whoever reads it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=folder, prefix=f".{name}-", delete=False) as file:
            json.dump(what, file)
        Path(file.name).replace(folder / name)
    except OSError as error:
        raise SourceError(
            f"cannot write {folder / name}: {error.strerror}; set RTBCI_CACHE to a folder with room"
        ) from error


def _move(scratch: Path, place: Path) -> None:
    """Make ``scratch`` the folder ``place``, unless another process was quicker; what is damaged there goes away."""
    if place.exists() and _kept(place.parent, place.name) is None:
        shutil.rmtree(place)
    try:
        scratch.rename(place)
    except OSError:
        if _kept(place.parent, place.name) is None:
            raise
