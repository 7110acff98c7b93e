"""The overlay that lists the shortcuts."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QGridLayout, QLabel, QWidget

from rtbci_ui import theme
from rtbci_ui.shortcuts import SHORTCUTS


class HelpView(QFrame):
    """All shortcuts, over the middle of its parent; a click or H takes it away."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._over = parent
        self.setStyleSheet(
            f"QFrame {{ background: {theme.PANEL}; border: 1px solid #4f8fc4; border-radius: 8px }}"
            "QLabel { border: none }"
        )
        layout = QGridLayout(self)
        layout.setContentsMargins(28, 18, 28, 18)
        layout.setHorizontalSpacing(24)
        layout.setVerticalSpacing(4)
        row = 0
        menu = ""
        for shortcut in SHORTCUTS:
            if shortcut.menu != menu:
                menu = shortcut.menu
                title = QLabel(menu)
                title.setFont(theme.font(10.0, bold=True))
                title.setStyleSheet(f"color: {theme.MARKER}")
                layout.addWidget(title, row, 0, 1, 2)
                row += 1
            keys = QLabel(shortcut.shown)
            keys.setFont(theme.font(9.5, bold=True))
            keys.setAlignment(Qt.AlignmentFlag.AlignRight)
            layout.addWidget(keys, row, 0)
            layout.addWidget(QLabel(shortcut.text.rstrip("…")), row, 1)
            row += 1
        self.hide()

    def toggle(self) -> None:
        """Show in the parent's middle, or hide."""
        if self.isVisible():
            self.hide()
            return
        self.adjustSize()
        parent = self._over
        self.move((parent.width() - self.width()) // 2, max(0, (parent.height() - self.height()) // 2))
        self.show()
        self.raise_()

    def mousePressEvent(self, event: object) -> None:
        """Hide."""
        self.hide()
