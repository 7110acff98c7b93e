"""All channels of an average over each other, their strength, and a time that can be pointed at."""

from __future__ import annotations

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QPointF, QRectF, Qt, Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from rtbci_ui import theme
from rtbci_ui.signal.curves import Canvas
from rtbci_ui.signal.plots import quiet_plot, rgb, words


class EvokedPlot(QWidget):
    """A butterfly plot: `pointed` is sent with the seconds under the mouse, and with None when it leaves."""

    pointed = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.widget = quiet_plot()
        self.plot = self.widget.getPlotItem()
        self.plot.setYRange(-1.0, 1.0, padding=0.0)
        self.plot.getAxis("left").setWidth(38)
        self.unit = words()
        self.unit.setParent(self.widget)
        self.unit.move(42, 1)
        self.unit.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.image = pg.ImageItem(axisOrder="row-major")
        self._zero = pg.InfiniteLine(0.0, pen=pg.mkPen(theme.DIM, width=1, style=Qt.PenStyle.DashLine))
        self._level = pg.InfiniteLine(0.0, angle=0, pen=pg.mkPen(theme.EDGE, width=1))
        self._cursor = pg.InfiniteLine(0.0, pen=pg.mkPen(theme.ACCENT, width=1.5))
        self._cursor.hide()
        for item in (self._level, self.image, self._zero, self._cursor):
            self.plot.addItem(item)
        self.widget.scene().sigMouseMoved.connect(self._point)
        self.widget.installEventFilter(self)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.widget)
        self.setToolTip(
            "Curves: every channel; white or black: the selected one; grey: strength of the field over all channels"
        )
        self._times: NDArray[np.float64] = np.zeros(0)
        self._scale = 0.0

    def draw(
        self,
        times: NDArray[np.float64],
        mean: NDArray[np.float64] | None,
        line: NDArray[np.float64] | None,
        power: NDArray[np.float64] | None,
        scale: float,
        unit: str,
        colour: str,
        at: int | None,
    ) -> None:
        """Show ``mean`` (n_times, n_channels), the selected channel's ``line`` and the field's ``power`` (n_times,)."""
        if not len(self._times):
            self.plot.setXRange(float(times[0]), float(times[-1]), padding=0.0)
            marks = [(t, f"{1000 * t:.0f}".replace("-", "−")) for t in (0.0, 0.2, 0.4)] + [(0.6, "600 ms")]
            self.plot.getAxis("bottom").setTicks([marks])
        self._times = times
        if scale != self._scale and scale > 0:
            self._scale = scale
            self.plot.setYRange(-scale, scale, padding=0.0)
        if self.unit.text() != unit:
            self.unit.setText(unit)
            self.unit.adjustSize()
        self._cursor.setVisible(at is not None)
        if at is not None:
            self._cursor.setValue(float(times[at]))
        self.image.setVisible(mean is not None and scale > 0)
        if mean is None or not scale > 0:
            return
        box = self.plot.getViewBox()
        canvas = Canvas(box.width(), box.height(), -scale, scale)
        ink = 0.55 if mean.shape[1] <= 16 else 0.3 if mean.shape[1] <= 80 else 0.12
        canvas.curves(mean, rgb(colour), ink)
        for values, shade in ((power, theme.DIM), (line, theme.STRONG)):
            if values is not None:
                canvas.line(values, rgb(shade))
        self.image.setImage(canvas.rgba[::-1], autoLevels=False, levels=(0, 255))
        self.image.setRect(QRectF(float(times[0]), -scale, float(times[-1] - times[0]), 2 * scale))

    def _point(self, at: QPointF) -> None:
        box = self.plot.getViewBox()
        if box.sceneBoundingRect().contains(at):
            self.pointed.emit(float(box.mapSceneToView(at).x()))

    def eventFilter(self, watched: object, event: QEvent) -> bool:
        """Notice the mouse leaving."""
        if event.type() == QEvent.Type.Leave:
            self.pointed.emit(None)
        return False
