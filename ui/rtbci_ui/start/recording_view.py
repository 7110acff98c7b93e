"""The middle, where a recording or a session was opened: what it holds, and what can be done with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from rtbci_ui import theme
from rtbci_ui.facts import Fact
from rtbci_ui.start.checked import Check, read_check
from rtbci_ui.start.children import Asked
from rtbci_ui.start.inspected import recording_facts, session_facts
from rtbci_ui.start.past import Session, session_at
from rtbci_ui.start.words import Words, facts_html, lines_html


class RecordingView(QWidget):
    """Shows a recording's facts, or a session's."""

    rehearse_wanted = Signal(object)
    attach_wanted = Signal(object)
    back_wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.path: Path | None = None
        self.session: Session | None = None
        self.check: Check | None = None
        self._readable = False
        self._experiment = ""
        self._with: list[str] = []
        self._shown: list[Fact] = []
        self.title = QLabel()
        self.title.setFont(theme.font(13.0, bold=True))
        self.facts = Words(10.0)
        self.rehearse = QPushButton("Rehearse")
        self.attach = QPushButton("Open a window on it")
        self.attach.setToolTip("The session runs: look at it again")
        self.recording = QPushButton("Its recording")
        self.recording.setToolTip("What the session's recording holds")
        self.back = QPushButton("Back to the experiment")
        self.back.setToolTip("Esc")
        self.rehearse.clicked.connect(lambda: self.rehearse_wanted.emit(self.path))
        self.attach.clicked.connect(self._attach)
        self.recording.clicked.connect(self._its_recording)
        self.back.clicked.connect(self.back_wanted)
        row = QHBoxLayout()
        for button in (self.attach, self.rehearse, self.recording):
            row.addWidget(button)
        row.addStretch(1)
        row.addWidget(self.back)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.addWidget(self.title)
        layout.addWidget(self.facts, 1)
        layout.addLayout(row)
        self._asked, self._checker = Asked(self), Asked(self)
        self._asked.answered.connect(self._told)
        self._checker.answered.connect(self._checked)

    def open(self, path: Path) -> None:
        """Show the recording or the session folder at ``path``; a session.json stands for its folder."""
        folder = path.parent if path.name == "session.json" else path
        self.stop()
        self.path, self.check, self._readable = folder, None, False
        self.title.setText(folder.name)
        self.session = session_at(folder) if folder.is_dir() else None
        if self.session is not None:
            self._readable = not self.session.runs and self.session.recording is not None
            self._say(session_facts(self.session))
        elif folder.is_dir():
            text = "no session's folder: session.json is missing; one that rtbci run made would be right"
            self._say([Fact("Folder", str(folder)), Fact("Problem", text, "alarm")])
        else:
            self._say([Fact("Recording", str(folder)), Fact("", "looking into it …")])
            self._asked.ask(["info", str(folder)])
        self._check_fit()

    def offer_with(self, name: str, arguments: Sequence[str] = ()) -> None:
        """``name`` is that of the experiment that would decode a rehearsal, "" where none is chosen.

        ``arguments`` are those of `rtbci check` that name the experiment and the model.
        """
        changed = (name, list(arguments)) != (self._experiment, self._with)
        self._experiment, self._with = name, list(arguments)
        if changed:
            self._check_fit()

    def stop(self) -> None:
        """Look no further."""
        self._asked.stop()
        self._checker.stop()

    def _say(self, facts: list[Fact]) -> None:
        self._shown = facts
        fit = "" if self.check is None else lines_html(self.check.lines)
        self.facts.say(facts_html(facts) + ("<br>" + fit if fit else ""))

    def _check_fit(self) -> None:
        """Hold the recording against the experiment and its model, where there are both."""
        self.check = None
        self._say(self._shown)
        recording = self.session.recording if self.session is not None else self.path
        if self._readable and self._with and recording is not None:
            self._checker.ask(["check", *self._with, "--recording", str(recording)])
        self._offer()

    def _checked(self, code: int, result: Mapping[str, Any] | None, complaint: str) -> None:
        self.check = read_check(code, result, complaint)
        self._say(self._shown)
        self._offer()

    def _told(self, code: int, result: Mapping[str, Any] | None, complaint: str) -> None:
        if self.path is None:
            return
        self._readable = code == 0
        self._say(recording_facts(self.path, result, complaint))
        self._check_fit()

    def _offer(self) -> None:
        runs = self.session is not None and self.session.runs
        self.attach.setVisible(runs)
        self.recording.setVisible(self.session is not None and not runs and self.session.recording is not None)
        self.rehearse.setVisible(not runs)
        refusal = self.check.refusal(model=True) if self.check is not None else ""
        self.rehearse.setEnabled(self._readable and bool(self._experiment) and not refusal)
        self.rehearse.setText(f"Rehearse with {self._experiment}" if self._experiment else "Rehearse")
        what = "play it as if it were live, with the chosen experiment and model"
        why = refusal if self._experiment else "choose an experiment first"
        self.rehearse.setToolTip(f"{what}\nnot now: {why}" if why else what)

    def _attach(self) -> None:
        if self.session is not None and self.session.run is not None:
            self.attach_wanted.emit(self.session.run)

    def _its_recording(self) -> None:
        if self.session is not None and self.session.recording is not None:
            self.open(self.session.recording)
