"""Start of the GUI process: check what it needs, attach to the run folder, show the window."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rtbci_ui import system

if TYPE_CHECKING:
    from PySide6.QtWidgets import QApplication, QWidget


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m rtbci_ui",
        description="Show a running session. It only looks: closing the window leaves the session running.",
        epilog="Example: python -m rtbci_ui /dev/shm/rtbci-x7f3",
    )
    parser.add_argument("run_folder", type=Path, nargs="?", metavar="RUN_FOLDER", help="run folder of the session")
    parser.add_argument("--edit", type=Path, metavar="EXPERIMENT", help="edit an experiment file instead")
    parser.add_argument("--screenshot", type=Path, metavar="FILE", help="save a PNG of the window, then leave")
    parser.add_argument("--seconds", type=float, metavar="N", help="leave after N seconds (with --screenshot: 3)")
    parser.add_argument(
        "--size", metavar="WxH", help="size of the window (default 1600x900, or as much as the screen has)"
    )
    return parser.parse_args(argv)


def _size(text: str) -> tuple[int, int] | None:
    width, _, height = text.partition("x")
    return (int(width), int(height)) if width.isdigit() and height.isdigit() else None


def main(argv: Sequence[str] | None = None) -> int:
    """Run the window until it is closed; return the exit code (2: it could not be shown, with one line on stderr)."""
    given = _arguments(argv)
    size = _size(given.size or "1600x900")
    lacking = system.problem()
    complaint = f"{lacking}, or use --headless" if lacking else None
    if complaint is None and (given.run_folder is None) == (given.edit is None):
        complaint = "one of RUN_FOLDER and --edit EXPERIMENT is needed, and not both"
    if complaint is None and given.run_folder is not None and not given.run_folder.is_dir():
        complaint = f"{given.run_folder} is not the run folder of a session; a session that has ended has none"
    if complaint is None and size is None:
        complaint = f"--size {given.size} is not WIDTHxHEIGHT; 1600x900 would be right"
    if complaint is not None or size is None:
        print(complaint, file=sys.stderr)
        return 2
    return _edit(given) if given.edit is not None else _show(given, size)


def _edit(given: argparse.Namespace) -> int:
    from rtbci.errors import RtbciError
    from rtbci_ui.experiment_dialog import ExperimentDialog

    app = _application()
    try:
        dialog = ExperimentDialog.edit(given.edit)
    except RtbciError as error:
        print(error, file=sys.stderr)
        return 2
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    return _until_closed(app, dialog, given)


def _show(given: argparse.Namespace, size: tuple[int, int]) -> int:
    from rtbci_ui.run import Run
    from rtbci_ui.window import MainWindow

    app = _application()
    run = Run(given.run_folder)
    window = MainWindow(run)
    free = window.screen().availableGeometry()
    if given.size is None:  # what hangs over the edge of the screen is not seen
        size = min(size[0], free.width()), min(size[1], free.height())
    window.resize(*size)
    window.show()
    # the window's timer gives Python a turn often enough for these to be seen
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: window.close())
    code = _until_closed(app, window, given)
    run.close()
    return code


def _application() -> QApplication:
    """The dark application; Qt is imported only here and later, because without its system libraries it cannot be."""
    from PySide6.QtWidgets import QApplication

    from rtbci_ui import theme

    app = QApplication.instance() or QApplication(["rtbci"])
    assert isinstance(app, QApplication)
    theme.apply(app)
    return app


def _until_closed(app: QApplication, widget: QWidget, given: argparse.Namespace) -> int:
    """Run until ``widget`` is closed, by hand or after the time that was given; take the picture that was asked for."""
    from PySide6.QtCore import QTimer

    code = 0

    def leave() -> None:
        nonlocal code
        if given.screenshot is not None and not widget.grab().save(str(given.screenshot)):
            print(f"cannot write {given.screenshot}; a .png in a writable folder would be right", file=sys.stderr)
            code = 2
        widget.close()

    timer = QTimer()
    timer.setSingleShot(True)
    timer.timeout.connect(leave)
    if given.screenshot is not None or given.seconds is not None:
        timer.start(int(1000 * (3.0 if given.seconds is None else given.seconds)))
    app.exec()
    return code
