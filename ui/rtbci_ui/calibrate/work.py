"""What is going on in a calibration: the presentation, the training, and what came of them.

It outlives the panel, which is built anew when the theme changes: a presentation must not end because colours do. ::

    train ──► check, evaluate        (with four cores or more, evaluate begins at once)
    maps  ──► choose ──► train the copy, validate with a choice made anew in every fold
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from PySide6.QtCore import QCoreApplication, QObject, Signal

from rtbci import config, feature_maps
from rtbci.config import Experiment
from rtbci.errors import ConfigError
from rtbci.feature_choice import Choice, chosen, suggest
from rtbci.feature_maps import FeatureMaps
from rtbci_ui.calibrate import steps
from rtbci_ui.calibrate.job import Job
from rtbci_ui.calibrate.places import Places
from rtbci_ui.calibrate.presented import Follower
from rtbci_ui.calibrate.result import Score, scores_of, trained_words, warnings
from rtbci_ui.calibrate.steps import TITLES, Stage
from rtbci_ui.run import Run

Chosen = tuple[tuple[str, ...], tuple[float, float] | None]
"""Channels, and a band in Hz or None for the experiment's own."""

CORES_AT_ONCE = 4
NOTHING_SCORED = "no trial could be scored; more trials of every class, in each recording, would be needed"


