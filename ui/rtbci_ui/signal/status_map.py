"""The state of channels on the head."""

from __future__ import annotations

from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QColor, QPainter, QPen, QPolygonF

from rtbci_ui import theme
from rtbci_ui.signal.grades import grade_colour
from rtbci_ui.signal.headmap import HeadMap
from rtbci_ui.signal.quality import Grade


class StatusMap(HeadMap):
    """Channels on the head: a dot where they are good, a triangle where fair, a cross and the name where bad."""

    def __init__(self) -> None:
        super().__init__()
        self.grades: list[Grade] = []
        self.words: list[str] = []

    def say(self, grades: list[Grade], words: list[str]) -> None:
        """Show a grade and words for each sensor."""
        if (grades, words) != (self.grades, self.words):
            self.grades, self.words = grades, words
            self.update()

    def hover(self, sensor: int) -> str:
        """Name and reasons."""
        return f"{self.names[sensor]}: {self.words[sensor]}" if sensor < len(self.words) else self.names[sensor]

    def paint_sensors(self, painter: QPainter) -> None:
        """The symbols, the bad ones last so that they lie above."""
        size = max(2.2, min(6.0, self.square().width() / 60.0))
        painter.setFont(theme.font(8.0))
        order = sorted(range(len(self.xy)), key=lambda k: self.grades[k] % 3 if k < len(self.grades) else 0)
        places = self.points()
        for k in order:
            grade = self.grades[k] if k < len(self.grades) else Grade.UNKNOWN
            at, colour = places[k], QColor(grade_colour(grade))
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(colour)
            if grade == Grade.GOOD:
                painter.drawEllipse(at, size * 0.75, size * 0.75)
            elif grade == Grade.FAIR:
                corners = [(0.0, -1.25), (1.15, 0.85), (-1.15, 0.85)]
                painter.drawPolygon(QPolygonF([at + QPointF(size * x, size * y) for x, y in corners]))
            elif grade == Grade.BAD:
                painter.setPen(QPen(colour, size * 0.6))
                for up in (-1.0, 1.0):
                    painter.drawLine(at + QPointF(-size, -up * size), at + QPointF(size, up * size))
                painter.drawText(at + QPointF(size * 1.5, size * 0.9), self.names[k])
            else:
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.setPen(QPen(colour, 1.2))
                painter.drawEllipse(at, size * 0.75, size * 0.75)
