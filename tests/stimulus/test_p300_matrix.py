"""The P300 matrix: every row and column equally often, two markers a flash, and the right characters lit."""

from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
import pytest

from rtbci.errors import ConfigError
from rtbci_stimulus.paradigms import make
from rtbci_stimulus.scene import ACCENT, Text
from tests.stimulus.driven import run

LINES = [f"row {k}" for k in range(1, 7)] + [f"column {k}" for k in range(1, 7)]


def lit(scene):
    return "".join(shape.text for shape in scene[1:] if isinstance(shape, Text) and shape.bold)


def test_rows_and_columns_flash_equally_often_and_never_twice_in_a_row():
    driven = run(make("p300-matrix", {"text": "AB", "flashes": 8}).schedule(60.0, 4)).finish()
    lines = [label for label in driven.labels() if label in LINES]
    assert Counter(lines) == dict.fromkeys(LINES, 16)
    assert all(a != b for a, b in itertools.pairwise(lines))


def test_two_flashes_of_twelve_hold_the_target_and_their_markers_say_so():
    driven = run(make("p300-matrix", {"text": "P", "flashes": 5}).schedule(60.0, 4)).finish()
    assert Counter(driven.labels())["target"] == 10
    assert Counter(driven.labels())["nontarget"] == 50
    for (which, time), (kind, same) in zip(driven.sent, driven.sent[1:], strict=False):
        if which in LINES:
            assert same == time
            assert kind == ("target" if which in ("row 3", "column 4") else "nontarget")
            assert ("P" in lit(driven.shown_at(time).scene)) == (kind == "target")


def test_a_row_and_a_column_light_their_characters():
    driven = run(make("p300-matrix", {"text": "A", "flashes": 1}).schedule(60.0, 4)).finish()
    assert lit(driven.shown_at(driven.times("row 2")[0]).scene) == "GHIJKL"
    assert lit(driven.shown_at(driven.times("column 6")[0]).scene) == "FLRX4_"


@pytest.mark.parametrize(
    ("rate", "soa", "duty", "period", "on"), [(60.0, 0.175, 0.6, 10, 6), (120.0, 0.125, 0.5, 15, 8)]
)
def test_flashes_come_at_exact_frames(rate, soa, duty, period, on):
    paradigm = make("p300-matrix", {"text": "A", "flashes": 3, "soa": soa, "duty": duty})
    driven = run(paradigm.schedule(rate, 4)).finish()
    onsets = np.array(driven.times(*LINES)) * rate
    np.testing.assert_allclose(np.diff(onsets), period, atol=1e-6)
    first = driven.times(*LINES)[0]
    seen = [
        bool(lit(frame.scene)) for time, frame in driven.shown if first - 1e-9 <= time < first + (period - 0.5) / rate
    ]
    assert seen == [True] * on + [False] * (period - on)


def test_a_matrix_is_laid_out_once_for_each_line_and_character_however_often_it_flashes():
    schedule = make("p300-matrix", {"text": "AB", "flashes": 50}).schedule(60.0, 4)
    assert len({id(step.scene) for step in schedule.steps}) == 2 * (12 + 2)  # and its cue, and all dark


def test_the_target_is_cued_in_amber_and_named_above():
    schedule = make("p300-matrix", {"text": "NO"}).schedule(60.0, 4)
    cues = [step.scene for step in schedule.steps if step.marks == ("trial-start",)]
    assert [[s.text for s in scene if s.ink == ACCENT] for scene in cues] == [["N"], ["O"]]
    assert [scene[0].text for scene in cues] == ["[N]O", "N[O]"]


def test_an_soa_between_frames_is_said_with_what_is_shown():
    schedule = make("p300-matrix", {"soa": 0.175}).schedule(60.0, 4)
    assert schedule.notes[0] == "soa 0.175 s is 10.50 frames at 60 Hz: 10 frames, 0.1667 s"


def test_labels_are_those_of_an_experiment():
    paradigm = make("p300-matrix", {}, classes={"Non-target": ("1",), "Target": ("2",)})
    assert (paradigm.target_label, paradigm.nontarget_label) == ("2", "1")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"text": "HELLO WORLD"}, '" " is not in the matrix'),
        ({"characters": "ABCA", "columns": 2, "text": "A"}, 'has "A" twice'),
        ({"characters": "ABCDE", "columns": 2, "text": "A"}, "are 5, which fill no rows of 2"),
        ({"target_label": "nontarget"}, "is that of the target too"),
        ({"target_label": "row 3"}, '"row 3" cannot stand for a class'),
        ({"nontarget_label": "pause"}, '"pause" cannot stand for a class'),
        ({"duty": 1.5}, "is above 1"),
        ({"text": ""}, "is empty"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, words):
    with pytest.raises(ConfigError) as refused:
        make("p300-matrix", settings)
    assert words in str(refused.value)
