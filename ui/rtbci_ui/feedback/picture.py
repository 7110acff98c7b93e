"""The picture that the decoder in charge says was seen; beside it the one that was drawn, where something draws."""

from __future__ import annotations

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPaintEvent, QPen, QPixmap
from PySide6.QtWidgets import QWidget

from rtbci.rendered import Rendered
from rtbci_ui import theme
from rtbci_ui.feedback.painting import letters, veil
from rtbci_ui.feedback.scene import Mood, in_charge, pause
from rtbci_ui.retrieval_feed import RetrievalFeed
from rtbci_ui.run import Run
from rtbci_ui.thumbnails import Thumbnails, fitted, paint

UNSURE = "not sure"
NO_BANK = "No decoder looks for pictures: press B for bars"


def retrieval(run: Run) -> RetrievalFeed | None:
    """What the decoder in charge finds; where it looks in no bank, what the first one finds that does."""
    decoder = in_charge(run)
    name = decoder.name if decoder is not None else ""
    return run.retrievals.get(name) or next(iter(run.retrievals.values()), None)


class PictureFeedback(QWidget):
    """What is claimed, as a picture with its name; an empty frame while the decoder abstains.

    Attributes
    ----------
    mood, words : whether it holds, and what is said where it does not.
    item : the picture's number in the bank, -1 while nothing is claimed. drawn : the drawn picture, while that is fresh.
    """

    def __init__(self) -> None:
        super().__init__()
        self.mood, self.words = Mood.WAITING, "Waiting for the decoder"
        self.item = -1
        self.name = ""
        self.drawn: Rendered | None = None
        self._feed: RetrievalFeed | None = None
        self._thumbnails = Thumbnails()
        self._shown: tuple[object, ...] = ()
        self._pixmap: tuple[Rendered, tuple[int, bool], QPixmap] | None = None

    def look(self, run: Run) -> None:
        """Take what holds now; what does not stays as it was, dimmed."""
        feed = retrieval(run)
        now = run.now()
        self.mood, self.words = pause(run, feed.freshness(now) if feed is not None else None, in_charge(run))
        if feed is None and self.mood is not Mood.ENDED and run.status is not None and run.status.decoders:
            self.mood, self.words = Mood.WAITING, NO_BANK
        if feed is not self._feed:
            self._feed, self.item, self.name, self.drawn = feed, -1, "", None
        self._thumbnails.look_at(feed.bank if feed is not None else None)
        if feed is not None and feed.newest is not None and self.mood is Mood.LIVE:
            self.item = feed.newest.answer
            self.name = feed.name_of(self.item) if self.item >= 0 else UNSURE
            fresh = feed.rendered_freshness(now)
            self.drawn = feed.rendered if fresh is not None and not fresh.stale else None
        shown = (self.mood, self.words, self.item, self.name, id(self.drawn), feed is None or feed.bank is None)
        if shown != self._shown:
            self._shown = shown
            self.update()

    def frames(self) -> tuple[QRectF, QRectF | None]:
        """Where the found picture stands, and the drawn one."""
        side = min(self.height() * 0.72, self.width() * (0.42 if self.drawn is not None else 0.8))
        top = (self.height() - side) * 0.36
        if self.drawn is None:
            return QRectF((self.width() - side) / 2, top, side, side), None
        gap = self.width() * 0.04
        left = (self.width() - 2 * side - gap) / 2
        return QRectF(left, top, side, side), QRectF(left + side + gap, top, side, side)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.fillRect(self.rect(), QColor(theme.BACKGROUND))
        if self._feed is not None:
            found, drawn = self.frames()
            grey = self.mood is not Mood.LIVE
            painter.setPen(QPen(QColor(theme.EDGE), 2))
            painter.setBrush(QColor(theme.PANEL))
            painter.drawRoundedRect(found.adjusted(-6, -6, 6, 6), 8, 8)
            if self.item >= 0:
                paint(painter, found, self._thumbnails, self.item, self.name, grey=grey, points=24.0)
            shade = theme.STALE if grey else theme.TEXT if self.item >= 0 else theme.DIM
            letters(painter, self._below(found), self.name, 0.5, shade)
            if drawn is not None and self.drawn is not None:
                pixmap = self._fit(self.drawn, int(drawn.width()), grey)
                left = drawn.center().x() - pixmap.width() / 2
                painter.drawPixmap(int(left), int(drawn.center().y() - pixmap.height() / 2), pixmap)
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.setPen(QPen(QColor(theme.MARKER), 3, Qt.PenStyle.DashLine))
                painter.drawRect(drawn.adjusted(-6, -6, 6, 6))
                letters(painter, self._below(drawn), "drawn by a computer", 0.5, theme.DIM)
        if self.mood is not Mood.LIVE:
            veil(painter, QRectF(self.rect()), self.words)
        painter.end()

    def _below(self, frame: QRectF) -> QRectF:
        return QRectF(frame.left(), frame.bottom() + 14, frame.width(), min(self.height() * 0.11, 90.0))

    def _fit(self, picture: Rendered, side: int, grey: bool) -> QPixmap:
        if self._pixmap is None or self._pixmap[0] is not picture or self._pixmap[1] != (side, grey):
            height, width, _ = picture.pixels.shape
            image = QImage(picture.pixels.tobytes(), width, height, 3 * width, QImage.Format.Format_RGB888).copy()
            self._pixmap = picture, (side, grey), fitted(image, side, side, grey)
        return self._pixmap[2]
