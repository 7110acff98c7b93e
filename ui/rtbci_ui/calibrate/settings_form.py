"""Settings of a paradigm as a form, made of what the paradigm says of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFormLayout,
    QFrame,
    QLabel,
    QLineEdit,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from rtbci_stimulus.paradigms import PARADIGMS
from rtbci_stimulus.settings import describe
from rtbci_ui import theme
from rtbci_ui.draft import arguments_text

COMMON = (
    "seed",
    "background",
    "patch",
    "patch_size",
    "patch_frames",
    "display_delay",
    "stream",
    "block_pause",
    "instructions",
)
"""Settings that every paradigm has: below its own."""


def as_text(value: Any) -> str:
    """``value`` as TOML writes it; words as they are."""
    if isinstance(value, str):
        return value
    return arguments_text({"x": list(value) if isinstance(value, tuple) else value}).partition("=")[2].strip()


class SettingsForm(QScrollArea):
    """Fields for the settings of one paradigm; `words` are those that were changed, for ``rtbci present --set``."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.fields: dict[str, QWidget] = {}
        self._before: dict[str, str] = {}
        self.shown: tuple[str, str] | None = None

    def show_paradigm(self, use: str, given: Mapping[str, Any]) -> None:
        """Fields for paradigm ``use``, filled with what is ``given`` in the experiment, or the defaults."""
        key = use, repr(sorted(given.items(), key=str))
        if key == self.shown:
            return
        self.shown = key
        self.fields, self._before = {}, {}
        inside = QWidget()
        form = QFormLayout()
        form.setContentsMargins(2, 2, 6, 2)
        form.setVerticalSpacing(3)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        told = sorted(describe(PARADIGMS[use]), key=lambda one: one["key"] in COMMON)
        for one in told:
            name = one["key"]
            value = given.get(name, one["default"])
            label = QLabel(name.replace("_", " ") + (f" ({one['unit']})" if one.get("unit") else ""))
            field = self._field(one, value)
            for widget in (label, field):
                widget.setToolTip(one.get("about", ""))
            form.addRow(label, field)
            self.fields[name] = field
            self._before[name] = self._text(name)
        column = QVBoxLayout(inside)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(form)
        column.addStretch(1)
        inside.setStyleSheet(f"QLabel {{ color: {theme.TEXT} }}")
        self.setWidget(inside)

    def _field(self, one: Mapping[str, Any], value: Any) -> QWidget:
        if isinstance(one["default"], bool):
            box = QCheckBox()
            box.setChecked(bool(value))
            box.toggled.connect(lambda _: self.changed.emit())
            return box
        if one.get("choices"):
            combo = QComboBox()
            combo.addItems([str(choice) for choice in one["choices"]])
            combo.setCurrentText(str(value))
            combo.currentIndexChanged.connect(lambda _: self.changed.emit())
            return combo
        line = QLineEdit(as_text(value))
        line.textChanged.connect(lambda _: self.changed.emit())
        return line

    def _text(self, name: str) -> str:
        field = self.fields[name]
        if isinstance(field, QCheckBox):
            return "true" if field.isChecked() else "false"
        return (
            field.currentText()
            if isinstance(field, QComboBox)
            else field.text()
            if isinstance(field, QLineEdit)
            else ""
        )

    def words(self) -> list[str]:
        """``KEY=VALUE`` of each setting that differs from what was filled in."""
        return [f"{name}={self._text(name)}" for name in self.fields if self._text(name) != self._before[name]]
