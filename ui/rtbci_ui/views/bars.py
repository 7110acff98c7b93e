"""Class probabilities now: one card per decoder."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PySide6.QtCore import QPointF, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QShowEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from rtbci.types import Decision, Flag
from rtbci_ui import theme, wording
from rtbci_ui.decisions import words
from rtbci_ui.decisions.badge import paint_role
from rtbci_ui.decisions.comparison import Score
from rtbci_ui.feed import HISTORY_SECONDS, SHOWN_CLASSES, DecisionFeed
from rtbci_ui.status import DecoderStatus
from rtbci_ui.views.lettering import RIGHT, write

HEAD, ROW, FOOT, LINE, PAD = 66, 24, 21, 17, 12
COUNT_SECONDS = 0.5
"""The share of abstentions is counted this often: it is of a minute."""


def claim(decision: Decision, classes: tuple[str, ...]) -> str:
    """The class that is claimed, or that none is."""
    return classes[decision.answer] if 0 <= decision.answer < len(classes) else "abstains"


def remarks(decision: Decision) -> list[str]:
    """What an experimenter must know about a decision beside its answer."""
    words = ((Flag.AFTER_GAP, "after a gap"), (Flag.LATE, "late"), (Flag.BAD_CHANNELS, "bad channels"))
    return [word for flag, word in words if decision.flags & flag]


def state_colour(state: str) -> str:
    """Colour of a worker's state."""
    colours = {"live": theme.GOOD, "failed": theme.ALARM, "restarting": theme.WARNING, "waiting": theme.WARNING}
    return colours.get(state, theme.DIM)


