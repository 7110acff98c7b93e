"""Words that must be read whole: made smaller before anything is cut off them."""

from __future__ import annotations

from functools import lru_cache

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter

from rtbci_ui import theme

_VERTICAL = Qt.AlignmentFlag.AlignVCenter
LEFT = Qt.AlignmentFlag.AlignLeft
RIGHT = Qt.AlignmentFlag.AlignRight
LEAST = 7.5
"""Points below which nobody reads."""


def font(points: float, zoom: float = 1.0, *, bold: bool = False) -> QFont:
    """The interface's font, ``zoom`` times larger, in steps of half a point."""
    return theme.font(round(2.0 * points * zoom) / 2.0, bold=bold)


def write(
    painter: QPainter,
    box: QRectF,
    text: str,
    points: float,
    colour: str,
    *,
    bold: bool = False,
    side: Qt.AlignmentFlag = LEFT,
    least: float = LEAST,
) -> float:
    """Write one line into ``box``, as large as fits up to ``points``; below ``least`` the end is cut. Return its width."""
    size = round(2.0 * points) / 2.0
    while True:
        width = _width(text, size, bold)
        if width <= box.width() or size <= least:
            break
        size -= 0.5
    painter.setFont(theme.font(size, bold=bold))
    if width > box.width():
        text = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, int(box.width()))
    painter.setPen(QColor(colour))
    painter.drawText(box, side | _VERTICAL, text)
    return float(min(width, box.width()))


@lru_cache(maxsize=4096)
def _width(text: str, points: float, bold: bool) -> int:
    """Pixels; measured once, because the same names come again at every decision."""
    return QFontMetrics(theme.font(points, bold=bold)).horizontalAdvance(text)
