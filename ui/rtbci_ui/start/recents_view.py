"""The left column: sessions that run, recent experiments, and ways to open others."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QLabel, QListWidget, QListWidgetItem, QMenu, QPushButton, QVBoxLayout, QWidget

from rtbci_ui import theme
from rtbci_ui.start.past import ago, changed, glimpse
from rtbci_ui.start.words import Words, teaching_html
from rtbci_ui.status import Status

_PLACE = Qt.ItemDataRole.UserRole


class RecentsView(QWidget):
    """Lists for the keyboard: Up and Down choose, Enter opens."""

    chosen = Signal(object)
    attach_wanted = Signal(object)
    template_wanted = Signal()
    experiment_wanted = Signal()
    recording_wanted = Signal()
    session_wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.running_title = QLabel("Running now")
        self.running = QListWidget()
        self.running.setToolTip("Sessions that run; Enter opens a window on one")
        self.title = QLabel("Recent experiments")
        for label in (self.running_title, self.title):
            label.setFont(theme.font(11.0, bold=True))
        self.list = QListWidget()
        self.list.setToolTip("Up and Down choose, Enter opens")
        self.empty = Words()
        self.empty.setMaximumHeight(120)
        self.empty.say(teaching_html("None yet.", "A template is a good beginning: Ctrl+N."))
        for view in (self.running, self.list):
            view.setTextElideMode(Qt.TextElideMode.ElideMiddle)
            view.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
            view.setUniformItemSizes(True)
        self.template = QPushButton("New from template…")
        self.template.setToolTip("Ctrl+N: motor imagery, P300, SSVEP, N170, MEG images, rest")
        self.open = QPushButton("Open experiment…")
        self.open.setToolTip("Ctrl+O: an experiment file (TOML)")
        self.other = QPushButton("Open recording or session…")
        self.other.setToolTip("See what a recording holds, rehearse with it, or look at a session that runs or has run")
        menu = QMenu(self.other)
        menu.addAction("Recording…", "Ctrl+R", self.recording_wanted.emit)
        menu.addAction("Session folder…", "Ctrl+Shift+O", self.session_wanted.emit)
        self.other.setMenu(menu)
        self.template.clicked.connect(self.template_wanted)
        self.open.clicked.connect(self.experiment_wanted)
        self.list.itemActivated.connect(lambda item: self.chosen.emit(item.data(_PLACE)))
        self.list.itemClicked.connect(lambda item: self.chosen.emit(item.data(_PLACE)))
        self.running.itemActivated.connect(lambda item: self.attach_wanted.emit(item.data(_PLACE)))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        for widget in (self.running_title, self.running, self.title, self.list, self.empty):
            layout.addWidget(widget)
        layout.addStretch(1)
        layout.setStretchFactor(self.list, 100)
        for button in (self.template, self.open, self.other):
            layout.addWidget(button)
        self.show_running([])

    def show_recent(self, paths: Sequence[Path], current: Path | None) -> None:
        """List ``paths``, the ``current`` one selected."""
        self.list.clear()
        for path in paths:
            name, used = glimpse(path)
            item = QListWidgetItem(f"{name}\n{used} · {_short(path)}")
            item.setToolTip(f"{path}\n{used}, changed {ago(changed(path))}")
            item.setData(_PLACE, path)
            item.setSizeHint(QSize(0, 42))
            self.list.addItem(item)
            if current is not None and path == current:
                self.list.setCurrentItem(item)
        self.list.setVisible(bool(paths))
        self.empty.setVisible(not paths)

    def show_running(self, sessions: Sequence[tuple[Path, Status]]) -> None:
        """List the sessions that run, or hide the list."""
        before = [self.running.item(k).data(_PLACE) for k in range(self.running.count())]
        words = [f"{status.name or 'session'} · {status.state}" for _, status in sessions]
        shown = [self.running.item(k).text() for k in range(self.running.count())]
        if before != [run for run, _ in sessions] or shown != words:
            row = self.running.currentRow()
            self.running.clear()
            for (run, status), text in zip(sessions, words, strict=True):
                item = QListWidgetItem(text)
                item.setToolTip(f"{status.session or run}\nEnter opens a window on it")
                item.setData(_PLACE, run)
                item.setSizeHint(QSize(0, 26))
                self.running.addItem(item)
            self.running.setCurrentRow(min(row, self.running.count() - 1))
        self.running.setFixedHeight(26 * min(len(sessions), 4) + 6)
        for widget in (self.running_title, self.running):
            widget.setVisible(bool(sessions))


def _short(path: Path) -> str:
    """``path`` with ~ for the home folder."""
    try:
        return f"~/{path.relative_to(Path.home())}"
    except ValueError:
        return str(path)
