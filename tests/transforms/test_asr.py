from __future__ import annotations

import mne
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtbci.errors import TransformError
from rtbci.interfaces import Transform
from rtbci.testing.transform import check_transform
from rtbci.transforms.asr import Asr, Calibration, densest_half
from rtbci.transforms.filters import HighPass
from rtbci.transforms.spatial import ReReference
from rtbci.types import Channel, StreamInfo
from tests.transforms.streams import RATE, chunkings, clock, noise, stream, through

SECOND = int(RATE)


def background(seconds, n_channels=16, n_sources=16, seed=0):
    """Sources near each other mixed into channels, in µV, white in time."""
    rng = np.random.default_rng(seed)
    places, sources = np.linspace(0, 1, n_channels)[:, None], np.linspace(0, 1, n_sources)
    mixing = 10 * np.exp(-(((places - sources) / 0.15) ** 2)) + np.eye(n_channels, n_sources)
    return (rng.standard_normal((seconds * SECOND, n_sources)) @ mixing.T).astype(np.float32)


def burst_of(samples, first, seconds=2.0, size=300.0, seed=5):
    """``samples`` with a burst in two random directions, and the burst alone."""
    rng = np.random.default_rng(seed)
    n = int(seconds * SECOND)
    alone = np.zeros_like(samples)
    directions = rng.standard_normal((2, samples.shape[1])) / np.sqrt(samples.shape[1])
    alone[first : first + n] = size * rng.standard_normal((n, 2)) @ directions
    return samples + alone, alone


def mended(samples, info=None, first=0, lengths=(97,), breaks=(), **arguments):
    transform = Asr(**{"calibration": 20.0, **arguments})
    transform.start(info or stream(samples.shape[1]), first)
    return through(transform, samples, clock(len(samples)), lengths, breaks)[0]


def decibels(signal, left):
    return 10 * np.log10((signal.astype(np.float64) ** 2).mean() / (left.astype(np.float64) ** 2).mean())


