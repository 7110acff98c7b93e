"""The scrolling picture: drawn in pieces as drawn whole, gaps of true length, and nothing older than it says."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtbci.kernels import raster
from rtbci.ring import Ring
from rtbci.types import Gap
from rtbci_ui.picture import Lanes, Picture

RATE = 100.0
SHADES = (0xFF000000, 0xFF202020, 0xFF404040)


def lanes(n_channels, unit=10.0):
    return Lanes(
        np.arange(n_channels), np.full(n_channels, unit, np.float32), np.full(n_channels, 0xFF80C0FF, np.uint32)
    )


def picture_of(ring, width=200, height=60, seconds=4.0):
    picture = Picture(ring, RATE, SHADES)
    picture.resize(width, height, seconds)
    picture.show(lanes(ring.n_channels), 1.0)
    return picture


def unrolled(picture):
    """The picture as it is shown: oldest column first."""
    return np.hstack([picture.pixels[:, first : first + n] for first, n in picture.parts()])


class Stream:
    """Pushes samples with their times, and loses some."""

    def __init__(self, capacity=2000, n_channels=3, seed=0, offset=0.0):
        self.ring = Ring.create(None, capacity, n_channels)
        self.rng = np.random.default_rng(seed)
        self.at = 0
        self.offset = offset

    def push(self, n):
        samples = self.rng.standard_normal((n, self.ring.n_channels)).astype(np.float32) + np.float32(self.offset)
        self.ring.push(samples, (self.at + np.arange(n)) / RATE, 0.0)
        self.at += n

    def lose(self, n):
        self.ring.add_gap(Gap(self.ring.written, (self.at - 1) / RATE, (self.at + n) / RATE, n))
        self.at += n


@given(
    st.lists(st.integers(1, 70), min_size=1, max_size=25),
    st.integers(20, 250),
    st.sampled_from([1.0, 2.0, 4.0, 7.3]),
    st.integers(0, 24),
)
@settings(max_examples=40, deadline=None)
def test_drawing_as_samples_come_gives_the_picture_that_drawing_them_all_at_once_gives(chunks, width, seconds, lose_at):
    stream = Stream(offset=50.0)
    pieces = picture_of(stream.ring, width=width, seconds=seconds)
    for i, n in enumerate(chunks):
        if i == lose_at:
            stream.lose(35)
        stream.push(n)
        pieces.refresh()
    whole = picture_of(stream.ring, width=width, seconds=seconds)
    whole.refresh()
    assert pieces.head == whole.head
    np.testing.assert_array_equal(unrolled(pieces), unrolled(whole))


def test_only_new_columns_are_touched():
    stream = Stream()
    stream.push(600)
    picture = picture_of(stream.ring)
    picture.refresh()
    before = picture.pixels.copy()
    stream.push(4)  # two columns of two samples
    assert picture.refresh()
    changed = np.flatnonzero((picture.pixels != before).any(axis=0))
    assert len(changed) <= 3
    assert not picture.refresh()  # nothing came: nothing is drawn


def test_a_gap_takes_its_true_length_where_it_was():
    stream = Stream()
    stream.push(100)
    stream.lose(150)
    stream.push(100)
    picture = picture_of(stream.ring, width=200, seconds=4.0)  # 2 samples a column
    picture.refresh()
    kinds = picture._kinds[np.arange(picture.head - 200, picture.head) % 200]
    kinds = kinds[kinds != raster.EMPTY]
    runs = np.flatnonzero(np.diff(kinds)) + 1
    assert [int(k) for k in kinds[np.r_[0, runs]]] == [raster.DATA, raster.GAP, raster.DATA]
    assert runs[0] == 50
    assert runs[1] - runs[0] == pytest.approx(75, abs=1)
    assert picture.column(picture.positions.of(100)) - picture.column(picture.positions.of(99)) == pytest.approx(75.5)


def test_while_nothing_comes_the_picture_scrolls_on_empty_and_late_samples_fill_it():
    stream = Stream()
    stream.push(400)
    picture = picture_of(stream.ring)
    picture.refresh(now=4.0)
    head = picture.head
    picture.refresh(now=3.99 + 0.2)
    assert picture.head == head  # chunks are that late at times
    picture.refresh(now=3.99 + 1.0)
    assert picture.head == head + 50
    assert picture._kinds[(picture.head - 1) % 200] == raster.PENDING
    stream.push(100)
    picture.refresh(now=3.99 + 1.0)
    assert picture.head == head + 50
    assert set(picture._kinds.tolist()) == {raster.DATA}
    whole = picture_of(stream.ring)
    whole.refresh(now=3.99 + 1.0)
    np.testing.assert_array_equal(unrolled(picture), unrolled(whole))


def test_without_a_clock_the_picture_stands_still():
    stream = Stream()
    stream.push(400)
    picture = picture_of(stream.ring)
    picture.refresh(None)
    head = picture.head
    picture.refresh(None)
    assert picture.head == head


def test_an_offset_does_not_move_a_trace():
    plain, shifted = Stream(n_channels=1), Stream(n_channels=1, offset=20_000.0)
    rows = []
    for stream in (plain, shifted):
        stream.push(900)
        picture = picture_of(stream.ring)
        picture.refresh()
        lit = unrolled(picture) == 0xFF80C0FF
        rows.append(np.nonzero(lit)[0].mean())
    assert rows[0] == pytest.approx(30, abs=1)
    assert rows[1] == pytest.approx(30, abs=1)


def test_a_window_that_slept_while_the_ring_went_round_draws_what_is_left():
    stream = Stream(capacity=500)
    stream.push(450)
    picture = picture_of(stream.ring)
    picture.refresh()
    for _ in range(10):
        stream.push(333)
    picture.refresh()
    assert picture.head == int(picture.positions.of(stream.ring.written - 1) / picture.step) + 1
    assert raster.DATA in picture._kinds
    assert not np.isnan(picture._lo[(picture.head - 2) % 200]).any()


def test_other_scales_and_channels_need_no_samples():
    stream = Stream(capacity=500)
    stream.push(500)
    picture = picture_of(stream.ring)
    picture.refresh()
    first = unrolled(picture)
    for _ in range(6):
        stream.push(300)  # the samples that are shown are gone
    picture.show(lanes(3, unit=5.0), 1.0)
    larger = unrolled(picture)
    assert (larger != first).any()
    picture.show(lanes(3, unit=10.0), 1.0)
    np.testing.assert_array_equal(unrolled(picture), first)


def test_positions_find_a_time_between_samples_and_within_a_gap():
    stream = Stream()
    stream.push(100)
    stream.lose(50)
    stream.push(100)
    picture = picture_of(stream.ring)
    picture.refresh()
    positions = picture.positions
    assert positions.at_time(0.5) == pytest.approx(50)
    assert positions.at_time(0.505) == pytest.approx(50.5)
    assert positions.at_time(1.25) == pytest.approx(125)  # within the gap
    assert positions.at_time(2.0) == pytest.approx(200)
    assert positions.at_time(3.0) == pytest.approx(300)  # not come yet
    assert [(s.start, s.stop, s.shift) for s in positions.stretches(20, 180)] == [(20, 100, 0), (100, 180, 50)]
    assert positions.at_position(120) == 100
    assert positions.at_position(150) == 100
    assert positions.at_position(160.5) == 111


def test_a_gap_that_is_noted_while_one_looks_is_not_lost(monkeypatch):
    stream = Stream()
    stream.push(100)
    stream.lose(50)
    stream.push(100)
    picture = picture_of(stream.ring)
    really = stream.ring.gaps

    def gaps(first=0):
        found = really(first)
        if stream.ring.n_gaps == 1:  # the session notes another one at this very moment
            stream.lose(25)
            stream.push(10)
        return found

    monkeypatch.setattr(stream.ring, "gaps", gaps)
    picture.positions.refresh()
    picture.positions.refresh()
    assert [gap.missing for gap in picture.positions.gaps] == [50, 25]
    assert picture.positions.of(205) == 205 + 75
