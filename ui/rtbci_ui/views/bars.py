"""Class probabilities now: one card per decoder."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PySide6.QtCore import QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from rtbci.types import Decision, Flag
from rtbci_ui import theme, wording
from rtbci_ui.feed import SHOWN_CLASSES, DecisionFeed
from rtbci_ui.status import DecoderStatus

HEAD, ROW, FOOT, PAD = 66, 24, 22, 12
_STATE_COLOURS = {"live": theme.GOOD, "failed": theme.ALARM, "restarting": theme.WARNING, "waiting": theme.WARNING}


def claim(decision: Decision, classes: tuple[str, ...]) -> str:
    """The class that is claimed, or that none is."""
    return classes[decision.answer] if 0 <= decision.answer < len(classes) else "abstains"


def remarks(decision: Decision) -> list[str]:
    """What an experimenter must know about a decision beside its answer."""
    words = ((Flag.AFTER_GAP, "after a gap"), (Flag.LATE, "late"), (Flag.BAD_CHANNELS, "bad channels"))
    return [word for flag, word in words if decision.flags & flag]


class BarsView(QWidget):
    """One decoder's newest decision.

    Bars are the accumulated evidence, thin marks the window's own probabilities; the solid line is the threshold above
    which a class is claimed, the dashed one chance. A decision that is too old is grey, and says how old it is.
    """

    chosen = Signal(str)

    def __init__(self, name: str, feed: DecisionFeed | None, now: Callable[[], float]) -> None:
        super().__init__()
        self.name, self._feed, self._now = name, feed, now
        self._status = DecoderStatus(name)
        self._stale_for: float | None = None
        self._ended = False
        self.selected = False
        self._shown: tuple[object, ...] = ()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setCursor(Qt.CursorShape.PointingHandCursor)

    def attach(self, feed: DecisionFeed) -> None:
        """The decoder's ring has appeared."""
        self._feed = feed
        self.updateGeometry()

    def sizeHint(self) -> QSize:
        """As high as the classes that are shown."""
        rows = min(len(self._feed.classes if self._feed else self._status.classes) or 2, SHOWN_CLASSES)
        return QSize(380, HEAD + rows * ROW + FOOT)

    def minimumSizeHint(self) -> QSize:
        """As `sizeHint`, narrower."""
        return QSize(300, self.sizeHint().height())

    def know(self, status: DecoderStatus, stale_for: float | None = None, ended: bool = False) -> None:
        """Take what the session says of this decoder; ``stale_for`` is how old that is, where it is too old."""
        if status.classes != self._status.classes:
            self.updateGeometry()
        self._status, self._stale_for, self._ended = status, stale_for, ended
        self.setToolTip(status.problem or "")

    @property
    def stale(self) -> bool:
        """Whether what is shown is too old to act upon."""
        if self._ended:
            return False
        fresh = self._feed.freshness(self._now()) if self._feed else None
        return self._stale_for is not None or fresh is None or fresh.stale

    def verdict(self) -> str:
        """The large word: the class, that rtbci abstains, or that nothing (new) has come."""
        if self._feed is None or self._feed.newest is None:
            return {"failed": "failed", "starting": "starting…", "restarting": "restarting…"}.get(
                self._status.state, "waiting…"
            )
        if self.stale:
            return "STALE"
        return claim(self._feed.newest, self._feed.classes)

    def refresh(self) -> None:
        """Look again; paint when there is something else to see."""
        newest = self._feed.newest if self._feed else None
        stale = self.stale
        age = wording.age_ms(self._now() - newest.signal_time) if stale and newest else ""
        shown = (id(newest), stale, age, self._status, self._ended, self.selected)
        if shown != self._shown:
            self._shown = shown
            self.update()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Choose this decoder for the plots below."""
        self.chosen.emit(self.name)
        event.accept()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the card."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        area = self.rect().adjusted(1, 1, -1, -1)
        painter.setPen(QPen(QColor("#4f8fc4" if self.selected else theme.EDGE), 1))
        painter.setBrush(QColor(theme.PANEL))
        painter.drawRoundedRect(area, 5, 5)
        self._paint_head(painter, area)
        if self._feed is not None and self._feed.newest is not None:
            self._paint_rows(painter, area, self._feed, self._feed.newest)
        elif self._status.problem:
            painter.setFont(theme.font(9.0))
            painter.setPen(QColor(theme.ALARM))
            box = area.adjusted(PAD, HEAD, -PAD, -4)
            painter.drawText(box, Qt.AlignmentFlag.AlignLeft | Qt.TextFlag.TextWordWrap, self._status.problem)
        painter.end()
        if self._feed is not None and not self.stale and not self._ended:
            self._feed.painted(self._now())

    def _paint_head(self, painter: QPainter, area: QRect) -> None:
        painter.setFont(theme.font(10.0, bold=True))
        painter.setPen(QColor(theme.TEXT))
        left = painter.fontMetrics().horizontalAdvance(self.name)
        painter.drawText(area.adjusted(PAD, 6, 0, 0), Qt.AlignmentFlag.AlignLeft, self.name)
        painter.setFont(theme.font(9.0))
        state = self._status.state if not self._ended else "ended"
        painter.setPen(QColor(theme.STALE if self._stale_for is not None else _STATE_COLOURS.get(state, theme.DIM)))
        said = wording.worker(self._status, self._ended)
        painter.drawText(area.adjusted(PAD + left + 10, 7, 0, 0), Qt.AlignmentFlag.AlignLeft, said)
        painter.setPen(QColor(theme.STALE if self._stale_for is not None else theme.TEXT))
        painter.drawText(area.adjusted(0, 7, -PAD, 0), Qt.AlignmentFlag.AlignRight, wording.accuracy(self._status))
        verdict = self.verdict()
        colour = theme.DIM
        newest = self._feed.newest if self._feed else None
        if newest is not None and not self.stale and newest.answer >= 0:
            colour = theme.class_colour(newest.answer)
        painter.setFont(theme.font(20.0, bold=True))
        box = area.adjusted(PAD, 24, -PAD, 0)
        width = area.width() - 2 * PAD
        words = []
        if newest is not None and self.stale:
            words.append(f"newest decision {wording.age_ms(self._now() - newest.signal_time)} old")
            painter.setPen(QColor(theme.ALARM))
        else:
            words.extend(remarks(newest) if newest is not None else [])
            painter.setPen(QColor(colour))
        small = theme.font(9.0)
        painter.setFont(small)
        right = painter.fontMetrics().horizontalAdvance(" · ".join(words))
        painter.setFont(theme.font(20.0, bold=True))
        text = painter.fontMetrics().elidedText(verdict, Qt.TextElideMode.ElideRight, width - right - 16)
        painter.drawText(box, Qt.AlignmentFlag.AlignLeft, text)
        if words:
            painter.setFont(small)
            painter.setPen(QColor(theme.WARNING))
            painter.drawText(box.adjusted(0, 12, 0, 0), Qt.AlignmentFlag.AlignRight, " · ".join(words))

    def _paint_rows(self, painter: QPainter, area: QRect, feed: DecisionFeed, newest: Decision) -> None:
        painter.setFont(theme.font(9.5))
        metrics = painter.fontMetrics()
        order = feed.likeliest()
        names = min(max(metrics.horizontalAdvance(feed.classes[k]) for k in order), 130)
        left = area.left() + PAD + names + 10
        width = area.right() - PAD - 36 - left
        stale = self.stale
        posterior, own = np.exp(newest.evidence), np.exp(newest.log_probs)
        top = area.top() + HEAD - 2
        for place, k in enumerate(order):
            y = top + place * ROW
            painter.setPen(QColor(theme.STALE if stale else theme.TEXT))
            name = metrics.elidedText(feed.classes[k], Qt.TextElideMode.ElideRight, names)
            middle = Qt.AlignmentFlag.AlignVCenter
            painter.drawText(QRectF(area.left() + PAD, y, names + 4, ROW), Qt.AlignmentFlag.AlignRight | middle, name)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor("#2a2f37"))
            painter.drawRect(QRectF(left, y + 4, width, ROW - 8))
            painter.setBrush(QColor(theme.STALE if stale else theme.class_colour(k)))
            painter.drawRect(QRectF(left, y + 4, width * float(posterior[k]), ROW - 8))
            painter.setBrush(QColor(theme.DIM if stale else "#ffffff"))
            painter.drawRect(QRectF(left + width * float(own[k]) - 1, y + 2, 2, ROW - 4))
            painter.setPen(QColor(theme.STALE if stale else theme.TEXT))
            text = wording.probability(float(posterior[k]))
            painter.drawText(QRectF(left + width, y, 36, ROW), Qt.AlignmentFlag.AlignRight | middle, text)
        bottom = top + len(order) * ROW
        chance = self._status.chance or 1.0 / len(feed.classes)
        legend = [(chance, f"chance {wording.probability(chance)}", Qt.PenStyle.DashLine, theme.DIM)]
        threshold = self._status.threshold
        if threshold is not None:
            words = f"claims above {wording.probability(threshold)}"
            legend.append((threshold, words, Qt.PenStyle.SolidLine, theme.TEXT))
        painter.setFont(theme.font(8.0))
        free = float(area.left())
        for value, text, style, colour in legend:
            x = left + width * value
            painter.setPen(QPen(QColor(colour), 1, style))
            painter.drawLine(int(x), top + 1, int(x), bottom + 3)
            span = painter.fontMetrics().horizontalAdvance(text) + 4
            at = max(min(x - span / 2, area.right() - span - 4), free)
            painter.drawText(QRectF(at, bottom + 2, span, 16), Qt.AlignmentFlag.AlignCenter, text)
            free = at + span + 6
