"""Display filters: what they do to a signal, that pieces do not matter, and that the raw ring never sees them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal as reference

from rtbci.ring import Ring
from rtbci.types import Gap
from rtbci_ui.picture import Picture
from rtbci_ui.positions import Positions
from rtbci_ui.traces.filtering import Choice, Filtered, design
from rtbci_ui.traces.signals import Still
from tests.ui.test_picture import RATE, SHADES, Stream, lanes, unrolled

EVERYTHING = Choice(0.5, 40.0, 50.0)


def response(sections, frequencies, rate):
    return np.abs(reference.sosfreqz(sections, frequencies, fs=rate)[1])


@pytest.mark.parametrize("rate", [250.0, 1000.0, 5000.0])
@pytest.mark.parametrize(
    ("choice", "theirs"),
    [
        (Choice(0.5), lambda fs: reference.butter(2, 0.5, "highpass", output="sos", fs=fs)),
        (Choice(1.0), lambda fs: reference.butter(2, 1.0, "highpass", output="sos", fs=fs)),
        (Choice(None, 40.0), lambda fs: reference.butter(4, 40.0, output="sos", fs=fs)),
        (Choice(None, 70.0), lambda fs: reference.butter(4, 70.0, output="sos", fs=fs)),
    ],
)
def test_the_sections_are_those_of_scipys_butterworth(choice, theirs, rate):
    at = np.geomspace(0.05, 0.49 * rate, 500)
    np.testing.assert_allclose(response(design(choice, rate), at, rate), response(theirs(rate), at, rate), atol=1e-6)


@pytest.mark.parametrize("line", [50.0, 60.0])
def test_the_notch_takes_the_line_and_two_harmonics_as_scipys_does(line):
    sections = design(Choice(notch=line), 1000.0)
    theirs = [np.r_[reference.iirnotch(k * line, 15.0, fs=1000.0)] for k in (1, 2, 3)]
    np.testing.assert_allclose(sections, theirs, atol=1e-12)
    np.testing.assert_allclose(response(sections, [line, 2 * line, 3 * line], 1000.0), 0.0, atol=1e-9)
    assert (response(sections, [10.0, 0.75 * line, 1.5 * line], 1000.0) > 0.97).all()


def test_what_does_not_fit_the_rate_is_left_out():
    assert Choice(1.0, 70.0, 50.0).possible(100.0) == Choice(1.0)
    assert len(design(Choice(1.0, 70.0, 50.0), 100.0)) == 1
    assert len(design(Choice(notch=50.0), 250.0)) == 2  # 150 Hz is beyond


def test_filters_are_said_in_words_and_follow_each_other():
    choice, texts = Choice(), []
    for _ in range(4):
        texts.append(choice.text)
        choice = choice.following(60.0)
    assert texts == ["off", "above 0.5 Hz", "1–40 Hz", "1–70 Hz, no 60 Hz"]
    assert choice.off
    assert Choice(None, 40.0).following().off


@given(st.lists(st.integers(1, 300), min_size=1, max_size=12), st.integers(0, 12), st.integers(0, 2**16))
@settings(max_examples=30, deadline=None)
def test_filtering_as_samples_come_gives_what_filtering_them_all_at_once_gives(chunks, lose_at, seed):
    stream = Stream(capacity=5000, n_channels=5, seed=seed, offset=300.0)
    positions = Positions(stream.ring, RATE)
    sections = design(Choice(0.5, 40.0), RATE)
    pieces = Filtered(stream.ring, positions, sections, 0, 5000)
    breaks = [0]
    for i, n in enumerate(chunks):
        if i == lose_at:
            breaks.append(stream.ring.written)
            stream.lose(35)
        stream.push(n)
        positions.refresh()
        pieces.refresh(stream.ring.written)
    written = stream.ring.written
    whole = Filtered(stream.ring, positions, sections, 0, 5000)
    whole.refresh(written)
    got = pieces.view(0, written)[0]
    assert got.tobytes() == whole.view(0, written)[0].tobytes()
    raw = stream.ring.view(0, written)[0].astype(np.float64)
    theirs = np.concatenate(
        [
            reference.sosfilt(sections, part, axis=0, zi=reference.sosfilt_zi(sections)[:, :, None] * part[0])[0]
            for part in np.split(raw, breaks[1:])
            if len(part)
        ]
    )
    np.testing.assert_allclose(got, theirs, atol=1e-3)


def test_a_value_that_is_no_number_blanks_itself_and_nothing_after_it():
    ring = Ring.create(None, 1000, 2)
    samples = np.ones((400, 2), np.float32)
    samples[100:110, 0] = np.nan
    samples[0, 1] = np.inf
    ring.push(samples, np.arange(400) / RATE, 0.0)
    filtered = Filtered(ring, Positions(ring, RATE), design(EVERYTHING, RATE), 0, 1000)
    filtered.refresh(400)
    out = filtered.view(0, 400)[0]
    assert np.flatnonzero(np.isnan(out[:, 0])).tolist() == list(range(100, 110))
    assert np.flatnonzero(np.isnan(out[:, 1])).tolist() == [0]


def test_after_a_gap_the_filter_begins_anew():
    ring = Ring.create(None, 2000, 1)
    ring.push(np.zeros((500, 1), np.float32), np.arange(500) / RATE, 0.0)
    ring.add_gap(Gap(500, 4.99, 6.0, 100))
    ring.push(np.full((500, 1), 9000.0, np.float32), 6.0 + np.arange(500) / RATE, 0.0)
    positions = Positions(ring, RATE)
    positions.refresh()
    filtered = Filtered(ring, positions, design(Choice(0.5), RATE), 0, 2000)
    filtered.refresh(1000)
    assert np.abs(filtered.view(0, 1000)[0]).max() < 1e-2  # a step of 9000 within a stretch would ring for a second


@given(st.lists(st.integers(1, 90), min_size=3, max_size=20), st.sampled_from([2.0, 4.0]), st.integers(0, 20))
@settings(max_examples=25, deadline=None)
def test_the_filtered_picture_is_the_same_however_samples_come_and_the_ring_is_untouched(chunks, seconds, lose_at):
    stream = Stream(capacity=4000, offset=80.0)
    picture = Picture(stream.ring, RATE, SHADES)
    picture.resize(150, 60, seconds)
    picture.show(lanes(3), 1.0)
    picture.filter(EVERYTHING)
    kept = []
    for i, n in enumerate(chunks):
        if i == lose_at:
            stream.lose(50)
        stream.push(n)
        kept.append(stream.ring.read(stream.ring.written - n, stream.ring.written)[0])
        picture.refresh()
    whole = Picture(stream.ring, RATE, SHADES)
    whole.resize(150, 60, 200.0)  # so long a page that the filter begins where the other one did
    whole.filter(EVERYTHING)
    whole.refresh()
    pieces = unrolled(picture)
    picture._whole = True
    picture.refresh()
    np.testing.assert_array_equal(unrolled(picture), pieces)
    assert whole._filtered is not None
    assert picture._filtered is not None
    stop = stream.ring.written
    start = max(picture._filtered.oldest, whole._filtered.oldest)
    assert picture._filtered.view(start, stop)[0].tobytes() == whole._filtered.view(start, stop)[0].tobytes()
    raw = stream.ring.view(0, stop)[0]
    assert raw.tobytes() == np.concatenate(kept).tobytes()


def test_a_filter_removes_from_the_picture_what_it_should_and_off_brings_it_back():
    ring = Ring.create(None, 4000, 1)
    t = np.arange(2000) / 500.0
    slow, line = 8.0 * np.sin(2 * np.pi * 3 * t), 8.0 * np.sin(2 * np.pi * 50 * t)
    ring.push((slow + line).astype(np.float32)[:, None], t, 0.0)
    picture = Picture(ring, 500.0, SHADES)
    picture.resize(400, 100, 2.0)
    picture.show(lanes(1, unit=40.0), 1.0)
    picture.refresh()
    plain = picture.pixels.copy()

    def thickness():
        lit = unrolled(picture) != SHADES[0]
        return lit[:, 200:].sum(axis=0).mean()

    both = thickness()
    picture.filter(Choice(notch=50.0))
    picture.refresh()
    assert thickness() < 0.3 * both  # a column is as high as the line swings, without it a line of slow waves is left
    picture.filter(Choice())
    picture.refresh()
    np.testing.assert_array_equal(picture.pixels, plain)


def test_a_longer_page_has_its_filtered_samples_and_a_window_that_slept_goes_on():
    stream = Stream(capacity=3000)
    stream.push(2500)
    picture = Picture(stream.ring, RATE, SHADES)
    picture.resize(200, 60, 2.0)
    picture.show(lanes(3), 1.0)
    picture.filter(EVERYTHING)
    picture.refresh()
    picture.resize(200, 60, 20.0)
    picture.refresh()
    assert not np.isnan(picture._lo).any()
    for _ in range(20):
        stream.push(900)  # the ring goes round six times while nobody looks
    picture.refresh()
    picture.refresh()
    assert picture.head == int((stream.ring.written - 1) / picture.step) + 1
    assert not np.isnan(picture._lo[(picture.head - 2) % 200]).any()


def test_a_piece_of_the_past_is_filtered_as_the_ring_was():
    stream = Stream(capacity=3000, offset=500.0)
    stream.push(1500)
    samples, times, _ = stream.ring.read(0, 1500)
    picture = Picture(stream.ring, RATE, SHADES)
    picture.resize(200, 60, 4.0)
    picture.show(lanes(3), 1.0)
    picture.filter(Choice(1.0, 40.0))
    picture.refresh()
    live, head = unrolled(picture), picture.head
    stream.push(800)
    picture.hold(Still(0, samples, times), head)
    picture.refresh()
    np.testing.assert_array_equal(unrolled(picture), live)
