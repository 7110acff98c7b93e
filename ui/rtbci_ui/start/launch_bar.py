"""The bottom: what the check found, and the buttons that start something."""

from __future__ import annotations

from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from rtbci_ui import theme
from rtbci_ui.start.checked import Check, Line
from rtbci_ui.start.words import Words, lines_html, teaching_html


class LaunchBar(QWidget):
    """Findings, reasons, and buttons that can be pressed exactly when what they start is possible."""

    def __init__(self) -> None:
        super().__init__()
        self.title = QLabel("Does all fit?")
        self.title.setFont(theme.font(11.0, bold=True))
        self.again = QPushButton("Check again")
        self.again.setToolTip("F5")
        self.words = Words(9.5)
        self.state = QLabel()
        self.state.setWordWrap(True)
        self.start = QPushButton("Start session")
        self.record = QPushButton("Record only")
        self.calibrate = QPushButton("Calibrate…")
        self.rehearse = QPushButton("Rehearse with a recording…")
        self.cancel = QPushButton("Cancel")
        self.cancel.setToolTip("Esc: end what is being started")
        self.start.setFont(theme.font(10.5, bold=True))
        self.start.setMinimumHeight(32)
        top = QHBoxLayout()
        top.addWidget(self.title)
        top.addStretch(1)
        top.addWidget(self.again)
        row = QHBoxLayout()
        row.addWidget(self.state, 1)
        for button in (self.cancel, self.rehearse, self.calibrate, self.record, self.start):
            row.addWidget(button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 6, 8, 8)
        layout.addLayout(top)
        layout.addWidget(self.words, 1)
        layout.addLayout(row)

    def say_nothing(self) -> None:
        """There is nothing to check."""
        self.title.setText("Does all fit?")
        self.words.say(
            teaching_html("", "Experiment, model and stream are held against each other before anything starts.")
        )

    def say_check(self, check: Check) -> None:
        """Show what was found."""
        n = len(check.differs)
        self.title.setText("It cannot be checked" if check.problem else "All fits" if not n else "Not all fits")
        lines = (Line("differs", "problem", check.problem),) if check.problem else check.lines
        self.words.say(lines_html(lines))

    def say_state(self, text: str, mood: str = "") -> None:
        """One line beside the buttons: a reason, or what is being done."""
        colour = {"alarm": theme.ALARM, "good": theme.GOOD, "warning": theme.WARNING}.get(mood, theme.DIM)
        if self.state.text() != text:
            self.state.setText(text)
        sheet = f"color: {colour}"
        if self.state.styleSheet() != sheet:
            self.state.setStyleSheet(sheet)

    def allow(self, reasons: dict[str, str]) -> None:
        """``reasons`` says for "start", "record", "calibrate" and "rehearse" why not, "" where it can be."""
        tips = {
            "start": "Ctrl+Enter: acquire, record, decode, show",
            "record": "Ctrl+Shift+Enter: acquire and record; nothing is decoded",
            "calibrate": "Ctrl+K: record while a paradigm is presented, then train",
            "rehearse": "Ctrl+L: play a recording as if it were live",
        }
        for key, button in self._buttons.items():
            why = reasons.get(key, "")
            button.setEnabled(not why)
            button.setToolTip(f"{tips[key]}\nnot now: {why}" if why else tips[key])

    @property
    def _buttons(self) -> dict[str, QPushButton]:
        return {"start": self.start, "record": self.record, "calibrate": self.calibrate, "rehearse": self.rehearse}
