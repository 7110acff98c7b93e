"""The steps of a calibration as commands of rtbci, and how far each is. No Qt here."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rtbci_ui.calibrate.places import Places

TITLES = {
    "train": "Training",
    "maps": "Feature maps",
    "evaluate": "Cross-validation",
    "validate": "Validation of the choice",
    "check": "Check",
}
SHUFFLES = 1
"""Trainings on shuffled labels in every fold: what fits in two minutes; ``rtbci evaluate`` makes three."""


@dataclass(slots=True)
class Stage:
    """A step: ``state`` is "" (not asked for), "waiting", "running", "done" or "failed"; ``words`` how far, or why not."""

    state: str = ""
    words: str = ""
    seconds: float = 0.0


def given(recordings: Sequence[Path]) -> list[str]:
    """The recordings as options."""
    return [part for path in recordings for part in ("--recording", str(path))]


def train(experiment: Path, recordings: Sequence[Path], places: Places) -> list[str]:
    """Train ``experiment``: the one of ``places``, or a copy with a choice."""
    return ["train", str(experiment), *given(recordings), "--out", str(places.model)]


def maps(recordings: Sequence[Path], places: Places, options: Sequence[str]) -> list[str]:
    """Make feature maps."""
    return _maps(recordings, places, places.maps, options)


def _maps(recordings: Sequence[Path], places: Places, out: Path, options: Sequence[str]) -> list[str]:
    return ["feature-maps", str(places.experiment), *given(recordings), "--out", str(out), *options]


def evaluate(recordings: Sequence[Path], places: Places) -> list[str]:
    """Cross-validate the experiment as it is, before any choice."""
    jobs = max(1, min(4, (os.cpu_count() or 1) // 2))
    how = ["--out", str(places.evaluation), "--jobs", str(jobs), "--shuffles", str(SHUFFLES)]
    return ["evaluate", str(places.experiment), *given(recordings), *how]


def validate(recordings: Sequence[Path], places: Places, options: Sequence[str]) -> list[str]:
    """Cross-validate with a choice made anew in every fold; its maps are its own: others may be made meanwhile."""
    return [*_maps(recordings, places, places.validation, options), "--validate"]


def check(experiment: Path, model: Path, recording: Path) -> list[str]:
    """Hold experiment, model and a recording against each other."""
    return ["check", str(experiment), "--model", str(model), "--recording", str(recording)]
