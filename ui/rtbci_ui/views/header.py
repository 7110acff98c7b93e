"""The line under the menus: what runs, since when, whether it is kept, and the buttons one reaches for."""

from __future__ import annotations

from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QWidget

from rtbci_ui import theme, wording
from rtbci_ui.status import Status


class HeaderView(QWidget):
    """Experiment, state, time, recording and who is in charge; figures go grey when they are stale."""

    def __init__(self) -> None:
        super().__init__()
        self.name = QLabel("rtbci")
        self.name.setFont(theme.font(13.0, bold=True))
        self.state = QLabel()
        self.state.setFont(theme.font(10.0, bold=True))
        self.elapsed = QLabel()
        self.elapsed.setFont(theme.font(11.0, fixed=True))
        self.recording = QLabel()
        self.recording.setFont(theme.font(10.0, bold=True))
        self.mark = QPushButton("Mark")
        self.mark.setToolTip("M: put a marker into the recording, at the time at which it is confirmed")
        self.note = QPushButton("Note")
        self.note.setToolTip("N: keep a note with the session")
        self.record = QPushButton("Stop recording")
        self.record.setToolTip("Ctrl+Shift+R: acquisition and decoding go on; starting again begins another file")
        self.decode = QPushButton("Stop decoding")
        self.decode.setToolTip("Ctrl+Shift+D: acquisition and recording go on")
        self.stop = QPushButton("Stop session…")
        self.stop.setToolTip("Ctrl+Shift+Q: end acquisition, recording and decoding")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(10, 4, 10, 4)
        layout.setSpacing(16)
        for widget in (self.name, self.state, self.elapsed, self.recording):
            layout.addWidget(widget)
        layout.addStretch(1)
        layout.setSpacing(8)
        for button in self.buttons:
            layout.addWidget(button)

    @property
    def buttons(self) -> tuple[QPushButton, ...]:
        """All buttons, from left to right."""
        return (self.mark, self.note, self.record, self.decode, self.stop)

    def say(self, status: Status | None, stale_for: float | None) -> None:
        """Show ``status``; ``stale_for`` is its age where it is too old."""
        controllable = status is not None and status.state != "ended" and stale_for is None
        for button in self.buttons:
            button.setEnabled(controllable)
        if status is None:
            self.state.setText("waiting")
            return
        stale = stale_for is not None
        grey = theme.STALE
        self.name.setText(status.name or "rtbci")
        old = f"  ({wording.age_ms(stale_for)} old)" if stale else ""
        state = status.state
        if status.playback is not None and state == "live":
            state = "replay paused" if status.playback.get("paused") else "replay"
        _set(self.state, f"● {state}{old}", grey if stale else _state_colour(status.state))
        left = f"   {wording.duration(status.seconds_left)} left" if status.seconds_left is not None else ""
        _set(self.elapsed, f"{wording.duration(status.elapsed)}{left}", grey if stale else theme.TEXT)
        words = {"recording": "● REC", "stopped": "■ NOT RECORDING", "off": "recording off"}
        text = words.get(status.recording.state, status.recording.state)
        colour = {"recording": theme.RECORDING, "stopped": theme.ALARM, "off": theme.WARNING}
        if status.playback is not None and status.recording.state == "off":
            text = ""  # the bar of a replay says what it is
        if status.state == "ended":
            text = ""
        _set(self.recording, text, grey if stale else colour.get(status.recording.state, theme.DIM))
        records = status.recording.state == "recording"
        _say(self.record, "Stop recording" if records else "Start recording")
        _say(self.decode, "Stop decoding" if decodes(status) else "Start decoding")
        self.decode.setEnabled(controllable and bool(status.decoders))


def decodes(status: Status) -> bool:
    """Whether any decoder is not stopped."""
    return any(decoder.state != "stopped" for decoder in status.decoders)


def _state_colour(state: str) -> str:
    return {"live": theme.GOOD, "lost": theme.ALARM, "ended": theme.DIM}.get(state, theme.WARNING)


def _say(button: QPushButton, text: str) -> None:
    if button.text() != text:
        button.setText(text)


def _set(label: QLabel, text: str, colour: str) -> None:
    """Change a label only where it differs: a style sheet is slow to apply."""
    if label.text() != text:
        label.setText(text)
    sheet = f"color: {colour}"
    if label.styleSheet() != sheet:
        label.setStyleSheet(sheet)
