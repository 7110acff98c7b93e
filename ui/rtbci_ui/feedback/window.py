"""The participant's window: bars, a ball or a picture, alone on a screen."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QCloseEvent, QKeyEvent
from PySide6.QtWidgets import QLabel, QStackedWidget, QVBoxLayout, QWidget

from rtbci_ui import theme
from rtbci_ui.feedback.picture import PictureFeedback
from rtbci_ui.feedback.scene import scene
from rtbci_ui.feedback.views import BarsFeedback, CursorFeedback
from rtbci_ui.run import Run

KINDS = ("bars", "cursor", "picture")
HINT = "B bars · C ball · P picture · F whole screen · Esc closes"


class FeedbackWindow(QWidget):
    """Shows the decoder in charge to the participant; whoever owns it calls ``refresh()`` in every frame.

    What is too old, or of a session that has ended, is dimmed and says so. Keys: B, C and P switch between bars, ball and
    picture, F fills the screen, Escape closes.

    Attributes
    ----------
    kind : one of `KINDS`.
    """

    closed = Signal()
    kind_changed = Signal(str)

    def __init__(self, run: Run, kind: str = "bars") -> None:
        super().__init__(None, Qt.WindowType.Window)
        self.run = run
        self.kind = ""
        self.bars = BarsFeedback()
        self.cursor_view = CursorFeedback(run.monotonic)
        self.picture = PictureFeedback()
        self.stack = QStackedWidget()
        for view in (self.bars, self.cursor_view, self.picture):
            self.stack.addWidget(view)
        self.hint = QLabel(HINT)
        self.hint.setFont(theme.font(9.0))
        self.hint.setStyleSheet(f"color: {theme.DIM}; background: {theme.BACKGROUND}; padding: 3px")
        self.hint.setAlignment(Qt.AlignmentFlag.AlignCenter)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.stack, 1)
        layout.addWidget(self.hint)
        palette = self.palette()
        palette.setColor(self.backgroundRole(), theme.BACKGROUND)
        self.setPalette(palette)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.resize(960, 640)
        self.show_kind(kind)

    def show_kind(self, kind: str) -> None:
        """Switch to "bars", "cursor" or "picture". Raises ValueError of any other."""
        if kind not in KINDS:
            raise ValueError(f"feedback is {kind!r}; {', '.join(KINDS[:-1])} or {KINDS[-1]} would be right")
        if kind == self.kind:
            return
        self.kind = kind
        self.stack.setCurrentIndex(KINDS.index(kind))
        self.setWindowTitle(f"rtbci – feedback: {kind}")
        self.kind_changed.emit(kind)
        self.refresh()

    def refresh(self) -> None:
        """Look again."""
        if self.kind == "picture":
            self.picture.look(self.run)
            return
        found = scene(self.run)
        if self.kind == "bars":
            self.bars.show_scene(found)
        else:
            self.cursor_view.show_scene(found)

    def select(self, name: str) -> None:
        """Another decoder was selected on the experimenter's screen; here stays the one in charge."""

    def whole_screen(self, whole: bool) -> None:
        """Fill the screen, or be a window again."""
        if whole:
            self.showFullScreen()
        else:
            self.showNormal()

    def changeEvent(self, event: QEvent) -> None:
        """Nothing but feedback where it fills the screen."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.WindowStateChange:
            self.hint.setVisible(not self.isFullScreen())
            self.setCursor(Qt.CursorShape.BlankCursor if self.isFullScreen() else Qt.CursorShape.ArrowCursor)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """See the class."""
        kinds = {Qt.Key.Key_B: "bars", Qt.Key.Key_C: "cursor", Qt.Key.Key_P: "picture"}
        key = Qt.Key(event.key())
        if key == Qt.Key.Key_Escape:
            self.close()
        elif key == Qt.Key.Key_F:
            self.whole_screen(not self.isFullScreen())
        elif key in kinds and not event.modifiers():
            self.show_kind(kinds[key])
        else:
            super().keyPressEvent(event)

    def closeEvent(self, event: QCloseEvent) -> None:
        """Go; the session and the main window go on."""
        event.accept()
        self.closed.emit()
