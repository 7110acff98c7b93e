from __future__ import annotations

from dataclasses import replace

import mne
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtbci.errors import TransformError
from rtbci.interfaces import Transform
from rtbci.testing.transform import check_transform
from rtbci.transforms.filters import BandPass
from rtbci.transforms.recentre import METRICS, Recentre
from rtbci.transforms.spatial import ReReference
from rtbci.types import Channel, StreamInfo
from tests.transforms.streams import RATE, chunkings, clock, noise, stream, through

WINDOW = int(RATE)
"""Samples in the windows of these tests, 1 s."""


def mixed(n, n_channels=5, seed=0):
    """Correlated noise with a condition number of about 10^4."""
    rng = np.random.default_rng(seed)
    mixing = rng.standard_normal((n_channels, n_channels)) * np.geomspace(30, 0.5, n_channels)
    return (rng.standard_normal((n, n_channels)) @ mixing.T).astype(np.float32)


def recentred(samples, info=None, first=0, lengths=(97,), breaks=(), **arguments):
    transform = Recentre(**{"window": 1.0, "shrinkage": 0.0, **arguments})
    transform.start(info or stream(samples.shape[1]), first)
    return through(transform, samples, clock(len(samples)), lengths, breaks)[0]


def covariances(samples):
    windows = samples.astype(np.float64).reshape(-1, WINDOW, samples.shape[1])
    return np.array([np.cov(window.T, bias=True) for window in windows])


def inverse_root(matrix):
    values, vectors = np.linalg.eigh(matrix)
    return vectors / np.sqrt(values) @ vectors.T


def mean_until(k, past, metric):
    """The mean of the first ``k`` covariances, by pyRiemann or from the definition."""
    from pyriemann.geometry.geodesic import geodesic_riemann
    from pyriemann.geometry.mean import mean_logeuclid

    if metric == "euclid":
        return past[:k].mean(axis=0)
    if metric == "logeuclid":
        return mean_logeuclid(past[:k])
    mean = past[0]
    for n in range(2, k + 1):
        mean = geodesic_riemann(mean, past[n - 1], 1 / n)
    return mean


