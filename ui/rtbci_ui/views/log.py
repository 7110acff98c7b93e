"""What the session wrote into its log, and the notes that were taken, newest at the bottom."""

from __future__ import annotations

import time

from PySide6.QtGui import QColor, QTextCharFormat, QTextCursor
from PySide6.QtWidgets import QLabel, QPlainTextEdit, QVBoxLayout, QWidget

from rtbci_ui import theme
from rtbci_ui.log_lines import KEPT, LogLines
from rtbci_ui.run import Run

LOOK_SECONDS = 0.5
NOWHERE = "no session folder yet"


class LogPanel(QWidget):
    """A `LogLines` as text that can be selected and copied; it stays where it was scrolled to."""

    def __init__(self, run: Run) -> None:
        super().__init__()
        self._run = run
        self._lines = LogLines()
        self._next = 0.0
        self.where = QLabel()
        self.where.setFont(theme.font(8.5))
        self._say(NOWHERE)
        self.text = QPlainTextEdit()
        self.text.setReadOnly(True)
        self.text.setMaximumBlockCount(KEPT)
        self.text.setFont(theme.font(8.5, fixed=True))
        self.text.setLineWrapMode(QPlainTextEdit.LineWrapMode.WidgetWidth)
        self.text.setToolTip("The session's log and notes; N adds a note")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.where)
        layout.addWidget(self.text)

    def _say(self, text: str) -> None:
        """Where the lines are from, or, loudly, why there are no newer ones."""
        if text != self.where.text():
            self.where.setText(text)
            colour = theme.ALARM if self._lines.problem else theme.DIM
            self.where.setStyleSheet(f"color: {colour}; padding: 2px 6px")

    def refresh(self) -> None:
        """Look for new lines, twice a second."""
        clock = time.monotonic()
        if clock < self._next:
            return
        self._next = clock + LOOK_SECONDS
        status = self._run.status
        folder = status.session_folder if status is not None else None
        before = self._lines.total
        fresh = self._lines.refresh(folder)
        self._say(self._lines.problem or (str(folder) if folder is not None else NOWHERE))
        if not fresh:
            return
        bar = self.text.verticalScrollBar()
        at_end = bar.value() >= bar.maximum() - 2
        cursor = QTextCursor(self.text.document())
        cursor.movePosition(QTextCursor.MoveOperation.End)
        for line in self._lines.lines[-(self._lines.total - before) :]:
            form = QTextCharFormat()
            colours = {"alarm": theme.ALARM, "warning": theme.WARNING, "note": theme.MARKER}
            form.setForeground(QColor(colours.get(line.mood, theme.TEXT)))
            if not self.text.document().isEmpty():
                cursor.insertBlock()
            cursor.insertText(line.text, form)
        if at_end:
            bar.setValue(bar.maximum())
