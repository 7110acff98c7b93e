"""A picture that is too much for one frame comes in pieces, is never a mixture of two pages, and is the same in the end."""

import numpy as np
import pytest

from rtbci.kernels import raster
from rtbci_ui import picture as drawing
from rtbci_ui.picture import Picture
from rtbci_ui.traces.filtering import Choice
from rtbci_ui.traces.signals import Still
from tests.ui.test_picture import RATE, SHADES, Stream, picture_of, unrolled

MOST = 600
"""Samples times channels in one step of these tests: 200 samples of 3 channels."""


@pytest.fixture
def small_steps(monkeypatch):
    monkeypatch.setattr(drawing, "STEP_VALUES", MOST)
    monkeypatch.setattr(drawing, "STEP_FILTERED", MOST)
    monkeypatch.setattr(drawing, "STEP_CELLS", 23 * 30)


def finish(picture, now=None, most=100):
    """Refresh until nothing is left to do; how many refreshes that took."""
    for n in range(1, most):
        picture.refresh(now)
        if not picture.unfinished:
            return n
    raise AssertionError(f"not finished after {most} refreshes")


def in_one_go(stream, monkeypatch, choice, width=200, seconds=16.0):
    with monkeypatch.context() as patch:
        patch.setattr(drawing, "STEP_VALUES", 1 << 30)
        patch.setattr(drawing, "STEP_FILTERED", 1 << 20)
        patch.setattr(drawing, "STEP_CELLS", 1 << 30)
        whole = picture_of(stream.ring, width=width, seconds=seconds)
        whole.filter(choice)
        assert finish(whole) == 1
    return whole


@pytest.mark.parametrize("choice", [Choice(), Choice(1.0), Choice(1.0, 30.0)])
@pytest.mark.parametrize("lose_at", [0, 700, 1000])
def test_the_pieces_make_the_picture_that_one_step_makes(small_steps, monkeypatch, choice, lose_at):
    stream = Stream(capacity=4000, offset=50.0)
    for at in range(0, 2000, 100):
        if at == lose_at:
            stream.lose(130)
        stream.push(100)
    picture = picture_of(stream.ring, seconds=16.0)
    picture.filter(choice)
    assert finish(picture) >= 1600 // 200
    whole = in_one_go(stream, monkeypatch, choice)
    assert picture.head == whole.head
    np.testing.assert_array_equal(unrolled(picture), unrolled(whole))


def test_samples_that_come_meanwhile_are_in_it(small_steps, monkeypatch):
    stream = Stream(capacity=4000)
    stream.push(2000)
    picture = picture_of(stream.ring, seconds=16.0)
    picture.filter(Choice(1.0, 30.0))
    n = 0
    while picture.unfinished or n == 0:
        stream.push(7)
        picture.refresh()
        n += 1
        assert n < 100
    assert n > 8
    whole = in_one_go(stream, monkeypatch, Choice(1.0, 30.0))
    np.testing.assert_array_equal(unrolled(picture), unrolled(whole))


def test_no_step_takes_more_than_its_share(small_steps, monkeypatch):
    stream = Stream(capacity=4000)
    stream.push(2000)
    taken = []
    really = raster.envelope

    def envelope(samples, first, shift, step, start, stop, *rest):
        taken.append((stop - start) * step)
        really(samples, first, shift, step, start, stop, *rest)

    picture = picture_of(stream.ring, seconds=16.0)
    monkeypatch.setattr(drawing.raster, "envelope", envelope)
    for choice in (Choice(), Choice(1.0)):
        taken.clear()
        picture.filter(choice)
        finish(picture)
        assert sum(taken) >= 1590
        assert max(taken) <= 220  # 200 samples and what the columns at both ends hold more


def test_while_it_comes_nothing_of_another_page_is_seen(small_steps):
    stream = Stream(capacity=4000)
    stream.push(3600)
    picture = picture_of(stream.ring, seconds=16.0)
    finish(picture)
    samples, times, _ = stream.ring.read(0, 2000)
    picture.hold(Still(0, samples, times), int(2000 / picture.step))
    picture.refresh()
    assert picture.unfinished
    kinds = picture._kinds[np.arange(picture.head - 200, picture.head) % 200]
    drawn = np.flatnonzero(kinds == raster.DATA)
    assert len(drawn) < 50
    assert set(kinds.tolist()) == {raster.DATA, raster.EMPTY}
    lit = (unrolled(picture) == 0xFF80C0FF).any(axis=0)
    assert not lit[drawn[-1] + 1 :].any()
    finish(picture)
    assert set(picture._kinds.tolist()) == {raster.DATA}


def test_a_new_filter_replaces_the_old_picture_from_left_to_right(small_steps):
    stream = Stream(capacity=4000, offset=30.0)
    stream.push(3000)
    picture = picture_of(stream.ring, seconds=16.0)
    finish(picture)
    before = unrolled(picture).copy()
    picture.filter(Choice(None, 20.0))
    for _ in range(5):  # the filter settles first
        picture.refresh()
    half = unrolled(picture)
    assert picture.unfinished
    changed = np.flatnonzero((half != before).any(axis=0))
    assert 0 < len(changed) < 150
    assert changed[-1] < 150
    np.testing.assert_array_equal(half[:, 150:], before[:, 150:])


def test_a_pause_in_the_middle_of_it_is_finished_from_what_was_kept(small_steps, monkeypatch):
    stream = Stream(capacity=4000)
    stream.push(3000)
    picture = picture_of(stream.ring, seconds=16.0)
    picture.filter(Choice(1.0, 30.0))
    picture.refresh()
    whole = in_one_go(stream, monkeypatch, Choice(1.0, 30.0))
    start, stop = picture.page_samples()
    samples, times, _ = stream.ring.read(start, min(stop, 3000))
    picture.hold(Still(start, samples, times))
    for _ in range(20):
        stream.push(333)  # the ring goes round
    finish(picture)
    np.testing.assert_array_equal(unrolled(picture), unrolled(whole))


def test_a_piece_of_the_past_that_begins_within_the_page_is_finished(small_steps):
    stream = Stream(capacity=4000)
    stream.push(3000)
    samples, times, _ = stream.ring.read(1500, 2500)
    for choice in (Choice(), Choice(1.0)):
        picture = Picture(stream.ring, RATE, SHADES)
        picture.resize(200, 60, 16.0)
        picture.filter(choice)
        picture.hold(Still(1500, samples, times), int(2500 / picture.step))
        finish(picture)
        kinds = picture._kinds[np.arange(picture.head - 200, picture.head) % 200].tolist()
        assert kinds.count(raster.DATA) == pytest.approx(1000 / picture.step, abs=2)
        assert kinds[0] == raster.EMPTY
    empty = Picture(stream.ring, RATE, SHADES)
    empty.resize(200, 60, 16.0)
    empty.hold(Still(3000, samples[:0], times[:0]), 100)
    finish(empty)
