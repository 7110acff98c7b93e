"""A picture that a generator drew of what the decoder says: never to be taken for one that was seen."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPaintEvent, QPen, QPixmap
from PySide6.QtWidgets import QWidget

from rtbci.rendered import Rendered
from rtbci_ui import retrieval_words as words
from rtbci_ui import theme, wording
from rtbci_ui.retrieval_feed import RetrievalFeed
from rtbci_ui.thumbnails import fitted
from rtbci_ui.views.lettering import font, write

TITLE = "generated, not seen"
HEAD, PAD = 50, 8


class RenderedView(QWidget):
    """The newest drawn picture, of which window it was drawn, how old that is, and how its renderer is doing."""

    def __init__(self, now: Callable[[], float]) -> None:
        super().__init__()
        self._now = now
        self._feed: RetrievalFeed | None = None
        self._ended = False
        self._stale_for: float | None = None
        self._shown: tuple[object, ...] = ()
        self._age = ""
        self.zoom = 1.0
        self._made: tuple[object, ...] = ()
        self._pixmap: QPixmap | None = None
        self.setMinimumSize(140, 170)

    def look_at(self, feed: RetrievalFeed | None) -> None:
        """Show another decoder."""
        self._feed = feed

    def know(self, ended: bool, stale_for: float | None) -> None:
        """Whether the session has ended, or for how long it has been silent."""
        self._ended, self._stale_for = ended, stale_for

    @property
    def wanted(self) -> bool:
        """Whether there is a renderer for this decoder, or a picture of it."""
        feed = self._feed
        if feed is None:
            return False
        return feed.rendered is not None or (
            bool(feed.renderer) and feed.renderer.get("decoder", feed.name) == feed.name
        )

    @property
    def stale(self) -> bool:
        """Whether the window that was drawn is too old to act upon."""
        fresh = self._feed.rendered_freshness(self._now()) if self._feed is not None else None
        return not self._ended and fresh is not None and (fresh.stale or self._stale_for is not None)

    def age(self) -> str:
        """How old the window is that was drawn."""
        fresh = self._feed.rendered_freshness(self._now()) if self._feed is not None else None
        if fresh is None:
            return "nothing drawn yet"
        if self._ended:
            return "session ended"
        tenths = f"{fresh.age:.1f} s" if fresh.age < 99.95 else wording.duration(fresh.age)
        return f"STALE: window {tenths} ago" if self.stale else f"of the window {tenths} ago"

    def lines(self) -> list[str]:
        """What stands below the picture."""
        feed = self._feed
        if feed is None:
            return []
        then = feed.drawn_of()
        said = [f"shown then: {feed.name_of(then)}"] if then >= 0 else []
        return said + words.drawing(feed.rendered, feed.renderer)

    def refresh(self) -> None:
        """Look again; paint what is another."""
        feed = self._feed
        shown = (id(feed), feed and feed.drawn, self.stale, self.zoom, tuple(self.lines()))
        age = self.age()
        if shown != self._shown:
            self._shown, self._age = shown, age
            self.update()
        elif age != self._age:
            self._age = age
            self.update(0, 0, self.width(), int((HEAD - 4) * self.zoom))

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the words and the picture."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.fillRect(event.rect(), QColor(theme.PANEL))
        stale = self.stale
        width = self.width() - 2 * PAD
        zoom = self.zoom
        title = QRectF(PAD, 3, width, 26 * zoom)
        write(painter, title, TITLE, 11.0 * zoom, theme.STALE if stale else theme.MARKER, bold=True)
        line = QRectF(PAD, title.bottom(), width, 17 * zoom)
        write(painter, line, self._age, 9.0 * zoom, theme.ALARM if stale else theme.DIM, bold=stale)
        if event.rect().bottom() >= HEAD * zoom:
            self._paint_picture(painter, width, stale)
        painter.end()

    def _paint_picture(self, painter: QPainter, width: int, stale: bool) -> None:
        text, wrap = "\n".join(self.lines()), Qt.TextFlag.TextWordWrap
        painter.setFont(font(8.5, self.zoom))
        high = painter.fontMetrics().boundingRect(0, 0, width, 10_000, wrap, text).height()
        top = HEAD * self.zoom
        side = int(max(40, min(width, self.height() - top - high - 8)))
        box = QRectF(PAD, top, side, side)
        problem = self._feed is not None and bool(self._feed.renderer.get("problem"))
        painter.setPen(QColor(theme.WARNING if problem else theme.STALE if stale else theme.DIM))
        painter.drawText(QRectF(PAD, box.bottom() + 4, width, self.height() - box.bottom() - 5), wrap, text)
        self.setToolTip(text)
        picture = self._feed.rendered if self._feed is not None else None
        if picture is not None:
            pixmap = self._fit(picture, side - 6, stale)
            left = box.left() + (side - pixmap.width()) / 2
            painter.drawPixmap(int(left), int(box.top() + (side - pixmap.height()) / 2), pixmap)
        painter.setPen(QPen(QColor(theme.STALE if stale else theme.MARKER), 2, Qt.PenStyle.DashLine))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRect(box.adjusted(1, 1, -1, -1))

    def _fit(self, picture: Rendered, side: int, stale: bool) -> QPixmap:
        made = (id(picture), side, stale)
        if self._pixmap is None or made != self._made:
            height, width, _ = picture.pixels.shape
            image = QImage(picture.pixels.tobytes(), width, height, 3 * width, QImage.Format.Format_RGB888).copy()
            self._pixmap, self._made = fitted(image, side, side, stale), made
        return self._pixmap
