"""The decisions of all decoders: now, over minutes, and what their trials were worth, side by side."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QFrame, QGridLayout, QLabel, QLayout, QScrollArea, QVBoxLayout, QWidget

from rtbci.types import Gap
from rtbci_ui import theme
from rtbci_ui.decisions import confusion, words
from rtbci_ui.decisions.arrangement import Arrangement, arrangement
from rtbci_ui.decisions.comparison import Standing, score
from rtbci_ui.decisions.comparison_view import ComparisonView
from rtbci_ui.decisions.confusion_view import ConfusionView
from rtbci_ui.decisions.controls import Controls
from rtbci_ui.decisions.history import History
from rtbci_ui.decisions.switches import SwitchLog, path_of
from rtbci_ui.decisions.trial_book import TrialBook
from rtbci_ui.run import Run
from rtbci_ui.status import DecoderStatus
from rtbci_ui.truth import trials
from rtbci_ui.views.bars import BarsView
from rtbci_ui.views.minute import MinuteView

BOOK_SECONDS = 0.25
"""How often trial files, and the log of who is in charge, are looked at."""
WINDOWS_SECONDS = 1.0
"""How often windows are counted: all of them, anew, because markers may come late."""

RECORDS_ONLY = (
    "No decoder decides: this session records only.\nOne begins with a session that has a model for it (rtbci train)."
)


class DecisionsPanel(QWidget):
    """Cards, timeline, comparison and confusion matrix over a `Run`.

    Keys, while the panel has the focus: T shows the next stretch of time, D selects the next decoder, C puts the selected
    one in charge, E counts windows or trials, V turns the page where not everything has room at once.

    Attributes
    ----------
    selected : name of the decoder that timeline and confusion matrix are of; "" before there is one.
    """

    selected_changed = Signal(str)
    charge_asked = Signal(str)

    def __init__(self, run: Run) -> None:
        super().__init__()
        self.run = run
        self.selected = ""
        self.cards: dict[str, BarsView] = {}
        self.book = TrialBook(run.folder)
        self.standing = Standing()
        self.switches = SwitchLog()
        self.by_windows = False
        self.page = 0
        self._arranged: Arrangement | None = None
        self._gaps: list[Gap] = []
        self._gaps_seen = 0
        self._due = {"book": -1.0, "windows": -1.0}
        self._compared: tuple[object, ...] = ()
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.controls = Controls()
        self.minute = MinuteView(run.markers, lambda: self._gaps, run.now, run.monotonic, self.switches)
        self.comparison = ComparisonView()
        self.confusion = ConfusionView()
        self._build()

    def _build(self) -> None:
        controls = self.controls
        controls.span_chosen.connect(self.minute.show_span)
        controls.page_chosen.connect(self.show_page)
        controls.level_toggled.connect(self.trials_or_windows)
        controls.charge_pressed.connect(self.put_in_charge)
        self.no_decoder = QLabel("no decoder yet")
        self.no_decoder.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.no_decoder.setWordWrap(True)
        self.no_decoder.setStyleSheet(f"color: {theme.DIM}; background: {theme.PANEL}; padding: 30px")
        self._card_box = QVBoxLayout()
        self._card_box.setContentsMargins(0, 0, 0, 0)
        self._card_box.setSpacing(5)
        self._card_box.addWidget(self.no_decoder)
        self._card_box.addStretch(1)
        holder = QWidget()
        holder.setLayout(self._card_box)
        self.card_area = QScrollArea()
        self.card_area.setWidget(holder)
        self.card_area.setWidgetResizable(True)
        self.card_area.setFrameShape(QFrame.Shape.NoFrame)
        self.card_area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.card_area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._grid = QGridLayout()
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(5)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 2, 4, 4)
        layout.setSpacing(3)
        layout.setSizeConstraint(QLayout.SizeConstraint.SetNoConstraint)  # less room makes another arrangement
        layout.addWidget(controls)
        layout.addLayout(self._grid, 1)
        self._arrange()

    # what is shown -------------------------------------------------------------------------------------------------

    def select(self, name: str) -> None:
        """Show decoder ``name`` in the timeline and the confusion matrix."""
        if name not in self.cards or name == self.selected:
            return
        self.selected = name
        for other, card in self.cards.items():
            card.selected = other == name and len(self.cards) > 1
        self.card_area.ensureWidgetVisible(self.cards[name], 0, 0)
        self._due["windows"] = -1.0
        self.selected_changed.emit(name)
        self.refresh()

    def next_decoder(self) -> None:
        """Select the next decoder."""
        names = list(self.cards)
        if names:
            self.select(names[(names.index(self.selected) + 1) % len(names)])

    def next_span(self) -> None:
        """Show the next longer stretch of time; after the longest, the shortest."""
        self.minute.next_span()
        self.controls.show_span(self.minute.span)

    def put_in_charge(self) -> None:
        """Ask for the selected decoder to be put in charge; where it waits for that already, withdraw the wish."""
        status = self.run.status
        if status is None or status.state == "ended" or len(self.cards) < 2 or not status.charge:
            return
        if self.selected == status.next_charge:
            self.charge_asked.emit(status.charge)
        elif self.selected != status.charge or status.next_charge:
            self.charge_asked.emit(self.selected)

    def trials_or_windows(self) -> None:
        """Count single windows in the confusion matrix, or trials again."""
        self.by_windows = not self.by_windows
        self._due["windows"] = -1.0
        self._compared = ()
        self.refresh()

    def turn_page(self) -> None:
        """Show the other page."""
        self.show_page(1 - self.page)

    def show_page(self, page: int) -> None:
        """Where there is no room for everything at once: what is now (0), or trials (1)."""
        self.page = page
        self._arrange()

    # looking -------------------------------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Look again."""
        status = self.run.status
        if status is None:
            return
        ended, stale_for = status.state == "ended", self.run.stale_for
        ring = self.run.ring
        if ring is not None and (count := ring.n_gaps) != self._gaps_seen:
            self._gaps = [*self._gaps, *ring.gaps(self._gaps_seen)][-ring.max_gaps :]
            self._gaps_seen = count
        for decoder in status.decoders:
            feed = self.run.feeds.get(decoder.name)
            card = self.cards.get(decoder.name) or self._add_card(decoder)
            if feed is not None:
                feed.locked = decoder.hop is None
                card.attach(feed)
            card.know(decoder, stale_for, ended)
            card.role = words.role(decoder.name, status.charge, status.next_charge, len(status.decoders))
        if not self.cards:
            if status.state not in ("starting", "connecting"):
                self.no_decoder.setText(RECORDS_ONLY)
            return
        if self.selected not in self.cards:
            self.select(status.charge if status.charge in self.cards else next(iter(self.cards)))
        self.minute.look_at(self.run.feeds.get(self.selected), self._decoder(self.selected))
        self.minute.know(ended, stale_for)
        clock = self.run.monotonic()
        if clock >= self._due["book"]:
            self.book.refresh(tuple(self.cards))
            self._due["book"] = clock if self.book.behind else clock + BOOK_SECONDS
            if status.charge and len(self.cards) > 1 and status.session_folder is not None:
                self.switches.refresh(path_of(status.session_folder, self.cards))
        self._count(None if ended else stale_for, clock)
        for card in self.cards.values():
            card.refresh()
        self.minute.refresh()
        charge = "" if ended else status.charge
        self.controls.know(self.selected, charge, status.next_charge, len(self.cards), self.by_windows)

    def _decoder(self, name: str) -> DecoderStatus:
        decoders = self.run.status.decoders if self.run.status is not None else ()
        return next((decoder for decoder in decoders if decoder.name == name), DecoderStatus(name))

    def _add_card(self, decoder: DecoderStatus) -> BarsView:
        card = BarsView(decoder.name, self.run.feeds.get(decoder.name), self.run.now)
        card.chosen.connect(self.select)
        self.no_decoder.hide()
        self._card_box.insertWidget(len(self.cards), card)
        self.cards[decoder.name] = card
        for other, known in self.cards.items():
            known.selected = other == self.selected and len(self.cards) > 1
        return card

    def _count(self, stale_for: float | None, clock: float) -> None:
        """Take stock of trials where there are new ones, and of windows now and then."""
        if self.book.behind:  # until all are read, the session's own count is the newer one
            for card in self.cards.values():
                card.count(None)
            self._compared = ()
            return
        status = self.run.status
        assert status is not None
        age = None if stale_for is None else round(stale_for)
        chosen = self._decoder(self.selected)
        state = (self.book.changes, self.selected, status.charge, age, chosen.classes, tuple(self.cards))
        fresh = state != self._compared
        self._compared = state
        n_classes = max(len(chosen.classes), 1)
        chance = {name: self._decoder(name).chance or 1.0 / n_classes for name in self.cards}
        if fresh:
            for name, card in self.cards.items():
                card.count(score(name, self.book.sums(name), chance[name]))
            self.standing.update(self.book.trials())
            found = self.standing.comparison(chance, status.charge or self.selected)
            self.comparison.show_comparison(found, n_classes, self.selected, age)
        if self.by_windows:
            if clock < self._due["windows"]:
                return
            self._due["windows"] = clock + WINDOWS_SECONDS
            counted = self._windows(chosen, n_classes)
        elif fresh:
            counted = confusion.of_trials(self.book.sums(self.selected), n_classes)
        else:
            return
        self.confusion.show_confusion(counted, chosen.classes, chance[self.selected], age)

    def _windows(self, decoder: DecoderStatus, n_classes: int) -> confusion.Confusion:
        feed = self.run.feeds.get(decoder.name)
        lead = decoder.trial[0] if len(decoder.trial) == 2 else 0.0
        history, spans = feed.history if feed is not None else History(n_classes), trials(decoder, self.run.markers)
        return confusion.of_windows(history, spans, lead, decoder.window or 0.0, decoder.hop, n_classes)

    # room and keys -------------------------------------------------------------------------------------------------

    def _arrange(self) -> None:
        wanted = arrangement(self.width(), self.height(), self.page)
        if wanted == self._arranged:
            return
        self._arranged = wanted
        parts = {"cards": self.card_area, "minute": self.minute, "compared": self.comparison, "table": self.confusion}
        for part in parts.values():
            self._grid.removeWidget(part)
        for name, part in parts.items():
            part.setVisible(name in wanted.places)
            if name in wanted.places:
                self._grid.addWidget(part, *wanted.places[name])
        for k in range(4):
            self._grid.setRowStretch(k, wanted.rows[k] if k < len(wanted.rows) else 0)
            self._grid.setColumnStretch(k, wanted.columns[k] if k < len(wanted.columns) else 0)
        self.controls.arrange(wanted.pages, self.page)

    def minimumSizeHint(self) -> QSize:
        """Less than the parts need side by side: they take turns then."""
        return QSize(320, 240)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Show as much at once as there is room for."""
        super().resizeEvent(event)
        self._arrange()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """See the class."""
        keys: dict[Qt.Key, Callable[[], None]] = {
            Qt.Key.Key_T: self.next_span,
            Qt.Key.Key_D: self.next_decoder,
            Qt.Key.Key_C: self.put_in_charge,
            Qt.Key.Key_E: self.trials_or_windows,
            Qt.Key.Key_V: self.turn_page,
        }
        act = keys.get(Qt.Key(event.key())) if not event.modifiers() else None
        if act is None:
            super().keyPressEvent(event)
        else:
            act()
