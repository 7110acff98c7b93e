"""The streams in sight, one a row, with a mark at the one that the experiment would take."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QBrush, QColor
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QLabel,
    QStackedWidget,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from rtbci_ui import theme
from rtbci_ui.start.sight import Seen
from rtbci_ui.start.words import Words, teaching_html

COLUMNS = ("", "Name", "Type", "Ch", "Hz", "Actual", "Clock", "Host")
WIDTHS = (20, 0, 64, 30, 46, 62, 74, 54)
"""Of the columns, in pixels; 0: what is left."""
_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


class StreamsView(QWidget):
    """A table of `Seen`; empty, it says what could be done."""

    def __init__(self) -> None:
        super().__init__()
        self.title = QLabel("Streams in sight")
        self.title.setFont(theme.font(11.0, bold=True))
        self.state = QLabel("looking …")
        self.state.setWordWrap(True)
        self.state.setStyleSheet(f"color: {theme.DIM}")
        self.table = QTreeWidget()
        self.table.setHeaderLabels(list(COLUMNS))
        self.table.setRootIsDecorated(False)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.table.setAllColumnsShowFocus(True)
        self.table.setToolTip("LSL streams on this network; ▶ marks the one that the experiment would take")
        header = self.table.header()
        header.setStretchLastSection(False)
        header.setMinimumSectionSize(18)
        for column, width in enumerate(WIDTHS):
            stretch = QHeaderView.ResizeMode.Stretch if not width else QHeaderView.ResizeMode.Interactive
            header.setSectionResizeMode(column, stretch)
            header.resizeSection(column, width)
        for column in (3, 4, 5, 6):
            self.table.headerItem().setTextAlignment(column, _RIGHT)
        self.empty = Words()
        self.stack = QStackedWidget()
        self.stack.addWidget(self.empty)
        self.stack.addWidget(self.table)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        for widget in (self.title, self.stack, self.state):
            layout.addWidget(widget)
        layout.setStretch(1, 1)
        self.streams: tuple[Seen, ...] = ()
        self._taken: tuple[str, str, str] | None = None
        self.empty.say(teaching_html("Looking for streams …"))

    def show_streams(self, streams: tuple[Seen, ...]) -> None:
        """List ``streams``."""
        self.streams = streams
        self.state.setText(f"{len(streams)} in sight; looked at every few seconds" if streams else "")
        self._fill()

    def take(self, key: tuple[str, str, str] | None) -> None:
        """Mark the stream of this name, type and source id."""
        if key != self._taken:
            self._taken = key
            self._fill()

    def fail(self, words: str) -> None:
        """Say that nobody looks for streams just now."""
        self.state.setText(f"Nobody looks for streams: {words}")
        self.state.setStyleSheet(f"color: {theme.ALARM}")

    def _fill(self) -> None:
        self.state.setStyleSheet(f"color: {theme.DIM}")
        if not self.streams:
            self.stack.setCurrentWidget(self.empty)
            self.empty.say(
                teaching_html(
                    "No stream in sight.",
                    "Is the amplifier's program running, with its LSL output switched on?",
                    "`rtbci stream recording.edf` plays a recording as if it were one.",
                    "`rtbci demo` shows a whole session with a simulated person.",
                )
            )
            return
        self.stack.setCurrentWidget(self.table)
        self.table.clear()
        for seen in self.streams:
            self.table.addTopLevelItem(self._row(seen))

    def _row(self, seen: Seen) -> QTreeWidgetItem:
        taken = seen.key == self._taken
        cells = ["▶" if taken else "", seen.name, seen.type, str(seen.n_channels), seen.nominal, seen.measured]
        row = QTreeWidgetItem([*cells, seen.offset, seen.host])
        for column in range(len(COLUMNS)):
            row.setToolTip(column, seen.whole + ("\nthe experiment would take this one" if taken else ""))
            if taken:
                row.setFont(column, theme.font(9.5, bold=True))
        for column in (3, 4, 5, 6):
            row.setTextAlignment(column, _RIGHT)
        row.setForeground(0, QBrush(QColor(theme.GOOD)))
        if seen.off:
            row.setForeground(5, QBrush(QColor(theme.WARNING)))
            row.setText(5, f"▲ {seen.measured}")
        return row
