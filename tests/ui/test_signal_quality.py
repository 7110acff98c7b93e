"""Channels that are flat, railed, noisy, large or not numbers are named, and good ones are left alone. No Qt."""

import math

import numpy as np
import pytest

from rtbci.types import Channel, StreamInfo
from rtbci_ui.signal.impedance import impedance_channels, ohms
from rtbci_ui.signal.quality import Grade, samples_of
from rtbci_ui.signal.quality_watch import QualityWatch
from rtbci_ui.signal.spectra import Spectra
from tests.ui.test_signal_models import Feed

RATE = 500.0
NAMES = ("Fp1", "Fp2", "F3", "F4", "C3", "C4", "P3", "P4", "O1", "O2", "T7", "T8")


def background(n_channels, seconds=10, rms=12.0, seed=0):
    """Pink-like noise of ``rms`` µV between 1 and 45 Hz or so, over an offset."""
    rng = np.random.default_rng(seed)
    n = round(seconds * RATE)
    spectrum = np.fft.rfft(rng.standard_normal((n, n_channels)), axis=0)
    frequencies = np.fft.rfftfreq(n, 1 / RATE)
    spectrum[1:] /= np.sqrt(frequencies[1:, None])
    spectrum[frequencies < 1] = 0
    noise = np.fft.irfft(spectrum, n, axis=0)
    return rms * noise / noise.std(axis=0) + 4000.0


def mains(frequency, rms, n):
    return math.sqrt(2) * rms * np.sin(2 * np.pi * frequency * np.arange(n) / RATE)


def judged(samples, channels=None, chosen=None, bads=frozenset()):
    channels = channels or [Channel(name) for name in NAMES]
    feed = Feed(len(channels), rate=RATE)
    feed.push(samples)
    info = StreamInfo("s", RATE, tuple(channels))
    spectra = Spectra(feed.ring, RATE, feed.positions)
    watch = QualityWatch(feed.ring, info, feed.positions, spectra)
    watch.chosen, watch.bads = chosen, bads
    for _ in range(200):
        spectra.refresh()
    for _ in range(50):
        watch.refresh()
    return {verdict.name: verdict for verdict in watch.verdicts}, watch


def test_an_ordinary_eeg_is_good():
    found, watch = judged(background(12))
    assert {v.grade for v in found.values()} == {Grade.GOOD}
    assert {v.words for v in found.values()} == {"good"}
    assert found["C3"].rms == pytest.approx(11.0, abs=2.0)
    assert not watch.streams_impedance


def test_the_mains_are_measured_in_microvolts_and_named():
    samples = background(12)
    samples[:, 4] += mains(50.0, 31.0, len(samples))
    samples[:, 5] += mains(50.0, 8.0, len(samples))
    found, watch = judged(samples)
    assert watch.mains == 50.0
    assert found["C3"].line == pytest.approx(31.0, rel=0.02)
    assert (found["C3"].grade, found["C3"].words) == (Grade.BAD, "50 Hz noise 31 µV")
    assert found["C4"].grade == Grade.FAIR
    assert found["C4"].line == pytest.approx(8.0, rel=0.05)
    assert found["Fp1"].grade == Grade.GOOD


def test_the_larger_of_50_and_60_hz_is_taken_unless_one_is_chosen():
    samples = background(12)
    samples += mains(60.0, 10.0, len(samples))[:, None]
    found, watch = judged(samples)
    assert watch.mains == 60.0
    assert found["O1"].words == "60 Hz noise 10 µV"
    found, watch = judged(samples, chosen=50.0)
    assert watch.mains == 50.0
    assert found["O1"].grade == Grade.GOOD


def test_loud_noise_is_not_taken_for_the_mains():
    samples = background(12)
    samples[:, 2] += 400.0 * np.random.default_rng(3).standard_normal(len(samples))
    found, _ = judged(samples)
    assert found["F3"].line == 0.0
    assert found["F3"].words.startswith("large, ")
    assert "Hz noise" not in found["F3"].words


def test_flat_channels_are_named_whether_constant_or_nearly():
    samples = background(12)
    samples[:, 0] = 0.0
    samples[:, 1] = 187500.0
    samples[:, 2] = 3.0 + 0.03 * np.random.default_rng(1).standard_normal(len(samples))
    found, _ = judged(samples)
    assert found["Fp1"].words == "flat"
    assert found["Fp2"].words == "flat at 187 500 µV"
    assert found["F3"].words == "flat"
    assert {found[name].grade for name in ("Fp1", "Fp2", "F3")} == {Grade.BAD}
    assert found["F4"].grade == Grade.GOOD


def test_a_channel_at_its_limit_is_named_with_its_share():
    samples = background(12)
    samples[:, 3] = np.clip(samples[:, 3], None, np.quantile(samples[:, 3], 0.7))
    found, _ = judged(samples)
    assert found["F4"].grade == Grade.BAD
    assert "at its limit" in found["F4"].words
    share = float(found["F4"].words.split("at its limit ")[1].split(" %")[0])
    assert 15 <= share <= 32
    assert found["C3"].grade == Grade.GOOD


