"""What is on the desk: the start screen, or the window of a session, and how one follows the other.

::

    start screen ──session started──► window ──closed──► start screen (where there was one)
                                        │
                       "Go live" of a calibration: its session is stopped, the one that decodes is started
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtWidgets import QApplication

from rtbci.errors import RtbciError
from rtbci_ui.run import Run
from rtbci_ui.start.window import StartWindow
from rtbci_ui.window import MainWindow


class Desk:
    """Shows windows one after the other; the application ends when the last one is closed.

    Parameters
    ----------
    size : of a session's window, None for the one that it had last.
    show : panel that is brought to the front in every window, "" for none.
    """

    def __init__(self, app: QApplication, size: tuple[int, int] | None = None, show: str = "") -> None:
        self._app, self._size, self._show = app, size, show
        self.start: StartWindow | None = None
        self.window: MainWindow | None = None
        self._follows: Callable[[], object] | None = None
        self._front = ""
        app.setQuitOnLastWindowClosed(False)

    def show_start(self, experiment: Path | None = None) -> StartWindow:
        """The start screen, with ``experiment`` chosen."""
        start = self.start = StartWindow()
        free = start.screen().availableGeometry()
        start.resize(min(start.width(), free.width()), min(start.height(), free.height()))
        start.opened.connect(self.show_session)
        start.left.connect(self._app.quit)
        start.show()
        if experiment is not None:
            start.open_experiment(experiment)
        return start

    def show_session(self, run_folder: Path) -> MainWindow:
        """A window on the session of ``run_folder``, as large as was asked for and the screen allows."""
        window = self.window = MainWindow(Run(run_folder))
        free = window.screen().availableGeometry()
        if self._size is not None:
            window.resize(*self._size)
        else:  # what hangs over the edge of the screen is not seen
            window.resize(min(window.width(), free.width()), min(window.height(), free.height()))
        panel = self._show or self._front or (self.start.panel if self.start is not None else "")
        self._front = ""
        if panel in window.panels:
            window.docks.reveal(panel)
        window.live_wanted.connect(self.go_live)
        window.closed.connect(self._closed)
        window.show()
        if self.start is not None:
            self.start.hide()
        return window

    def go_live(self, experiment: Path, model: Path) -> None:
        """Stop the session that is shown, and start one of ``experiment`` that decodes with ``model``."""
        window = self.window
        if window is None:
            return
        try:
            window.commands.ask_and_wait({"do": "stop"})
        except (RtbciError, OSError, TimeoutError) as error:
            window.say(f"go live: {error}", str(error))
            return
        self._front = "traces"  # a session that decodes does not begin with its calibration
        self._follows = lambda: (self.start or self.show_start()).go_live(experiment, model)
        window.leave()

    def _closed(self) -> None:
        window, self.window = self.window, None
        if window is not None:
            window.run.close()
            window.deleteLater()  # its buttons hold it by what they do: nobody else would ever free it
        follows, self._follows = self._follows, None
        if self.start is not None:
            self.start.come_back()
        elif follows is None:
            self._app.quit()
        if follows is not None:
            follows()

    def leave(self) -> None:
        """Close everything without asking."""
        start, self.start, self._follows = self.start, None, None
        if self.window is not None:
            self.window.leave()
        if start is not None:
            start.close()  # ends its children, and keeps what is to be remembered
        self._app.quit()
