"""The window of a session: panels as docks, one timer that lets them look, menus, and commands to the session."""

from __future__ import annotations

import logging
import os
import time
from typing import Any

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QAction, QCloseEvent, QColor, QKeyEvent, QKeySequence, QResizeEvent
from PySide6.QtWidgets import QApplication, QLabel, QVBoxLayout, QWidget

from rtbci.errors import RtbciError
from rtbci_ui import asking, theme
from rtbci_ui.commands import Commands, Send, send
from rtbci_ui.docks import Docks
from rtbci_ui.health.frames import FrameTimes
from rtbci_ui.preferences import Preferences
from rtbci_ui.run import Run
from rtbci_ui.session_actions import SessionActions
from rtbci_ui.shortcuts import SHORTCUTS, Shortcut
from rtbci_ui.views.banner import BannerView
from rtbci_ui.views.header import HeaderView
from rtbci_ui.views.help import HelpView

log = logging.getLogger("rtbci.ui")
FRAME_MS = 16
CLOSE_SECONDS = 1.5
STATUS_SECONDS = 0.1
"""Seconds between two looks at what could not be read any faster."""


class MainWindow(SessionActions):
    """Looks at a `Run`.

    Every 16 ms the run is refreshed, then the panels that can be seen. The window never starts or ends a session by itself:
    closing it leaves the session running, unless a person says otherwise.

    Attributes
    ----------
    panels : the panels by name (`rtbci_ui.docks.PANELS`).
    selected : name of the decoder that is shown where one is.
    asks : whether closing asks first where a session records; a signal or the session's end closes without a word.
    """

    closed = Signal()
    live_wanted = Signal(object, object)
    """Experiment and model, once a calibration has made them."""

    def __init__(self, run: Run, how: Send = send, preferences: Preferences | None = None) -> None:
        super().__init__()
        self.run = run
        self.commands = Commands(run.folder, how)
        self.preferences = preferences or Preferences()
        self.selected = ""
        self.asks = True
        self.frames = FrameTimes()
        self._status_due = 0.0
        self._shown_at: float | None = None
        self._ended_at: float | None = None
        self._display = 0
        self._defects: dict[str, str] = {}
        self.setWindowTitle("rtbci")
        self.resize(1600, 900)
        self.setMinimumSize(1000, 600)  # fits on the smallest screens that are still met, 1024 x 768
        self.extra_windows: dict[str, Any] = {}
        self._build()
        self._build_menus()
        if (geometry := self.preferences.layout("window")) is not None:
            self.restoreGeometry(geometry)
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self.tick)
        self._timer.start(FRAME_MS)
        self.tick()

    # building ------------------------------------------------------------------------------------------------------

    def _build(self) -> None:
        """Make the panels and what stands around them, in the colours of the theme in use."""
        from rtbci_ui.playback.bar import PlaybackBar

        self.banner = BannerView()
        self.header = HeaderView()
        for button, action in zip(
            self.header.buttons,
            (self.mark, self.note_down, self.toggle_recording, self.toggle_decoding, self.stop_session),
            strict=True,
        ):
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            button.clicked.connect(lambda _checked=False, do=action: do())
        self.docks = Docks(self.run)
        self.panels = self.docks.panels
        self.docks.restore(self.preferences)
        self.playback = PlaybackBar(self.run)
        self.playback.asked.connect(self.commands.ask)
        self.panels["traces"].bad_toggled.connect(self.mark_bad)
        self.panels["decisions"].selected_changed.connect(self.select)
        self.panels["decisions"].charge_asked.connect(self.charge)
        self.panels["calibrate"].live_wanted.connect(self.live_wanted)
        self.panels["calibrate"].ask.connect(self.commands.ask)
        self.panels["health"].frames = self.frames
        whole = QVBoxLayout()
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(2)
        whole.addWidget(self.header)
        whole.addWidget(self.banner)  # below the buttons: what comes and goes must not move what is being clicked
        whole.addWidget(self.docks, 1)
        whole.addWidget(self.playback)
        centre = QWidget()
        centre.setLayout(whole)
        centre.setAutoFillBackground(True)
        palette = centre.palette()
        palette.setColor(centre.backgroundRole(), QColor(theme.BACKGROUND))
        centre.setPalette(palette)
        self.setCentralWidget(centre)
        self.help_view = HelpView(centre, self.shortcuts)

    def _build_menus(self) -> None:
        self.menuBar().clear()
        menus = {}
        for shortcut in self.shortcuts:
            if shortcut.menu not in menus:
                menus[shortcut.menu] = self.menuBar().addMenu(shortcut.menu)
            action = QAction(shortcut.text, self)
            action.setShortcuts([QKeySequence(keys) for keys in shortcut.keys])
            action.triggered.connect(lambda _checked=False, what=shortcut: self._do(what.panel, what.name))
            menus[shortcut.menu].addAction(action)
        view = menus["View"]
        view.addSeparator()
        for toggle in self.docks.toggles():
            view.addAction(toggle)
        note = QLabel("H shows the shortcuts")
        note.setStyleSheet(f"color: {theme.DIM}; padding: 3px 10px")
        self.note = note
        self._note_until = 0.0
        self.menuBar().setCornerWidget(note)

    @property
    def shortcuts(self) -> list[Shortcut]:
        """All shortcuts in the order of the menus; help comes last."""
        found = [*SHORTCUTS, *self.playback.SHORTCUTS]
        return sorted(found, key=lambda shortcut: shortcut.menu == "Help")

    def _do(self, panel: str, name: str) -> None:
        """Call method ``name`` of the window or of one of its panels."""
        owner = self if not panel else self.playback if panel == "playback" else self.panels[panel]
        getattr(owner, name)()

    def switch_theme(self) -> None:
        """Dark to light, or back: everything is built anew; the session does not notice."""
        wanted = theme.THEMES[1 - theme.THEMES.index(theme.name)]
        self.preferences.theme = wanted
        self.docks.remember(self.preferences)
        for window in self.extra_windows.values():
            window.close()
        self.extra_windows.clear()
        app = QApplication.instance()
        assert isinstance(app, QApplication)
        theme.apply(app, wanted)
        self._let_go()
        old = self.takeCentralWidget()
        for action in self.actions():
            self.removeAction(action)
        self._build()
        self._build_menus()
        if old is not None:
            old.deleteLater()
        self._status_due = 0.0
        self.select(self.selected)
        self.tick()

    def _let_go(self) -> None:
        """Close what panels that are not looked at any more have open."""
        self.panels["health"].close_rings()
        self.panels["traces"].let_go()

    # looking -------------------------------------------------------------------------------------------------------

    def tick(self) -> None:
        """Look at everything that may have changed and can be seen."""
        began = time.perf_counter()
        clock = time.monotonic()
        self.run.refresh()
        if clock >= self._status_due:
            self._status_due = clock + STATUS_SECONDS
            self._refresh_status(clock)
        for name, panel in self.panels.items():
            if self.docks.in_sight(name):
                self._look_at(name, panel)
        self.playback.refresh()
        for window in self.extra_windows.values():
            if window.isVisible():
                window.refresh()
        for answer in self.commands.answers():
            self.say(
                f"{answer.command}: {answer.problem}" if answer.problem else f"{answer.command}: done", answer.problem
            )
        self.panels["health"].health.refresh()  # what is lost or skipped is said though the panel lies out of sight
        self.frames.frame(time.perf_counter() - began, clock)

    def _look_at(self, name: str, panel: Any) -> None:
        """Let a panel look. One that cannot, by a defect of ours, stops no other one, and is said to stand still."""
        try:
            panel.refresh()
        except Exception as error:
            words = f"{name}: what is shown is old, it cannot be drawn ({type(error).__name__}: {error})"
            if self._defects.get(name) != words:
                self._defects[name] = words
                log.exception("panel %s", name)
        else:
            self._defects.pop(name, None)

    def _refresh_status(self, clock: float) -> None:
        status, stale_for = self.run.status, self.run.stale_for
        found = [one for one in (self.run.banner(), self.panels["health"].health.banner()) if one is not None]
        self.banner.say(max(found, key=lambda one: one.level, default=None))  # no warning hides an alarm
        self.header.say(status, stale_for)
        if clock > self._note_until:
            problem = next(iter(self._defects.values()), self.run.problem)
            self.note.setText(problem or "H shows the shortcuts")
            self.note.setStyleSheet(f"color: {theme.ALARM if problem else theme.DIM}; padding: 3px 10px")
        if status is None:
            return
        if status.state == "ended" and self._ended_at is None:
            self._ended_at = clock
        if self._ended_at is not None and clock > self._ended_at + CLOSE_SECONDS and status.pid == os.getppid():
            self.leave()  # the session that opened this window waits for it; one that was opened by hand stays
        self.setWindowTitle(f"{status.name or 'rtbci'} – {status.state} – rtbci")
        names = [decoder.name for decoder in status.decoders]
        if names and self.selected not in names:
            self.select(names[0])
        self._obey(dict(status.display))

    def _obey(self, display: dict[str, Any]) -> None:
        """Show what a remote program asked for, once each time."""
        number = int(display.get("number", 0))
        if number == self._display:
            return
        self._display = number
        if display.get("show") in self.panels:
            self.docks.reveal(str(display["show"]))
        if isinstance(display.get("seconds"), int | float):
            self.panels["traces"].show_seconds(float(display["seconds"]))
        if display.get("decoder"):
            self.select(str(display["decoder"]))
        self.say("a program changed what is shown")

    def select(self, name: str) -> None:
        """Show decoder ``name`` wherever one decoder is shown."""
        if not name:
            return
        self.selected = name
        for panel in ("decisions", "health", "images"):
            self.panels[panel].select(name)
        self.playback.decoder = name  # whose windows it steps by
        for window in self.extra_windows.values():
            window.select(name)

    def say(self, text: str, problem: str = "") -> None:
        """Put ``text`` into the corner for some seconds; a ``problem`` stays longer."""
        self.note.setText(text)
        self.note.setStyleSheet(f"color: {theme.ALARM if problem else theme.GOOD}; padding: 3px 10px")
        self._note_until = time.monotonic() + (12.0 if problem else 6.0)

    # events --------------------------------------------------------------------------------------------------------

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep the help in the middle by closing it."""
        super().resizeEvent(event)
        self.help_view.hide()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Escape takes the help away, or brings the traces back to now."""
        if event.key() != Qt.Key.Key_Escape:
            super().keyPressEvent(event)
        elif self.help_view.isVisible():
            self.help_view.hide()
        else:
            self.panels["traces"].to_live()

    def leave(self) -> None:
        """Close without asking: the session has ended, or something that is no person wants it."""
        self.asks = False
        self.close()

    def closeEvent(self, event: QCloseEvent) -> None:
        """Close the window; a session that records is asked about first, and goes on unless a person stops it."""
        status = self.run.status
        goes_on = status is not None and status.state != "ended" and self.run.stale_for is None
        if self.asks and goes_on and status is not None and status.recording.state == "recording":
            wish = asking.whether_to_close(self, status)
            if wish == asking.STAY:
                event.ignore()
                return
            if wish == asking.STOP:
                try:
                    self.commands.ask_and_wait({"do": "stop"})
                except (RtbciError, OSError, TimeoutError) as error:
                    self.say(f"stop session: {error}", str(error))
                    event.ignore()
                    return
                goes_on = False
        self._timer.stop()
        self.commands.close()
        self._let_go()
        self.panels["calibrate"].work.stop()
        self.docks.remember(self.preferences)
        self.preferences.keep_layout("window", self.saveGeometry())
        self.preferences.save()
        for window in self.extra_windows.values():
            window.close()
        if status is not None and goes_on and status.pid != os.getppid():  # a session that is our parent says so itself
            print(f"The window is closed; the session goes on: 'rtbci attach {status.session}' opens a window again.")
        super().closeEvent(event)
        self.closed.emit()