def test_a_burst_is_reduced_by_more_than_10_db_and_the_background_kept():
    clean = background(40)
    samples, burst = burst_of(clean, 30 * SECOND)
    out = mended(samples)
    caught = slice(30 * SECOND + SECOND // 2, 32 * SECOND)
    assert decibels(burst[caught], (out - clean)[caught]) > 10
    kept = [np.corrcoef(out[caught, i], clean[caught, i])[0, 1] for i in range(16)]
    spoilt = [np.corrcoef(samples[caught, i], clean[caught, i])[0, 1] for i in range(16)]
    assert np.median(kept) > 0.9 > 0.5 > np.median(spoilt)
    away = np.ones(len(clean), bool)
    away[: 20 * SECOND] = away[30 * SECOND : 33 * SECOND] = False
    assert out[away].tobytes() == samples[away].tobytes(), "what is clean passes bit for bit"
    background_kept = slice(20 * SECOND, 30 * SECOND), caught, slice(33 * SECOND, None)
    for part in background_kept:
        assert np.corrcoef(out[part].ravel(), clean[part].ravel())[0, 1] > 0.95


def test_with_lookahead_the_onset_is_caught_too_and_times_say_when_it_happened():
    clean = background(40)
    samples, burst = burst_of(clean, 30 * SECOND + 7)
    burst_time = slice(30 * SECOND + 7, 32 * SECOND + 7)
    transform = Asr(calibration=20.0, lookahead=0.25)
    transform.start(stream(16))
    assert transform.delay_seconds == 0.25
    delayed, times = through(transform, samples, clock(len(samples)), [50])
    np.testing.assert_allclose(times, clock(len(samples)) - 0.25)
    lag = round(0.25 * RATE)
    out = np.vstack([delayed[lag:], samples[-lag:]])
    assert decibels(burst[burst_time], (out - clean)[burst_time]) > 10
    assert np.corrcoef(out[burst_time].ravel(), clean[burst_time].ravel())[0, 1] > 0.95
    prompt = mended(samples)
    waited_db, prompt_db = (decibels(burst[burst_time], (x - clean)[burst_time]) for x in (out, prompt))
    assert waited_db > prompt_db + 3


def test_no_more_than_most_dimensions_are_reconstructed():
    samples = background(20).astype(np.float64)
    windows = np.array([np.cov(window.T, bias=True) for window in np.split(samples, 40)])
    calibration = Calibration(windows, 7.0)
    assert calibration.reconstruction(windows[3], 10) is None
    for most in (1, 4, 10):
        matrix = calibration.reconstruction(1e4 * windows[3], most)
        assert matrix is not None
        assert np.linalg.matrix_rank(matrix, tol=1e-8) == 16 - most
        np.testing.assert_allclose(matrix @ matrix, matrix, atol=1e-8)  # a projection: what is kept stays


def test_a_reconstruction_is_mullens_formula():
    samples = background(20, 6, 6).astype(np.float64)
    windows = np.array([np.cov(window.T, bias=True) for window in np.split(samples, 40)])
    calibration = Calibration(windows, 7.0)
    rng = np.random.default_rng(0)
    direction = rng.standard_normal(6)
    window = windows[0] + 1e6 * np.outer(direction, direction)
    values, vectors = np.linalg.eigh(calibration.covariance)
    mixing = vectors * np.sqrt(values) @ vectors.T
    _, axes = np.linalg.eigh(window)
    kept = np.diag([1.0] * 5 + [0.0])
    expected = mixing @ np.linalg.pinv(kept @ axes.T @ mixing) @ axes.T
    np.testing.assert_allclose(calibration.reconstruction(window, 3), expected, atol=1e-6)


def test_the_calibration_passes_and_the_future_does_not_matter():
    samples, _ = burst_of(background(30), 5 * SECOND)
    other = samples.copy()
    other[25 * SECOND :] *= 50
    out = mended(samples)
    assert out[: 20 * SECOND].tobytes() == samples[: 20 * SECOND].tobytes()
    assert out[: 25 * SECOND].tobytes() == mended(other)[: 25 * SECOND].tobytes()


def test_artefacts_in_the_calibration_do_not_hide_later_ones():
    clean = background(40)
    samples, _ = burst_of(clean, 30 * SECOND)
    for second in (2, 6, 11, 15):
        samples, _ = burst_of(samples, second * SECOND, 1.0, 2000.0, seed=second)
    out = mended(samples)
    caught = slice(30 * SECOND + SECOND // 2, 32 * SECOND)
    assert decibels((samples - clean)[caught], (out - clean)[caught]) > 10


def test_rank_deficient_data_are_mended_within_their_rank():
    clean = background(40, 16)
    clean[:, 7] = 0.0
    others = np.delete(np.arange(16), 7)
    clean[:, others] -= clean[:, others].mean(axis=1, keepdims=True)
    samples, _ = burst_of(clean, 30 * SECOND)
    samples[:, 7] = 0.0
    samples[:, others] -= samples[:, others].mean(axis=1, keepdims=True)
    out = mended(samples)
    caught = slice(30 * SECOND + SECOND // 2, 32 * SECOND)
    assert decibels((samples - clean)[caught], (out - clean)[caught]) > 10
    assert not out[:, 7].any()
    assert np.abs(out[caught].sum(axis=1)).max() < 0.01


def test_other_channels_pass_and_silence_first_is_no_calibration():
    samples, _ = burst_of(background(60, 8), 50 * SECOND)
    samples[: 10 * SECOND] = 0.0
    kinds = ["eeg", "stim", "eeg", "eog", "eeg", "eeg", "eeg", "eeg"]
    info = StreamInfo("s", RATE, tuple(Channel(f"C{i}", k) for i, k in enumerate(kinds)), bads=frozenset({"C7"}))
    out = mended(samples, info)
    np.testing.assert_array_equal(out[:, [1, 3, 7]], samples[:, [1, 3, 7]])
    alone = mended(samples[:, [0, 2, 4, 5, 6]])
    np.testing.assert_array_equal(out[:, [0, 2, 4, 5, 6]], alone)
    assert alone[: 30 * SECOND].tobytes() == np.ascontiguousarray(samples[: 30 * SECOND, [0, 2, 4, 5, 6]]).tobytes()
    assert (out[51 * SECOND : 52 * SECOND] != samples[51 * SECOND : 52 * SECOND])[:, [0, 2, 4, 5, 6]].mean() > 0.9


def test_blinks_of_a_real_recording_are_reduced_and_the_rest_is_kept(data_dir):
    """64 channels with open eyes, average reference; blinks are most of what Fp1, Fpz and Fp2 see."""
    raw = mne.io.read_raw_edf(data_dir / "eegmmidb_S001" / "S001R01.edf", preload=True, verbose="error")
    info = stream(64)
    samples = (1e6 * raw.get_data().T).astype(np.float32)
    for step in (HighPass(1.0), ReReference()):
        step.start(info)
        samples = step.transform(samples, clock(len(samples)))[0].copy()
    frontal = [raw.ch_names.index(name) for name in ("Fp1.", "Fpz.", "Fp2.")]
    high = np.abs(samples[:, frontal]).mean(axis=1)
    late = np.arange(len(samples)) >= 31 * SECOND
    blinks = late & (np.convolve(high > 150, np.ones(81), "same") > 0)
    quiet = late & (np.convolve(high > 100, np.ones(161), "same") == 0)
    assert blinks.sum() > 3 * SECOND and quiet.sum() > 15 * SECOND
    prompt = mended(samples, calibration=30.0)
    waited = mended(samples, calibration=30.0, lookahead=0.25)
    waited = np.vstack([waited[40:], samples[-40:]])
    for out, reduced in ((prompt, 3.0), (waited, 9.0)):
        assert decibels(samples[blinks][:, frontal], out[blinks][:, frontal]) > reduced
        kept = [np.corrcoef(samples[quiet, i], out[quiet, i])[0, 1] for i in range(64)]
        assert np.median(kept) > 0.98
        assert (out != samples).any(axis=1)[quiet].mean() < 0.1


@settings(max_examples=20, deadline=None)
@given(
    lengths=chunkings(),
    first_index=st.integers(0, 10**9),
    breaks=st.sets(st.integers(1, 2399), max_size=2),
    keep=st.booleans(),
    lookahead=st.sampled_from([0.0, 0.05, 0.2]),
)
def test_the_output_does_not_depend_on_chunks(lengths, first_index, breaks, keep, lookahead):
    samples = noise(2400, 5)
    samples[1300:1400, :2] *= 30
    samples[2200:2300, 3] *= 30
    options = {"window": 0.2, "step": 0.1, "calibration": 4.0, "keep_over_gaps": keep, "lookahead": lookahead}
    options |= {"first": first_index, "breaks": sorted(breaks)}
    once = mended(samples, lengths=[1], **options)
    assert mended(samples, lengths=lengths, **options).tobytes() == once.tobytes()
    if not breaks and not lookahead:
        assert once.tobytes() != samples.tobytes()


def test_what_was_learnt_may_outlive_a_gap():
    clean = background(40)
    samples, burst = burst_of(clean, 30 * SECOND)
    caught = slice(30 * SECOND + SECOND // 2, 32 * SECOND)
    forgets, keeps = (mended(samples, breaks=[25 * SECOND], keep_over_gaps=keep) for keep in (False, True))
    assert forgets[25 * SECOND :].tobytes() == samples[25 * SECOND :].tobytes()
    assert decibels(burst[caught], (keeps - clean)[caught]) > 10


def test_the_densest_half_is_not_moved_by_a_third_to_one_side():
    rng = np.random.default_rng(0)
    values = np.concatenate([rng.normal(10, 2, 2000), rng.uniform(20, 90, 1000)])[:, None]
    middle, spread = densest_half(values)
    assert middle[0] == pytest.approx(10, abs=1.0)
    assert 2 < spread[0] < 3.6
    assert np.median(np.abs(values - np.median(values))) * 1.4826 > 1.2 * spread[0]
    assert np.median(values) - 10 > 2 * abs(middle[0] - 10)


def test_it_keeps_the_contract_of_a_transform():
    refuses = [stream(1), StreamInfo("s", RATE, (Channel("E", "eog"), Channel("F", "eog"))), stream(rate=2.0)]
    check_transform(Asr, refuses=refuses)
    report = check_transform(lambda: Asr(window=0.2, step=0.1, calibration=4.0, lookahead=0.1), n_samples=4000)
    assert report.delay_seconds == 0.1
    assert isinstance(Asr(), Transform)
    assert Asr().settle_seconds == 30.0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"cutoff": 0}, r"^cutoff = 0: must be a number of standard deviations above 0"),
        ({"max_dims": 1.5}, r"^max_dims = 1.5: must be at most 1"),
        ({"step": 0.6}, r"^step = 0.6: must be at most the window, 0.5 s"),
        ({"calibration": 5}, r"^calibration = 5: must be at least 10 s, 20 windows"),
        ({"lookahead": 0.6}, r"^lookahead = 0.6: must be at most the window, 0.5 s"),
        ({"keep_over_gaps": 0}, r"^keep_over_gaps = 0: must be true or false"),
    ],
)
def test_what_cannot_be_is_refused(arguments, message):
    with pytest.raises(TransformError, match=message):
        Asr(**arguments)
