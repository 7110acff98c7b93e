"""Augmented covariances: what they are, how order and lag are chosen, and that a live decision is the window's alone."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyriemann.estimation import Covariances
from pyriemann.tangentspace import TangentSpace
from scipy.signal import lfilter
from sklearn.linear_model import LogisticRegression

from rtbci.errors import DecoderError
from rtbci.interfaces import Decoder, KnowsStream, PredictsMany, Saves
from rtbci.testing import check_decoder
from rtbci.types import Channel, StreamInfo, Window
from rtbci_riemann.acm import Acm
from rtbci_riemann.acm_choice import TEST, TRAIN, candidates, choose_by_grid, purged_folds
from rtbci_riemann.acm_embedding import (
    choose_by_embedding,
    enough_dimensions,
    false_neighbours,
    first_minimum,
    mutual_information,
)
from rtbci_riemann.augmented import AugmentedCovariance
from rtbci_riemann.staging import Staging
from rtbci_riemann.tangent import Tangent
from rtbci_riemann.window_overlap import disjoint, n_overlapping, shared_samples
from tests.plugins.test_decoders_on_recordings import edf_run, trial_accuracy, xdf_run


def one(samples: np.ndarray) -> Window:
    return Window(samples, 0, samples.shape[1] - 1, 0.0, 0.0)


def stacked_by_hand(samples: np.ndarray, order: int, lag: int) -> np.ndarray:
    n = samples.shape[1]
    return np.concatenate([samples[:, i * lag : n - (order - 1 - i) * lag] for i in range(order)])


def spectra(n_windows: int, n_channels: int = 3, n_samples: int = 200, seed: int = 0):
    """Windows of two classes with the same covariance: white noise through a recursive filter, slow or fast."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n_windows, dtype=np.int64) % 2
    windows = []
    for label in labels:
        coefficient = 0.6 if label else -0.6
        noise = rng.standard_normal((n_channels, n_samples + 100)) * np.sqrt(1 - coefficient**2)
        windows.append(lfilter([1.0], [1.0, -coefficient], noise, axis=1)[:, 100:])
    return np.array(windows, np.float32), labels


@pytest.mark.parametrize("estimator", ["oas", "lwf", "scm", "cov"])
@settings(max_examples=30, deadline=None)
@given(
    n_channels=st.integers(1, 12),
    order=st.integers(1, 5),
    lag=st.integers(1, 9),
    extra=st.integers(1, 200),
    offset=st.sampled_from([0.0, 3.0, 500.0]),
    seed=st.integers(0, 2**32 - 1),
)
def test_augmented_covariance_is_pyriemanns_of_delayed_copies(estimator, n_channels, order, lag, extra, offset, seed):
    n_samples = order * n_channels + (order - 1) * lag + extra + 1
    rng = np.random.default_rng(seed)
    samples = (rng.standard_normal((n_channels, n_samples)) + offset).astype(np.float32)
    ours = AugmentedCovariance(Staging(n_channels, n_samples), order, lag, estimator).many(samples[None])[0]
    theirs = Covariances(estimator).transform(stacked_by_hand(samples.astype(np.float64), order, lag)[None])[0]
    assert np.linalg.norm(ours - theirs) <= 1e-9 * np.linalg.norm(theirs)
    assert np.array_equal(ours, ours.T)


def test_the_newest_and_the_oldest_sample_count():
    samples = np.random.default_rng(0).standard_normal((2, 60)).astype(np.float32)
    covariance = AugmentedCovariance(Staging(2, 60), 3, 4, "scm")
    before = covariance.many(samples[None])
    for at in (0, -1):
        changed = samples.copy()
        changed[0, at] += 1.0
        assert not np.array_equal(covariance.many(changed[None]), before)


@pytest.mark.parametrize("classifier", ["svm", "lr", "lda"])
def test_order_one_is_the_tangent_decoder(classifier):
    windows, labels = spectra(40)
    windows[labels == 1, 0] *= 1.5
    ours, theirs = Acm(1, 5, classifier=classifier).fit(windows, labels), Tangent(classifier=classifier)
    theirs.fit(windows, labels)
    for window in windows[:5]:
        assert np.allclose(ours.predict(one(window)), theirs.predict(one(window)), rtol=0, atol=1e-8)


def test_probabilities_are_those_of_pyriemann_and_scikit_learn():
    windows, labels = spectra(60)
    decoder = Acm(3, 2, classifier="lr", estimator="lwf").fit(windows[:40], labels[:40])
    augmented = np.array([stacked_by_hand(window.astype(np.float64), 3, 2) for window in windows])
    covariances = Covariances("lwf").transform(augmented)
    space = TangentSpace().fit(covariances[:40])
    fitted = LogisticRegression(max_iter=2000).fit(space.transform(covariances[:40]), labels[:40])
    theirs = fitted.predict_log_proba(space.transform(covariances[40:]))
    ours = np.array([decoder.predict(one(window)) for window in windows[40:]])
    assert np.allclose(ours, theirs, rtol=0, atol=1e-8)


