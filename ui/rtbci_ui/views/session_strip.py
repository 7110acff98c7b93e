"""The whole session as a strip: what can be looked back to, where the page is that is shown, markers; a click goes there."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from rtbci_ui import scales, theme
from rtbci_ui.views.traces import LEFT, TraceView

HEIGHT = 16


class SessionStrip(QWidget):
    """From the stream's first sample, at the left, to now."""

    sought = Signal(float)
    """Seconds since the stream began of the place that was clicked or dragged to."""

    def __init__(self, view: TraceView) -> None:
        super().__init__()
        self._view = view
        self._shown: tuple[object, ...] = ()
        self.setFixedHeight(HEIGHT)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setToolTip("The session so far; click or drag to look back (← and → do it by half a page, End returns)")
        self.setCursor(Qt.CursorShape.PointingHandCursor)

    def refresh(self) -> None:
        """Paint anew what has changed by a pixel or more."""
        view = self._view
        oldest, newest = view.looking.span
        pixel = max(newest / max(self.width() - LEFT, 1), 0.05)
        end = view.picture.head * view.picture.step / view.info.rate
        state = (int(oldest / pixel), int(newest), int(end / pixel), view.frozen, view.seconds)
        if state != self._shown:
            self._shown = state
            self.update()

    def _bar(self) -> QRectF:
        return QRectF(LEFT, 4, max(self.width() - LEFT - 6, 1), HEIGHT - 8)

    def paintEvent(self, event: QPaintEvent) -> None:
        """The strip."""
        view = self._view
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(theme.PANEL))
        oldest, newest = view.looking.span
        painter.setFont(theme.font(8.0))
        painter.setPen(QColor(theme.DIM))
        text = scales.page_label(int(newest))
        painter.drawText(QRectF(2, 0, LEFT - 8, HEIGHT), Qt.AlignmentFlag.AlignCenter, text)
        bar = self._bar()
        painter.fillRect(bar, QColor(theme.TROUGH))
        if newest > 0.0:
            scale = bar.width() / newest
            there = QRectF(bar.left() + oldest * scale, bar.top(), (newest - oldest) * scale, bar.height())
            painter.fillRect(there, QColor(theme.EDGE))
            end = min(view.picture.head * view.picture.step / view.info.rate, newest)
            start = max(end - view.seconds, 0.0)
            width = max((end - start) * scale, 4.0)
            page = QRectF(bar.left() + end * scale - width, bar.top() - 3, width, bar.height() + 6)
            painter.fillRect(page, QColor(theme.WARNING if view.frozen else theme.ACCENT))
        painter.end()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Go there."""
        if event.button() == Qt.MouseButton.LeftButton:
            self._go(event.position())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Drag."""
        if event.buttons() & Qt.MouseButton.LeftButton:
            self._go(event.position())

    def _go(self, at: QPointF) -> None:
        bar = self._bar()
        share = min(max((at.x() - bar.left()) / bar.width(), 0.0), 1.0)
        self.sought.emit(share * self._view.looking.span[1])
