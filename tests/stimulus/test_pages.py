"""The pages around a run: nothing is written over, and what went wrong stands there."""

from __future__ import annotations

import itertools

import pytest

from rtbci_stimulus.pages import end_page, start_page
from rtbci_stimulus.scene import Text
from rtbci_stimulus.schedule import Schedule, Step
from tests.stimulus.driven import run

RATE = 60.0


def lines(page):
    return sorted((shape for shape in page if isinstance(shape, Text)), key=lambda shape: shape.y)


def schedule(instructions="", notes=()):
    return Schedule(RATE, (Step(5, (), ("x",), "trial"), Step(5, ())), ("x",), instructions, notes)


@pytest.mark.parametrize("n", [1, 3, 5, 6, 9, 20])
@pytest.mark.parametrize("failure", ["", 'picture "x": no picture'])
def test_no_line_of_the_start_page_lies_over_another(n, failure):
    told = schedule("\n".join(f"line {k}" for k in range(n)), ("a note", "another", "a third"))
    page = start_page("Title", told, "the display", True, True, False, failure=failure)
    found = lines(page)
    assert [line.text for line in found if line.text.startswith("line ")] == [f"line {k}" for k in range(n)]
    for above, below in itertools.pairwise(found):
        assert below.y - above.y >= 0.5 * (above.size + below.size), (above.text, below.text)


def test_what_cannot_be_read_stands_on_the_start_page():
    driven = run(schedule(), auto=False, more=lambda: {"failure": 'picture "x": no picture that can be read'})
    driven.step(3)
    assert 'Picture "x": no picture that can be read' in [line.text for line in lines(driven.runner.frame().scene)]


def test_markers_that_nobody_received_are_counted_and_told():
    heard = {"now": True}
    driven = run(Schedule(RATE, tuple(Step(5, (), (str(k),), "trial") for k in range(6)), ()), auto=False,
                 receiver=lambda: heard["now"])  # fmt: skip
    driven.runner.key("space")
    driven.until("3")
    heard["now"] = False  # whoever recorded has died
    driven.until("run-end")
    assert driven.runner.summary()["unheard"] == 3
    assert "3 of 8 markers were sent while nobody received them" in [
        line.text for line in lines(driven.runner.frame().scene)
    ]


def test_a_run_of_which_all_was_received_says_nothing_of_it():
    driven = run(schedule()).finish()
    assert driven.runner.summary()["unheard"] == 0
    assert not any("received" in line.text for line in lines(end_page("Title", driven.runner.summary())))


def test_pictures_that_came_late_or_not_at_all_stand_on_the_end_page():
    driven = run(schedule(), more=lambda: {"pictures_late": 2, "failure": 'picture "x": no picture'}).finish()
    told = [line.text for line in lines(end_page("Title", driven.runner.summary()))]
    assert "2 pictures came late, having to be loaded first" in told
    assert 'Picture "x": no picture' in told
