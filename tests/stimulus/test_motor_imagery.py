"""Motor imagery: balanced order, times in frames, and the marker with the cue."""

from __future__ import annotations

from collections import Counter

import pytest

from rtbci.errors import ConfigError
from rtbci_stimulus.order import longest_run
from rtbci_stimulus.paradigms import make
from rtbci_stimulus.scene import Arrow, Disc, Text
from tests.stimulus.driven import run

SHORT = {"fixation": 0.5, "get_ready": 0.25, "cue": 0.5, "imagery": 1.0, "rest": 0.5, "rest_jitter": 0.5}


def cues(schedule):
    return [label for step in schedule.steps for label in step.marks if label in schedule.classes]


def test_every_class_comes_equally_often_and_at_most_three_times_in_a_row():
    paradigm = make("motor-imagery", {"classes": ["left hand", "right hand", "feet"], "trials": 30, "per_block": 1000})
    order = cues(paradigm.schedule(60.0, 7))
    assert Counter(order) == {"left hand": 30, "right hand": 30, "feet": 30}
    assert longest_run(order) <= 3


def test_no_class_comes_four_times_in_a_row_in_a_long_run_either():
    order = cues(make("motor-imagery", {"trials": 150, "per_block": 25}).schedule(60.0, 7))
    assert Counter(order) == {"left hand": 150, "right hand": 150}
    assert longest_run(order) <= 3


def test_each_block_is_balanced_by_itself():
    paradigm = make("motor-imagery", {"trials": 20, "per_block": 10})
    order = cues(paradigm.schedule(60.0, 3))
    for block in range(4):
        assert Counter(order[10 * block : 10 * block + 10]) == {"left hand": 5, "right hand": 5}


def test_the_order_is_that_of_the_seed():
    paradigm = make("motor-imagery", {})
    assert paradigm.schedule(60.0, 1) == paradigm.schedule(60.0, 1)
    assert cues(paradigm.schedule(60.0, 1)) != cues(paradigm.schedule(60.0, 2))


@pytest.mark.parametrize("rate", [60.0, 59.94, 144.0])
def test_a_trial_has_its_parts_at_their_times(rate):
    driven = run(make("motor-imagery", {**SHORT, "trials": 4}).schedule(rate, 5)).finish()
    starts, ready, ends = driven.times("trial-start"), driven.times("get-ready"), driven.times("trial-end")
    cue = driven.times("left hand", "right hand")
    assert len(starts) == len(ready) == len(cue) == len(ends) == 8
    half = 0.5 / rate
    for start, get_ready, at, end in zip(starts, ready, cue, ends, strict=True):
        assert get_ready - start == pytest.approx(0.5, abs=half)
        assert at - get_ready == pytest.approx(0.25, abs=half)
        assert end - at == pytest.approx(1.0, abs=2 * half)  # cue and imagery, each in whole frames
    rests = [start - end for end, start in zip(ends, starts[1:], strict=False)]
    assert min(rests) >= 0.5 - half
    assert max(rests) <= 1.0 + half
    assert len({round(rest * rate) for rest in rests}) > 3  # jittered


def test_the_marker_is_sent_with_the_first_frame_that_shows_the_arrow():
    driven = run(make("motor-imagery", {**SHORT, "trials": 3}).schedule(60.0, 5)).finish()
    for label, direction in (("left hand", "left"), ("right hand", "right")):
        for time in driven.times(label):
            arrows = [shape for shape in driven.shown_at(time).scene if isinstance(shape, Arrow)]
            assert [arrow.direction for arrow in arrows] == [direction]
            before = driven.shown_at(time - 1 / 60).scene
            assert not any(isinstance(shape, Arrow) for shape in before)


def test_labels_and_symbols_of_ones_own():
    paradigm = make(
        "motor-imagery",
        {**SHORT, "classes": ["a", "b"], "labels": ["769", "770"], "symbols": ["word", "disc"], "trials": 1},
    )
    schedule = paradigm.schedule(60.0, 1)
    shapes = {step.marks[0]: step.scene for step in schedule.steps if step.marks and step.marks[0] in ("769", "770")}
    assert shapes["769"] == (Text("a", 0.0, 0.0, 0.1, shapes["769"][0].ink, bold=True),)
    assert any(isinstance(shape, Disc) for shape in shapes["770"])


def test_classes_of_an_experiment_are_shown_and_their_first_labels_sent():
    classes = {"left fist": ("T1", "1"), "feet": ("T2",), "idle": ()}
    paradigm = make("motor-imagery", {"trials": 2}, classes=classes)
    schedule = paradigm.schedule(60.0, 1)
    assert schedule.classes == ("T1", "T2")
    arrows = {step.marks[0]: step.scene[1] for step in schedule.steps if step.marks and step.marks[0] in ("T1", "T2")}
    assert (arrows["T1"].direction, arrows["T2"].direction) == ("left", "down")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"classes": []}, "is empty"),
        ({"labels": ["only one"]}, "has 1 for 2 classes"),
        ({"symbols": ["left", "sideways"]}, '"sideways" is not known'),
        ({"labels": ["x", "x"]}, "has one twice"),
        ({"labels": ["x", "trial-end"]}, '"trial-end" cannot stand for a class'),
        ({"cue": 5.0}, "is longer than the imagery of 4 s"),
        ({"imagery": 0}, "is not above 0"),
        ({"trials": 10**400}, "is not finite"),
        ({"imagery": float("inf")}, "is not finite"),
        ({"classes": ["feet", "pause"]}, '"pause" cannot stand for a class'),
        ({"trials": 2.5}, "is no whole number"),
        ({"imagry": 3.0}, 'did you mean "imagery"?'),
    ],
)
def test_settings_that_make_no_sense_are_refused_with_what_would_be_right(settings, words):
    with pytest.raises(ConfigError, match=r"would be right|the keys are") as refused:
        make("motor-imagery", settings, file="calibration.toml")
    assert words in str(refused.value)
    assert str(refused.value).startswith("calibration.toml: [paradigm] ")
