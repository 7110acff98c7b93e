"""Who took over when, on a timeline: a line across it, a disc and a name above. Told by shape and word, not by colour."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPen

from rtbci_ui import theme
from rtbci_ui.decisions.timeline import Takeover

HIGH = 15
"""Pixels of the strip for the names."""
_DISC, _GAP = 4.0, 4.0
"""Radius of a disc, and between what stands side by side, in pixels."""


def paint(
    painter: QPainter,
    found: Sequence[Takeover],
    across: Callable[[float], float],
    strip: QRectF,
    bottom: float,
    grey: bool,
) -> None:
    """Draw ``found``, oldest first, from ``strip`` down to ``bottom``; ``across`` gives pixels of seconds before now.

    A name stands right of its line, or left of it where there is no room before the next one, or not at all.
    """
    if not found:
        return
    ink = QColor(theme.STALE if grey else theme.STRONG)
    painter.setFont(theme.font(8.5, bold=True))
    metrics = QFontMetricsF(painter.font())
    lines = [math.floor(across(one.at)) + 0.5 for one in found]  # the middle of a pixel: a sharp line
    free = strip.left()
    for one, x, after in zip(found, lines, [*lines[1:], strip.right() + _DISC], strict=True):
        rim = QColor(theme.PANEL)  # so that it stands out from what it crosses
        for colour, width in ((rim, 4.5), (ink, 1.5)):
            painter.setPen(QPen(colour, width))
            painter.drawLine(QPointF(x, strip.center().y()), QPointF(x, bottom))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(ink)
        painter.drawEllipse(QPointF(x, strip.center().y()), _DISC, _DISC)
        left, right = x - _DISC - _GAP - free, after - _DISC - _GAP - (x + _DISC + _GAP)
        free = x + _DISC + _GAP
        for text in (f"{one.new} in charge", one.new):
            wide = metrics.horizontalAdvance(text)
            if wide <= max(left, right):
                begin = x + _DISC + _GAP if wide <= right else x - _DISC - _GAP - wide
                painter.setPen(ink)
                box = QRectF(begin, strip.top(), wide + 1, strip.height())
                painter.drawText(box, Qt.AlignmentFlag.AlignVCenter, text)
                free = max(free, begin + wide + _GAP)
                break
    painter.setBrush(Qt.BrushStyle.NoBrush)
