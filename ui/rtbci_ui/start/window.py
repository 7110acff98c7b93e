"""The start screen: recent experiments, the chosen one, the streams in sight, whether all fits, and what is started."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QTimer, Signal
from PySide6.QtGui import QCloseEvent, QHideEvent, QKeySequence, QShortcut, QShowEvent

from rtbci_ui import launch
from rtbci_ui.launch import Launched
from rtbci_ui.preferences import Preferences
from rtbci_ui.start.checked import Check
from rtbci_ui.start.children import Watch
from rtbci_ui.start.choosing import Choosing
from rtbci_ui.start.past import lives

WATCHED = ("-m", "rtbci", "streams", "--watch", "--json")
LOOK_MS = 1000
"""How often files and running sessions are looked at."""
CALIBRATE = "calibrate"
"""Panel that a session for calibration begins with."""


class StartWindow(Choosing):
    """Starts what was chosen.

    Attributes
    ----------
    opened : a session acquires, or one that runs was chosen; its run folder.
    left : closed by hand.
    panel : name of the panel that the session's window should show first, "" for none.
    """

    opened = Signal(object)
    left = Signal()

    def __init__(self, preferences: Preferences | None = None) -> None:
        super().__init__(preferences)
        self.panel = ""
        self._without_window: Path | None = None
        self.watch = Watch(sys.executable, WATCHED, self)
        self._look = QTimer(self)
        self._look.setInterval(LOOK_MS)
        self._connect()
        self.bar.say_nothing()
        self.look_around()
        self.say_what_can_be()

    def _connect(self) -> None:
        self._look.timeout.connect(self.look_around)
        self.recents.chosen.connect(self.open_experiment)
        self.recents.attach_wanted.connect(self.attach)
        self.recents.template_wanted.connect(self.new_from_template)
        self.recents.experiment_wanted.connect(self.ask_for_experiment)
        self.recents.recording_wanted.connect(self.ask_for_recording)
        self.recents.session_wanted.connect(self.ask_for_session)
        self.chosen.edit_wanted.connect(self.edit)
        self.chosen.model_changed.connect(self.check_again)
        self.chosen.model_changed.connect(self._offer_recording)
        self.recording.rehearse_wanted.connect(self.rehearse)
        self.recording.attach_wanted.connect(self.attach)
        self.recording.back_wanted.connect(lambda: self.middle.setCurrentWidget(self.chosen))
        self.watch.said.connect(self.show_streams)
        self.watch.failed.connect(self.streams.fail)
        self.going.doing.connect(self._doing)
        self.going.ready.connect(self._ready)
        self.going.refused.connect(self._refused)
        self.going.ended.connect(self._ended)
        self.going.goes_on.connect(self._goes_on)
        self.bar.start.clicked.connect(self.start)
        self.bar.record.clicked.connect(self.record_only)
        self.bar.calibrate.clicked.connect(self.calibrate)
        self.bar.rehearse.clicked.connect(lambda: self.rehearse(None))
        self.bar.cancel.clicked.connect(self.going.cancel)
        self.bar.again.clicked.connect(self.check_again)
        self.notice_button.clicked.connect(lambda: self.attach(self._without_window))
        for keys, do in (
            ("Ctrl+Return", self.bar.start.click), ("Ctrl+Enter", self.bar.start.click),
            ("Ctrl+Shift+Return", self.bar.record.click), ("Ctrl+K", self.bar.calibrate.click),
            ("Ctrl+L", self.bar.rehearse.click), ("F5", self.check_again), ("Esc", self._escape),
            ("Ctrl+N", self.new_from_template), ("Ctrl+O", self.ask_for_experiment), ("Ctrl+E", self.edit),
            ("Ctrl+R", self.ask_for_recording), ("Ctrl+Shift+O", self.ask_for_session),
        ):  # fmt: skip
            QShortcut(QKeySequence(keys), self, do)

    def start(self) -> None:
        """Start a session that decodes."""
        model = self.chosen.model
        self._begin(lambda path: launch.start_session(path, model.path if model is not None else None))

    def record_only(self) -> None:
        """Start a session that only records."""
        self._begin(lambda path: launch.start_session(path, extra=("--record-only",)))

    def calibrate(self) -> None:
        """Start a session that only records, whose window begins with the calibration."""
        self._begin(lambda path: launch.start_session(path, extra=("--record-only",)), CALIBRATE)

    def go_live(self, experiment: Path, model: Path) -> None:
        """Choose ``experiment`` and ``model``, as a calibration made them, and start a session that decodes."""
        self.open_experiment(experiment)
        self.chosen.choose(model)
        self.start()

    def rehearse(self, recording: Path | None) -> None:
        """Play ``recording``, or one that is asked for, to the chosen experiment and model."""
        recording = recording or self._recording_by_hand()
        if recording is None:
            return
        place, model = recording.parent if recording.name == "session.json" else recording, self.chosen.model
        self._begin(lambda path: launch.start_rehearsal(path, place, model.path if model is not None else None))

    def _begin(self, how: Callable[[Path], Launched], panel: str = "") -> None:
        if self.path is None or self.going.state == "starting":
            return
        self.notice_frame.hide()
        self.panel = panel
        # a check that is under way would take the place of what the session says when it refuses
        self._soon.stop()
        self.checker.stop()
        try:
            self.going.begin(how(self.path))
        except OSError as error:
            self._refused(f"no process can be started: {error.strerror}")
        self.say_what_can_be()

    def attach(self, run: Path | None) -> None:
        """Open a window on the session of the run folder ``run``."""
        if run is None or not lives(run):
            self.say("The session does not run any more.")
            return
        self.panel = ""
        self.notice_frame.hide()
        self.going.attach(run)
        self.opened.emit(run)

    def come_back(self) -> None:
        """Be shown again, after a session's window was closed; say how the session ended once it has."""
        self.show()
        self.raise_()
        self.recents.show_recent(self.preferences.recent, self.path)
        self.look_around()
        self.say("The window was closed; the session is ending, or goes on …")
        self.going.come_back()
        if self.path is not None:
            self.open_experiment(self.path)

    def _doing(self, words: str) -> None:
        self.bar.say_state(words, "warning")

    def _ready(self, run: Path) -> None:
        self.say_what_can_be()
        self.opened.emit(run)

    def _refused(self, words: str) -> None:
        self.say_what_can_be()
        self.bar.say_check(Check(problem=words))
        self._soon.stop()
        self.bar.title.setText("The session could not start")
        self.bar.say_state("F5 checks again", "")

    def _ended(self, words: str, folder: Path | None) -> None:
        where = f' · <a style="color:#ffffff" href="{folder.as_uri()}">{folder}</a>' if folder is not None else ""
        self.say(f"{words[:1].upper()}{words[1:]}{where}")
        self.look_around()
        if self.chosen.experiment is not None:
            self.chosen.show_experiment(self.chosen.experiment, keep=True)

    def _goes_on(self, run: Path) -> None:
        self.say("The session goes on without a window.")
        self._without_window = run
        self.notice_button.show()

    def _escape(self) -> None:
        if self.going.state == "starting":
            self.going.cancel()
        else:
            self.middle.setCurrentWidget(self.chosen)

    # ------------------------------------------------------------------ being seen

    def showEvent(self, event: QShowEvent) -> None:
        """Look at streams and files while it can be seen."""
        super().showEvent(event)
        self.recents.show_recent(self.preferences.recent, self.path)
        self.watch.start()
        self._look.start()
        self.recents.list.setFocus()
        if self.chosen.experiment is not None:
            self._soon.start()

    def hideEvent(self, event: QHideEvent) -> None:
        """Look at nothing that nobody sees: listening to streams costs their senders something."""
        super().hideEvent(event)
        self._stop()

    def closeEvent(self, event: QCloseEvent) -> None:
        """End the children; a session that was started goes on."""
        self._stop()
        self.going.stop()
        self.preferences.save()
        super().closeEvent(event)
        self.left.emit()

    def _stop(self) -> None:
        self.watch.stop()
        self.checker.stop()
        self.recording.stop()
        self._soon.stop()
        self._look.stop()
