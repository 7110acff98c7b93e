"""Decoded images as a panel of the window, and the word that there are none where no decoder looks in a bank."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QStackedWidget, QVBoxLayout, QWidget

from rtbci_ui import theme
from rtbci_ui.run import Run
from rtbci_ui.views.images import ImagesView

NONE = (
    "No decoder looks in a bank of pictures.\n\n"
    "A [bank] in the experiment, and a decoder that gives embeddings, fill this panel."
)


class ImagesPanel(QWidget):
    """An `ImagesView` of the selected decoder, or of the first one that looks in a bank."""

    def __init__(self, run: Run) -> None:
        super().__init__()
        self._run = run
        self._wanted = ""
        self.view: ImagesView | None = None
        self.nothing = QLabel(NONE)
        self.nothing.setFont(theme.font(11.0))
        self.nothing.setWordWrap(True)
        self.nothing.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.nothing.setStyleSheet(f"color: {theme.DIM}; background: {theme.PANEL}; padding: 20px")
        self._stack = QStackedWidget()
        self._stack.addWidget(self.nothing)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._stack)

    @property
    def shown(self) -> str:
        """Name of the decoder whose images are shown, "" where there are none."""
        retrievals = self._run.retrievals
        return self._wanted if self._wanted in retrievals else next(iter(retrievals), "")

    def select(self, name: str) -> None:
        """Show decoder ``name`` where it looks in a bank."""
        self._wanted = name

    def refresh(self) -> None:
        """Look again."""
        feed = self._run.retrievals.get(self.shown)
        if feed is None:
            return
        if self.view is None:
            self.view = ImagesView(None, self._run.now)
            self._stack.addWidget(self.view)
            self._stack.setCurrentWidget(self.view)
        status = self._run.status
        self.view.look_at(feed)
        self.view.know(status is not None and status.state == "ended", self._run.stale_for)
        self.view.refresh()
