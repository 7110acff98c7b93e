"""The words and lines over a picture of traces: names, time axis, gaps, markers, scale bars, the cursor, and its state."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen

from rtbci_ui import scales, theme, wording
from rtbci_ui.traces.cursor import Reading

if TYPE_CHECKING:
    from rtbci_ui.views.traces import TraceView

_CENTRE = Qt.AlignmentFlag.AlignCenter
_BAR_ROOM = 240
"""Pixels of a plot that scale bars leave free: the kinds that matter most come first, the rest is left out."""

_LINE, _NARROW = 34, 1000
"""Pixels of a line of words about the state, and of a plot in which those would lie over the scale bars."""


def paint_names(painter: QPainter, view: TraceView) -> None:
    """The channels' names, as many as there is place for, and the one under the mouse; bad ones are struck out."""
    plot, rows = view.plot, view.lanes.rows
    width = plot.left()
    painter.fillRect(0, 0, width, view.height(), QColor(theme.PANEL))
    lane = plot.height() / max(len(rows), 1)
    font = theme.font(min(9.0, max(6.5, lane * 0.62)))
    painter.setFont(font)
    metrics = painter.fontMetrics()
    height = metrics.height()
    every = max(1, int(np.ceil(height * 0.82 / lane)))
    hovered = None
    if view.mouse is not None:
        hovered = view.lane_at(view.mouse.y()) if view.mouse.x() < width else None
    for place in range(0, len(rows), every):
        if hovered is None or abs(place - hovered) * lane > height * 0.9 or place == hovered:
            _paint_name(painter, view, place, lane, height, place == hovered)
    if hovered is not None and hovered % every:
        _paint_name(painter, view, hovered, lane, height, True)
    painter.setFont(theme.font(8.0))
    painter.setPen(QColor(theme.DIM))
    first, n = view.page * view.per_page, len(view.group.channels)
    text = f"{first + 1}–{first + len(rows)} of {n}"
    painter.drawText(QRect(2, view.height() - 22, width - 4, 22), _CENTRE, text)


def _paint_name(painter: QPainter, view: TraceView, place: int, lane: float, height: int, hovered: bool) -> None:
    name = view.info.channels[int(view.lanes.rows[place])].name
    y = view.plot.top() + (place + 0.5) * lane
    width = view.plot.left()
    if hovered:
        painter.fillRect(QRectF(2, y - height / 2, width - 4, height), QColor(theme.RAISED))
    bad = name in view.bads
    painter.setPen(QColor(theme.STALE if bad else theme.STRONG if hovered else theme.TEXT))
    metrics = painter.fontMetrics()
    text = metrics.elidedText(name, Qt.TextElideMode.ElideMiddle, width - 10)
    box = QRectF(2, y - height / 2, width - 8, height)
    painter.drawText(box, Qt.AlignmentFlag.AlignRight, text)
    if bad:
        wide = metrics.horizontalAdvance(text)
        painter.fillRect(QRectF(box.right() - wide, y, wide, 1), QColor(theme.STALE))


def paint_axis(painter: QPainter, view: TraceView) -> None:
    """The time since the stream began, at the lines of the grid."""
    plot = view.plot
    painter.setFont(theme.font(8.0))
    painter.setPen(QColor(theme.DIM))
    tick, rate = scales.tick_seconds(view.seconds), view.info.rate
    columns = view.columns
    first = int(np.ceil(max(columns.first * columns.step, 0.0) / rate / tick))
    last = int(columns.head * columns.step / rate / tick)
    for k in range(first, last + 1):
        x = view.x_of(k * tick * rate)
        if x is not None and plot.left() + 14 <= x <= plot.right() - 14:
            box = QRectF(x - 40, plot.bottom() + 2, 80, view.height() - plot.bottom() - 2)
            painter.drawText(box, _CENTRE, scales.page_label(k * tick))


def paint_gaps(painter: QPainter, view: TraceView) -> None:
    """The two ends of every gap that is in sight, and how long it was."""
    plot, columns, positions = view.plot, view.columns, view.picture.positions
    painter.setFont(theme.font(8.5, bold=True))
    for gap in reversed(positions.gaps):
        stop = positions.of(gap.index)
        if stop < columns.first * columns.step:
            break
        pieces = columns.pieces(stop - gap.missing, stop)
        if not pieces:
            continue
        for position in {stop - gap.missing, stop}:
            x = view.x_of(position)
            if x is not None:
                painter.fillRect(round(x), plot.top(), 1, plot.height(), QColor(theme.ALARM))
        seconds = gap.missing / view.info.rate
        text = f"gap {wording.age_ms(seconds)}" if gap.missing else "clock jumped back"
        left, right = max(pieces, key=lambda piece: piece[1] - piece[0])
        x = plot.left() + (left + right) / 2 / view.ratio
        width = painter.fontMetrics().horizontalAdvance(text) + 10
        left = min(max(x - width / 2, plot.left() + 1), plot.right() - width)
        box = QRectF(left, plot.bottom() - 20, width, 17)
        painter.fillRect(box, QColor(theme.ALARM_BACK))
        painter.setPen(QColor("#ffffff"))
        painter.drawText(box, _CENTRE, text)


