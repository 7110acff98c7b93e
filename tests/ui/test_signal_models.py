"""What the signal panel computes: known signals go into a ring, known numbers come out. No Qt."""

import math
from itertools import pairwise

import numpy as np
import pytest
from scipy import signal as sps

from rtbci.montage import places
from rtbci.ring import Ring
from rtbci.types import Channel, Gap, Marker, StreamInfo
from rtbci_ui.positions import Positions
from rtbci_ui.signal.averages import Grouping, field_power
from rtbci_ui.signal.colours import DIVERGING, coloured, table
from rtbci_ui.signal.curves import Canvas, coverage
from rtbci_ui.signal.evoked import Evoked
from rtbci_ui.signal.interpolation import field, merge_sites, spline_matrix
from rtbci_ui.signal.sites import Sites
from rtbci_ui.signal.spectra import BANDS, Spectra, band_power, decibels
from rtbci_ui.signal.spectrogram import Spectrogram
from rtbci_ui.traces.filtering import Choice

RATE = 250.0


class Feed:
    """A ring that is fed by hand, with times that go on over gaps."""

    def __init__(self, n_channels, capacity=30_000, rate=RATE):
        self.ring = Ring.create(None, capacity, n_channels)
        self.rate = rate
        self.positions = Positions(self.ring, rate)
        self.time = 100.0

    def push(self, samples):
        samples = np.ascontiguousarray(samples, np.float32)
        self.ring.push(samples, self.time + np.arange(len(samples)) / self.rate, 0.0)
        self.time += len(samples) / self.rate
        self.positions.refresh()

    def gap(self, seconds):
        before = self.time - 1 / self.rate
        self.time += seconds
        self.ring.add_gap(Gap(self.ring.written, before, self.time, round(seconds * self.rate)))


def work(model, times=2000):
    for _ in range(times):
        model.refresh()


def sine(frequency, amplitude, seconds, rate=RATE):
    return amplitude * np.sin(2 * np.pi * frequency * np.arange(round(seconds * rate)) / rate)


class TestSpectra:
    def test_a_sine_has_its_power_at_its_frequency(self):
        feed = Feed(3)
        wave = sine(10.0, 20.0, 20)
        feed.push(np.stack([wave, 0.5 * wave, np.zeros_like(wave)], axis=1))
        spectra = Spectra(feed.ring, RATE, feed.positions)
        work(spectra)
        assert spectra.frequencies[int(np.argmax(spectra.psd[:, 0]))] == 10.0
        power = band_power(spectra.frequencies, spectra.psd, 8.0, 13.0)
        assert power[0] == pytest.approx(20.0**2 / 2, rel=1e-3)  # amplitude squared over two
        assert power[1] == pytest.approx(10.0**2 / 2, rel=1e-3)
        # a sine on a bin has its power times the Hann window's 1.5 bins there: A²/2 / (1.5 · 0.5 Hz)
        assert spectra.psd[20, 0] == pytest.approx(200.0 / 0.75, rel=1e-3)
        assert band_power(spectra.frequencies, spectra.psd, 13.0, 30.0)[0] < 1e-3

    def test_it_is_welchs_estimate(self):
        feed = Feed(40)
        noise = np.random.default_rng(0).standard_normal((round(8 * RATE), 40)) + 5000.0
        feed.push(noise)
        spectra = Spectra(feed.ring, RATE, feed.positions)
        work(spectra)
        frequencies, psd = sps.welch(noise.astype(np.float32), RATE, "hann", 500, 250, detrend="constant", axis=0)
        assert spectra.n_segments == 7
        np.testing.assert_allclose(spectra.frequencies, frequencies[frequencies <= 100])
        np.testing.assert_allclose(spectra.psd[2:], psd[2:201], rtol=2e-3)

    def test_only_the_newest_seconds_count(self):
        feed = Feed(1)
        feed.push(np.concatenate([sine(10, 100, 20), sine(20, 1, 8)])[:, None])
        spectra = Spectra(feed.ring, RATE, feed.positions)
        work(spectra)
        assert band_power(spectra.frequencies, spectra.psd, 8, 13)[0] < 1e-3
        assert band_power(spectra.frequencies, spectra.psd, 18, 22)[0] == pytest.approx(0.5, rel=1e-2)
        spectra.set_average(32.0)
        work(spectra)
        assert band_power(spectra.frequencies, spectra.psd, 8, 13)[0] > 1000

    def test_each_segment_is_transformed_once_and_as_it_comes(self):
        feed = Feed(2)
        spectra = Spectra(feed.ring, RATE, feed.positions)
        versions = []
        for _ in range(20):
            feed.push(np.random.default_rng(1).standard_normal((125, 2)))
            work(spectra, 5)
            versions.append(spectra.version)
        assert versions == [0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9]

    def test_no_segment_spans_a_gap(self):
        feed = Feed(1)
        spectra = Spectra(feed.ring, RATE, feed.positions)
        feed.push(sine(10, 1, 3)[:, None] + 0.0)
        feed.gap(1.0)
        feed.push(sine(10, 1, 3)[:, None] + 500.0)  # the step would be everywhere in the spectrum
        work(spectra)
        assert spectra.n_segments == 4
        assert band_power(spectra.frequencies, spectra.psd, 13, 100)[0] < 1e-3
        assert spectra.newest == 1500

    def test_channels_that_are_not_numbers_have_no_spectrum_and_the_others_do(self):
        feed = Feed(2)
        samples = np.random.default_rng(0).standard_normal((2000, 2))
        samples[:, 1] = np.nan
        feed.push(samples)
        spectra = Spectra(feed.ring, RATE, feed.positions)
        work(spectra)
        assert np.isnan(spectra.psd[:, 1]).all()
        assert np.isfinite(spectra.psd[:, 0]).all()

    def test_a_writer_that_laps_it_does_no_harm(self):
        feed = Feed(2, capacity=1200)
        spectra = Spectra(feed.ring, RATE, feed.positions)
        for _ in range(12):
            feed.push(np.ones((900, 1)) * sine(10, 20, 3.6)[:, None] * [1, 1])
            work(spectra, 3)
        assert spectra.version > 3
        assert spectra.frequencies[int(np.argmax(spectra.psd[:, 0]))] == 10.0

    def test_bands_are_the_customary_ones(self):
        assert [(low, high) for _, low, high in BANDS] == [(1, 4), (4, 8), (8, 13), (13, 30), (30, 45)]

    def test_decibels_of_nothing_are_not_a_number(self):
        out = decibels(np.array([10.0, 1.0, 0.0, np.nan]))
        np.testing.assert_allclose(out[:2], [10.0, 0.0])
        assert np.isnan(out[2:]).all()


