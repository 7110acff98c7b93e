"""The renderer as a session has it: a real process on a run folder, which draws, is overtaken, dies and is started again."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rtbci import rendered
from rtbci.render_process import RenderProcess
from rtbci.rendered import Rendered
from rtbci.runfolder import read_json
from tests.cli.terminal import rtbci
from tests.renderers.conftest import OFFSET, Seen

PATIENCE = 60.0
"""Seconds: the machine may be busy, and the first one imports Numba."""


def until(what: Callable[[], Any], process: RenderProcess | None = None) -> Any:
    """What ``what`` gives once that is something; the process is watched while waiting, as a session does."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if process is not None:
            process.watch()
        if found := what():
            return found
        time.sleep(0.01)
    raise AssertionError(f"nothing after {PATIENCE:g} s; {process and process.status()}")


@pytest.fixture
def start() -> Iterator[Callable[[Seen], RenderProcess]]:
    """Start a renderer on a session and wait until it is live; all are ended with the test."""
    started: list[RenderProcess] = []

    def begin(seen: Seen, *, live: bool = True) -> RenderProcess:
        process = RenderProcess(seen.run, seen.folder, "eye")
        started.append(process)
        process.start()
        if live:
            until(lambda: process.state == "live", process)
        return process

    yield begin
    for process in started:
        process.close()


def picture(seen: Seen) -> Rendered | None:
    return rendered.read(seen.run.rendered("eye"))


def use(name: str) -> str:
    return f"tests.renderers.drawers:{name}"


def test_a_picture_carries_the_times_of_its_window_and_the_caption_of_the_nearest_item(session, start, shapes):
    seen = session(use("Flat"), bank=shapes)
    process = start(seen)
    assert process.status() | {"pid": 0} == {
        "decoder": "eye", "state": "live", "problem": None, "pid": 0, "restarts": 0, "drawn": 0, "overtaken": 0,
        "seconds": None,
    }  # fmt: skip
    found = seen.find(5)
    drawn = until(lambda: picture(seen))
    colour = np.clip(np.round(100.0 * (found.embedding[:3] + 1.0)), 0, 255).astype(np.uint8)
    np.testing.assert_array_equal(drawn.pixels, np.broadcast_to(colour, (24, 24, 3)))
    assert (drawn.start, drawn.stop, drawn.signal_time) == (found.start, found.stop, found.signal_time)
    assert found.ready_time <= drawn.asked_time <= drawn.ready_time <= time.monotonic() + OFFSET
    assert drawn.caption == seen.bank.items[5].caption != ""
    assert (drawn.decoder, drawn.renderer, drawn.number) == ("eye", use("Flat"), 1)
    said = until(lambda: (s := process.status())["drawn"] and s)
    assert said["drawn"] == 1
    assert 0.0 <= said["seconds"] < 5.0


@pytest.mark.skipif(not hasattr(os, "nice"), reason="this system has no nice")
def test_it_steps_back_behind_what_decides(session, start):
    process = start(session(use("Flat")))
    assert os.getpriority(os.PRIO_PROCESS, process.pid) == min(19, os.getpriority(os.PRIO_PROCESS, 0) + 10)


def test_the_newest_request_is_drawn_and_one_of_another_marker_ends_what_is_drawn(session, start, tmp_path):
    diary = tmp_path / "diary"
    seen = session(use("Flat"), f'seconds = 2.0\nsteps = 100\ndiary = "{diary}"')
    start(seen)
    warmed_up = diary.read_text().split("\n").count("begun")
    seen.find(0, 1.0)
    until(lambda: diary.read_text().split("\n").count("begun") > warmed_up)  # it is at it
    for item in (1, 2, 3):
        seen.find(item, 2.0)
    drawn = until(lambda: picture(seen))
    assert diary.read_text().split("\n").count("given up") == 1
    assert drawn.start == 40  # the fourth
    assert drawn.overtaken == 3
    assert drawn.number == 1


def test_windows_that_slide_never_end_a_picture(session, start):
    seen = session(use("Flat"), "seconds = 0.6\nsteps = 20")
    start(seen)
    drawn, found = None, []
    while drawn is None:
        time.sleep(0.05)
        found.append(seen.find(seen.count % 12))
        drawn = picture(seen)
        assert seen.count < 1000
    meanwhile = [one for one in found if drawn.asked_time < one.ready_time < drawn.ready_time - 0.1]
    assert len(meanwhile) >= 2
    assert all(one.start > drawn.start for one in meanwhile)
    assert drawn.ready_time - drawn.asked_time >= 0.6
    second = until(lambda: (p := picture(seen)) and p.number == 2 and p)
    assert second.start > drawn.start + 10
    assert second.overtaken >= 1


