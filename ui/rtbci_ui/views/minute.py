"""The accumulated evidence over the last minute: one curve per class, trials shaded with their true class."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPen
from PySide6.QtWidgets import QVBoxLayout, QWidget

from rtbci.types import Gap, Marker
from rtbci_ui import theme
from rtbci_ui.feed import HISTORY_SECONDS, DecisionFeed
from rtbci_ui.status import DecoderStatus
from rtbci_ui.truth import trials

MARGIN = 1.6
"""Seconds to the right of now, so that the word fits."""
TOP = 1.2
"""Above 1, the words for trials have their place."""


def axis_font(plot: pg.PlotItem) -> None:
    """Make a plot's axes quiet: small, dim figures."""
    for side in ("left", "bottom"):
        axis = plot.getAxis(side)
        axis.setStyle(tickFont=theme.font(8.0), tickLength=-4)
        axis.setPen(theme.EDGE)
        axis.setTextPen(theme.DIM)


class MinuteView(QWidget):
    """Posterior against seconds before now."""

    def __init__(self, markers: Sequence[Marker], gaps: Callable[[], Sequence[Gap]], now: Callable[[], float]) -> None:
        super().__init__()
        self._markers, self._gaps, self._now = markers, gaps, now
        self._decoder = DecoderStatus("")
        self._feed: DecisionFeed | None = None
        self._curves: list[pg.PlotCurveItem] = []
        self._regions: list[pg.LinearRegionItem] = []
        self._words: list[pg.TextItem] = []
        self.widget = pg.PlotWidget(background=theme.PANEL)
        self.plot = self.widget.getPlotItem()
        self.plot.setMenuEnabled(False)
        self.plot.hideButtons()
        self.plot.setMouseEnabled(False, False)
        self.plot.disableAutoRange()
        self.plot.setXRange(-HISTORY_SECONDS, MARGIN, padding=0.0)
        self.plot.setYRange(0.0, TOP, padding=0.0)
        self.plot.getAxis("left").setTicks([[(0.0, "0"), (0.5, ".5"), (1.0, "1")]])
        self.plot.getAxis("bottom").setTicks([[(float(t), f"{-t} s ago") for t in range(-50, 0, 10)] + [(0.0, "now")]])
        axis_font(self.plot)
        self.plot.getViewBox().setDefaultPadding(0.0)
        self._threshold = pg.InfiniteLine(angle=0, pen=pg.mkPen(theme.TEXT, width=1))
        self._chance = pg.InfiniteLine(angle=0, pen=pg.mkPen(theme.DIM, width=1, style=Qt.PenStyle.DashLine))
        self.plot.addItem(self._threshold)
        self.plot.addItem(self._chance)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.widget)
        self.setMinimumHeight(96)

    def look_at(self, feed: DecisionFeed | None, decoder: DecoderStatus) -> None:
        """Show this decoder."""
        self._decoder = decoder
        if feed is self._feed:
            return
        self._feed = feed
        for curve in self._curves:
            self.plot.removeItem(curve)
        self._curves = []

    def refresh(self) -> None:
        """Draw what the last minute holds."""
        now = self._now()
        self._shade(now)
        feed = self._feed
        threshold = self._decoder.threshold
        self._threshold.setVisible(threshold is not None)
        if threshold is not None:
            self._threshold.setValue(threshold)
        self._chance.setVisible(feed is not None)
        if feed is None:
            return
        self._chance.setValue(1.0 / len(feed.classes))
        times, evidence = feed.times, feed.evidence
        shown = feed.likeliest()
        while len(self._curves) < len(shown):
            curve = pg.PlotCurveItem(connect="finite", antialias=True)
            self.plot.addItem(curve)
            self._curves.append(curve)
        for curve, k in zip(self._curves, shown, strict=False):
            curve.setData(times - now, evidence[:, k] if len(evidence) else np.zeros(0))
            curve.setPen(pg.mkPen(theme.class_colour(k), width=1))

    def _shade(self, now: float) -> None:
        """Trials and gaps as areas behind the curves."""
        spans = []
        classes = self._decoder.classes
        recent = [m for m in self._markers[-200:] if m.time > now - HISTORY_SECONDS - 30.0]
        for trial in trials(self._decoder, recent):
            name = classes[trial.truth] if trial.truth < len(classes) else ""
            spans.append((trial.start - now, trial.stop - now, QColor(theme.class_colour(trial.truth)), name))
        for gap in self._gaps()[-50:]:
            spans.append((gap.before - now, gap.after - now, QColor(theme.ALARM), "gap"))
        spans = [s for s in spans if s[1] > -HISTORY_SECONDS and s[0] < 0.0]
        while len(self._regions) < len(spans):
            region = pg.LinearRegionItem(movable=False, pen=QPen(Qt.PenStyle.NoPen))
            region.setZValue(-10)
            self.plot.addItem(region)
            word = pg.TextItem(anchor=(0.5, 0.0))
            word.setFont(theme.font(8.0))
            self.plot.addItem(word)
            self._regions.append(region)
            self._words.append(word)
        metrics = QFontMetricsF(theme.font(8.0))
        per_second = self.plot.getViewBox().width() / (HISTORY_SECONDS + MARGIN)
        for i, (region, word) in enumerate(zip(self._regions, self._words, strict=True)):
            visible = i < len(spans)
            region.setVisible(visible)
            word.setVisible(visible)
            if visible:
                left, right, colour, text = spans[i]
                left, right = max(left, -HISTORY_SECONDS), min(right, 0.0)
                region.setRegion((left, right))
                fill = QColor(colour)
                fill.setAlpha(52)
                region.setBrush(fill)
                fits = metrics.horizontalAdvance(text) < (right - left) * per_second + 10
                word.setText(text if fits else "", color=colour.lighter(130))
                broken = text == "gap"
                word.setAnchor((0.5, 1.0 if broken else 0.0))
                word.setPos((left + right) / 2, 0.0 if broken else TOP)
