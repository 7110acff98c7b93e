"""A colour bar: what the colours of a picture mean, in figures and a unit."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QImage, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from rtbci_ui import theme
from rtbci_ui.signal.colours import table

WIDTH = 9.0


def figure(value: float) -> str:
    """A value in three figures or so: 0.012, 1.23, 12.3, 123, 12 300."""
    size = abs(value)
    if not np.isfinite(size):
        return "–"
    if size < 0.0005:
        return "0"
    if size >= 100 or (size == round(size) and size < 100):
        return f"{value:,.0f}".replace(",", " ").replace("-", "−")
    return f"{value:.{1 if size >= 10 else 2 if size >= 1 else 3}f}".replace("-", "−")


def _words(limits: tuple[float, float]) -> tuple[str, str, str]:
    low, high = limits
    return figure(high), figure((low + high) / 2), figure(low)


def bar_width(limits: tuple[float, float], unit: str) -> float:
    """Pixels that a bar with its words takes."""
    metrics = QFontMetricsF(theme.font(8.0))
    return max(
        max(metrics.horizontalAdvance(word) for word in _words(limits)) + WIDTH + 8, metrics.horizontalAdvance(unit) + 6
    )


def paint_bar(painter: QPainter, room: QRectF, name: str, limits: tuple[float, float], unit: str) -> None:
    """Paint the bar of colour map ``name`` into ``room``, its unit above."""
    font = theme.font(8.0)
    painter.setFont(font)
    line = QFontMetricsF(font).height()
    box = QRectF(room.left(), room.top() + 1.7 * line, WIDTH, max(room.height() - 2.5 * line, 12.0))
    ramp = np.ascontiguousarray(table(name)[::-1, None])
    painter.drawImage(box, QImage(ramp.data, 1, 256, 4, QImage.Format.Format_ARGB32))
    painter.setPen(QColor(theme.DIM))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawRect(box)
    left = box.right() + 4
    for word, y in zip(_words(limits), (box.top(), box.center().y(), box.bottom()), strict=True):
        painter.drawText(QRectF(left, y - line / 2, 120.0, line), Qt.AlignmentFlag.AlignLeft, word)
    painter.drawText(QRectF(box.left(), room.top(), 160.0, line), Qt.AlignmentFlag.AlignLeft, unit)


class ColourBar(QWidget):
    """A bar beside a plot."""

    def __init__(self, colour_map: str, unit: str) -> None:
        super().__init__()
        self.colour_map, self.unit = colour_map, unit
        self.limits = (0.0, 1.0)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Expanding)

    def sizeHint(self) -> QSize:
        """As wide as its words."""
        return QSize(int(bar_width((-100.0, 100.0), self.unit)) + 6, 120)

    def show_limits(self, limits: tuple[float, float]) -> None:
        """Say what the ends of the map are."""
        if limits != self.limits:
            self.limits = limits
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw it."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(theme.PANEL))
        paint_bar(painter, QRectF(self.rect()).adjusted(2, 4, 0, -4), self.colour_map, self.limits, self.unit)