class BarsView(QWidget):
    """One decoder's newest decision.

    Bars are the accumulated evidence, thin marks the window's own probabilities; the solid line is the threshold above
    which a class is claimed, the dashed one chance. A decision that is too old is grey, and says how old it is. A badge says
    whether the decoder is in charge; below stand how often it abstained, and what its trials were worth.
    """

    chosen = Signal(str)

    def __init__(self, name: str, feed: DecisionFeed | None, now: Callable[[], float]) -> None:
        super().__init__()
        self.name, self._feed, self._now = name, feed, now
        self._status = DecoderStatus(name)
        self._stale_for: float | None = None
        self._ended = False
        self._score: Score | None = None
        self._counted = (-1.0, "")
        self.role = ""
        self.selected = False
        self._shown: tuple[object, ...] = ()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def attach(self, feed: DecisionFeed) -> None:
        """The decoder's ring has appeared."""
        if feed is not self._feed:
            self._feed = feed
            self.updateGeometry()

    def sizeHint(self) -> QSize:
        """As high as the classes that are shown."""
        rows = min(len(self._feed.classes if self._feed else self._status.classes) or 2, SHOWN_CLASSES)
        return QSize(380, HEAD + rows * ROW + FOOT + 2 * LINE)

    def minimumSizeHint(self) -> QSize:
        """As `sizeHint`, narrower."""
        return QSize(290, self.sizeHint().height())

    def know(self, status: DecoderStatus, stale_for: float | None = None, ended: bool = False) -> None:
        """Take what the session says of this decoder; ``stale_for`` is how old that is, where it is too old."""
        if status.classes != self._status.classes:
            self.updateGeometry()
        self._status, self._stale_for, self._ended = status, stale_for, ended
        self.setToolTip(status.problem or "Click, or Return, to show this decoder in the plots")

    def count(self, score: Score | None) -> None:
        """Take what the decoder's trials were worth; None while that is counted: what the session says stands meanwhile."""
        self._score = score

    @property
    def stale(self) -> bool:
        """Whether what is shown is too old to act upon."""
        if self._ended:
            return False
        fresh = self._feed.freshness(self._now()) if self._feed else None
        return self._stale_for is not None or fresh is None or fresh.stale

    def verdict(self) -> str:
        """The large word: the class, that rtbci abstains, or that nothing (new) has come."""
        if self._status.state == "stopped" and not self._ended:
            return "stopped"
        if self._feed is None or self._feed.newest is None:
            return {"failed": "failed", "starting": "starting…", "restarting": "restarting…"}.get(
                self._status.state, "waiting…"
            )
        if self.stale:
            return "STALE"
        return claim(self._feed.newest, self._feed.classes)

    def facts(self) -> tuple[str, str]:
        """The two lines at the foot: abstentions of the last minute, and trials."""
        silent = ""
        if self._feed is not None:
            at, silent = self._counted
            newest = self._feed.newest.signal_time if self._feed.newest is not None else -1.0
            if not silent or not 0.0 <= newest - at < COUNT_SECONDS:
                silent = words.abstained(*self._feed.history.abstained(HISTORY_SECONDS))
                self._counted = newest, silent
        return silent, words.accuracy(self._score) if self._score is not None else wording.accuracy(self._status)

    def refresh(self) -> None:
        """Look again; paint when there is something else to see."""
        newest = self._feed.newest if self._feed else None
        stale = self.stale
        age = wording.age_ms(self._now() - newest.signal_time) if stale and newest else ""
        shown = (id(newest), stale, age, self._status, self._ended, self.selected, self.role, self._score)
        if shown != self._shown:
            self._shown = shown
            self.update()

    def showEvent(self, event: QShowEvent) -> None:
        """Begin to measure how long drawing takes: what came while the card was out of sight was not waited for."""
        if self._feed is not None:
            self._feed.overlook()
        super().showEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Choose this decoder for the plots."""
        self.chosen.emit(self.name)
        event.accept()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Choose this decoder for the plots."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.chosen.emit(self.name)
        else:
            super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the card."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        area = self.rect().adjusted(1, 1, -1, -1)
        edge = QPen(QColor(theme.ACCENT if self.selected else theme.EDGE), 1)
        if self.hasFocus():
            edge = QPen(QColor(theme.TEXT), 1, Qt.PenStyle.DashLine)
        painter.setPen(edge)
        painter.setBrush(QColor(theme.PANEL))
        painter.drawRoundedRect(area, 5, 5)
        if self.selected:
            painter.fillRect(QRectF(area.left(), area.top() + 5, 3, area.height() - 10), QColor(theme.ACCENT))
        self._paint_head(painter, area)
        if self._feed is not None and self._feed.newest is not None:
            self._paint_rows(painter, area, self._feed, self._feed.newest)
        elif self._status.problem:
            painter.setFont(theme.font(9.0))
            painter.setPen(QColor(theme.ALARM))
            painter.drawText(
                area.adjusted(PAD, HEAD, -PAD, -2 * LINE),
                Qt.AlignmentFlag.AlignLeft | Qt.TextFlag.TextWordWrap,
                self._status.problem,
            )
        old = self._stale_for is not None and not self._ended
        for place, text in enumerate(self.facts()):
            top = area.bottom() - 3 - (2 - place) * LINE
            box = QRectF(area.left() + PAD, top, area.width() - 2 * PAD, LINE)
            write(painter, box, text, 9.0, theme.STALE if old else theme.TEXT if place else theme.DIM)
        painter.end()
        if self._feed is not None and not self.stale and not self._ended:
            self._feed.painted(self._now())

    def _paint_head(self, painter: QPainter, area: QRect) -> None:
        old = self._stale_for is not None and not self._ended
        painter.setFont(theme.font(10.0, bold=True))
        painter.setPen(QColor(theme.TEXT))
        left = painter.fontMetrics().horizontalAdvance(self.name)
        painter.drawText(area.adjusted(PAD, 6, 0, 0), Qt.AlignmentFlag.AlignLeft, self.name)
        line = QRectF(area.left() + PAD, area.top() + 6, area.width() - 2 * PAD, 18)
        taken = 0.0
        if self.role:
            taken = paint_role(painter, line, self.role, old) + 8
        state = self._status.state if not self._ended else "ended"
        colour = theme.STALE if old else state_colour(state)
        box = line.adjusted(left + 10, 0, -taken, 0)
        if box.width() > 30:
            write(painter, box, wording.worker(self._status, self._ended), 9.0, colour, least=9.0)
        newest = self._feed.newest if self._feed else None
        said, colour = self._remarks(newest)
        box = QRectF(area.left() + PAD, area.top() + 26, area.width() - 2 * PAD, 36)
        taken = write(painter, box.adjusted(0, 6, 0, 0), said, 9.0, colour, side=RIGHT) + 12 if said else 0.0
        colour = theme.DIM
        if newest is not None and self.stale:
            colour = theme.ALARM
        elif newest is not None and newest.answer >= 0:
            colour = theme.class_colour(newest.answer)
        write(painter, box.adjusted(0, 0, -taken, 0), self.verdict(), 20.0, colour, bold=True, least=10.0)

    def _remarks(self, newest: Decision | None) -> tuple[str, str]:
        """What stands beside the large word, and its colour."""
        if newest is None:
            return "", theme.DIM
        if self.stale:
            return f"newest decision {wording.age_ms(self._now() - newest.signal_time)} old", theme.WARNING
        said = remarks(newest)
        sure = words.confidence(float(np.exp(newest.evidence.max())))
        return " · ".join([*said, sure]), theme.WARNING if said else theme.DIM

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
            painter.setBrush(QColor(theme.TROUGH))
            painter.drawRect(QRectF(left, y + 4, width, ROW - 8))
            painter.setBrush(QColor(theme.STALE if stale else theme.class_colour(k)))
            painter.drawRect(QRectF(left, y + 4, width * float(posterior[k]), ROW - 8))
            painter.setBrush(QColor(theme.DIM if stale else theme.STRONG))
            painter.drawRect(QRectF(left + width * float(own[k]) - 1, y + 2, 2, ROW - 4))
            painter.setPen(QColor(theme.STALE if stale else theme.TEXT))
            text = wording.probability(float(posterior[k]))
            painter.drawText(QRectF(left + width, y, 36, ROW), Qt.AlignmentFlag.AlignRight | middle, text)
        bottom = top + len(order) * ROW
        chance = self._status.chance or 1.0 / len(feed.classes)
        legend = [(chance, f"chance {wording.share(chance)}", Qt.PenStyle.DashLine, theme.DIM)]
        threshold = self._status.threshold
        if threshold is not None:
            text = f"claims above {wording.probability(threshold)}"
            legend.append((threshold, text, Qt.PenStyle.SolidLine, theme.TEXT))
        painter.setFont(theme.font(8.0))
        free = float(area.left())
        for value, text, style, colour in legend:
            x = left + width * value
            painter.setPen(QPen(QColor(colour), 1, style))
            painter.drawLine(QPointF(int(x), top + 1), QPointF(int(x), bottom + 3))
            span = painter.fontMetrics().horizontalAdvance(text) + 4
            at = max(min(x - span / 2, area.right() - span - 4), free)
            painter.drawText(QRectF(at, bottom + 2, span, 16), Qt.AlignmentFlag.AlignCenter, text)
            free = at + span + 6
