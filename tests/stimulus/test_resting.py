"""Rest: stretches in turn, each with an instruction before its marker."""

from __future__ import annotations

import pytest

from rtbci.errors import ConfigError
from rtbci_stimulus.paradigms import make
from rtbci_stimulus.scene import Box, Text
from tests.stimulus.driven import run

SHORT = {"duration": 2.0, "cue": 0.5}


def words(scene):
    return [shape.text for shape in scene if isinstance(shape, Text)]


def test_open_and_closed_eyes_alternate_and_last_as_long_as_was_asked():
    driven = run(make("resting", SHORT).schedule(60.0, 1)).finish()
    kinds = [label for label in driven.labels() if label.startswith("eyes")]
    assert kinds == ["eyes-open", "eyes-closed"] * 2
    begins = sorted(driven.times("eyes-open", "eyes-closed"))
    for begin, end in zip(begins, driven.times("trial-end"), strict=True):
        assert end - begin == pytest.approx(2.0, abs=1e-9)


def test_the_instruction_comes_before_the_marker_and_a_bright_screen_ends_closed_eyes():
    driven = run(make("resting", {**SHORT, "repeats": 1, "first": "closed"}).schedule(60.0, 1)).finish()
    closed = driven.times("eyes-closed")[0]
    assert words(driven.shown_at(closed - 1 / 60).scene)[0] == "Close your eyes"
    assert words(driven.shown_at(closed).scene) == ["Eyes closed"]
    bright = driven.shown_at(closed + 2.0).scene
    assert bright[0] == Box(0.0, 0.0, 4.0, 4.0, 1.0)
    assert words(bright) == ["Open your eyes"]


def test_one_kind_alone_with_a_label_of_ones_own():
    driven = run(make("resting", {**SHORT, "kinds": "open", "open_label": "rest"}).schedule(60.0, 1)).finish()
    assert [label for label in driven.labels() if label in ("rest", "eyes-closed")] == ["rest", "rest"]


def test_a_label_that_means_something_else_is_refused():
    with pytest.raises(ConfigError, match='open_label = "resume": "resume" cannot stand for a class'):
        make("resting", {**SHORT, "open_label": "resume"})


def test_labels_of_an_experiment():
    paradigm = make("resting", SHORT, classes={"eyes closed": ("EC",), "eyes open": ("EO",)})
    assert paradigm.schedule(60.0, 1).classes == ("EO", "EC")
