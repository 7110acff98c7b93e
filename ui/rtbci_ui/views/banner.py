"""The banner at the top: there is one exactly when there is something to say."""

from __future__ import annotations

from PySide6.QtGui import QColor
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QWidget

from rtbci_ui import theme
from rtbci_ui.banner import Banner, Level


class BannerView(QWidget):
    """Shows a `Banner`, or nothing at all."""

    def __init__(self) -> None:
        super().__init__()
        self.headline = QLabel()
        self.detail = QLabel()
        self.headline.setFont(theme.font(13.0, bold=True))
        self.detail.setFont(theme.font(10.5))
        self.detail.setWordWrap(True)
        for label in (self.headline, self.detail):
            label.setStyleSheet("color: white; background: transparent")
        self.detail.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(14, 7, 14, 7)
        layout.setSpacing(18)
        layout.addWidget(self.headline)
        layout.addWidget(self.detail, 1)
        self._shown: Banner | None = None
        self.setAutoFillBackground(True)
        self.hide()

    def say(self, banner: Banner | None) -> None:
        """Show ``banner``, or hide."""
        if banner == self._shown:
            return
        self._shown = banner
        self.setVisible(banner is not None)
        if banner is None:
            return
        palette = self.palette()
        backs = {Level.NOTICE: theme.NOTICE_BACK, Level.WARNING: theme.WARNING_BACK, Level.ALARM: theme.ALARM_BACK}
        palette.setColor(self.backgroundRole(), QColor(backs[banner.level]))
        self.setPalette(palette)
        self.headline.setText(banner.headline)
        self.detail.setText(banner.detail)
