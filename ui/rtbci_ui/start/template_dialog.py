"""A new experiment from a template: which one, and where it goes."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QDialog,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from rtbci import templates
from rtbci.errors import ConfigError
from rtbci_ui import theme


class TemplateDialog(QDialog):
    """Lists the templates; Create writes the chosen one as a new file, never over one that is there."""

    made = Signal(object)

    def __init__(self, folder: Path, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("New experiment from a template")
        self.resize(640, 460)
        self.found = templates.templates()
        self.list = QListWidget()
        self.list.setToolTip("Up and down choose; Enter creates")
        self.list.setSpacing(1)
        for each in self.found:
            item = QListWidgetItem(each.title)
            item.setToolTip(each.about)
            self.list.addItem(item)
        self.about = QLabel()
        self.about.setWordWrap(True)
        self.about.setMinimumHeight(64)
        self.about.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.about.setStyleSheet(f"color: {theme.DIM}")
        self.path = QLineEdit()
        self.path.setToolTip("The new file; its sessions are kept in a folder beside it")
        self.problem = QLabel()
        self.problem.setWordWrap(True)
        self.problem.setStyleSheet(f"color: {theme.ALARM}")
        browse, self.create_button, cancel = QPushButton("Browse…"), QPushButton("Create"), QPushButton("Cancel")
        self.create_button.setDefault(True)
        browse.setAutoDefault(False)
        cancel.setAutoDefault(False)
        browse.clicked.connect(self._browse)
        self.create_button.clicked.connect(self.make)
        cancel.clicked.connect(self.reject)
        where = QHBoxLayout()
        where.addWidget(QLabel("File"))
        where.addWidget(self.path, 1)
        where.addWidget(browse)
        buttons = QHBoxLayout()
        buttons.addWidget(self.problem, 1)
        buttons.addWidget(self.create_button)
        buttons.addWidget(cancel)
        layout = QVBoxLayout(self)
        layout.addWidget(self.list, 1)
        layout.addWidget(self.about)
        layout.addLayout(where)
        layout.addLayout(buttons)
        self._folder = folder
        self._offered = ""
        self.list.currentRowChanged.connect(self._chosen)
        self.list.itemActivated.connect(lambda _: self.make())
        self.list.setCurrentRow(0)

    def _chosen(self, row: int) -> None:
        each = self.found[max(row, 0)]
        self.about.setText(each.about)
        self.problem.setText("")
        if self.path.text() == self._offered:  # a name that was typed stays
            self._offered = str(free_path(self._folder, each.name))
            self.path.setText(self._offered)

    def _browse(self) -> None:
        given, _ = QFileDialog.getSaveFileName(
            self, "New experiment", self.path.text(), "Experiments (*.toml)",
            options=QFileDialog.Option.DontConfirmOverwrite,
        )  # fmt: skip
        if given:
            self.path.setText(given if given.endswith(".toml") else f"{given}.toml")

    def make(self) -> None:
        """Write the template; close where that worked, and say why where it did not."""
        path = Path(self.path.text()).expanduser()
        try:
            templates.write(self.found[self.list.currentRow()].name, path)
        except ConfigError as error:
            self.problem.setText(str(error))
            return
        self.accept()
        self.made.emit(path)


def free_path(folder: Path, name: str) -> Path:
    """``folder/name.toml``, or name-2, name-3, … where that is taken."""
    path, number = folder / f"{name}.toml", 1
    while path.exists():
        number += 1
        path = folder / f"{name}-{number}.toml"
    return path
