"""The newest request is drawn next; one that is begun is given up for another marker, and not twice in a row."""

from __future__ import annotations

import math

from rtbci.render_requests import Requests
from tests.renderers.drawers import Flat

USE = f"{Flat.__module__}:Flat"


def test_before_a_decoder_has_a_ring_there_is_nothing_to_draw(tmp_path):
    requests = Requests(tmp_path / "none.retrieved.ring")
    assert requests.next() is None
    assert requests.go_on()


def test_the_newest_is_next_and_the_others_are_counted(session):
    seen = session(USE)
    requests = Requests(seen.run.retrieved("eye"))
    assert requests.next() is None
    for item in (1, 2, 3):
        seen.find(item)
    found = requests.next()
    assert found is not None
    assert found.items.tolist() == [3]
    assert requests.overtaken == 2
    assert requests.next() is None
    requests.done(drawn=True)
    assert requests.overtaken == 2


def test_windows_of_the_same_marker_or_of_a_stream_that_slides_give_nothing_up(session):
    seen = session(USE)
    requests = Requests(seen.run.retrieved("eye"))
    for marker in (math.nan, 7.0):
        seen.find(1, marker)
        assert requests.next() is not None
        seen.find(2, marker)
        seen.find(3, marker)
        assert requests.go_on()
        requests.done(drawn=True)


def test_another_marker_gives_up_what_is_drawn_but_not_twice_in_a_row(session):
    seen = session(USE)
    requests = Requests(seen.run.retrieved("eye"))
    seen.find(1, 7.0)
    requests.next()
    assert requests.go_on()
    seen.find(2, 8.0)
    assert not requests.go_on()
    requests.done(drawn=False)
    assert requests.overtaken == 1
    assert requests.next().items.tolist() == [2]
    seen.find(3, 9.0)
    assert requests.go_on()  # or a fast series would never show anything
    requests.done(drawn=True)
    assert requests.next().items.tolist() == [3]
    seen.find(4, 10.0)
    assert not requests.go_on()
