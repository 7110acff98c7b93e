"""The accumulated evidence over minutes: one curve per class, trials shaded with their true class, claims below."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QLineF, QPointF, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QBrush, QColor, QFontMetricsF, QPainter, QPaintEvent, QPen, QPolygonF, QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from rtbci.types import Gap, Marker
from rtbci_ui import theme, wording
from rtbci_ui.decisions import switch_marks
from rtbci_ui.decisions.history import SPANS
from rtbci_ui.decisions.switches import SwitchLog
from rtbci_ui.decisions.timeline import LIKELIEST, Curve, Timeline, next_span, timeline
from rtbci_ui.feed import DecisionFeed
from rtbci_ui.status import DecoderStatus
from rtbci_ui.views.lettering import write

LEFT, RIGHT, WORDS, STRIP, AXIS = 34, 26, 16, 9, 17
"""Pixels: for the figures at the left, for "now", for the words above, for claims, for the figures below."""
_SECONDS = {60.0: 0.2, 300.0: 0.5, 900.0: 1.0, 3600.0: 2.0}
"""Seconds after which a stretch looks different by a pixel or so: it is not drawn more often."""
_TICKS = {60.0: 10.0, 300.0: 60.0, 900.0: 180.0, 3600.0: 600.0}


def axis_font(plot: pg.PlotItem) -> None:
    """Make a plot's axes quiet: small, dim figures."""
    for side in ("left", "bottom"):
        axis = plot.getAxis(side)
        axis.setStyle(tickFont=theme.font(8.0), tickLength=-4)
        axis.setPen(theme.EDGE)
        axis.setTextPen(theme.DIM)


def ago(seconds: float) -> str:
    """Words for a time before now."""
    if seconds == 0:
        return "now"
    return f"{seconds:.0f} s ago" if seconds < 60.0 else f"{seconds / 60.0:.0f} min ago"


def _fill(painter: QPainter, boxes: Sequence[QRect], colour: QColor) -> None:
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(colour)
    painter.drawRects(boxes)


