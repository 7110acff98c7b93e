"""Verdicts as a table."""

from __future__ import annotations

import math
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt
from PySide6.QtGui import QColor

from rtbci_ui import theme
from rtbci_ui.signal.grades import SYMBOLS, WORDS, grade_colour
from rtbci_ui.signal.quality import Grade, Verdict
from rtbci_ui.signal.sites import UNITS

COLUMNS = ("channel", "state", "what", "1–45 Hz", "mains", "impedance")


class VerdictTable(QAbstractTableModel):
    """Rows of verdicts, sorted; only what can be seen is ever asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[Verdict] = []
        self._column, self._order = 1, Qt.SortOrder.DescendingOrder

    def say(self, verdicts: list[Verdict]) -> None:
        """Show other verdicts in the order that was chosen."""
        rows = self._sorted(verdicts)
        if len(rows) != len(self.rows):
            self.beginResetModel()
            self.rows = rows
            self.endResetModel()
        elif rows != self.rows:
            self.rows = rows
            self.dataChanged.emit(self.index(0, 0), self.index(len(rows) - 1, len(COLUMNS) - 1))

    def _sorted(self, verdicts: list[Verdict]) -> list[Verdict]:
        keys = {
            0: lambda v: v.channel,
            3: lambda v: v.rms if math.isfinite(v.rms) else -1.0,
            4: lambda v: v.line if math.isfinite(v.line) else -1.0,
            5: lambda v: v.impedance if math.isfinite(v.impedance) else -1.0,
        }
        down = self._order == Qt.SortOrder.DescendingOrder
        return sorted(
            sorted(verdicts, key=lambda v: v.channel), key=keys.get(self._column, lambda v: v.badness), reverse=down
        )

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Sort by a column that was clicked."""
        self._column, self._order = column, order
        rows, self.rows = self.rows, []
        self.layoutAboutToBeChanged.emit()
        self.rows = self._sorted(rows)
        self.layoutChanged.emit()

    def rowCount(self, parent: QModelIndex | QPersistentModelIndex | None = None) -> int:
        """One for each channel."""
        return len(self.rows)

    def columnCount(self, parent: QModelIndex | QPersistentModelIndex | None = None) -> int:
        """Those of `COLUMNS`."""
        return len(COLUMNS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Their names."""
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return COLUMNS[section]
        return None

    def data(self, index: QModelIndex | QPersistentModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """A cell."""
        verdict, column = self.rows[index.row()], index.column()
        if role == Qt.ItemDataRole.DisplayRole:
            return self.text(verdict, column)
        if role == Qt.ItemDataRole.ForegroundRole:
            if column in (1, 2) and verdict.grade != Grade.GOOD:
                return QColor(grade_colour(verdict.grade))
            return QColor(theme.GOOD if column == 1 else theme.TEXT if column < 3 else theme.DIM)
        if role == Qt.ItemDataRole.TextAlignmentRole and column >= 3:
            return int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        if role == Qt.ItemDataRole.ToolTipRole:
            return f"{verdict.name}: {verdict.words}"
        return None

    @staticmethod
    def text(verdict: Verdict, column: int) -> str:
        """What a cell says."""
        unit = UNITS.get(verdict.kind, "µV")
        amount = {3: verdict.rms, 4: verdict.line, 5: verdict.impedance}.get(column)
        if amount is not None:
            if not math.isfinite(amount):
                return "–"
            return f"{amount:.{0 if amount >= 9.95 else 1}f} {'kΩ' if column == 5 else unit}"
        marked = " (marked bad)" if verdict.marked else ""
        return (f"{verdict.name}{marked}", f"{SYMBOLS[verdict.grade]} {WORDS[verdict.grade]}", verdict.words)[
            min(column, 2)
        ]