def test_a_renderer_that_is_killed_is_started_again_and_draws_on(session, start):
    seen = session(use("Flat"))
    process = start(seen)
    seen.find(1)
    before = until(lambda: picture(seen))
    pid = process.pid
    os.kill(pid, signal.SIGKILL)
    until(lambda: process.state == "waiting", process)
    assert process.problem == "was killed by signal 9"
    until(lambda: process.state == "live", process)
    assert process.pid != pid
    assert process.restarts == process.status()["restarts"] == 1
    assert picture(seen).start == before.start  # what was drawn stays to be seen
    found = seen.find(2)
    until(lambda: picture(seen).start == found.start)


def test_what_a_renderer_raises_is_told_and_ends_nothing_else(session, start):
    seen = session(use("Falls"))
    process = start(seen)
    seen.find(1)
    until(lambda: picture(seen))
    seen.find(2)
    until(lambda: process.state == "waiting", process)
    assert process.problem.startswith("raised RuntimeError: the paint is empty (")
    assert "drawers.py, line" in process.problem
    assert "Traceback" in (seen.folder / "renderer.log").read_text()


def test_a_renderer_of_another_space_is_not_started_again(session, start):
    seen = session(use("OtherSpace"))
    process = start(seen, live=False)
    until(lambda: process.state == "failed", process)
    assert "draws from embeddings of test:another" in process.problem
    assert "test:colour" in process.problem
    process.watch()
    assert (process.state, process.restarts) == ("failed", 0)


def test_a_generator_that_is_not_trained_yet_says_how(session, start):
    seen = session("generator")
    process = start(seen, live=False)
    until(lambda: process.state == "failed", process)
    assert f"rtbci bank train-generator {seen.bank.path}" in process.problem


def test_a_picture_is_never_torn(session, start):
    """3 MB of one colour are replaced while they are read."""
    seen = session(use("Large"))
    start(seen)
    numbers = set()
    end = time.monotonic() + PATIENCE
    while len(numbers) < 5 and time.monotonic() < end:
        seen.find(seen.count % 12)
        for _ in range(10):
            if (drawn := picture(seen)) is not None:
                assert (drawn.pixels == drawn.pixels[0, 0]).all()
                numbers.add(drawn.number)
    assert len(numbers) >= 5


def test_it_ends_with_the_run_folder_and_leaves_nothing(session, start):
    seen = session(use("Flat"))
    process = start(seen)
    moved = seen.run.path.with_name(seen.run.path.name + "-gone")
    seen.run.path.rename(moved)
    try:
        assert process._process.wait(PATIENCE) == 0
    finally:
        moved.rename(seen.run.path)
    assert [path.name for path in seen.run.path.iterdir() if path.name.endswith(".tmp")] == []


def test_closing_ends_it_at_once_even_while_it_draws(session, start):
    seen = session(use("Flat"), "seconds = 300.0\nsteps = 1")
    process = start_without_warm_up(seen)
    began = time.monotonic()
    process.close()
    process.close()
    assert time.monotonic() - began < 5.0
    assert process.status()["state"] == "ended"
    with pytest.raises(ProcessLookupError):
        os.kill(process.pid, 0)


def start_without_warm_up(seen: Seen) -> RenderProcess:
    """Its warm-up takes minutes."""
    process = RenderProcess(seen.run, seen.folder, "eye")
    process.start()
    until(lambda: (read_json(seen.run.renderer) or {}).get("state") == "starting", process)
    return process


def test_it_sees_the_raw_signal_of_the_window_and_says_what_it_drew(session, start):
    seen = session(use("Sees"))
    samples = np.stack([np.arange(200.0), np.zeros(200)], axis=1).astype(np.float32)
    seen.raw.push(samples, np.arange(200) / 100.0, 2.0)
    process = start(seen)
    seen.find(0)
    drawn = until(lambda: picture(seen))
    assert drawn.pixels[0, 0, 0] == int(np.mean(np.arange(150, 200)))
    assert drawn.caption == f"(2, 50) until 199, process {process.pid}"


def test_a_session_folder_that_is_gone_ends_no_session(session, tmp_path: Path):
    seen = session(use("Flat"))
    process = RenderProcess(seen.run, tmp_path / "nowhere", "eye")
    process.start()
    until(lambda: process.state == "waiting", process)
    assert "nowhere" in process.problem
    process.close()


def test_a_trained_generator_draws_in_a_session(session, start, colours, tmp_path: Path):
    out = tmp_path / "generator"
    said = rtbci("bank", "train-generator", colours, "--out", out, "--epochs", 1, "--size", 16, "--json")
    assert said.code == 0, said.out
    seen = session("generator", f'path = "{out}"\nglide = 0.0')
    start(seen)
    seen.find(0)
    first = until(lambda: picture(seen))
    seen.find(11)
    second = until(lambda: (p := picture(seen)) and p.number == 2 and p)
    assert first.pixels.shape == (16, 16, 3)
    for drawn, item in ((first, 0), (second, 11)):
        colour = drawn.pixels.reshape(-1, 3).mean(axis=0).argmax()
        assert ("reds", "greens", "blues")[colour] == seen.bank.items[item].category
