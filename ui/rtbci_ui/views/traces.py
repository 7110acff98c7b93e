"""Traces: a picture kept as a ring of columns (`rtbci_ui.picture`), scrolled or swept, with the words over it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

import numpy as np
from PySide6.QtCore import QEvent, QPointF, QRect, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QEnterEvent, QImage, QMouseEvent, QPainter, QPaintEvent, QResizeEvent, QWheelEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from rtbci.ring import Ring
from rtbci.types import Marker, StreamInfo
from rtbci_ui import scales, theme
from rtbci_ui.picture import Lanes, Picture
from rtbci_ui.traces import cursor
from rtbci_ui.traces.columns import Columns
from rtbci_ui.traces.filtering import Choice
from rtbci_ui.traces.groups import groups_of
from rtbci_ui.traces.looking import Looking
from rtbci_ui.traces.past import Recordings
from rtbci_ui.views import trace_words

LEFT, BOTTOM, TOP = 84, 22, 34
"""Pixels for the channels' names, the time axis, and the markers' labels."""
LEGIBLE_LANE = 7.5
"""Pixels of a lane in which its channel can be read; pages are made so, until somebody wants all channels at once."""
NOTCH = 120
"""What one step of a mouse wheel is in Qt's count."""


class TraceView(QWidget):
    """The newest seconds of every channel, or a page of the past.

    The wheel changes the gain, with Ctrl the time base, with Shift the page of channels; a click on a channel's name marks
    it bad or good. Everything else comes from the panel around it.
    """

    bad_toggled = Signal(str, bool)
    """A channel's name was clicked: which one, and whether it is bad now."""
    changed = Signal()
    """Gain, time base, page or state are other ones."""

    def __init__(
        self,
        ring: Ring,
        info: StreamInfo,
        markers: Sequence[Marker],
        now: Callable[[], float | None],
        seconds: float = 10.0,
        recordings: Recordings | None = None,
    ) -> None:
        """Look at ``ring`` and ``markers``; ``now`` is the time on the source's clock, None while time stands still.

        ``recordings`` are what is looked back into beyond the ring.
        """
        super().__init__()
        self._ring, self.info, self._markers, self._now = ring, info, markers, now
        self._kinds = [channel.kind for channel in info.channels]
        self.units = {channel.kind: channel.unit for channel in info.channels}
        self.lane_units = scales.lanes(self._kinds, None)
        self._scaled = False
        self.seconds = seconds
        self.all_channels = False
        self.page = 0
        self.sweep = False
        self.groups = groups_of(self._kinds)
        self.group = self.groups[0]
        self.bads: frozenset[str] = info.bads
        shades = (theme.pixel(theme.BACKGROUND), theme.pixel(theme.GRID), theme.pixel(theme.HATCH))
        self.picture = Picture(ring, info.rate, shades)
        self.looking = Looking(self.picture, ring, info.rate, markers, recordings or Recordings())
        self._image = QImage()
        self.lanes = Lanes(np.zeros(0, np.int64), np.zeros(0, np.float32), np.zeros(0, np.uint32))
        self.page_kinds: list[str] = []
        self._places: dict[Marker, float] = {}  # positions of markers that have samples on both sides: these stay
        self.in_sight: list[tuple[str, float]] = []  # labels and positions of the markers that were painted last
        self.mouse: QPointF | None = None
        self._turned = 0
        self._said: list[str] = []
        self.stale_text = ""
        self.setMinimumSize(420, 200)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)

    # what is shown -------------------------------------------------------------------------------------------------

    @property
    def plot(self) -> QRect:
        """Where the traces are."""
        return QRect(LEFT, TOP, max(self.width() - LEFT - 6, 1), max(self.height() - TOP - BOTTOM, 1))

    @property
    def ratio(self) -> float:
        """Columns of the picture in a pixel of the widget."""
        return 1.0 if self._image.isNull() else self._image.width() / self.plot.width()

    @property
    def columns(self) -> Columns:
        """Where columns of time stand; a page of the past is never swept."""
        width = self.picture.width
        return self.picture.columns(self.sweep and not self.looking.away, max(8, width // 60))

    @property
    def frozen(self) -> bool:
        """Whether the picture stands still."""
        return self.looking.paused

    @property
    def per_page(self) -> int:
        """Channels on a page."""
        n = len(self.group.channels)
        if self.all_channels:
            return n
        fit = max(8, int(self.plot.height() / LEGIBLE_LANE))
        return -(-n // -(-n // fit))  # pages of equal length

    @property
    def pages(self) -> int:
        """Number of pages of channels."""
        return -(-len(self.group.channels) // self.per_page)

    @property
    def marker_list(self) -> Sequence[Marker]:
        """The markers of what is shown, oldest first."""
        return self.looking.markers if self.looking.away else self._markers

    def shown(self) -> Sequence[int]:
        """Numbers of the channels on this page."""
        first = self.page * self.per_page
        return self.group.channels[first : first + self.per_page]

    def refresh(self) -> None:
        """Draw what has come; a picture that stands still stays, unless another page of the past has been fetched."""
        if self.looking.paused:
            if self.looking.refresh():
                self._places.clear()
                self.update()
            elif self.picture.unfinished and self._draw():
                self.update()
            if self.looking.words != self._said:  # the time that is live goes on
                self.update()
            return
        if not self._scaled and self._ring.written >= self.info.rate:
            self.rescale()
        if self.picture.refresh(self._now()):
            self.update(self.rect().adjusted(LEFT, 0, 0, 0))

    def rescale(self) -> None:
        """Choose the gain from the newest two seconds that are shown."""
        if self._ring.written:
            samples = self.picture.recent(2.0)[0]
            self.lane_units = scales.lanes(self._kinds, samples)
            self._scaled = self._ring.written >= self.info.rate
        self._show()

    def change_gain(self, direction: int) -> None:
        """Make the traces of this page larger (1) or smaller (-1) by one step of 1-2-5."""
        step = scales.smaller if direction > 0 else scales.larger
        kinds = self.page_kinds
        self.lane_units = {kind: step(unit) if kind in kinds else unit for kind, unit in self.lane_units.items()}
        self._show()

    def change_seconds(self, direction: int) -> None:
        """Show a longer (1) or shorter (-1) stretch."""
        self.show_seconds(scales.next_page(self.seconds, direction))

    def show_seconds(self, seconds: float) -> None:
        """Show the page of `scales.PAGES` that is nearest to ``seconds``, if the ring (or the recording) is long enough."""
        wanted = min(scales.PAGES, key=lambda page: abs(page - seconds))
        longest = 1.5 * self._ring.capacity / self.info.rate
        if wanted == self.seconds or (wanted > max(self.seconds, longest) and not self.looking.paused):
            return
        self.seconds = wanted
        self._rebuild()
        if self.looking.paused:
            self.looking.again()

    def change_page(self, direction: int) -> None:
        """Show the next (1) or previous (-1) channels."""
        self.page = min(max(self.page + direction, 0), self.pages - 1)
        self._show()

    def show_all(self, everything: bool) -> None:
        """Show all channels of the group at once, or as many as can be read."""
        self.all_channels = everything
        self.page = 0
        self._show()

    def show_group(self, name: str) -> None:
        """Show the channels of the group ``name``, one of `groups`."""
        self.group = next(group for group in self.groups if group.name == name)
        self.page = 0
        self._show()

    def show_sweep(self, sweep: bool) -> None:
        """Let the newest column move over the page before, or the page scroll."""
        self.sweep = sweep
        self._say_changed()

    def filter(self, choice: Choice) -> None:
        """Draw through another display filter: nothing but the picture is filtered."""
        self.picture.filter(choice.possible(self.info.rate))
        self._draw()
        self._say_changed()

    def mark_bads(self, bads: Collection[str]) -> None:
        """Show ``bads`` in grey."""
        if frozenset(bads) != self.bads:
            self.bads = frozenset(bads)
            self._show()

    def freeze(self, frozen: bool) -> None:
        """Stop the picture, or let it catch up."""
        if frozen:
            self.looking.pause()
        else:
            self.looking.resume()
            self._places.clear()
        self.refresh()
        self._say_changed()

    def _rebuild(self) -> None:
        """Another size or time base: new pixels, filled from the samples."""
        ratio = self.devicePixelRatioF()
        width, height = round(self.plot.width() * ratio), round(self.plot.height() * ratio)
        self.picture.resize(width, height, self.seconds)
        pixels = self.picture.pixels
        self._image = QImage(pixels.data, width, height, 4 * width, QImage.Format.Format_RGB32)
        self._show()
        self._draw()

    def _draw(self) -> bool:
        """Draw the next piece; paused, not before the samples of the page are kept: live ones would move it."""
        return (self.picture.held or not self.looking.paused) and self.picture.refresh(self._now())

    def _show(self) -> None:
        """Other channels or scales: the same columns, painted again."""
        self.page = min(self.page, self.pages - 1)
        rows = self.shown()
        self.page_kinds = list(dict.fromkeys(self._kinds[i] for i in rows))
        channels = self.info.channels
        colours = [theme.channel_colour(channels[i].kind, i, channels[i].name in self.bads) for i in rows]
        self.lanes = Lanes(
            np.array(rows, np.int64),
            np.array([self.lane_units[channels[i].kind] for i in rows], np.float32),
            np.array([theme.pixel(colour) for colour in colours], np.uint32),
        )
        self.picture.show(self.lanes, scales.tick_seconds(self.seconds))
        self._say_changed()

    def _say_changed(self) -> None:
        self.update()
        self.changed.emit()

    # where things are ----------------------------------------------------------------------------------------------

    def x_of(self, position: float) -> float | None:
        """Where ``position`` stands in the widget, None out of sight."""
        column = self.columns.x(position)
        return None if column is None else self.plot.left() + column / self.ratio

    def place(self, marker: Marker) -> float | None:
        """Position of ``marker``."""
        known = self._places.get(marker)
        if known is not None:
            return known
        signal = self.picture.signal
        position = self.picture.positions.at_time(marker.time, signal)
        if position is not None and position < self.picture.positions.of(signal.written - 1):
            if len(self._places) > 8192:
                self._places.clear()
            self._places[marker] = position
        return position

    def lane_at(self, y: float) -> int | None:
        """Which of the lanes that are shown is at ``y``."""
        plot = self.plot
        if not plot.top() <= y <= plot.bottom() or not len(self.lanes.rows):
            return None
        return min(int((y - plot.top()) / plot.height() * len(self.lanes.rows)), len(self.lanes.rows) - 1)

    def reading(self) -> cursor.Reading | None:
        """What is under the mouse, None where it is not over the traces."""
        if self.mouse is None or self.mouse.x() < LEFT:
            return None
        lane = self.lane_at(self.mouse.y())
        position = self.columns.position((self.mouse.x() - self.plot.left()) * self.ratio)
        if lane is None or position is None or position < 0.0:
            return None
        reach = 5.0 * self.ratio * self.picture.step
        return cursor.read(self.picture, self.info, position, int(self.lanes.rows[lane]), self.in_sight, reach)

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
        """Gain; with Ctrl the time base; with Shift the page of channels."""
        delta = event.angleDelta()
        self._turned += delta.y() or delta.x()  # some systems turn a wheel with Shift sideways
        steps = int(self._turned / NOTCH)
        self._turned -= steps * NOTCH
        change = self.change_gain
        sign = 1
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            change, sign = self.change_seconds, -1
        elif event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            change, sign = self.change_page, -1
        for _ in range(abs(steps)):
            change(sign if steps > 0 else -sign)
        event.accept()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """A click on a channel's name marks it bad, or good again."""
        lane = self.lane_at(event.position().y())
        if event.button() != Qt.MouseButton.LeftButton or event.position().x() >= LEFT or lane is None:
            super().mousePressEvent(event)
            return
        name = self.info.channels[int(self.lanes.rows[lane])].name
        bad = name not in self.bads
        self.mark_bads(self.bads ^ {name})
        self.bad_toggled.emit(name, bad)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Move the cursor."""
        over_names = event.position().x() < LEFT and self.lane_at(event.position().y()) is not None
        self.setCursor(Qt.CursorShape.PointingHandCursor if over_names else Qt.CursorShape.ArrowCursor)
        self.setToolTip("Click a channel's name to mark it bad, or good again" if over_names else "")
        self._point_at(event.position())

    def enterEvent(self, event: QEnterEvent) -> None:
        """Show the cursor."""
        self._point_at(event.position())

    def leaveEvent(self, event: QEvent) -> None:
        """Hide the cursor."""
        self._point_at(None)

    def _point_at(self, mouse: QPointF | None) -> None:
        names = any(at is not None and at.x() < LEFT for at in (mouse, self.mouse))
        self.mouse = mouse
        self.update(self.rect() if names else self.rect().adjusted(LEFT, 0, 0, 0))

    def paintEvent(self, event: QPaintEvent) -> None:
        """Show the picture in its parts, and the words over it."""
        painter = QPainter(self)
        plot = self.plot
        panel = QColor(theme.PANEL)
        painter.fillRect(0, 0, self.width(), TOP, panel)
        painter.fillRect(0, plot.bottom() + 1, self.width(), BOTTOM, panel)
        painter.fillRect(plot.right() + 1, TOP, self.width() - plot.right(), plot.height(), panel)
        self._paint_picture(painter, plot)
        if event.rect().left() < LEFT:
            trace_words.paint_names(painter, self)
        trace_words.paint_axis(painter, self)
        trace_words.paint_gaps(painter, self)
        self.in_sight = trace_words.paint_markers(painter, self)
        self._said = self.looking.words
        trace_words.paint_bars(painter, self, len(self._said) + bool(self.stale_text))
        trace_words.paint_state(painter, self, self._said, waiting=self._ring.written == 0)
        if (found := self.reading()) is not None and self.mouse is not None:
            trace_words.paint_cursor(painter, self, found, self.mouse)
        painter.end()

    def _paint_picture(self, painter: QPainter, plot: QRect) -> None:
        columns, ratio = self.columns, self.ratio
        parts = [(0, columns.width)] if columns.sweep else self.picture.parts()
        at = float(plot.left())
        for first, n in parts:
            if n:
                height = self._image.height()
                if ratio == 1.0:  # a plain copy of pixels
                    painter.drawImage(int(at), plot.top(), self._image, first, 0, n, height)
                else:
                    target = QRectF(at, plot.top(), n / ratio, plot.height())
                    painter.drawImage(target, self._image, QRectF(first, 0, n, height))
                at += n / ratio
        for first, n in columns.bars:
            bar = QRectF(plot.left() + first / ratio, plot.top(), n / ratio, plot.height())
            painter.fillRect(bar, QColor(theme.BACKGROUND))
        if columns.bars:
            painter.fillRect(
                QRectF(plot.left() + columns.bars[0][0] / ratio, plot.top(), 2, plot.height()), QColor(theme.ACCENT)
            )
