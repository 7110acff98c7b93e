"""Step 1: a paradigm on the participant's screen, and how far it is."""

from __future__ import annotations

import tempfile
from datetime import datetime
from pathlib import Path
from typing import Any

from PySide6.QtCore import QTimer, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from rtbci_stimulus.paradigms import PARADIGMS
from rtbci_ui import theme
from rtbci_ui.calibrate.flowing import Flowing
from rtbci_ui.calibrate.presented import Presented
from rtbci_ui.calibrate.presented_words import before, during, headline
from rtbci_ui.calibrate.presenting import USUAL_RATE, Outlook, arguments, outlook
from rtbci_ui.calibrate.settings_form import SettingsForm
from rtbci_ui.calibrate.work import Work
from rtbci_ui.run import Run
from rtbci_ui.start.words import Words, facts_html

JUDGE_MS = 300


class PresentView(QWidget):
    """Chooses, starts, follows and ends a presentation.

    ``skipped`` asks for the next step without one; ``ask`` is a command to the session, as for `rtbci_ui.commands`.
    """

    skipped = Signal()
    ask = Signal(str, dict)

    def __init__(self, run: Run, work: Work) -> None:
        super().__init__()
        self.run, self.work = run, work
        self.outlook = Outlook()
        self._experiment: Any = None
        self.paradigm = QComboBox()
        self.paradigm.setToolTip("What is presented; the experiment's [paradigm] comes first")
        for name, cls in PARADIGMS.items():
            self.paradigm.addItem(cls.title, name)
        self.screens = QComboBox()
        self.screens.setToolTip("The participant's screen: the whole of it is used")
        self._fill_screens()
        self.auto = QCheckBox("start by itself")
        self.auto.setToolTip(
            "Begin and go on after pauses without a key; otherwise the space bar does, at the participant's"
        )
        self.form = SettingsForm()
        self.start = QPushButton("Present")
        self.start.setFont(theme.font(10.5, bold=True))
        self.start.setMinimumHeight(30)
        self.start.clicked.connect(self.begin)
        self.abort = QPushButton("Abort")
        self.abort.setToolTip("End the presentation; what was presented stays recorded")
        self.abort.clicked.connect(self.work.presentation.ask_to_end)
        self.skip = QPushButton("Use another program's markers")
        self.skip.setToolTip("Trials are cued elsewhere and their markers come over LSL: go to Train")
        self.skip.clicked.connect(self.skipped)
        self.record = QPushButton("Start recording")
        self.record.setToolTip("Nothing is being recorded: trials would be lost")
        self.record.clicked.connect(lambda: self.ask.emit("start recording", {"do": "record", "on": True}))
        self.count = QLabel()
        self.count.setFont(theme.font(22.0, bold=True))
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(8)
        self.facts = Words(9.5)
        self.say = Flowing()
        self._lay_out()
        self._judge = QTimer(self)
        self._judge.setSingleShot(True)
        self._judge.setInterval(JUDGE_MS)
        self._judge.timeout.connect(self.judge)
        self.form.changed.connect(self._judge.start)
        self.paradigm.currentIndexChanged.connect(lambda _: self._show_settings())
        self.screens.currentIndexChanged.connect(lambda _: self._judge.start())

    def _lay_out(self) -> None:
        chosen = QHBoxLayout()
        chosen.addWidget(self.paradigm, 1)
        left = QVBoxLayout()
        left.addLayout(chosen)
        left.addWidget(self.form, 1)
        left.addWidget(self.screens)
        left.addWidget(self.auto)
        buttons = QHBoxLayout()
        buttons.addWidget(self.start, 1)
        buttons.addWidget(self.abort)
        right = QVBoxLayout()
        right.addWidget(self.count)
        right.addWidget(self.bar)
        right.addWidget(self.facts, 1)
        right.addWidget(self.say)
        right.addWidget(self.record)
        right.addLayout(buttons)
        right.addWidget(self.skip)
        row = QHBoxLayout(self)
        row.setContentsMargins(8, 6, 8, 8)
        row.setSpacing(14)
        row.addLayout(left, 5)
        row.addLayout(right, 6)

    def _fill_screens(self) -> None:
        for number, screen in enumerate(QGuiApplication.screens()):
            size = screen.size()
            self.screens.addItem(
                f"Screen {number + 1}: {screen.name()}, {size.width()} x {size.height()}, {screen.refreshRate():.0f} Hz",
                number,
            )
        others = [
            k for k, screen in enumerate(QGuiApplication.screens()) if screen is not QGuiApplication.primaryScreen()
        ]
        if others:
            self.screens.setCurrentIndex(others[0])

    # choosing ------------------------------------------------------------------------------------------------------

    def show_experiment(self) -> None:
        """Take over what the experiment says, where it is another one."""
        experiment = self.work.experiment
        if experiment is self._experiment and self.form.shown is not None:
            return
        self._experiment = experiment
        component = experiment.paradigm if experiment is not None else None
        if component is not None and component.use in PARADIGMS:
            self.paradigm.setCurrentIndex(list(PARADIGMS).index(component.use))
        self._show_settings()

    def _show_settings(self) -> None:
        use = str(self.paradigm.currentData())
        experiment = self._experiment
        component = experiment.paradigm if experiment is not None else None
        given = dict(component.args) if component is not None and component.use == use else {}
        if experiment is not None and experiment.own_classes:  # as `rtbci present` fills in what is not said
            given = dict(PARADIGMS[use].for_classes(given, experiment.classes))
        if experiment is not None and experiment.markers.streams:
            given.setdefault("stream", experiment.markers.streams[0])
        self.form.show_paradigm(use, given)
        self.judge()

    def arguments(self) -> list[str]:
        """The command line as it is chosen now, without the log."""
        return arguments(self.work.path, str(self.paradigm.currentData()), self.form.words())

    def judge(self) -> None:
        """Say how long it would take, or what is wrong."""
        screens = QGuiApplication.screens()
        number = int(self.screens.currentData() or 0)
        rate = screens[number].refreshRate() if number < len(screens) else 0.0
        self.outlook = outlook(self.arguments(), rate or USUAL_RATE)

    def begin(self) -> None:
        """Start the stimulus process."""
        self.judge()
        if self.outlook.problem or self.work.presentation.running:
            return
        screen = ["--screen", str(self.screens.currentData() or 0)]
        auto = ["--auto"] if self.auto.isChecked() else []
        self.work.present([*self.arguments(), *screen, *auto], self._log(), self.outlook.trials)

    def _log(self) -> Path:
        """Beside the recording that it belongs to, or among temporary files."""
        status = self.run.status
        folder = status.session_folder if status is not None else None
        name = f"stimuli-{datetime.now():%Y%m%d-%H%M%S}.jsonl"
        return (folder if folder is not None and folder.is_dir() else Path(tempfile.gettempdir())) / name

    # looking -------------------------------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Show how far it is; a few times a second."""
        self.show_experiment()
        running = self.work.presentation.running
        presented = self.work.follower.look() if self.work.follower is not None else None
        self.start.setEnabled(not running and not self.outlook.problem)
        self.start.setText("Present" if presented is None else "Present again")
        self.start.setToolTip(self.outlook.problem or "Open the paradigm on the participant's screen")
        self.abort.setEnabled(running)
        for widget in (self.paradigm, self.form, self.screens, self.auto):
            widget.setEnabled(not running)
        status = self.run.status
        recording = status is not None and status.recording.state == "recording"
        self.record.setVisible(status is not None and status.state != "ended" and not recording)
        _say(self.count, headline(self.outlook, presented, running))
        self.bar.setMaximum(max(presented.planned if presented is not None else self.outlook.trials, 1))
        self.bar.setValue(presented.trials if presented is not None else 0)
        self.facts.say(facts_html(before(self.outlook) if presented is None else during(presented, self.run.markers)))
        words, colour = self._complaint(presented, recording)
        self.say.say(words)
        sheet = f"color: {colour}"
        if self.say.styleSheet() != sheet:
            self.say.setStyleSheet(sheet)
        self.say.setVisible(bool(words))

    def _complaint(self, presented: Presented | None, recording: bool) -> tuple[str, str]:
        if self.work.problem:
            return self.work.problem, theme.ALARM
        if self.work.presentation_problem:
            return self.work.presentation_problem, theme.ALARM
        if self.outlook.problem and not self.work.presentation.running:
            return self.outlook.problem, theme.ALARM
        if not recording:
            return "Nothing is being recorded: trials that are presented now would be lost.", theme.WARNING
        if presented is not None and presented.heard is False:
            return "No program received the markers when the first trial began.", theme.WARNING
        return "", theme.DIM


def _say(label: QLabel, text: str) -> None:
    if label.text() != text:
        label.setText(text)
