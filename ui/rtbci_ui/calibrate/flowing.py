"""Words that flow over as many lines as they need, in columns that scroll."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QLabel, QSizePolicy

from rtbci_ui import theme


class Flowing(QLabel):
    """A label that is never squeezed: Qt gives wrapped words in a scroll area the height of one line."""

    def __init__(self, text: str = "", *, dim: bool = False) -> None:
        super().__init__(text)
        self.setWordWrap(True)
        self.setFont(theme.font(8.5 if dim else 9.0))
        self.setStyleSheet(f"color: {theme.DIM if dim else theme.TEXT}")
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.setTextInteractionFlags(Qt.TextInteractionFlag.TextBrowserInteraction)
        self.setOpenExternalLinks(True)

    def say(self, text: str) -> None:
        """Show ``text``."""
        if text != self.text():
            self.setText(text)
            self._stand()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """The width says how many lines there are."""
        super().resizeEvent(event)
        self._stand()

    def _stand(self) -> None:
        height = self.heightForWidth(self.width()) if self.text() else 0
        if height != self.minimumHeight():
            self.setMinimumHeight(max(height, 0))
