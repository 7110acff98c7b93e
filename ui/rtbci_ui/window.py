"""The main window: views beside each other, one timer that lets them look, and the menus."""

from __future__ import annotations

import os
import time
from datetime import datetime
from pathlib import Path

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QAction, QCloseEvent, QColor, QKeySequence, QResizeEvent
from PySide6.QtWidgets import (
    QFileDialog,
    QFrame,
    QHBoxLayout,
    QInputDialog,
    QLabel,
    QMainWindow,
    QMessageBox,
    QScrollArea,
    QSizePolicy,
    QStackedWidget,
    QTabBar,
    QVBoxLayout,
    QWidget,
)

from rtbci.errors import RtbciError
from rtbci_ui import facts, theme, wording
from rtbci_ui.commands import Commands, Send, send
from rtbci_ui.run import Run
from rtbci_ui.shortcuts import SHORTCUTS
from rtbci_ui.status import DecoderStatus, Status
from rtbci_ui.views.age import AgeView
from rtbci_ui.views.banner import BannerView
from rtbci_ui.views.bars import BarsView
from rtbci_ui.views.facts import FactsView
from rtbci_ui.views.header import HeaderView
from rtbci_ui.views.help import HelpView
from rtbci_ui.views.images import ImagesView, ImagesWindow
from rtbci_ui.views.minute import MinuteView
from rtbci_ui.views.traces import TraceView

FRAME_MS = 16
CLOSE_SECONDS = 1.5
_SLOW = {"status": 0.1, "minute": 0.2, "histogram": 0.5}
"""Seconds between two looks of what changes slowly, or could not be read any faster."""


