"""The health of a running session on one panel: what is wrong, how old decisions are and why, and all the figures."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QBoxLayout,
    QComboBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QListWidget,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from rtbci_ui import theme
from rtbci_ui.health.frames import FrameTimes
from rtbci_ui.health.grid_view import GridView
from rtbci_ui.health.model import Health
from rtbci_ui.health.problems_view import WELL, ProblemsView
from rtbci_ui.health.restarts import Restart
from rtbci_ui.health.stage_view import StageView
from rtbci_ui.run import Run
from rtbci_ui.views.age import AgeView

WIDE = 860
"""Pixels from which on age and stages, and figures and restarts, stand side by side."""
AGE_HEIGHT = 150
"""Pixels of the histogram, more where the panel is high."""
NONE = "no worker was started again"


class HealthPanel(QWidget):
    """Shows a `Health` of ``run``; what does not fit is scrolled.

    ::

        what is wrong now, and what to do
        age now, histogram          |  stages
        figures                     |  restarts of workers

    Attributes
    ----------
    health : the model; its ``frames`` are fed by the shell, its ``problems`` feed the shell's banner.
    """

    def __init__(self, run: Run, health: Health | None = None) -> None:
        super().__init__()
        self.run = run
        self.health = health if health is not None else Health(run)
        self._shown = -1
        self._to_show: list[Callable[[], None]] = []
        self._restarts: list[Restart] | None = None
        self.problems = ProblemsView()
        self.age = AgeView(run.now, 26.0)
        self.age.setFixedHeight(AGE_HEIGHT)
        self.stages = StageView()
        self.grid = GridView()
        self.restarts = self._list()
        self.chooser = self._chooser()
        self._upper, self._lower = self._pair(self._with_chooser(), self.stages), self._pair(self.grid, self._listed())
        column = QVBoxLayout()
        column.setContentsMargins(0, 0, 0, 4)
        column.setSpacing(2)
        column.addWidget(self.problems)
        column.addLayout(self._upper)
        column.addLayout(self._lower)
        column.addStretch(1)
        inside = QWidget()
        inside.setLayout(column)
        inside.setObjectName("health")
        inside.setStyleSheet(f"#health {{ background: {theme.PANEL} }}")
        self.area = QScrollArea()
        self.area.setWidgetResizable(True)
        self.area.setFrameShape(QFrame.Shape.NoFrame)
        self.area.setWidget(inside)
        self.setFocusProxy(self.area)  # arrows and page keys scroll
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(self.area)
        self._arrange(self.width())

    @property
    def frames(self) -> FrameTimes:
        """What the shell tells of its frames (``panel.frames.frame(seconds)``); it may bring its own."""
        return self.health.frames

    @frames.setter
    def frames(self, frames: FrameTimes) -> None:
        self.health.frames = frames

    @staticmethod
    def _pair(left: QWidget, right: QWidget) -> QBoxLayout:
        layout = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        layout.setSpacing(4)
        for widget in (left, right):
            layout.addWidget(widget, 1, Qt.AlignmentFlag.AlignTop)
        return layout

    def _chooser(self) -> QComboBox:
        chooser = QComboBox()
        chooser.setToolTip("Whose decisions the age, the stages and the figures are of")
        chooser.setAccessibleName("Decoder")
        chooser.activated.connect(lambda k: self.select(chooser.itemText(k)))
        chooser.hide()
        return chooser

    def _with_chooser(self) -> QWidget:
        holder = QWidget()
        layout = QVBoxLayout(holder)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        line = QHBoxLayout()
        line.setContentsMargins(10, 0, 10, 0)
        line.addWidget(self.chooser)
        line.addStretch(1)
        layout.addLayout(line)
        layout.addWidget(self.age, 1)
        return holder

    def _list(self) -> QListWidget:
        found = QListWidget()
        found.setFont(theme.font(9.0))
        found.setToolTip("Restarts of workers, newest first: local time, decoder, reason")
        found.setAccessibleName("Restarts of workers")
        found.setWordWrap(True)
        found.setFrameShape(QFrame.Shape.NoFrame)
        found.setStyleSheet(f"QListWidget {{ background: {theme.PANEL} }}")
        found.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        found.setMinimumHeight(84)
        return found

    def _listed(self) -> QWidget:
        holder = QWidget()
        layout = QVBoxLayout(holder)
        layout.setContentsMargins(10, 4, 6, 0)
        layout.setSpacing(2)
        title = QLabel("Restarts of workers")
        title.setFont(theme.font(8.5, bold=True))
        title.setStyleSheet(f"color: {theme.TEXT}; border-bottom: 1px solid {theme.EDGE}")
        layout.addWidget(title)
        layout.addWidget(self.restarts, 1)
        return holder

    def _arrange(self, width: int) -> None:
        wide = width >= WIDE
        direction = QBoxLayout.Direction.LeftToRight if wide else QBoxLayout.Direction.TopToBottom
        for layout, shares in ((self._upper, (1, 1)), (self._lower, (3, 1))):
            layout.setDirection(direction)
            for k, share in enumerate(shares):
                layout.setStretch(k, share if wide else 0)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Side by side where there is room."""
        self._arrange(self.width())
        self.age.setFixedHeight(AGE_HEIGHT if self.height() < 760 else AGE_HEIGHT + 80)
        super().resizeEvent(event)

    def select(self, name: str) -> None:
        """Look at decoder ``name``."""
        self.health.select(name)
        self._shown = -1
        self.refresh()

    def refresh(self) -> None:
        """The age at every call, everything else four times a second, one part a call: no frame waits for all of them."""
        self.health.refresh()
        self.age.look_at(self.run.feeds.get(self.health.name))
        self.age.know(self._ended, self.run.stale_for)
        self.age.refresh()
        if self._shown != self.health.looks:
            first, self._shown = self._shown < 0, self.health.looks
            parts = (
                self._show_problems,
                self._show_grid,
                self.age.refresh_histogram,
                self._show_stages,
                self._show_rest,
            )
            self._to_show = list(parts)
            if first:
                while self._to_show:
                    self._to_show.pop(0)()
        if self._to_show:
            self._to_show.pop(0)()

    @property
    def _ended(self) -> bool:
        return self.run.status is not None and self.run.status.state == "ended"

    def _show_problems(self) -> None:
        calm = "no session yet" if self.run.status is None else "the session has ended" if self._ended else WELL
        room = 2 if self.height() < 400 else 3 if self.height() < 560 else 5
        self.problems.say(self.health.problems(), calm, room)

    def _show_grid(self) -> None:
        stale_for = self.run.stale_for
        self.grid.say(self.health.groups(), None if stale_for is None else round(stale_for, 1))

    def _show_stages(self) -> None:
        self.stages.say(self.health.stages(), self.run.stale_for is not None)

    def _show_rest(self) -> None:
        self._show_restarts()
        self._offer()

    def _offer(self) -> None:
        """The decoders that can be looked at; of one alone there is nothing to choose."""
        status = self.run.status
        names = [] if status is None else [decoder.name for decoder in status.decoders]
        if [self.chooser.itemText(k) for k in range(self.chooser.count())] != names:
            self.chooser.clear()
            self.chooser.addItems(names)
            self.chooser.setVisible(len(names) > 1)
        if self.health.name and self.chooser.currentText() != self.health.name:
            self.chooser.setCurrentText(self.health.name)

    def _show_restarts(self) -> None:
        found = self.health.restarts()
        if found == self._restarts:
            return
        self._restarts = found
        self.restarts.clear()
        self.restarts.addItems([str(one) for one in found] or [NONE])

    def close_rings(self) -> None:
        """Let go of what is mapped; for whoever closes the window."""
        self.health.close()
