"""What the streaming path computes is what pyRiemann computes: covariances, distances, probabilities."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyriemann.classification import MDM
from pyriemann.estimation import Covariances
from pyriemann.tangentspace import TangentSpace
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from rtbci.types import Window
from rtbci_riemann import Mdm, Tangent
from rtbci_riemann.covariance import WindowCovariance
from rtbci_riemann.gram import block_length

ESTIMATORS = ("oas", "lwf", "scm", "cov")
METRICS = ("riemann", "logeuclid", "euclid")


def trials(n_channels: int, n_samples: int, n_classes: int, n_windows: int, seed: int = 0):
    """Windows (n, channels, samples) float32 as ill-conditioned as EEG, whose sources' strengths depend on the class."""
    rng = np.random.default_rng(seed)
    shape = np.random.default_rng(99)
    rotation, _ = np.linalg.qr(shape.standard_normal((n_channels, n_channels)))
    mixing = rotation * np.logspace(0, -1.5, n_channels) * 10
    gains = shape.uniform(0.8, 1.25, (n_classes, n_channels))
    labels = np.arange(n_windows) % n_classes
    sources = rng.standard_normal((n_windows, n_channels, n_samples)) * gains[labels][:, :, None]
    return np.einsum("cs,wst->wct", mixing, sources).astype(np.float32), labels.astype(np.int64)


def window(samples, start: int = 0) -> Window:
    return Window(np.ascontiguousarray(samples.T).T, start, start + samples.shape[1] - 1, 0.0, 0.0)


def relative(ours, theirs) -> float:
    # two samples that are equal in float32 have no covariance at all
    return float(np.linalg.norm(ours - theirs) / max(np.linalg.norm(theirs), np.finfo(np.float64).tiny))


@pytest.mark.parametrize("estimator", ESTIMATORS)
@settings(max_examples=40, deadline=None)
@given(
    n_channels=st.integers(1, 24),
    extra=st.integers(1, 300),
    start=st.integers(0, 10**12),
    offset=st.sampled_from([0.0, 1.0, 30.0, 20_000.0]),
    trained_off=st.sampled_from([0.0, 5.0]),
    seed=st.integers(0, 2**32 - 1),
)
def test_covariance_is_pyriemanns(estimator, n_channels, extra, start, offset, trained_off, seed):
    n_samples = n_channels + extra
    rng = np.random.default_rng(seed)
    mixing = rng.standard_normal((n_channels, n_channels)) + np.eye(n_channels)
    levels = offset * rng.standard_normal((n_channels, 1))
    samples = (mixing @ rng.standard_normal((n_channels, n_samples)) + levels).astype(np.float32)
    covariance = WindowCovariance(estimator, 0.0, n_samples, levels[:, 0] + trained_off, None)
    ours = covariance.of(window(samples, start))
    ours = np.tril(ours) + np.tril(ours, -1).T
    theirs = Covariances(estimator).transform(samples[None].astype(np.float64))[0]
    assert relative(ours, theirs) < 1e-9


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_a_mean_that_dwarfs_the_signal_costs_no_digits(estimator):
    samples = trials(8, 250, 2, 1)[0][0] + np.float32(30_000.0)
    covariance = WindowCovariance(estimator, 0.0, 250, np.zeros(8), None)
    ours = covariance.of(window(samples))
    theirs = Covariances(estimator).transform(samples[None].astype(np.float64))[0]
    assert relative(np.tril(ours), np.tril(theirs)) < 1e-9


@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("n_channels", [8, 22, 64])
def test_mdm_is_pyriemanns(n_channels, n_classes):
    windows, labels = trials(n_channels, 320, n_classes, 40)
    tests, _ = trials(n_channels, 320, n_classes, 10, seed=1)
    ours = Mdm()
    ours.fit(windows, labels)
    theirs = make_pipeline(Covariances("oas"), MDM("riemann")).fit(windows.astype(np.float64), labels)
    probabilities = theirs.predict_proba(tests.astype(np.float64))
    distances = theirs.transform(tests.astype(np.float64))
    for i, samples in enumerate(tests):
        np.testing.assert_allclose(np.sqrt(ours.squared_distances(window(samples, 10 * i))), distances[i], rtol=1e-9)
        np.testing.assert_allclose(np.exp(ours.predict(window(samples, 10 * i))), probabilities[i], atol=1e-9)


