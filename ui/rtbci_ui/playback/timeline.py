"""The recording as a line: where it is played, its markers, the loop; a click or a drag goes elsewhere."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from rtbci_ui import theme
from rtbci_ui.playback import words
from rtbci_ui.playback.model import Playback

EDGE = 8
NEAR = 6
"""Pixels within which the mouse means a marker."""


class Timeline(QWidget):
    """Emits `sought` with seconds when the mouse is let go at another place."""

    sought = Signal(float)

    def __init__(self) -> None:
        super().__init__()
        self._playback = Playback()
        self._places: Sequence[tuple[float, str]] = ()
        self._begun: float | None = None
        self._dragged: float | None = None
        self._ticks: list[int] = []
        self._ticks_of = (0, 0.0)
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("place in the recording")
        self.setToolTip("Click or drag: go there. Ctrl+← and Ctrl+→ go 10 s, Shift+← and Shift+→ to a marker")

    def sizeHint(self) -> QSize:
        """As high as a row of buttons."""
        return QSize(400, 30)

    def minimumSizeHint(self) -> QSize:
        """Narrow, where there is no room."""
        return QSize(160, 30)

    def say(self, playback: Playback, begun: float | None) -> None:
        """Show ``playback``, and a loop that was ``begun``."""
        if playback != self._playback or begun != self._begun:
            self._playback, self._begun = playback, begun
            self.update()

    def mark(self, places: Sequence[tuple[float, str]]) -> None:
        """Show markers at ``places`` (seconds, label)."""
        self._places = places
        self._ticks_of = (0, 0.0)
        self.update()

    # places --------------------------------------------------------------------------------------------------------

    def _x(self, seconds: float) -> float:
        span = max(self._playback.duration, 1e-9)
        return EDGE + (self.width() - 2 * EDGE) * min(max(seconds / span, 0.0), 1.0)

    def seconds_at(self, x: float) -> float:
        """The place under pixel ``x``; that of a marker, where one is near."""
        wide = max(self.width() - 2 * EDGE, 1)
        seconds = min(max((x - EDGE) / wide, 0.0), 1.0) * self._playback.duration
        near = min(self._places, key=lambda place: abs(place[0] - seconds), default=None)
        if near is not None and abs(self._x(near[0]) - x) <= NEAR and len(self._places) * 4 * NEAR < wide:
            return near[0]
        return min(seconds, max(0.0, self._playback.duration - 0.1))

    def _tick_pixels(self) -> list[int]:
        """Columns that have a marker: of thousands, each column is painted once."""
        what = (self.width(), self._playback.duration)
        if what != self._ticks_of:
            self._ticks_of = what
            self._ticks = np.unique([int(self._x(place)) for place, _ in self._places]).tolist()
        return self._ticks

    # painting ------------------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        """The trough, the loop, markers, and the handle."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        middle = self.height() / 2
        trough = QRectF(EDGE, middle - 4, self.width() - 2 * EDGE, 8)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(theme.TROUGH))
        painter.drawRoundedRect(trough, 4, 4)
        shown = self._playback.position if self._dragged is None else self._dragged
        at = self._x(shown)
        painter.setBrush(QColor(theme.ACCENT))
        painter.drawRoundedRect(QRectF(EDGE, middle - 4, at - EDGE, 8), 4, 4)
        if self._playback.loop is not None:
            self._paint_span(painter, *self._playback.loop)
        elif self._begun is not None:
            self._paint_span(painter, min(self._begun, shown), max(self._begun, shown))
        painter.setPen(QPen(QColor(theme.MARKER), 1))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        for x in self._tick_pixels():
            painter.drawLine(x, 2, x, int(middle) - 6)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(QColor(theme.PANEL), 2))
        painter.setBrush(QColor(theme.STRONG))
        painter.drawEllipse(QPointF(at, middle), 7, 7)
        painter.end()

    def _paint_span(self, painter: QPainter, start: float, stop: float) -> None:
        colour = QColor(theme.WARNING)
        left, right, middle = self._x(start), self._x(stop), self.height() / 2
        painter.setPen(QPen(colour, 2))
        painter.drawLine(QPointF(left, middle + 9), QPointF(right, middle + 9))
        for x in (left, right):
            painter.drawLine(QPointF(x, middle + 5), QPointF(x, middle + 13))

    # the mouse -----------------------------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Take the handle."""
        if event.button() == Qt.MouseButton.LeftButton and self._playback.duration > 0.0:
            self._dragged = self.seconds_at(event.position().x())
            self.update()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Drag it, or say what is under the mouse."""
        seconds = self.seconds_at(event.position().x())
        if self._dragged is not None:
            self._dragged = seconds
            self.update()
        label = next((label for place, label in self._places if place == seconds), "")
        text = f"{words.place(seconds)}  {label}".strip()
        QToolTip.showText(event.globalPosition().toPoint(), text, self)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Go there."""
        if self._dragged is not None and event.button() == Qt.MouseButton.LeftButton:
            seconds, self._dragged = self._dragged, None
            self.update()
            self.sought.emit(seconds)

    def leaveEvent(self, event: QEvent) -> None:
        """Take the words away."""
        QToolTip.hideText()
