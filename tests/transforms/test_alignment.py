from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import null_space
from sklearn.covariance import OAS, LedoitWolf

from rtbci.calibration import Calibration, Places, Signal
from rtbci.errors import TransformError
from rtbci.interfaces import Calibrates, Transform
from rtbci.testing.transform import check_transform
from rtbci.transforms.alignment import EuclideanAlignment
from rtbci.transforms.calibrated import BLOCK
from rtbci.transforms.mvnn import Mvnn
from rtbci.transforms.recentre import Recentre
from rtbci.transforms.spd import span
from rtbci.types import Channel, StreamInfo
from tests.transforms.streams import RATE, chunkings, clock, stream, through

WINDOW = int(RATE)
"""Samples in the windows of these tests, 1 s."""
BOTH = [EuclideanAlignment, Mvnn]
ESTIMATORS = {"lwf": LedoitWolf, "oas": OAS}


def mixed(n, n_channels=5, seed=0, offset=0.0):
    """Correlated noise with a condition number of about 10^4."""
    rng = np.random.default_rng(seed)
    mixing = rng.standard_normal((n_channels, n_channels)) * np.geomspace(30, 0.5, n_channels)
    return (offset + rng.standard_normal((n, n_channels)) @ mixing.T).astype(np.float32)


def calibration_of(samples, n_samples=WINDOW, hop=40, per_trial=7, classes=(0, 1, 1)):
    """Trials of ``per_trial`` windows that begin ``hop`` samples after each other, one trial after the other."""
    span = n_samples + (per_trial - 1) * hop
    trials = np.arange(len(samples) // span)
    start = (trials[:, None] * span + np.arange(per_trial) * hop).ravel()
    trial = np.repeat(trials, per_trial)
    label = np.array(classes)[trial % len(classes)]
    places = Places(np.zeros(len(start), np.int64), start, start, start, label, trial)
    alone = Calibration.of_windows(stream(samples.shape[1]), np.zeros((1, samples.shape[1], n_samples)), [0], "ab")
    return replace(alone, signals=(Signal(samples, "made up"),), places=places)


def calibrated(make, calibration, **arguments):
    transform = make(**{"window": 1.0, **arguments})
    transform.calibrate(calibration)
    return transform


def whitened(transform, samples, info=None, first=0, lengths=(97,), breaks=()):
    transform.start(info or stream(samples.shape[1]), first)
    return through(transform, samples, clock(len(samples)), lengths, breaks)[0]


def inverse_root(matrix):
    values, vectors = np.linalg.eigh(matrix)
    return vectors / np.sqrt(values) @ vectors.T


def second_moment(window):
    return window.T.astype(np.float64) @ window.astype(np.float64) / len(window)


def shrunk_by(estimator, window):
    return ESTIMATORS[estimator]().fit(window.astype(np.float64)).covariance_


def taken(make, window):
    """What the method takes of a window (n_samples, n_channels), written down once more."""
    return second_moment(window) if make is EuclideanAlignment else shrunk_by("lwf", window)


def test_euclidean_alignment_makes_the_mean_of_the_calibration_the_identity():
    samples = mixed(40 * WINDOW, offset=3.0)
    calibration = calibration_of(samples)
    assert len(calibration) > BLOCK
    transform = calibrated(EuclideanAlignment, calibration, memory=0)
    assert "windows" not in calibration.__dict__, "the whole stack may be larger than memory"
    windows = [samples[k : k + WINDOW] for k in calibration.places.start]
    mean = np.mean([second_moment(window) for window in windows], axis=0)
    np.testing.assert_allclose(transform.arrays()["mean"], mean, rtol=1e-12, atol=1e-9)
    out = whitened(transform, samples)
    np.testing.assert_allclose(out, samples @ inverse_root(mean), rtol=1e-4, atol=1e-5)
    after = np.mean([second_moment(out[k : k + WINDOW]) for k in calibration.places.start], axis=0)
    np.testing.assert_allclose(after, np.eye(5), atol=1e-4)


@pytest.mark.parametrize("estimator", sorted(ESTIMATORS))
def test_noise_normalisation_takes_the_mean_over_classes_of_shrunk_covariances_of_epochs_that_do_not_overlap(estimator):
    samples = mixed(40 * WINDOW, offset=300.0)
    calibration = calibration_of(samples)  # of seven windows, 40 samples apart, the first and the fifth
    shuffled = np.random.default_rng(1).permutation(len(calibration))
    transform = calibrated(Mvnn, calibration.only(shuffled), memory=0, estimator=estimator)
    per_class = {}
    for trial in np.unique(calibration.trial):
        start = calibration.places.start[calibration.trial == trial]
        epochs = [shrunk_by(estimator, samples[k : k + WINDOW]) for k in (start[0], start[4])]
        per_class.setdefault(calibration.labels[calibration.trial == trial][0], []).extend(epochs)
    assert len(per_class[0]) != len(per_class[1])
    mean = np.mean([np.mean(epochs, axis=0) for epochs in per_class.values()], axis=0)
    np.testing.assert_allclose(transform.arrays()["mean"], mean, rtol=1e-9, atol=1e-9)
    out = whitened(transform, samples)
    np.testing.assert_allclose(out, samples @ inverse_root(mean), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("estimator", sorted(ESTIMATORS))
def test_epochs_of_fewer_samples_than_channels_are_shrunk_as_scikit_learn_does(estimator):
    samples = mixed(40 * WINDOW, n_channels=40)
    calibration = calibration_of(samples, n_samples=25, hop=25, per_trial=2, classes=(0,))
    mean = calibrated(Mvnn, calibration, estimator=estimator).arrays()["mean"]
    epochs = [shrunk_by(estimator, samples[k : k + 25]) for k in calibration.places.start]
    np.testing.assert_allclose(mean, np.mean(epochs, axis=0), rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("make", BOTH)
def test_each_window_moves_the_calibration_by_its_share_of_the_memory(make):
    samples = mixed(20 * WINDOW, offset=2.0)
    fresh = 1.7 * mixed(6 * WINDOW, seed=7, offset=1.0)
    transform = calibrated(make, calibration_of(samples), memory=3.7)
    mean = transform.arrays()["mean"]
    out = whitened(transform, fresh)
    for k in range(6):
        part = fresh[k * WINDOW : (k + 1) * WINDOW]
        expected = part.astype(np.float64) @ inverse_root(mean)
        np.testing.assert_allclose(out[k * WINDOW : (k + 1) * WINDOW], expected, rtol=1e-4, atol=1e-4)
        mean = mean + (taken(make, part) - mean) / 3.7


@pytest.mark.parametrize("make", BOTH)
def test_a_memory_of_nothing_never_moves(make):
    fresh = mixed(5 * WINDOW, seed=7)
    transform = calibrated(make, calibration_of(mixed(20 * WINDOW)), memory=0)
    whole = whitened(transform, fresh, breaks=[3 * WINDOW])
    np.testing.assert_allclose(
        whole, fresh @ inverse_root(transform.arrays()["mean"]), rtol=1e-4, atol=1e-4
    )  # also where a window has ended, and after a gap
    without = whitened(make(window=1.0, memory=0), fresh)
    first = inverse_root(taken(make, fresh[:WINDOW]))
    np.testing.assert_allclose(without[WINDOW:], fresh[WINDOW:] @ first, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("make", BOTH)
def test_without_a_calibration_it_begins_from_nothing_as_recentring_does(make):
    samples = mixed(5 * WINDOW)
    out = whitened(make(window=1.0, memory=3.0), samples)
    other = whitened(Recentre(window=1.0, memory=3.0), samples)
    assert out[:WINDOW].tobytes() == other[:WINDOW].tobytes()
    past = [taken(make, samples[k * WINDOW : (k + 1) * WINDOW]) for k in range(5)]
    mean = past[0]
    for k in range(1, 5):
        part = slice(k * WINDOW, (k + 1) * WINDOW)
        np.testing.assert_allclose(out[part], samples[part] @ inverse_root(mean), rtol=1e-4, atol=1e-4)
        mean = mean + (past[k] - mean) / min(k + 1, 3)


@pytest.mark.parametrize("make", BOTH)
def test_artefacts_can_be_left_out(make):
    calibration = calibration_of(mixed(20 * WINDOW))
    clean = mixed(8 * WINDOW, seed=5)
    samples = clean.copy()
    samples[4 * WINDOW : 5 * WINDOW] *= 20.0
    options = {"memory": 6.0}
    expected = whitened(calibrated(make, calibration, **options), np.delete(clean, slice(4 * WINDOW, 5 * WINDOW), 0))
    frozen = whitened(calibrated(make, calibration, freeze=10.0, **options), samples)
    moved = whitened(calibrated(make, calibration, **options), samples)
    assert frozen[5 * WINDOW :].tobytes() == expected[4 * WINDOW :].tobytes()
    assert np.cov(moved[5 * WINDOW :].T).trace() < 0.5 * np.cov(frozen[5 * WINDOW :].T).trace()


@pytest.mark.parametrize("make", BOTH)
def test_a_signal_that_stays_strong_is_no_artefact(make):
    samples = 20.0 * mixed(30 * WINDOW, seed=5)
    calibration = calibration_of(mixed(20 * WINDOW))
    frozen, moved = (whitened(calibrated(make, calibration, freeze=f, memory=5.0), samples) for f in (10.0, 0.0))
    assert (
        frozen[: 5 * WINDOW].tobytes()
        == whitened(calibrated(make, calibration, memory=0), samples[: 5 * WINDOW]).tobytes()
    )
    expected = np.cov(moved[20 * WINDOW :].T).trace()
    assert np.cov(frozen[20 * WINDOW :].T).trace() == pytest.approx(expected, rel=0.1)


@pytest.mark.parametrize("make", BOTH)
def test_after_missing_samples_it_is_what_it_was_calibrated_with(make):
    calibration = calibration_of(mixed(20 * WINDOW))
    samples = 3.0 * mixed(9 * WINDOW, seed=5)
    place = 5 * WINDOW + 30
    forgot, kept = (
        whitened(calibrated(make, calibration, memory=4.0, keep_over_gaps=keep), samples, breaks=[place])
        for keep in (False, True)
    )
    fresh = whitened(calibrated(make, calibration, memory=4.0), samples[place:], first=place)
    assert forgot[place:].tobytes() == fresh.tobytes()
    whole = whitened(calibrated(make, calibration, memory=4.0), samples)
    assert kept[: 7 * WINDOW].tobytes() != whole[: 7 * WINDOW].tobytes(), "the window under way spans the gap"
    assert kept[: 6 * WINDOW].tobytes() == whole[: 6 * WINDOW].tobytes()
    at_first = slice(place, 7 * WINDOW)
    assert np.cov(forgot[at_first].T).trace() > 1.5 * np.cov(kept[at_first].T).trace()


@pytest.mark.parametrize("make", BOTH)
def test_directions_without_signal_come_out_as_nothing(make):
    def referenced(seed):
        samples = mixed(20 * WINDOW, 6, seed)
        samples[:, 4] = 0.0
        return samples - np.where(np.arange(6) == 4, 0, samples.sum(axis=1, keepdims=True) / 5).astype(np.float32)

    out = whitened(calibrated(make, calibration_of(referenced(0)), memory=10.0), referenced(0))
    assert not out[:, 4].any()
    assert np.abs(out.sum(axis=1)).max() < 1e-4
    values = np.linalg.eigvalsh(np.cov(out.T))
    assert (np.abs(values[:2]) < 1e-9).all()
    assert (values[2:] > 0.02).all() and values[-1] == pytest.approx(1.0, abs=0.1)  # shrinkage leaves weak ones weaker
    if make is EuclideanAlignment:
        np.testing.assert_allclose(values[2:], 1.0, atol=0.1)


@pytest.mark.parametrize("estimator", sorted(ESTIMATORS))
def test_rank_deficient_epochs_are_shrunk_within_their_rank(estimator):
    samples = mixed(20 * WINDOW).astype(np.float64)
    samples = (samples - samples.mean(axis=1, keepdims=True)).astype(np.float32)
    calibration = calibration_of(samples, hop=WINDOW, classes=(0,))
    basis = null_space(np.ones((1, 5)))
    epochs = [shrunk_by(estimator, samples[k : k + WINDOW] @ basis) for k in calibration.places.start]
    mean = calibrated(Mvnn, calibration, estimator=estimator).arrays()["mean"]
    np.testing.assert_allclose(mean, basis @ np.mean(epochs, axis=0) @ basis.T, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("make", BOTH)
def test_a_channel_that_was_flat_in_the_calibration_comes_out_as_nothing_and_the_others_track(make):
    flat, samples = mixed(20 * WINDOW), mixed(8 * WINDOW, seed=3)
    flat[:, 1] = 0.0
    out = whitened(calibrated(make, calibration_of(flat), memory=6.0), samples)
    assert not out[:, 1].any()
    others = [0, 2, 3, 4]
    without = whitened(
        calibrated(make, calibration_of(np.ascontiguousarray(flat[:, others])), memory=6.0),
        np.ascontiguousarray(samples[:, others]),
    )
    np.testing.assert_allclose(out[:, others], without, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("make", BOTH)
def test_while_a_channel_stands_still_the_mean_stays(make):
    calibration = calibration_of(mixed(20 * WINDOW))
    samples = mixed(30 * WINDOW, seed=3)
    samples[5 * WINDOW : 25 * WINDOW, 1] = 17.0 if make is Mvnn else 0.0
    out = whitened(calibrated(make, calibration, memory=6.0), samples)
    never = whitened(calibrated(make, calibration, memory=6.0), np.delete(samples, slice(5 * WINDOW, 25 * WINDOW), 0))
    assert out[25 * WINDOW :].tobytes() == never[5 * WINDOW :].tobytes()


def test_when_dimensions_are_lost_that_windows_had_before_the_mean_stays():
    calibration = calibration_of(mixed(20 * WINDOW))
    samples = mixed(30 * WINDOW, seed=3)
    samples[5 * WINDOW : 25 * WINDOW, 1] = samples[5 * WINDOW : 25 * WINDOW, 0]  # a bridge of gel
    out = whitened(calibrated(EuclideanAlignment, calibration, memory=6.0), samples)
    never = whitened(
        calibrated(EuclideanAlignment, calibration, memory=6.0), np.delete(samples, slice(5 * WINDOW, 25 * WINDOW), 0)
    )
    assert out[25 * WINDOW :].tobytes() == never[5 * WINDOW :].tobytes()


@pytest.mark.parametrize("make", BOTH)
def test_a_narrow_band_whose_windows_do_not_fill_the_span_is_tracked_all_the_same(make):
    n_channels, seconds = 24, 120
    angle = 2 * np.pi * np.arange(seconds * WINDOW)[:, None] / RATE
    rng = np.random.default_rng(2)

    def band(gain):  # from 9 to 11 Hz and nothing else
        frequency = np.linspace(9.0, 11.0, 60)
        waves = np.hstack([np.cos(angle * frequency), np.sin(angle * frequency)])
        return (gain * waves @ rng.standard_normal((120, n_channels))).astype(np.float32)

    calibration = calibration_of(band(1.0), hop=WINDOW, per_trial=2)
    transform = calibrated(make, calibration, memory=20.0)
    assert max(span(np.cov(window)).shape[1] for window in calibration.windows) < n_channels
    out = whitened(transform, band(3.0))
    first, last = (np.cov(part.T).trace() / n_channels for part in (out[:WINDOW], out[-40 * WINDOW :]))
    assert first > 4.0
    assert last == pytest.approx(1.0, abs=0.3)


@settings(max_examples=30, deadline=None)
@given(
    make=st.sampled_from(BOTH),
    lengths=chunkings(),
    first=st.integers(0, 10**9),
    breaks=st.sets(st.integers(1, 899), max_size=2),
    memory=st.sampled_from([0.0, 0.4, 1.3]),
    with_calibration=st.booleans(),
    keep=st.booleans(),
)
def test_the_output_does_not_depend_on_chunks(make, lengths, first, breaks, memory, with_calibration, keep):
    samples = mixed(900, seed=3)
    samples[300:500, 2] = 4.0
    transform = make(window=0.4, memory=memory, freeze=3.0, keep_over_gaps=keep)
    if with_calibration:
        transform.calibrate(calibration_of(mixed(8 * WINDOW)))
    one_by_one, chunked = (
        whitened(transform, samples, first=first, breaks=sorted(breaks), lengths=cut) for cut in ([1], lengths)
    )
    assert chunked.tobytes() == one_by_one.tobytes()


@pytest.mark.parametrize("make", BOTH)
@pytest.mark.parametrize("memory", [0.0, 1.7])
def test_it_keeps_the_contract_of_a_transform_that_calibrates(make, memory):
    report = check_transform(lambda: make(window=0.5, memory=memory), refuses=[stream(100, rate=250.0)])
    assert report.delay_seconds == 0.0
    assert isinstance(make(), Transform) and isinstance(make(), Calibrates)


@pytest.mark.parametrize("make", BOTH)
def test_the_future_does_not_matter(make):
    transform = calibrated(make, calibration_of(mixed(20 * WINDOW)))
    samples = mixed(5 * WINDOW)
    other = samples.copy()
    other[3 * WINDOW + 50 :] *= -100
    a, b = (whitened(transform, given)[: 3 * WINDOW + 50].tobytes() for given in (samples, other))
    assert a == b


@pytest.mark.parametrize("make", BOTH)
def test_whitened_channels_have_no_unit_and_others_pass_as_they_are(make):
    kinds = ["eeg", "eog", "eeg", "stim", "eeg", "eeg"]
    info = StreamInfo("s", RATE, tuple(Channel(f"C{i}", k) for i, k in enumerate(kinds)), bads=frozenset({"C5"}))
    samples = mixed(20 * WINDOW, 6)
    samples[:, 5] *= 1e4
    transform = calibrated(make, replace(calibration_of(samples), info=info))
    assert transform.arrays()["mean"].shape == (3, 3)
    out_info = transform.start(info)
    assert [c.unit for c in out_info.channels] == ["a.u.", "uV", "a.u.", "uV", "a.u.", "uV"]
    assert replace(out_info, channels=info.channels) == info
    out = whitened(transform, samples, info)
    np.testing.assert_array_equal(out[:, [1, 3, 5]], samples[:, [1, 3, 5]])
    brain = np.ascontiguousarray(samples[:, [0, 2, 4]])
    np.testing.assert_array_equal(out[:, [0, 2, 4]], whitened(calibrated(make, calibration_of(brain)), brain))


@pytest.mark.parametrize("make", BOTH)
def test_it_says_how_much_signal_it_needs(make):
    transform = make(window=1.0, memory=4.0)
    assert (make().settle_seconds, transform.settle_seconds, make(memory=0).settle_seconds) == (20.0, 4.0, 2.0)
    transform.calibrate(calibration_of(mixed(20 * WINDOW)))
    assert transform.settle_seconds == 0.0


@pytest.mark.parametrize("make", BOTH)
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"window": 0}, r"^window = 0: must be a duration in seconds above 0"),
        ({"memory": 1.0, "window": 2.0}, r"^memory = 1.0: must be at least one window, 2 s, or 0 \(it never moves\)"),
        ({"memory": -1}, r"^memory = -1: must be a duration in seconds at least 0"),
        ({"freeze": 0.5}, r"^freeze = 0.5: must be 0 \(off\) or above 1"),
        ({"keep_over_gaps": 1}, r"^keep_over_gaps = 1: must be true or false"),
    ],
)
def test_what_cannot_be_is_refused(make, arguments, message):
    with pytest.raises(TransformError, match=message):
        make(**arguments)


def test_an_estimator_that_there_is_not_is_refused():
    with pytest.raises(TransformError, match=r'^estimator = "scm": must be one of lwf, oas'):
        Mvnn(estimator="scm")


@pytest.mark.parametrize("make", BOTH)
@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({}, r'^the calibration holds none; one array, "mean", would be right$'),
        ({"covariance": np.eye(3)}, r'^the calibration holds covariance; one array, "mean", would be right$'),
        ({"mean": np.eye(3), "more": np.eye(3)}, r"^the calibration holds mean, more; one array"),
        ({"mean": np.ones((3, 4))}, r"has shape \(3, 4\) and dtype float64; \(n_channels, n_channels\) float64"),
        ({"mean": np.zeros((0, 0))}, r"has shape \(0, 0\)"),
        ({"mean": np.eye(3, dtype=np.float32)}, r"has shape \(3, 3\) and dtype float32"),
        ({"mean": np.diag([1.0, np.nan, 1.0])}, r'"mean" is not finite, as every mean of covariances is$'),
        ({"mean": np.diag([1.0, np.inf, 1.0])}, r'"mean" is not finite'),
        ({"mean": np.triu(np.ones((3, 3))) + np.eye(3)}, r'"mean" is not symmetric'),
        ({"mean": np.diag([1.0, -1.0, 1.0])}, r'"mean" is not positive'),
        ({"mean": np.zeros((3, 3))}, r'"mean" is not positive'),
    ],
)
def test_arrays_that_no_calibration_leaves_are_refused(make, arrays, message):
    with pytest.raises(TransformError, match=message) as raised:
        make().restore(arrays)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("make", BOTH)
def test_a_stream_of_other_channels_than_the_calibration_is_refused(make):
    transform = make()
    transform.restore({"mean": np.eye(3)})
    with pytest.raises(
        TransformError, match=r"^the calibration had 3 good channels measured on the brain, the stream has 5; the same"
    ):
        transform.start(stream(5))
    with pytest.raises(TransformError, match=r"the stream has 2"):
        transform.start(replace(stream(3), bads=frozenset({"C1"})))
    transform.start(stream(3))


@pytest.mark.parametrize("make", BOTH)
def test_a_calibration_from_which_nothing_can_be_learnt_is_refused(make):
    calibration = calibration_of(np.zeros((20 * WINDOW, 5), np.float32))
    with pytest.raises(TransformError, match=r"^all channels stand still in the calibration; a recording with signal"):
        make().calibrate(calibration)
    with pytest.raises(TransformError, match=r"^the calibration has no window"):
        make().calibrate(calibration.only(np.arange(0)))
    with pytest.raises(TransformError, match=r"^there is no calibration yet"):
        make().arrays()
    with pytest.raises(TransformError, match=r"^window = 0.1: has 16 samples at 160 Hz for 64 channels"):
        make(window=0.1).start(stream(64))
