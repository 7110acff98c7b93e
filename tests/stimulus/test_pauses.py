"""Pauses: those between blocks, those that are asked for, and both at once."""

from __future__ import annotations

import pytest

from rtbci_stimulus.runner import Phase
from rtbci_stimulus.scene import Text
from rtbci_stimulus.schedule import Schedule, Step, with_blocks
from tests.stimulus.driven import run

RATE = 60.0


def blocks(seconds=1.0):
    """Four trials of 20 frames, with a pause after two of them."""
    trials = [(Step(20, (Text(str(k)),), (str(k),), "trial"),) for k in range(4)]
    return Schedule(RATE, with_blocks(trials, 2, RATE, seconds), tuple("0123"))


def test_a_pause_that_is_asked_for_where_one_comes_anyway_is_one_pause():
    driven = run(blocks(), auto=False)
    driven.runner.key("space")
    driven.until("1")
    driven.runner.key("p")
    driven.until("pause")
    driven.step(200)
    driven.runner.key("space")
    driven.until("run-end")
    assert driven.labels() == ["run-start", "0", "1", "pause", "resume", "2", "3", "run-end"]


def test_where_nobody_is_asked_a_pause_that_was_asked_for_waits_for_the_space_bar():
    driven = run(blocks())
    driven.until("1")
    driven.runner.key("p")
    driven.until("pause")
    driven.step(2000)  # much longer than a block's pause
    assert driven.labels()[-1] == "pause"
    driven.runner.key("space")
    driven.until("run-end")
    assert driven.labels() == ["run-start", "0", "1", "pause", "resume", "2", "3", "run-end"]


def test_a_pause_that_is_asked_for_in_a_pause_goes_on_as_the_same_pause():
    driven = run(blocks())
    driven.until("pause")
    driven.step(5)
    driven.runner.key("p")
    driven.step(2000)
    assert driven.runner.phase is Phase.PAUSED
    driven.runner.key("space")
    driven.until("run-end")
    assert driven.labels() == ["run-start", "0", "1", "pause", "resume", "2", "3", "run-end"]


def test_a_pause_is_seen_before_space_ends_it():
    driven = run(blocks(), auto=False)
    driven.runner.key("space")
    driven.until("0")
    driven.runner.key("p")
    while driven.runner.phase is not Phase.PAUSED:
        driven.step()
    driven.runner.key("space")  # struck before the page was swapped: not meant for it
    driven.step(10)
    assert driven.runner.phase is Phase.PAUSED
    driven.runner.key("space")
    driven.until("1")
    assert driven.labels() == ["run-start", "0", "pause", "resume", "1"]


@pytest.mark.parametrize("wide", [1, 3])
def test_the_patch_is_white_on_the_frames_of_a_pause_s_marker(wide):
    driven = run(blocks(), auto=False, patch_frames=wide)
    driven.runner.key("space")
    driven.until("0")
    driven.runner.key("p")
    paused = driven.until("pause")
    driven.step(10)
    lights = [frame.patch for time, frame in driven.shown if time >= paused - 1e-9]
    assert lights == [1.0] * wide + [0.0] * (11 - wide)