class TestSpectrogram:
    def test_a_tone_that_changes_is_seen_when_it_changed(self):
        feed = Feed(2)
        wave = np.concatenate([sine(10, 5, 30), sine(22, 5, 20)])
        feed.push(np.stack([np.zeros_like(wave), wave], axis=1))
        model = Spectrogram(feed.ring, RATE, feed.positions)
        model.show(1)
        work(model)
        peaks = model.frequencies[np.argmax(np.nan_to_num(model.levels(), nan=-999.0), axis=0)]
        ago = (model.n_columns - 1 - np.arange(model.n_columns)) * model.column_seconds
        np.testing.assert_array_equal(peaks[ago < 18.5], 22.0)
        np.testing.assert_array_equal(peaks[(ago > 20.5) & (ago < 48)], 10.0)
        assert np.isnan(model.levels()[:, ago > 50]).all()
        # on a bin, A²/2 / 1.5 bins of 1 Hz
        assert model.levels()[22, -1] == pytest.approx(10 * np.log10(12.5 / 1.5), abs=0.05)

    def test_a_gap_is_empty_for_its_true_time(self):
        feed = Feed(1)
        feed.push(sine(10, 5, 10)[:, None])
        feed.gap(5.0)
        feed.push(sine(10, 5, 10)[:, None])
        model = Spectrogram(feed.ring, RATE, feed.positions)
        work(model)
        known = np.isfinite(model.levels()).any(axis=0)
        start = (model.newest - np.arange(model.n_columns)[::-1]) * model.hop  # position of each column's first sample
        expected = (start >= 0) & ((start + 250 <= 2500) | (start >= 3750))
        np.testing.assert_array_equal(known, expected)

    def test_another_channel_is_computed_anew(self):
        feed = Feed(2)
        feed.push(np.stack([sine(10, 5, 20), sine(30, 5, 20)], axis=1))
        model = Spectrogram(feed.ring, RATE, feed.positions)
        work(model)
        assert np.argmax(model.levels()[:, -1]) == 10
        model.show(1)
        assert np.isnan(model.levels()).all()
        work(model)
        assert np.argmax(model.levels()[:, -1]) == 30


NAMES = ("Fp1", "C3", "Cz", "STI")


def evoked(feed, markers):
    model = Evoked(feed.ring, feed.rate, feed.positions, markers, [0, 1, 2], [0, 1, 2], NAMES)
    model.set_filter(Choice())
    return model


