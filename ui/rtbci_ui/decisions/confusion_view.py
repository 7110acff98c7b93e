"""The confusion matrix: counts, and shares of each row, with n; a word instead where there are too many classes."""

from __future__ import annotations

import math

import numpy as np
from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from rtbci_ui import theme, wording
from rtbci_ui.decisions import words
from rtbci_ui.decisions.confusion import MOST_CLASSES, Confusion
from rtbci_ui.views.lettering import RIGHT, write

HEAD, FOOT, LINE, PAD = 20, 18, 14, 8
_CENTRE = Qt.AlignmentFlag.AlignHCenter
NOTE = (
    "Rows are what was true, columns what was answered; large: how many, small: their share of the row. Trials are answered "
    "by the class with most evidence at their end; windows by their own likeliest class, among the newest 16 384 decisions "
    "that lie wholly within a trial. Windows overlap and are not independent, so that no interval is given for them. "
    "Shuffled: what the same answers are expected to reach for truths in random order."
)


class ConfusionView(QWidget):
    """A `Confusion`; painted when it is another."""

    def __init__(self) -> None:
        super().__init__()
        self.shown: Confusion | None = None
        self.classes: tuple[str, ...] = ()
        self._chance = 0.0
        self._stale_for: float | None = None
        self._said: tuple[object, ...] = ()
        self.setToolTip(NOTE)
        self.setMinimumSize(200, 110)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def show_confusion(
        self, found: Confusion, classes: tuple[str, ...], chance: float, stale_for: float | None
    ) -> None:
        """Show ``found`` over ``classes``; ``stale_for`` is how old it is, where the session is silent."""
        said = (found.counts.tobytes(), found.of, found.n, found.right, found.shuffled, classes, chance, stale_for)
        if said != self._said:
            self._said = said
            self.shown, self.classes, self._chance, self._stale_for = found, classes, chance, stale_for
            self.update()

    @property
    def hidden(self) -> str:
        """Why there is no table, or ""."""
        if self.shown is None or not len(self.classes):
            return "no decoder yet"
        if len(self.classes) > MOST_CLASSES:
            return f"{len(self.classes)} classes: a table of more than {MOST_CLASSES} cannot be read"
        return "" if self.shown.n else f"no {self.shown.of} yet whose class is known"

    def summary(self) -> tuple[str, ...]:
        """What stands below the table: one line where there is room, or two."""
        if self.shown is None:
            return ()
        old = f"{wording.age_ms(self._stale_for)} old: " if self._stale_for is not None else ""
        first, *rest = words.confusion(self.shown, self._chance)
        return (old + first, *rest)

    def cells(self) -> list[list[tuple[str, str]]]:
        """Count and share of each cell, as they are shown; a dash in the row of a class that was never true."""
        if self.hidden or self.shown is None:
            return []
        shares = self.shown.shares()
        return [
            [
                (wording.count(int(n)), wording.UNKNOWN if math.isnan(share) else f"{100 * share:.0f} %")
                for n, share in zip(counts, row, strict=True)
            ]
            for counts, row in zip(self.shown.counts, shares, strict=True)
        ]

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the table, or the word."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(theme.PANEL))
        shade = theme.STALE if self._stale_for is not None else theme.TEXT
        lines = [", ".join(self.summary())]
        painter.setFont(theme.font(8.5))
        if painter.fontMetrics().horizontalAdvance(lines[0]) > self.width() - 2 * PAD:
            lines = list(self.summary())
        foot = FOOT + LINE * (len(lines) - 1)
        for k, text in enumerate(lines):
            box = QRectF(PAD, self.height() - foot + k * LINE, self.width() - 2 * PAD, FOOT)
            write(painter, box, text, 9.0, shade)
        if self.hidden:
            painter.setFont(theme.font(9.5))
            painter.setPen(QColor(theme.DIM))
            room = self.rect().adjusted(PAD, 0, -PAD, -foot)
            painter.drawText(room, Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, self.hidden)
        elif self.shown is not None:
            self._paint_table(painter, self.shown, shade, foot)
        painter.end()

    def _paint_table(self, painter: QPainter, found: Confusion, shade: str, foot: int) -> None:
        n = len(self.classes)
        painter.setFont(theme.font(9.0))
        longest = max(painter.fontMetrics().horizontalAdvance(name) for name in self.classes)
        names = min(max(longest + 8, 46), 0.26 * self.width())
        sums = 56.0
        side = (self.width() - 2 * PAD - names - sums) / n
        high = min((self.height() - HEAD - foot - 4) / n, 80.0)
        left = PAD + names
        write(painter, QRectF(PAD, 2, names - 4, HEAD - 2), "true ↓", 8.5, theme.DIM, side=RIGHT)
        write(painter, QRectF(left + n * side + 4, 2, sums - 4, HEAD - 2), "n", 8.5, theme.DIM, side=RIGHT)
        shares = np.nan_to_num(found.shares())
        for k, name in enumerate(self.classes):
            write(painter, QRectF(left + k * side + 2, 2, side - 4, HEAD - 2), name, 9.0, theme.DIM, side=_CENTRE)
            line = QRectF(PAD, HEAD + k * high, names - 4, high)
            write(painter, line, name, 9.0, theme.TEXT, side=RIGHT)
            total = wording.count(int(found.counts[k].sum()))
            write(painter, QRectF(left + n * side + 4, line.top(), sums - 4, high), total, 9.0, theme.DIM, side=RIGHT)
        for i, row in enumerate(self.cells()):
            for j, (count, share) in enumerate(row):
                box = QRectF(left + j * side + 1, HEAD + i * high + 1, side - 2, high - 2)
                colour = QColor(theme.STALE if self._stale_for is not None else theme.class_colour(i))
                colour.setAlpha(int(20 + 120 * shares[i, j]))
                painter.fillRect(box, QColor(theme.TROUGH))
                painter.fillRect(box, colour)
                self._paint_cell(painter, box, count, share, shade, bold=i == j)

    def _paint_cell(self, painter: QPainter, box: QRectF, count: str, share: str, shade: str, *, bold: bool) -> None:
        inner = box.adjusted(2, 1, -2, -1)
        if box.height() >= 34:
            half = inner.height() / 2
            above = QRectF(inner.left(), inner.top(), inner.width(), half)
            write(painter, above, count, 11.0, shade, bold=bold, side=_CENTRE)
            write(painter, above.translated(0, half), share, 8.5, shade, side=_CENTRE)
        elif box.width() >= 70:
            write(painter, inner, f"{count}  ·  {share}", 9.0, shade, bold=bold, side=_CENTRE)
        else:
            write(painter, inner, count, 9.0, shade, bold=bold, side=_CENTRE)
