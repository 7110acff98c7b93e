"""Children of the start screen: they answer, they are replaced, they come back, and they end with whoever started them."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rtbci import bundled
from rtbci_ui.start.children import Asked, Watch
from tests.cli.test_run_refuses import sending

TELLS = "import sys, time\nfor k in range(3): print(k, flush=True)\ntime.sleep(60)"


@pytest.fixture
def watch(qapp):
    made = []

    def make(code):
        made.append(Watch(sys.executable, ["-c", code]))
        return made[-1]

    yield make
    for each in made:
        each.stop()


def gone(pid):
    """Whether the process is gone, or is what is left of one that was killed."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


def test_a_watch_says_line_after_line_and_ends_when_it_is_stopped(watch, qtbot):
    tells = watch(TELLS)
    lines = []
    tells.said.connect(lines.append)
    tells.start()
    qtbot.waitUntil(lambda: lines == ["0", "1", "2"], timeout=20_000)
    pid = tells.pid
    assert pid > 0
    tells.stop()
    assert tells.pid == 0
    qtbot.waitUntil(lambda: gone(pid), timeout=5_000)
    assert tells.waits == 0.0


def test_a_watch_that_dies_says_why_and_is_started_again_later_and_later(watch, qtbot):
    dies = watch("import sys; sys.exit('rtbci: no network')")
    words, waits = [], []
    dies.failed.connect(lambda said: (words.append(said), waits.append(dies.waits)))
    dies.start()
    qtbot.waitUntil(lambda: len(words) == 2, timeout=30_000)
    assert words[0] == "it ended with exit code 1: no network; again in 1 s"
    assert waits == [1.0, 2.0]
    dies.stop()
    assert dies.waits == 0.0


def test_a_watch_that_said_something_begins_again_with_the_shortest_wait(watch, qtbot):
    says = watch("print('x', flush=True)")
    waits = []
    says.failed.connect(lambda _: waits.append(says.waits))
    says.start()
    qtbot.waitUntil(lambda: len(waits) == 2, timeout=30_000)
    assert waits == [1.0, 1.0]


def test_a_question_is_answered_with_its_object(qtbot):
    asked = Asked()
    with qtbot.waitSignal(asked.answered, timeout=60_000) as answer:
        asked.ask(["info", str(bundled.calibration())])
        assert asked.busy
    code, result, complaint = answer.args
    assert (code, complaint) == (0, "")
    assert result["format"] == "EDF"
    assert not asked.busy


def test_a_new_question_replaces_one_that_was_not_answered(qtbot):
    asked = Asked()
    answers = []
    asked.answered.connect(lambda *answer: answers.append(answer))
    asked.ask(["info", str(bundled.calibration())])
    asked.ask(["info", "gone.edf"])
    qtbot.waitUntil(lambda: bool(answers), timeout=60_000)
    qtbot.wait(300)
    ((code, result, _),) = answers
    assert code == 2
    assert "there is no recording gone.edf" in result["error"]


def test_streams_are_watched_line_by_line_until_stdin_is_closed(stream_name):
    child = subprocess.Popen(
        [sys.executable, "-m", "rtbci", "streams", "--watch", "--json"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        with sending({"name": stream_name, "type": "EEG", "n": 5, "rate": 200.0, "source_id": "amp-7"}):
            seen = []
            end = time.monotonic() + 60.0
            while time.monotonic() < end and stream_name not in seen:
                seen = [stream["name"] for stream in json.loads(child.stdout.readline())["streams"]]
            assert stream_name in seen
            assert "streams" in json.loads(child.stdout.readline())  # and it goes on
        child.stdin.close()
        assert child.wait(30.0) == 0
    finally:
        child.kill()
        child.stdout.close()


def test_a_watch_ends_when_whoever_started_it_is_killed():
    code = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-m', 'rtbci', 'streams', '--watch', '--json'],"
        " stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)\n"
        "print(child.pid, flush=True)\ntime.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    pid = int(parent.stdout.readline())
    parent.kill()
    parent.communicate()
    end = time.monotonic() + 60.0
    while time.monotonic() < end and not gone(pid):
        time.sleep(0.05)
    try:
        assert gone(pid)
    finally:
        if not gone(pid):
            os.kill(pid, 9)
