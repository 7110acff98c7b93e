"""The overlay that lists the shortcuts."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QLabel, QWidget

from rtbci_ui import theme
from rtbci_ui.shortcuts import Shortcut

COLUMNS = 3


class HelpView(QFrame):
    """All shortcuts by menu, over the middle of its parent; a click, Escape or H takes it away."""

    def __init__(self, parent: QWidget, shortcuts: Sequence[Shortcut]) -> None:
        super().__init__(parent)
        self._over = parent
        self.setStyleSheet(
            f"QFrame {{ background: {theme.PANEL}; border: 1px solid {theme.ACCENT}; border-radius: 8px }}"
            "QLabel { border: none }"
        )
        layout = QHBoxLayout(self)
        layout.setContentsMargins(24, 14, 24, 14)
        layout.setSpacing(30)
        for menus in columns(shortcuts):
            layout.addLayout(_column(menus))
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


def columns(shortcuts: Sequence[Shortcut]) -> list[list[list[Shortcut]]]:
    """The menus dealt out to `COLUMNS` columns in their order, so that the columns are about equally long."""
    menus: dict[str, list[Shortcut]] = {}
    for shortcut in shortcuts:
        menus.setdefault(shortcut.menu, []).append(shortcut)
    whole = sum(len(menu) + 1 for menu in menus.values())
    found: list[list[list[Shortcut]]] = [[]]
    filled = 0
    for menu in menus.values():
        if found[-1] and len(found) < COLUMNS and filled + (len(menu) + 1) / 2 > len(found) * whole / COLUMNS:
            found.append([])
        found[-1].append(menu)
        filled += len(menu) + 1
    return found


def _column(menus: Sequence[Sequence[Shortcut]]) -> QGridLayout:
    layout = QGridLayout()
    layout.setHorizontalSpacing(14)
    layout.setVerticalSpacing(2)
    row = 0
    for menu in menus:
        title = QLabel(menu[0].menu)
        title.setFont(theme.font(10.0, bold=True))
        title.setStyleSheet(f"color: {theme.MARKER}")
        layout.addWidget(title, row, 1)
        row += 1
        for shortcut in menu:
            keys = QLabel(shortcut.shown)
            keys.setFont(theme.font(9.0, bold=True))
            keys.setAlignment(Qt.AlignmentFlag.AlignRight)
            layout.addWidget(keys, row, 0)
            layout.addWidget(QLabel(shortcut.text.rstrip("…")), row, 1)
            row += 1
    layout.setRowStretch(row, 1)
    return layout
