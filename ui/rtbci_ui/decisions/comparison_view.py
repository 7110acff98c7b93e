"""All decoders on the same trials, side by side: a row each, a whisker each, and what can be told between them."""

from __future__ import annotations

from itertools import pairwise

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from rtbci_ui import theme, wording
from rtbci_ui.decisions import words
from rtbci_ui.decisions.comparison import Comparison, Score
from rtbci_ui.views.lettering import write

HEAD, ROW, PAD = 19, 25, 8
_SHARES = (0.17, 0.13, 0.22, 0.16, 0.11, 0.11, 0.10)
"""Of the width: name, right, accuracy, whiskers, shuffled, abstained, log-loss."""
_NARROW, _NARROW_SHARES = 520, (0.155, 0.165, 0.25, 0.0, 0.13, 0.16, 0.14)
"""Below so many pixels there are no whiskers."""
TITLES = ("decoder", "right", "accuracy, 95 %", "", "shuffled", "abstained", "log-loss")
NOTE = (
    "The same trials for all. Intervals are Wilson's, 95 %, as if trials were independent. Accuracy counts every trial by "
    "the class with most evidence at its end, also those throughout which the decoder abstained. Shuffled: what the same "
    "answers are expected to reach for truths in random order; on the axis a small ring. Log-loss is the mean of "
    "−ln p(truth): the smaller the better, and it punishes whoever is sure and wrong.\n" + words.ONE_LOOK
)


class ComparisonView(QWidget):
    """A `Comparison`; painted when a trial has come."""

    def __init__(self) -> None:
        super().__init__()
        self.shown = Comparison((), (), 0, 0)
        self.selected = ""
        self._classes = 0
        self._stale_for: float | None = None
        self.setToolTip(NOTE)
        self.setMinimumSize(380, 100)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def show_comparison(self, found: Comparison, n_classes: int, selected: str, stale_for: float | None) -> None:
        """Show ``found``; ``stale_for`` is how old all of it is, where the session is silent."""
        said = (found, n_classes, selected, stale_for)
        if said != (self.shown, self._classes, self.selected, self._stale_for):
            self.shown, self._classes, self.selected, self._stale_for = said
            self.update()

    def row(self, score: Score) -> tuple[str, str, str, str, str, str]:
        """The cells of a decoder but its whisker: name, right, accuracy, shuffled, abstained, log-loss."""
        if score.accuracy is None:
            return score.name, "0", wording.UNKNOWN, wording.UNKNOWN, wording.UNKNOWN, wording.UNKNOWN
        return (
            score.name,
            f"{score.right} of {score.trials}",
            f"{wording.share(score.accuracy)} ({words.interval(score.interval)})",
            wording.UNKNOWN if score.shuffled is None else wording.share(score.shuffled),
            str(score.abstained),
            wording.UNKNOWN if score.log_loss is None else f"{score.log_loss:.2f}",
        )

    def lines(self) -> list[str]:
        """What stands below the rows."""
        said = words.ground(self.shown, self._classes)
        if self.shown.shared:
            said += [words.difference(found) for found in self.shown.differences]
        if self._stale_for is not None:
            said.append(f"all of this is {wording.age_ms(self._stale_for)} old: the session is silent")
        return said

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the rows and the words."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.fillRect(self.rect(), QColor(theme.PANEL))
        if not self.shown.scores:
            painter.setFont(theme.font(9.5))
            painter.setPen(QColor(theme.DIM))
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, "no trial has ended yet: nothing to compare")
            painter.end()
            return
        room = self.width() - 2.0 * PAD
        edges = [float(PAD)]
        for share in _SHARES if room > _NARROW else _NARROW_SHARES:
            edges.append(edges[-1] + share * room)
        boxes = [QRectF(a, 2, b - a - 6, HEAD) for a, b in pairwise(edges)]
        for title, box in zip(TITLES, boxes, strict=True):
            if title:
                write(painter, box, title, 8.5, theme.DIM)
        bottom = HEAD + ROW * len(self.shown.scores)
        if room > _NARROW:
            self._paint_chance(painter, boxes[3], bottom)
        for place, score in enumerate(self.shown.scores):
            line = [box.translated(0, HEAD - 2 + place * ROW) for box in boxes]
            self._paint_row(painter, score, [QRectF(b.left(), b.top(), b.width(), ROW) for b in line])
        self._paint_words(painter, QRectF(PAD, bottom + 3, room, self.height() - bottom - 3))
        painter.end()

    def _paint_row(self, painter: QPainter, score: Score, boxes: list[QRectF]) -> None:
        grey = self._stale_for is not None
        shade = theme.STALE if grey else theme.TEXT
        if score.name == self.selected and len(self.shown.scores) > 1:
            back = QRectF(0, boxes[0].top() + 1, self.width(), ROW - 2)
            painter.fillRect(back, QColor(theme.RAISED))
            painter.fillRect(QRectF(0, back.top(), 3, back.height()), QColor(theme.ACCENT))
        cells = self.row(score)
        for text, box, bold in zip(cells[:3], boxes[:3], (True, False, True), strict=True):
            write(painter, box, text, 9.5, shade, bold=bold)
        for text, box in zip(cells[3:], boxes[4:], strict=True):
            write(painter, box, text, 9.5, shade)
        box = boxes[3]
        if score.accuracy is None or box.width() <= 0:
            return
        middle = box.center().y()
        low, high = (box.left() + end * box.width() for end in score.interval)
        at = box.left() + score.accuracy * box.width()
        painter.setPen(QPen(QColor(shade), 1.6))
        painter.drawLine(QPointF(low, middle), QPointF(high, middle))
        for x in (low, high):
            painter.drawLine(QPointF(x, middle - 4), QPointF(x, middle + 4))
        if score.shuffled is not None:
            painter.setBrush(QColor(theme.PANEL))
            painter.drawEllipse(QPointF(box.left() + score.shuffled * box.width(), middle), 3.0, 3.0)
        painter.setBrush(QColor(shade))
        painter.drawEllipse(QPointF(at, middle), 3.5, 3.5)

    def _paint_chance(self, painter: QPainter, box: QRectF, bottom: float) -> None:
        """The axis of the whiskers, from 0 to 1, with chance on it; what chance is stands above."""
        said = f"chance {wording.share(self.shown.scores[0].chance)}"
        write(painter, QRectF(box.left(), 2, box.width() + 6, HEAD), said, 8.5, theme.DIM)
        painter.setPen(QPen(QColor(theme.EDGE), 1))
        for end in (box.left(), box.right()):
            painter.drawLine(QPointF(end, HEAD + 2), QPointF(end, bottom))
        chance = box.left() + self.shown.scores[0].chance * box.width()
        painter.setPen(QPen(QColor(theme.DIM), 1, Qt.PenStyle.DashLine))
        painter.drawLine(QPointF(chance, HEAD), QPointF(chance, bottom))

    def _paint_words(self, painter: QPainter, box: QRectF) -> None:
        old = self._stale_for is not None
        points = 9.0
        text, flags = "\n".join(self.lines()), Qt.TextFlag.TextWordWrap | Qt.AlignmentFlag.AlignLeft
        while points > 7.5:
            painter.setFont(theme.font(points))
            if painter.boundingRect(box, flags, text).height() <= box.height():
                break
            points -= 0.5
        painter.setPen(QColor(theme.STALE if old else theme.TEXT))
        painter.drawText(box, flags, text)
