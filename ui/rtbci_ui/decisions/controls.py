"""The line above the decisions: which stretch of time, which page, what is counted, and who is in charge."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QButtonGroup, QHBoxLayout, QLabel, QPushButton, QTabBar, QWidget

from rtbci_ui import theme
from rtbci_ui.decisions.history import SPANS

PAGES = ("Now", "Trials")


class Controls(QWidget):
    """Buttons, each with its key in its tooltip."""

    span_chosen = Signal(float)
    page_chosen = Signal(int)
    level_toggled = Signal()
    charge_pressed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._pages, self._page, self._several = True, 0, False
        self._said: tuple[object, ...] = ()
        self.tabs = QTabBar()
        self.tabs.setDrawBase(False)
        self.tabs.setExpanding(False)
        for text in PAGES:
            self.tabs.addTab(text)
        self.tabs.setToolTip("V: what is decided now, or what trials were worth")
        self.tabs.currentChanged.connect(self.page_chosen)
        self.spans = QButtonGroup(self)
        self.spans.setExclusive(True)
        self.span_buttons = []
        for span in SPANS:
            minutes = round(span / 60)
            stretch = "minute" if minutes == 1 else f"{minutes} minutes"
            button = self._button(f"{minutes} min", f"T: show the next longer stretch; here, the last {stretch}")
            button.setCheckable(True)
            self.spans.addButton(button, int(span))
            self.span_buttons.append(button)
        self.span_buttons[0].setChecked(True)
        self.spans.idClicked.connect(lambda span: self.span_chosen.emit(float(span)))
        self.level = self._button("Table: trials", "E: count single windows in the confusion matrix, or whole trials")
        self.level.clicked.connect(self.level_toggled)
        self.charge = self._button("Put in charge", "")
        self.charge.clicked.connect(self.charge_pressed)
        for button in (*self.span_buttons, self.level, self.charge):
            button.installEventFilter(self)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(3)
        layout.addWidget(self.tabs)
        for button in self.span_buttons:
            layout.addWidget(button)
        self.title = QLabel()
        self.title.setFont(theme.font(9.0, bold=True))
        self.title.setStyleSheet(f"color: {theme.DIM}")
        self.title.setMinimumWidth(1)
        layout.addSpacing(6)
        layout.addWidget(self.title, 1)
        layout.addWidget(self.charge)
        layout.addSpacing(6)
        layout.addWidget(self.level)

    @staticmethod
    def _button(text: str, tip: str) -> QPushButton:
        button = QPushButton(text)
        button.setToolTip(tip)
        button.setFont(theme.font(9.0))
        button.setStyleSheet(
            "QPushButton { padding: 2px 7px }"
            f"QPushButton:checked {{ background: {theme.HIGHLIGHT}; color: #ffffff; border: 1px solid {theme.ACCENT} }}"
        )
        return button

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Space and arrows are a button's that has the focus, whatever they mean to the window."""
        keys = (Qt.Key.Key_Space, Qt.Key.Key_Left, Qt.Key.Key_Right)
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent) and event.key() in keys:
            event.accept()
            return True
        return bool(super().eventFilter(watched, event))

    def show_span(self, span: float) -> None:
        """Mark the stretch that is shown."""
        self.spans.button(int(span)).setChecked(True)

    def arrange(self, pages: bool, page: int) -> None:
        """Show what belongs to ``page``; everything where there is only one."""
        self._pages, self._page = pages, page
        self.tabs.setVisible(pages)
        if self.tabs.currentIndex() != page:
            self.tabs.setCurrentIndex(page)
        for button in self.span_buttons:
            button.setVisible(not pages or page == 0)
        self.level.setVisible(not pages or page == 1)
        self.charge.setVisible(self._several and (not pages or page == 0))

    def know(self, selected: str, charge: str, next_charge: str, decoders: int, by_windows: bool) -> None:
        """Say what the buttons would do now."""
        several = decoders > 1 and bool(charge)
        if several != self._several:
            self._several = several
            self.arrange(self._pages, self._page)
        if selected == next_charge and next_charge:
            text, tip, able = "Withdraw", f"C: {charge} stays in charge", True
        elif selected == charge:
            text, able = ("Stay in charge", True) if next_charge else ("In charge", False)
            tip = f"C: {next_charge} does not take over" if next_charge else f"{charge} is in charge: its answers count"
        else:
            text, able = "Put in charge", True
            tip = f"C: the answers of {selected} count from the end of the running trial on, at once between trials"
        level = "Table: windows" if by_windows else "Table: trials"
        title = f"evidence of {selected}" if decoders > 1 and not self._pages else ""
        if title != self.title.text():
            self.title.setText(title)
        if (text, tip, able, level) != self._said:
            self._said = (text, tip, able, level)
            self.charge.setText(text)
            self.charge.setToolTip(tip)
            self.charge.setEnabled(able)
            self.level.setText(level)
