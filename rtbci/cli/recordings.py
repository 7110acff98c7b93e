"""Recordings as they are named on a command line: files, folders of sessions, datasets."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rtbci.config import Experiment
from rtbci.evaluation import catalogue
from rtbci.training_set import Piece


def pieces_of(experiment: Experiment, given: Sequence[str]) -> list[Path | Piece]:
    """The recordings as they were ``given``; of folders and datasets, all that are in them.

    A folder may be a session, a BIDS dataset or part of one, or hold sessions. Raises SourceError.
    """
    found: list[Path | Piece] = []
    for spec in given:
        path = Path(spec).expanduser()
        if spec.startswith(("moabb:", "bids:")) or path.is_dir():
            specs = [spec]
            if path.is_dir() and not (path / "session.json").is_file():
                specs = [str(one.parent) for one in sorted(path.glob("*/session.json"))] or specs
            for one in catalogue.find(specs, experiment.recording.subject):
                found.append(Piece(one.path, subject=one.person, session=one.session))
        else:
            found.append(path)
    return found
