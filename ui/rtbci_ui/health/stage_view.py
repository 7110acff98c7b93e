"""Where the age comes from: a bar of medians, stacked, over a table of stages with their percentiles."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QHelpEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from rtbci_ui import theme, wording
from rtbci_ui.health.stage_times import DRAW, MEANINGS, READY, StageRow
from rtbci_ui.views.lettering import LEFT, RIGHT, write

ROW = 21
STACK = 26
COLOURS = (0, 1, 2, 3, 6)
"""Which of the palette's colours stand for the stages, in order."""


class StageView(QWidget):
    """Paints the rows of `rtbci_ui.health.stage_times.table`; bars share one axis from 0 ms."""

    def __init__(self) -> None:
        super().__init__()
        self._rows: list[StageRow] = []
        self._grey = False
        self._places: list[tuple[QRectF, str]] = []
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        """The stacked bar, a line of headings and six rows."""
        return QSize(460, STACK + 7 * ROW + 16)

    def minimumSizeHint(self) -> QSize:
        """As `sizeHint`, narrower."""
        return QSize(300, self.sizeHint().height())

    def say(self, rows: Sequence[StageRow], stale: bool) -> None:
        """Show ``rows``; grey where they are ``stale``."""
        if list(rows) != self._rows or stale != self._grey:
            self._rows, self._grey = list(rows), stale
            self.update()

    def texts(self) -> list[list[str]]:
        """The table as it is shown, row by row."""
        return [[row.name, *self._figures(row)] for row in self._rows]

    def _figures(self, row: StageRow) -> list[str]:
        if row.found is None:
            return [wording.UNKNOWN] * 3
        return [f"{value:.2f}" if value < 9.995 else f"{value:.1f}" for value in row.found]

    def event(self, event: object) -> bool:
        """Say what a stage is."""
        if isinstance(event, QHelpEvent):
            for box, text in self._places:
                if box.contains(event.pos()):
                    QToolTip.showText(event.globalPos(), text, self)
                    return True
        return bool(super().event(event))  # type: ignore[arg-type]

    def colour(self, row: StageRow) -> str:
        """Colour of a stage's bar."""
        names = [each.name for each in self._rows]
        if row.name == READY:
            return theme.DIM
        return theme.STALE if self._grey else theme.class_colour(COLOURS[names.index(row.name) % len(COLOURS)])

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw all of it."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(theme.PANEL))
        self._places = []
        if self._rows:
            self._stack(painter, QRectF(10, 6, self.width() - 20, STACK - 6))
            self._table(painter, STACK + 6)
        painter.end()

    def _stack(self, painter: QPainter, box: QRectF) -> None:
        """The medians, one after the other; what is wide enough is named."""
        stages = [row for row in self._rows if row.name != READY]
        total = sum(row.p50 for row in stages)
        painter.fillRect(box, QColor(theme.TROUGH))
        if total <= 0.0:
            write(painter, box, "  no decisions yet", 8.5, theme.DIM)
            return
        left = box.left()
        for row in stages:
            width = box.width() * max(row.p50, 0.0) / total
            part = QRectF(left, box.top(), width, box.height())
            painter.fillRect(part.adjusted(0, 0, -1 if width > 3 else 0, 0), QColor(self.colour(row)))
            self._places.append((part, f"{row.name}: {wording.milliseconds(row.p50)} (p50)\n{MEANINGS[row.name]}"))
            text = f"{row.name} {wording.milliseconds(row.p50)}"
            painter.setFont(theme.font(8.5))
            for shown in (text, row.name):
                if painter.fontMetrics().horizontalAdvance(shown) + 10 <= width:
                    ink = "#ffffff" if theme.is_light() or self._grey else "#101216"
                    write(painter, part.adjusted(5, 0, -3, 0), shown, 8.5, ink)
                    break
            left += width

    def _table(self, painter: QPainter, top: float) -> None:
        width = float(self.width())
        name, figure = 78.0, 54.0
        bar = QRectF(10 + name + 3 * figure + 14, 0, width - name - 3 * figure - 34, 0)
        unit = "ms"
        for k, title in enumerate(("p50", "p95", "p99")):
            box = QRectF(10 + name + k * figure, top, figure, ROW)
            write(painter, box, title, 8.5, (theme.GOOD, theme.WARNING, theme.ALARM)[k], side=RIGHT)
        write(painter, QRectF(10, top, name, ROW), "stage", 8.5, theme.DIM)
        n = max((row.n for row in self._rows), default=0)
        counted = f"{unit}, newest {wording.count(n)} decisions" if n else unit
        write(painter, QRectF(bar.left(), top, bar.width(), ROW), counted, 8.5, theme.DIM)
        longest = max((row.found[2] for row in self._rows if row.found), default=0.0) or 1.0
        for k, row in enumerate(self._rows, start=1):
            y = top + k * ROW
            if row.name == READY:
                painter.fillRect(QRectF(10, y, width - 20, 1), QColor(theme.EDGE))
            self._row(painter, row, y, name, figure, QRectF(bar.left(), y + 5, bar.width(), ROW - 10), longest)

    def _row(
        self, painter: QPainter, row: StageRow, y: float, name: float, figure: float, bar: QRectF, longest: float
    ) -> None:
        ink = theme.STALE if self._grey else theme.TEXT
        last = row.name == READY
        painter.fillRect(QRectF(10, y + 6, 4, ROW - 12), QColor(self.colour(row)))
        title = "all until ready" if last else row.name
        write(painter, QRectF(18, y, name + 10 if last else name - 8, ROW), title, 9.0, ink, bold=last, side=LEFT)
        for k, text in enumerate(self._figures(row)):
            box = QRectF(10 + name + k * figure, y, figure, ROW)
            painter.setFont(theme.font(9.0, fixed=True))
            painter.setPen(QColor(ink))
            painter.drawText(box, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, text)
        self._places.append((QRectF(0, y, self.width(), ROW), MEANINGS[row.name]))
        if row.found is None:
            why = "no view of this decoder draws" if row.name == DRAW else "no decisions yet"
            write(painter, bar.adjusted(0, -5, 0, 5), why, 8.5, theme.DIM)
            return
        painter.fillRect(bar, QColor(theme.TROUGH))
        colour = QColor(self.colour(row))
        p50, p95, p99 = (bar.left() + bar.width() * max(value, 0.0) / longest for value in row.found)
        painter.fillRect(QRectF(bar.left(), bar.top(), p50 - bar.left(), bar.height()), colour)
        middle = bar.center().y()
        painter.fillRect(QRectF(p50, middle - 1, max(p99 - p50, 0.0), 2), colour)
        painter.fillRect(QRectF(p95 - 1, bar.top() + 1, 2, bar.height() - 2), colour)
