"""Step 2: recordings, training, the cross-validated result, feature maps, and a choice."""

from __future__ import annotations

from html import escape
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QFrame,
    QGroupBox,
    QHBoxLayout,
    QPushButton,
    QScrollArea,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from rtbci.feature_maps import FREQUENCY
from rtbci_ui import theme
from rtbci_ui.calibrate.choice_view import ChoiceView
from rtbci_ui.calibrate.flowing import Flowing
from rtbci_ui.calibrate.maps_view import MapsView
from rtbci_ui.calibrate.places import counts, recordings_of
from rtbci_ui.calibrate.recordings_view import RecordingsView
from rtbci_ui.calibrate.result import Score
from rtbci_ui.calibrate.steps import TITLES, Stage
from rtbci_ui.calibrate.work import Work
from rtbci_ui.run import Run
from rtbci_ui.signal.plots import Line

USUAL_BAND = (8.0, 30.0)
NARROWEST = 284
"""Pixels of the left column: all its buttons with their words, and the scroll bar."""
SHOWN = ("train", "maps", "evaluate", "validate")


class TrainView(QWidget):
    """Shows a `Work`; `done_wanted` goes on to the next step."""

    done_wanted = Signal()

    def __init__(self, run: Run, work: Work) -> None:
        super().__init__()
        self.run, self.work = run, work
        self.recordings = RecordingsView()
        self.trials = Flowing()
        self.train = QPushButton("Train")
        self.train.setFont(theme.font(10.5, bold=True))
        self.train.setMinimumHeight(30)
        self.train.clicked.connect(self.begin)
        self.cancel = QPushButton("Cancel")
        self.cancel.setToolTip("End what is computed; nothing half-made stays")
        self.cancel.clicked.connect(self.work.cancel)
        self.lines = {name: Line(dim=False) for name in SHOWN}
        self.result = Flowing()
        self.choice = ChoiceView()
        self.choice.apply_wanted.connect(self.apply)
        self.choice.hide()
        self.maps = MapsView()
        self.maps.options_changed.connect(lambda: self.work.measure(self.maps.options()))
        self.maps.plots[FREQUENCY].band_moved.connect(lambda low, high: self.choice.show_band((low, high)))
        self.choice.band_changed.connect(self._show_band)
        self._lay_out()
        self.work.changed.connect(self.show_work)
        self.show_work()

    def _lay_out(self) -> None:
        inside = QWidget()
        left = QVBoxLayout(inside)
        left.setContentsMargins(0, 0, 6, 0)
        left.setSpacing(5)
        box = QGroupBox("Recordings")
        recordings = QVBoxLayout(box)
        recordings.setContentsMargins(6, 4, 6, 6)
        recordings.addWidget(self.recordings)
        recordings.addWidget(self.trials)
        box.setMaximumHeight(190)
        buttons = QHBoxLayout()
        buttons.addWidget(self.train, 1)
        buttons.addWidget(self.cancel)
        left.addWidget(box)
        left.addLayout(buttons)
        for line in self.lines.values():
            line.hide()
            left.addWidget(line)
        left.addWidget(self.result)
        left.addWidget(self.choice)
        left.addStretch(1)
        scroll = QScrollArea()
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(inside)
        scroll.setMinimumWidth(NARROWEST)
        split = QSplitter(Qt.Orientation.Horizontal)
        split.addWidget(scroll)
        split.addWidget(self.maps)
        split.setStretchFactor(0, 0)
        split.setStretchFactor(1, 1)
        split.setSizes([340, 700])
        split.setChildrenCollapsible(False)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(8, 6, 8, 8)
        whole.addWidget(split)

    # doing ---------------------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Train on what is ticked."""
        self.work.train(self.recordings.chosen(), self.maps.options())

    def apply(self) -> None:
        """Train a copy of the experiment with the choice."""
        problem = self.choice.wrong() or self.work.choose(
            self.choice.channels(), self.choice.band(), self.maps.options()
        )
        self.choice.say_problem(problem)

    # looking -------------------------------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Recordings and trials as they are now; a few times a second."""
        status = self.run.status
        own = recordings_of(status)
        growing = status is not None and status.recording.state == "recording"
        self.recordings.show_own(own, growing, status.recording.bytes if status is not None else None)
        experiment = self.work.experiment
        if experiment is not None:
            found = counts(self.run.markers, experiment)
            text = "This session: " + ", ".join(f"{name} {n}" for name, n in found.items()) + " markers"
            self.trials.say(text)
        reason = self._why_not()
        self.train.setEnabled(not reason)
        self.train.setToolTip(reason or "Train, cross-validate on blocks in time, and make feature maps")
        for name in SHOWN:
            self._show_line(name)

    def _why_not(self) -> str:
        if self.work.busy:
            return "something is being computed"
        if self.work.experiment is None:
            return self.work.problem or "the session has no experiment file yet"
        if not self.work.experiment.decoders:
            return "the experiment has no [[decoder]]: there is nothing to train"
        return "" if self.recordings.chosen() else "no recording is ticked"

    def show_work(self) -> None:
        """Show how far the steps are, and what came of them."""
        work = self.work
        self.cancel.setEnabled(work.busy)
        for name in SHOWN:
            self._show_line(name)
        self.result.say(self._result())
        maps, stage = work.maps, work.stages["maps"]
        if maps is None:
            self.choice.hide()
            words = stage.words if stage.state in ("running", "failed") else ""
            self.maps.say_nothing(escape(words), "alarm" if stage.state == "failed" else "")
        elif maps is not self.maps.maps:
            self.maps.show_maps(maps)
            if work.choice is not None:
                self.choice.show_maps(maps, work.choice, self._band_now())
                self.choice.show()
        self.choice.apply.setEnabled(not work.busy and work.model is not None)

    def _band_now(self) -> tuple[float, float]:
        experiment = self.work.experiment
        steps = [step for config in experiment.decoders for step in config.transforms] if experiment is not None else []
        for step in steps:
            if step.use == "band-pass":
                return float(step.args.get("low", USUAL_BAND[0])), float(step.args.get("high", USUAL_BAND[1]))
        return USUAL_BAND

    def _show_band(self) -> None:
        if self.work.maps is not None:
            self.maps.plots[FREQUENCY].show_band(self.choice.band())

    def _show_line(self, name: str) -> None:
        stage, line = self.work.stages[name], self.lines[name]
        line.setVisible(bool(stage.state))
        if stage.state:
            line.say(f"{TITLES[name]}: {self._state(name, stage)}")
            colour = {"failed": theme.ALARM, "done": theme.GOOD}.get(stage.state, theme.TEXT)
            sheet = f"color: {colour}"
            if line.styleSheet() != sheet:
                line.setStyleSheet(sheet)

    def _state(self, name: str, stage: Stage) -> str:
        if stage.state == "running":
            return f"{self.work.jobs[name].elapsed:.0f} s, {stage.words}"
        if stage.state == "done":
            return f"done in {stage.seconds:.0f} s"
        return stage.words

    def _result(self) -> str:
        work = self.work
        parts = []
        if work.scores:
            parts.append(
                _heading("Cross-validated, trained on the past" + (", before choosing" if work.chosen_now else ""))
            )
            parts += [_score(score) for score in work.scores]
            if work.stages["evaluate"].words:
                parts.append(f'<div style="color:{theme.WARNING}">{escape(work.stages["evaluate"].words)}</div>')
            if work.report:
                link = Path(work.report).absolute().as_uri()
                parts.append(f'<div><a style="color:{theme.LINK}" href="{link}">Report of the evaluation</a></div>')
        if work.validated:
            chose, of = work.folds_that_chose
            parts.append(_heading(f"Choice made anew in every fold ({chose} of {of} found anything to choose)"))
            parts += [_score(score) for score in work.validated]
            parts.append(
                f'<div style="color:{theme.DIM}">This is what the rule is worth; a choice by hand it does not judge.</div>'
            )
        if work.trained:
            copy = f" with {work.runs.name}" if work.chosen_now and work.runs is not None else ""
            model = work.model.name if work.model is not None else ""
            told = "<br>".join(map(escape, [model + copy, *work.trained.splitlines()]))
            parts.append(f'<div style="color:{theme.DIM}">{told}</div>')
        if work.ready_after is not None and not work.chosen_now:
            parts.append(f'<div style="color:{theme.DIM}">All of this took {work.ready_after:.0f} s.</div>')
        return "".join(parts)


def _heading(text: str) -> str:
    return f'<div style="color:{theme.DIM}; margin-top:4px">{escape(text)}</div>'


def _score(score: Score) -> str:
    mark, colour = ("✓", theme.GOOD) if score.above_chance else ("✗", theme.WARNING)
    return (
        f'<div style="margin-top:2px"><span style="font-size:15pt; font-weight:600; color:{theme.TEXT}">'
        f'{score.headline}</span> <span style="color:{theme.DIM}">{escape(score.decoder)}</span></div>'
        f'<div style="color:{theme.TEXT}">{score.details}</div><div style="color:{colour}">{mark} {score.verdict}</div>'
    )