class Work(QObject):
    """One calibration; `changed` is emitted when anything below has.

    Attributes
    ----------
    experiment : as it was loaded last; ``path`` its file.
    stages : how far each step is. busy : whether any but the check runs.
    model, runs : the newest model file, and the experiment that goes with it (a copy, where channels were chosen).
    chosen_now : channels and band of that copy, None for the experiment as it is.
    scores : cross-validated, of the experiment as it was before any choice; ``validated`` with a choice in every fold.
    maps, choice : feature maps and what they suggest.
    ready_after : seconds from pressing Train to model, cross-validation and maps.
    """

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.path: Path | None = None
        self.experiment: Experiment | None = None
        self.problem = ""
        self._read_at = 0.0
        self.stages = {name: Stage() for name in TITLES}
        self.places: Places | None = None
        self.recordings: tuple[Path, ...] = ()
        self.model: Path | None = None
        self.runs: Path | None = None
        self.trained = ""
        self.scores: tuple[Score, ...] = ()
        self.report = ""
        self.validated: tuple[Score, ...] = ()
        self.folds_that_chose = (0, 0)
        self.maps: FeatureMaps | None = None
        self.choice: Choice | None = None
        self.chosen_now: Chosen | None = None
        self._choosing: tuple[Chosen, Places] | None = None  # in training, and the places of what counts until then
        self.findings: list[dict[str, Any]] = []
        self.ready_after: float | None = None
        self._began = 0.0
        self._map_options: tuple[str, ...] = ()
        self._maps_file = Path()
        self.jobs = {name: Job(self) for name in TITLES}
        for name, job in self.jobs.items():
            job.said.connect(lambda words, name=name: self._say(name, words))
            job.done.connect(lambda code, result, problem, name=name: self._done(name, code, result, problem))
        self.presentation = Job(self)
        self.presentation.done.connect(self._presented)
        self.follower: Follower | None = None
        self.presentation_problem = ""
        if (app := QCoreApplication.instance()) is not None:
            app.aboutToQuit.connect(self.stop)

    # the experiment ------------------------------------------------------------------------------------------------

    def look(self, path: Path | None) -> None:
        """Load the experiment at ``path`` where it is another one, or has changed on disk."""
        if path is None:
            return
        try:
            changed = path.stat().st_mtime
        except OSError:
            return
        if path == self.path and changed == self._read_at:
            return
        self.path, self._read_at = path, changed
        try:
            self.experiment, self.problem = config.load(path), ""
        except ConfigError as error:
            self.experiment, self.problem = None, str(error)
        if path == self.runs:
            self.check()  # it was trained as it was before
        self.changed.emit()

    # presenting ----------------------------------------------------------------------------------------------------

    def present(self, arguments: Sequence[str], log: Path, planned: int) -> None:
        """Start the stimulus process, which writes ``log``."""
        self.presentation_problem = ""
        self.follower = Follower(log, planned)
        self.presentation.start([*arguments, "--log", str(log)], "rtbci_stimulus")
        self.changed.emit()

    def _presented(self, code: int, result: Any, problem: str) -> None:
        # exit code 1 is a run that was ended early, which its log says better
        self.presentation_problem = problem if code not in (0, 1) or result is None else ""
        self.changed.emit()

    # training ------------------------------------------------------------------------------------------------------

    @property
    def busy(self) -> bool:
        """Whether anything is computed."""
        return any(stage.state in ("running", "waiting") for name, stage in self.stages.items() if name != "check")

    def train(self, recordings: Sequence[Path], map_options: Sequence[str] = ()) -> None:
        """Train on ``recordings``, cross-validate and make feature maps."""
        if self.path is None or self.busy or not recordings:
            return
        self.places, self.recordings = Places.beside(self.path), tuple(recordings)
        self.model = self.runs = self.chosen_now = self._choosing = self.ready_after = None
        self.scores, self.validated, self.report, self.trained, self.findings = (), (), "", "", []
        self.maps = self.choice = None
        for name in self.stages:
            self.stages[name] = Stage()
        self._began = time.monotonic()
        self.stages["evaluate"] = Stage("waiting", "after the training")
        self._train(self.path)
        self._maps(map_options)
        if (os.cpu_count() or 1) >= CORES_AT_ONCE:
            self._evaluate()
        self.changed.emit()

    def measure(self, map_options: Sequence[str]) -> None:
        """Make the feature maps anew, in another way; those that are being made are not wanted any more."""
        if self.places is not None and self.recordings:
            self._maps(map_options)
            self.changed.emit()

    def choose(self, channels: Sequence[str], band: tuple[float, float] | None, map_options: Sequence[str] = ()) -> str:
        """Write a copy of the experiment with this choice, train it, and validate the rule; return what is wrong, or ""."""
        if self.places is None or self.experiment is None or self.busy:
            return "nothing has been trained yet, or something is being computed"
        places = Places.beside(self.places.experiment)
        try:
            config.save(chosen(self.experiment, channels, band), places.choice)
        except ConfigError as error:
            return str(error)
        self._choosing = (tuple(channels), band), self.places
        self.places = places
        self.stages["validate"] = Stage("waiting", "after the training")
        self._map_options = tuple(map_options)
        self._train(places.choice)
        self.changed.emit()
        return ""

    def cancel(self) -> None:
        """End what is computed, and remove what it has half made; what was done before stays."""
        if self.places is None or not self.busy:
            return
        training = self.stages["train"].state == "running"
        half_made = {name for name in ("evaluate", "validate") if self.stages[name].state == "running"}
        for name, job in self.jobs.items():
            job.cancel()
            if self.stages[name].state in ("running", "waiting"):
                self.stages[name] = Stage("failed", "cancelled")
        if training:
            self.places.clear(model=True)
            self._unchoose()
        elif half_made:
            self.places.clear_evaluation()
        self.changed.emit()

    def stop(self) -> None:
        """End everything, a presentation too: the session's window is closed for good."""
        self.cancel()
        self.jobs["check"].cancel()
        self.presentation.end()

    def _unchoose(self) -> None:
        """A choice that was not trained: its copy goes, and what was trained before counts, with its own numbers."""
        if self.places is not None and self._choosing is not None:
            self.places.choice.unlink(missing_ok=True)
            self.places, self._choosing = self._choosing[1], None

    def check(self) -> None:
        """Hold experiment, model and the newest recording against each other."""
        if self.runs is not None and self.model is not None and self.recordings:
            self._run("check", steps.check(self.runs, self.model, self.recordings[-1]))

    def _train(self, experiment: Path) -> None:
        assert self.places is not None
        self._run("train", steps.train(experiment, self.recordings, self.places))

    def _maps(self, options: Sequence[str]) -> None:
        assert self.places is not None
        self._maps_file = self.places.maps
        self._run("maps", steps.maps(self.recordings, self.places, options))

    def _evaluate(self) -> None:
        assert self.places is not None
        self._run("evaluate", steps.evaluate(self.recordings, self.places))

    def _validate(self) -> None:
        assert self.places is not None
        self._run("validate", steps.validate(self.recordings, self.places, self._map_options))

    def _run(self, name: str, arguments: Sequence[str]) -> None:
        self.stages[name] = Stage("running", "starting …")
        self.jobs[name].start([*arguments, "--json"])

    def _say(self, name: str, words: str) -> None:
        self.stages[name].words = words
        self.changed.emit()

    def _done(self, name: str, code: int, result: Any, problem: str) -> None:
        usable = code == 0 or (name == "check" and result is not None and "findings" in result)
        if name in ("evaluate", "validate") and code == 1 and result is not None:
            usable = True  # a fold failed: the others count, and what failed is told
        self.stages[name] = Stage("done" if usable else "failed", "" if usable else problem, self.jobs[name].seconds)
        if usable:
            self._take(name, result or {})
        if name == "train":
            if usable:
                self.check()
            else:
                self._unchoose()
            for after, begin in (("evaluate", self._evaluate), ("validate", self._validate)):
                if self.stages[after].state == "waiting" and usable:
                    begin()
                elif self.stages[after].state == "waiting":
                    self.stages[after] = Stage("failed", "not asked for: the training failed")
        if not self.busy and self.ready_after is None and self.stages["train"].state == "done":
            self.ready_after = time.monotonic() - self._began
        self.changed.emit()

    def _take(self, name: str, result: dict[str, Any]) -> None:
        assert self.places is not None
        if name == "train":
            self.model, self.trained = self.places.model, trained_words(result)
            if self._choosing is not None:
                (self.chosen_now, _), self._choosing = self._choosing, None
                self.runs, self.validated = self.places.choice, ()
            else:
                self.runs = self.places.experiment
        elif name == "maps":
            try:
                self.maps = feature_maps.load(self._maps_file)
                self.choice = suggest(self.maps)
            except ConfigError as error:
                self.stages["maps"] = Stage("failed", str(error))
        elif name == "evaluate":
            self.scores, self.report = scores_of(result), str(result.get("report") or "")
            self._judge("evaluate", bool(self.scores), warnings(result))
        elif name == "validate":
            worth = result.get("validated") or {}
            self.validated = scores_of(worth)
            folds = worth.get("folds") or []
            self.folds_that_chose = sum(fold.get("band") is not None for fold in folds), len(folds)
            self._judge("validate", bool(self.validated), warnings(worth))
        else:
            self.findings = list(result.get("findings") or [])

    def _judge(self, name: str, scored: bool, words: str) -> None:
        """An evaluation without a single scored trial has failed, whatever its exit code, and says why."""
        if scored:
            self.stages[name].words = words
        else:
            seconds = self.stages[name].seconds
            self.stages[name] = Stage("failed", words or NOTHING_SCORED, seconds)


_WORKS: WeakKeyDictionary[Run, Work] = WeakKeyDictionary()


def work_of(run: Run) -> Work:
    """The calibration of ``run``: one, however often the panel is built."""
    if run not in _WORKS:
        _WORKS[run] = Work()
    return _WORKS[run]
