"""What is on the desk comes and goes: a signal closes it between two steps of other work, and nothing is left behind."""

import argparse
import os
import signal
import subprocess
import sys
import time

import pytest
import shiboken6
from PySide6.QtCore import QEvent
from PySide6.QtWidgets import QApplication

from rtbci_ui import app, desk
from rtbci_ui.desk import Desk
from rtbci_ui.preferences import Preferences
from rtbci_ui.start import window as start_window

pytestmark = pytest.mark.usefixtures("dark")


@pytest.fixture
def made(qapp, qtbot):
    """Makes desks whose windows are gone when the test is over; the application of the tests goes on."""
    found = []

    def make():
        found.append(Desk(qapp))
        return found[-1]

    yield make
    for each in found:
        each.leave()
    qapp.setQuitOnLastWindowClosed(True)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_closes_nothing_in_the_middle_of_other_work(qapp, qtbot, monkeypatch, number):
    left = []

    class Wanted:
        def __init__(self, *_):
            pass

        def show_start(self, _):
            return None

        def leave(self):
            left.append(True)

    def until_closed(*_):
        os.kill(os.getpid(), number)
        time.sleep(0.05)  # Python runs the handler here, in the middle of this function
        assert not left
        qtbot.waitUntil(lambda: bool(left), timeout=5000)
        return 0

    before = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)}
    monkeypatch.setattr(desk, "Desk", Wanted)
    monkeypatch.setattr(app, "_until_closed", until_closed)
    given = argparse.Namespace(size=None, show="", place=None, theme=None)
    try:
        assert app._show(given, None) == 0
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
    assert left == [True]


def test_leaving_ends_what_the_start_screen_runs_and_keeps_what_is_to_be_remembered(made, monkeypatch, tmp_path, qtbot):
    monkeypatch.setattr(start_window, "WATCHED", ("-c", "import time; time.sleep(60)"))
    monkeypatch.setattr(start_window.launch, "running", lambda: [])
    experiment = tmp_path / "e.toml"
    experiment.write_text('name = "mine"\n[source]\nuse = "synthetic"\n')
    shown = made()
    start = shown.show_start(experiment)
    qtbot.waitUntil(lambda: start.watch.pid > 0, timeout=10_000)
    shown.leave()
    assert start.watch.pid == 0
    assert not start.isVisible()
    assert Preferences(tmp_path / "preferences.ini").recent == [experiment]


def test_a_window_that_was_closed_is_freed(made, fake):
    fake.fill(3.0)
    shown = made()
    window = shown.show_session(fake.run.path)
    panel = window.panels["traces"]
    window.leave()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    assert not shiboken6.isValid(window)
    assert not shiboken6.isValid(panel)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_rtbci_gui_alone_closes_the_window_and_says_so(tmp_path, number):
    environment = {
        **os.environ, "QT_QPA_PLATFORM": "offscreen", "RTBCI_SETTINGS": str(tmp_path / "p.ini"), "PYTHONUNBUFFERED": "1",
    }  # fmt: skip
    experiment = tmp_path / "e.toml"
    experiment.write_text('name = "mine"\n[source]\nuse = "synthetic"\n')
    command = [sys.executable, "-m", "rtbci", "gui", str(experiment)]
    child = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        wait_for_a_watch(child.pid)
        child.send_signal(number)
        out, err = child.communicate(timeout=60)
    finally:
        child.kill()
    assert (child.returncode, out) == (0, "the window was closed\n"), err
    assert Preferences(tmp_path / "p.ini").recent == [experiment]


def wait_for_a_watch(pid):
    """Until the start screen is up: its grandchild looks for streams."""
    import psutil

    end = time.monotonic() + 60.0
    while time.monotonic() < end:
        lines = [" ".join(each.cmdline()) for each in psutil.Process(pid).children(recursive=True)]
        if any("--watch" in line for line in lines):
            return
        time.sleep(0.1)
    raise AssertionError("no start screen after a minute")
