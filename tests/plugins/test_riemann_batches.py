"""A batch gives each window the bytes it gets alone, whatever the hop, the rank and the company."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtbci.errors import DecoderError
from rtbci.interfaces import PredictsMany
from rtbci.testing import check_decoder
from rtbci.types import Window
from rtbci_riemann import FgMdm, Mdm, Tangent
from rtbci_riemann.covariance import WindowCovariance
from rtbci_riemann.tangent_classifier import TangentClassifier

MAKES = {
    "mdm": Mdm,
    "mdm lwf": partial(Mdm, estimator="lwf"),
    "mdm logeuclid": partial(Mdm, metric="logeuclid", reg=0.01),
    "mdm euclid": partial(Mdm, metric="euclid", estimator="cov"),
    "fgmdm": FgMdm,
    "tangent": Tangent,
    "tangent eigh": partial(Tangent, logarithm="eigh"),
    "tangent chebyshev": partial(Tangent, logarithm="chebyshev"),
    "tangent lda": partial(Tangent, classifier="lda"),
    "tangent svm": partial(Tangent, classifier="svm"),
    "tangent euclid": partial(Tangent, metric="euclid"),
}


def recording(n_channels: int, n: int, seed: int) -> np.ndarray:
    """(n, n_channels) float32 in uV."""
    rng = np.random.default_rng(seed)
    mixing = np.random.default_rng(n_channels).standard_normal((n_channels, n_channels)) + 3 * np.eye(n_channels)
    return (3 * rng.standard_normal((n, n_channels)) @ mixing).astype(np.float32)


def training(n_channels: int, n_samples: int, n_classes: int, n_windows: int = 48, rank: int | None = None):
    windows = np.stack([recording(n_channels, n_samples, 100 + i).T for i in range(n_windows)])
    labels = np.arange(n_windows, dtype=np.int64) // 2 % n_classes
    for k in range(n_classes):
        windows[labels == k, k % n_channels] *= 2.0
    if rank is not None:
        windows = np.einsum("dc,wct->wdt", projection(n_channels, rank), windows)
    return windows.astype(np.float32), labels


def projection(n_channels: int, rank: int) -> np.ndarray:
    basis = np.linalg.qr(np.random.default_rng(8).standard_normal((n_channels, rank)))[0]
    return basis @ basis.T


def cut(samples: np.ndarray, at: list[int], n_samples: int) -> list[Window]:
    return [Window(samples[a : a + n_samples].copy().T, a, 0, 0.0, 0.0) for a in at]


def overlapping(samples: np.ndarray, first: int, hop: int, n: int, n_samples: int) -> np.ndarray:
    """(n, n_channels, n_samples): a view, as a replay cuts them."""
    sample, channel = samples.strides
    view = np.lib.stride_tricks.as_strided(
        samples[first:], (n, samples.shape[1], n_samples), (hop * sample, channel, sample), writeable=False
    )
    assert first + (n - 1) * hop + n_samples <= len(samples)
    return view


@pytest.fixture(scope="module")
def learnt():
    """By name of the decoder and channels, classes: what it learnt of windows of 97 samples."""
    known: dict = {}

    def of(name: str, n_channels: int, n_classes: int, rank: int | None = None):
        key = (name, n_channels, n_classes, rank)
        if key not in known:
            decoder = MAKES[name]()
            decoder.fit(*training(n_channels, 97, n_classes, rank=rank))
            known[key] = decoder.arrays()
        decoder = MAKES[name]()
        decoder.restore(known[key])
        return decoder

    return of


@pytest.mark.parametrize("name", MAKES)
@settings(max_examples=10, deadline=None)
@given(
    shape=st.sampled_from([(1, 2), (2, 3), (5, 2), (8, 4), (22, 2)]),
    first=st.integers(0, 300),
    before=st.integers(0, 10**11),
    hop=st.integers(0, 130),
    n=st.integers(1, 40),
)
def test_many_are_as_each_alone(learnt, name, shape, first, before, hop, n):
    samples = recording(shape[0], 300 + 130 * 40 + 97, 1)
    windows = overlapping(samples, first, hop, n, 97)
    starts = before + first + hop * np.arange(n, dtype=np.int64)
    many = learnt(name, *shape).predict_many(windows, starts)
    alone = learnt(name, *shape)
    assert many.shape == (n, shape[1]) and many.dtype == np.float64
    for said, samples_of_one, start in zip(many, windows, starts, strict=True):
        window = Window(samples_of_one.T.copy().T, int(start), 0, 0.0, 0.0)
        assert said.tobytes() == alone.predict(window).tobytes()
    np.testing.assert_allclose(np.exp(many).sum(axis=1), 1.0, atol=1e-12)


@settings(max_examples=60, deadline=None)
@given(
    estimator=st.sampled_from(["oas", "lwf", "scm", "cov"]),
    n_channels=st.integers(1, 70),
    n_samples=st.integers(2, 300),
    hop=st.integers(0, 80),
    n=st.integers(1, 30),
    first=st.integers(0, 10**9),
    lost=st.integers(0, 3),
    offset=st.sampled_from([0.0, 5000.0]),
)
def test_covariances_of_many_are_those_of_each(estimator, n_channels, n_samples, hop, n, first, lost, offset):
    samples = recording(n_channels, n_samples + hop * (n - 1), 3)
    samples[: len(samples) // 2] += np.float32(offset)
    basis = np.linalg.qr(np.random.default_rng(0).standard_normal((n_channels, n_channels)))[0][lost:]
    basis = np.ascontiguousarray(basis) if 0 < lost < n_channels else None
    make = partial(WindowCovariance, estimator, 0.01, n_samples, np.zeros(n_channels), basis)
    windows = overlapping(samples, 0, hop, n, n_samples)
    starts = first + hop * np.arange(n, dtype=np.int64)
    together, one = make(), make()
    seen = 0
    for part, covariances in together.many(windows, starts):
        assert part.start == seen
        for i, covariance in zip(range(n)[part], covariances, strict=True):
            assert covariance.tobytes() == one.of(Window(windows[i], int(starts[i]), 0, 0.0, 0.0)).tobytes()
            seen += 1
    assert seen == n


@settings(max_examples=40, deadline=None)
@given(
    rank=st.integers(1, 70),
    n=st.integers(1, 50),
    first=st.integers(0, 40),
    metric=st.sampled_from(["riemann", "euclid"]),
)
def test_a_classifier_says_of_a_matrix_the_same_in_any_company(rank, n, first, metric):
    rng = np.random.default_rng(rank)
    factors = rng.standard_normal((100, rank, rank + 20))
    covariances = factors @ factors.transpose(0, 2, 1) / (rank + 20)
    square, weights = np.eye(rank), rng.standard_normal((3, rank, rank))
    made = partial(TangentClassifier, metric, square, weights, np.zeros(3), 0.0 * square, 0, 30.0)
    classifier = made()
    many = classifier.log_probs(covariances[first : first + n])
    fresh = made()
    for i, said in enumerate(many):
        assert fresh.log_probs(covariances[first + i : first + i + 1]).tobytes() == said.tobytes()


@pytest.mark.parametrize("name", ["mdm", "tangent", "fgmdm"])
def test_windows_that_share_no_memory_or_come_in_any_order_are_as_each_alone(learnt, name):
    samples = recording(5, 2000, 5)
    at = [0, 40, 40, 3, 900, 901, 1000, 20, 500, 60]
    stacked = np.stack([samples[a : a + 97].T for a in at])
    said = learnt(name, 5, 2).predict_many(stacked, np.array(at, np.int64))
    # one index, two windows: indices start anew in every session
    again = learnt(name, 5, 2).predict_many(stacked, np.full(len(at), 7, np.int64))
    for i, window in enumerate(cut(samples, at, 97)):
        assert learnt(name, 5, 2).predict(window).tobytes() == said[i].tobytes()
        at_seven = Window(window.samples, 7, 0, 0.0, 0.0)
        assert learnt(name, 5, 2).predict(at_seven).tobytes() == again[i].tobytes()
    assert learnt(name, 5, 2).predict_many(stacked[:0], np.zeros(0, np.int64)).shape == (0, 2)


@pytest.mark.parametrize("name", ["mdm", "tangent", "tangent svm", "fgmdm", "mdm lwf"])
def test_data_without_full_rank(learnt, name):
    decoder = learnt(name, 8, 2, rank=5)
    assert decoder.arrays()["basis"].shape == (5, 8)
    samples = (recording(8, 1500, 2) @ projection(8, 5)).astype(np.float32)
    windows, starts = overlapping(samples, 11, 19, 40, 97), np.arange(40, dtype=np.int64) * 19 + 11
    many = decoder.predict_many(windows, starts)
    assert np.isfinite(many).all()
    for said, of_one, start in zip(many, windows, starts, strict=True):
        assert said.tobytes() == decoder.predict(Window(of_one, int(start), 0, 0.0, 0.0)).tobytes()
    tests, labels = training(8, 97, 2, n_windows=90, rank=5)
    said = decoder.predict_many(tests[48:], np.zeros(42, np.int64))
    assert (said.argmax(axis=1) == labels[48:]).mean() > 0.9


@pytest.mark.parametrize("name", ["mdm", "tangent", "fgmdm"])
def test_flat_windows_get_probabilities_and_leave_their_neighbours_alone(learnt, name):
    samples = recording(8, 1000, 6)
    samples[300:600] = 0.0
    windows, starts = overlapping(samples, 0, 25, 36, 97), np.arange(36, dtype=np.int64) * 25
    many = learnt(name, 8, 2).predict_many(windows, starts)
    assert np.isfinite(many).all()
    samples[300:600] = recording(8, 300, 7)
    other = learnt(name, 8, 2).predict_many(windows, starts)
    untouched = (starts + 97 <= 300) | (starts >= 600)
    assert many[untouched].tobytes() == other[untouched].tobytes()
    assert not np.array_equal(many[~untouched], other[~untouched])


@pytest.mark.parametrize("make", MAKES.values(), ids=MAKES)
def test_contract(make):
    assert isinstance(make(), PredictsMany)
    assert check_decoder(make).accuracy > 0.8


@pytest.mark.parametrize("name", ["mdm", "tangent", "fgmdm"])
def test_windows_of_another_shape_are_refused(learnt, name):
    with pytest.raises(DecoderError, match="fitted on 5 channels and 97 samples"):
        learnt(name, 5, 2).predict_many(np.zeros((3, 5, 96), np.float32), np.zeros(3, np.int64))
    with pytest.raises(DecoderError, match="neither fitted nor restored"):
        MAKES[name]().predict_many(np.zeros((3, 5, 96), np.float32), np.zeros(3, np.int64))
