"""Groups of facts in as many columns as there is room for; a mood has a mark and a word besides its colour."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QHelpEvent, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from rtbci_ui import theme, wording
from rtbci_ui.health.facts import Group

ROW = 19
HEAD = 22
LEAST = 210
"""Pixels below which a column is too narrow for its values."""


class GridView(QWidget):
    """Paints the groups column by column; it is as high as its width makes it."""

    def __init__(self) -> None:
        super().__init__()
        self._groups: list[Group] = []
        self._stale_for: float | None = None
        self._whole: list[tuple[QRectF, str]] = []
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setSizePolicy(policy)

    def say(self, groups: Sequence[Group], stale_for: float | None) -> None:
        """Show ``groups``; ``stale_for`` is their age in seconds where they are too old."""
        if list(groups) == self._groups and stale_for == self._stale_for:
            return
        self._groups, self._stale_for = list(groups), stale_for
        self._fit()
        self.update()

    def texts(self) -> dict[str, str]:
        """Each value as it is shown, by "group / title"."""
        return {f"{g.title} / {f.title}": self._text(f.value, f.mood) for g in self._groups for f in g.facts}

    def _text(self, value: str, mood: str) -> str:
        mark = wording.MARKS.get(mood, "")
        return f"{mark} {value}" if mark else value

    def sizeHint(self) -> QSize:
        """As high as the longest column."""
        return QSize(460, self._height())

    def minimumSizeHint(self) -> QSize:
        """As `sizeHint`, narrower."""
        return QSize(LEAST + 12, self._height())

    def columns(self) -> list[list[Group]]:
        """The groups, in order, in columns of about the same height."""
        n = max(1, min(len(self._groups), (self.width() - 12) // LEAST))
        total = sum(self._rows(group) for group in self._groups)
        # the least height at which they fit into so many columns without being torn apart
        for height in range(max((self._rows(g) for g in self._groups), default=0), total + 1, ROW):
            found: list[list[Group]] = [[]]
            used = 0
            for group in self._groups:
                if used and used + self._rows(group) > height + ROW - 1:
                    found.append([])
                    used = 0
                found[-1].append(group)
                used += self._rows(group)
            if len(found) <= n:
                return found
        return [self._groups]

    def _rows(self, group: Group) -> int:
        return HEAD + ROW * len(group.facts)

    def _height(self) -> int:
        return max((sum(self._rows(g) for g in column) for column in self.columns()), default=ROW) + 8

    def _fit(self) -> None:
        if self.height() != self._height():
            self.setFixedHeight(self._height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Another width has another height."""
        self._fit()

    def event(self, event: object) -> bool:
        """Show a value whole where it was cut."""
        if isinstance(event, QHelpEvent):
            for box, text in self._whole:
                if box.contains(event.pos()):
                    QToolTip.showText(event.globalPos(), text, self)
                    return True
        return bool(super().event(event))  # type: ignore[arg-type]

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the groups."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(theme.PANEL))
        self._whole = []
        columns = self.columns()
        width = (self.width() - 12.0) / max(1, len(columns))
        for k, column in enumerate(columns):
            y = 4.0
            for group in column:
                y = self._group(painter, group, QRectF(10.0 + k * width, y, width - 10.0, 0.0))
        painter.end()

    def _group(self, painter: QPainter, group: Group, box: QRectF) -> float:
        stale = self._stale_for is not None and not group.own
        middle = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        head = group.title + (f"   {wording.age_ms(self._stale_for)} old" if stale else "")
        painter.setFont(theme.font(8.5, bold=True))
        painter.setPen(QColor(theme.STALE if stale else theme.TEXT))
        painter.drawText(QRectF(box.left(), box.top(), box.width(), HEAD), middle, head)
        painter.fillRect(QRectF(box.left(), box.top() + HEAD - 2, box.width() - 8, 1), QColor(theme.EDGE))
        title_font, value_font = theme.font(8.5), theme.font(9.0)
        y = box.top() + HEAD
        painter.setFont(title_font)
        widest = max((painter.fontMetrics().horizontalAdvance(fact.title) for fact in group.facts), default=0)
        titles = min(widest + 10.0, 0.5 * box.width())
        for fact in group.facts:
            painter.setFont(title_font)
            painter.setPen(QColor(theme.DIM))
            name = painter.fontMetrics().elidedText(fact.title, Qt.TextElideMode.ElideRight, int(titles - 6))
            painter.drawText(QRectF(box.left(), y, titles, ROW), middle, name)
            painter.setFont(value_font)
            painter.setPen(QColor(theme.STALE if stale else theme.mood_colour(fact.mood)))
            place = QRectF(box.left() + titles, y, box.width() - titles - 4, ROW)
            text = self._text(fact.value, fact.mood)
            shown = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, int(place.width()))
            painter.drawText(place, middle, shown)
            self._whole.append((QRectF(box.left(), y, box.width(), ROW), f"{fact.title}: {fact.value}"))
            y += ROW
        return y