class MinuteView(QWidget):
    """Posterior against time before now, for one of `SPANS`.

    Behind the curves stand trials in the colour of their true class, and gaps; below them a strip in the colour of the
    class that is claimed, empty with a thin line where nothing is. Where decisions are too old everything is grey, and the
    time since the newest one is hatched and says how long it is. Where another decoder was put in charge a line stands
    across all of it, with its name in a strip above.
    """

    def __init__(
        self,
        markers: Sequence[Marker],
        gaps: Callable[[], Sequence[Gap]],
        now: Callable[[], float],
        monotonic: Callable[[], float] = time.monotonic,
        switches: SwitchLog | None = None,
    ) -> None:
        super().__init__()
        self._markers, self._gaps, self._now, self._monotonic = markers, gaps, now, monotonic
        self._switches = switches if switches is not None else SwitchLog()
        self._decoder = DecoderStatus("")
        self._feed: DecisionFeed | None = None
        self._ended = False
        self._stale_for: float | None = None
        self._looked = -1.0
        self.span = SPANS[0]
        self.shown = Timeline(self.span)
        self.plot = QRectF()
        self.setMinimumHeight(96)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def sizeHint(self) -> QSize:
        """A strip that is wider than high."""
        return QSize(560, 170)

    def look_at(self, feed: DecisionFeed | None, decoder: DecoderStatus) -> None:
        """Show this decoder."""
        if feed is not self._feed or decoder.name != self._decoder.name:
            self._looked = -1.0
        self._feed, self._decoder = feed, decoder

    def know(self, ended: bool, stale_for: float | None = None) -> None:
        """Whether the session has ended: then all is final, not stale; or for how long it has been silent."""
        if (ended, stale_for is None) != (self._ended, self._stale_for is None):
            self._looked = -1.0
        self._ended, self._stale_for = ended, stale_for

    def show_span(self, span: float) -> None:
        """Show the last ``span`` seconds, one of `SPANS`."""
        self.span = span
        self._looked = -1.0
        self.refresh()

    def next_span(self) -> None:
        """Show the next longer stretch; after the longest, the shortest."""
        self.show_span(next_span(self.span))

    @property
    def stale(self) -> bool:
        """Whether what is shown is too old to act upon."""
        if self._ended or self._feed is None:
            return False
        fresh = self._feed.freshness(self._now())
        return fresh is not None and (fresh.stale or self._stale_for is not None)

    def refresh(self) -> None:
        """Look again, as often as it makes a difference to the eye."""
        clock = self._monotonic()
        if self._looked >= 0.0 and clock - self._looked < _SECONDS[self.span]:
            return
        self._looked = clock
        self.shown = timeline(
            self._feed, self._decoder, self._markers, self._gaps(), self._now(), self.span,
            switches=self._switches.switches, stale=self.stale,
        )  # fmt: skip
        self._place()
        self.update()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Another place for the curves."""
        super().resizeEvent(event)
        self._place()

    def _place(self) -> None:
        """Probability 0 is at the bottom of `plot`, 1 at its top; from the first switch on there is a strip above it."""
        above = WORDS + (switch_marks.HIGH if self._switches.switches or self._switches.problem else 0)
        width, height = self.width() - LEFT - RIGHT, self.height() - above - STRIP - AXIS - 3
        self.plot = QRectF(LEFT, above, max(width, 1), max(height, 1))

    def across(self, seconds: float) -> float:
        """Pixels of a time before now (negative seconds)."""
        return float(self.plot.right() + seconds / self.span * self.plot.width())

    def down(self, probability: float) -> float:
        """Pixels of a probability."""
        return float(self.plot.bottom() - probability * self.plot.height())

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(theme.PANEL))
        shown, stale = self.shown, self.shown.silent_from is not None
        self._paint_shades(painter, stale)
        self._paint_axes(painter)
        self._paint_claims(painter, stale)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setClipRect(self.plot.adjusted(0, -1, 1, 1))
        for curve in reversed(shown.curves):
            self._paint_curve(painter, curve, stale)
        painter.setClipping(False)
        self._paint_takeovers(painter, stale)
        if shown.silent_from is not None:
            self._paint_silence(painter, shown.silent_from)
        elif not any(len(curve.x) for curve in shown.curves):
            painter.setFont(theme.font(9.5))
            painter.setPen(QColor(theme.DIM))
            painter.drawText(self.plot, Qt.AlignmentFlag.AlignCenter, "no decision in this stretch")
        painter.end()

    def _paint_shades(self, painter: QPainter, stale: bool) -> None:
        """Trials and gaps, those of one colour together: an hour has hundreds."""
        plot, boxes = self.plot, dict[int, list[QRect]]()
        painter.setFont(theme.font(8.0, bold=True))
        metrics = QFontMetricsF(painter.font())
        names = {text: metrics.horizontalAdvance(text) for text in {shade.text for shade in self.shown.shades}}
        for shade in self.shown.shades:
            begin, end = round(self.across(shade.start)), round(self.across(shade.stop))
            boxes.setdefault(shade.index, []).append(QRect(begin, 0, max(end - begin, 1), round(plot.bottom())))
        for index, found in boxes.items():
            fill = self._shade_colour(index, stale)
            fill.setAlpha(46)
            _fill(painter, found, fill)
        for shade in self.shown.shades:
            left, right, wide = self.across(shade.start), self.across(shade.stop), names[shade.text]
            if wide < right - left + 4:
                painter.setPen(self._shade_colour(shade.index, stale))
                over = plot.bottom() - 17 if shade.index < 0 else 0.0
                line = QRectF((left + right) / 2 - wide, over, 2 * wide, WORDS)
                painter.drawText(line, Qt.AlignmentFlag.AlignCenter, shade.text)

    @staticmethod
    def _shade_colour(index: int, stale: bool) -> QColor:
        return QColor(theme.ALARM if index < 0 else theme.STALE if stale else theme.class_colour(index))

    def _paint_axes(self, painter: QPainter) -> None:
        plot, shown = self.plot, self.shown
        painter.setPen(QPen(QColor(theme.EDGE), 1))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRect(plot)
        painter.setFont(theme.font(8.0))
        middle, right = Qt.AlignmentFlag.AlignVCenter, Qt.AlignmentFlag.AlignRight
        taken = [0.0, 1.0]
        for value, text in ((0.0, "0"), (1.0, "1")):
            painter.setPen(QColor(theme.DIM))
            painter.drawText(QRectF(0, self.down(value) - 8, LEFT - 5, 16), right | middle, text)
        for at, style, colour in (
            (shown.chance, Qt.PenStyle.DashLine, theme.DIM),
            (shown.threshold, Qt.PenStyle.SolidLine, theme.TEXT),
        ):
            if at is None:
                continue
            painter.setPen(QPen(QColor(colour), 1, style))
            painter.drawLine(QLineF(plot.left(), self.down(at), plot.right(), self.down(at)))
            if all(abs(at - other) * plot.height() > 12 for other in taken):
                text = wording.probability(at)
                painter.drawText(QRectF(0, self.down(at) - 8, LEFT - 5, 16), right | middle, text)
                taken.append(at)
        painter.setPen(QColor(theme.DIM))
        tick = _TICKS[self.span]
        wide = QFontMetricsF(painter.font()).horizontalAdvance("50 min ago") + 8
        every = tick * np.ceil(wide / max(tick / self.span * plot.width(), 1.0))
        for k in range(int(self.span / every) + 1):
            x = self.across(-k * every)
            if x - wide / 2 >= 0:
                box = QRectF(x - wide / 2, self.height() - AXIS, wide, AXIS)
                painter.drawText(box, Qt.AlignmentFlag.AlignCenter, ago(k * every))

    def _paint_claims(self, painter: QPainter, stale: bool) -> None:
        plot, boxes = self.plot, dict[int, list[QRect]]()
        top = round(plot.bottom()) + 3
        for claim in self.shown.claims:
            left, right = round(max(self.across(claim.start), plot.left())), round(self.across(claim.stop))
            if right > plot.left():
                silent = claim.index < 0
                box = QRect(left, top + STRIP // 2 if silent else top, max(right - left, 1), 1 if silent else STRIP)
                boxes.setdefault(claim.index, []).append(box)
        for index, found in sorted(boxes.items()):
            colour = theme.DIM if index < 0 else theme.STALE if stale else theme.class_colour(index)
            _fill(painter, found, QColor(colour))

    def _paint_curve(self, painter: QPainter, curve: Curve, stale: bool) -> None:
        if not len(curve.x):
            return
        colour = theme.TEXT if curve.index == LIKELIEST else theme.class_colour(curve.index)
        painter.setPen(QPen(QColor(theme.STALE if stale else colour), 1))  # a wider one takes ten times as long
        plot = self.plot
        x = plot.right() + curve.x / self.span * plot.width()
        y = plot.bottom() - curve.y * plot.height()
        edges = np.flatnonzero(np.isnan(curve.y))
        for start, stop in zip([0, *(edges + 1)], [*edges, len(x)], strict=True):
            if stop - start == 1:
                painter.drawEllipse(QPointF(float(x[start]), float(y[start])), 1.0, 1.0)
            elif stop > start:
                points = zip(x[start:stop].tolist(), y[start:stop].tolist(), strict=True)
                painter.drawPolyline(QPolygonF([QPointF(a, b) for a, b in points]))

    def _paint_takeovers(self, painter: QPainter, stale: bool) -> None:
        strip = QRectF(self.plot.left(), WORDS, self.plot.width(), switch_marks.HIGH)
        if self._switches.problem:
            write(painter, strip, self._switches.problem, 8.5, theme.WARNING)
        switch_marks.paint(painter, self.shown.takeovers, self.across, strip, self.plot.bottom() + STRIP + 3, stale)

    def _paint_silence(self, painter: QPainter, since: float) -> None:
        """Nothing has come from then until now."""
        box = QRectF(
            QPointF(max(self.across(since), self.plot.left()), self.plot.top()),
            QPointF(self.plot.right(), self.plot.bottom()),
        )
        painter.fillRect(box, QBrush(QColor(theme.STALE), Qt.BrushStyle.BDiagPattern))
        painter.setFont(theme.font(11.0, bold=True))
        text = f"STALE: no decision for {wording.age_ms(-since)}"
        wide = QFontMetricsF(painter.font()).horizontalAdvance(text) + 20
        left = min(max(box.center().x() - wide / 2, self.plot.left() + 2), self.plot.right() - wide)
        label = QRectF(left, self.plot.center().y() - 12, wide, 24)
        painter.fillRect(label, QColor(theme.ALARM_BACK))
        painter.setPen(QColor("#ffffff"))
        painter.drawText(label, Qt.AlignmentFlag.AlignCenter, text)
