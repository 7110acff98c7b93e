"""The signal panel: what the samples look like now, in five tabs."""

from __future__ import annotations

import time
from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QStackedWidget, QTabBar, QToolButton, QVBoxLayout, QWidget

from rtbci.montage import KINDS
from rtbci_ui import theme
from rtbci_ui.positions import Positions
from rtbci_ui.run import Run
from rtbci_ui.signal.averages import grouping
from rtbci_ui.signal.bands_view import BandsView
from rtbci_ui.signal.evoked import Evoked
from rtbci_ui.signal.evoked_view import EvokedView
from rtbci_ui.signal.impedance import JUDGED
from rtbci_ui.signal.quality_view import QualityView
from rtbci_ui.signal.quality_watch import QualityWatch
from rtbci_ui.signal.sites import KIND_WORDS, Sites
from rtbci_ui.signal.spectra import Spectra
from rtbci_ui.signal.spectrogram import Spectrogram
from rtbci_ui.signal.spectrogram_view import SpectrogramView
from rtbci_ui.signal.spectrum_view import SpectrumView
from rtbci_ui.status import Status

TABS = ("Spectrum", "Spectrogram", "Bands", "Evoked", "Quality")
TIPS = (
    "Power against frequency, averaged over the newest seconds",
    "The selected channel's spectrum over the last minute",
    "Power of delta, theta, alpha, beta and gamma over the head",
    "Averages after markers, by class, building up",
    "Line noise, flat, railed and large channels, impedance",
)
STATE_SECONDS = 0.25
DRAW_SECONDS = 0.2
"""Views look five times a second whether there is anything new; models work at every refresh, in small steps."""
SILENT_SECONDS = 1.0


