"""The window itself, offscreen: what it paints, what its keys do, and how it is paced without a display."""

from __future__ import annotations

import gc
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from PySide6.QtCore import QCoreApplication, QRect, Qt
from PySide6.QtGui import QCloseEvent, QExposeEvent, QRegion
from PySide6.QtTest import QTest

from rtbci_stimulus.app import heed_signals, show
from rtbci_stimulus.frame import Frame
from rtbci_stimulus.painter import FramePainter
from rtbci_stimulus.runner import Runner
from rtbci_stimulus.scene import Text
from rtbci_stimulus.schedule import Schedule, Step
from rtbci_stimulus.screen import RasterSurface, Screen
from rtbci_stimulus.timing import Display


class Pages:
    """A stage of ``n`` frames that are all different; ``at`` is called with the number of each."""

    def __init__(self, n, at=lambda k: None):
        self.n, self.at = n, at
        self.times = []

    @property
    def done(self):
        return len(self.times) >= self.n

    def frame(self):
        self.at(len(self.times))
        return Frame((), patch=(len(self.times) % 2) * 1.0)

    def swapped(self, time):
        self.times.append(time)


@pytest.fixture
def ticking():
    """A clock that counts how often it was asked."""
    state = {"asked": 0}

    def clock():
        state["asked"] += 1
        return float(state["asked"])

    return clock


@pytest.fixture
def screen(qapp, ticking):
    made = Screen(FramePainter(0.35, "bottom left"), qapp.primaryScreen(), (320, 200), ticking)
    yield made
    made.close()


def test_without_opengl_it_paints_by_raster_and_says_so(screen):
    assert isinstance(screen.surface, RasterSurface)
    assert screen.surface.kind == "raster"
    assert "OpenGL" in screen.surface.name
    assert screen.window.pixels == (320, 200)


def test_the_clock_is_asked_once_for_each_frame_right_after_it(screen):
    stage = Pages(5)
    screen.run(stage, 0.001)
    assert stage.times == [1.0, 2.0, 3.0, 4.0, 5.0]


def test_a_frame_that_looks_like_the_one_before_is_not_painted_again(screen, monkeypatch):
    painted = []
    monkeypatch.setattr(screen.surface._painter, "paint", lambda painter, w, h, frame: painted.append(frame.k))
    for k in range(4):
        screen.surface.show(Frame((), k))
    assert painted == [0]


def test_a_frame_that_was_covered_is_painted_again_when_it_comes_into_sight(screen, monkeypatch):
    painted = []
    monkeypatch.setattr(screen.surface._painter, "paint", lambda painter, w, h, frame: painted.append(frame.k))
    for k in range(4):
        if k == 2:
            QCoreApplication.sendEvent(screen.window, QExposeEvent(QRegion(QRect(0, 0, 320, 200))))
        screen.surface.show(Frame((), k))
    assert painted == [0, 2]


def test_keys_reach_whoever_asked_for_them(screen):
    pressed = []
    screen.on_key = pressed.append
    for key in (Qt.Key.Key_Space, Qt.Key.Key_P, Qt.Key.Key_Escape, Qt.Key.Key_7, Qt.Key.Key_Return, Qt.Key.Key_X):
        QTest.keyClick(screen.window, key)
    assert pressed == ["space", "p", "escape", "7", "return"]


def test_a_frame_that_comes_after_the_window_was_closed_is_not_shown_and_sends_nothing(screen):
    stage = Pages(1000)
    QCoreApplication.postEvent(screen.window, QCloseEvent())  # Alt+F4, say
    screen.run(stage, 0.001)
    assert screen.closed
    assert stage.times == []


def test_a_window_that_is_closed_ends_the_stage(screen):
    stage = Pages(1000, at=lambda k: screen.window.close() if k == 3 else None)
    screen.run(stage, 0.001)
    assert len(stage.times) == 4
    assert screen.closed


@pytest.fixture
def own_handlers():
    """What the run changes of the process is put back."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, signal.SIG_DFL) for number in numbers}  # what nohup ignores, too
    yield
    gc.unfreeze()
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("at", ["run-start", "trial-start"])
def test_a_signal_between_two_markers_of_one_swap_leaves_the_last_marker_last(screen, own_handlers, at):
    sent = []

    def send(label, time):
        if label == at:
            signal.raise_signal(signal.SIGTERM)
        sent.append(label)

    steps = (Step(3, (Text("0"),), ("trial-start", "cue"), "trial"), Step(3, (Text("1"),)))
    schedule = Schedule(60.0, steps, ("cue",))
    runner = Runner(schedule, Display(60.0, False, "by the clock"), send, lambda event: None, auto=True)
    heed_signals(screen)
    show(screen, runner, 0.001)
    assert sent == ["run-start", "trial-start", "cue", "abort"]
    assert (runner.aborted, runner.completed, runner.sent) == (True, False, 4)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_that_comes_while_the_display_is_measured_ends_the_run_before_it_begins(screen, own_handlers, number):
    heed_signals(screen)
    screen.run(Pages(1000, at=lambda k: signal.raise_signal(number) if k == 3 else None), 0.001)
    sent = []
    schedule = Schedule(60.0, (Step(3, (Text("0"),), ("cue",), "trial"),), ("cue",))
    runner = Runner(schedule, Display(60.0, False, "by the clock"), lambda *m: sent.append(m), print, auto=True)
    show(screen, runner, 0.001)
    assert (runner.aborted, sent) == (True, [])


def test_what_nohup_ignores_stays_ignored(screen, own_handlers):
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    heed_signals(screen)
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL


def test_a_defect_while_presenting_is_not_silent_to_whoever_receives_the_markers(screen, own_handlers):
    sent = []

    def note(event):
        if event.get("label") == "1":
            raise ValueError("a defect")

    steps = (Step(3, (Text("0"),), ("0",), "trial"), Step(3, (Text("1"),), ("1",)))
    display = Display(60.0, False, "by the clock")
    runner = Runner(Schedule(60.0, steps, ()), display, lambda label, time: sent.append(label), note, auto=True)
    with pytest.raises(ValueError, match="a defect"):
        show(screen, runner, 0.001)
    assert sent == ["run-start", "0", "1", "abort"]


@pytest.mark.skipif(shutil.which("xvfb-run") is None, reason="xvfb-run is not installed")
def test_opengl_shows_what_raster_paints():
    done = subprocess.run(
        ["xvfb-run", "-a", "-s", "-screen 0 1024x768x24", sys.executable, str(Path(__file__).with_name("on_x.py"))],
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
        env={**os.environ, "QT_QPA_PLATFORM": "xcb"},
    )
    assert (done.returncode, done.stdout) == (0, "the same\n"), done.stderr