def pulses(feed, markers, labels, shapes, every=2.0, offset=1000.0, rng=None):
    """Push a stretch with a marker every two seconds, each followed by its label's shape (n, 3), over an offset."""
    step = round(every * RATE)
    for label in labels:
        samples = np.zeros((step, 4)) + offset
        at = 250
        if label is not None:
            shape = shapes[label]
            samples[at : at + len(shape), :3] += shape
            markers.append(Marker(feed.time + at / RATE, label))
        if rng is not None:
            samples += rng.standard_normal(samples.shape)
        feed.push(samples)


def bump(height, seconds=0.1, at=0.3):
    out = np.zeros((round(0.8 * RATE), 3))
    t = np.arange(len(out)) / RATE
    out[:] = np.exp(-(((t - at) / seconds) ** 2))[:, None] * np.array(height)
    return out


class TestEvoked:
    def test_the_average_of_known_pulses_is_the_pulse(self):
        feed, markers = Feed(4), []
        shapes = {"a": bump((10, 20, -5)), "b": bump((-3, 0, 8), at=0.5)}
        model = evoked(feed, markers)
        pulses(feed, markers, "abab", shapes)
        work(model)
        assert {name: average.kept for name, average in model.averages.items()} == {"a": 2, "b": 2}
        zero = int(np.argmin(np.abs(model.times)))
        assert model.times[zero] == 0.0
        for label in "ab":
            mean = model.averages[label].mean()
            np.testing.assert_allclose(mean[zero : zero + 200], shapes[label], atol=2e-3)
            np.testing.assert_allclose(mean[:zero], 0.0, atol=1e-4)

    def test_noise_goes_down_with_the_root_of_n(self):
        feed, markers = Feed(4, capacity=60_000), []
        model = evoked(feed, markers)
        for _ in range(100):
            pulses(feed, markers, "a", {"a": bump((10, 20, -5))}, rng=np.random.default_rng(len(markers)))
            work(model, 3)
        assert model.averages["a"].kept == 100
        quiet = model.averages["a"].mean()[model.times > 0.7]
        # the epoch's noise and its baseline's (50 samples): 1 / sqrt(100) and sqrt(1 + 1/50)
        assert quiet.std() == pytest.approx(0.1, rel=0.15)

    def test_a_marker_waits_for_its_samples_and_counts_once(self):
        feed, markers = Feed(4), []
        model = evoked(feed, markers)
        feed.push(np.zeros((500, 4)))
        markers.append(Marker(feed.time, "a"))  # its first sample comes next
        work(model)
        assert len(model.waiting) == 1
        feed.push(np.ones((150, 4)))
        work(model)
        assert len(model.waiting) == 1
        feed.push(np.ones((100, 4)))
        work(model)
        assert not model.waiting
        assert model.averages["a"].kept == 1
        assert model.averages["a"].mean()[100, 0] == pytest.approx(1.0)
        work(model)
        assert model.averages["a"].kept == 1

    def test_markers_are_followed_while_the_list_is_cut_at_its_front(self):
        feed, markers = Feed(4), []
        model = evoked(feed, markers)
        pulses(feed, markers, "aaa", {"a": bump((1, 1, 1))})
        work(model)
        del markers[:2]
        pulses(feed, markers, "aa", {"a": bump((1, 1, 1))})
        work(model)
        assert model.averages["a"].kept == 5

    def test_an_epoch_over_a_gap_is_left_out_and_counted(self):
        feed, markers = Feed(4), []
        model = evoked(feed, markers)
        feed.push(np.zeros((500, 4)))
        markers.append(Marker(feed.time - 0.3, "a"))
        feed.gap(0.2)
        markers.append(Marker(feed.time - 0.1, "a"))  # within the gap
        feed.push(np.zeros((500, 4)))
        markers.append(Marker(feed.time - 1.2, "a"))
        work(model)
        average = model.averages["a"]
        assert (average.kept, average.broken, average.rejected) == (1, 2, 0)

    def test_an_epoch_that_is_too_large_is_rejected_with_the_name_of_its_channel(self):
        feed, markers = Feed(4), []
        model = evoked(feed, markers)
        pulses(feed, markers, "aba", {"a": bump((10, 20, 5)), "b": bump((200, 20, 5))})
        work(model)
        assert model.averages["a"].kept == 2
        assert (model.averages["b"].kept, model.averages["b"].rejected) == (0, 1)
        assert model.offenders == {"Fp1": 1}
        model.set_limit(math.inf)
        work(model)
        assert (model.averages["b"].kept, model.averages["b"].rejected) == (1, 0)

    def test_a_bad_channel_rejects_nothing(self):
        feed, markers = Feed(4), []
        model = evoked(feed, markers)
        model.set_bads(frozenset({"Fp1"}))
        pulses(feed, markers, "b", {"b": bump((200, 20, 5))})
        work(model)
        assert model.averages["b"].kept == 1

    def test_labels_become_the_decoders_classes_and_others_are_counted(self):
        feed, markers = Feed(4), []
        model = evoked(feed, markers)
        pulses(feed, markers, ["T1", "T0", "T2", "T1"], {k: bump((1, 2, 3)) for k in ("T0", "T1", "T2")})
        model.classify(Grouping({"T1": 0, "T2": 1}, ("fists", "feet")))
        work(model)
        assert {name: a.kept for name, a in model.averages.items()} == {"fists": 2, "feet": 1}
        assert model.unclassed == 1

    def test_many_labels_are_one_class_and_nothing_is_lost(self):
        feed, markers = Feed(4), []
        model = evoked(feed, markers)
        labels = [f"picture {k}" for k in range(12)]
        pulses(feed, markers, labels, {k: bump((12, 6, 3)) for k in labels})
        work(model)
        assert list(model.averages) == ["all markers"]
        assert model.averages["all markers"].kept == 12
        assert model.averages["all markers"].mean().max() == pytest.approx(12, abs=0.01)

    def test_reset_begins_with_what_comes(self):
        feed, markers = Feed(4), []
        model = evoked(feed, markers)
        pulses(feed, markers, "aa", {"a": bump((1, 1, 1))})
        work(model)
        model.reset()
        work(model)
        assert model.averages == {}
        pulses(feed, markers, "a", {"a": bump((1, 1, 1))})
        work(model)
        assert model.averages["a"].kept == 1

    def test_a_marker_whose_samples_are_gone_is_counted_as_missed(self):
        feed, markers = Feed(4, capacity=1000), []
        model = evoked(feed, markers)
        pulses(feed, markers, ["a", None, None, None, None], {"a": bump((1, 1, 1))})
        work(model)
        assert (model.averages["a"].kept, model.averages["a"].missed) == (0, 1)

    def test_a_channel_that_is_not_a_number_does_not_spoil_its_average(self):
        feed, markers = Feed(4), []
        model = Evoked(feed.ring, RATE, feed.positions, markers, [0, 1], [0], NAMES)
        model.set_filter(Choice())
        for value in (1.0, np.nan, 1.0):
            samples = np.zeros((500, 4))
            samples[250:, 1] = value
            markers.append(Marker(feed.time + 1.0, "a"))
            feed.push(samples)
        work(model)
        assert model.averages["a"].kept == 3
        assert list(model.averages["a"].counts) == [3, 2]
        assert model.averages["a"].mean()[-1, 1] == pytest.approx(1.0)

    def test_the_global_field_power_is_the_spread_over_channels(self):
        mean = np.array([[1.0, 1.0, 1.0], [0.0, 2.0, -2.0]])
        np.testing.assert_allclose(field_power(mean, "eeg"), [0.0, np.std([0, 2, -2])])
        np.testing.assert_allclose(field_power(mean, "mag"), [1.0, np.sqrt(8 / 3)])


