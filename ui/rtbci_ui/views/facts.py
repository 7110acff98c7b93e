"""Rows of title and value, flowing into columns; grey with their age when they are stale."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QHelpEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from rtbci_ui import theme, wording
from rtbci_ui.facts import Fact

ROW = 20


def mood_colour(mood: str) -> str:
    """Colour of a value whose `Fact.mood` is ``mood``."""
    return {"good": theme.GOOD, "warning": theme.WARNING, "alarm": theme.ALARM}.get(mood, theme.TEXT)


class FactsView(QWidget):
    """Groups of facts, each in a column of its relative width; what does not fit is cut, and whole in its tooltip."""

    def __init__(self, widths: Sequence[float], rows: int) -> None:
        super().__init__()
        self._widths = list(widths)
        self._rows = rows
        self._groups: list[list[Fact]] = []
        self._stale_for: float | None = None
        self._whole: list[tuple[QRectF, str]] = []
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        """High enough for the longest column."""
        return QSize(420, self._rows * ROW + 10)

    def minimumSizeHint(self) -> QSize:
        """As `sizeHint`, narrower."""
        return QSize(200, self._rows * ROW + 10)

    def say(self, groups: list[list[Fact]], stale_for: float | None) -> None:
        """Show ``groups``, one per column; ``stale_for`` is their age where they are too old."""
        if groups == self._groups and stale_for == self._stale_for:
            return
        self._groups, self._stale_for = groups, stale_for
        self.update()

    def texts(self) -> list[str]:
        """The values as they are shown, for whoever cannot see colours."""
        age = f" ({wording.age_ms(self._stale_for)} old)" if self._stale_for is not None else ""
        return [f"{fact.value}{age}" for group in self._groups for fact in group]

    def event(self, event: object) -> bool:
        """Show a value whole where it was cut."""
        if isinstance(event, QHelpEvent):
            for box, text in self._whole:
                if box.contains(event.pos()):
                    QToolTip.showText(event.globalPos(), text, self)
                    return True
        return bool(super().event(event))  # type: ignore[arg-type]

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the rows."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(theme.PANEL))
        total = sum(self._widths)
        left = 10.0
        room = self.width() - 16.0
        stale = self._stale_for is not None
        age = f"  ({wording.age_ms(self._stale_for)} old)" if stale else ""
        self._whole = []
        title_font, value_font = theme.font(8.5), theme.font(9.0)
        for share, group in zip(self._widths, self._groups, strict=False):
            width = room * share / total - 12.0
            painter.setFont(title_font)
            titles = max((painter.fontMetrics().horizontalAdvance(f.title) for f in group), default=0) + 10
            for row, fact in enumerate(group):
                y = 5.0 + row * ROW
                painter.setFont(title_font)
                painter.setPen(QColor(theme.DIM))
                middle = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
                painter.drawText(QRectF(left, y, titles, ROW), middle, fact.title)
                painter.setFont(value_font)
                painter.setPen(QColor(theme.STALE if stale else mood_colour(fact.mood)))
                box = QRectF(left + titles, y, width - titles, ROW)
                mode = Qt.TextElideMode.ElideMiddle if "/" in fact.value else Qt.TextElideMode.ElideRight
                metrics = painter.fontMetrics()
                text = metrics.elidedText(fact.value, mode, int(box.width() - metrics.horizontalAdvance(age))) + age
                painter.drawText(box, middle, text)
                self._whole.append((box, f"{fact.title}: {fact.value}"))
            left += width + 12.0
        painter.end()