def test_sees_what_an_ordinary_covariance_cannot():
    windows, labels = spectra(120)
    train, test = slice(0, 80), slice(80, 120)
    accuracies = {}
    for name, decoder in (("augmented", Acm(2, 1)), ("ordinary", Tangent())):
        decoder.fit(windows[train], labels[train])
        said = np.array([decoder.predict(one(window)) for window in windows[test]])
        accuracies[name] = float((said.argmax(axis=1) == labels[test]).mean())
    assert accuracies["augmented"] > 0.95
    assert accuracies["ordinary"] < 0.75


def test_offers_all_abilities():
    assert all(isinstance(Acm(), ability) for ability in (Decoder, KnowsStream, Saves, PredictsMany))


@pytest.mark.parametrize(
    "make",
    [
        Acm,
        partial(Acm, 3, 4),
        partial(Acm, 2, lag_ms=12.0, classifier="lr", estimator="lwf"),
        partial(Acm, 2, 3, classifier="lda", estimator="scm"),
        partial(Acm, 2, 3, metric="logeuclid"),
        partial(Acm, choose="grid", orders=[1, 2], lags=[2, 4]),
    ],
    ids=str,
)
def test_contract(make):
    assert check_decoder(make, n_channels=5, n_samples=150).accuracy > 0.8