LAYOUT = ("Fp1", "Fp2", "F3", "Fz", "F4", "C3", "Cz", "C4", "P3", "Pz", "P4", "O1", "O2", "T7", "T8", "Oz")


class TestMaps:
    def test_a_map_goes_through_what_the_sensors_say(self):
        xy = places([Channel(name) for name in LAYOUT], "eeg").xy
        values = np.random.default_rng(0).standard_normal(len(xy))
        np.testing.assert_allclose(spline_matrix(xy, xy) @ values, values, atol=0.01)

    def test_a_constant_stays_constant_everywhere(self):
        xy = places([Channel(name) for name in LAYOUT], "eeg").xy
        points = np.random.default_rng(1).uniform(-0.7, 0.7, (50, 2))
        np.testing.assert_allclose(spline_matrix(xy, points).sum(axis=1), 1.0, atol=1e-6)

    def test_a_smooth_field_is_found_between_the_sensors(self):
        xy = places([Channel(name) for name in LAYOUT], "eeg").xy
        points = np.random.default_rng(1).uniform(-0.5, 0.5, (50, 2))
        found = spline_matrix(xy, points) @ xy[:, 0]
        np.testing.assert_allclose(found, points[:, 0], atol=0.08)

    @pytest.mark.parametrize("name", ["C3", "Oz", "Fz", "T8"])
    def test_a_dipoles_pattern_is_largest_at_the_right_electrode(self, name):
        xy = places([Channel(n) for n in LAYOUT], "eeg").xy
        at = LAYOUT.index(name)
        away = np.hypot(*(xy - xy[at]).T)
        made = field(xy, 1.2)
        picture = np.full(made.inside.shape, -np.inf)
        picture[made.inside] = made.picture(np.exp(-((away / 0.5) ** 2)) - 0.3 * np.exp(-(((away - 1.2) / 0.4) ** 2)))
        row, column = np.unravel_index(np.argmax(picture), picture.shape)
        n = len(picture)
        found = (((column + 0.5) / n * 2 - 1) * 1.2, -((row + 0.5) / n * 2 - 1) * 1.2)
        assert np.hypot(*(found - xy[at])) < 0.15

    def test_far_from_all_sensors_nothing_is_claimed(self):
        made = field(places([Channel(n) for n in ("O1", "Oz", "O2")], "eeg").xy, 1.2)
        rows = np.nonzero(made.inside.any(axis=1))[0]
        assert rows.min() > made.inside.shape[0] / 2  # the front stays empty

    def test_gradiometers_of_a_site_are_put_together(self):
        info = StreamInfo(
            "m", 1000.0, (Channel("MEG0112", "grad"), Channel("MEG0113", "grad"), Channel("MEG0122", "grad"))
        )
        sites = Sites(info, "grad")
        assert len(sites.xy) == 2
        assert set(sites.names) == {"MEG011x", "MEG0122"}
        k = sites.of(0)
        assert sites.of(1) == k
        np.testing.assert_allclose(sites.mean(np.array([1.0, 3.0, 9.0]))[k], 2.0)
        np.testing.assert_allclose(sites.rms(np.array([3.0, 4.0, 9.0]))[k], np.sqrt(12.5))
        np.testing.assert_allclose(sites.mean(np.array([1.0, 3.0, 9.0]), frozenset({"MEG0113"}))[k], 1.0)

    def test_sites_are_merged_where_they_are_the_same(self):
        xy, site = merge_sites(np.array([[0.1, 0.2], [0.5, 0.5], [0.1, 0.2]]))
        assert len(xy) == 2
        np.testing.assert_allclose(xy[site], [[0.1, 0.2], [0.5, 0.5], [0.1, 0.2]])

    def test_colours_run_from_one_end_to_the_other_and_leave_out_what_is_not_a_number(self):
        out = coloured(np.array([-1.0, 0.0, 1.0, 7.0, np.nan]), -1.0, 1.0, DIVERGING)
        shades = table(DIVERGING)
        assert list(out) == [shades[0], shades[127], shades[255], shades[255], 0]


