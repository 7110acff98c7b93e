"""The middle: the chosen experiment as plain facts, and which model decides."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QSignalBlocker, Signal
from PySide6.QtWidgets import QComboBox, QFileDialog, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from rtbci.config import Experiment
from rtbci_ui import theme
from rtbci_ui.facts import Fact
from rtbci_ui.start.chosen import SUFFIXES, ModelFile, facts, model_file, model_files, named_models
from rtbci_ui.start.words import Words, facts_html, teaching_html

NONE, NAMED, OTHER = "none: record only", "as the experiment names", "Choose file…"


class ChosenView(QWidget):
    """Shows an `Experiment` and offers the model files that go with it.

    Attributes
    ----------
    model : the chosen model file; None where the session takes what the experiment names, or none.
    """

    edit_wanted = Signal()
    model_changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.experiment: Experiment | None = None
        self.model: ModelFile | None = None
        self._offered: list[ModelFile | str] = []
        self.title = QLabel("No experiment chosen")
        self.title.setFont(theme.font(13.0, bold=True))
        self.facts = Words(10.0)
        self.models = QComboBox()
        self.models.setToolTip("Which model file decides; without one the session records only")
        self.models.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.models.setMinimumContentsLength(16)
        self.edit = QPushButton("Edit…")
        self.edit.setToolTip("Ctrl+E: change the experiment in a form; comments in the file stay")
        self.edit.clicked.connect(self.edit_wanted)
        self.models.activated.connect(self._activated)
        row = QHBoxLayout()
        row.addWidget(QLabel("Model"))
        row.addWidget(self.models, 1)
        row.addWidget(self.edit)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.addWidget(self.title)
        layout.addWidget(self.facts, 1)
        layout.addLayout(row)
        self.show_nothing()

    @property
    def decides(self) -> bool:
        """Whether a session would decode: with the chosen model, or those that the experiment names."""
        if self.experiment is None or not self.experiment.decoders:
            return False
        return self.model is not None or bool(named_models(self.experiment))

    def show_nothing(self) -> None:
        """Say how to begin."""
        self.experiment, self.model = None, None
        self.title.setText("No experiment chosen")
        self.facts.say(
            teaching_html(
                "An experiment is one file: which stream, which classes, which decoder.",
                "Choose a recent one on the left, open one, or begin with a template (Ctrl+N).",
                "`rtbci new` lists the templates on the command line.",
            )
        )
        self._enable(False)

    def show_problem(self, path: Path, problem: str) -> None:
        """Say why the experiment at ``path`` cannot be used."""
        self.experiment, self.model = None, None
        self.title.setText(path.name)
        self.facts.say(facts_html([Fact("File", str(path)), Fact("Problem", problem, "alarm")]))
        self._enable(False)

    def show_experiment(self, experiment: Experiment, keep: bool = False) -> None:
        """Show ``experiment``; with ``keep`` the model stays, else it is what the file names, or the newest beside it."""
        kept = self.model if keep else None
        self.experiment = experiment
        found = model_files(experiment)
        wanted = {config.name for config in experiment.decoders}
        if keep:
            self.model = model_file(kept.path) if kept is not None else None
        elif named_models(experiment):
            self.model = None
        else:
            self.model = next((each for each in found if wanted <= set(each.decoders)), None)
        self._offer(found)
        self._show()
        self._enable(True)

    def choose(self, path: Path | None) -> None:
        """Take the model file at ``path``, or none."""
        if self.experiment is None:
            return
        self.model = None if path is None else model_file(path)
        self._offer(model_files(self.experiment))
        self._show()
        self.model_changed.emit()

    def _offer(self, found: list[ModelFile]) -> None:
        assert self.experiment is not None
        offered: list[ModelFile | str] = [NAMED if named_models(self.experiment) else NONE, *found]
        if self.model is not None and self.model.path not in [each.path for each in found]:
            offered.append(self.model)
        self._offered = [*offered, OTHER]
        with QSignalBlocker(self.models):
            self.models.clear()
            for each in self._offered:
                self.models.addItem(
                    each if isinstance(each, str) else f"{each.path.name} · {each.trained or each.problem}"
                )
            paths = [each.path if isinstance(each, ModelFile) else None for each in self._offered]
            self.models.setCurrentIndex(paths.index(self.model.path) if self.model is not None else 0)

    def _activated(self, index: int) -> None:
        each = self._offered[index]
        if isinstance(each, ModelFile):
            self.choose(each.path)
        elif each != OTHER:
            self.choose(None)
        else:
            assert self.experiment is not None
            kinds = " ".join(f"*{suffix}" for suffix in SUFFIXES)
            given, _ = QFileDialog.getOpenFileName(
                self, "Model", str(self.experiment.base), f"Models ({kinds});;All files (*)"
            )
            self.choose(Path(given) if given else (self.model.path if self.model is not None else None))

    def _show(self) -> None:
        assert self.experiment is not None
        self.title.setText(self.experiment.name)
        self.facts.say(facts_html(facts(self.experiment, self.model)))

    def _enable(self, there: bool) -> None:
        self.models.setEnabled(there)
        self.edit.setEnabled(there)
        if not there:
            self.models.clear()
