"""The averaged spectrum of the selected channel among those of its kind."""

from __future__ import annotations

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QVBoxLayout, QWidget

from rtbci.types import StreamInfo
from rtbci_ui import theme
from rtbci_ui.signal.curves import Canvas
from rtbci_ui.signal.plots import Line, name_axes, quiet_plot, rgb, words
from rtbci_ui.signal.sites import KIND_WORDS, UNITS
from rtbci_ui.signal.spectra import AVERAGES, Spectra, decibels

MAINS = (50.0, 60.0)


class SpectrumView(QWidget):
    """Power against frequency: the channel, and where the others of its kind lie (median, and 10 to 90 % of them)."""

    def __init__(self, spectra: Spectra, info: StreamInfo) -> None:
        super().__init__()
        self._spectra, self._info = spectra, info
        self._version = -1
        self.channel = 0
        self.bads: frozenset[str] = frozenset()
        self.levels: NDArray[np.float64] = np.zeros(0)
        self._range = (0.0, 0.0)
        self._unit = ""
        self.facts = Line(dim=False)
        self.readout = words()
        self.average = QComboBox()
        self.average.addItems([f"{seconds:.0f} s" for seconds in AVERAGES])
        self.average.setCurrentIndex(AVERAGES.index(spectra.average_seconds))
        self.average.setToolTip("How many of the newest seconds the spectrum is averaged over")
        self.average.currentIndexChanged.connect(self._choose_average)
        self.widget = quiet_plot()
        self.plot = self.widget.getPlotItem()
        highest = float(spectra.frequencies[-1])
        self.plot.setXRange(0.0, highest, padding=0.0)
        self.plot.getAxis("bottom").setTicks([[(float(f), str(f)) for f in range(0, int(highest) + 1, 10)]])
        self.image = pg.ImageItem(axisOrder="row-major")
        self.plot.addItem(self.image)
        for mains in MAINS:
            if mains < highest:
                pen = pg.mkPen(theme.DIM, width=1, style=Qt.PenStyle.DotLine)
                options = {"position": 0.97, "color": theme.DIM, "anchors": [(0, 0), (0, 0)]}
                self.plot.addItem(pg.InfiniteLine(mains, pen=pen, label=f"{mains:.0f} Hz", labelOpts=options))
        self._cursor = pg.InfiniteLine(pen=pg.mkPen(theme.ACCENT, width=1))
        self._cursor.hide()
        self.plot.addItem(self._cursor)
        self.widget.scene().sigMouseMoved.connect(self._point)
        top = QHBoxLayout()
        top.setContentsMargins(6, 2, 6, 0)
        top.addWidget(self.facts, 1)
        top.addWidget(self.readout)
        top.addWidget(words("averaged over"))
        top.addWidget(self.average)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addLayout(top)
        layout.addWidget(self.widget, 1)

    def _choose_average(self, index: int) -> None:
        self._spectra.set_average(AVERAGES[index])
        self._version = -1

    def resizeEvent(self, event: object) -> None:
        """The picture has the size of the plot."""
        self._version = -1

    def show_channel(self, channel: int) -> None:
        """Look at channel number ``channel``."""
        self.channel = channel
        self._version = -1

    def refresh(self) -> None:
        """Draw where there is a new average."""
        if self._version == self._spectra.version:
            return
        self._version = self._spectra.version
        self.redraw()

    def redraw(self) -> None:
        """Draw the newest average."""
        spectra, channel = self._spectra, self._info.channels[self.channel]
        if not spectra.n_segments:
            self.facts.say(f"{channel.name}: waiting for {spectra.n_samples / self._info.rate:.0f} s without a gap")
            return
        frequencies = spectra.frequencies[1:]  # a segment's mean is taken off: nothing stands at 0 Hz
        self.levels = decibels(spectra.psd[1:, self.channel])
        alike = [
            i
            for i, other in enumerate(self._info.channels)
            if other.kind == channel.kind and other.name not in self.bads and i != self.channel
        ]
        others = decibels(spectra.psd[1:, alike])
        others = others[:, np.isfinite(others).all(axis=0)]  # a flat channel has no decibels
        several = others.shape[1] > 1
        area = np.percentile(others, (10, 50, 90), axis=1) if several else np.zeros((0, len(self.levels)))
        self._fit(np.concatenate([self.levels, area.ravel()]))
        bad = channel.name in self.bads
        colour = theme.channel_colour(channel.kind, 0, bad)
        self._paint(frequencies, area, colour)
        unit = UNITS.get(channel.kind, channel.unit)
        if unit != self._unit:
            self._unit = unit
            name_axes(self.widget, "frequency (Hz)", f"dB re ({unit})²/Hz" if unit else "dB")
        kind = KIND_WORDS.get(channel.kind, channel.kind)
        rest = f"&nbsp;&nbsp; grey: median, 10–90 % of {others.shape[1]} other {kind}" if several else ""
        seconds = (spectra.n_segments + 1) * spectra.hop / self._info.rate
        self.facts.say(
            f'<b style="color:{colour}">{channel.name}</b>{" (bad)" if bad else ""}&nbsp;&nbsp; '
            f"{self._peak(frequencies)}&nbsp;&nbsp; "
            f"{seconds:.0f} s in {spectra.n_segments} segments{rest}"
        )

    def _paint(self, frequencies: NDArray[np.float64], area: NDArray[np.float64], colour: str) -> None:
        """The picture: grid, where the others lie (``area``: lower edge, median, upper edge, or none), the channel."""
        first, last = float(frequencies[0]), float(frequencies[-1])
        box = self.plot.getViewBox()
        canvas = Canvas(box.width(), box.height(), *self._range)
        upright = [(f - first) / (last - first) for f in range(10, int(last) + 1, 10)]
        canvas.grid(upright, np.arange(self._range[0] + 10.0, self._range[1], 10.0).tolist(), rgb(theme.GRID))
        if len(area):
            canvas.between(area[0], area[2], rgb(theme.DIM), 0.25)
            canvas.line(area[1], rgb(theme.DIM), 1)
        canvas.line(self.levels, rgb(colour), 3)
        self.image.setImage(canvas.rgba[::-1], autoLevels=False, levels=(0, 255))
        self.image.setRect(QRectF(first, self._range[0], last - first, self._range[1] - self._range[0]))

    def _peak(self, frequencies: NDArray[np.float64]) -> str:
        inside = (frequencies >= 2.0) & (frequencies <= 45.0) & np.isfinite(self.levels)
        if not inside.any():
            return "no numbers"
        # the 1/f of the background would always win: what stands above it is looked for
        flattened = self.levels[inside] + 10.0 * np.log10(frequencies[inside])
        return f"peak {frequencies[inside][int(np.argmax(flattened))]:.1f} Hz"

    def _fit(self, levels: NDArray[np.float64]) -> None:
        """A range in steps of 10 dB that changes only when it must."""
        levels = levels[np.isfinite(levels)]
        if not len(levels):
            return
        low, high = 10.0 * np.floor(levels.min() / 10.0), 10.0 * np.ceil(levels.max() / 10.0)
        low = max(low, high - 90.0)
        before = self._range
        if (
            low < before[0]
            or high > before[1]
            or low - before[0] > 10
            or before[1] - high > 10
            or before[0] == before[1]
        ):
            self._range = (low, high)
            self.plot.setYRange(low, high, padding=0.0)
            step = 10 if high - low <= 80 else 20
            ticks = [(float(v), f"{v}".replace("-", "−")) for v in range(int(low), int(high) + 1, step)]
            self.plot.getAxis("left").setTicks([ticks])

    def _point(self, at: QPointF) -> None:
        """Say what is under the mouse."""
        inside = self.plot.getViewBox().sceneBoundingRect().contains(at) and len(self.levels) > 0
        self._cursor.setVisible(inside)
        if not inside:
            self.readout.setText("")
            return
        frequencies = self._spectra.frequencies[1:]
        wanted = self.plot.getViewBox().mapSceneToView(at).x()
        k = int(np.argmin(np.abs(frequencies - wanted)))
        self._cursor.setValue(frequencies[k])
        self.readout.setText(f"{frequencies[k]:.1f} Hz: {self.levels[k]:.1f} dB   ".replace("-", "−"))
