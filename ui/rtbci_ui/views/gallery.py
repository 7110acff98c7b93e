"""What is seen, says the decoder: the most probable pictures, the first one large, beside the one that is truly shown."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from rtbci.types import Retrieved
from rtbci_ui import retrieval_words as words
from rtbci_ui import theme, wording
from rtbci_ui.retrieval_feed import RetrievalFeed
from rtbci_ui.thumbnails import Thumbnails, paint
from rtbci_ui.views.lettering import RIGHT, font, write
from rtbci_ui.views.marks import colour, paint_mark
from rtbci_ui.views.places import FOOT, HEAD, NAME, PAD, places

NO_TRUTH = "no marker tells what is shown"


class GalleryView(QWidget):
    """The newest retrieval of one decoder; grey, with its age in words, where it is too old to act upon."""

    def __init__(self, thumbnails: Thumbnails, now: Callable[[], float]) -> None:
        super().__init__()
        self._thumbnails, self._now = thumbnails, now
        self._feed: RetrievalFeed | None = None
        self._ended = False
        self._stale_for: float | None = None
        self._shown: tuple[object, ...] = ()
        self._age = ""
        self.zoom = 1.0
        self.setMinimumSize(300, 170)

    def look_at(self, feed: RetrievalFeed | None) -> None:
        """Show another decoder."""
        self._feed = feed

    def know(self, ended: bool, stale_for: float | None) -> None:
        """Whether the session has ended, or for how long it has been silent."""
        self._ended, self._stale_for = ended, stale_for

    @property
    def newest(self) -> Retrieved | None:
        """What is shown."""
        return self._feed.newest if self._feed is not None else None

    @property
    def stale(self) -> bool:
        """Whether what is shown is too old to act upon."""
        fresh = self._feed.freshness(self._now()) if self._feed is not None else None
        return not self._ended and fresh is not None and (fresh.stale or self._stale_for is not None)

    def verdict(self) -> str:
        """The large words."""
        if self._feed is None or self.newest is None:
            return "no retrieval yet"
        if self.stale:
            return "STALE"
        return words.verdict(self.newest, self._feed.name_of(self.newest.answer))

    def age(self) -> str:
        """How old what is shown is, in words."""
        fresh = self._feed.freshness(self._now()) if self._feed is not None else None
        if fresh is None:
            return ""
        if self._ended:
            return "session ended; this was the last one"
        tenths = f"{fresh.age:.1f} s" if fresh.age < 99.95 else wording.duration(fresh.age)
        return f"nothing newer for {tenths}" if self.stale else f"window ended {tenths} ago"

    def ground(self) -> str:
        """What stands behind the newest retrieval."""
        newest = self.newest
        if newest is None:
            return ""
        said = [words.repeats(newest.repeats)] if newest.marker_time == newest.marker_time else ["sliding window"]
        if newest.rest == newest.rest:
            said.append(f"as sure as {words.percent(newest.rest)} of windows without a picture")
        return " · ".join(said)

    def truth(self) -> tuple[int, str]:
        """The item that is truly shown, and its rank in words; (-1, that nothing tells)."""
        if self._feed is None or self._feed.ring is None:
            return -1, NO_TRUTH
        item, rank, _ = self._feed.truth()
        return (item, words.rank(rank, self._feed.ring.n_items)) if item >= 0 else (-1, NO_TRUTH)

    def candidates(self) -> list[tuple[int, str, str]]:
        """Rank, name and probability of each candidate, as they are shown."""
        newest, feed = self.newest, self._feed
        if newest is None or feed is None:
            return []
        shares = np.exp(newest.log_probs)
        return [
            (k + 1, feed.name_of(int(item)), words.percent(float(shares[k]))) for k, item in enumerate(newest.items)
        ]

    def refresh(self) -> None:
        """Look again; paint what is another."""
        feed = self._feed
        shown = (
            id(feed),
            feed and feed.looked,
            self.truth(),
            self.stale,
            self._ended,
            self.zoom,
            feed and feed.bank is not None,
        )
        age = self.age()
        if shown != self._shown:
            self._shown, self._age = shown, age
            self.setToolTip("\n".join(f"{number}: {name}, {share}" for number, name, share in self.candidates()))
            self._thumbnails.look_at(feed.bank if feed else None)
            self.update()
        elif age != self._age:
            self._age = age
            self.update(0, 0, self.width(), int((HEAD - 4) * self.zoom))

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw head and pictures, or the head alone where only the age is another."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.fillRect(event.rect(), QColor(theme.PANEL))
        self._paint_head(painter)
        newest = self.newest
        if newest is not None and self._feed is not None and event.rect().bottom() >= HEAD * self.zoom:
            self._paint_pictures(painter, self._feed, newest)
        painter.end()

    def _paint_head(self, painter: QPainter) -> None:
        stale, newest, zoom = self.stale, self.newest, self.zoom
        line = QRectF(PAD, 3, self.width() - 2 * PAD, 26 * zoom)
        age = QRectF(line.left() + 0.55 * line.width(), line.top(), 0.45 * line.width(), line.height())
        shade = theme.ALARM if stale else theme.DIM
        used = write(painter, age, self._age, 10.0 * zoom, shade, bold=stale, side=RIGHT)
        claimed = newest is not None and newest.answer >= 0 and not stale
        shade = theme.ALARM if stale else theme.TEXT if claimed else theme.DIM
        write(painter, line.adjusted(0, 0, -used - 12, 0), self.verdict(), 15.0 * zoom, shade, bold=True)
        below = QRectF(PAD, line.bottom(), line.width(), 17 * zoom)
        write(painter, below, self.ground(), 8.5 * zoom, theme.STALE if stale else theme.DIM)

    def _paint_pictures(self, painter: QPainter, feed: RetrievalFeed, newest: Retrieved) -> None:
        grey = self.stale
        true, said = self.truth()
        pictures = feed.bank is not None and feed.bank.kind == "picture"
        where = places(self.width(), self.height(), len(newest.items) - 1, self.zoom, pictures)
        shares = np.exp(newest.log_probs)
        for k, row in enumerate(self.candidates()):
            item = int(newest.items[k])
            if k > 0:
                box, share, right = where.others[k - 1], float(shares[k]), item == true
                if pictures:
                    self._small(painter, box, row, item, share, right, where.named)
                else:
                    self._row(painter, box, row, share, right)
                continue
            self._large(painter, where.best, item, f"best: {row[2]}", row[1], grey)
            bar = QRectF(where.best.left(), where.best.bottom() + (FOOT - 5) * self.zoom, where.best.width(), 4)
            _bar(painter, bar, float(shares[0]), grey)
            if true >= 0:
                _frame(painter, where.best, item == true, grey)
                size = 26.0 * self.zoom
                mark = QRectF(where.best.right() - size - 5, where.best.top() + 5, size, size)
                paint_mark(painter, mark, item == true, hollow=newest.answer < 0, grey=grey)
        if true >= 0:
            self._large(painter, where.true, true, f"shown: {said}", feed.name_of(true), grey)
            return
        painter.setPen(QPen(QColor(theme.EDGE), 1, Qt.PenStyle.DashLine))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRect(where.true.adjusted(0.5, 0.5, -0.5, -0.5))
        painter.setPen(QColor(theme.DIM))
        painter.setFont(font(9.0, self.zoom))
        inner = where.true.adjusted(8, 8, -8, -8)
        painter.drawText(inner, Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, NO_TRUTH)

    def _large(self, painter: QPainter, box: QRectF, item: int, title: str, name: str, grey: bool) -> None:
        zoom = self.zoom
        paint(painter, box, self._thumbnails, item, name, grey=grey, points=13.0 * zoom)
        line = QRectF(box.left(), box.bottom() + 2, box.width(), 20 * zoom)
        write(painter, line, title, 11.0 * zoom, theme.STALE if grey else theme.TEXT, bold=True)
        write(
            painter,
            line.translated(0, 19 * zoom),
            name,
            9.0 * zoom,
            theme.STALE if grey else theme.DIM,
            least=8.5 * zoom,
        )

    def _small(
        self,
        painter: QPainter,
        box: QRectF,
        row: tuple[int, str, str],
        item: int,
        share: float,
        right: bool,
        named: bool,
    ) -> None:
        number, name, text = row
        zoom, grey = self.zoom, self.stale
        picture = QRectF(box.left(), box.top(), min(box.width(), box.height()), box.height())
        paint(painter, picture, self._thumbnails, item, name, grey=grey, points=8.0 * zoom)
        if right:
            _frame(painter, picture, True, grey)
        shade = theme.STALE if grey else theme.TEXT
        line = QRectF(box.left(), picture.bottom() + 1, picture.width(), 16 * zoom)
        used = write(painter, line, f"{number}", 10.0 * zoom, shade, bold=True)
        write(painter, line.adjusted(used + 3, 0, 0, 0), text, 9.0 * zoom, shade, side=RIGHT)
        _bar(painter, QRectF(line.left(), line.bottom(), line.width(), 3), share, grey)
        if named:
            below = QRectF(line.left(), line.bottom() + 4, line.width(), NAME * zoom)
            write(painter, below, name, 8.0 * zoom, theme.STALE if grey else theme.DIM, least=8.0 * zoom)

    def _row(self, painter: QPainter, box: QRectF, row: tuple[int, str, str], share: float, right: bool) -> None:
        number, name, text = row
        zoom, grey = self.zoom, self.stale
        shade = theme.STALE if grey else colour(True) if right else theme.TEXT
        line = box.adjusted(0, 0, 0, -6)
        write(painter, line, f"{number}", 11.0 * zoom, shade, bold=True)
        used = write(painter, line, text, 9.5 * zoom, shade, side=RIGHT)
        write(painter, line.adjusted(26 * zoom, 0, -used - 6, 0), name, 9.5 * zoom, shade, least=8.5 * zoom)
        _bar(painter, QRectF(box.left(), box.bottom() - 5, box.width(), 3), share, grey)


def _bar(painter: QPainter, box: QRectF, share: float, grey: bool) -> None:
    painter.fillRect(box, QColor(theme.TROUGH))
    filled = QRectF(box.left(), box.top(), box.width() * share, box.height())
    painter.fillRect(filled, QColor(theme.STALE if grey else theme.TEXT))


def _frame(painter: QPainter, box: QRectF, right: bool, grey: bool) -> None:
    painter.setPen(QPen(QColor(theme.STALE if grey else colour(right)), 3))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawRect(box.adjusted(1, 1, -1, -1))
