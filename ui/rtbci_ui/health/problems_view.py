"""What is wrong now, a line each on a ground of its colour, or that nothing is."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from rtbci_ui import theme
from rtbci_ui.banner import Level
from rtbci_ui.health.problems import Problem

SHOWN = 5
"""More at once are not read; how many there are is said."""
WELL = "✓ nothing is wrong"


class ProblemsView(QWidget):
    """The loudest problems, words wrapped, so that what is to be done can be read whole."""

    def __init__(self) -> None:
        super().__init__()
        self._problems: list[Problem] | None = None
        self._room = SHOWN
        self._calm = WELL
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 4, 8, 2)
        layout.setSpacing(3)
        self._labels = []
        for _ in range(SHOWN + 1):
            label = QLabel()
            label.setWordWrap(True)
            label.setFont(theme.font(10.0))
            label.setTextInteractionFlags(
                Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
            )
            label.hide()
            layout.addWidget(label)
            self._labels.append(label)

    def say(self, problems: Sequence[Problem], calm: str = WELL, room: int = SHOWN) -> None:
        """Show ``problems``, loudest first, at most ``room`` (up to `SHOWN`), or ``calm``, where there is none."""
        room = min(room, SHOWN)
        if list(problems) == self._problems and calm == self._calm and room == self._room:
            return
        self._problems, self._calm, self._room = list(problems), calm, room
        used = 1 if not problems else min(len(problems), room)
        for k, label in enumerate(self._labels):
            label.setVisible(k < used or (k == SHOWN and len(problems) > room))
        if not problems:
            good = theme.GOOD if calm == WELL else theme.DIM
            self._show(0, escape(calm), f"color: {good}; padding: 1px 2px")
        for k, problem in enumerate(problems[:room]):
            back = {Level.ALARM: theme.ALARM_BACK, Level.WARNING: theme.WARNING_BACK}.get(
                problem.level, theme.NOTICE_BACK
            )
            text = f"<b>{problem.mark} {escape(problem.what)}</b>"
            if problem.advice:
                text += f" – {escape(problem.advice)}"
            self._show(k, text, f"color: #ffffff; background: {back}; padding: 3px 6px")
        if len(problems) > room:
            self._show(SHOWN, f"and {len(problems) - room} more", f"color: {theme.DIM}; padding: 1px 2px")

    def _show(self, k: int, text: str, style: str) -> None:
        label = self._labels[k]
        label.setText(text)
        if label.styleSheet() != style:  # takes longer than all the rest
            label.setStyleSheet(style)

    def texts(self) -> list[str]:
        """What can be read, line by line."""
        return [label.text() for label in self._labels if not label.isHidden()]
