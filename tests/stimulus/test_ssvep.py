"""SSVEP: light that follows the frames, at the frequency that was asked for, whatever is dropped."""

from __future__ import annotations

import math

import numpy as np
import pytest

from rtbci.errors import ConfigError
from rtbci_stimulus.clock import FakeClock
from rtbci_stimulus.paradigms import make
from rtbci_stimulus.scene import ACCENT, Box, Wave
from tests.stimulus.driven import run

RATE = 60.0


def boxes(scene):
    return [shape for shape in scene if isinstance(shape, Box) and shape.ink != ACCENT]


def flicker(driven, label, seconds):
    """Light of all boxes (n_frames, n_boxes) at the swaps of the first trial ``label``, and the times of these."""
    begin = driven.times(label)[0]
    frames = [(t - begin, f) for t, f in driven.shown if begin - 1e-9 <= t < begin + seconds - 0.5 / RATE]
    light = [[box.wave.level(f.k, f.rate) for box in boxes(f.scene)] for _, f in frames]
    return np.array([t for t, _ in frames]), np.array(light)


@pytest.mark.parametrize("wave", ["sine", "square"])
@pytest.mark.parametrize(("rate", "frequencies"), [(60.0, [8.0, 10.0, 11.5, 15.0]), (144.0, [8.0, 12.0, 17.0, 36.0])])
def test_the_spectrum_of_the_light_peaks_at_the_frequency(rate, frequencies, wave):
    paradigm = make("ssvep", {"frequencies": frequencies, "trials": 1, "stimulation": 4.0, "wave": wave})
    step = next(step for step in paradigm.schedule(rate, 1).steps if boxes(step.scene)[0].wave is not None)
    for k, frequency in enumerate(frequencies):
        light = np.array([boxes(step.scene)[k].wave.level(frame, rate) for frame in range(step.frames)])
        spectrum = np.abs(np.fft.rfft(light - light.mean()))
        peak = np.fft.rfftfreq(len(light), 1 / rate)[spectrum.argmax()]
        assert peak == pytest.approx(frequency, abs=rate / len(light))
        assert (light.min(), light.max()) == pytest.approx((0.0, 1.0), abs=0.07)


def test_the_light_is_the_sampled_sinusoid_of_the_paper():
    wave = Wave(10.0, phase=math.pi / 2)
    for frame in range(120):
        assert wave.level(frame, 60.0) == pytest.approx(
            0.5 * (1 + math.sin(2 * math.pi * 10.0 * frame / 60.0 + math.pi / 2))
        )


def test_a_square_wave_of_whole_frames_is_on_as_long_as_off():
    light = [Wave(10.0, square=True).level(frame, 60.0) for frame in range(600)]
    assert light == [1.0, 1.0, 1.0, 0.0, 0.0, 0.0] * 100


@pytest.mark.parametrize("frequency", [7.5, 10.0, 12.0, 15.0, 20.0, 30.0])
@pytest.mark.parametrize("measured", [59.99, 59.9994, 60.0006, 60.01])
def test_a_square_wave_is_the_same_whichever_side_of_60_hz_the_rate_was_measured(frequency, measured):
    wave = Wave(frequency, square=True)
    frames = range(300)
    assert [wave.level(k, measured) for k in frames] == [wave.level(k, 60.0) for k in frames]


def test_stimulation_lasts_exactly_its_frames_and_begins_with_its_marker():
    paradigm = make("ssvep", {"trials": 2, "stimulation": 2.0, "cue": 0.5, "rest": 0.5})
    driven = run(paradigm.schedule(RATE, 3)).finish()
    begins, ends = sorted(driven.times("8", "10", "12", "15")), driven.times("trial-end")
    assert len(begins) == 8
    np.testing.assert_allclose(np.array(ends) - begins, 2.0, atol=1e-9)
    for begin in begins:
        assert driven.shown_at(begin).k == 0


def test_a_dropped_frame_leaves_the_phase_where_time_says():
    paradigm = make("ssvep", {"frequencies": [8.0, 13.0], "trials": 1, "stimulation": 3.0, "cue": 0.5})
    # 0.5 s of cue are 30 swaps: these drops fall into the flicker
    driven = run(paradigm.schedule(RATE, 3), clock=FakeClock(RATE, drops={60: 1, 75: 3, 90: 2})).finish()
    first = min(driven.times("8", "13"))
    label = next(label for label, time in driven.sent if time == first and label in ("8", "13"))
    times, light = flicker(driven, label, 3.0)
    assert driven.runner.intervals.dropped == 6
    assert len(times) == 180 - 6
    late = np.flatnonzero(np.diff(times) > 1.5 / RATE) + 1
    assert len(late) == 3  # drawn for the refresh that it missed; the frames after it are where time says
    in_time = np.delete(np.arange(len(times)), late)
    for k, frequency in enumerate((8.0, 13.0)):
        expected = 0.5 * (1 + np.sin(2 * np.pi * frequency * times))
        np.testing.assert_allclose(light[in_time, k], expected[in_time], atol=1e-6)
    assert driven.times("trial-end")[0] - first == pytest.approx(3.0, abs=1e-9)


