"""Pieces of the experiment form: what to use with its arguments, rows of texts, and one decoder."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtWidgets import (
    QComboBox,
    QDoubleSpinBox,
    QFormLayout,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QLineEdit,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from rtbci import plugins
from rtbci_ui.draft import DecoderDraft, Use


def seconds_box(value: float, lowest: float) -> QDoubleSpinBox:
    """A box for seconds, to the millisecond."""
    box = QDoubleSpinBox()
    box.setRange(lowest, 3600.0)
    box.setDecimals(3)
    box.setSingleStep(0.1)
    box.setSuffix(" s")
    box.setValue(value)
    return box


class UseForm(QWidget):
    """What to use: a name from the installed plugins, or any other text; and its arguments as TOML."""

    changed = Signal()

    def __init__(self, kind: str, given: Use) -> None:
        super().__init__()
        self.use = QComboBox()
        self.use.setEditable(True)
        self.use.addItems(list(dict.fromkeys(plugin.name for plugin in plugins.names(kind))))
        self.use.setEditText(given.use)
        self.args = QLineEdit(given.args)
        self.args.setPlaceholderText("arguments, such as low = 8.0, high = 30.0")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.use, 1)
        layout.addWidget(self.args, 3)
        self.use.editTextChanged.connect(self.changed)
        self.args.textChanged.connect(self.changed)

    def draft(self) -> Use:
        """What it says now."""
        return Use(self.use.currentText().strip(), self.args.text())


class RowsForm(QWidget):
    """A table of two texts a row, to which rows are added and from which they are taken."""

    changed = Signal()

    def __init__(self, titles: tuple[str, str], rows: Sequence[tuple[str, str]], add: str) -> None:
        super().__init__()
        self.table = QTableWidget(0, 2)
        self.table.setHorizontalHeaderLabels(list(titles))
        self.table.horizontalHeader().setSectionResizeMode(0, QHeaderView.ResizeMode.ResizeToContents)
        self.table.horizontalHeader().setMinimumSectionSize(150)
        self.table.horizontalHeader().setStretchLastSection(True)
        self.table.verticalHeader().hide()
        for row in rows:
            self.add(row)
        self.table.itemChanged.connect(lambda _item: self.changed.emit())
        more, less = QPushButton(add), QPushButton("Remove")
        more.clicked.connect(lambda: self.add(("", "")))
        less.clicked.connect(self.remove)
        buttons = QVBoxLayout()
        buttons.addWidget(more)
        buttons.addWidget(less)
        buttons.addStretch(1)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.table, 1)
        layout.addLayout(buttons)
        self.setFixedHeight(128)

    def add(self, row: tuple[str, str]) -> None:
        """Add a row at the end."""
        at = self.table.rowCount()
        self.table.insertRow(at)
        for column, text in enumerate(row):
            self.table.setItem(at, column, QTableWidgetItem(text))
        self.changed.emit()

    def remove(self) -> None:
        """Take away the row that is selected, or the last one."""
        at = self.table.currentRow()
        self.table.removeRow(at if at >= 0 else self.table.rowCount() - 1)
        self.changed.emit()

    def rows(self) -> tuple[tuple[str, str], ...]:
        """The rows, without those that are empty."""
        found = []
        for row in range(self.table.rowCount()):
            left, right = (item.text().strip() if (item := self.table.item(row, c)) else "" for c in range(2))
            if left or right:
                found.append((left, right))
        return tuple(found)


class DecoderForm(QWidget):
    """One decoder: what to use, its windows, and the transforms before it."""

    changed = Signal()

    def __init__(self, given: DecoderDraft) -> None:
        super().__init__()
        self._was = given.was
        self._locked = given.hop is None
        self.name = QLineEdit(given.name)
        self.use = UseForm("decoders", Use(given.use, given.args))
        self.length = seconds_box(given.window, 0.0)
        self.hop = seconds_box(given.hop or 0.0, 0.0)
        self.hop.setEnabled(not self._locked)
        self.transforms = RowsForm(
            ("transform", "arguments"), [(t.use, t.args) for t in given.transforms], "Add transform"
        )
        known = ", ".join(dict.fromkeys(plugin.name for plugin in plugins.names("transforms")))
        self.transforms.setToolTip(f"In this order. Installed: {known}")
        times = QHBoxLayout()
        times.addWidget(self.length)
        times.addWidget(QLabel("every"))
        times.addWidget(self.hop)
        if self._locked:
            times.addWidget(QLabel("(locked to markers)"))
        times.addStretch(1)
        layout = QFormLayout(self)
        layout.addRow("Name", self.name)
        layout.addRow("Use", self.use)
        layout.addRow("Window", times)
        layout.addRow("Transforms", self.transforms)
        self.name.textChanged.connect(self.changed)
        self.use.changed.connect(self.changed)
        self.length.valueChanged.connect(self.changed)
        self.hop.valueChanged.connect(self.changed)
        self.transforms.changed.connect(self.changed)

    def draft(self) -> DecoderDraft:
        """What it says now."""
        return DecoderDraft(
            name=self.name.text().strip(),
            use=self.use.draft().use,
            window=self.length.value(),
            hop=None if self._locked else self.hop.value(),
            args=self.use.draft().args,
            transforms=tuple(Use(use, args) for use, args in self.transforms.rows()),
            was=self._was,
        )
