"""The slim row of controls over the traces: what is shown and how, readable at a glance, reachable by mouse and by Tab."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QAction, QActionGroup, QKeyEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QMenu, QSizePolicy, QToolButton, QWidget

from rtbci_ui import theme, wording
from rtbci_ui.traces.filtering import HIGH_PASSES, LOW_PASSES, NOTCHES, Choice
from rtbci_ui.views.traces import TraceView


class _Button(QToolButton):
    """A button for the mouse and for Tab; with the focus, Space presses it, whatever Space does elsewhere in the window."""

    def __init__(self, text: str, tip: str) -> None:
        super().__init__()
        self.setText(text)
        self.setToolTip(tip)
        self.setAccessibleName(tip.split(" (")[0])
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setAutoRaise(True)

    def event(self, event: QEvent) -> bool:
        """Keep the keys that press it from the window's shortcuts."""
        mine = isinstance(event, QKeyEvent) and event.key() in (Qt.Key.Key_Space, Qt.Key.Key_Return)
        if mine and event.type() == QEvent.Type.ShortcutOverride:
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Space and Enter press it, or open its menu."""
        if event.key() not in (Qt.Key.Key_Space, Qt.Key.Key_Return):
            super().keyPressEvent(event)
        elif self.menu() is not None:
            self.showMenu()
        else:
            self.click()


class TracesBar(QWidget):
    """Says what the traces show, and what somebody wants of them."""

    wanted = Signal(str)
    """The name of a method of the panel."""
    filter_chosen = Signal(object)
    """A `Choice`."""
    group_chosen = Signal(str)
    """The name of a group."""

    def __init__(self) -> None:
        super().__init__()
        self._choice = Choice()
        self.mode = self._button("Scroll", "Sweep over the page before, or scroll (W)", "sweep")
        self.group = self._button("All", "Channels that are shown, by kind (G: next)")
        self.every = self._button(
            "Every ch.", "All channels of the group at once, or as many as can be read (0)", "all_channels"
        )
        self.filter = self._button(
            "Filter: off", "Display filter (X: next): for the eye alone, recording and decoders never see it"
        )
        self.pause = self._button("Pause", "Stop the traces and look at them; ← and → look back (Space)", "freeze")
        for button in (self.every, self.pause):
            button.setCheckable(True)
        for button in (self.group, self.filter):
            button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.filter_actions: dict[tuple[str, float | None], QAction] = {}
        self.filter.setMenu(self._filter_menu())
        self.gain = self._label("Height of a channel's lane", "500 fT/cm")
        self.time = self._label("Length of the page", "60 s")
        row = QHBoxLayout(self)
        row.setContentsMargins(4, 1, 4, 1)
        row.setSpacing(2)
        for widget in (self.mode, self.group, self.every, self.filter):
            row.addWidget(widget)
        row.addStretch(1)
        row.addWidget(self._button("−", "Smaller traces (− or wheel)", "smaller"))
        row.addWidget(self.gain)
        row.addWidget(self._button("+", "Larger traces (+ or wheel)", "larger"))
        row.addWidget(self._button("−", "Shorter page ([ or Ctrl+wheel)", "shorter"))
        row.addWidget(self.time)
        row.addWidget(self._button("+", "Longer page (] or Ctrl+wheel)", "longer"))
        row.addWidget(self.pause)
        self.pause.setFixedWidth(self.pause.fontMetrics().horizontalAdvance("Resume") + 18)
        self.setEnabled(False)

    def _button(self, text: str, tip: str, wanted: str = "") -> _Button:
        button = _Button(text, tip)
        if wanted:
            button.clicked.connect(lambda _checked=False: self.wanted.emit(wanted))
        return button

    @staticmethod
    def _label(tip: str, widest: str) -> QLabel:
        label = QLabel("–")
        label.setToolTip(tip)
        label.setFont(theme.font(9.0, bold=True))
        label.setAlignment(Qt.AlignmentFlag.AlignCenter)
        label.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        label.setFixedWidth(label.fontMetrics().horizontalAdvance(widest) + 4)
        return label

    def _filter_menu(self) -> QMenu:
        menu = QMenu(self)
        menu.addAction("Off").triggered.connect(lambda: self.filter_chosen.emit(Choice()))
        for field, title, frequencies, form in (
            ("high_pass", "High-pass", HIGH_PASSES, "above {:g} Hz"),
            ("low_pass", "Low-pass", LOW_PASSES, "below {:g} Hz"),
            ("notch", "Mains", NOTCHES, "without {:g} Hz and its multiples"),
        ):
            menu.addSection(title)
            group = QActionGroup(menu)
            for frequency in (None, *frequencies):
                action = menu.addAction(f"no {title.lower()} filter" if frequency is None else form.format(frequency))
                action.setCheckable(True)
                action.setChecked(frequency is None)
                group.addAction(action)
                action.triggered.connect(lambda _=False, f=field, v=frequency: self._choose(f, v))
                self.filter_actions[field, frequency] = action
        return menu

    def _choose(self, field: str, frequency: float | None) -> None:
        self.filter_chosen.emit(replace(self._choice, **{field: frequency}))

    def attach(self, view: TraceView) -> None:
        """Offer what ``view`` can show."""
        menu = QMenu(self)
        group = QActionGroup(menu)
        for found in view.groups:
            action = menu.addAction(f"{found.name}  ({len(found.channels)})")
            action.setCheckable(True)
            action.setData(found.name)
            group.addAction(action)
            action.triggered.connect(lambda _=False, name=found.name: self.group_chosen.emit(name))
        self.group.setMenu(menu)
        self.group.setEnabled(len(view.groups) > 1)
        for (field, frequency), action in self.filter_actions.items():
            if frequency is not None:
                action.setEnabled(not Choice(**{field: frequency}).possible(view.info.rate).off)
        self.setEnabled(True)
        self.say(view)

    def say(self, view: TraceView) -> None:
        """Tell how ``view`` shows what it shows."""
        self.mode.setText("Sweep" if view.sweep else "Scroll")
        self.group.setText(view.group.name)
        self.every.setChecked(view.all_channels)
        self.pause.setChecked(view.frozen)
        self.pause.setText("Resume" if view.frozen else "Pause")
        kind = view.page_kinds[0] if view.page_kinds else ""
        if kind:
            self.gain.setText(wording.value_in(view.lane_units[kind], view.units[kind]))
            self.gain.setToolTip(f"Height of a lane of {kind.upper()}")
        self.time.setText(f"{view.seconds:g} s")
        self._choice = choice = view.picture.choice
        self.filter.setText("Filter: off" if choice.off else choice.text)
        for (field, frequency), action in self.filter_actions.items():
            action.setChecked(getattr(choice, field) == frequency)
        for action in self.group.menu().actions():
            action.setChecked(action.data() == view.group.name)