def paint_markers(painter: QPainter, view: TraceView) -> list[tuple[str, float]]:
    """A line for every marker in sight, with its label where there is place; the labels and positions of all of them."""
    plot, columns = view.plot, view.columns
    painter.setFont(theme.font(8.5, bold=True))
    metrics = painter.fontMetrics()
    taken: list[list[tuple[float, float]]] = [[], []]  # ends of the labels in the two rows
    line, ink = QColor(theme.MARKER).darker(140), QColor(theme.MARKER)
    long_ago = (columns.head - 3 * columns.width) * columns.step
    found = []
    for marker in reversed(view.marker_list):
        position = view.place(marker)
        if position is None or position < long_ago:
            break  # markers come nearly in order of time: nothing older is in sight
        x = view.x_of(position)
        if x is None:
            continue
        found.append((marker.label, position))
        # a filled column of pixels: a drawn line takes ten times as long
        painter.fillRect(round(x), plot.top() - 4, 1, plot.height() + 4, line)
        width = metrics.horizontalAdvance(marker.label)
        left = max(min(x - width / 2, view.width() - width - 2.0), float(plot.left()))
        for row, ends in enumerate(taken):
            if all(left + width + 6 < a or left > b + 6 for a, b in ends):
                painter.setPen(ink)
                box = QRectF(left, 1 + row * 15, width + 2, 15)
                painter.drawText(box, Qt.AlignmentFlag.AlignLeft, marker.label)
                ends.append((left, left + width))
                break
    return found


def paint_bars(painter: QPainter, view: TraceView, words: int) -> None:
    """A bar per channel kind on this page, of a round number of units; below ``words`` lines of words where it is narrow."""
    plot = view.plot
    top = plot.top() + 6 + (_LINE * words + 4 if plot.width() < _NARROW else 0)
    painter.setFont(theme.font(8.5, bold=True))
    lane = plot.height() / max(len(view.lanes.rows), 1)
    right = plot.right() - 8.0
    ground = QColor(theme.BACKGROUND)
    ground.setAlpha(215)
    for kind in reversed(view.page_kinds):
        per_pixel = view.lane_units[kind] / lane
        value = scales.round_down(60.0 * per_pixel)
        length = value / per_pixel
        text = wording.value_in(value, view.units[kind])
        if len(view.page_kinds) > 1:
            text = f"{kind} {text}"
        width = painter.fontMetrics().horizontalAdvance(text) + 22
        box = QRectF(right - width, top, width, 70)
        if box.left() < plot.left() + _BAR_ROOM:
            break
        painter.fillRect(box, ground)
        painter.setPen(QPen(QColor(theme.channel_colour(kind, 0, False)), 3))
        x = box.left() + 7
        middle = box.center().y()
        painter.drawLine(int(x), round(middle - length / 2), int(x), round(middle + length / 2))
        painter.setPen(QColor(theme.TEXT))
        painter.drawText(box.adjusted(14, 0, 0, 0), _CENTRE, text)
        right = box.left() - 4


def paint_state(painter: QPainter, view: TraceView, paused: list[str], waiting: bool) -> None:
    """What a person must know of what is shown: that it stands still, that nothing has come, that it is old."""
    words = [(text, theme.WARNING_BACK if i == 0 else theme.NOTICE_BACK) for i, text in enumerate(paused)]
    if waiting:
        words.append(("waiting for the first sample…", theme.NOTICE_BACK))
    if view.stale_text:
        words.append((view.stale_text, theme.ALARM_BACK))
    plot = view.plot
    y = plot.top() + 10
    for text, back in words:
        size = 12.0
        painter.setFont(theme.font(size, bold=True))
        while size > 8.0 and painter.fontMetrics().horizontalAdvance(text) + 28 > plot.width():
            size -= 1.0
            painter.setFont(theme.font(size, bold=True))
        text = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, plot.width() - 20)
        width = painter.fontMetrics().horizontalAdvance(text) + 28
        box = QRectF(plot.left() + (plot.width() - width) / 2, y, width, 30)
        painter.fillRect(box, QColor(back))
        painter.setPen(QColor("#ffffff"))
        painter.drawText(box, _CENTRE, text)
        y += _LINE


def paint_cursor(painter: QPainter, view: TraceView, found: Reading, mouse: QPointF) -> None:
    """A line through the mouse, and beside it what stands there."""
    plot = view.plot
    painter.fillRect(round(mouse.x()), plot.top(), 1, plot.height(), QColor(theme.TEXT))
    lines = [*found.lines]
    note = "as recorded" + (", less the mean of 4 s" if found.less_mean else "")
    note += "" if view.picture.choice.off else "; unfiltered"
    bold, small = theme.font(10.0, bold=True), theme.font(8.0)
    painter.setFont(small)
    wide = painter.fontMetrics().horizontalAdvance(note)
    painter.setFont(bold)
    metrics = painter.fontMetrics()
    wide = max([wide, *(metrics.horizontalAdvance(line) for line in lines)]) + 14
    step = metrics.height()
    tall = step * len(lines) + 20
    left = mouse.x() + 10 if mouse.x() + 12 + wide < plot.right() else mouse.x() - 10 - wide
    top = min(max(mouse.y() - tall / 2, plot.top() + 2), plot.bottom() - tall - 2)
    box = QRectF(max(left, plot.left() + 1), top, wide, tall)
    ground = QColor(theme.PANEL)
    ground.setAlpha(235)
    painter.fillRect(box, ground)
    painter.setPen(QColor(theme.EDGE))
    painter.drawRect(box)
    for i, line in enumerate(lines):
        marker = 2 <= i < 2 + len(found.markers)
        painter.setPen(QColor(theme.MARKER if marker else theme.ALARM if i >= 2 else theme.STRONG))
        painter.drawText(QRectF(box.left() + 7, box.top() + 2 + i * step, wide, step), Qt.AlignmentFlag.AlignLeft, line)
    painter.setFont(small)
    painter.setPen(QColor(theme.DIM))
    painter.drawText(QRectF(box.left() + 7, box.bottom() - 17, wide, 15), Qt.AlignmentFlag.AlignLeft, note)
