"""The simulated subject: the same however it is read, and what its truth says is in its samples."""

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import butter, sosfiltfilt, welch

from rtbci.errors import SourceError
from rtbci.interfaces import Source
from rtbci.sources.synthetic import SyntheticSource
from rtbci.testing.source import check_source


def run(chunks=(1000,), n=None, **settings):
    """Samples, times, markers, truth and info of an unpaced run, read in ``chunks`` by turns."""
    source = SyntheticSource(speed=None, **settings)
    info = source.open()
    samples, times, markers = [], [], []
    total, turn = 0, 0
    while n is None or total < n:
        rows = chunks[turn % len(chunks)]
        rows = rows if n is None else min(rows, n - total)
        block, stamps = np.empty((rows, info.n_channels), np.float32), np.empty(rows)
        try:
            got = source.read(block, stamps, 0.0)
        except EOFError:
            break
        samples.append(block[:got])
        times.append(stamps[:got])
        markers += source.markers()
        total += got
        turn += 1
    return np.concatenate(samples), np.concatenate(times), markers, source.truth(), info


@pytest.fixture(scope="module")
def long_run():
    return run(seed=3, channels=["Fp1", "C3", "Cz", "C4", "Oz"], rate=200.0, trials=20)


def test_is_a_source_and_keeps_its_contract():
    assert isinstance(SyntheticSource(), Source)
    report = check_source(lambda: SyntheticSource(channels=4, speed=None), n_samples=2000, recording=True)
    assert report.n_markers >= 2


def test_ends_as_a_recording_does():
    report = check_source(lambda: SyntheticSource(channels=4, seconds=3.0, speed=None), n_samples=2000, recording=True)
    assert (report.n_samples, report.ended) == (750, True)


@cache
def at_once(seed):
    return run((1500,), seed=seed, channels=5, rate=128.0, n=1500)[:3]


@settings(max_examples=15, deadline=None)
@given(chunks=st.lists(st.integers(1, 700), min_size=1, max_size=6), seed=st.integers(0, 2))
def test_samples_times_and_markers_do_not_depend_on_how_they_are_read(chunks, seed):
    kind = {"seed": seed, "channels": 5, "rate": 128.0, "n": 1500}
    samples, times, markers, _, _ = run(chunks, **kind)
    whole, all_times, all_markers = at_once(seed)
    assert samples.tobytes() == whole.tobytes()
    assert times.tobytes() == all_times.tobytes()
    assert markers == all_markers


def test_runs_differ_by_seed_and_people_by_subject():
    base = run(seed=1, channels=8, n=1000)
    other_run = run(seed=2, channels=8, n=1000)
    other_person = run(seed=1, subject=1, channels=8, n=1000)
    assert not np.allclose(base[0], other_run[0])
    np.testing.assert_array_equal(base[3].mixing, other_run[3].mixing)
    assert not np.allclose(base[3].mixing, other_person[3].mixing)


def test_a_channel_is_the_same_subject_whichever_others_are_worn():
    few, many = run(channels=["C3", "Cz"], n=10)[3], run(channels=["Cz", "O1", "C3"], n=10)[3]
    np.testing.assert_allclose(few.mixing[0], many.mixing[2], rtol=1e-12)


def test_markers_are_the_trials_of_the_truth_on_their_samples(long_run):
    _, times, markers, truth, _ = long_run
    assert len(truth.trials) == 40
    cues = [(m.label, m.time) for m in markers if m.label != "T0"]
    assert cues == [(t.label, times[t.onset]) for t in truth.trials]
    assert {t.label: t.name for t in truth.trials} == {"T1": "fists", "T2": "feet"}
    assert [m.time for m in markers if m.label == "T0"] == [times[0], *(times[t.stop] for t in truth.trials)]


def test_trials_are_balanced_from_block_to_block(long_run):
    labels = [t.label for t in long_run[3].trials]
    assert all(sorted(labels[i : i + 4]) == ["T1", "T1", "T2", "T2"] for i in range(0, 40, 4))


def band_power(samples, column, low, high, rate=200.0):
    return sosfiltfilt(butter(4, [low, high], "bandpass", fs=rate, output="sos"), samples[:, column].astype(float)) ** 2


def test_mu_weakens_over_the_cortex_of_the_limb_that_works_and_as_much_as_the_truth_says():
    samples, _, _, truth, info = run(seed=5, channels=["C3", "Cz", "C4"], rate=200.0, trials=30, snr=2.0)
    for name, column in (("fists", 0), ("fists", 2), ("feet", 1)):
        mu = next(
            g
            for g in truth.generators
            if g.limb == ("feet" if column == 1 else "right hand" if column == 0 else "left hand")
        )
        power = band_power(samples, column, mu.frequency - 2, mu.frequency + 2)
        deep = [t for t in truth.trials if t.name == name and t.depth > 0.6]
        other = [t for t in truth.trials if t.name != name]
        task = [np.mean([power[t.onset + 200 : t.stop].mean() for t in some]) for some in (deep, other)]
        before = np.mean([power[t.onset - 300 : t.onset].mean() for t in truth.trials[1:]])
        assert task[0] < 0.5 * before
        assert task[1] > 0.85 * before
    assert info.rate == 200.0


