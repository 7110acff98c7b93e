"""Start of the GUI process: check what it needs, attach to the run folder, show the window."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from rtbci_ui import system


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m rtbci_ui",
        description="Show a running session. It only looks: closing the window leaves the session running.",
        epilog="Example: python -m rtbci_ui /dev/shm/rtbci-x7f3",
    )
    parser.add_argument("run_folder", type=Path, metavar="RUN_FOLDER", help="run folder of the session")
    parser.add_argument("--screenshot", type=Path, metavar="FILE", help="save a PNG of the window, then leave")
    parser.add_argument("--seconds", type=float, metavar="N", help="leave after N seconds (with --screenshot: 3)")
    parser.add_argument("--size", default="1600x900", metavar="WxH", help="size of the window (default 1600x900)")
    return parser.parse_args(argv)


def _size(text: str) -> tuple[int, int] | None:
    width, _, height = text.partition("x")
    return (int(width), int(height)) if width.isdigit() and height.isdigit() else None


def main(argv: Sequence[str] | None = None) -> int:
    """Run the window until it is closed; return the exit code (2: it could not be shown, with one line on stderr)."""
    given = _arguments(argv)
    size = _size(given.size)
    complaint = system.complaint()
    if complaint is None and not given.run_folder.is_dir():
        complaint = f"{given.run_folder} is not the run folder of a session; a session that has ended has none"
    if complaint is None and size is None:
        complaint = f"--size {given.size} is not WIDTHxHEIGHT; 1600x900 would be right"
    if complaint is not None or size is None:
        print(complaint, file=sys.stderr)
        return 2
    return _show(given, size)


def _show(given: argparse.Namespace, size: tuple[int, int]) -> int:
    from PySide6.QtCore import QTimer  # noqa: PLC0415 - without its system libraries Qt cannot even be imported
    from PySide6.QtWidgets import QApplication  # noqa: PLC0415

    from rtbci_ui import theme  # noqa: PLC0415
    from rtbci_ui.run import Run  # noqa: PLC0415
    from rtbci_ui.window import MainWindow  # noqa: PLC0415

    app = QApplication.instance()
    if not isinstance(app, QApplication):
        app = QApplication(["rtbci"])
    theme.apply(app)
    run = Run(given.run_folder)
    window = MainWindow(run)
    window.resize(*size)
    window.show()
    code = 0
    # the window's timer gives Python a turn often enough for Ctrl+C to be seen
    before = signal.signal(signal.SIGINT, lambda *_: window.close())
    signal.signal(signal.SIGTERM, lambda *_: window.close())

    def leave() -> None:
        nonlocal code
        if given.screenshot is not None and not window.save_picture(given.screenshot):
            print(window.note.text(), file=sys.stderr)
            code = 2
        window.close()

    if given.screenshot is not None or given.seconds is not None:
        QTimer.singleShot(int(1000 * (3.0 if given.seconds is None else given.seconds)), leave)
    app.exec()
    signal.signal(signal.SIGINT, before)
    run.close()
    return code
