"""Decoded images, all there is to see of them in one place; in the window, or alone on a screen of their own."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtGui import QCloseEvent, QColor, QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from rtbci_ui import retrieval_words as words
from rtbci_ui import theme, wording
from rtbci_ui.retrieval_feed import RetrievalFeed
from rtbci_ui.run import Run
from rtbci_ui.thumbnails import Thumbnails
from rtbci_ui.views.filmstrip import FilmstripView
from rtbci_ui.views.gallery import GalleryView
from rtbci_ui.views.lettering import font
from rtbci_ui.views.rank_history import RankHistoryView
from rtbci_ui.views.rendered import RenderedView
from rtbci_ui.views.tallies import TalliesView

FILM = "past stimuli"
HISTORY = "rank: ● single  ◆ averaged"


def _title(text: str) -> QLabel:
    label = QLabel(text)
    label.setFont(theme.font(9.0, bold=True))
    label.setStyleSheet(f"color: {theme.DIM}")
    label.setMinimumWidth(1)
    return label


class ImagesView(QWidget):
    """Gallery, drawn picture, filmstrip, accuracies and rank history of one decoder.

    ``refresh()`` costs microseconds while nothing is new; each part paints itself only where what it shows is another.
    """

    def __init__(self, feed: RetrievalFeed | None, now: Callable[[], float]) -> None:
        super().__init__()
        self._now = now
        self._feed: RetrievalFeed | None = None
        self._ended = False
        self._told: tuple[object, ...] = ()
        self._claims = ""
        self.thumbnails = Thumbnails()
        self.gallery = GalleryView(self.thumbnails, now)
        self.rendered = RenderedView(now)
        self.rendered.hide()
        self.film = FilmstripView(self.thumbnails, now)
        self.tallies = TalliesView()
        self.history = RankHistoryView()
        self.film_title = _title(FILM)
        self.history_title = _title(HISTORY)
        above = QHBoxLayout()
        above.setSpacing(4)
        above.addWidget(self.gallery, 100)
        above.addWidget(self.rendered, 33)
        middle = QHBoxLayout()
        middle.setSpacing(8)
        for title, view, share in ((self.film_title, self.film, 64), (self.history_title, self.history, 36)):
            column = QVBoxLayout()
            column.setSpacing(1)
            column.addWidget(title)
            column.addWidget(view, 1)
            middle.addLayout(column, share)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(3)
        layout.addLayout(above, 50)
        layout.addLayout(middle, 26)
        layout.addWidget(self.tallies, 27)
        self.look_at(feed)

    def look_at(self, feed: RetrievalFeed | None) -> None:
        """Show another decoder, or that this one retrieves nothing."""
        self._feed = feed
        for view in (self.gallery, self.rendered, self.film, self.tallies, self.history):
            view.look_at(feed)

    def know(self, ended: bool, stale_for: float | None = None) -> None:
        """Whether the session has ended: then what is shown is final, not stale; or for how long it has been silent."""
        self._ended = ended
        for view in (self.gallery, self.rendered, self.film, self.tallies, self.history):
            view.know(ended, stale_for)

    def refresh(self) -> None:
        """Look again."""
        if self.rendered.isHidden() == self.rendered.wanted:
            self.rendered.setVisible(self.rendered.wanted)
        self.thumbnails.look_at(self._feed.bank if self._feed is not None else None)
        for view in (self.gallery, self.rendered, self.film, self.tallies, self.history):
            view.refresh()
        said = self._film_words()
        if said != self.film_title.text():
            self.film_title.setText(said)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Letters grow with the place that there is: they are read from where the pictures are seen."""
        super().resizeEvent(event)
        zoom = min(max(0.9, min(self.width() / 720, self.height() / 590)), 2.5)
        zoom = round(20 * zoom) / 20
        for view in (self.gallery, self.rendered, self.film, self.tallies, self.history):
            view.zoom = zoom
        for title in (self.film_title, self.history_title):
            title.setFont(font(9.0, zoom, bold=True))

    def _film_words(self) -> str:
        feed = self._feed
        if feed is None or not feed.session.trials:
            return FILM
        told = (id(feed), feed.told)
        if told != self._told:
            self._told, self._claims = told, words.claims(feed.session)
        said = [FILM, *([self._claims, "hollow: abstained"] if self._claims else [])]
        if not self._ended:
            said[0] = f"{FILM}, {wording.duration(self._now() - feed.session.trials[-1].time)} ago"
        return " · ".join(said)


class ImagesWindow(QWidget):
    """An `ImagesView` alone on the whole screen; Escape, F11 or Shift+I closes it."""

    def __init__(self, run: Run) -> None:
        super().__init__(None, Qt.WindowType.Window)
        self._run = run
        self._wanted = ""
        self.view = ImagesView(None, run.now)
        self.setWindowTitle("rtbci – images")
        palette = self.palette()
        palette.setColor(self.backgroundRole(), QColor(theme.BACKGROUND))
        self.setPalette(palette)
        self.setAutoFillBackground(True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.addWidget(self.view)
        self.resize(1200, 680)

    def select(self, name: str) -> None:
        """Show decoder ``name`` where it looks in a bank, the first one that does otherwise."""
        self._wanted = name

    def refresh(self) -> None:
        """Look again."""
        retrievals, status = self._run.retrievals, self._run.status
        self.view.look_at(retrievals.get(self._wanted) or next(iter(retrievals.values()), None))
        self.view.know(status is not None and status.state == "ended", self._run.stale_for)
        self.view.refresh()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Close on the keys that opened it."""
        shift_i = event.key() == Qt.Key.Key_I and event.modifiers() == Qt.KeyboardModifier.ShiftModifier
        if event.key() in (Qt.Key.Key_Escape, Qt.Key.Key_F11) or shift_i:
            self.close()
        else:
            super().keyPressEvent(event)

    def closeEvent(self, event: QCloseEvent) -> None:
        """Go; the session and the main window go on."""
        event.accept()
