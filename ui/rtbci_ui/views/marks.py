"""Hit and miss as a symbol in a colour: told apart with any colour vision, and without colour."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen

from rtbci_ui import theme


def colour(hit: bool) -> str:
    """The colour of a hit or a miss, in the theme in use: blue and orange, because green and red are one to many."""
    return theme.class_colour(0 if hit else 1)


def paint_mark(painter: QPainter, box: QRectF, hit: bool, *, hollow: bool = False, grey: bool = False) -> None:
    """A tick or a cross in a disc that fills ``box``; ``hollow`` where nothing was claimed, ``grey`` where it is stale."""
    shade = QColor(theme.STALE if grey else colour(hit))
    painter.setPen(QPen(shade, 1.5))
    painter.setBrush(Qt.BrushStyle.NoBrush if hollow else shade)
    painter.drawEllipse(box.adjusted(1, 1, -1, -1))
    pen = QPen(shade if hollow else QColor(theme.BACKGROUND), max(1.6, box.width() / 8))
    pen.setCapStyle(Qt.PenCapStyle.RoundCap)
    painter.setPen(pen)
    x, y, side = box.left(), box.top(), box.width()

    def at(across: float, down: float) -> QPointF:
        return QPointF(x + across * side, y + down * side)

    if hit:
        painter.drawPolyline([at(0.28, 0.52), at(0.44, 0.68), at(0.73, 0.34)])
    else:
        painter.drawLine(at(0.33, 0.33), at(0.67, 0.67))
        painter.drawLine(at(0.67, 0.33), at(0.33, 0.67))