@pytest.mark.parametrize("metric", METRICS)
def test_a_window_is_whitened_by_the_mean_of_those_that_ended_before_it(metric):
    samples = mixed(6 * WINDOW)
    out = recentred(samples, metric=metric)
    past = covariances(samples)
    for k in range(1, 6):
        part = slice(k * WINDOW, (k + 1) * WINDOW)
        expected = samples[part].astype(np.float64) @ inverse_root(mean_until(k, past, metric))
        np.testing.assert_allclose(out[part], expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("metric", METRICS)
def test_what_comes_out_has_a_covariance_near_the_identity(metric):
    samples = mixed(60 * WINDOW)
    out = recentred(samples, metric=metric)[20 * WINDOW :]
    np.testing.assert_allclose(np.cov(out.T), np.eye(5), atol=0.1)


def test_the_future_does_not_matter():
    samples = mixed(5 * WINDOW)
    other = samples.copy()
    other[3 * WINDOW + 50 :] *= -100
    same = recentred(samples)[: 3 * WINDOW + 50].tobytes() == recentred(other)[: 3 * WINDOW + 50].tobytes()
    assert same


@settings(max_examples=30, deadline=None)
@given(
    lengths=chunkings(),
    metric=st.sampled_from(METRICS),
    first_index=st.integers(0, 10**9),
    breaks=st.sets(st.integers(1, 899), max_size=2),
    keep=st.booleans(),
)
def test_the_output_does_not_depend_on_chunks(lengths, metric, first_index, breaks, keep):
    samples = mixed(900, seed=3)
    samples[300:500, 2] = 4.0
    options = {"metric": metric, "window": 0.4, "keep_over_gaps": keep, "first": first_index, "breaks": sorted(breaks)}
    assert (
        recentred(samples, lengths=lengths, **options).tobytes() == recentred(samples, lengths=[1], **options).tobytes()
    )


@pytest.mark.parametrize("metric", METRICS)
def test_it_keeps_the_contract_of_a_transform(metric):
    report = check_transform(lambda: Recentre(window=0.5, metric=metric), refuses=[stream(100, rate=250.0)])
    assert report.delay_seconds == 0.0
    assert isinstance(Recentre(), Transform)


def test_whitened_channels_have_no_unit_and_others_pass_as_they_are():
    kinds = ["eeg", "eog", "eeg", "stim", "eeg", "eeg"]
    info = StreamInfo("s", RATE, tuple(Channel(f"C{i}", k) for i, k in enumerate(kinds)), bads=frozenset({"C5"}))
    transform = Recentre(window=1.0, shrinkage=0.0)
    out_info = transform.start(info)
    assert [c.unit for c in out_info.channels] == ["a.u.", "uV", "a.u.", "uV", "a.u.", "uV"]
    assert replace(out_info, channels=info.channels) == info
    samples = mixed(4 * WINDOW, 6)
    samples[:, 5] *= 1e4
    out, _ = transform.transform(samples, clock(len(samples)))
    np.testing.assert_array_equal(out[:, [1, 3, 5]], samples[:, [1, 3, 5]])
    alone = recentred(samples[:, [0, 2, 4]])
    np.testing.assert_array_equal(out[:, [0, 2, 4]], alone)


def test_until_the_first_window_has_ended_one_number_scales_all_channels():
    samples = mixed(WINDOW + 10)
    samples[:] -= samples[0]
    out = recentred(samples)
    power = np.cumsum((samples.astype(np.float64) ** 2).mean(axis=1)) / np.arange(1, len(samples) + 1)
    assert not out[0].any()
    np.testing.assert_allclose(out[1:WINDOW], samples[1:WINDOW] / np.sqrt(power[1:WINDOW, None]), rtol=1e-5)


@pytest.mark.parametrize("metric", METRICS)
def test_directions_without_signal_come_out_as_nothing(metric):
    samples = mixed(8 * WINDOW, 6)
    samples[:, 4] = 0.0
    samples -= np.where(np.arange(6) == 4, 0, samples.sum(axis=1, keepdims=True) / 5).astype(np.float32)  # a reference
    out = recentred(samples, metric=metric)[2 * WINDOW :]
    assert not out[:, 4].any()
    assert np.abs(out.sum(axis=1)).max() < 1e-4
    values = np.linalg.eigvalsh(np.cov(out.T))
    assert (np.abs(values[:2]) < 1e-9).all()
    np.testing.assert_allclose(values[2:], 1.0, atol=0.35)


def test_silence_is_no_reference():
    samples = mixed(6 * WINDOW)
    samples[: 3 * WINDOW] = 17.0
    out = recentred(samples)
    assert np.isfinite(out).all()
    assert not out[: 3 * WINDOW].any()
    assert out[4 * WINDOW :].tobytes() == recentred(samples[3 * WINDOW :])[WINDOW:].tobytes()


def test_a_channel_that_went_flat_leaves_the_reference_alone_and_may_come_back():
    samples = mixed(20 * WINDOW)
    samples[8 * WINDOW : 14 * WINDOW, 1] = 0.0
    out = recentred(samples, memory=30.0)
    assert np.abs(out[2 * WINDOW :]).max() < 50
    part = slice(16 * WINDOW, None)
    np.testing.assert_allclose(np.cov(out[part].T), np.eye(5), atol=0.4)


def test_a_channel_that_stays_flat_is_left_out_after_the_memory_and_taken_in_when_it_comes_back():
    samples = mixed(24 * WINDOW)
    samples[6 * WINDOW : 16 * WINDOW, 1] = 0.0
    out = recentred(samples, memory=4.0)
    flat = np.cov(out[11 * WINDOW : 16 * WINDOW].T)
    np.testing.assert_allclose(np.delete(np.delete(flat, 1, 0), 1, 1), np.eye(4), atol=0.4)
    assert not flat[1].any()
    assert not out[16 * WINDOW : 17 * WINDOW, 1].any(), "what the reference does not know is not amplified"
    np.testing.assert_allclose(np.cov(out[18 * WINDOW :].T), np.eye(5), atol=0.5)


@pytest.mark.parametrize("metric", METRICS)
def test_the_mean_tracks_a_change_once_its_memory_is_full(metric):
    samples = mixed(60 * WINDOW)
    samples[20 * WINDOW :] *= 4.0
    short = recentred(samples, metric=metric, memory=5.0)[-5 * WINDOW :]
    long = recentred(samples, metric=metric, memory=1000.0)[-5 * WINDOW :]
    assert np.cov(short.T).trace() / 5 == pytest.approx(1.0, abs=0.15)
    assert np.cov(long.T).trace() / 5 > 1.2


def test_artefacts_can_be_left_out():
    clean = mixed(12 * WINDOW)
    samples = clean.copy()
    samples[5 * WINDOW : 6 * WINDOW] *= 20.0
    for metric in METRICS:
        expected = recentred(np.delete(clean, slice(5 * WINDOW, 6 * WINDOW), axis=0), metric=metric)
        frozen = recentred(samples, metric=metric, freeze=10.0)
        assert frozen[7 * WINDOW :].tobytes() == expected[6 * WINDOW :].tobytes()
        assert (
            np.cov(recentred(samples, metric=metric)[7 * WINDOW :].T).trace()
            < 0.9 * np.cov(frozen[7 * WINDOW :].T).trace()
        )


def test_a_signal_that_stays_strong_is_no_artefact():
    samples = mixed(30 * WINDOW)
    samples[10 * WINDOW :] *= 20.0
    out = recentred(samples, freeze=10.0, memory=5.0)
    assert np.cov(out[20 * WINDOW :].T).trace() / 5 == pytest.approx(1.0, abs=0.2)


def test_what_was_learnt_may_outlive_a_gap():
    samples = mixed(9 * WINDOW)
    place = 5 * WINDOW + 30
    before, kept = (recentred(samples, breaks=[place], keep_over_gaps=keep) for keep in (False, True))
    fresh = recentred(samples[place:], first=place)
    assert before[place:].tobytes() == fresh.tobytes()
    whole = recentred(samples)
    assert kept[: 6 * WINDOW].tobytes() == whole[: 6 * WINDOW].tobytes()
    assert np.cov(kept[place:].T).trace() / 5 == pytest.approx(1.0, abs=0.15)


def test_it_says_how_much_signal_it_needs():
    assert Recentre().settle_seconds == 20.0
    assert Recentre(window=1.0, memory=4.0).settle_seconds == 4.0


def test_real_sessions_resemble_each_other_afterwards(data_dir):
    """The same rest, and what another cap with another gain and mixture would have seen: 64 channels, average reference."""
    rng = np.random.default_rng(0)
    mixing = np.eye(64) + 0.1 * rng.standard_normal((64, 64))
    raw = mne.io.read_raw_edf(data_dir / "eegmmidb_S001" / "S001R01.edf", preload=True, verbose="error")
    samples = (1e6 * raw.get_data().T).astype(np.float32)
    steps = [BandPass(8.0, 30.0), ReReference()]
    spectra = []
    for session in (samples, (3.0 * samples @ mixing.T).astype(np.float32)):
        info = stream(64)
        for step in (*steps, Recentre(window=2.0, shrinkage=0.0)):
            info = step.start(info)
            session = step.transform(session, clock(len(session)))[0].copy()
            values = np.linalg.eigvalsh(np.cov(session[25 * WINDOW :].T))
            spectra.append(values[1:])  # the average reference takes one dimension away
        assert abs(values[0]) < 1e-9
    _, first, first_after, _, second, second_after = spectra
    assert np.log(first / second).mean() < -1.5
    assert np.abs(np.log(first_after / second_after)).max() < 0.2
    assert np.abs(np.log(first_after)).mean() < 0.5
    assert np.log(first).std() > 3 * np.log(first_after).std()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"window": 0}, r"^window = 0: must be a duration in seconds above 0"),
        ({"memory": 1.0, "window": 2.0}, r"^memory = 1.0: must be at least one window, 2 s"),
        ({"metric": "wasserstein"}, r'^metric = "wasserstein": must be one of riemann, logeuclid, euclid'),
        ({"shrinkage": 1.0}, r"^shrinkage = 1.0: must be below 1"),
        ({"shrinkage": -0.1}, r"^shrinkage = -0.1: must be a share"),
        ({"freeze": 0.5}, r"^freeze = 0.5: must be 0 \(off\) or above 1"),
        ({"keep_over_gaps": 1}, r"^keep_over_gaps = 1: must be true or false"),
    ],
)
def test_what_cannot_be_is_refused(arguments, message):
    with pytest.raises(TransformError, match=message):
        Recentre(**arguments)


def test_a_window_that_is_too_short_for_the_channels_is_refused():
    with pytest.raises(
        TransformError, match=r"^window = 0.5: has 80 samples at 160 Hz for 64 channels; at least 0.8 s"
    ):
        Recentre(window=0.5).start(stream(64))
    with pytest.raises(TransformError, match="start"):
        Recentre().transform(noise(3), clock(3))
