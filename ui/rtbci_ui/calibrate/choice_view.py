"""The choice of channels and a band, as the maps suggest it or by hand."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import (
    QDoubleSpinBox,
    QGroupBox,
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QVBoxLayout,
)

from rtbci.feature_choice import CIRCULAR, Choice
from rtbci.feature_maps import FeatureMaps
from rtbci_ui import theme
from rtbci_ui.calibrate.flowing import Flowing


class ChoiceView(QGroupBox):
    """`band_changed` where the band was changed here; `apply_wanted` to train a copy of the experiment with the choice."""

    band_changed = Signal()
    apply_wanted = Signal()

    def __init__(self) -> None:
        super().__init__("Channels and band")
        self.suggestion: Choice | None = None
        self.why = Flowing()
        self.low, self.high = _hertz("Lower edge of the band-pass"), _hertz("Upper edge of the band-pass")
        self.list = QListWidget()
        self.list.setToolTip("Channels that are used; space ticks")
        self.list.setFlow(QListWidget.Flow.LeftToRight)
        self.list.setWrapping(True)
        self.list.setResizeMode(QListWidget.ResizeMode.Adjust)
        self.list.setFixedHeight(84)
        self.suggest = QPushButton("Suggested")
        self.suggest.setToolTip("Take over what the maps suggest")
        self.suggest.clicked.connect(self.take_suggestion)
        self.apply = QPushButton("Train with this")
        self.apply.setToolTip(
            "Write a copy of the experiment with this choice, and train it; the experiment itself stays"
        )
        self.apply.clicked.connect(self.apply_wanted)
        self.problem = Flowing()
        self.problem.setStyleSheet(f"color: {theme.ALARM}")
        self.problem.hide()
        self.circular = Flowing(CIRCULAR, dim=True)
        band = QHBoxLayout()
        band.addWidget(QLabel("Band"))
        band.addWidget(self.low)
        band.addWidget(QLabel("to"))
        band.addWidget(self.high)
        band.addStretch(1)
        buttons = QHBoxLayout()
        buttons.addWidget(self.suggest)
        buttons.addWidget(self.apply)
        column = QVBoxLayout(self)
        column.setContentsMargins(6, 4, 6, 6)
        column.setSpacing(4)
        column.addWidget(self.why)
        column.addLayout(band)
        column.addWidget(self.list)
        column.addLayout(buttons)
        column.addWidget(self.problem)
        column.addWidget(self.circular)
        for box in (self.low, self.high):
            box.valueChanged.connect(lambda _: self._changed())
        self.list.itemChanged.connect(lambda _: self._changed())

    def show_maps(self, maps: FeatureMaps, choice: Choice, band: tuple[float, float]) -> None:
        """Offer the channels of ``maps``; begin with what is suggested, or with all channels and the ``band`` as it is."""
        self.suggestion = choice
        self.why.say(choice.why)
        self.why.setStyleSheet(f"color: {theme.TEXT if choice.justified else theme.WARNING}")
        self.suggest.setEnabled(choice.justified)
        with QSignalBlocker(self.list):
            self.list.clear()
            for name in maps.channels:
                item = QListWidgetItem(name)
                item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
                self.list.addItem(item)
        self.show_choice(choice.channels or maps.channels, choice.band or band)

    def show_choice(self, channels: Sequence[str], band: tuple[float, float]) -> None:
        """Tick ``channels``, and set the ``band``."""
        with QSignalBlocker(self.list):
            for row in range(self.list.count()):
                item = self.list.item(row)
                item.setCheckState(Qt.CheckState.Checked if item.text() in channels else Qt.CheckState.Unchecked)
        self.show_band(band)
        self._changed()

    def show_band(self, band: tuple[float, float]) -> None:
        """Set the band."""
        for box, value in zip((self.low, self.high), band, strict=True):
            with QSignalBlocker(box):
                box.setValue(value)
        self._changed()

    def take_suggestion(self) -> None:
        """Take over what the maps suggest."""
        if self.suggestion is not None and self.suggestion.band is not None:
            self.show_choice(self.suggestion.channels, self.suggestion.band)

    def channels(self) -> tuple[str, ...]:
        """The ticked ones."""
        items = (self.list.item(row) for row in range(self.list.count()))
        return tuple(item.text() for item in items if item.checkState() == Qt.CheckState.Checked)

    def band(self) -> tuple[float, float]:
        """Edges in Hz."""
        return self.low.value(), self.high.value()

    def wrong(self) -> str:
        """What is wrong with the choice, or ""."""
        if not self.channels():
            return "no channel is ticked"
        if self.low.value() >= self.high.value():
            return "the lower edge is not below the upper one"
        return ""

    def say_problem(self, text: str) -> None:
        """Say why the choice could not be taken, or nothing."""
        self.problem.say(text)
        self.problem.setVisible(bool(text))

    def _changed(self) -> None:
        self.say_problem(self.wrong())
        self.setTitle(f"Channels ({len(self.channels())} of {self.list.count()}) and band")
        self.band_changed.emit()


def _hertz(tip: str) -> QDoubleSpinBox:
    box = QDoubleSpinBox()
    box.setRange(0.1, 500.0)
    box.setDecimals(1)
    box.setSingleStep(0.5)
    box.setSuffix(" Hz")
    box.setToolTip(tip)
    return box