def test_coarse_steps_are_not_a_limit():
    found, _ = judged(np.round(background(12)))
    assert {v.grade for v in found.values()} == {Grade.GOOD}


def test_a_channel_far_above_the_others_is_bad_and_a_large_one_is_named():
    samples = background(12)
    samples[:, 7] = background(1, rms=150.0, seed=5)[:, 0]
    samples[:, 8] = background(1, rms=400.0, seed=6)[:, 0]
    found, _ = judged(samples)
    assert found["P4"].grade == Grade.BAD
    assert found["P4"].words.startswith("large, 1")
    assert "far above the others" in found["P4"].words
    assert found["O1"].grade == Grade.BAD
    assert found["O1"].badness >= found["P4"].badness


def test_samples_that_are_not_numbers_are_counted():
    samples = background(12)
    samples[-500:, 9] = np.nan
    samples[:, 10] = np.nan
    found, _ = judged(samples)
    assert found["O2"].words.startswith("25 % not a number")
    assert found["O2"].grade == Grade.BAD
    assert found["T7"].words == "100 % not a number"
    assert found["T8"].grade == Grade.GOOD


def test_what_lies_before_a_gap_does_not_count():
    feed = Feed(1, rate=RATE)
    feed.push(np.full((2000, 1), 7.0))
    feed.gap(1.0)
    feed.push(background(1, seconds=3))
    info = StreamInfo("s", RATE, (Channel("Cz"),))
    watch = QualityWatch(feed.ring, info, feed.positions, Spectra(feed.ring, RATE, feed.positions))
    for _ in range(10):
        watch.refresh()
    assert watch.verdicts[0].grade == Grade.GOOD
    assert watch._found[3, 0] > 1000.0  # the lowest sample is one after the gap


def test_meg_is_judged_in_its_own_units():
    channels = [Channel(f"MEG01{k}1", "mag", "fT") for k in range(1, 10)]
    samples = background(9, rms=300.0) - 4000.0
    samples[:, 2] += mains(50.0, 900.0, len(samples))
    samples[:, 3] = 0.01 * samples[:, 3] / 300.0
    found, _ = judged(samples, channels)
    assert found["MEG0131"].words.startswith("50 Hz noise")
    assert found["MEG0131"].words.endswith("fT")
    assert found["MEG0131"].line == pytest.approx(900.0, rel=0.03)
    assert found["MEG0131"].grade == Grade.FAIR
    assert found["MEG0141"].words == "flat"
    assert found["MEG0111"].grade == Grade.GOOD


def test_impedances_are_found_by_unit_and_by_name():
    channels = [
        Channel("C3"), Channel("CZ"), Channel("C4"),
        Channel("C3_imp", "misc", ""), Channel("Fz", "misc", "kOhm"), Channel("C4Z", "misc", "Ohm"),
        Channel("Pz_imp", "misc", "kOhm"),
    ]  # fmt: skip
    found = impedance_channels(channels)
    assert found[0] == 3
    assert found[2] == 5
    assert 1 not in found  # CZ is an electrode, not the impedance of C
    assert 6 not in found.values()  # Pz is not there
    assert ohms(Channel("x", "misc", "Ohm")) == 1e-3
    assert ohms(Channel("x", "misc", "kΩ")) == 1.0
    assert ohms(Channel("x", "eeg", "uV")) is None


def test_an_impedance_that_is_streamed_is_judged_and_is_no_signal():
    channels = [*(Channel(name) for name in NAMES), Channel("C3_imp", "misc", "kOhm"), Channel("C4_imp", "misc", "Ohm")]
    samples = np.column_stack([background(12), np.full(5000, 63.0), np.full(5000, 4000.0)])
    found, watch = judged(samples, channels)
    assert watch.streams_impedance
    assert (found["C3"].grade, found["C3"].words) == (Grade.BAD, "impedance 63 kΩ")
    assert (found["C4"].grade, found["C4"].impedance) == (Grade.GOOD, 4.0)
    assert math.isnan(found["Fp1"].impedance)
    assert "C3_imp" not in found


def test_bad_marks_are_passed_on_and_do_not_change_the_verdict():
    found, _ = judged(background(12), bads=frozenset({"C3"}))
    assert found["C3"].marked
    assert found["C3"].grade == Grade.GOOD
    assert not found["C4"].marked


def test_measures_of_a_block_are_what_they_say():
    block = np.array([[1, 1, 1, 1, 2, 3, 4, 9, 9, 9], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]], np.float32)
    spread, railed, missing, low, high = samples_of(block)
    assert railed[0] == pytest.approx((2 + 1) / 8)  # the third and fourth 1, and the third 9
    assert railed[1] == 0.0
    assert (low[0], high[0], missing[0]) == (1.0, 9.0, 0.0)
    assert spread[1] == pytest.approx(1.4826 * 2.5)