@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("n_channels", [8, 22, 64])
@pytest.mark.parametrize("standardise", [False, True])
def test_tangent_is_pyriemann_and_scikit_learn(n_channels, n_classes, standardise):
    windows, labels = trials(n_channels, 320, n_classes, 40)
    tests, _ = trials(n_channels, 320, n_classes, 10, seed=1)
    ours = Tangent(standardise=standardise)
    ours.fit(windows, labels)
    scaling = [StandardScaler()] if standardise else []
    theirs = make_pipeline(Covariances("oas"), TangentSpace(), *scaling, LogisticRegression(max_iter=2000))
    theirs.fit(windows.astype(np.float64), labels)
    probabilities = theirs.predict_proba(tests.astype(np.float64))
    for i, samples in enumerate(tests):
        np.testing.assert_allclose(np.exp(ours.predict(window(samples, 10 * i))), probabilities[i], atol=1e-9)


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("metric", METRICS)
def test_every_estimator_and_metric_is_pyriemanns(estimator, metric):
    windows, labels = trials(6, 200, 3, 45)
    tests, _ = trials(6, 200, 3, 6, seed=1)
    inputs, asked = windows.astype(np.float64), tests.astype(np.float64)
    mdm = make_pipeline(Covariances(estimator), MDM(metric)).fit(inputs, labels).predict_proba(asked)
    tangent = make_pipeline(Covariances(estimator), TangentSpace(metric), LogisticRegression(max_iter=2000))
    tangent = tangent.fit(inputs, labels).predict_proba(asked)
    for make, expected in ((Mdm, mdm), (Tangent, tangent)):
        decoder = make(estimator=estimator, metric=metric)
        decoder.fit(windows, labels)
        said = np.array([np.exp(decoder.predict(window(samples))) for samples in tests])
        np.testing.assert_allclose(said, expected, atol=1e-9)


@pytest.mark.parametrize("make", [Mdm, Tangent])
def test_data_without_full_rank_are_decoded_in_the_space_they_fill(make):
    windows, labels = trials(8, 200, 2, 60)
    windows[:, 3] = 0.0  # a flat channel
    others = np.delete(np.arange(8), 3)
    referenced = windows.copy()
    referenced[:, others] -= windows[:, others].mean(axis=1, keepdims=True)
    decoder = make()
    decoder.fit(referenced[:40], labels[:40])
    basis = decoder.arrays()["basis"]
    # 8 channels: the flat one takes a dimension, the average reference of the others another
    assert basis.shape == (6, 8)
    np.testing.assert_allclose(basis @ basis.T, np.eye(6), atol=1e-12)
    np.testing.assert_allclose(basis[:, 3], 0.0, atol=1e-12)
    said = np.array([decoder.predict(window(samples)) for samples in referenced[40:]])
    assert np.isfinite(said).all()
    # with a metric that no change of basis moves, any basis of the space gives the same distances
    projected = np.einsum("rc,wct->wrt", basis, referenced.astype(np.float64))
    if make is Mdm:
        theirs = make_pipeline(Covariances("oas"), MDM("riemann")).fit(projected[:40], labels[:40])
        np.testing.assert_allclose(np.exp(said), theirs.predict_proba(projected[40:]), atol=1e-9)
    assert (said.argmax(axis=1) == labels[40:]).mean() > 0.8


def test_rank_is_full_where_nothing_is_missing():
    windows, labels = trials(22, 320, 2, 20)
    decoder = Mdm()
    decoder.fit(windows, labels)
    assert "basis" not in decoder.arrays()


def test_regularisation_adds_a_share_of_the_mean_variance():
    windows, _ = trials(5, 200, 2, 1)
    plain = WindowCovariance("scm", 0.0, 200, np.zeros(5), None).of(window(windows[0])).copy()
    raised = WindowCovariance("scm", 0.1, 200, np.zeros(5), None).of(window(windows[0]))
    np.testing.assert_allclose(np.tril(raised - plain), 0.1 * np.trace(plain) / 5 * np.eye(5), atol=1e-12)


@pytest.mark.parametrize("n_samples", [1, 7, 8, 9, 64, 500, 5000])
def test_blocks_are_never_longer_than_they_pay(n_samples):
    assert block_length(n_samples) >= 8
    assert block_length(n_samples) ** 2 <= max(64, 8 * n_samples)
