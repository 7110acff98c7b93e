"""What goes wrong on purpose: each fault with its value, a switch, and how often it has struck."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QCheckBox, QFrame, QGridLayout, QLabel, QLineEdit, QWidget

from rtbci_ui import theme
from rtbci_ui.playback import words
from rtbci_ui.playback.model import FaultState


class FaultRow:
    """The widgets of one fault; ``name`` is the session's."""

    def __init__(self, state: FaultState) -> None:
        said = words.fault_words(state.name)
        self.name = state.name
        self.switch = QCheckBox(said.text)
        self.switch.setToolTip(f"Switch: {said.text.lower()}")
        self.value = QLineEdit(state.value)
        self.value.setFixedWidth(110)
        self.value.setToolTip(f"{said.text}: {said.unit}; Enter tells the session")
        self.value.setAccessibleName(said.text)
        self.unit = QLabel(said.unit)
        self.unit.setStyleSheet(f"color: {theme.DIM}")
        self.struck = QLabel()
        self.struck.setFont(theme.font(9.0, fixed=True))

    def say(self, state: FaultState) -> None:
        """Show ``state``; what is being typed is left alone."""
        if self.switch.isChecked() != state.on:
            self.switch.blockSignals(True)
            self.switch.setChecked(state.on)
            self.switch.blockSignals(False)
        if not self.value.hasFocus() and self.value.text() != state.value and not self.value.isModified():
            self.value.setText(state.value)
        text = words.struck(state.name, state.struck)
        if self.struck.text() != text:
            self.struck.setText(text)


class FaultsView(QFrame):
    """A small window over the bar; emits `changed` with a fault's name, its value as text, and whether it is to be on."""

    changed = Signal(str, str, bool)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self.setFrameShape(QFrame.Shape.StyledPanel)
        self.setStyleSheet(f"FaultsView {{ background: {theme.RAISED}; border: 1px solid {theme.EDGE} }}")
        self.rows: dict[str, FaultRow] = {}
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(14, 12, 14, 12)
        self._grid.setHorizontalSpacing(12)
        head = QLabel("Faults on purpose, between the recording and the session")
        head.setFont(theme.font(10.0, bold=True))
        self._grid.addWidget(head, 0, 0, 1, 4)

    def open_with(self, faults: Sequence[FaultState]) -> None:
        """Show ``faults`` as they are: what was typed before and never told to the session is forgotten."""
        for row in self.rows.values():
            row.value.setModified(False)
        self.say(faults)

    def say(self, faults: Sequence[FaultState]) -> None:
        """Show ``faults``; rows are made as they become known."""
        for state in faults:
            if state.name not in self.rows:
                self._add(state)
            self.rows[state.name].say(state)

    def _add(self, state: FaultState) -> None:
        row = FaultRow(state)
        at = len(self.rows) + 1
        for column, widget in enumerate((row.switch, row.value, row.unit, row.struck)):
            self._grid.addWidget(widget, at, column)
        self._grid.setColumnMinimumWidth(3, 170)
        row.switch.toggled.connect(lambda on, row=row: self.changed.emit(row.name, row.value.text().strip(), on))
        row.value.returnPressed.connect(lambda row=row: self._enter(row))
        self.rows[state.name] = row

    def _enter(self, row: FaultRow) -> None:
        row.value.setModified(False)
        self.changed.emit(row.name, row.value.text().strip(), row.switch.isChecked())