class MainWindow(QMainWindow):
    """Looks at a `Run`.

    Every 16 ms the run is refreshed, then the views; what changes slowly is looked at less often. The window never starts
    or ends a session by itself: closing it leaves the session running.
    """

    def __init__(self, run: Run, how: Send = send) -> None:
        super().__init__()
        self.run = run
        self.commands = Commands(run.folder, how)
        self.traces: TraceView | None = None
        self.images_view: ImagesView | None = None
        self.images_window: ImagesWindow | None = None
        self.cards: dict[str, BarsView] = {}
        self.selected = ""
        self._due = dict.fromkeys(_SLOW, 0.0)
        self._ended_at: float | None = None
        self.setWindowTitle("rtbci")
        self.resize(1600, 900)
        self.setMinimumSize(1200, 680)
        self._build()
        self._build_menus()
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self.tick)
        self._timer.start(FRAME_MS)
        self.tick()

    # building ------------------------------------------------------------------------------------------------------

    def _build(self) -> None:
        self.banner = BannerView()
        self.header = HeaderView()
        self.header.mark.clicked.connect(self.mark)
        self.header.stop.clicked.connect(self.stop_session)
        self.waiting = QLabel("waiting for the stream…")
        self.waiting.setFont(theme.font(18.0))
        self.waiting.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.waiting.setStyleSheet(f"color: {theme.DIM}; background: {theme.PANEL}")
        self.stage = QStackedWidget()
        self.stage.addWidget(self.waiting)
        self.tabs = QTabBar()
        self.tabs.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.tabs.setDrawBase(False)
        self.tabs.setExpanding(False)
        for text in ("Traces", "Images"):
            self.tabs.addTab(text)
        self.tabs.setToolTip("I switches; F11 shows images alone on the whole screen")
        self.tabs.currentChanged.connect(self._show_tab)
        self.tabs.hide()  # until a decoder looks in a bank
        self.state = FactsView((1.0, 1.0, 1.55), 4)
        left = QVBoxLayout()
        left.setSpacing(6)
        left.addWidget(self.tabs)
        left.addWidget(self.stage, 1)
        left.addWidget(self.state)

        self._card_box = QVBoxLayout()
        self._card_box.setContentsMargins(0, 0, 0, 0)
        self._card_box.setSpacing(6)
        holder = QWidget()
        holder.setLayout(self._card_box)
        self.no_decoder = QLabel("no decoder yet")
        self.no_decoder.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.no_decoder.setStyleSheet(f"color: {theme.DIM}; background: {theme.PANEL}; padding: 30px")
        self._card_box.addWidget(self.no_decoder)
        self._card_box.addStretch(1)
        self.card_area = QScrollArea()
        self.card_area.setWidget(holder)
        self.card_area.setWidgetResizable(True)
        self.card_area.setFrameShape(QFrame.Shape.NoFrame)
        self.card_area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.minute_title = QLabel("evidence, last minute")
        self.minute = MinuteView(
            self.run.markers,
            lambda: self.traces.picture.positions.gaps if self.traces is not None else [],
            self.run.now,
        )
        self.age_title = QLabel("decision age")
        for title in (self.minute_title, self.age_title):
            title.setFont(theme.font(9.0, bold=True))
            title.setStyleSheet(f"color: {theme.DIM}")
        self.age = AgeView(self.run.now)
        self.age.setStyleSheet(f"AgeView {{ background: {theme.PANEL} }}")
        self.age.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.decoder_state = FactsView((1.0, 1.1), 3)
        right = QVBoxLayout()
        right.setSpacing(4)
        right.addWidget(self.card_area)
        right.addWidget(self.minute_title)
        right.addWidget(self.minute, 4)
        right.addWidget(self.age_title)
        right.addWidget(self.age, 3)
        right.addWidget(self.decoder_state)

        columns = QHBoxLayout()
        columns.setContentsMargins(8, 2, 8, 8)
        columns.setSpacing(8)
        for layout, share in ((left, 100), (right, 64)):
            layout.setContentsMargins(0, 0, 0, 0)
            side = QWidget()
            side.setLayout(layout)
            # words that come and go must not move the traces: each move draws them anew
            side.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
            columns.addWidget(side, share)
        whole = QVBoxLayout()
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(2)
        whole.addWidget(self.banner)
        whole.addWidget(self.header)
        whole.addLayout(columns, 1)
        centre = QWidget()
        centre.setLayout(whole)
        centre.setAutoFillBackground(True)
        palette = centre.palette()
        palette.setColor(centre.backgroundRole(), QColor(theme.BACKGROUND))
        centre.setPalette(palette)
        self.setCentralWidget(centre)
        self.help_view = HelpView(centre)

    def _build_menus(self) -> None:
        menus = {}
        for shortcut in SHORTCUTS:
            if shortcut.menu not in menus:
                menus[shortcut.menu] = self.menuBar().addMenu(shortcut.menu)
            action = QAction(shortcut.text, self)
            action.setShortcuts([QKeySequence(keys) for keys in shortcut.keys])
            action.triggered.connect(lambda _checked=False, name=shortcut.name: getattr(self, name)())
            menus[shortcut.menu].addAction(action)
        note = QLabel("H shows the shortcuts")
        note.setStyleSheet(f"color: {theme.DIM}; padding: 3px 10px")
        self.note = note
        self._note_until = 0.0
        self.menuBar().setCornerWidget(note)

    # looking -------------------------------------------------------------------------------------------------------

    def tick(self) -> None:
        """Look at everything that may have changed."""
        clock = time.monotonic()
        self.run.refresh()
        if self.traces is None and self.run.ring is not None and self.run.info is not None:
            self.traces = TraceView(self.run.ring, self.run.info, self.run.markers, self._trace_time)
            self.stage.addWidget(self.traces)
            self._show_tab(self.tabs.currentIndex())
        if self._is_due("status", clock):
            self._refresh_status(clock)
        if self.traces is not None:
            self.traces.refresh()
        for card in self.cards.values():
            card.refresh()
        for view in self._image_views():
            view.refresh()
        self.age.refresh()
        if self._is_due("minute", clock):
            self.minute.refresh()
        if self._is_due("histogram", clock):
            self.age.refresh_histogram()
        for answer in self.commands.answers():
            self.say(
                f"{answer.command}: {answer.problem}" if answer.problem else f"{answer.command}: done", answer.problem
            )

    def _is_due(self, what: str, clock: float) -> bool:
        if clock < self._due[what]:
            return False
        self._due[what] = clock + _SLOW[what]
        return True

    def _trace_time(self) -> float | None:
        """Time scrolls on while a session runs; without one it stands still."""
        status = self.run.status
        return None if status is None or status.state == "ended" or not self.run.there else self.run.now()

    def _refresh_status(self, clock: float) -> None:
        status, stale_for = self.run.status, self.run.stale_for
        self.banner.say(self.run.banner())
        self.header.say(status, stale_for)
        if clock > self._note_until:
            self.note.setText(self.run.problem or "H shows the shortcuts")
            self.note.setStyleSheet(f"color: {theme.ALARM if self.run.problem else theme.DIM}; padding: 3px 10px")
        if status is None:
            self.waiting.setText("waiting for the session…")
            return
        self.waiting.setText("the session has ended" if status.state == "ended" else "waiting for the stream…")
        if status.state == "ended" and self._ended_at is None:
            self._ended_at = clock
        if self._ended_at is not None and clock > self._ended_at + CLOSE_SECONDS and status.pid == os.getppid():
            self.close()  # the session that opened this window waits for it; one that was opened by hand stays
        self.setWindowTitle(f"{status.name or 'rtbci'} – {status.state} – rtbci")
        self._show_decoders(status, stale_for)
        self._show_images(status.state == "ended", stale_for)
        about = facts.stream_facts(status)
        self.state.say([about[:4], about[4:], facts.recording_facts(status)], stale_for)
        if self.traces is not None:
            text = "" if stale_for is None else f"no word from the session for {wording.age_ms(stale_for)}"
            if text != self.traces.stale_text:
                self.traces.stale_text = text
                self.traces.update()

    def _show_decoders(self, status: Status, stale_for: float | None) -> None:
        ended = status.state == "ended"
        for decoder in status.decoders:
            feed = self.run.feeds.get(decoder.name)
            card = self.cards.get(decoder.name)
            if card is None:
                card = BarsView(decoder.name, feed, self.run.now)
                card.chosen.connect(self.select)
                self._card_box.insertWidget(len(self.cards), card)
                self.cards[decoder.name] = card
                self.no_decoder.hide()
            if feed is not None:
                feed.locked = decoder.hop is None
                card.attach(feed)
            card.know(decoder, stale_for, ended)
        if self.cards and self.selected not in self.cards:
            self.select(next(iter(self.cards)))
        chosen = next((d for d in status.decoders if d.name == self.selected), None)
        self.age.know(ended, stale_for)
        self._fit_cards()
        feed = self.run.feeds.get(self.selected)
        self.minute.look_at(feed, chosen or DecoderStatus(""))
        self.age.look_at(feed)
        if chosen is not None:
            self._say_decoder(chosen, stale_for)

    def _show_images(self, ended: bool, stale_for: float | None) -> None:
        """Make the place for images when the first decoder looks in a bank; let views look at the selected decoder."""
        if self.images_view is None and self.run.retrievals:
            self.images_view = ImagesView(None, self.run.now)
            self.stage.addWidget(self.images_view)
            self.tabs.show()
        for view in (self.images_view, self.images_window.view if self.images_window is not None else None):
            if view is not None:
                view.look_at(self.run.retrievals.get(self.selected))
                view.know(ended, stale_for)

    def _image_views(self) -> list[ImagesView]:
        """Those that can be seen."""
        views = (self.images_view, self.images_window.view if self.images_window is not None else None)
        return [view for view in views if view is not None and view.isVisible()]

    def _show_tab(self, index: int) -> None:
        wanted = self.images_view if index == 1 else self.traces
        self.stage.setCurrentWidget(wanted or self.waiting)
        self.state.setVisible(index == 0)  # pictures need the place; the header says what is urgent of it

    def _fit_cards(self) -> None:
        """Give the cards what they need, and at most half of the height: beyond that they scroll."""
        height = min(sum(card.sizeHint().height() + 6 for card in self.cards.values()) or 80, self.height() // 2)
        if self.card_area.height() != height:
            self.card_area.setFixedHeight(height)

    def _say_decoder(self, decoder: DecoderStatus, stale_for: float | None) -> None:
        about = facts.decoder_facts(decoder)
        self.decoder_state.say([about[:3], about[3:]], stale_for)
        suffix = f" · {decoder.name}" if len(self.cards) > 1 else ""
        self.minute_title.setText(f"evidence, last minute{suffix}")
        self.age_title.setText(f"decision age{suffix}")

    def select(self, name: str) -> None:
        """Show decoder ``name`` in the plots."""
        self.selected = name
        for other, card in self.cards.items():
            card.selected = other == name and len(self.cards) > 1
            card.refresh()
        self._due = dict.fromkeys(_SLOW, 0.0)

    def say(self, text: str, problem: str = "") -> None:
        """Put ``text`` into the corner for some seconds."""
        self.note.setText(text)
        self.note.setStyleSheet(f"color: {theme.ALARM if problem else theme.GOOD}; padding: 3px 10px")
        self._note_until = time.monotonic() + 6.0

    # commands ------------------------------------------------------------------------------------------------------

    def mark(self) -> None:
        """Ask for a label, and have the session put a marker with it into the recording."""
        text, ok = QInputDialog.getText(self, "Mark", "Label of the marker; it gets the time at which you press OK:")
        if ok and text.strip():
            self.commands.ask(f"mark “{text.strip()}”", {"do": "mark", "label": text.strip()})

    def stop_session(self) -> None:
        """Ask, then stop the session: acquisition, recording and decoders."""
        status = self.run.status
        kept = status is not None and status.recording.state == "recording"
        answer = QMessageBox.question(
            self,
            "Stop the session?",
            "This stops acquisition and decoding" + (", and closes the recording." if kept else "."),
            QMessageBox.StandardButton.Yes | QMessageBox.StandardButton.Cancel,
            QMessageBox.StandardButton.Cancel,
        )
        if answer == QMessageBox.StandardButton.Yes:
            self.commands.ask("stop session", {"do": "stop"})

    def restart_decoder(self) -> None:
        """Ask, then restart the selected decoder's worker."""
        if not self.selected:
            return
        answer = QMessageBox.question(self, "Restart?", f"Restart the worker of decoder “{self.selected}”?")
        if answer == QMessageBox.StandardButton.Yes:
            self.commands.ask(f"restart {self.selected}", {"do": "restart", "decoder": self.selected})

    def screenshot(self) -> None:
        """Save a picture of the window beside the session's folder, or ask where."""
        status = self.run.status
        folder = status.session_folder if status is not None else None
        name = f"{folder.name if folder else 'rtbci'}_{datetime.now():%Y%m%d-%H%M%S}.png"
        if folder is not None and folder.parent.is_dir():
            path = folder.parent / name
        else:
            given, _ = QFileDialog.getSaveFileName(self, "Save screenshot", name, "PNG (*.png)")
            if not given:
                return
            path = Path(given)
        self.save_picture(path)

    def save_picture(self, path: Path) -> bool:
        """Write a PNG of the window; say in the corner what became of it."""
        saved = self.grab().save(str(path))
        text = (
            f"screenshot: {path}"
            if saved
            else f"cannot write {path}; a path ending in .png in a writable folder would do"
        )
        self.say(text, "" if saved else text)
        return saved

    def edit_experiment(self) -> None:
        """Open the experiment form."""
        from rtbci_ui.experiment_dialog import ExperimentDialog

        begin = self.run.status.experiment if self.run.status is not None else ""
        given, _ = QFileDialog.getOpenFileName(self, "Open an experiment", begin, "Experiments (*.toml)")
        if not given:
            return
        try:
            ExperimentDialog.edit(Path(given), self)
        except RtbciError as error:
            QMessageBox.warning(self, "This experiment cannot be opened", str(error))

    def next_decoder(self) -> None:
        """Select the next decoder."""
        names = list(self.cards)
        if names:
            self.select(names[(names.index(self.selected) + 1) % len(names)])

    def images(self) -> None:
        """Show decoded images in place of the traces, or the traces again."""
        if self.images_view is None:
            self.say("no decoder looks in a bank: there are no images")
            return
        self.tabs.setCurrentIndex(1 - self.tabs.currentIndex())

    def images_alone(self) -> None:
        """Show decoded images alone on the whole screen, or no more."""
        if self.images_view is None:
            self.say("no decoder looks in a bank: there are no images")
            return
        if self.images_window is None:
            self.images_window = ImagesWindow(self.run.now)
        if self.images_window.isVisible():
            self.images_window.close()
            return
        self.images_window.view.look_at(self.run.retrievals.get(self.selected))
        self.images_window.showFullScreen()
        self._due = dict.fromkeys(_SLOW, 0.0)

    def help(self) -> None:
        """Show or hide the shortcuts."""
        self.help_view.toggle()

    def larger(self) -> None:
        """Larger traces."""
        if self.traces is not None:
            self.traces.change_gain(1)

    def smaller(self) -> None:
        """Smaller traces."""
        if self.traces is not None:
            self.traces.change_gain(-1)

    def rescale(self) -> None:
        """Automatic gain."""
        if self.traces is not None:
            self.traces.rescale()

    def shorter(self) -> None:
        """A shorter page."""
        if self.traces is not None:
            self.traces.change_seconds(-1)

    def longer(self) -> None:
        """A longer page."""
        if self.traces is not None:
            self.traces.change_seconds(1)

    def previous_channels(self) -> None:
        """The page of channels before this one."""
        if self.traces is not None:
            self.traces.change_page(-1)

    def next_channels(self) -> None:
        """The page of channels after this one."""
        if self.traces is not None:
            self.traces.change_page(1)

    def all_channels(self) -> None:
        """All channels at once, or as many as can be read."""
        if self.traces is not None:
            self.traces.show_all(not self.traces.all_channels)

    def freeze(self) -> None:
        """Stop the traces, or let them go on."""
        if self.traces is not None:
            self.traces.freeze(not self.traces.frozen)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep the help in the middle by closing it."""
        super().resizeEvent(event)
        self.help_view.hide()

    def closeEvent(self, event: QCloseEvent) -> None:
        """Close the window only: the session goes on."""
        self._timer.stop()
        self.commands.close()
        if self.images_window is not None:
            self.images_window.close()
        status = self.run.status
        goes_on = status is not None and status.state != "ended" and self.run.stale_for is None
        if status is not None and goes_on and status.pid != os.getppid():  # a session that is our parent says so itself
            print(f"The window is closed; the session goes on: 'rtbci attach {status.session}' opens a window again.")
        super().closeEvent(event)