@settings(max_examples=15, deadline=None)
@given(hop=st.integers(1, 40), first=st.integers(0, 200), n=st.integers(1, 80), seed=st.integers(0, 1000))
def test_many_windows_get_the_bits_of_each_alone(fitted, hop, first, n, seed):
    stream = np.random.default_rng(seed).standard_normal((first + n * hop + 200, 3)).astype(np.float32)
    starts = first + hop * np.arange(n)
    overlapping = np.lib.stride_tricks.sliding_window_view(stream, 200, axis=0)[starts]
    many = fitted.predict_many(overlapping, starts.astype(np.int64))
    for i in (0, n // 2, n - 1):
        alone = np.ascontiguousarray(stream[starts[i] : starts[i] + 200]).T
        assert fitted.predict(one(alone)).tobytes() == many[i].tobytes()


@pytest.fixture(scope="module")
def fitted():
    return Acm(3, 2).fit(*spectra(40))


# ------------------------------------------------------------------ grid


def test_the_grid_finds_the_lag_at_which_classes_differ():
    """The classes differ at lag 1 only by construction: a moving average of two samples, added or subtracted."""
    rng = np.random.default_rng(3)
    labels = np.arange(90, dtype=np.int64) % 2
    noise = rng.standard_normal((90, 2, 206))
    sign = np.where(labels == 1, 1.0, -1.0)[:, None, None]
    windows = (noise[..., 6:] + sign * noise[..., :-6]).astype(np.float32)
    order, lag = choose_by_grid(
        windows, labels, Staging.learn(windows), (1, 2), (1, 3, 6), "oas", "riemann", "svm", 1.0
    )
    assert (order, lag) == (2, 6)


def test_what_the_grid_chose_is_saved_and_readable():
    windows, labels = spectra(60)
    decoder = Acm(choose="grid", orders=[2, 3], lags=[1, 2]).fit(windows, labels)
    copy = Acm(choose="grid", orders=[2, 3], lags=[1, 2])
    copy.restore(decoder.arrays())
    assert (copy.chosen_order, copy.chosen_lag) == (decoder.chosen_order, decoder.chosen_lag)
    assert copy.chosen_order in (2, 3) and copy.chosen_lag in (1, 2)
    assert copy.predict(one(windows[0])).tobytes() == decoder.predict(one(windows[0])).tobytes()


@settings(max_examples=60, deadline=None)
@given(
    lengths=st.lists(st.integers(1, 12), min_size=8, max_size=40),
    n_classes=st.integers(2, 3),
    gap=st.integers(1, 10),
)
def test_folds_split_no_trial_and_keep_their_distance(lengths, n_classes, gap):
    labels = np.repeat(np.arange(len(lengths)) % n_classes, lengths).astype(np.int64)
    trial = np.repeat(np.arange(len(lengths)), lengths)
    try:
        folds = purged_folds(labels, gap)
    except DecoderError as error:
        assert f"{len(lengths)} runs" in str(error)  # noqa: PT017 - a refusal is an answer too, in the right words
        return
    assert (np.sum([sides == TEST for sides in folds], axis=0) == 1).all()
    for sides in folds:
        testing, training = np.flatnonzero(sides == TEST), np.flatnonzero(sides == TRAIN)
        assert np.array_equal(testing, np.arange(testing[0], testing[-1] + 1))
        assert not set(trial[testing]) & set(trial[training])
        assert np.abs(testing[:, None] - training[None, :]).min() > gap
        assert len(np.unique(labels[testing])) == len(np.unique(labels[training])) == n_classes


def test_folds_of_enough_trials_are_three():
    assert len(purged_folds(np.repeat(np.arange(30) % 2, 11).astype(np.int64), 21)) == 3


def test_the_grid_refuses_recordings_with_one_trial_of_each_class():
    windows = spectra(40)[0]
    with pytest.raises(DecoderError, match='choose = "grid": 2 runs of windows'):
        Acm(choose="grid").fit(windows, np.repeat([0, 1], 20).astype(np.int64))


def test_candidates_leave_more_samples_than_rows():
    pairs = candidates(Staging(20, 100), (1, 2, 3, 4, 5), (1, 10, 30))
    assert pairs == [(1, 1), (2, 1), (2, 10), (2, 30), (3, 1), (3, 10), (4, 1)]
    assert candidates(Staging(64, 1000), (1, 2, 3), (4,)) == [(1, 4), (2, 4)]
    with pytest.raises(DecoderError, match=r"orders = \[5\]"):
        candidates(Staging(64, 1000), (5,), (4,))


@settings(max_examples=30, deadline=None)
@given(hop=st.integers(1, 70), n=st.integers(2, 30))
def test_overlap_is_read_off_the_samples(hop, n):
    stream = np.random.default_rng(0).standard_normal((2, 60 + hop * n)).astype(np.float32)
    windows = np.array([stream[:, i * hop : i * hop + 60] for i in range(n)])
    assert shared_samples(windows[0], windows[1]) == max(0, 60 - hop)
    assert n_overlapping(windows) == min(n - 1, -(-60 // hop) - 1)
    assert (np.diff(disjoint(windows)) * hop >= 60).all()


# ------------------------------------------------------------------ embedding


def test_the_lag_of_an_oscillation_is_a_quarter_of_its_period():
    rng = np.random.default_rng(0)
    phase = rng.uniform(0, 2 * np.pi, (1, 60, 1))
    signals = np.sin(2 * np.pi * np.arange(300) / 40 + phase) + 0.1 * rng.standard_normal((1, 60, 300))
    information = mutual_information(signals, 60)
    assert information[0] == pytest.approx(np.log(16), abs=0.01)
    assert 8 <= first_minimum(information) <= 12


def test_samples_that_are_independent_share_no_information():
    signals = np.random.default_rng(0).standard_normal((2, 50, 400))
    assert (mutual_information(signals, 5)[1:] < 0.02).all()


def test_first_minimum_where_there_is_none():
    assert first_minimum(np.array([3.0, 2.0, 1.05, 0.5, 0.2])) == 2
    assert first_minimum(np.array([3.0, 2.9, 2.8, 2.7])) == 3


def test_the_henon_map_has_two_dimensions():
    """Kennel, Brown and Abarbanel 1992, section III: its false neighbours vanish at two."""
    x = [0.1, 0.1]
    for _ in range(6100):
        x.append(1.0 - 1.4 * x[-1] ** 2 + 0.3 * x[-2])
    signals = np.array(x[102:]).reshape(1, 20, 300)
    shares = false_neighbours(signals, 1, 4)
    assert shares[0] > 0.3
    assert (shares[1:] < 0.01).all()
    assert enough_dimensions(shares, (1, 2, 3, 4)) == 2


def test_overlapping_windows_change_nothing_in_the_embedding():
    stream = lfilter([1.0], [1.0, -1.6, 0.8], np.random.default_rng(0).standard_normal((2, 4000)), axis=1)
    apart = np.array([stream[:, i : i + 200] for i in range(0, 3800, 200)], np.float32)
    overlapping = np.array([stream[:, i : i + 200] for i in range(0, 3601, 20)], np.float32)
    chosen = [choose_by_embedding(w, Staging(2, 200), (1, 2, 3, 4, 5, 6)) for w in (apart, overlapping)]
    assert chosen[0] == chosen[1]
    assert chosen[0][0] > 1


# ------------------------------------------------------------------ edges


@pytest.mark.parametrize(
    ("make", "beginning"),
    [
        (partial(Acm, 0, 1), "order = 0: "),
        (partial(Acm, 2, 1.5), "lag = 1.5: "),
        (partial(Acm, 2, lag_ms=-4.0), "lag_ms = -4.0: "),
        (partial(Acm, 2), "order = 2, lag = None, lag_ms = None: "),
        (partial(Acm, 2, 4, lag_ms=16.0), "order = 2, lag = 4, lag_ms = 16.0: "),
        (partial(Acm, 2, 4, choose="grid"), 'choose = "grid": '),
        (partial(Acm, choose="given"), "order = None"),
        (partial(Acm, choose="guess"), 'choose = "guess": '),
        (partial(Acm, orders=[]), "orders = []: "),
        (partial(Acm, lags=[0, 1]), "lags = 0: "),
        (partial(Acm, estimator="ledoit"), 'estimator = "ledoit": '),
        (partial(Acm, classifier="rbf"), 'classifier = "rbf": '),
        (partial(Acm, C=0), "C = 0: "),
        (partial(Acm, metric=3), "metric = 3: "),
    ],
    ids=str,
)
def test_wrong_arguments_are_refused_by_key_and_value(make, beginning):
    with pytest.raises(DecoderError) as raised:
        make()
    assert str(raised.value).startswith(beginning)
    assert "\n" not in str(raised.value)


def test_a_lag_in_milliseconds_follows_the_rate():
    windows, labels = spectra(20)
    decoder = Acm(2, lag_ms=12.0)
    with pytest.raises(DecoderError, match="lag_ms = 12: the rate is not known"):
        decoder.fit(windows, labels)
    for rate, lag in ((250.0, 3), (1000.0, 12)):
        decoder.prepare(StreamInfo("s", rate, tuple(Channel(f"C{i}") for i in range(3))), 200, 2)
        assert decoder.fit(windows, labels).chosen_lag == lag
    decoder.prepare(StreamInfo("s", 20.0, tuple(Channel(f"C{i}") for i in range(3))), 200, 2)
    with pytest.raises(DecoderError, match="less than half a sample at 20 Hz"):
        decoder.fit(windows, labels)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (partial(Acm, 4, 70), "spans 211 samples of a window's 200"),
        (partial(Acm, 60, 1, estimator="scm"), 'estimator = "scm": 141 samples'),
        (partial(Acm, 30, 1, classifier="lda"), 'classifier = "lda": 4095 features'),
    ],
)
def test_what_cannot_be_fitted_is_refused(make, words):
    with pytest.raises(DecoderError, match=words):
        make().fit(*spectra(20))


def test_a_window_of_another_shape_is_refused(fitted):
    with pytest.raises(DecoderError, match=r"4 channels and 200 samples.*3 channels and 200 samples"):
        fitted.predict(one(np.zeros((4, 200), np.float32)))


def test_asked_before_it_is_fitted_says_so():
    for ask in (lambda: Acm().predict(one(np.zeros((3, 200), np.float32))), lambda: Acm().chosen_lag, Acm().arrays):
        with pytest.raises(DecoderError, match="neither fitted nor restored"):
            ask()


@pytest.mark.parametrize("choose", [None, "grid"])
def test_an_average_reference_does_no_harm(choose):
    windows, labels = spectra(60, n_channels=5)
    windows -= windows.mean(axis=1, keepdims=True)
    decoder = Acm(choose=choose).fit(windows, labels)
    assert decoder.arrays()["basis"].shape == (4, 5)
    said = decoder.predict_many(windows, np.zeros(60, np.int64))
    assert (said.argmax(axis=1) == labels).mean() > 0.9


def test_a_flat_window_gets_probabilities(fitted):
    said = fitted.predict(one(np.full((3, 200), 5.0, np.float32)))
    assert np.isfinite(said).all()
    assert np.exp(said).sum() == pytest.approx(1.0)


# ------------------------------------------------------------------ recordings: chance .50, 30 and 15 trials


def test_right_or_left_7_channels(data_dir):
    runs = [xdf_run(path) for path in sorted((data_dir / "mi_errp_xdf_2d").rglob("sub-P002*.xdf"))]
    if not runs:
        pytest.skip(f"no recordings of P002 in {data_dir}")
    decoder = Acm()
    accuracy = trial_accuracy(decoder, runs[:-1], runs[-1])
    print(f"order {decoder.chosen_order}, lag {decoder.chosen_lag}: trial accuracy {accuracy:.3f}")
    assert 1 <= decoder.chosen_lag <= 10  # 40 ms: a quarter of the period of 8 Hz is 31
    assert accuracy >= 0.75


def test_fists_or_feet_64_channels(data_dir):
    folder = data_dir / "eegmmidb_S001"
    if not folder.is_dir():
        pytest.skip(f"no {folder}")
    runs = [edf_run(folder, run) for run in (6, 10, 14)]
    decoder = Acm()
    accuracy = trial_accuracy(decoder, runs[:2], runs[2])
    print(f"order {decoder.chosen_order}, lag {decoder.chosen_lag}: trial accuracy {accuracy:.3f}")
    assert decoder.chosen_order <= 2  # 64 channels: more would not be ready in a hop
    assert accuracy >= 0.8