class SignalPanel(QWidget):
    """Looks at a `Run`'s ring.

    Samples are read in small steps at every `refresh`, only for the tab that is shown; averages after markers go on in every
    tab. `channel` is the selected channel's number; what is shown of the others is of its kind.
    """

    def __init__(self, run: Run, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._run, self._clock = run, clock
        self._due = self._draw_due = 0.0
        self.channel = 0
        self.kind = ""
        self.built = False
        self.tabs = QTabBar()
        self.tabs.setDrawBase(False)
        self.tabs.setExpanding(False)
        for text, tip in zip(TABS, TIPS, strict=True):
            self.tabs.setTabToolTip(self.tabs.addTab(text), tip)
        self.tabs.currentChanged.connect(self._switch)
        self.kinds = QComboBox()
        self.kinds.setToolTip("Which kind of sensors to look at")
        self.kinds.currentIndexChanged.connect(self._choose_kind)
        self.kinds.hide()
        self.channels = QComboBox()
        self.channels.setToolTip("The selected channel; Alt+Left and Alt+Right go to the one before and after")
        self.channels.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.channels.currentIndexChanged.connect(self._choose_channel)
        self.previous, self.next = QToolButton(), QToolButton()
        for button, arrow, tip, act in (
            (self.previous, Qt.ArrowType.LeftArrow, "Previous channel (Alt+Left)", self.previous_channel),
            (self.next, Qt.ArrowType.RightArrow, "Next channel (Alt+Right)", self.next_channel),
        ):
            button.setArrowType(arrow)
            button.setToolTip(tip)
            button.clicked.connect(lambda _checked=False, act=act: act())
        for keys, method in (("Alt+Left", self.previous_channel), ("Alt+Right", self.next_channel)):
            shortcut = QShortcut(QKeySequence(keys), self)
            shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            shortcut.activated.connect(method)
        self.note = QLabel()
        self.note.setFont(theme.font(8.5))
        self.note.hide()
        self.waiting = QLabel("waiting for the stream…")
        self.waiting.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.waiting.setFont(theme.font(14.0))
        self.waiting.setStyleSheet(f"color: {theme.DIM}; background: {theme.PANEL}")
        self.stage = QStackedWidget()
        self.stage.addWidget(self.waiting)
        top = QHBoxLayout()
        top.setContentsMargins(2, 0, 4, 0)
        top.setSpacing(4)
        top.addWidget(self.tabs, 1)
        for widget in (self.kinds, self.previous, self.channels, self.next):
            top.addWidget(widget)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addLayout(top)
        layout.addWidget(self.note)
        layout.addWidget(self.stage, 1)

    # building ------------------------------------------------------------------------------------------------------

    def _build(self) -> None:
        run = self._run
        if run.ring is None or run.info is None:
            return
        ring, info = run.ring, run.info
        self._info = info
        self._usable = [i for i, c in enumerate(info.channels) if c.kind in JUDGED] or list(range(info.n_channels))
        self.positions = Positions(ring, info.rate)
        self.positions.refresh()
        self.spectra = Spectra(ring, info.rate, self.positions)
        self.spectrogram = Spectrogram(ring, info.rate, self.positions)
        sensors = [i for i, channel in enumerate(info.channels) if channel.kind in KINDS]
        eeg = [i for i in sensors if info.channels[i].kind == "eeg"]
        self.evoked = Evoked(ring, info.rate, self.positions, run.markers, sensors or self._usable, eeg, info.names)
        self.evoked.again()
        self.watch = QualityWatch(ring, info, self.positions, self.spectra)
        self.spectrum_view = SpectrumView(self.spectra, info)
        self.spectrogram_view = SpectrogramView(self.spectrogram, info)
        self.bands_view = BandsView(self.spectra)
        self.evoked_view = EvokedView(self.evoked)
        self.evoked_view.names = info.names
        self.quality_view = QualityView(self.watch)
        self.views = (self.spectrum_view, self.spectrogram_view, self.bands_view, self.evoked_view, self.quality_view)
        for view in self.views:
            self.stage.addWidget(view)
        for picking in (self.bands_view, self.evoked_view, self.quality_view):
            picking.picked.connect(self.select)
        self._present = [kind for kind in KINDS if any(c.kind == kind for c in info.channels)]
        self._sites = {kind: Sites(info, kind) for kind in self._present}
        self.built = True
        self.kinds.blockSignals(True)
        self.kinds.addItems([KIND_WORDS[kind] for kind in self._present])
        self.kinds.blockSignals(False)
        self.kinds.setVisible(len(self._present) > 1)
        self.channels.blockSignals(True)
        self.channels.addItems([info.channels[i].name for i in self._usable])
        self.channels.blockSignals(False)
        self.channel = -1
        self.select(sensors[0] if sensors else self._usable[0])
        self._switch(self.tabs.currentIndex())

    # choosing ------------------------------------------------------------------------------------------------------

    def show_tab(self, name: str) -> None:
        """Show the tab called ``name``, one of `TABS` (in any case). Raises ValueError for another name."""
        names = [text.lower() for text in TABS]
        if name.lower() not in names:
            raise ValueError(f"no tab is called {name!r}; there are {', '.join(TABS)}")
        self.tabs.setCurrentIndex(names.index(name.lower()))

    def next_tab(self) -> None:
        """Show the tab behind this one, after the last one the first."""
        self.tabs.setCurrentIndex((self.tabs.currentIndex() + 1) % len(TABS))

    def select(self, channel: int) -> None:
        """Look at channel number ``channel``, and with it at its kind."""
        if not self.built or channel == self.channel:
            return
        self.channel = channel
        kind = self._info.channels[channel].kind
        if kind not in self._sites:  # an EOG has no map: those of the sensors stay
            kind = self.kind or (self._present[0] if self._present else "")
        if kind and kind != self.kind:
            self.kind = kind
            self.kinds.blockSignals(True)
            self.kinds.setCurrentIndex(self._present.index(kind))
            self.kinds.blockSignals(False)
            sites = self._sites[kind]
            own = [i for i, c in enumerate(self._info.channels) if c.kind == kind]
            self.bands_view.show_sites(sites)
            self.evoked_view.show_sites(sites, kind, own)
            self.quality_view.show_sites(sites)
        if channel in self._usable:
            self.channels.blockSignals(True)
            self.channels.setCurrentIndex(self._usable.index(channel))
            self.channels.blockSignals(False)
        for view in self.views:
            view.show_channel(channel)
        self._draw_due = 0.0

    def next_channel(self) -> None:
        """Look at the next channel."""
        self._step(1)

    def previous_channel(self) -> None:
        """Look at the channel before."""
        self._step(-1)

    def _step(self, by: int) -> None:
        if self.built:
            at = self._usable.index(self.channel) if self.channel in self._usable else 0
            self.select(self._usable[(at + by) % len(self._usable)])

    def _choose_channel(self, index: int) -> None:
        if self.built and 0 <= index < len(self._usable):
            self.select(self._usable[index])

    def _choose_kind(self, index: int) -> None:
        if self.built and 0 <= index < len(self._present):
            kind = self._present[index]
            self.select(next(i for i, c in enumerate(self._info.channels) if c.kind == kind))

    def _switch(self, index: int) -> None:
        self.stage.setCurrentWidget(self.views[index] if self.built else self.waiting)
        self._draw_due = 0.0

    # looking -------------------------------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Do a step of work, and draw what is new."""
        now = self._clock()
        if now >= self._due:
            self._due = now + STATE_SECONDS
            self._look(self._run.status)
        if not self.built or self._run.ring is None or self._run.ring.written == 0:
            return
        self.positions.refresh()
        tab = self.tabs.currentIndex()
        self.evoked.refresh()
        if tab == 1:
            self.spectrogram.refresh()
        elif tab != 3:
            self.spectra.refresh()
            if tab == 4:
                self.watch.refresh()
        if now >= self._draw_due:
            # evoked cells are drawn one at a refresh; the others have one picture
            self._draw_due = now + (DRAW_SECONDS / 2 if tab == 3 else DRAW_SECONDS)
            self.views[tab].refresh()

    def _look(self, status: Status | None) -> None:
        """What is seen a few times a second: the stream, its bad channels, the decoders' classes, and silence."""
        if not self.built:
            self._build()
        if not self.built:
            return
        bads = self._info.bads | frozenset(status.bads if status is not None else ())
        if bads != self.spectrum_view.bads:
            for view in (self.spectrum_view, self.bands_view, self.evoked_view):
                view.bads = bads
            self.watch.bads = bads
            self.evoked.set_bads(bads)
            self.spectrum_view.show_channel(self.channel)
            self.bands_view.show_channel(self.channel)
        self.evoked.classify(grouping(status))
        silent = self._run.samples_silent
        ended = status is not None and status.state == "ended"
        paused = status is not None and status.clock_rate == 0.0
        text = ""
        if ended:
            text = "the session has ended: this is how it was at the end"
        elif paused:
            text = "the replay is paused"
        elif silent is not None and silent > SILENT_SECONDS:
            text = f"no samples for {silent:.0f} s: what is shown is old"
        if self.note.text() != text:
            self.note.setText(text)
            self.note.setStyleSheet(f"color: {theme.DIM if ended or paused else theme.ALARM}; padding: 0 6px")
            self.note.setVisible(bool(text))
