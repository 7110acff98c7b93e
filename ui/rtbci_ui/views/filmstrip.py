"""Past stimuli, newest right: what was shown over what was answered, with hit or miss and the rank."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, QRectF, Qt
from PySide6.QtGui import QColor, QHelpEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QToolTip, QWidget

from rtbci_ui import retrieval_words as words
from rtbci_ui import theme, wording
from rtbci_ui.retrieval_feed import RetrievalFeed
from rtbci_ui.tallies import Trial
from rtbci_ui.thumbnails import Thumbnails, paint
from rtbci_ui.views.lettering import LEFT, RIGHT, font, write
from rtbci_ui.views.marks import paint_mark

GUTTER, LINE = 44, 22
FRAMES = 8
"""Trials that are to be seen at least."""


class FilmstripView(QWidget):
    """One column per trial; painted when a trial has come."""

    def __init__(self, thumbnails: Thumbnails, now: Callable[[], float]) -> None:
        super().__init__()
        self._thumbnails, self._now = thumbnails, now
        self._feed: RetrievalFeed | None = None
        self._shown: tuple[object, ...] = ()
        self._grey = False
        self.zoom = 1.0
        self.setMinimumHeight(104)

    def look_at(self, feed: RetrievalFeed | None) -> None:
        """Show another decoder."""
        self._feed = feed

    def know(self, ended: bool, stale_for: float | None) -> None:
        """Whether the session has ended, or for how long it has been silent: then this may not be all that there is."""
        self._grey = stale_for is not None and not ended

    @property
    def side(self) -> float:
        """Pixels of a picture's side: as high as fits, but `FRAMES` beside each other."""
        wide = (self.width() - GUTTER * self.zoom) / FRAMES - 8
        return max(32.0, min((self.height() - LINE * self.zoom - 10) / 2, wide))

    @property
    def wide(self) -> float:
        """Pixels of a frame's width: words need more than pictures."""
        bank = self._feed.bank if self._feed is not None else None
        if bank is None or bank.kind == "picture":
            return self.side
        return max(self.side, (self.width() - GUTTER * self.zoom) / (FRAMES // 2) - 8)

    @property
    def fit(self) -> int:
        """How many frames there is room for."""
        return max(1, int((self.width() - GUTTER * self.zoom) // (self.wide + 8)))

    def frames(self) -> list[Trial]:
        """The trials that fit, oldest first."""
        return self._feed.session.trials[-self.fit :] if self._feed is not None else []

    def texts(self) -> list[str]:
        """What each frame says, for whoever cannot see it."""
        return [self._text(trial) for trial in self.frames()]

    def refresh(self) -> None:
        """Look again; paint where a trial has come."""
        feed = self._feed
        shown = (id(feed), feed and feed.told, self.zoom, feed and feed.bank is not None, self._grey)
        if shown != self._shown:
            self._shown = shown
            self.update()

    def event(self, event: QEvent) -> bool:
        """Say all of a frame where the mouse rests on it."""
        if isinstance(event, QHelpEvent):
            for trial, box in zip(self.frames(), self._boxes(), strict=True):
                if box.contains(event.pos()):
                    ago = wording.duration(self._now() - trial.time)
                    QToolTip.showText(event.globalPos(), f"{ago} ago: {self._text(trial)}", self)
                    return True
        return bool(super().event(event))

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the frames."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.fillRect(self.rect(), QColor(theme.PANEL))
        side, feed, zoom = self.side, self._feed, self.zoom
        for row, title in enumerate(("shown", "best")):
            box = QRectF(0, 4 + row * (side + 2), GUTTER * zoom - 6, side)
            write(painter, box, title, 8.5 * zoom, theme.DIM, side=RIGHT)
        foot = QRectF(0, 9 + 2 * side, GUTTER * zoom - 6, LINE * zoom - 3)
        write(painter, foot, "rank", 8.5 * zoom, theme.DIM, side=RIGHT)
        if feed is None or not feed.session.trials:
            painter.setFont(font(9.0, zoom))
            painter.setPen(QColor(theme.DIM))
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, "no trial has ended yet")
        else:
            for trial, box in zip(self.frames(), self._boxes(), strict=True):
                self._paint_frame(painter, feed, trial, box)
        painter.end()

    def _boxes(self) -> list[QRectF]:
        step = (self.width() - GUTTER * self.zoom) / self.fit
        n = len(self.frames())
        left = self.width() - n * step
        return [QRectF(left + k * step, 4, self.wide, self.height() - 4) for k in range(n)]

    def _paint_frame(self, painter: QPainter, feed: RetrievalFeed, trial: Trial, box: QRectF) -> None:
        side, grey = self.side, self._grey
        shown = QRectF(box.left(), box.top(), box.width(), side)
        best = shown.translated(0, side + 2)
        truth = feed.name_of(trial.truth)
        paint(painter, shown, self._thumbnails, trial.truth, truth, grey=grey, points=8.0 * self.zoom)
        name = feed.name_of(trial.best) if trial.best >= 0 else "several are best"
        paint(painter, best, self._thumbnails, trial.best, name, grey=grey, points=8.0 * self.zoom)
        zoom = self.zoom
        line = QRectF(box.left(), best.bottom() + 3, box.width() + 6, LINE * zoom - 3)
        size = 17.0 * zoom
        mark = QRectF(line.left(), line.top() + 1, size, size)
        paint_mark(painter, mark, trial.hit, hollow=trial.abstained, grey=grey)
        shade = theme.STALE if grey else theme.TEXT
        at = line.adjusted(size + 4, 0, 0, 0)
        used = write(painter, at, wording.count(trial.rank), 10.0 * zoom, shade, bold=True) + 3
        if trial.repeats > 1 and at.width() - used >= 16 * zoom:
            write(painter, at.adjusted(used, 0, 0, 0), f"×{trial.repeats}", 7.5 * zoom, theme.DIM, side=LEFT)

    def _text(self, trial: Trial) -> str:
        feed = self._feed
        assert feed is not None
        best = feed.name_of(trial.best) if trial.best >= 0 else "several"
        said = f"shown {feed.name_of(trial.truth)}, best {best}: {words.outcome(trial)}"
        return f"{said}, {words.rank(trial.rank, trial.candidates)}, {words.repeats(trial.repeats)}"
