"""The panel of the traces: a slim row of controls over the traces, and the whole session as a strip below them."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from rtbci_ui import theme, wording
from rtbci_ui.run import Run
from rtbci_ui.traces.bads import BadChannels
from rtbci_ui.traces.bar import TracesBar
from rtbci_ui.traces.filtering import NOTCHES, Choice
from rtbci_ui.traces.past import Recordings
from rtbci_ui.views.session_strip import SessionStrip
from rtbci_ui.views.traces import TraceView

SLOW_SECONDS = 0.2
"""Between two looks of what is not the picture."""


def _above_zero(value: object) -> float | None:
    """A number that was kept, None where it is none, or none that could have been chosen."""
    return float(value) if isinstance(value, int | float) and 0.0 < value < math.inf else None


class TracesPanel(QWidget):
    """Looks at a `Run`; the traces are made when its stream and ring are there.

    Attributes
    ----------
    view : the traces, or None before the stream is there.
    """

    bad_toggled = Signal(str, bool)
    """A channel was marked bad, or good again: its name, and whether it is bad."""

    def __init__(self, run: Run) -> None:
        super().__init__()
        self._run = run
        self.view: TraceView | None = None
        self._strip: SessionStrip | None = None
        self._bads = BadChannels()
        self._due = 0.0
        self._line = NOTCHES[0]
        self._wish: Mapping[str, Any] = {}
        self.setAutoFillBackground(True)
        self.waiting = QLabel("waiting for the stream…")
        self.waiting.setFont(theme.font(18.0))
        self.waiting.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.waiting.setStyleSheet(f"color: {theme.DIM}; background: {theme.PANEL}")
        self.bar = TracesBar()
        self.bar.wanted.connect(lambda name: getattr(self, name)())
        self.bar.filter_chosen.connect(self._choose)
        self.bar.group_chosen.connect(self._show_group)
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(0)
        self._layout.addWidget(self.bar)
        self._layout.addWidget(self.waiting, 1)
        self._escape = QShortcut(QKeySequence(Qt.Key.Key_Escape), self, self.to_live)
        self._escape.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        self._escape.setEnabled(False)

    def _attach(self) -> None:
        """Make the traces."""
        run = self._run
        if run.ring is None or run.info is None:
            return
        view = TraceView(
            run.ring, run.info, run.markers, self._source_time, recordings=Recordings(lambda: self._run.status)
        )
        self.view = view
        self._strip = SessionStrip(view)
        self._strip.sought.connect(self._seek)
        view.bad_toggled.connect(self._mark)
        view.changed.connect(self._say)
        self._layout.replaceWidget(self.waiting, view)
        self._layout.setStretchFactor(view, 1)
        self._layout.addWidget(self._strip)
        self.waiting.hide()
        self.bar.attach(view)
        self.restore(self._wish)

    # looking -------------------------------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Draw what has come; what is not the picture is looked at five times a second."""
        if self.view is None:
            self._attach()
            if self.view is None:
                status = self._run.status
                ended = status is not None and status.state == "ended"
                self.waiting.setText("the session has ended" if ended else "waiting for the stream…")
                return
        self.view.refresh()
        clock = time.monotonic()
        if clock >= self._due:
            self._due = clock + SLOW_SECONDS
            self._refresh_slow(self.view)

    def _refresh_slow(self, view: TraceView) -> None:
        status = self._run.status
        known = view.info.bads | frozenset(status.bads if status is not None else ())
        view.mark_bads(self._bads.hear(known))
        stale = self._run.stale_for
        text = "" if stale is None else f"no word from the session for {wording.age_ms(stale)}"
        if text != view.stale_text:
            view.stale_text = text
            view.update()
        if self._strip is not None:
            self._strip.refresh()

    def _source_time(self) -> float | None:
        """Time goes on while a session runs; without one, or while a replay is paused, it stands still."""
        status = self._run.status
        if status is None or status.state == "ended" or not self._run.there or status.clock_rate == 0.0:
            return None
        return self._run.now()

    def _say(self) -> None:
        """Bring the controls up to date."""
        if self.view is not None:
            self.bar.say(self.view)
            self._escape.setEnabled(self.view.frozen)

    def _choose(self, choice: Choice) -> None:
        self._line = choice.notch or self._line
        if self.view is not None:
            self.view.filter(choice)

    def _show_group(self, name: str) -> None:
        if self.view is not None:
            self.view.show_group(name)

    def _mark(self, name: str, bad: bool) -> None:
        self._bads.click(name, bad)
        self.bad_toggled.emit(name, bad)

    def refuse_bad(self, name: str) -> None:
        """The session refused to mark ``name``: show the channel as the session knows it."""
        self._bads.forget(name)
        self._due = 0.0

    def remember(self) -> dict[str, Any]:
        """How the traces are shown, in JSON's types: for `restore`, in this window or in the next one."""
        view = self.view
        if view is None:
            return dict(self._wish)
        choice = view.picture.choice
        return {
            "sweep": view.sweep,
            "seconds": view.seconds,
            "group": view.group.name,
            "every_channel": view.all_channels,
            "filter": [choice.high_pass, choice.low_pass, choice.notch],
        }

    def restore(self, shown: Mapping[str, Any]) -> None:
        """Show the traces as `remember` told, at once or when the stream is there; what does not fit it is left alone."""
        self._wish = dict(shown)
        view = self.view
        if view is None:
            return
        view.show_sweep(bool(shown.get("sweep", view.sweep)))
        view.show_seconds(_above_zero(shown.get("seconds")) or view.seconds)
        if shown.get("group") in [group.name for group in view.groups]:
            view.show_group(str(shown["group"]))
        view.show_all(bool(shown.get("every_channel", view.all_channels)))
        if isinstance(parts := shown.get("filter"), list) and len(parts) == 3:
            self._choose(Choice(*map(_above_zero, parts)))
        self._say()

    def let_go(self) -> None:
        """Let go of the recording that was looked back into: the panel is not shown any more."""
        if self.view is not None:
            self.view.looking.close()

    # what shortcuts do ---------------------------------------------------------------------------------------------

    def larger(self) -> None:
        """Larger traces."""
        if self.view is not None:
            self.view.change_gain(1)

    def smaller(self) -> None:
        """Smaller traces."""
        if self.view is not None:
            self.view.change_gain(-1)

    def rescale(self) -> None:
        """Automatic gain."""
        if self.view is not None:
            self.view.rescale()

    def shorter(self) -> None:
        """A shorter page."""
        if self.view is not None:
            self.view.change_seconds(-1)

    def longer(self) -> None:
        """A longer page."""
        if self.view is not None:
            self.view.change_seconds(1)

    def show_seconds(self, seconds: float) -> None:
        """The page that is nearest to ``seconds``."""
        if self.view is not None:
            self.view.show_seconds(seconds)

    def previous_channels(self) -> None:
        """The page of channels before this one."""
        if self.view is not None:
            self.view.change_page(-1)

    def next_channels(self) -> None:
        """The page of channels after this one."""
        if self.view is not None:
            self.view.change_page(1)

    def all_channels(self) -> None:
        """All channels of the group at once, or as many as can be read."""
        if self.view is not None:
            self.view.show_all(not self.view.all_channels)

    def next_group(self) -> None:
        """The next group of channels."""
        if self.view is not None:
            names = [group.name for group in self.view.groups]
            self.view.show_group(names[(names.index(self.view.group.name) + 1) % len(names)])

    def sweep(self) -> None:
        """Sweep, or scroll."""
        if self.view is not None:
            self.view.show_sweep(not self.view.sweep)

    def next_filter(self) -> None:
        """The next of the usual display filters."""
        if self.view is not None:
            self._choose(self.view.picture.choice.following(self._line))

    def freeze(self) -> None:
        """Stop the traces, or let them go on."""
        if self.view is not None:
            self.view.freeze(not self.view.frozen)

    def back(self) -> None:
        """Half a page back in time; pauses first."""
        self._move(-0.5)

    def forward(self) -> None:
        """Half a page on in time, up to the newest."""
        self._move(0.5)

    def far_back(self) -> None:
        """Ten pages back."""
        self._move(-10.0)

    def far_forward(self) -> None:
        """Ten pages on."""
        self._move(10.0)

    def to_start(self) -> None:
        """The oldest page there is."""
        self._seek(0.0)

    def to_live(self) -> None:
        """The newest samples again."""
        if self.view is not None and self.view.frozen:
            self.view.freeze(False)

    def _move(self, pages: float) -> None:
        if self.view is not None and (self.view.frozen or pages < 0.0):
            self.view.looking.move(pages)
            self._say()
            self.view.update()

    def _seek(self, seconds: float) -> None:
        if self.view is not None:
            self.view.looking.seek(seconds)
            self._say()
            self.view.update()
