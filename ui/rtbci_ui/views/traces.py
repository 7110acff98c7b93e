"""Scrolling traces: a picture kept as a ring of columns (`rtbci_ui.picture`), shown in two parts, with the words over it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from PySide6.QtCore import QEvent, QRect, QRectF, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPaintEvent, QPen, QResizeEvent, QWheelEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from rtbci.ring import Ring
from rtbci.types import Marker, StreamInfo
from rtbci_ui import scales, theme, wording
from rtbci_ui.picture import Lanes, Picture

LEFT, BOTTOM, TOP = 84, 22, 34
"""Pixels for the channels' names, the time axis, and the markers' labels."""
LEGIBLE_LANE = 7.5
"""Pixels of a lane in which its channel can be read; pages are made so, until somebody wants all channels at once."""


class TraceView(QWidget):
    """The newest seconds of every channel; the wheel changes the gain, the window's shortcuts everything else."""

    def __init__(
        self,
        ring: Ring,
        info: StreamInfo,
        markers: Sequence[Marker],
        now: Callable[[], float | None],
        seconds: float = 10.0,
    ) -> None:
        """Look at ``ring`` and ``markers``; ``now`` is the time on the source's clock, None while time stands still."""
        super().__init__()
        self._ring, self._info, self._markers, self._now = ring, info, markers, now
        self._kinds = [channel.kind for channel in info.channels]
        self._units = {channel.kind: channel.unit for channel in info.channels}
        self.lane_units = scales.lanes(self._kinds, None)
        self._scaled = False
        self.seconds = seconds
        self.all_channels = False
        self.page = 0
        self.frozen = False
        shades = (theme.pixel(theme.BACKGROUND), theme.pixel(theme.GRID), theme.pixel(theme.HATCH))
        self.picture = Picture(ring, info.rate, shades)
        self._image = QImage()
        self._lanes = Lanes(np.zeros(0, np.int64), np.zeros(0, np.float32), np.zeros(0, np.uint32))
        self._page_kinds: list[str] = []
        self._places: dict[Marker, float] = {}  # positions of markers that have samples on both sides: these stay
        self.stale_text = ""
        self.setMinimumSize(420, 200)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)

    # what is shown -------------------------------------------------------------------------------------------------

    @property
    def plot(self) -> QRect:
        """Where the traces are."""
        return QRect(LEFT, TOP, max(self.width() - LEFT - 6, 1), max(self.height() - TOP - BOTTOM, 1))

    @property
    def per_page(self) -> int:
        """Channels on a page."""
        if self.all_channels:
            return self._info.n_channels
        fit = max(8, int(self.plot.height() / LEGIBLE_LANE))
        return -(-self._info.n_channels // -(-self._info.n_channels // fit))  # pages of equal length

    @property
    def pages(self) -> int:
        """Number of pages of channels."""
        return -(-self._info.n_channels // self.per_page)

    def shown(self) -> range:
        """Numbers of the channels on this page."""
        first = self.page * self.per_page
        return range(first, min(first + self.per_page, self._info.n_channels))

    def refresh(self) -> None:
        """Draw what has come; a frozen picture stays."""
        if self.frozen:
            return
        if not self._scaled and self._ring.written >= self._info.rate:
            self.rescale()
        if self.picture.refresh(self._now()):
            self.update(self.rect().adjusted(LEFT, 0, 0, 0))

    def rescale(self) -> None:
        """Choose the gain from the newest two seconds."""
        if self._ring.written:
            self.lane_units = scales.lanes(self._kinds, self.picture.recent(2.0)[0])
            self._scaled = self._ring.written >= self._info.rate
        self._show()

    def change_gain(self, direction: int) -> None:
        """Make traces larger (1) or smaller (-1) by one step of 1-2-5."""
        step = scales.smaller if direction > 0 else scales.larger
        self.lane_units = {kind: step(value) for kind, value in self.lane_units.items()}
        self._show()

    def change_seconds(self, direction: int) -> None:
        """Show a longer (1) or shorter (-1) stretch."""
        longest = self._ring.capacity / self._info.rate
        wanted = scales.next_page(self.seconds, direction)
        if wanted == self.seconds or (direction > 0 and wanted > 1.5 * longest):
            return
        self.seconds = wanted
        self.frozen = False  # another time base needs the samples, which a frozen picture may have outlived
        self._rebuild()

    def change_page(self, direction: int) -> None:
        """Show the next (1) or previous (-1) channels."""
        self.page = min(max(self.page + direction, 0), self.pages - 1)
        self._show()

    def show_all(self, everything: bool) -> None:
        """Show all channels at once, or as many as can be read."""
        self.all_channels = everything
        self.page = 0
        self._show()

    def freeze(self, frozen: bool) -> None:
        """Stop the picture, or let it catch up."""
        self.frozen = frozen
        self.refresh()
        self.update()

    def _rebuild(self) -> None:
        """Another size or time base: new pixels, filled from the ring."""
        ratio = self.devicePixelRatioF()
        width, height = round(self.plot.width() * ratio), round(self.plot.height() * ratio)
        self.picture.resize(width, height, self.seconds)
        pixels = self.picture.pixels
        self._image = QImage(pixels.data, width, height, 4 * width, QImage.Format.Format_RGB32)
        self._show()
        self.picture.refresh(self._now())
        self.update()

    def _show(self) -> None:
        """Other channels or scales: the same columns, painted again."""
        self.page = min(self.page, self.pages - 1)
        rows = self.shown()
        self._page_kinds = list(dict.fromkeys(self._kinds[i] for i in rows))
        channels = self._info.channels
        colours = [theme.channel_colour(channels[i].kind, i, channels[i].name in self._info.bads) for i in rows]
        self._lanes = Lanes(
            np.array(rows, np.int64),
            np.array([self.lane_units[channels[i].kind] for i in rows], np.float32),
            np.array([theme.pixel(colour) for colour in colours], np.uint32),
        )
        self.picture.show(self._lanes, scales.tick_seconds(self.seconds))
        self.update()

    # events --------------------------------------------------------------------------------------------------------

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Draw anew at the new size."""
        super().resizeEvent(event)
        self._rebuild()

    def changeEvent(self, event: QEvent) -> None:
        """Draw anew when moved to a screen of another density."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.DevicePixelRatioChange:
            self._rebuild()

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Gain."""
        if event.angleDelta().y():
            self.change_gain(1 if event.angleDelta().y() > 0 else -1)
        event.accept()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Show the picture in two parts, and the words over it."""
        painter = QPainter(self)
        plot = self.plot
        painter.fillRect(0, 0, self.width(), TOP, QColor(theme.PANEL))
        painter.fillRect(0, plot.bottom() + 1, self.width(), BOTTOM, QColor(theme.PANEL))
        painter.fillRect(plot.right() + 1, TOP, self.width() - plot.right(), plot.height(), QColor(theme.PANEL))
        ratio = self._image.width() / plot.width() if not self._image.isNull() else 1.0
        at = float(plot.left())
        for first, columns in self.picture.parts():
            if columns:
                height = self._image.height()
                if ratio == 1.0:  # a plain copy of pixels
                    painter.drawImage(int(at), plot.top(), self._image, first, 0, columns, height)
                else:
                    target = QRectF(at, plot.top(), columns / ratio, plot.height())
                    painter.drawImage(target, self._image, QRectF(first, 0, columns, height))
                at += columns / ratio
        if event.rect().left() < LEFT:
            self._paint_names(painter, plot)
        self._paint_axis(painter, plot, ratio)
        self._paint_gaps(painter, plot, ratio)
        self._paint_markers(painter, plot, ratio)
        self._paint_bars(painter, plot)
        self._paint_state(painter, plot)
        painter.end()

    def _paint_names(self, painter: QPainter, plot: QRect) -> None:
        painter.fillRect(0, 0, LEFT, self.height(), QColor(theme.PANEL))
        lane = plot.height() / max(len(self._lanes.rows), 1)
        painter.setFont(theme.font(min(9.0, max(6.5, lane * 0.62))))
        height = painter.fontMetrics().height()
        every = max(1, int(np.ceil(height * 0.82 / lane)))
        for place in range(0, len(self._lanes.rows), every):
            channel = self._info.channels[int(self._lanes.rows[place])]
            bad = channel.name in self._info.bads
            painter.setPen(QColor(theme.STALE if bad else theme.TEXT))
            y = plot.top() + (place + 0.5) * lane
            name = painter.fontMetrics().elidedText(channel.name, Qt.TextElideMode.ElideMiddle, LEFT - 8)
            painter.drawText(QRectF(2, y - height / 2, LEFT - 8, height), Qt.AlignmentFlag.AlignRight, name)
        painter.setFont(theme.font(8.0))
        painter.setPen(QColor(theme.DIM))
        shown = self.shown()
        text = f"{shown.start + 1}–{shown.stop} of {self._info.n_channels}"
        painter.drawText(QRect(2, self.height() - BOTTOM, LEFT - 4, BOTTOM), Qt.AlignmentFlag.AlignCenter, text)

    def _x(self, position: float, plot: QRect, ratio: float) -> float:
        return plot.left() + self.picture.column(position) / ratio

    def _paint_axis(self, painter: QPainter, plot: QRect, ratio: float) -> None:
        painter.setFont(theme.font(8.0))
        painter.setPen(QColor(theme.DIM))
        tick = scales.tick_seconds(self.seconds)
        rate = self._info.rate
        first = int(np.ceil(max(self.picture.left, 0.0) / rate / tick))
        last = int((self.picture.head * self.picture.step) / rate / tick)
        for k in range(first, last + 1):
            x = self._x(k * tick * rate, plot, ratio)
            if plot.left() + 14 <= x <= plot.right() - 14:
                box = QRectF(x - 40, plot.bottom() + 2, 80, BOTTOM - 2)
                painter.drawText(box, Qt.AlignmentFlag.AlignCenter, scales.page_label(k * tick))

    def _paint_gaps(self, painter: QPainter, plot: QRect, ratio: float) -> None:
        painter.setFont(theme.font(8.5, bold=True))
        for gap in reversed(self.picture.positions.gaps):
            stop = self.picture.positions.of(gap.index)
            right = self._x(stop, plot, ratio)
            if right < plot.left():
                break
            left = self._x(stop - gap.missing, plot, ratio)
            for x in {round(left), round(right)}:
                if plot.left() <= x <= plot.right():
                    painter.fillRect(x, plot.top(), 1, plot.height(), QColor(theme.ALARM))
            seconds = gap.missing / self._info.rate
            text = f"gap {wording.age_ms(seconds)}" if gap.missing else "clock jumped back"
            self._label(
                painter, plot, (max(left, plot.left()) + min(right, plot.right())) / 2, plot.bottom() - 20, text
            )

    def _label(self, painter: QPainter, plot: QRect, x: float, y: float, text: str) -> None:
        width = painter.fontMetrics().horizontalAdvance(text) + 10
        left = min(max(x - width / 2, plot.left() + 1), plot.right() - width)
        box = QRectF(left, y, width, 17)
        painter.fillRect(box, QColor(theme.ALARM_BACK))
        painter.setPen(QColor("#ffffff"))
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, text)

    def _paint_markers(self, painter: QPainter, plot: QRect, ratio: float) -> None:
        painter.setFont(theme.font(8.5, bold=True))
        metrics = painter.fontMetrics()
        free = [float("inf")] * 2  # left ends of the labels in the two rows, from the right
        line, text = QColor(theme.MARKER).darker(140), QColor(theme.MARKER)
        for marker in reversed(self._markers):
            position = self._place(marker)
            if position is None:
                break
            x = self._x(position, plot, ratio)
            if x < plot.left() - 2 * plot.width():
                break  # markers come nearly in order of time: nothing older is in sight
            if not plot.left() <= x <= plot.right():
                continue
            # a filled column of pixels: a drawn line takes ten times as long
            painter.fillRect(round(x), TOP - 4, 1, plot.height() + 4, line)
            width = metrics.horizontalAdvance(marker.label)
            left = min(x - width / 2, self.width() - width - 2.0)
            for row in range(2):
                if left + width + 6 < free[row]:
                    painter.setPen(text)
                    painter.drawText(
                        QRectF(left, 1 + row * 15, width + 2, 15), Qt.AlignmentFlag.AlignLeft, marker.label
                    )
                    free[row] = left
                    break

    def _place(self, marker: Marker) -> float | None:
        known = self._places.get(marker)
        if known is not None:
            return known
        position = self.picture.positions.at_time(marker.time)
        if position is not None and position < self.picture.positions.of(self._ring.written - 1):
            if len(self._places) > 8192:
                self._places.clear()
            self._places[marker] = position
        return position

    def _paint_bars(self, painter: QPainter, plot: QRect) -> None:
        """A bar per channel kind on this page, of a round number of units."""
        painter.setFont(theme.font(8.5, bold=True))
        lane = plot.height() / max(len(self._lanes.rows), 1)
        right = plot.right() - 8.0
        for kind in reversed(self._page_kinds):
            per_pixel = self.lane_units[kind] / lane
            value = scales.round_down(60.0 * per_pixel)
            length = value / per_pixel
            text = wording.value_in(value, self._units[kind])
            if len(self._page_kinds) > 1:
                text = f"{kind} {text}"
            width = painter.fontMetrics().horizontalAdvance(text) + 22
            box = QRectF(right - width, plot.top() + 6, width, 70)
            painter.fillRect(box, QColor(22, 24, 29, 215))
            colour = QColor(theme.channel_colour(kind, 0, False))
            painter.setPen(QPen(colour, 3))
            x = box.left() + 7
            middle = box.center().y()
            painter.drawLine(int(x), round(middle - length / 2), int(x), round(middle + length / 2))
            painter.setPen(QColor(theme.TEXT))
            painter.drawText(box.adjusted(14, 0, 0, 0), Qt.AlignmentFlag.AlignCenter, text)
            right = box.left() - 4

    def _paint_state(self, painter: QPainter, plot: QRect) -> None:
        words = []
        if self.frozen:
            stamp = scales.page_label(self.picture.head * self.picture.step / self._info.rate)
            words.append((f"FROZEN at {stamp} · Space resumes", theme.WARNING_BACK))
        if self._ring.written == 0:
            words.append(("waiting for the first sample…", theme.NOTICE_BACK))
        if self.stale_text:
            words.append((self.stale_text, theme.ALARM_BACK))
        painter.setFont(theme.font(12.0, bold=True))
        y = plot.top() + 10
        for text, back in words:
            width = painter.fontMetrics().horizontalAdvance(text) + 28
            box = QRectF(plot.left() + (plot.width() - width) / 2, y, width, 30)
            painter.fillRect(box, QColor(back))
            painter.setPen(QColor("#ffffff"))
            painter.drawText(box, Qt.AlignmentFlag.AlignCenter, text)
            y += 36
