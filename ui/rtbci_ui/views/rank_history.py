"""The rank of what was shown, trial by trial over the session; first place is at the top, chance a dashed line."""

from __future__ import annotations

import math

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QVBoxLayout, QWidget

from rtbci_ui import theme
from rtbci_ui.retrieval_feed import RetrievalFeed
from rtbci_ui.views.lettering import font
from rtbci_ui.views.marks import colour
from rtbci_ui.views.minute import axis_font

SHOWN = 1000
"""Newest trials that are drawn: more are not told apart, and an hour of a fast stream took 0.1 s to draw after each one."""


class RankHistoryView(QWidget):
    """Discs are single presentations, diamonds averaged ones (with a dot where the last stood alone); hollow: abstained."""

    def __init__(self) -> None:
        super().__init__()
        self._feed: RetrievalFeed | None = None
        self._shown: tuple[object, ...] = ()
        self._grey = False
        self.zoom = 1.0
        self.widget = pg.PlotWidget(background=theme.PANEL)
        self.plot = self.widget.getPlotItem()
        self.plot.setMenuEnabled(False)
        self.plot.hideButtons()
        self.plot.setMouseEnabled(False, False)
        self.plot.disableAutoRange()
        self.plot.invertY(True)
        self.plot.getViewBox().setDefaultPadding(0.0)
        axis_font(self.plot)
        pen = pg.mkPen(theme.DIM, width=1, style=Qt.PenStyle.DashLine)
        self.chance = pg.InfiniteLine(angle=0, pen=pen)
        self.word = pg.TextItem(anchor=(0.0, 0.0), color=theme.DIM)
        self.word.setFont(theme.font(8.0))
        self.alone = pg.ScatterPlotItem(symbol="o", size=4, pen=None, brush=theme.DIM)
        for item in (self.chance, self.word, self.alone):
            self.plot.addItem(item)
        self.points: dict[tuple[bool, bool, bool], pg.ScatterPlotItem] = {}
        for hit in (False, True):
            for averaged in (False, True):
                for abstained in (False, True):
                    points = pg.ScatterPlotItem(symbol="d" if averaged else "o", size=9 if averaged else 7)
                    self.plot.addItem(points)
                    self.points[hit, averaged, abstained] = points
        self._colour()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.widget)
        self.setMinimumSize(180, 104)

    def look_at(self, feed: RetrievalFeed | None) -> None:
        """Show another decoder."""
        self._feed = feed

    def know(self, ended: bool, stale_for: float | None) -> None:
        """Whether the session has ended, or for how long it has been silent: then this may not be all that there is."""
        grey = stale_for is not None and not ended
        if grey != self._grey:
            self._grey = grey
            self._colour()

    def _colour(self) -> None:
        for (hit, _, abstained), points in self.points.items():
            shade = theme.STALE if self._grey else colour(hit)
            points.setPen(pg.mkPen(shade, width=1.5))
            points.setBrush(None if abstained else shade)

    def refresh(self) -> None:
        """Look again; draw where a trial has come."""
        feed = self._feed
        shown = (id(feed), feed and feed.told, self.zoom, feed and feed.ring is not None)
        if shown == self._shown:
            return
        self._shown = shown
        known = feed.session.trials if feed is not None else []
        trials = known[-SHOWN:]
        candidates = trials[-1].candidates if trials else feed.ring.n_items if feed is not None and feed.ring else 0
        self.chance.setVisible(candidates > 0)
        self.word.setVisible(candidates > 0)
        if not candidates:
            return
        before = len(known) - len(trials)
        at = before + np.arange(1, len(trials) + 1, dtype=float)
        rank = np.log10([max(trial.rank, 1) for trial in trials]) if trials else np.zeros(0)
        marks = [(trial.hit, trial.repeats > 1, trial.abstained) for trial in trials]
        for mark, points in self.points.items():
            chosen = np.array([found == mark for found in marks], np.bool_)
            points.setData(at[chosen], rank[chosen]) if chosen.any() else points.clear()
        both = np.array([trial.repeats > 1 and trial.rank_alone > 0 for trial in trials], np.bool_)
        single = np.log10([max(trial.rank_alone, 1) for trial in trials]) if trials else np.zeros(0)
        self.alone.setData(at[both], single[both]) if both.any() else self.alone.clear()
        self._scale(before, len(known), candidates)

    def _scale(self, before: int, trials: int, candidates: int) -> None:
        for (_, averaged, _), points in self.points.items():
            points.setSize((9 if averaged else 7) * self.zoom)
        for side in ("left", "bottom"):
            self.plot.getAxis(side).setStyle(tickFont=font(8.0, self.zoom))
        self.plot.getAxis("left").setWidth(int(38 * self.zoom))
        self.word.setFont(font(8.0, self.zoom))
        bottom = math.log10(max(candidates, 2))
        right = max(trials, 10) + 1.0
        self.plot.setXRange(before, right, padding=0.0)
        self.plot.setYRange(-0.06 * bottom, 1.06 * bottom, padding=0.0)
        decades = [10**k for k in range(int(bottom) + 1)]
        if candidates > 2 * decades[-1]:
            decades.append(candidates)
        self.plot.getAxis("left").setTicks([[(math.log10(value), f"{value:g}") for value in decades]])
        median = math.log10((candidates + 1) / 2)
        self.chance.setValue(median)
        self.word.setText(f"chance median {(candidates + 1) / 2:g}")
        self.word.setPos(before, median)
