"""Who is in charge, as a shape and a word: told apart without colour."""

from __future__ import annotations

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPen

from rtbci_ui import theme
from rtbci_ui.decisions import words


def paint_role(painter: QPainter, box: QRectF, role: str, grey: bool) -> float:
    """A badge at the right of ``box``: a full disc in charge, a ring in shadow, half of one where it takes over next.

    Returns its width in pixels.
    """
    colour = QColor(theme.STALE if grey else theme.DIM if role == words.IN_SHADOW else theme.ACCENT)
    painter.setFont(theme.font(9.0, bold=role != words.IN_SHADOW))
    wide = QFontMetricsF(painter.font()).horizontalAdvance(role)
    text = QColor(theme.STALE if grey else theme.DIM if role == words.IN_SHADOW else theme.TEXT)
    painter.setPen(text)
    painter.drawText(box, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, role)
    disc = QRectF(box.right() - wide - 17, box.center().y() - 5, 10, 10)
    painter.setPen(QPen(colour, 1.6))
    painter.setBrush(colour if role == words.IN_CHARGE else Qt.BrushStyle.NoBrush)
    painter.drawEllipse(disc)
    if role == words.TAKES_OVER:
        painter.setBrush(colour)
        painter.drawPie(disc, -90 * 16, 180 * 16)
    return wide + 18
