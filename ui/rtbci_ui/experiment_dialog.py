"""The form for an experiment file: it reads, judges while one types, and writes back with comments kept."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import (
    QDialog,
    QDoubleSpinBox,
    QFileDialog,
    QFormLayout,
    QFrame,
    QGroupBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QScrollArea,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from rtbci import config
from rtbci.config import EvidenceConfig, Experiment
from rtbci.errors import ConfigError
from rtbci_ui import theme
from rtbci_ui.draft import DecoderDraft, Draft, draft_of, experiment_of, open_experiment, problem
from rtbci_ui.views.form import DecoderForm, RowsForm, UseForm, seconds_box

CHECK_MS = 250
"""Judging takes some milliseconds and a scratch file: it waits until the typing pauses."""


class ExperimentDialog(QDialog):
    """Edits one experiment; Save is possible exactly while nothing is wrong."""

    def __init__(self, experiment: Experiment, path: Path, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.experiment, self.path = experiment, path
        self.setWindowTitle(f"{path.name} – experiment")
        # never taller than the screen: the form scrolls, the buttons below it must stay in reach
        self.resize(860, min(860, self.screen().availableGeometry().height() - 60))
        shown = draft_of(experiment)
        self.name = QLineEdit(shown.name)
        self.source = UseForm("sources", shown.source)
        self.classes = RowsForm(("class", "marker labels, separated by commas"), shown.classes, "Add class")
        self.start, self.stop = seconds_box(shown.start, -60.0), seconds_box(shown.stop, -60.0)
        self.threshold = QDoubleSpinBox()
        self.threshold.setRange(0.0, 1.0)
        self.threshold.setSingleStep(0.05)
        self.threshold.setDecimals(3)
        self.threshold.setValue(shown.evidence.threshold)
        self.dwell = seconds_box(shown.evidence.dwell, 0.0)
        self.time_constant = seconds_box(shown.evidence.time_constant, 0.0)
        self.decoders = QTabWidget()
        for decoder in shown.decoders:
            self._add_tab(decoder)
        self.problem = QLabel()
        self.problem.setWordWrap(True)
        self.problem.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.save_button = QPushButton("Save")
        self._build()
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(CHECK_MS)
        self._timer.timeout.connect(self.check)
        self.name.textChanged.connect(self._timer_start)
        self.check()

    @classmethod
    def edit(cls, path: Path, parent: QWidget | None = None) -> ExperimentDialog:
        """Open the form for ``path``. Raises ConfigError when the file is there and wrong."""
        dialog = cls(open_experiment(path), path, parent)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.open()
        return dialog

    def _build(self) -> None:
        inside = QWidget()
        column = QVBoxLayout(inside)
        top = QFormLayout()
        top.addRow("Name", self.name)
        column.addLayout(top)
        for title, widget in (("Source", self.source), ("Classes", self.classes)):
            column.addWidget(_group(title, widget))
        trial = QWidget()
        row = QHBoxLayout(trial)
        row.setContentsMargins(0, 0, 0, 0)
        for text, box in (("from", self.start), ("to", self.stop)):
            row.addWidget(QLabel(text))
            row.addWidget(box)
        row.addWidget(QLabel("after the marker"))
        row.addStretch(1)
        column.addWidget(_group("Trial", trial))
        holder = QWidget()
        decoders = QVBoxLayout(holder)
        decoders.setContentsMargins(0, 0, 0, 0)
        add, remove = QPushButton("Add decoder"), QPushButton("Remove this decoder")
        add.clicked.connect(self._add_decoder)
        remove.clicked.connect(self._remove_decoder)
        buttons = QHBoxLayout()
        buttons.addWidget(add)
        buttons.addWidget(remove)
        buttons.addStretch(1)
        decoders.addWidget(self.decoders)
        decoders.addLayout(buttons)
        column.addWidget(_group("Decoders", holder))
        evidence = QWidget()
        row = QHBoxLayout(evidence)
        row.setContentsMargins(0, 0, 0, 0)
        for text, box in (("threshold", self.threshold), ("dwell", self.dwell), ("fades over", self.time_constant)):
            row.addWidget(QLabel(text))
            row.addWidget(box)
        row.addStretch(1)
        column.addWidget(_group("Evidence", evidence))
        column.addStretch(1)
        scroll = QScrollArea()
        scroll.setWidget(inside)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        save_as, close = QPushButton("Save as…"), QPushButton("Close")
        self.save_button.clicked.connect(lambda: self.save(self.path))
        save_as.clicked.connect(self._save_as)
        close.clicked.connect(self.reject)
        self.save_button.setDefault(True)
        bottom = QHBoxLayout()
        bottom.addWidget(self.problem, 1)
        for button in (self.save_button, save_as, close):
            button.setAutoDefault(False)
            bottom.addWidget(button)
        whole = QVBoxLayout(self)
        whole.addWidget(scroll, 1)
        whole.addLayout(bottom)
        self.classes.changed.connect(self._timer_start)
        self.source.changed.connect(self._timer_start)
        for box in (self.start, self.stop, self.threshold, self.dwell, self.time_constant):
            box.valueChanged.connect(self._timer_start)

    def _timer_start(self) -> None:
        self._timer.start()

    def _add_tab(self, decoder: DecoderDraft) -> None:
        form = DecoderForm(decoder)
        form.changed.connect(self._timer_start)
        form.name.textChanged.connect(lambda text, f=form: self.decoders.setTabText(self.decoders.indexOf(f), text))
        self.decoders.addTab(form, decoder.name)

    def _add_decoder(self) -> None:
        taken = {form.draft().name for form in self.forms()}
        name = next(f"decoder-{i}" for i in range(1, len(taken) + 2) if f"decoder-{i}" not in taken)
        base = self.forms()[-1].draft() if self.decoders.count() else DecoderDraft("", "tangent", 2.0, 0.1)
        self._add_tab(replace(base, name=name, was=""))
        self.decoders.setCurrentIndex(self.decoders.count() - 1)
        self.check()

    def _remove_decoder(self) -> None:
        if self.decoders.count():
            self.decoders.removeTab(self.decoders.currentIndex())
        self.check()

    def forms(self) -> list[DecoderForm]:
        """The decoders' forms, in order."""
        found = (self.decoders.widget(i) for i in range(self.decoders.count()))
        return [form for form in found if isinstance(form, DecoderForm)]

    def draft(self) -> Draft:
        """What the form says now."""
        return Draft(
            name=self.name.text(),
            source=self.source.draft(),
            classes=self.classes.rows(),
            start=self.start.value(),
            stop=self.stop.value(),
            decoders=tuple(form.draft() for form in self.forms()),
            evidence=EvidenceConfig(self.threshold.value(), self.dwell.value(), self.time_constant.value()),
        )

    def check(self) -> bool:
        """Judge what the form says; show what is wrong."""
        wrong = problem(self.draft(), self.experiment, self.path)
        self.problem.setText(wrong or "this experiment can be run")
        self.problem.setStyleSheet(f"color: {theme.ALARM if wrong else theme.GOOD}")
        self.save_button.setEnabled(not wrong)
        return not wrong

    def save(self, path: Path) -> bool:
        """Write to ``path``; say whether that worked."""
        if not self.check():
            return False
        try:
            config.save(experiment_of(self.draft(), self.experiment), path)
            self.experiment, self.path = config.load(path), path
        except ConfigError as error:
            self.problem.setText(str(error))
            self.problem.setStyleSheet(f"color: {theme.ALARM}")
            return False
        self.setWindowTitle(f"{path.name} – experiment")
        self.problem.setText(f"saved in {path}")
        return True

    def _save_as(self) -> None:
        given, _ = QFileDialog.getSaveFileName(self, "Save the experiment", str(self.path), "Experiments (*.toml)")
        if given:
            self.save(Path(given))


def _group(title: str, inside: QWidget) -> QGroupBox:
    box = QGroupBox(title)
    layout = QVBoxLayout(box)
    layout.addWidget(inside)
    return box
