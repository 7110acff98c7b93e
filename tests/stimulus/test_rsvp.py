"""The picture stream: sets, pace, share of time, catch trials that are asked for, and the ids of pictures as markers."""

from __future__ import annotations

import itertools
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from rtbci import bundled
from rtbci.bank import Bank
from rtbci.errors import ConfigError
from rtbci_stimulus.paradigms import make
from rtbci_stimulus.scene import Disc, Picture
from tests.stimulus.driven import run


def shown(schedule):
    """Ids of the pictures, sequence by sequence."""
    sequences: list[list[str]] = []
    for step in schedule.steps:
        if step.begins == "trial":
            sequences.append([])
        if sequences:
            sequences[-1] += [shape.name for shape in step.scene if isinstance(shape, Picture)]
    return sequences


def test_each_picture_is_shown_equally_often_in_sets_of_the_size_given(pictures: Path):
    paradigm = make("rsvp", {"pictures": str(pictures), "repeats": 5, "per_sequence": 8, "catch": 0.1})
    sequences = shown(paradigm.schedule(60.0, 2))
    assert [len(part) for part in sequences] == [8] * 7 + [4]
    counts = Counter(name for part in sequences for name in part)
    assert len(counts) == 12
    assert set(counts.values()) == {5}
    stream = [name for part in sequences for name in part]
    assert all(a != b for a, b in itertools.pairwise(stream))


@pytest.mark.parametrize(
    ("rate", "soa", "duty", "on", "off"), [(60.0, 0.2, 0.5, 6, 6), (60.0, 0.1, 1.0, 6, 0), (144.0, 0.125, 0.25, 4, 14)]
)
def test_pictures_come_at_exact_frames_and_stay_for_their_share(pictures, rate, soa, duty, on, off):
    paradigm = make("rsvp", {"pictures": str(pictures), "soa": soa, "duty": duty, "catch": 0.0, "per_sequence": 12})
    schedule = paradigm.schedule(rate, 2)
    driven = run(schedule).finish()
    first_sequence = driven.times(*schedule.classes)[:12]
    np.testing.assert_allclose(np.diff(first_sequence) * rate, on + off, atol=1e-6)
    begin, end = first_sequence[0], first_sequence[-1]
    seen = [
        bool([s for s in f.scene if isinstance(s, Picture)]) for t, f in driven.shown if begin - 1e-9 <= t < end - 1e-9
    ]
    assert seen == ([True] * on + [False] * off) * 11


def test_the_marker_of_a_picture_is_sent_at_the_swap_that_shows_it(pictures: Path):
    schedule = make("rsvp", {"pictures": str(pictures), "catch": 0.1}).schedule(60.0, 2)
    driven = run(schedule).finish()
    labelled = [(label, time) for label, time in driven.sent if label in schedule.classes]
    assert len(labelled) == 24
    for label, time in labelled:
        frame = driven.shown_at(time)
        assert (frame.scene, frame.k) == ((Picture(label, 0.5),), 0)


def test_catch_trials_are_discs_with_a_marker_and_the_question_knows_how_many(pictures: Path):
    paradigm = make("rsvp", {"pictures": str(pictures), "repeats": 20, "catch": 0.1})
    schedule = paradigm.schedule(60.0, 2)
    driven = run(schedule).finish()
    assert 12 <= len(driven.times("catch")) <= 40  # 24 of 240 are expected
    for time in driven.times("catch"):
        assert any(isinstance(shape, Disc) for shape in driven.shown_at(time).scene)
    truths = [step.truth for step in schedule.steps if step.hold == "number"]
    assert sum(truths) == len(driven.times("catch"))
    assert len(truths) == 12


@pytest.mark.parametrize("seed", range(10))
def test_two_discs_never_come_in_a_row_where_they_would_be_seen_as_one(pictures: Path, seed):
    paradigm = make("rsvp", {"pictures": str(pictures), "repeats": 20, "catch": 0.5, "duty": 1.0})
    labels = run(paradigm.schedule(60.0, seed)).finish().labels()
    assert labels.count("catch") > 50
    assert ("catch", "catch") not in itertools.pairwise(labels)


def test_a_picture_that_is_called_like_a_marker_of_its_own_is_refused(pictures: Path):
    first = next(path for path in pictures.rglob("*") if path.is_file())
    first.rename(pictures / f"catch{first.suffix}")
    with pytest.raises(ConfigError, match='"catch" is a marker of its own; another name would be right'):
        make("rsvp", {"pictures": str(pictures)}).schedule(60.0, 1)


def test_a_typed_number_is_kept_beside_the_right_one(pictures: Path):
    paradigm = make("rsvp", {"pictures": str(pictures), "repeats": 1, "per_sequence": 6, "catch": 0.3, "fixation": 0.1})
    driven = run(paradigm.schedule(60.0, 2), auto=False)
    driven.runner.key("space")
    driven.until("question")
    assert driven.runner.frame().scene[-1].text == "_"
    driven.step(500)  # it waits
    for key in ("4", "backspace", "1", "2"):
        driven.runner.key(key)
    assert driven.runner.frame().scene[-1].text == "12"
    driven.runner.key("return")
    truth = next(step.truth for step in driven.runner.schedule.steps if step.hold == "number")
    assert driven.runner.summary()["answers"] == [{"answer": 12, "truth": truth}]
    driven.until("question")
    driven.runner.key("return")  # no answer is none
    assert len(driven.runner.answers) == 1
    assert driven.runner.intervals.dropped == 0


def test_a_bank_gives_its_ids_so_that_it_can_find_what_was_shown():
    bank = bundled.pictures()
    schedule = make("rsvp", {"pictures": str(bank), "limit": 10, "repeats": 1, "catch": 0.0}).schedule(60.0, 2)
    driven = run(schedule).finish()
    opened = Bank.open(bank)
    found = [opened.find(label) for label, _ in driven.sent if label in schedule.classes]
    assert len(found) == 10
    assert None not in found


def test_a_duty_that_no_frames_give_is_said(pictures: Path):
    schedule = make("rsvp", {"pictures": str(pictures), "soa": 0.05, "duty": 0.5}).schedule(60.0, 2)
    assert schedule.notes == ("duty 0.5 is not to be had with 3 frames: 2 of them, 0.67",)


def test_pictures_that_are_not_there_are_refused(tmp_path):
    with pytest.raises(ConfigError, match='pictures: is missing; a folder or a bank such as pictures = "faces"'):
        make("rsvp", {})
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match=r"\[paradigm\] pictures: .*empty holds no pictures"):
        make("rsvp", {"pictures": "empty"}, base=tmp_path).schedule(60.0, 1)
