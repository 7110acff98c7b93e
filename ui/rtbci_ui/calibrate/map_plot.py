"""One feature map as a picture: channels down, frequency or time across, significant cells outlined."""

from __future__ import annotations

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from rtbci.feature_maps import FREQUENCY, FeatureMap, FeatureMaps
from rtbci_ui import theme
from rtbci_ui.signal.colourbar import ColourBar, bar_width
from rtbci_ui.signal.colours import DIVERGING
from rtbci_ui.signal.plots import Line, name_axes, quiet_plot

LINE_PIXELS = 13
"""Height of a channel's name."""
OUTLINE = "#000000"
"""The map's own ground is white in both themes: black stands out from all its colours."""
_STEPS = {Qt.Key.Key_Left: (0, -1), Qt.Key.Key_Right: (0, 1), Qt.Key.Key_Up: (-1, 0), Qt.Key.Key_Down: (1, 0)}


def outline(mask: NDArray[np.bool_]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Segments around the cells of ``mask`` (n_rows, n_columns): x and y (2 n,), in cells, two ends one after the other.

    Cell (r, c) is the square from (c, r) to (c + 1, r + 1).
    """
    framed = np.pad(mask, 1)
    r, c = np.nonzero(framed[1:, :] != framed[:-1, :])  # an edge below row r of the frame
    across_x, across_y = np.stack([c - 1, c], 1).ravel(), np.stack([r, r], 1).ravel()
    r, c = np.nonzero(framed[:, 1:] != framed[:, :-1])
    down_x, down_y = np.stack([c, c], 1).ravel(), np.stack([r - 1, r], 1).ravel()
    return (
        np.concatenate([across_x, down_x]).astype(np.float64),
        np.concatenate([across_y, down_y]).astype(np.float64),
    )


def _how(maps: FeatureMaps) -> str:
    """What was asked for beyond the usual: the boxes beside the map may say what is only being computed."""
    notch, average = maps.about.get("notch"), maps.about.get("average_reference")
    said = [*(["average reference"] if average else []), *([f"notch {notch:g} Hz"] if notch else [])]
    return f" ({', '.join(said)})" if said else ""


class MapPlot(QWidget):
    """Signed r² of one comparison over one axis; `picked` is sent with row and column of the cell that is looked at.

    A click picks, and so do the arrow keys. With ``band`` a region shows the chosen frequencies, and can be dragged:
    `band_moved` then says its edges in Hz.
    """

    picked = Signal(int, int)
    band_moved = Signal(float, float)

    def __init__(self, axis: str) -> None:
        super().__init__()
        self.axis = axis
        self.map: FeatureMap | None = None
        self.channels: tuple[str, ...] = ()
        self.centres: NDArray[np.float64] = np.zeros(0)
        self.width_of_bin = 1.0
        self.cell = (0, 0)
        self.title = Line()
        self.plot = quiet_plot()
        name_axes(self.plot, "frequency (Hz)" if axis == FREQUENCY else "time after the marker (s)", "")
        self.plot.getPlotItem().invertY(True)
        self.plot.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.plot.setToolTip("Click, or move with the arrow keys: the topography is that of the chosen cell")
        self.plot.installEventFilter(self)
        self.plot.scene().sigMouseClicked.connect(self._clicked)
        self.image = pg.ImageItem(axisOrder="row-major")
        self.image.setLookupTable(pg.colormap.get(DIVERGING).getLookupTable(0.0, 1.0, 256))
        self.lines = pg.PlotCurveItem(pen=pg.mkPen(OUTLINE, width=1.6), connect="pairs")
        self.frame = pg.PlotCurveItem(pen=pg.mkPen(theme.ACCENT, width=2.5))
        self.zero = pg.InfiniteLine(0.0, pen=pg.mkPen("#555555", style=Qt.PenStyle.DashLine))
        self.region = pg.LinearRegionItem(brush=(120, 120, 120, 40), pen=pg.mkPen(theme.ACCENT, width=2))
        self.region.sigRegionChangeFinished.connect(self._region_moved)
        for item in (self.image, self.lines, self.frame):
            self.plot.addItem(item)
        if axis == FREQUENCY:
            self.plot.addItem(self.region, ignoreBounds=True)
            self.region.hide()
        else:
            self.plot.addItem(self.zero, ignoreBounds=True)
        self.bar = ColourBar(DIVERGING, "r²")
        self.bar.setMinimumWidth(round(bar_width((-0.888, 0.888), "r²")) + 6)
        row = QHBoxLayout()
        row.setSpacing(0)
        row.addWidget(self.plot, 1)
        row.addWidget(self.bar)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.title)
        column.addLayout(row, 1)
        self.setMinimumSize(140, 130)

    def show_map(self, maps: FeatureMaps, one: FeatureMap, limit: float) -> None:
        """Show ``one`` of ``maps``, coloured from ``-limit`` to ``limit``."""
        self.map, self.channels = one, maps.channels
        self.centres = maps.frequencies if self.axis == FREQUENCY else maps.times
        self.width_of_bin = maps.frequency_width if self.axis == FREQUENCY else maps.time_width
        self.image.setImage(one.r2.astype(np.float32), autoLevels=False, levels=(-limit, limit))
        low, n = float(self.centres[0]) - self.width_of_bin / 2, len(self.centres)
        self.image.setRect(QRectF(low, 0.0, n * self.width_of_bin, len(self.channels)))
        x, y = outline(one.significant)
        self.lines.setData(low + x * self.width_of_bin, y, connect="pairs")
        box = self.plot.getPlotItem().getViewBox()
        box.setRange(xRange=(low, low + n * self.width_of_bin), yRange=(0.0, float(len(self.channels))), padding=0.0)
        self.bar.show_limits((-limit, limit))
        count = int(one.significant.sum())
        said = f"{count} of {one.r2.size} cells survive FDR 5 % (outlined)" if count else "no cell survives FDR 5 %"
        self.title.say(f"Channel × {self.axis}{_how(maps)}: {said}")
        self._name_rows()
        self.show_cell(min(self.cell[0], len(self.channels) - 1), min(self.cell[1], n - 1))

    def strongest(self) -> tuple[int, int]:
        """Row and column of the largest |r²|."""
        if self.map is None:
            return 0, 0
        row, column = np.unravel_index(int(np.abs(self.map.r2).argmax()), self.map.r2.shape)
        return int(row), int(column)

    def show_cell(self, row: int, column: int) -> None:
        """Mark the cell that is looked at."""
        self.cell = row, column
        half = self.width_of_bin / 2
        x, y = float(self.centres[column]), float(row)
        self.frame.setData([x - half, x + half, x + half, x - half, x - half], [y, y, y + 1.0, y + 1.0, y])

    def cell_words(self) -> str:
        """What the chosen cell says: ``C3, 12 Hz: signed r² −0.31, p 0.0004, FDR-adjusted 0.01``."""
        if self.map is None:
            return ""
        row, column = self.cell
        at = f"{self.centres[column]:g} Hz" if self.axis == FREQUENCY else f"{self.centres[column]:.2f} s"
        r2, p, q = (float(values[row, column]) for values in (self.map.r2, self.map.p, self.map.q))
        return f"{self.channels[row]}, {at}: signed r² {r2:+.2f}, p {p:.2g}, FDR-adjusted {q:.2g}".replace("-0.", "−0.")

    def show_band(self, band: tuple[float, float] | None) -> None:
        """Show the chosen band, or none."""
        self.region.setVisible(band is not None)
        if band is not None:
            self.region.blockSignals(True)
            self.region.setRegion(band)
            self.region.blockSignals(False)

    def _region_moved(self) -> None:
        low, high = self.region.getRegion()
        self.band_moved.emit(float(low), float(high))

    def _clicked(self, event: object) -> None:
        if self.map is None:
            return
        place: QPointF = self.plot.getPlotItem().getViewBox().mapSceneToView(event.scenePos())  # type: ignore[attr-defined]
        column = int(np.floor((place.x() - float(self.centres[0])) / self.width_of_bin + 0.5))
        self._pick(int(np.floor(place.y())), column)

    def _pick(self, row: int, column: int) -> None:
        if self.map is not None and 0 <= row < self.map.r2.shape[0] and 0 <= column < self.map.r2.shape[1]:
            self.show_cell(row, column)
            self.picked.emit(row, column)

    def eventFilter(self, watched: object, event: QEvent) -> bool:
        """Arrow keys move the cell."""
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            step = _STEPS.get(Qt.Key(event.key()))
            if step is not None:
                self._pick(self.cell[0] + step[0], self.cell[1] + step[1])
                return True
        return False

    def resizeEvent(self, event: QResizeEvent) -> None:
        """As many names as there is room for."""
        super().resizeEvent(event)
        self._name_rows()

    def _name_rows(self) -> None:
        room = max(1, (self.plot.height() - 45) // LINE_PIXELS)
        every = max(1, -(-len(self.channels) // room))
        ticks = [(k + 0.5, name) for k, name in enumerate(self.channels) if k % every == 0]
        self.plot.getPlotItem().getAxis("left").setTicks([ticks])
