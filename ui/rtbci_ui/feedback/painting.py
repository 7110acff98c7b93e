"""What the views of the participant have in common: large letters, the cue, and the veil over what does not hold."""

from __future__ import annotations

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen

from rtbci_ui import theme

_CENTRE = Qt.AlignmentFlag.AlignCenter
CUE = 5.0
"""Pixels of the line around what the participant is to aim at."""


def letters(painter: QPainter, box: QRectF, text: str, share: float, colour: str, *, bold: bool = False) -> None:
    """Write ``text`` into the middle of ``box``, ``share`` of its height high, smaller where it is too long."""
    points = max(8.0, share * box.height() * 0.72)
    while True:
        painter.setFont(theme.font(round(2 * points) / 2, bold=bold))
        if painter.fontMetrics().horizontalAdvance(text) <= box.width() or points <= 9.0:
            break
        points *= 0.9
    text = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, int(box.width()) + 1)
    painter.setPen(QColor(colour))
    painter.drawText(box, _CENTRE, text)


def cue_pen() -> QPen:
    """The line around what the participant is to aim at: told by its shape, in no class's colour."""
    return QPen(QColor(theme.STRONG), CUE)


def veil(painter: QPainter, area: QRectF, words: str) -> None:
    """Dim everything, and say why: what lies behind does not hold."""
    shade = QColor(theme.BACKGROUND)
    shade.setAlpha(205)
    painter.fillRect(area, shade)
    high = min(area.height() * 0.16, 120.0)
    letters(
        painter, QRectF(area.left() + 20, area.center().y() - high / 2, area.width() - 40, high), words, 0.5, theme.TEXT
    )
