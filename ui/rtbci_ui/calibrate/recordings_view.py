"""Which recordings are trained on: this session's, ticked, and earlier ones that are added."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFileDialog,
    QHBoxLayout,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from rtbci_ui import wording

PATH = Qt.ItemDataRole.UserRole


class RecordingsView(QWidget):
    """A list with boxes to tick; `chosen` are the ticked ones, in order."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.list = QListWidget()
        self.list.setToolTip("Space ticks: what is ticked is trained on, from the oldest to the newest")
        self.list.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.list.setMinimumHeight(52)
        self.list.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setMinimumWidth(120)
        self.list.itemChanged.connect(lambda _: self.changed.emit())
        self.add = QPushButton("Add file…")
        self.add.setToolTip("A file of an earlier calibration")
        self.add.clicked.connect(self._ask_file)
        self.add_session = QPushButton("Add session…")
        self.add_session.setToolTip("The folder of an earlier session")
        self.add_session.clicked.connect(self._ask_folder)
        row = QHBoxLayout()
        row.addWidget(self.add)
        row.addWidget(self.add_session)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(3)
        column.addWidget(self.list, 1)
        column.addLayout(row)
        self._own: tuple[Path, ...] = ()

    def show_own(self, paths: Sequence[Path], growing: bool, n_bytes: int | None) -> None:
        """Put this session's recordings last; new ones come ticked."""
        for path in paths:
            if self._item(path) is None:
                self._add(path, own=True)
        self._own = tuple(paths)
        for path in paths:
            item = self._item(path)
            if item is None:
                continue
            now = growing and path == paths[-1]
            text = f"this session: {path.name}" + (f", recording, {wording.size(n_bytes)}" if now else "")
            if item.text() != text:
                with QSignalBlocker(self.list):
                    item.setText(text)

    def add_path(self, path: Path) -> None:
        """Add an earlier recording, ticked, before this session's."""
        if self._item(path) is None:
            self._add(path, own=False)
            self.changed.emit()

    def chosen(self) -> tuple[Path, ...]:
        """The ticked ones: earlier ones first."""
        items = [self.list.item(row) for row in range(self.list.count())]
        return tuple(Path(item.data(PATH)) for item in items if item.checkState() == Qt.CheckState.Checked)

    def _item(self, path: Path) -> QListWidgetItem | None:
        items = (self.list.item(row) for row in range(self.list.count()))
        return next((item for item in items if item.data(PATH) == str(path)), None)

    def _add(self, path: Path, *, own: bool) -> None:
        item = QListWidgetItem(path.name if path.name != "recording.xdf" else f"{path.parent.name}/{path.name}")
        item.setData(PATH, str(path))
        item.setToolTip(str(path))
        item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
        item.setCheckState(Qt.CheckState.Checked)
        with QSignalBlocker(self.list):
            self.list.insertItem(self.list.count() if own else self.list.count() - len(self._own), item)

    def _ask_file(self) -> None:
        given, _ = QFileDialog.getOpenFileName(
            self, "Add a recording", "", "Recordings (*.xdf *.fif *.edf *.bdf *.gdf *.vhdr *.set *.csv);;All files (*)"
        )
        if given:
            self.add_path(Path(given))

    def _ask_folder(self) -> None:
        given = QFileDialog.getExistingDirectory(self, "Add the recordings of a session")
        if given:
            self.add_path(Path(given))
