"""The bar of a replay: what it is, where it is, and all that can be asked of it, by mouse and by key."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from rtbci_ui import theme
from rtbci_ui.playback import words
from rtbci_ui.playback.faults_view import FaultsView
from rtbci_ui.playback.model import LoopDraft, Marks, Playback, read_playback
from rtbci_ui.playback.timeline import Timeline
from rtbci_ui.run import Run
from rtbci_ui.shortcuts import Shortcut
from rtbci_ui.status import Status

JUMP_SECONDS = 10.0


class PlaybackBar(QWidget):
    """Visible only where the session plays a recording, or gives a live stream faults.

    Emits `asked` with what a person calls the command, and the command; who shows the bar sends it to the session.

    Attributes
    ----------
    decoder : by whose windows it steps; "" for the session's first.
    """

    asked = Signal(str, dict)
    SHORTCUTS = (
        Shortcut("Replay", "Play or pause", "toggle", ("P",), "P", "playback"),
        Shortcut("Replay", "One more decision, then pause", "step", (".",), ".", "playback"),
        Shortcut("Replay", "10 s back", "jump_back", ("Ctrl+Left",), "Ctrl+←", "playback"),
        Shortcut("Replay", "10 s forward", "jump_forward", ("Ctrl+Right",), "Ctrl+→", "playback"),
        Shortcut("Replay", "Previous marker", "previous_marker", ("Shift+Left",), "Shift+←", "playback"),
        Shortcut("Replay", "Next marker", "next_marker", ("Shift+Right",), "Shift+→", "playback"),
        Shortcut("Replay", "Slower", "slower", ("Ctrl+Down",), "Ctrl+↓", "playback"),
        Shortcut("Replay", "Faster", "faster", ("Ctrl+Up",), "Ctrl+↑", "playback"),
        Shortcut("Replay", "Loop: from here, to here, off", "toggle_loop", ("L",), "L", "playback"),
        Shortcut("Replay", "Faults on purpose", "show_faults", ("Shift+F",), "Shift+F", "playback"),
    )

    def __init__(self, run: Run) -> None:
        super().__init__()
        self.decoder = ""
        self.shown: Playback | None = None
        self._run = run
        self._seen: Status | None = None
        self._marks = Marks(run.folder)
        self._draft = LoopDraft()
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setStyleSheet(f"PlaybackBar {{ background: {theme.PANEL}; border-top: 2px solid {theme.WARNING} }}")
        self.title = QLabel()
        self.title.setFont(theme.font(11.0, bold=True))
        self.title.setStyleSheet(
            f"background: {theme.WARNING_BACK}; color: #ffffff; padding: 3px 10px; border-radius: 3px"
        )
        self.timeline = Timeline()
        self.timeline.sought.connect(self.seek)
        self.place = QLabel()
        self.place.setFont(theme.font(12.0, fixed=True))
        self.speed = QLabel()
        self.speed.setStyleSheet(f"color: {theme.DIM}")
        self.note = QLabel()
        self.note.setStyleSheet(f"color: {theme.WARNING}")
        self.faults = FaultsView(self)
        self.faults.changed.connect(self._change_fault)
        self._build()
        self.hide()

    def _build(self) -> None:
        self.play = self._button("Pause", self.toggle, "P: play, or pause; time stands still while paused")
        self.one = self._button("Step", self.step, ".: play up to the next decision, then pause")
        self.back = self._button("−10 s", self.jump_back, "Ctrl+←: ten seconds back; decoders are primed anew")
        self.ahead = self._button("+10 s", self.jump_forward, "Ctrl+→: ten seconds forward; decoders are primed anew")
        self.before = self._button("◂ Marker", self.previous_marker, "Shift+←: to the previous marker")
        self.after = self._button("Marker ▸", self.next_marker, "Shift+→: to the next marker")
        self.loop = self._button("Loop from here", self.toggle_loop, "L: from here; again: to here; again: off")
        self.wrong = self._button(
            "Faults…", self.show_faults, "Shift+F: rehearse lost samples, dead channels, late markers"
        )
        self.speeds: dict[float | None, QPushButton] = {}
        for text, factor in words.SPEEDS:
            tip = (
                "as fast as the decoders follow: every window is decided"
                if factor is None
                else f"{text} times real time"
            )
            button = self._button(text, partial(self.set_speed, factor), f"Speed: {tip} (Ctrl+↑, Ctrl+↓)")
            button.setCheckable(True)
            button.setMinimumWidth(38)
            button.setStyleSheet(
                f"QPushButton:checked {{ background: {theme.HIGHLIGHT}; color: #ffffff; border: 1px solid {theme.EDGE}; "
                "border-radius: 3px; padding: 4px 8px }"
            )
            self.speeds[factor] = button
        self.loop.setMinimumWidth(150)
        self.speed.setMinimumWidth(self.speed.fontMetrics().horizontalAdvance("at the end") + 4)
        first, second = QHBoxLayout(), QHBoxLayout()
        first.addWidget(self.title)
        first.addWidget(self.timeline, 1)
        first.addWidget(self.place)
        for widget in (self.play, self.one, self.back, self.ahead, self.before, self.after):
            widget.setFixedWidth(
                widget.fontMetrics().horizontalAdvance(widget.text()) + 26
            )  # so that all fit into 1200
            second.addWidget(widget)
        second.addSpacing(14)
        second.addWidget(QLabel("Speed"))
        for button in self.speeds.values():
            second.addWidget(button)
        second.addSpacing(14)
        second.addWidget(self.loop)
        second.addWidget(self.wrong)
        second.addStretch(1)
        second.addWidget(self.speed)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(10, 6, 10, 6)
        whole.setSpacing(4)
        for row in (first, second):
            row.setSpacing(6)
            whole.addLayout(row)
        whole.addWidget(self.note)

    def _button(self, text: str, action: Callable[[], None], tip: str) -> QPushButton:
        button = QPushButton(text)
        button.setToolTip(tip)
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        button.clicked.connect(lambda _checked=False: action())
        return button

    # looking -------------------------------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Show what the session says; costs nothing where it has said nothing new."""
        status = self._run.status
        if status is self._seen:
            return
        self._seen = status
        playback = self.shown = read_playback(status)
        if self.isHidden() != (playback is None):
            self.setVisible(playback is not None)
        if playback is None or status is None:
            return
        if self._marks.look():
            self.timeline.mark(self._marks.places)
        self._show(playback, ended=status.state == "ended")

    def _show(self, playback: Playback, ended: bool) -> None:
        _say(self.title, words.title(playback))
        self.title.setToolTip(playback.recording)
        self.timeline.say(playback, self._draft.begun)
        _say(self.place, f"{words.place(playback.position)} / {words.place(playback.duration, True)}")
        _say(self.play, "Play" if playback.paused else "Pause")
        _say(self.speed, words.speed(playback))
        _say(self.loop, words.loop(playback, self._draft))
        _say(self.wrong, words.faults(playback))
        _say(self.note, "\n".join(playback.notes))
        self.note.setVisible(bool(playback.notes))
        bold = bool(playback.on)
        if self.wrong.font().bold() != bold:
            self.wrong.setFont(theme.font(9.5, bold=bold))
            self.wrong.setStyleSheet(f"color: {theme.WARNING}" if bold else "")
        for factor, button in self.speeds.items():
            button.setChecked(factor == playback.speed)
        if self.faults.isVisible():
            self.faults.say(playback.faults)
        for widget in (self.play, self.one, self.back, self.ahead, self.before, self.after, self.loop, self.timeline):
            widget.setVisible(not playback.live)
            widget.setEnabled(not ended)
        for button in (*self.speeds.values(), self.wrong):
            button.setEnabled(not ended and (button is self.wrong or not playback.live))

    # asking --------------------------------------------------------------------------------------------------------

    def _ask(self, text: str, **order: Any) -> None:
        playback = self.shown
        if playback is not None and (not playback.live or order["action"] == "fault"):
            self.asked.emit(text, {"do": "play", **order})

    def toggle(self) -> None:
        """Play, or pause."""
        if self.shown is not None:
            paused = self.shown.paused
            self._ask("play" if paused else "pause", action="resume" if paused else "pause")

    def step(self) -> None:
        """One more decision."""
        chosen = {"decoder": self.decoder} if self.decoder else {}
        self._ask("step", action="step", **chosen)

    def seek(self, seconds: float) -> None:
        """To a place."""
        self._ask(f"go to {words.place(seconds)}", action="seek", time=round(seconds, 4))

    def jump_back(self) -> None:
        """Ten seconds back."""
        self._ask("10 s back", action="seek", by=-JUMP_SECONDS)

    def jump_forward(self) -> None:
        """Ten seconds forward."""
        self._ask("10 s forward", action="seek", by=JUMP_SECONDS)

    def previous_marker(self) -> None:
        """To the marker before."""
        self._ask("previous marker", action="seek", marker="previous")

    def next_marker(self) -> None:
        """To the marker after."""
        self._ask("next marker", action="seek", marker="next")

    def set_speed(self, factor: float | None) -> None:
        """Play ``factor`` times as fast as in life; None: as fast as the decoders follow."""
        name = "max" if factor is None else f"{factor:g}"
        self._ask(f"speed {name}", action="speed", speed="max" if factor is None else factor)

    def slower(self) -> None:
        """The next lower speed."""
        self._change_speed(-1)

    def faster(self) -> None:
        """The next higher speed."""
        self._change_speed(1)

    def _change_speed(self, by: int) -> None:
        if self.shown is not None:
            for factor in words.next_speed(self.shown.speed, by):
                self.set_speed(factor)

    def toggle_loop(self) -> None:
        """From here; to here; off."""
        if self.shown is None or self.shown.live:
            return
        order = self._draft.press(self.shown)
        if order is not None:
            self._ask("loop off" if order.get("off") else "loop", **order)
        self._show(self.shown, ended=self._seen is not None and self._seen.state == "ended")

    def show_faults(self) -> None:
        """Open what goes wrong on purpose over the button."""
        if self.shown is None:
            return
        self.faults.open_with(self.shown.faults)
        self.faults.adjustSize()
        corner = self.wrong.mapToGlobal(QPoint(0, 0))
        self.faults.move(corner - QPoint(0, self.faults.height() + 4))
        self.faults.show()

    def _change_fault(self, name: str, value: str, on: bool) -> None:
        text = words.fault_words(name).text.lower()
        told = {"value": value} if value else {}
        self._ask(f"{text}: {'on' if on else 'off'}", action="fault", name=name, on=on, **told)


def _say(widget: QLabel | QPushButton, text: str) -> None:
    if widget.text() != text:
        widget.setText(text)
