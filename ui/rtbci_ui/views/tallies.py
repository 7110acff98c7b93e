"""What all of it has been worth so far: accuracies with everything that they are to be read with."""

from __future__ import annotations

from itertools import pairwise

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from rtbci_ui import retrieval_words as words
from rtbci_ui import theme, wording
from rtbci_ui.retrieval_feed import RetrievalFeed
from rtbci_ui.retrieval_words import Line, Share
from rtbci_ui.views.lettering import font, write

HEAD, TITLES, ROW = 20, 15, 26
NOTE = (
    "Intervals are Wilson's, 95 %, as if trials were independent: averaged ones share presentations, theirs are too narrow."
    "\nShuffled: what the same answers are expected to reach for truths in random order."
    "\nTop-1 and top-5 count every trial, also those in which rtbci abstained."
)
_SHARES = (0.29, 0.335, 0.225, 0.15)
"""Of the width: what was ranked, top-1, top-5, median rank."""


class TalliesView(QWidget):
    """The bank, and a row for each kind of candidates: single presentations, averaged ones; items, class centres."""

    def __init__(self) -> None:
        super().__init__()
        self._feed: RetrievalFeed | None = None
        self._shown: tuple[object, ...] = ()
        self._lines: list[Line] = []
        self._bank = ""
        self._problem = ""
        self._stale_for: float | None = None
        self.zoom = 1.0
        self.setMinimumSize(400, HEAD + TITLES + 4 * ROW + 2)
        self.setToolTip(NOTE)

    def look_at(self, feed: RetrievalFeed | None) -> None:
        """Show another decoder."""
        self._feed = feed

    def know(self, ended: bool, stale_for: float | None) -> None:
        """For how long the session has been silent, where that is too long."""
        self._stale_for = None if ended else stale_for

    def bank(self) -> str:
        """The bank in words, or what is wrong with it; with its age where the session is silent."""
        old = f" ({wording.age_ms(self._stale_for)} old)" if self._stale_for is not None else ""
        return (self._problem or self._bank) + old

    def lines(self) -> list[Line]:
        """The rows."""
        return self._lines

    def refresh(self) -> None:
        """Look again; count where a trial has come."""
        feed = self._feed
        shown = (id(feed), feed and feed.told, feed and feed.ring, feed and feed.problem, self._stale_for, self.zoom)
        if shown == self._shown:
            return
        self._shown = shown
        self._lines, self._bank, self._problem = [], "no bank yet", ""
        if feed is not None and feed.ring is not None:
            noun = words.noun(feed.bank.kind if feed.bank is not None else "")
            self._lines = [words.line(tally, noun) for tally in feed.session.tallies()]
            self._problem = feed.problem
            n = feed.ring.n_items
            said = [feed.ring.bank.name, f"{wording.count(n)} {noun}"]
            if feed.bank is not None and feed.bank.classes:
                said.append(f"{wording.count(len(feed.bank.classes))} classes")
            said.append(f"chance top-1 {words.percent(1 / n)}")
            if n > 5:
                said.append(f"top-5 {words.percent(5 / n)}")
            self._bank = " · ".join(said)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the rows."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(theme.PANEL))
        room, zoom = self.width() - 20.0, self.zoom
        stale = self._stale_for is not None
        shade = theme.ALARM if self._problem else theme.STALE if stale else theme.TEXT
        write(painter, QRectF(10, 2, room, HEAD * zoom), self.bank(), 9.5 * zoom, shade, bold=True)
        edges = [10.0]
        for share in _SHARES:
            edges.append(edges[-1] + share * room)
        if not self._lines:
            painter.setFont(font(9.0, zoom))
            painter.setPen(QColor(theme.DIM))
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, "no trial has ended yet: nothing to count")
        else:
            for title, left in zip(("trials", "top-1", "top-5", "median rank"), edges, strict=False):
                write(painter, QRectF(left, HEAD * zoom, 160, TITLES * zoom), title, 8.5 * zoom, theme.DIM)
            top = (HEAD + TITLES) * zoom
            high = min(34.0 * zoom, (self.height() - top - 2) / len(self._lines))
            for row, line in enumerate(self._lines):
                self._paint_row(painter, line, top + row * high, high, edges, stale)
        painter.end()

    def _paint_row(
        self, painter: QPainter, line: Line, top: float, high: float, edges: list[float], stale: bool
    ) -> None:
        boxes = [QRectF(left, top, right - left - 8, high) for left, right in pairwise(edges)]
        shade = theme.STALE if stale else theme.TEXT
        self._two(painter, boxes[0], line.what, line.trials, shade)
        self._share(painter, boxes[1], line.top1, shade)
        if line.top5 is not None:
            self._share(painter, boxes[2], line.top5, shade)
        else:
            self._two(painter, boxes[2], wording.UNKNOWN, "cannot miss among so few", theme.DIM)
        self._two(painter, boxes[3], line.median, f"chance {line.chance_median}", shade)

    def _share(self, painter: QPainter, box: QRectF, share: Share, shade: str) -> None:
        points = 13.0 * self.zoom
        painter.setFont(font(points, bold=True))
        wide = painter.fontMetrics().horizontalAdvance("99.9 % ")
        write(painter, box, share.value, points, shade, bold=True)
        below = f"chance {share.chance}"
        if share.shuffled:
            below = f"{below.removesuffix(' %')}, shuffled {share.shuffled}"
        self._two(painter, box.adjusted(wide, 0, 0, 0), share.interval, below, shade)

    def _two(self, painter: QPainter, box: QRectF, first: str, second: str, shade: str) -> None:
        half = (box.height() - 4) / 2
        points = min(9.0 * self.zoom, half * 0.7)
        write(painter, QRectF(box.left(), box.top(), box.width(), half), first, points, shade)
        dim = theme.STALE if shade == theme.STALE else theme.DIM
        write(painter, QRectF(box.left(), box.top() + half, box.width(), half), second, points, dim)
