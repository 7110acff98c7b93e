"""The head seen from above: outline, nose, ears, and sensors that say who they are and can be clicked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPainterPath, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from rtbci_ui import theme

GRAB = 14.0
"""How near in pixels the mouse must be to a sensor."""
_EAR = ((0.994, 0.111), (1.02, 0.155), (1.036, 0.157), (1.06, 0.149), (1.084, 0.111), (1.08, -0.011), (1.094, -0.186),
        (1.064, -0.263), (1.02, -0.277), (0.978, -0.24))  # fmt: skip
"""Right ear in head radii, as MNE's topographies have it."""


class HeadMap(QWidget):
    """Sensors on a head.

    What is said of sensor k at the mouse is ``hover(k)``; `picked` is sent with its number when it is clicked. Subclasses
    paint what they know below the outline (`paint_field`) and at the sensors (`paint_sensors`).

    Attributes
    ----------
    names : of the sensors.
    xy : (n, 2) float64, places on the map (`rtbci.montage.project`).
    selected : number of the sensor that is marked, or None.
    """

    picked = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self.names: tuple[str, ...] = ()
        self.xy: NDArray[np.float64] = np.zeros((0, 2))
        self.selected: int | None = None
        self.title = ""
        self.empty_text = "no channel with a known position"
        self.extent = 1.2
        self._hovered: int | None = None
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(90, 90)

    def sizeHint(self) -> QSize:
        """A square that can be read."""
        return QSize(220, 220)

    def set_positions(self, xy: NDArray[np.float64], names: Sequence[str] = ()) -> None:
        """Show sensors at ``xy`` (n, 2): x to the right, y to the front, 1 the head's outline."""
        self.xy = np.array(xy, np.float64).reshape(-1, 2)
        self.names = tuple(names) if names else tuple(str(i + 1) for i in range(len(self.xy)))
        self.extent = max(1.17, float(np.hypot(*self.xy.T).max()) + 0.15 if len(self.xy) else 0.0)
        self.selected = self._hovered = None
        self.update()

    def select(self, sensor: int | None) -> None:
        """Mark sensor number ``sensor``."""
        if sensor != self.selected:
            self.selected = sensor
            self.update()

    # places on the screen ------------------------------------------------------------------------------------------

    def room(self) -> QRectF:
        """What the map may take of the widget."""
        top = 18.0 if self.title else 2.0
        return QRectF(self.rect()).adjusted(2, top, -2, -2)

    def square(self) -> QRectF:
        """Where the map is."""
        room = self.room()
        side = max(min(room.width(), room.height()), 1.0)
        return QRectF(room.center().x() - side / 2, room.center().y() - side / 2, side, side)

    def point(self, x: float, y: float) -> QPointF:
        """Where a place on the map is on the widget."""
        return self._at([(x, y)])[0]

    def points(self) -> list[QPointF]:
        """Where the sensors are on the widget."""
        return self._at(self.xy.tolist())

    def _at(self, places: Iterable[Sequence[float]]) -> list[QPointF]:
        square = self.square()
        scale = square.width() / (2 * self.extent)
        x0, y0 = square.center().x(), square.center().y()
        return [QPointF(x0 + x * scale, y0 - y * scale) for x, y in places]

    def sensor_at(self, at: QPointF) -> int | None:
        """The sensor within reach of ``at``."""
        if not len(self.xy):
            return None
        square = self.square()
        scale = square.width() / (2 * self.extent)
        away = np.hypot(
            square.center().x() + self.xy[:, 0] * scale - at.x(), square.center().y() - self.xy[:, 1] * scale - at.y()
        )
        nearest = int(np.argmin(away))
        return nearest if away[nearest] <= GRAB else None

    # mouse ---------------------------------------------------------------------------------------------------------

    def hover(self, sensor: int) -> str:
        """What to say of a sensor."""
        return self.names[sensor]

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Say what is there."""
        found = self.sensor_at(event.position())
        if found != self._hovered:
            self._hovered = found
            self.update()
        QToolTip.showText(event.globalPosition().toPoint(), "" if found is None else self.hover(found), self)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Choose a sensor."""
        found = self.sensor_at(event.position())
        if found is not None:
            self.picked.emit(found)

    # painting ------------------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        """Field, outline, sensors, words."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.fillRect(self.rect(), QColor(theme.PANEL))
        if self.title:
            painter.setFont(theme.font(9.0, bold=True))
            painter.setPen(QColor(theme.TEXT))
            painter.drawText(QRectF(4, 0, self.width() - 8, 18), Qt.AlignmentFlag.AlignHCenter, self.title)
        if not len(self.xy):
            painter.setFont(theme.font(8.5))
            painter.setPen(QColor(theme.DIM))
            flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
            painter.drawText(self.room().adjusted(6, 0, -6, 0), int(flags), self.empty_text)
            return
        self.paint_field(painter)
        self._paint_outline(painter)
        self.paint_sensors(painter)
        for sensor, colour in ((self.selected, theme.STRONG), (self._hovered, theme.ACCENT)):
            if sensor is not None and sensor < len(self.xy):
                painter.setPen(QPen(QColor(colour), 2))
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.drawEllipse(self.point(*self.xy[sensor]), 6.0, 6.0)
        self.paint_over(painter)

    def _paint_outline(self, painter: QPainter) -> None:
        painter.setPen(QPen(QColor(theme.DIM), 1.6))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        middle = self.point(0.0, 0.0)
        radius = self.point(1.0, 0.0).x() - middle.x()
        painter.drawEllipse(middle, radius, radius)
        nose = QPainterPath(self.point(-0.17, 0.985))
        nose.lineTo(self.point(0.0, 1.14))
        nose.lineTo(self.point(0.17, 0.985))
        painter.drawPath(nose)
        for side in (-1, 1):
            painter.drawPolyline(QPolygonF(self._at([(side * x, y) for x, y in _EAR])))

    def paint_field(self, painter: QPainter) -> None:
        """What lies below the outline."""

    def paint_sensors(self, painter: QPainter) -> None:
        """The sensors; here plain dots."""
        pen = QPen(QColor(theme.TEXT), 2.8 if len(self.xy) > 40 else 4.4)
        pen.setCapStyle(Qt.PenCapStyle.RoundCap)
        painter.setPen(pen)
        painter.drawPoints(QPolygonF(self.points()))

    def paint_over(self, painter: QPainter) -> None:
        """What lies above everything."""