def test_without_snr_there_is_no_motor_rhythm_to_decode():
    truth = run(snr=0.0, channels=16, n=10)[3]
    limbs = [i for i, g in enumerate(truth.generators) if g.limb]
    assert limbs
    assert np.all(truth.mixing[:, limbs] == 0.0)


def test_the_background_falls_as_one_over_f():
    samples = run(seed=1, channels=["F1", "P2", "T8"], rate=250.0, seconds=120.0, snr=0.0, line=0.0)[0]
    frequency, power = welch(samples.astype(float), 250.0, nperseg=1000, axis=0)
    low = power[(frequency >= 2) & (frequency <= 5)].mean(0)
    high = power[(frequency >= 30) & (frequency <= 45)].mean(0)
    decades = np.log10(36.7 / 3.16)
    slope = np.log10(high / low) / decades
    assert np.all((slope < -0.6) & (slope > -1.4))


def test_neighbours_see_much_the_same():
    samples = run(channels=["F1", "F3", "P4"], seconds=60.0, line=0.0)[0]
    correlation = np.corrcoef(samples.T)
    assert correlation[0, 1] > 0.8
    assert correlation[0, 1] > correlation[0, 2] + 0.1


@pytest.mark.parametrize("line", [50.0, 60.0])
def test_the_mains_hum(line):
    samples = run(channels=["T7"], seconds=30.0, line=line)[0]
    frequency, power = welch(samples[:, 0].astype(float), 250.0, nperseg=500)
    near = (np.abs(frequency - line) < 4) & (np.abs(frequency - line) > 1)
    assert power[np.abs(frequency - line).argmin()] > 10 * power[near].mean()


def test_blinks_are_seen_in_front(long_run):
    samples = long_run[0]
    assert samples[:, 0].max() > 90
    assert samples[:, 4].max() < 60


def test_channels_have_the_places_of_the_montage(long_run):
    info = long_run[4]
    assert info.channels[1].name == "C3"
    assert info.channels[1].position[0] < -0.04
    assert {c.unit for c in info.channels} == {"uV"}


class TestPaced:
    # rate and times are sums of powers of two: no rounding decides how many samples are due
    def make(self, **settings):
        self.time = 128.0
        source = SyntheticSource(channels=2, rate=256.0, clock=lambda: self.time, **settings)
        source.open()
        return source

    def test_samples_come_when_the_clock_says_so_and_are_stamped_by_it(self):
        source = self.make()
        block, stamps = np.empty((500, 2), np.float32), np.empty(500)
        assert source.read(block, stamps, 0.0) == 1
        assert source.read(block, stamps, 0.0) == 0
        self.time += 0.125
        assert source.read(block, stamps, 0.0) == 32
        np.testing.assert_array_equal(stamps[:32], 128.0 + np.arange(1, 33) / 256)
        assert source.now() == self.time

    def test_speed_makes_them_come_faster(self):
        source = self.make(speed=4.0)
        block, stamps = np.empty((500, 2), np.float32), np.empty(500)
        source.read(block, stamps, 0.0)
        self.time += 0.125
        assert source.read(block, stamps, 0.0) == 128

    def test_markers_are_on_the_clock(self):
        source = self.make()
        block, stamps = np.empty((2000, 2), np.float32), np.empty(2000)
        source.read(block, stamps, 0.0)
        self.time += 6.0
        source.read(block, stamps, 0.0)
        first, second, *_ = source.markers()
        trial = source.truth().trials[0]
        assert (first.label, first.time) == ("T0", 128.0)
        assert (second.label, second.time) == (trial.label, 128.0 + trial.onset / 256)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"seed": -1}, "seed is -1"),
        ({"rate": 10.0}, "at least 64 Hz"),
        ({"line": 200.0}, "line is 200.0"),
        ({"speed": 0.0}, "speed is 0.0"),
        ({"trials": 0}, "trials is 0"),
        ({"seconds": -1.0}, "seconds is -1.0"),
        ({"classes": ()}, "classes is empty"),
        ({"classes": ("a", "b", "c", "d", "e")}, "at most 4"),
        ({"classes": ("fists", "hands")}, "same limb"),
    ],
)
def test_impossible_settings_are_refused_in_one_line(wrong, said):
    with pytest.raises(SourceError, match=said):
        SyntheticSource(**wrong)


def test_an_unknown_channel_is_refused():
    with pytest.raises(SourceError, match="'Nose'"):
        SyntheticSource(channels=["Cz", "Nose"]).open()
