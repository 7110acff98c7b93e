"""A session as an experimenter has it: a real stream, the real window on an X server, driven by keyboard and mouse.

Skipped where there is no Xvfb or xdotool (Debian: ``apt-get install xvfb xdotool``).
"""

import json
import os
import shutil
import subprocess
import sys
import time
import uuid

import pytest
from PySide6.QtGui import QImage

from rtbci import bundled
from tests import live

pytestmark = pytest.mark.skipif(
    shutil.which("Xvfb") is None or shutil.which("xdotool") is None, reason="needs Xvfb and xdotool"
)


class Screen:
    """An X server of the test's own, and hands on its keyboard and mouse."""

    def __init__(self) -> None:
        self._server = subprocess.Popen(
            ["Xvfb", "-displayfd", "1", "-screen", "0", "1600x900x24", "-nolisten", "tcp"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.display = f":{self._server.stdout.readline().strip()}"
        self.environment = {**os.environ, "DISPLAY": self.display, "QT_QPA_PLATFORM": "xcb"}

    def close(self) -> None:
        self._server.terminate()
        self._server.wait()

    def do(self, *words: object) -> str:
        done = subprocess.run(
            ["xdotool", *map(str, words)], env=self.environment, capture_output=True, text=True, timeout=20, check=False
        )
        return done.stdout

    def window(self, title: str) -> str:
        """The window whose title holds ``title``, with the keyboard; there is no window manager that would give it."""
        found = live.wait_for(
            lambda: self.do("search", "--onlyvisible", "--name", title).split(), 60, f"a window called {title!r}"
        )[-1]
        self.do("windowfocus", "--sync", found)
        return found

    def keys(self, *keys: str) -> None:
        for key in keys:
            self.do("key", "--clearmodifiers", key)
            time.sleep(0.15)

    def type(self, text: str) -> None:
        self.do("type", "--delay", "15", text)

    def click(self, x: int, y: int) -> None:
        self.do("mousemove", x, y, "click", 1)

    def appears(self, title: str, seconds: float) -> bool:
        """Whether a window whose title holds ``title`` is there within ``seconds``."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.do("search", "--onlyvisible", "--name", title).split():
                return True
            time.sleep(0.1)
        return False

    def click_for(self, title: str, x: int, y: int) -> str:
        """Click until there is the window that the click opens: a busy machine may lose the first one."""
        for _ in range(5):
            self.click(x, y)
            if self.appears(title, 4.0):
                return self.window(title)
        raise AssertionError(f"no window called {title!r} after clicks at {x}, {y}")


@pytest.fixture
def screen():
    found = Screen()
    yield found
    found.close()


def recording_of(session):
    return live.status_of(session).get("recording", {})


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_a_session_from_its_first_key_to_its_last(screen, tmp_path):
    stream = f"e2e-{uuid.uuid4().hex[:8]}"
    experiment = live.experiment(tmp_path, stream, "tangent")
    code, _, problem = live.rtbci(
        "train", experiment, "--recording", bundled.calibration(), "--out", tmp_path / "m.rtbci"
    )
    assert code == 0, problem
    session = tmp_path / "session"
    environment = {**screen.environment, "RTBCI_SETTINGS": str(tmp_path / "settings.ini")}
    arguments = ("run", experiment, "--model", tmp_path / "m.rtbci", "--session", session)
    with live.streaming(stream), live.running(*arguments, env=environment) as process:
        live.wait_for(lambda: live.status_of(session).get("state") == "live", 90, "a live session")
        screen.window("live – rtbci")

        def decided():
            return live.status_of(session)["decoders"]["tangent"]["decoded"]

        live.wait_for(lambda: decided() >= 10, 60, "ten decisions")

        # a marker by keyboard
        screen.keys("m")
        screen.window("Mark")
        screen.type("blink now")
        screen.keys("Return")
        run = live.run_folder_of(session)
        live.wait_for(lambda: any(m["label"] == "blink now" for m in lines(run / "markers.jsonl")), 20, "the marker")

        # a note by mouse: the button, then words
        screen.window("live – rtbci")
        screen.click_for("Note", 1201, 38)
        screen.type("electrode checked")
        screen.keys("Return")
        live.wait_for(lambda: lines(session / "notes.jsonl"), 20, "the note")
        assert lines(session / "notes.jsonl")[0]["text"] == "electrode checked"

        # recording off, asked first, and on again: a second part
        screen.window("live – rtbci")
        screen.keys("ctrl+shift+r")
        screen.window("Stop recording")
        screen.keys("alt+y")
        live.wait_for(lambda: recording_of(session).get("state") != "recording", 20, "recording stopped")

        # (the window hears of the end a moment later; until then it would ask whether to stop)
        for _ in range(5):
            screen.window("live – rtbci")
            screen.keys("ctrl+shift+r")
            if screen.appears("Stop recording", 1.0):
                screen.window("Stop recording")
                screen.keys("Escape")
            elif recording_of(session).get("part") == 2:
                break
        live.wait_for(lambda: recording_of(session).get("part") == 2, 20, "the second part")

        # other panels, another theme, a picture that is not empty
        screen.window("live – rtbci")
        screen.keys("ctrl+2", "s", "ctrl+t", "ctrl+s")
        picture = live.wait_for(lambda: next(tmp_path.glob("session_*.png"), None), 20, "the screenshot")
        live.wait_for(lambda: not QImage(str(picture)).isNull(), 10, "a whole screenshot")
        image = QImage(str(picture))
        assert (image.width(), image.height()) == (1600, 900)
        colours = {image.pixel(x, y) for x in range(0, 1600, 7) for y in range(0, 900, 7)}
        assert len(colours) > 50
        shades = sorted(image.pixelColor(x, y).lightness() for x in range(0, 1600, 9) for y in range(0, 900, 9))
        assert shades[len(shades) // 2] > 200  # the ground of the light theme

        # the window closes, having asked; the session does not
        screen.keys("ctrl+q")
        screen.window("Close the window")
        screen.keys("Escape")
        window = live.child_pids(process.pid, "rtbci_ui")
        assert len(window) == 1
        screen.window("live – rtbci")
        screen.keys("ctrl+q")
        screen.window("Close the window")
        screen.keys("alt+c")
        live.wait_for(lambda: not live.child_pids(process.pid, "rtbci_ui"), 20, "the window's end")
        assert process.poll() is None
        before = decided()

        # another one looks at the same session, and stops it
        again = subprocess.Popen(
            [sys.executable, "-m", "rtbci", "gui", "--attach", str(session)],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            screen.window("live – rtbci")
            live.wait_for(lambda: decided() > before, 20, "decisions that go on")
            screen.keys("ctrl+shift+q")
            screen.window("Stop the session")
            screen.keys("alt+y")
            output, _ = process.communicate(timeout=60)
            assert process.returncode == 0, output
        finally:
            again.terminate()
            again.wait(20)
    parts = json.loads((session / "session.json").read_text())["parts"]
    assert [part["file"] for part in parts] == ["recording.xdf", "recording_2.xdf"]
    code, result, problem = live.rtbci("verify", session)
    assert code == 0, (result, problem)
    assert result["compared"] >= 10
    # right after a part began, what is left of a filter's past is not recorded: not to the bit, but as close as it forgets
    assert result["different"] == 0
    assert result["equal"] + result["within"] == result["compared"]
    assert result["equal"] > 0