class TestCurves:
    def test_pixels_say_how_many_curves_pass(self):
        flat = np.tile([1.0, 1.0, -1.0], (11, 1))
        counts = coverage(flat, 10, 4, -2.0, 2.0)
        assert counts.tolist() == [[0] * 10, [2] * 10, [0] * 10, [1] * 10]

    @pytest.mark.parametrize("n", [7, 40, 1001])
    def test_a_rising_line_has_no_holes_whatever_its_number_of_samples(self, n):
        counts = coverage(np.linspace(-1, 1, n)[:, None], 40, 200, -1.1, 1.1)
        rows = [np.nonzero(column)[0] for column in counts.T]
        assert all(len(r) >= 4 for r in rows)
        for left, right in pairwise(rows):
            assert right.max() >= left.min() - 1  # neighbours meet
        assert rows[0].max() > 180
        assert rows[-1].min() < 20

    def test_a_short_peak_is_not_lost_between_columns(self):
        curve = np.zeros((2000, 1))
        curve[777] = 1.0
        assert coverage(curve, 50, 100, -1.2, 1.2)[:12].sum() > 0

    def test_what_is_not_a_number_or_outside_is_not_drawn(self):
        curves = np.full((10, 2), np.nan)
        curves[:, 1] = 5.0
        assert coverage(curves, 10, 10, -1.0, 1.0).sum() == 0

    def test_a_canvas_fills_between_two_curves(self):
        canvas = Canvas(30, 40, 0.0, 40.0)
        canvas.between(np.full(5, 10.0), np.full(5, 20.0), (1, 2, 3), 0.5)
        filled = canvas.rgba[:, 15, 3] > 0
        assert np.nonzero(filled)[0].min() == 20
        assert np.nonzero(filled)[0].max() == 30
        assert canvas.rgba[25, 15].tolist() == [1, 2, 3, 127]
        canvas.line(np.full(5, 35.0), (9, 9, 9), 2)
        assert (canvas.rgba[:, 3] == [9, 9, 9, 255]).all(axis=1).sum() == 2
