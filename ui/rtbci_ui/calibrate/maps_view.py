"""Feature maps: a comparison, its two maps, and the topography of the cell that is looked at."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QCheckBox, QComboBox, QHBoxLayout, QVBoxLayout, QWidget

from rtbci.feature_maps import FREQUENCY, TIME, FeatureMaps
from rtbci.montage import KINDS
from rtbci.types import Channel, StreamInfo
from rtbci_ui import theme
from rtbci_ui.calibrate.map_plot import MapPlot
from rtbci_ui.signal.colours import DIVERGING
from rtbci_ui.signal.plots import Line
from rtbci_ui.signal.sites import Sites
from rtbci_ui.signal.topography import Topography
from rtbci_ui.start.words import Words, teaching_html

BOTH = 820
"""Pixels from which on both maps stand side by side."""
SMALLEST_LIMIT = 0.05
"""Of the colours: noise must not look like an effect."""


class MapsView(QWidget):
    """Shows `FeatureMaps`; ``options_changed`` where they should be made in another way, with what to tell the command."""

    options_changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.maps: FeatureMaps | None = None
        self._sites: dict[str, Sites] = {}
        self._kind = ""
        self.comparison = QComboBox()
        self.comparison.setToolTip("What is compared: red is more of the first, blue less")
        self.comparison.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.comparison.setMinimumContentsLength(9)
        self.comparison.currentIndexChanged.connect(lambda _: self._show())
        self.which = QComboBox()
        self.which.addItems(["Frequency", "Time"])
        self.which.setToolTip("Which map is shown where there is room for one")
        self.which.currentIndexChanged.connect(lambda _: self._arrange())
        self.average = QCheckBox("average")
        self.average.setToolTip(
            "Average reference: subtract the mean of all channels first; what all share says little about places"
        )
        self.average.toggled.connect(lambda _: self.options_changed.emit())
        self.notch = QComboBox()
        self.notch.addItems(["no notch", "50 Hz", "60 Hz"])
        self.notch.setToolTip("Take line noise out before comparing (causally, as live)")
        self.notch.currentIndexChanged.connect(lambda _: self.options_changed.emit())
        self.plots = {axis: MapPlot(axis) for axis in (FREQUENCY, TIME)}
        for axis, plot in self.plots.items():
            plot.picked.connect(lambda _row, _column, axis=axis: self._look_at(axis))
        self.topography = Topography(DIVERGING)
        self.topography.setMinimumWidth(110)
        self.cell = Line(dim=False)
        self.empty = Words(9.5)
        self.top = QWidget()
        bar = QHBoxLayout(self.top)
        bar.setContentsMargins(0, 0, 0, 0)
        for widget in (self.comparison, self.which, self.average, self.notch):
            bar.addWidget(widget, 1 if widget is self.comparison else 0)
        bar.addStretch(1)
        self.pictures = QWidget()
        row = QHBoxLayout(self.pictures)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(6)
        row.addWidget(self.plots[FREQUENCY], 5)
        row.addWidget(self.plots[TIME], 5)
        row.addWidget(self.topography, 3)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addWidget(self.top)
        column.addWidget(self.pictures, 1)
        column.addWidget(self.cell)
        column.addWidget(self.empty, 1)
        self._looked = FREQUENCY
        self.say_nothing("")

    def options(self) -> list[str]:
        """What ``rtbci feature-maps`` is told."""
        notch = (None, 50, 60)[self.notch.currentIndex()]
        return [*(["--average"] if self.average.isChecked() else []), *(["--notch", str(notch)] if notch else [])]

    def say_nothing(self, words: str, mood: str = "") -> None:
        """No maps: say why."""
        for widget in (self.pictures, self.cell, self.comparison, self.which):
            widget.hide()
        self.maps = None
        self.empty.show()
        self.empty.say(
            f'<div style="color:{theme.ALARM if mood == "alarm" else theme.DIM}">{words}</div>'
            if words
            else teaching_html(
                "Feature maps: where the classes differ.",
                "After training, signed r² and Wilcoxon's test over channel × frequency and channel × time are shown here.",
                "Choose channels and a band from them, where any cell survives a false discovery rate of 5 %.",
            )
        )

    def show_maps(self, maps: FeatureMaps) -> None:
        """Show ``maps``."""
        if maps is self.maps:
            return
        self.maps = maps
        self.empty.hide()
        kinds = [kind for kind in KINDS if kind in maps.kinds]
        self._sites, self._kind = {}, ""
        if kinds:
            channels = tuple(
                Channel(name, kind, position=place)
                for name, kind, place in zip(maps.channels, maps.kinds, maps.positions, strict=True)
            )
            info = StreamInfo("calibration", 1.0, channels)
            self._sites = {kind: Sites(info, kind) for kind in kinds}
        self.comparison.blockSignals(True)
        self.comparison.clear()
        self.comparison.addItems(
            [f"{one.first} – {one.second} ({one.trials[0]}, {one.trials[1]})" for one in maps.of(FREQUENCY)]
        )
        self.comparison.blockSignals(False)
        for widget in (self.pictures, self.cell, self.comparison):
            widget.show()
        self._arrange()
        self._show()

    def _show(self) -> None:
        if self.maps is None:
            return
        number = max(self.comparison.currentIndex(), 0)
        self.comparison.setToolTip(f"{self.comparison.currentText()}: red is more of the first, blue less")
        for axis, plot in self.plots.items():
            limit = max(SMALLEST_LIMIT, *(float(np.abs(one.r2).max()) for one in self.maps.of(axis)))
            plot.show_map(self.maps, self.maps.of(axis)[number], limit)
            plot.show_cell(*plot.strongest())
        self._look_at(self._looked if self.plots[self._looked].isVisibleTo(self) else self._shown_axis())

    def _shown_axis(self) -> str:
        return FREQUENCY if self.which.currentIndex() == 0 else TIME

    def _look_at(self, axis: str) -> None:
        """The topography of the cell that was picked in the map over ``axis``."""
        if self.maps is None:
            return
        self._looked = axis
        plot = self.plots[axis]
        self.cell.say(plot.cell_words())
        kind = self.maps.kinds[plot.cell[0]]
        kind = kind if kind in self._sites else self._kind or next(iter(self._sites), "")
        if not kind or plot.map is None:
            return
        sites = self._sites[kind]
        if kind != self._kind:  # the sensors of the chosen channel's kind
            self._kind = kind
            self.topography.set_positions(sites.xy, sites.names)
        at = float(plot.centres[plot.cell[1]])
        self.topography.title = f"{at:g} Hz" if axis == FREQUENCY else f"{at:.2f} s"
        limit = float(plot.bar.limits[1])
        self.topography.show_values(sites.mean(plot.map.r2[:, plot.cell[1]]), (-limit, limit), "r²")
        self.topography.select(sites.of(plot.cell[0]))

    def _arrange(self) -> None:
        if self.maps is None:
            return
        both = self.width() >= BOTH
        for axis, plot in self.plots.items():
            plot.setVisible(both or axis == self._shown_axis())
        self.which.setVisible(not both)
        self.topography.setVisible(bool(self._sites))
        if not self.plots[self._looked].isVisibleTo(self):
            self._look_at(self._shown_axis())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Both maps where there is room."""
        super().resizeEvent(event)
        self._arrange()