def test_the_cue_stands_below_the_box_that_the_marker_names():
    paradigm = make("ssvep", {"trials": 3})
    schedule = paradigm.schedule(RATE, 9)
    for cue, lit in zip(schedule.steps, schedule.steps[1:], strict=False):
        if cue.marks != ("trial-start",):
            continue
        bar = next(shape for shape in cue.scene if isinstance(shape, Box) and shape.ink == ACCENT)
        above = next(box for box in boxes(lit.scene) if box.x == bar.x)
        assert lit.marks == (f"{above.wave.frequency:g}",)


@pytest.mark.parametrize("n", [2, 5, 12, 40])
def test_boxes_lie_within_sight_and_apart(n):
    frequencies = [8.0 + 0.2 * k for k in range(n)]
    step = make("ssvep", {"frequencies": frequencies, "trials": 1}).schedule(RATE, 1).steps[1]
    found = boxes(step.scene)
    assert len(found) == n
    for box in found:
        assert abs(box.x) + box.width / 2 <= 0.8 + 1e-9
        assert abs(box.y) + box.height / 2 <= 0.46
    for a in found:
        for b in found:
            assert a is b or abs(a.x - b.x) > a.width or abs(a.y - b.y) > a.height


def test_a_frequency_beyond_half_the_refresh_rate_is_refused():
    paradigm = make("ssvep", {"frequencies": [10.0, 31.0]})
    with pytest.raises(ConfigError, match=r"31 Hz is not below half the refresh rate of 60 Hz; below 30 Hz"):
        paradigm.schedule(60.0, 1)
    assert paradigm.schedule(144.0, 1).rate == 144.0


def test_half_the_refresh_rate_is_flat_as_a_sine_and_refused_but_allowed_as_a_square():
    with pytest.raises(ConfigError, match="30 Hz is not below half"):
        make("ssvep", {"frequencies": [30.0]}).schedule(59.94, 1)
    schedule = make("ssvep", {"frequencies": [30.0], "wave": "square"}).schedule(60.0, 1)
    wave = boxes(schedule.steps[1].scene)[0].wave
    assert [wave.level(frame, 60.0) for frame in range(4)] == [1.0, 0.0, 1.0, 0.0]


def test_a_square_wave_that_does_not_divide_the_rate_is_warned_of():
    notes = make("ssvep", {"frequencies": [10.0, 13.0], "wave": "square"}).schedule(60.0, 1).notes
    assert len(notes) == 1
    assert notes[0].startswith("13 Hz is 4.62 frames at 60 Hz: a square wave's periods differ by a frame")
    assert make("ssvep", {"frequencies": [10.0, 13.0]}).schedule(60.0, 1).notes == ()


def test_labels_are_those_of_an_experiment_with_as_many_classes():
    classes = {"eight": ("33025",), "ten": ("33026",), "idle": ()}
    assert make("ssvep", {"frequencies": [8.0, 10.0]}, classes=classes).schedule(60.0, 1).classes == ("33025", "33026")
    assert make("ssvep", {}, classes=classes).schedule(60.0, 1).classes == ("8", "10", "12", "15")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"frequencies": []}, "is empty"),
        ({"frequencies": [8, -1]}, "-1 is not above 0"),
        ({"frequencies": ["8"]}, "is no list of numbers"),
        ({"phases": [0.5]}, "has 1 for 4 frequencies"),
        ({"frequencies": [8, 8]}, "has one twice"),
        ({"labels": ["8", "10", "trial-start", "15"]}, '"trial-start" cannot stand for a class'),
        ({"labels": ["8", "10", " ", "15"]}, '" " cannot stand for a class'),
        ({"frequencies": [8, 10**400]}, "is not finite"),
        ({"wave": "triangle"}, '"sine" or "square" would be right'),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, words):
    with pytest.raises(ConfigError) as refused:
        make("ssvep", settings)
    assert words in str(refused.value)
