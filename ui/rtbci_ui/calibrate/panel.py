"""The calibration panel: present, train, go live, with the clock that runs since the last trial."""

from __future__ import annotations

import time
from collections.abc import Callable

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QStackedWidget, QTabBar, QVBoxLayout, QWidget

from rtbci_ui import theme
from rtbci_ui.calibrate.live_view import LiveView
from rtbci_ui.calibrate.places import experiment_of, last_trial
from rtbci_ui.calibrate.present_view import PresentView
from rtbci_ui.calibrate.train_view import TrainView
from rtbci_ui.calibrate.work import work_of
from rtbci_ui.run import Run

AIM_SECONDS = 120.0
"""From the last trial to live."""
LOOK_SECONDS = 0.25
STEPS = ("Present", "Train", "Go live")
TIPS = (
    "Show a paradigm to the participant, or use another program's markers",
    "Train on what was recorded, cross-validate, look at feature maps, choose channels and a band",
    "Check, and start the session that decodes",
)


class CalibratePanel(QWidget):
    """Three steps in tabs; each tab says how far it is.

    ``live_wanted`` has the path of the experiment and that of the model that should run now; ``ask`` a command to the
    session and what a person calls it, as for `rtbci_ui.commands.Commands.ask`.
    """

    live_wanted = Signal(object, object)
    ask = Signal(str, dict)

    def __init__(self, run: Run, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self.run, self._clock = run, clock
        self._due = 0.0
        self.work = work_of(run)
        self.tabs = QTabBar()
        self.tabs.setDrawBase(False)
        self.tabs.setExpanding(False)
        for number, (text, tip) in enumerate(zip(STEPS, TIPS, strict=True)):
            self.tabs.setTabToolTip(self.tabs.addTab(f"{number + 1}  {text}"), tip)
        self.clock = QLabel()
        self.clock.setFont(theme.font(11.0, bold=True))
        self.clock.setToolTip("Time since the last trial ended; the aim is to be live within two minutes")
        self.present = PresentView(run, self.work)
        self.train = TrainView(run, self.work)
        self.live = LiveView(run, self.work)
        self.steps = (self.present, self.train, self.live)
        self.stage = QStackedWidget()
        for step in self.steps:
            self.stage.addWidget(step)
        top = QHBoxLayout()
        top.setContentsMargins(2, 0, 8, 0)
        top.addWidget(self.tabs, 1)
        top.addWidget(self.clock)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addLayout(top)
        column.addWidget(self.stage, 1)
        self.tabs.currentChanged.connect(self._switch)
        self.present.skipped.connect(lambda: self.show_step("train"))
        self.present.ask.connect(self.ask)
        self.live.live_wanted.connect(self.live_wanted)

    def show_step(self, name: str) -> None:
        """Show "present", "train" or "live". Raises ValueError for another name."""
        names = ("present", "train", "live")
        if name not in names:
            raise ValueError(f"no step is called {name!r}; there are {', '.join(names)}")
        self.tabs.setCurrentIndex(names.index(name))

    def _switch(self, index: int) -> None:
        self.stage.setCurrentIndex(index)
        self._due = 0.0
        self.refresh()

    # looking -------------------------------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Look again, a few times a second."""
        now = self._clock()
        if now < self._due:
            return
        self._due = now + LOOK_SECONDS
        self.work.look(experiment_of(self.run.status))
        shown = self.stage.currentIndex()
        if shown == 0:
            self.present.refresh()
        elif shown == 1:
            self.train.refresh()
        elif self.work.follower is not None:
            self.work.follower.look()
        self._name_tabs()
        self._show_clock()

    def _name_tabs(self) -> None:
        texts = (self._presented(), self._trained(), "ready" if not self.live.why_not() else "")
        for number, (step, said) in enumerate(zip(STEPS, texts, strict=True)):
            text = f"{number + 1}  {step}" + (f": {said}" if said else "")
            if self.tabs.tabText(number) != text:
                self.tabs.setTabText(number, text)

    def _presented(self) -> str:
        follower = self.work.follower
        if follower is None:
            return ""
        seen = follower.presented if self.stage.currentIndex() == 0 else follower.look()
        return f"{seen.trials} of {seen.planned}"

    def _trained(self) -> str:
        work = self.work
        if work.stages["train"].state == "failed" or any(stage.state == "failed" for stage in work.stages.values()):
            return "failed" if work.stages["train"].state == "failed" else "✗"
        if work.busy:
            return "…"
        scores = work.validated if work.chosen_now is not None else work.scores
        if not scores:
            return "trained" if work.model is not None else ""
        first = scores[0]
        level = f"chance {100 * first.chance:.0f} %" if first.above_chance else "not above chance"
        return f"{100 * first.accuracy:.0f} % of {first.trials}, {level}"

    def since_last_trial(self) -> float | None:
        """Seconds since the last trial ended, None where there is none or it is going on."""
        experiment = self.work.experiment
        ended = last_trial(self.run.markers, experiment) if experiment is not None else None
        return None if ended is None or self.run.now() < ended else self.run.now() - ended

    def _show_clock(self) -> None:
        since = self.since_last_trial()
        status = self.run.status
        deciding = status is not None and any(decoder.decoded for decoder in status.decoders)
        text, colour = "", theme.DIM
        if since is not None and not deciding and since < 3600.0:
            text = f"{int(since) // 60}:{int(since) % 60:02d} since the last trial"
            if since > AIM_SECONDS:
                text, colour = f"{text}, aim was 2:00", theme.WARNING
            else:
                text, colour = f"{text}, aim 2:00", theme.TEXT
        if self.clock.text() != text:
            self.clock.setText(text)
        sheet = f"color: {colour}"
        if self.clock.styleSheet() != sheet:
            self.clock.setStyleSheet(sheet)
