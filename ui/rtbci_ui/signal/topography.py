"""Values at sensors as a picture of the head, with a colour bar that says what the colours mean."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, Qt, QTimer
from PySide6.QtGui import QColor, QImage, QPainter, QPen, QPolygonF

from rtbci_ui import theme
from rtbci_ui.signal.colourbar import bar_width, figure, paint_bar
from rtbci_ui.signal.colours import SEQUENTIAL, coloured
from rtbci_ui.signal.headmap import HeadMap
from rtbci_ui.signal.interpolation import GRID, Field, field, field_soon, merge_sites


class Topography(HeadMap):
    """A map of the head.

    Give it the sensors once (`set_positions`), then values as often as wanted (`show_values`): a frame is one product of a
    matrix. Sensors at the same place (the two gradiometers of a Neuromag site) are shown as their mean: who wants another
    sum gives one value for each place. Values that are not numbers are left out, and the map is made from the others.

    ``colour_map`` is a name of pyqtgraph: `colours.SEQUENTIAL` or `colours.DIVERGING`, the latter for signed values with
    symmetric limits. With ``background``, the matrix of a new set of sensors comes from another thread, and the picture a
    moment after the values: no frame waits for it.
    """

    def __init__(self, colour_map: str = SEQUENTIAL, *, background: bool = False) -> None:
        super().__init__()
        self._background = background
        self._coming: Future[Field] | None = None
        self._soon = QTimer(self)
        self._soon.setInterval(20)
        self._soon.timeout.connect(self._colour)
        self._means: NDArray[np.float64] = np.zeros(0)
        self.colour_map = colour_map
        self.values: NDArray[np.float64] = np.zeros(0)
        self.limits = (0.0, 1.0)
        self.unit = ""
        self.pixels: NDArray[np.uint32] = np.zeros((GRID, GRID), np.uint32)
        self._known: NDArray[np.bool_] = np.zeros(0, np.bool_)
        self._field: Field | None = None
        self._places: NDArray[np.float64] = np.zeros((0, 2))
        self._site: NDArray[np.int64] = np.zeros(0, np.int64)

    def set_positions(self, xy: NDArray[np.float64], names: Sequence[str] = ()) -> None:
        """Show sensors at ``xy`` (n, 2), called ``names``; see `HeadMap.set_positions`."""
        super().set_positions(xy, names)
        self._places, self._site = merge_sites(self.xy)
        self._field = self._coming = None
        self.values = np.full(len(self.xy), np.nan)
        self.pixels[:] = 0

    def show_values(self, values: NDArray[np.floating], limits: tuple[float, float], unit: str) -> None:
        """Show ``values`` (n_sensors,), coloured from ``limits[0]`` to ``limits[1]``, in ``unit``."""
        if len(values) != len(self.xy):
            raise ValueError(f"{len(values)} values for {len(self.xy)} sensors; one for each would be right")
        self.values = np.array(values, np.float64)
        self.limits, self.unit = limits, unit
        finite = np.isfinite(self.values)
        count = np.bincount(self._site[finite], minlength=len(self._places))
        total = np.bincount(self._site[finite], self.values[finite], minlength=len(self._places))
        known = count > 0
        if (self._field is None and self._coming is None) or not np.array_equal(known, self._known):
            self._known = known
            self._field = self._coming = None
            if known.any() and self._background:
                self._coming = field_soon(self._places[known], self.extent)
            elif known.any():
                self._field = field(self._places[known], self.extent)
        self._means = total[known] / count[known]
        self._colour()

    def _colour(self) -> None:
        """Make the picture, or look again soon where it cannot be made yet."""
        if self._coming is not None and self._coming.done():
            self._field, self._coming = self._coming.result(), None
        if self._coming is None:
            self._soon.stop()
        elif not self._soon.isActive():
            self._soon.start()
        self.pixels[:] = 0
        if self._field is not None:
            self.pixels[self._field.inside] = coloured(self._field.picture(self._means), *self.limits, self.colour_map)
        self.update()

    @property
    def ready(self) -> bool:
        """Whether the picture shows the newest values."""
        return self._coming is None

    def hover(self, sensor: int) -> str:
        """Name and value."""
        value = self.values[sensor]
        return (
            f"{self.names[sensor]}: {figure(value)} {self.unit}"
            if np.isfinite(value)
            else f"{self.names[sensor]}: left out"
        )

    def room(self) -> QRectF:
        """Leave place for the colour bar and its figures."""
        return super().room().adjusted(0, 0, -bar_width(self.limits, self.unit), 0)

    def paint_field(self, painter: QPainter) -> None:
        """The picture, smoothed."""
        image = QImage(self.pixels.data, GRID, GRID, GRID * 4, QImage.Format.Format_ARGB32)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.drawImage(self.square(), image)

    def paint_sensors(self, painter: QPainter) -> None:
        """Dots; crosses where a sensor is left out."""
        places = self.points()
        known = np.isfinite(self.values)
        pen = QPen(QColor(0, 0, 0, 170), 2.6 if len(self.xy) > 40 else 4.0)
        pen.setCapStyle(Qt.PenCapStyle.RoundCap)
        painter.setPen(pen)
        painter.drawPoints(QPolygonF([at for at, seen in zip(places, known, strict=True) if seen]))
        painter.setPen(QColor(theme.DIM))
        for at in (at for at, seen in zip(places, known, strict=True) if not seen):
            painter.drawLine(at - QPointF(2.5, 2.5), at + QPointF(2.5, 2.5))
            painter.drawLine(at - QPointF(2.5, -2.5), at + QPointF(2.5, -2.5))

    def paint_over(self, painter: QPainter) -> None:
        """The colour bar."""
        square = self.square()
        paint_bar(painter, QRectF(square.right() + 4, square.top(), self.width(), square.height()), self.colour_map,
                  self.limits, self.unit)  # fmt: skip
