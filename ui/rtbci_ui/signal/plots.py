"""Plots as all views of the signal have them: quiet axes, no menu, nothing to drag by accident."""

from __future__ import annotations

import pyqtgraph as pg
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QLabel, QSizePolicy

from rtbci_ui import theme


def quiet_plot() -> pg.PlotWidget:
    """A plot with small, dim figures."""
    widget = pg.PlotWidget(background=theme.PANEL)
    plot = widget.getPlotItem()
    plot.setMenuEnabled(False)
    plot.hideButtons()
    plot.setMouseEnabled(False, False)
    plot.disableAutoRange()
    plot.getViewBox().setDefaultPadding(0.0)
    plot.layout.setContentsMargins(0, 8, 10, 0)  # figures at the ends of axes are not cut
    for side in ("left", "bottom"):
        axis = plot.getAxis(side)
        axis.setStyle(tickFont=theme.font(8.0), tickLength=-4)
        axis.setPen(theme.EDGE)
        axis.setTextPen(theme.DIM)
    widget.setMinimumSize(60, 60)
    return widget


def name_axes(widget: pg.PlotWidget, bottom: str, left: str) -> None:
    """Words at the axes, small."""
    style = {"color": theme.DIM, "font-size": "8pt"}
    for side, text in (("bottom", bottom), ("left", left)):
        if text:
            widget.getPlotItem().getAxis(side).setLabel(text, **style)


def words(text: str = "", *, dim: bool = True) -> QLabel:
    """A line of small words."""
    label = QLabel(text)
    label.setFont(theme.font(8.5 if dim else 9.0))
    label.setStyleSheet(f"color: {theme.DIM if dim else theme.TEXT}")
    return label


class Line(QLabel):
    """A line of words that gives way: plain ones end in an ellipsis, and are whole in the tooltip."""

    def __init__(self, *, dim: bool = True) -> None:
        super().__init__()
        self.setFont(theme.font(8.5 if dim else 9.0))
        self.setStyleSheet(f"color: {theme.DIM if dim else theme.TEXT}")
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)

    def say(self, text: str) -> None:
        """Show ``text``."""
        if text != self.text():
            self.setText(text)
            self.setToolTip(text)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Cut plain words where they do not fit."""
        if "<" in self.text() or self.fontMetrics().horizontalAdvance(self.text()) <= self.width():
            super().paintEvent(event)
            return
        cut = self.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideRight, self.width())
        painter = QPainter(self)
        painter.setPen(self.palette().color(self.foregroundRole()))
        painter.drawText(self.rect(), int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft), cut)


def rgb(colour: str) -> tuple[int, int, int]:
    """The parts of ``colour`` ("#rrggbb"), 0 to 255."""
    found = QColor(colour)
    return found.red(), found.green(), found.blue()
