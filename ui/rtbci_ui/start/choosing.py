"""What is chosen on the start screen, and whether it fits."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QFileDialog

from rtbci import config
from rtbci.errors import ConfigError, RtbciError
from rtbci_ui import launch
from rtbci_ui.experiment_dialog import ExperimentDialog
from rtbci_ui.preferences import Preferences
from rtbci_ui.start.checked import Check, read_check
from rtbci_ui.start.children import Asked
from rtbci_ui.start.going import Going
from rtbci_ui.start.past import changed
from rtbci_ui.start.screen import Screen
from rtbci_ui.start.sight import read_sight, set_of
from rtbci_ui.start.template_dialog import TemplateDialog

SETTLE_MS = 250
"""A check waits so long for further changes: it takes two seconds of a processor."""
RECORDINGS = "*.xdf *.xdfz *.fif *.edf *.bdf *.gdf *.vhdr *.set *.con *.sqd *.csv session.json"
CHECKING = "checking …"


class Choosing(Screen):
    """The half of the start screen that chooses and checks.

    Attributes
    ----------
    path : of the chosen experiment, whether it can be used or not.
    check : what is known of whether all fits.
    """

    def __init__(self, preferences: Preferences | None = None) -> None:
        super().__init__()
        self.preferences = preferences or Preferences()
        self.path: Path | None = None
        self.check = Check()
        self.going = Going(self)
        self.checker = Asked(self)
        self.checker.answered.connect(self._checked)
        self._written: float | None = None
        self._seen: frozenset[tuple[object, ...]] = frozenset()
        self._outdated = False
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(SETTLE_MS)
        self._soon.timeout.connect(self.check_now)

    def attach(self, run: Path | None) -> None:
        """Open a window on the session of the run folder ``run``."""
        raise NotImplementedError

    def open_experiment(self, path: Path) -> None:
        """Choose the experiment at ``path``; one that is wrong says in place what is wrong."""
        path = Path(path).resolve()
        same = path == self.path and self.chosen.experiment is not None
        self.path, self._written = path, changed(path)
        self.middle.setCurrentWidget(self.chosen)
        try:
            experiment = config.load(path)
        except ConfigError as error:
            self.check = Check(problem=str(error))
            self.chosen.show_problem(path, str(error))
            self.checker.stop()
            self.bar.say_check(self.check)
        else:
            self.chosen.show_experiment(experiment, keep=same)
            self.preferences.remember(path)
            self.check_again()
        self.recents.show_recent(self.preferences.recent, path)
        self._offer_recording()
        self.say_what_can_be()

    def _offer_recording(self) -> None:
        """Tell the view of recordings what would decode one."""
        experiment = self.chosen.experiment
        self.recording.offer_with(experiment.name if experiment is not None else "", self._named())

    def _named(self) -> list[str]:
        """Arguments that name the chosen experiment and model."""
        if self.path is None or self.chosen.experiment is None:
            return []
        model = self.chosen.model
        return [str(self.path), *(["--model", str(model.path)] if model is not None else [])]

    def look_around(self) -> None:
        """See which sessions run, and whether the experiment's file was changed by another program."""
        self.recents.show_running(launch.running())
        if self.path is not None and (now := changed(self.path)) != self._written and now is not None:
            self.open_experiment(self.path)

    def edit(self) -> None:
        """Open the form of the chosen experiment."""
        if self.path is None:
            return
        try:
            dialog = ExperimentDialog.edit(self.path, self)
        except RtbciError as error:
            self.chosen.show_problem(self.path, str(error))
            return
        dialog.finished.connect(lambda _: self.open_experiment(dialog.path))

    def new_from_template(self) -> None:
        """Ask for a template, and choose what was made of it."""
        folder = self.path.parent if self.path is not None else Path.cwd()
        dialog = TemplateDialog(folder, self)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.made.connect(self.open_experiment)
        dialog.open()

    def ask_for_experiment(self) -> None:
        """Choose an experiment file."""
        given, _ = QFileDialog.getOpenFileName(self, "Experiment", self._folder(), "Experiments (*.toml)")
        if given:
            self.open_experiment(Path(given))

    def ask_for_recording(self) -> None:
        """Look into a recording."""
        given = self._recording_by_hand()
        if given is not None:
            self.open_recording(given)

    def ask_for_session(self) -> None:
        """Look into a session's folder."""
        given = QFileDialog.getExistingDirectory(self, "Session", self._folder())
        if given:
            self.open_recording(Path(given))

    def open_recording(self, path: Path) -> None:
        """Show the recording, or the session's folder, at ``path``; a session that runs is attached to."""
        self._offer_recording()
        self.recording.open(path)
        self.middle.setCurrentWidget(self.recording)
        session = self.recording.session
        if session is not None and session.runs:
            self.attach(session.run)

    def _recording_by_hand(self) -> Path | None:
        given, _ = QFileDialog.getOpenFileName(
            self, "Recording", self._folder(), f"Recordings and sessions ({RECORDINGS});;All files (*)"
        )
        return Path(given) if given else None

    def _folder(self) -> str:
        return str(self.path.parent if self.path is not None else Path.cwd())

    # ------------------------------------------------------------------ what fits

    def show_streams(self, line: str) -> None:
        """Show what one line of the watch lists; when other streams are in sight, it is time for another check."""
        streams = read_sight(line)
        if streams is None:
            return
        self.streams.show_streams(streams)
        if (now := set_of(streams)) != self._seen:
            self._seen = now
            if self.chosen.experiment is not None and self.chosen.experiment.source.use == "lsl":
                self._outdated = self.checker.busy  # one that is under way may see them too
                if not self._outdated:
                    self._soon.start()

    def check_again(self) -> None:
        """Check soon; what was found before counts no more."""
        if self.chosen.experiment is not None:
            self.check = Check(problem=CHECKING)
            self._soon.start()
            self.say_what_can_be()

    def check_now(self) -> None:
        """Hold experiment, model and stream against each other."""
        if self.path is None or self.chosen.experiment is None or not self.isVisible():
            return
        self._outdated = False
        self.bar.title.setText("Checking …")
        self.checker.ask(["check", *self._named()])

    def _checked(self, code: int, result: Mapping[str, Any] | None, complaint: str) -> None:
        self.check = read_check(code, result, complaint)
        self.bar.say_check(self.check)
        self.streams.take(self.check.stream)
        self.say_what_can_be()
        if self._outdated and self.check.stream not in [seen.key for seen in self.streams.streams]:
            self._soon.start()
        self._outdated = False

    def say_what_can_be(self) -> None:
        """Allow what is possible, and say why the rest is not."""
        starting = self.going.state == "starting"
        self.bar.cancel.setVisible(starting)
        none = "choose an experiment first" if self.chosen.experiment is None else ""
        if self.chosen.experiment is None and self.path is not None:
            none = "the experiment cannot be used as it is"
        busy = "a session is being started" if starting else ""
        why_record = none or busy or self.check.refusal(model=False)
        without = "" if self.chosen.decides else "no model yet: Calibrate… makes one, or choose a file above"
        why = none or busy or self.check.refusal(model=True) or without
        self.bar.allow({"start": why, "record": why_record, "calibrate": why_record, "rehearse": none or busy})
        if not starting:
            checking = self.check.problem == CHECKING
            mood = "good" if not why else "" if checking or why in (none, without) else "alarm"
            self.bar.say_state(why or "ready to start", mood)
