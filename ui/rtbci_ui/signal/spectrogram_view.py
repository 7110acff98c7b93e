"""The selected channel's spectrum over the last minute, as a picture."""

from __future__ import annotations

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QRectF
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QVBoxLayout, QWidget

from rtbci.types import StreamInfo
from rtbci_ui import theme
from rtbci_ui.signal.colourbar import ColourBar
from rtbci_ui.signal.colours import SEQUENTIAL
from rtbci_ui.signal.plots import Line, name_axes, quiet_plot, words
from rtbci_ui.signal.sites import UNITS
from rtbci_ui.signal.spectrogram import SECONDS, SEGMENT_SECONDS, Spectrogram

CEILINGS = (30.0, 50.0, 100.0)


class SpectrogramView(QWidget):
    """Seconds before now from left to right, frequency upwards, power as colour; where samples are missing, nothing."""

    def __init__(self, model: Spectrogram, info: StreamInfo) -> None:
        super().__init__()
        self._model, self._info = model, info
        self._version = -1
        self.limits = (0.0, 0.0)
        self.facts = Line(dim=False)
        highest = float(model.frequencies[-1])
        self._ceilings = [c for c in CEILINGS if c < highest] + [highest]
        self.ceiling = QComboBox()
        self.ceiling.addItems([f"{c:.0f} Hz" for c in self._ceilings])
        self.ceiling.setToolTip("Highest frequency that is shown")
        self.ceiling.setCurrentIndex(max(len(self._ceilings) - 2, 0))
        self.ceiling.currentIndexChanged.connect(self._choose_ceiling)
        self.widget = quiet_plot()
        self.plot = self.widget.getPlotItem()
        self.image = pg.ImageItem(axisOrder="row-major")
        self.image.setLookupTable(pg.colormap.get(SEQUENTIAL).getLookupTable(0.0, 1.0, 256))
        step = float(model.frequencies[1])
        wide = model.n_columns * model.column_seconds
        # a column stands at the middle of its second
        self._rect = QRectF(-wide - SEGMENT_SECONDS / 2 + model.column_seconds / 2, -step / 2, wide, highest + step)
        self.plot.addItem(self.image)
        self.plot.setXRange(-SECONDS, 1.0, padding=0.0)
        ticks = [(float(t), f"{-t} s ago") for t in range(-50, 0, 10)] + [(0.0, "now")]
        self.plot.getAxis("bottom").setTicks([ticks])
        name_axes(self.widget, "", "frequency (Hz)")
        unit = UNITS.get(info.channels[0].kind, info.channels[0].unit)
        self.bar = ColourBar(SEQUENTIAL, f"dB re ({unit})²/Hz")
        top = QHBoxLayout()
        top.setContentsMargins(6, 2, 6, 0)
        top.addWidget(self.facts, 1)
        top.addWidget(words("up to"))
        top.addWidget(self.ceiling)
        row = QHBoxLayout()
        row.setSpacing(0)
        row.addWidget(self.widget, 1)
        row.addWidget(self.bar)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addLayout(top)
        layout.addLayout(row, 1)
        self._choose_ceiling(self.ceiling.currentIndex())

    def _choose_ceiling(self, index: int) -> None:
        self.plot.setYRange(0.0, self._ceilings[index], padding=0.0)

    def show_channel(self, channel: int) -> None:
        """Look at channel number ``channel``."""
        self._model.show(channel)
        self._version = -1
        self.limits = (0.0, 0.0)
        unit = UNITS.get(self._info.channels[channel].kind, self._info.channels[channel].unit)
        self.bar.unit = f"dB re ({unit})²/Hz"
        self.bar.updateGeometry()
        self.bar.update()

    def refresh(self) -> None:
        """Draw where there are new columns."""
        if self._version == self._model.version:
            return
        self._version = self._model.version
        self.redraw()

    def redraw(self) -> None:
        """Draw the minute."""
        name = self._info.channels[self._model.channel].name
        levels = self._model.levels()
        known = levels[1:][np.isfinite(levels[1:])]
        if not len(known):
            self.facts.say(f"{name}: waiting for the first second")
            self.image.clear()
            return
        low, high = np.percentile(known[:: max(1, len(known) // 4000)], (3.0, 99.5))
        low, high = float(np.floor(low)), float(np.ceil(max(high, low + 5.0)))
        if max(abs(low - self.limits[0]), abs(high - self.limits[1])) > 2.0:
            self.limits = (low, high)
        self.image.setImage(levels, levels=self.limits, autoLevels=False)
        self.image.setRect(self._rect)
        self.bar.show_limits(self.limits)
        channel = self._info.channels[self._model.channel]
        colour = theme.channel_colour(channel.kind, 0, False)
        self.facts.say(f'<b style="color:{colour}">{name}</b>&nbsp;&nbsp; last minute, a second at a time')
