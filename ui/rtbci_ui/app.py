"""Start of the GUI process: check what it needs, then show a session, the start screen, or the form of an experiment."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rtbci_ui import system

if TYPE_CHECKING:
    from PySide6.QtWidgets import QApplication, QWidget


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="rtbci-ui",
        description="The desktop application. It looks at sessions, which are processes of their own: closing the window "
        "leaves a session running. Without a run folder it begins with the start screen.",
        epilog="Examples: rtbci-ui · rtbci-ui experiment.toml · rtbci-ui --attach sessions/2026-11-23_21-54-03_fists",
    )
    parser.add_argument(
        "place", type=Path, nargs="?", metavar="EXPERIMENT|RUN_FOLDER", help="an experiment, or a session's run folder"
    )
    parser.add_argument("--attach", type=Path, metavar="SESSION", help="session folder of a session that is running")
    parser.add_argument("--edit", type=Path, metavar="EXPERIMENT", help="edit an experiment file instead")
    parser.add_argument("--theme", choices=("dark", "light"), help="colours (default: as chosen last)")
    parser.add_argument("--show", metavar="PANEL", help="panel to bring to the front, such as signal")
    parser.add_argument("--screenshot", type=Path, metavar="FILE", help="save a PNG of the window, then leave")
    parser.add_argument("--seconds", type=float, metavar="N", help="leave after N seconds (with --screenshot: 3)")
    parser.add_argument("--size", metavar="WxH", help="size of the window (default: as it was left, 1600x900 at first)")
    return parser.parse_args(argv)


def _size(text: str) -> tuple[int, int] | None:
    width, _, height = text.partition("x")
    return (int(width), int(height)) if width.isdigit() and height.isdigit() else None


def main(argv: Sequence[str] | None = None) -> int:
    """Run the window until it is closed; return the exit code (2: it could not be shown, with one line on stderr)."""
    given = _arguments(argv)
    complaint = system.problem() or _complaint(given)
    if complaint is not None:
        print(complaint, file=sys.stderr)
        return 2
    if given.edit is not None:
        return _edit(given)
    return _show(given, _run_folder(given))


def _complaint(given: argparse.Namespace) -> str | None:
    """What is wrong with the arguments, and what would be right."""
    places = [place for place in (given.place, given.attach, given.edit) if place is not None]
    if len(places) > 1:
        return "one of EXPERIMENT, RUN_FOLDER, --attach SESSION and --edit EXPERIMENT is enough"
    if given.size is not None and _size(given.size) is None:
        return f"--size {given.size} is not WIDTHxHEIGHT; 1600x900 would be right"
    if given.place is not None and not given.place.exists():
        if given.place.suffix == ".toml":
            return f"there is no experiment {given.place}; `rtbci gui` without one offers templates"
        return f"{given.place} is not the run folder of a session; a session that has ended has none"
    if given.place is not None and given.place.is_dir() and (given.place / "session.json").exists():
        return f"{given.place} is the folder of a session; --attach {given.place} would look at it while it runs"
    if given.attach is not None and _run_of(given.attach) is None:
        from rtbci_ui.start.past import cut_short

        if words := cut_short(given.attach):
            return f"{given.attach}: its session is gone; {words}"
        return f"{given.attach}: no session runs there; the folder of one that runs would be right (rtbci run makes it)"
    return None


def _run_of(session: Path) -> Path | None:
    """The run folder of the session kept in ``session``, or None where it does not run."""
    from rtbci_ui.start.past import session_at

    found = session_at(session)
    return found.run if found is not None and found.runs else None


def _run_folder(given: argparse.Namespace) -> Path | None:
    if given.attach is not None:
        return _run_of(given.attach)
    return given.place if given.place is not None and given.place.is_dir() else None


def _edit(given: argparse.Namespace) -> int:
    from rtbci.errors import RtbciError
    from rtbci_ui.experiment_dialog import ExperimentDialog

    app = _application(given)
    try:
        dialog = ExperimentDialog.edit(given.edit)
    except RtbciError as error:
        print(error, file=sys.stderr)
        return 2
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    return _until_closed(app, dialog, given)


def _show(given: argparse.Namespace, run_folder: Path | None) -> int:
    """A session's window, or the start screen and a window for each session that is opened from it."""
    app = _application(given)
    from PySide6.QtCore import QTimer

    from rtbci_ui.desk import Desk

    desk = Desk(app, None if given.size is None else _size(given.size), given.show or "")
    # The window's timer gives Python a turn often enough for these to be seen. A handler runs between any two steps of any
    # Python code: it only asks the event loop, also one that has not begun yet, to leave when that code is done.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: QTimer.singleShot(0, desk.leave))
    first = desk.show_start(given.place) if run_folder is None else desk.show_session(run_folder)
    return _until_closed(app, first, given, desk.leave)


def _application(given: argparse.Namespace) -> QApplication:
    """The application in its colours; Qt is imported only here and later: without its system libraries it cannot be."""
    from PySide6.QtWidgets import QApplication

    from rtbci_ui import theme
    from rtbci_ui.preferences import Preferences

    app = QApplication.instance() or QApplication(["rtbci"])
    assert isinstance(app, QApplication)
    theme.apply(app, given.theme or Preferences().theme)
    return app


def _until_closed(
    app: QApplication, widget: QWidget, given: argparse.Namespace, close: Callable[[], object] | None = None
) -> int:
    """Run until ``widget`` is closed, by hand or after the time that was given; take the picture that was asked for."""
    from PySide6.QtCore import QTimer

    code = 0

    def leave() -> None:
        nonlocal code
        if given.screenshot is not None and not widget.grab().save(str(given.screenshot)):
            print(f"cannot write {given.screenshot}; a .png in a writable folder would be right", file=sys.stderr)
            code = 2
        (close or widget.close)()

    timer = QTimer()
    timer.setSingleShot(True)
    timer.timeout.connect(leave)
    if given.screenshot is not None or given.seconds is not None:
        timer.start(int(1000 * (3.0 if given.seconds is None else given.seconds)))
    app.exec()
    return code


def run() -> None:
    """The command ``rtbci-ui``."""
    sys.exit(main())
