from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st

from rtbci.errors import TransformError
from rtbci.transforms import spd


def random_spd(p, seed, condition=1e4):
    rng = np.random.default_rng(seed)
    rotation, _ = np.linalg.qr(rng.standard_normal((p, p)))
    return rotation * np.geomspace(1, 1 / condition, p) @ rotation.T * 50


@settings(max_examples=40, deadline=None)
@given(p=st.integers(1, 12), seed=st.integers(0, 10**6))
def test_functions_agree_with_scipy(p, seed):
    a = random_spd(p, seed)
    np.testing.assert_allclose(spd.sqrtm(a), scipy.linalg.sqrtm(a).real, atol=1e-9)
    np.testing.assert_allclose(spd.inverse_sqrtm(a) @ a @ spd.inverse_sqrtm(a), np.eye(p), atol=1e-9)
    np.testing.assert_allclose(spd.logm(a), scipy.linalg.logm(a).real, atol=1e-8)
    np.testing.assert_allclose(spd.expm(spd.logm(a)), a, rtol=1e-9, atol=1e-9)


@settings(max_examples=40, deadline=None)
@given(p=st.integers(1, 10), seed=st.integers(0, 10**6), share=st.floats(0, 1))
def test_the_geodesic_and_the_distance_are_pyriemanns(p, seed, share):
    from pyriemann.geometry.distance import distance_riemann
    from pyriemann.geometry.geodesic import geodesic_riemann

    a, b = random_spd(p, seed), random_spd(p, seed + 1)
    np.testing.assert_allclose(spd.geodesic(a, b, share), geodesic_riemann(a, b, share), atol=1e-8)
    # the smallest relative eigenvalue is known to eps * condition of both: 2.2e-16 * 1e4 * 1e4, relative to itself
    assert spd.Relative(a, b).distance == pytest.approx(distance_riemann(a, b), abs=1e-7)


@pytest.mark.parametrize("scale", [1e-13, 1.0, 1e13])
def test_the_span_is_the_true_rank_whatever_the_units(scale):
    signal = np.random.default_rng(0).standard_normal((2000, 8)) * scale
    signal[:, 3] = 0.0
    signal[:, 6] *= 1e-5  # another unit is no missing signal
    referenced = signal.copy()
    referenced[:, [0, 1, 2]] -= signal[:, [0, 1, 2]].mean(axis=1, keepdims=True)
    for samples, rank in ((signal, 7), (referenced, 6)):
        covariance = np.cov(samples.astype(np.float32).T.astype(np.float64))
        basis = spd.span(covariance)
        assert basis.shape == (8, rank)
        np.testing.assert_allclose(basis.T @ basis, np.eye(rank), atol=1e-12)
        assert spd.outside(covariance, basis) < 1e-10
    full = spd.span(np.cov(signal[:, [0, 1, 2]].T))
    np.testing.assert_array_equal(full, np.eye(3))
    assert spd.span(np.zeros((4, 4))).shape == (4, 0)


def test_outside_sees_a_channel_that_comes_back():
    covariance = np.diag([4.0, 1.0, 0.0])
    basis = spd.span(covariance)
    assert spd.outside(np.diag([4.0, 1.0, 1e-9]), basis) == pytest.approx(1.0)
    assert spd.outside(np.diag([2.0, 9.0, 0.0]), basis) == 0.0


def test_shrinkage_keeps_the_trace():
    a = random_spd(5, 0)
    shrunk = spd.shrunk(a, 0.25)
    assert np.trace(shrunk) == pytest.approx(np.trace(a))
    np.testing.assert_allclose(shrunk, 0.75 * a + 0.25 * np.trace(a) / 5 * np.eye(5))


def test_the_geometric_median_ignores_what_is_far_away():
    good = np.array([random_spd(4, 0) * gain for gain in np.linspace(0.9, 1.1, 21)])
    spoilt = np.concatenate([good, [1e5 * random_spd(4, i) for i in range(1, 9)]])
    median = spd.geometric_median(spoilt)
    assert np.linalg.norm(median - good[10]) < 0.05 * np.linalg.norm(good[10])
    assert (np.linalg.eigvalsh(median) > 0).all()
    assert np.abs(spoilt.mean(axis=0) - good[10]).max() > 1e4


def test_what_is_not_positive_definite_is_refused_in_a_sentence():
    with pytest.raises(TransformError, match="not positive definite; shrinkage above 0"):
        spd.geodesic(np.diag([1.0, 0.0]), np.eye(2), 0.5)
