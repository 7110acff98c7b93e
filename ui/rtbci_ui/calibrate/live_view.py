"""Step 3: what would run, whether it fits, and the button that goes live."""

from __future__ import annotations

from html import escape

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from rtbci_ui import theme
from rtbci_ui.calibrate.work import Work
from rtbci_ui.facts import Fact
from rtbci_ui.run import Run
from rtbci_ui.signal.plots import words
from rtbci_ui.start.checked import Check, read_check
from rtbci_ui.start.words import Words, facts_html, lines_html, teaching_html


class LiveView(QWidget):
    """`live_wanted` with the experiment's path and the model's."""

    live_wanted = Signal(object, object)

    def __init__(self, run: Run, work: Work) -> None:
        super().__init__()
        self.run, self.work = run, work
        self.facts = Words(10.0)
        self.findings = Words(9.5)
        self.again = QPushButton("Check again")
        self.again.setToolTip("Hold experiment, model and the newest recording against each other")
        self.again.clicked.connect(self.work.check)
        self.go = QPushButton("Go live")
        self.go.setFont(theme.font(13.0, bold=True))
        self.go.setMinimumHeight(42)
        self.go.clicked.connect(self.go_live)
        self.note = words(
            "This session is closed, its recording kept, and one that decodes is started with the same stream."
        )
        self.note.setWordWrap(True)
        row = QHBoxLayout()
        row.addWidget(self.again)
        row.addWidget(self.go, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(8, 6, 8, 8)
        column.addWidget(self.facts, 3)
        column.addWidget(self.findings, 2)
        column.addWidget(self.note)
        column.addLayout(row)
        self.work.changed.connect(self.show_work)
        self.show_work()

    def check(self) -> Check:
        """What the check found."""
        stage = self.work.stages["check"]
        if stage.state == "failed":
            return Check(problem=stage.words)
        return read_check(0, {"findings": self.work.findings}, "")

    def why_not(self) -> str:
        """Why it cannot go live, or ""."""
        if self.work.model is None or self.work.runs is None:
            return "nothing is trained yet"
        if self.work.stages["train"].state == "running":
            return "a training is running"
        if self.work.stages["check"].state == "running":
            return "whether all fits is being checked"
        return self.check().refusal(model=True)

    def go_live(self) -> None:
        """Ask for a session with this model."""
        if not self.why_not():
            self.live_wanted.emit(self.work.runs, self.work.model)

    def show_work(self) -> None:
        """Show what would run."""
        work = self.work
        reason = self.why_not()
        self.go.setEnabled(not reason)
        self.go.setToolTip(reason or "Start the session that decodes")
        self.again.setEnabled(work.model is not None and work.stages["check"].state != "running")
        if work.model is None or work.runs is None:
            self.facts.say(
                teaching_html(
                    "Nothing is trained yet.",
                    "Present trials, train on them, and come back: experiment and model go live together.",
                )
            )
            self.findings.say("")
            return
        self.facts.say(facts_html(self._facts()))
        check = self.check()
        if check.problem:
            self.findings.say(f'<div style="color:{theme.ALARM}">{escape(check.problem)}</div>')
        else:
            self.findings.say(lines_html(check.lines))

    def _facts(self) -> list[Fact]:
        work = self.work
        assert work.runs is not None and work.model is not None
        facts = [Fact("Experiment", work.runs.name), Fact("Model", work.model.name)]
        facts += [Fact("", line) for line in work.trained.splitlines()]
        if work.chosen_now is not None:
            channels, band = work.chosen_now
            said = f"{len(channels)} channels" + (f", {band[0]:g} to {band[1]:g} Hz" if band is not None else "")
            facts.append(Fact("Choice", said))
        scores = work.scores if work.chosen_now is None else work.validated
        for score in scores:
            mood = "good" if score.above_chance else "warning"
            title = "Cross-validated" if work.chosen_now is None else "Rule validated"
            facts.append(Fact(title, f"{score.headline} ({score.decoder})", mood))
            facts.append(Fact("", f"{score.details}; {score.verdict}"))
        if scores and work.chosen_now is not None:
            facts.append(
                Fact("", "of the rule, chosen anew in every fold; a choice by hand it does not judge", "warning")
            )
        state = work.stages["validate" if work.chosen_now is not None else "evaluate"]
        if not scores:
            words = state.words if state.state == "failed" else "not yet: going live does not wait for it"
            facts.append(Fact("Cross-validated", words, "warning"))
        elif state.state == "done" and state.words:  # an order that can be guessed, a fold that failed
            facts.append(Fact("", state.words, "warning"))
        return facts
