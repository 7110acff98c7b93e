"""The line under the menus: what runs, since when, whether it is kept, and the two buttons one reaches for."""

from __future__ import annotations

from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QWidget

from rtbci_ui import theme, wording
from rtbci_ui.status import Status

_STATES = {"live": theme.GOOD, "lost": theme.ALARM, "ended": theme.DIM}


class HeaderView(QWidget):
    """Experiment, state, time and recording; figures go grey when they are stale."""

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
        self.mark = QPushButton("Mark  (M)")
        self.stop = QPushButton("Stop session…")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(10, 4, 10, 4)
        layout.setSpacing(18)
        for widget in (self.name, self.state, self.elapsed, self.recording):
            layout.addWidget(widget)
        layout.addStretch(1)
        layout.addWidget(self.mark)
        layout.addWidget(self.stop)

    def say(self, status: Status | None, stale_for: float | None) -> None:
        """Show ``status``; ``stale_for`` is its age where it is too old."""
        controllable = status is not None and status.state != "ended" and stale_for is None
        self.mark.setEnabled(controllable)
        self.stop.setEnabled(controllable)
        if status is None:
            self.state.setText("waiting")
            return
        stale = stale_for is not None
        grey = theme.STALE
        self.name.setText(status.name or "rtbci")
        old = f"  ({wording.age_ms(stale_for)} old)" if stale else ""
        _set(self.state, f"● {status.state}{old}", grey if stale else _STATES.get(status.state, theme.WARNING))
        left = f"   {wording.duration(status.seconds_left)} left" if status.seconds_left is not None else ""
        _set(self.elapsed, f"{wording.duration(status.elapsed)}{left}", grey if stale else theme.TEXT)
        words = {"recording": "● REC", "stopped": "■ NOT RECORDING", "off": "recording off"}
        text = words.get(status.recording.state, status.recording.state)
        colour = {"recording": "#ff5a5a", "stopped": theme.ALARM, "off": theme.WARNING}
        if status.state == "ended":
            text = ""
        _set(self.recording, text, grey if stale else colour.get(status.recording.state, theme.DIM))


def _set(label: QLabel, text: str, colour: str) -> None:
    """Change a label only where it differs: a style sheet is slow to apply."""
    if label.text() != text:
        label.setText(text)
    sheet = f"color: {colour}"
    if label.styleSheet() != sheet:
        label.setStyleSheet(sheet)
