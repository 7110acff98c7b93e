"""The start screen's parts and their places: three columns above, the check and the buttons below."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QSplitter, QStackedWidget, QVBoxLayout, QWidget

from rtbci_ui import theme
from rtbci_ui.start.chosen_view import ChosenView
from rtbci_ui.start.launch_bar import LaunchBar
from rtbci_ui.start.recents_view import RecentsView
from rtbci_ui.start.recording_view import RecordingView
from rtbci_ui.start.streams_view import StreamsView


class Screen(QWidget):
    """What there is to see; `rtbci_ui.start.choosing` and `rtbci_ui.start.window` say what it does."""

    def __init__(self) -> None:
        super().__init__()
        self.recents, self.chosen, self.recording = RecentsView(), ChosenView(), RecordingView()
        self.streams, self.bar = StreamsView(), LaunchBar()
        self.setWindowTitle("rtbci")
        ground = self.palette()
        ground.setColor(QPalette.ColorRole.Window, QColor(theme.PANEL))
        self.setPalette(ground)
        self.setAutoFillBackground(True)
        self._build()
        self.resize(1200, 680)

    def _build(self) -> None:
        self.notice = QLabel()
        self.notice.setWordWrap(True)
        self.notice.setOpenExternalLinks(True)
        self.notice.setTextInteractionFlags(Qt.TextInteractionFlag.TextBrowserInteraction)
        self.notice_button = QPushButton("Open a window on it")
        self.notice_button.setToolTip("The session goes on without a window")
        top = self.notice_frame = QFrame()
        top.setObjectName("notice")
        top.setStyleSheet(f"#notice {{ background: {theme.NOTICE_BACK}; }} #notice QLabel {{ color: #ffffff; }}")
        row = QHBoxLayout(top)
        row.setContentsMargins(10, 4, 10, 4)
        row.addWidget(self.notice, 1)
        row.addWidget(self.notice_button)
        self.middle = QStackedWidget()
        self.middle.addWidget(self.chosen)
        self.middle.addWidget(self.recording)
        across = QSplitter(Qt.Orientation.Horizontal)
        places = ((self.recents, 230, 1), (self.middle, 320, 2), (self.streams, 450, 4))  # 1024 pixels in all at least
        for number, (widget, least, stretch) in enumerate(places):
            widget.setMinimumWidth(least)
            across.addWidget(widget)
            across.setStretchFactor(number, stretch)
        down = QSplitter(Qt.Orientation.Vertical)
        down.addWidget(across)
        down.addWidget(self.bar)
        down.setStretchFactor(0, 3)
        down.setStretchFactor(1, 1)
        down.setSizes([440, 240])
        for splitter in (across, down):
            splitter.setChildrenCollapsible(False)
            splitter.setHandleWidth(5)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(top)
        layout.addWidget(down, 1)
        top.hide()

    def say(self, html: str) -> None:
        """Put one line on top of the screen."""
        self.notice.setText(html)
        self.notice_button.hide()
        self.notice_frame.show()
