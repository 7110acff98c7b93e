"""The decision's age: now, counting up while nothing comes, and how it has been distributed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import Qt
from PySide6.QtGui import QFontMetrics
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from rtbci_ui import theme, wording
from rtbci_ui.feed import DecisionFeed, percentiles
from rtbci_ui.views.minute import axis_font

BINS = 40
STALE_WORDS = "STALE: nothing newer"
SILENT_WORDS = "STALE: no word of it"
NOTHING = "no decisions yet"


def _row(what: str, found: tuple[float, float, float] | None, n: int, grey: bool) -> str:
    """A line of percentiles in milliseconds, and of how many decisions."""
    if found is None:
        return ""
    figure = theme.STALE if grey else theme.TEXT
    cells = "".join(
        f'<td style="color:{colour}">&nbsp; p{p}&nbsp;</td><td align="right" style="color:{figure}">{value:.1f}</td>'
        for p, value, colour in zip((50, 95, 99), found, (theme.GOOD, theme.WARNING, theme.ALARM), strict=True)
    )
    return (
        f'<tr><td style="color:{theme.DIM}">{what}</td>{cells}<td style="color:{theme.DIM}">&nbsp; ms of {n}</td></tr>'
    )


class AgeView(QWidget):
    """Age of the newest decision, in letters of ``points``, and the histogram of ages (newest sample to decision ready)."""

    def __init__(self, now: Callable[[], float], points: float = 19.0) -> None:
        super().__init__()
        self._now = now
        self._feed: DecisionFeed | None = None
        self._ended = self._grey = False
        self._colour = ""
        self.age = QLabel(wording.UNKNOWN)
        self.age.setFont(theme.font(points, bold=True, fixed=True))
        self.state = QLabel()
        self.state.setFont(theme.font(8.5))
        self.ready = QLabel(wording.UNKNOWN)
        self.drawn = QLabel(wording.UNKNOWN)
        facts = QGridLayout()
        facts.setHorizontalSpacing(8)
        facts.setVerticalSpacing(0)
        for row, (text, label) in enumerate((("ready at", self.ready), ("drawn at", self.drawn))):
            title = QLabel(text)
            title.setFont(theme.font(8.5))
            title.setStyleSheet(f"color: {theme.DIM}")
            label.setFont(theme.font(9.0, fixed=True))
            label.setAlignment(Qt.AlignmentFlag.AlignRight)
            facts.addWidget(title, row, 0)
            facts.addWidget(label, row, 1)
        self.age.setMinimumWidth(self.age.fontMetrics().horizontalAdvance("9999 ms "))
        column = QVBoxLayout()
        column.setSpacing(1)
        column.addWidget(self.age)
        column.addWidget(self.state)
        column.addLayout(facts)
        column.addStretch(1)
        widest = QFontMetrics(theme.font(8.5, bold=True)).horizontalAdvance(STALE_WORDS)
        self.state.setMinimumWidth(widest + 14)
        self.widget = pg.PlotWidget(background=theme.PANEL)
        self.plot = self.widget.getPlotItem()
        self.plot.setMenuEnabled(False)
        self.plot.hideButtons()
        self.plot.setMouseEnabled(False, False)
        self.plot.hideAxis("left")
        self.plot.getAxis("bottom").setStyle(tickFont=theme.font(8.0))
        axis_font(self.plot)
        self._bars = pg.BarGraphItem(x0=[0], x1=[1], height=[0], pen=None, brush=theme.CLASSES[0])
        self.plot.addItem(self._bars)
        self._lines = []
        for colour in (theme.GOOD, theme.WARNING, theme.ALARM):
            line = pg.InfiniteLine(angle=90, pen=pg.mkPen(colour, width=1.5))
            line.hide()  # until there is something to point at
            self.plot.addItem(line)
            self._lines.append(line)
        self.summary = QLabel(NOTHING)
        self.summary.setFont(theme.font(8.5))
        self.summary.setTextFormat(Qt.TextFormat.RichText)
        right = QVBoxLayout()
        right.setSpacing(0)
        right.addWidget(self.summary)
        right.addWidget(self.widget, 1)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(10, 6, 4, 2)
        layout.setSpacing(10)
        layout.addLayout(column)
        layout.addLayout(right, 1)
        self.setMinimumHeight(112)

    def look_at(self, feed: DecisionFeed | None) -> None:
        """Show another decoder: nothing of the one before stays."""
        if feed is not self._feed:
            self._feed = feed
            self.refresh_histogram()

    def know(self, ended: bool, stale_for: float | None = None) -> None:
        """Whether the session has ended: then ages are final, not stale; or for how long it has been silent."""
        self._ended = ended
        grey = stale_for is not None
        if grey != self._grey:
            self._grey = grey
            for label in (self.ready, self.drawn):
                label.setStyleSheet(f"color: {theme.STALE if grey else theme.TEXT}")
            self._bars.setOpts(brush=theme.STALE if grey else theme.CLASSES[0])
            self.refresh_histogram()

    def refresh(self) -> None:
        """The age now; of a session that is silent, never as one that holds."""
        fresh = self._feed.freshness(self._now()) if self._feed else None
        if self._feed is None or fresh is None:
            self._say(wording.UNKNOWN, "no decision yet", theme.DIM)
            return
        if self._ended:
            self._say(wording.UNKNOWN, "session ended", theme.DIM)
        elif fresh.stale or self._grey:
            self._say(wording.age_ms(fresh.age), SILENT_WORDS if self._grey else STALE_WORDS, theme.STALE)
        else:
            self._say(wording.age_ms(fresh.age), "since its newest sample", theme.TEXT)

    def refresh_histogram(self) -> None:
        """The distribution, and the newest figures that are too quick to read at every frame."""
        ages = self._feed.ages_ms if self._feed is not None else np.zeros(0)
        found = percentiles(ages)
        if self._feed is None or found is None:
            self._show_nothing()
            return
        self.ready.setText(wording.milliseconds(float(ages[-1])))
        drawn = np.array(self._feed.drawn) * 1000.0
        self.drawn.setText(wording.milliseconds(float(drawn[-1])) if len(drawn) else wording.UNKNOWN)
        rows = [_row("ready", found, len(ages), self._grey), _row("drawn", percentiles(drawn), len(drawn), self._grey)]
        self.summary.setText(f'<table cellspacing="0" cellpadding="1">{"".join(rows)}</table>')
        top = max(float(ages.max()), found[2]) * 1.05 if ages.max() < 4 * found[2] else 1.5 * found[2]
        top = max(top, 1.0)
        counts, edges = np.histogram(np.clip(ages, 0.0, top), BINS, (0.0, top))
        self._bars.setOpts(x0=edges[:-1], x1=edges[1:], height=counts)
        for line, value in zip(self._lines, found, strict=True):
            line.setValue(value)
            line.show()
        self.plot.setXRange(0.0, top, padding=0.0)
        self.plot.setYRange(0.0, max(int(counts.max()), 1) * 1.05, padding=0.0)

    def _show_nothing(self) -> None:
        for label in (self.ready, self.drawn):
            label.setText(wording.UNKNOWN)
        self.summary.setText(NOTHING)
        self._bars.setOpts(x0=[0], x1=[1], height=[0])
        for line in self._lines:
            line.hide()

    def _say(self, age: str, state: str, colour: str) -> None:
        self.age.setText(age)
        if self.state.text() != state or self._colour != colour:
            self._colour = colour
            self.state.setText(state)
            self.age.setStyleSheet(f"color: {colour}")
            red = f"color: #ffffff; background: {theme.ALARM_BACK}; padding: 1px 4px; font-weight: bold"
            self.state.setStyleSheet(red if state.startswith("STALE") else f"color: {theme.DIM}")
