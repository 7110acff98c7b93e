"""All pairs compared by features: against the definitions written out, and where the answer is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.linalg import sqrtm
from scipy.spatial.distance import correlation

from rtbci.image_metrics import features
from rtbci.image_metrics.features import correlations, distance, frechet, identification


def drawn(seed: int, n: int, d: int, noise: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    shown = rng.standard_normal((n, d))
    return shown.astype(np.float32), (shown + noise * rng.standard_normal((n, d))).astype(np.float32)


@given(st.integers(2, 12), st.integers(2, 40), st.integers(0, 2**32 - 1))
def test_identification_is_the_definition_of_the_papers(n, d, seed):
    shown, reconstructed = drawn(seed, n, d)
    r = np.corrcoef(shown, reconstructed)[:n, n:]
    np.testing.assert_allclose(correlations(shown, reconstructed), r, atol=1e-9)
    clear = np.round(r, features.DECIMALS)  # with two features every correlation is 1 or -1
    expected = np.sum(clear < np.diag(clear), 0).mean() / (n - 1)
    assert identification(shown, reconstructed).n_way(2) == pytest.approx(expected, abs=1e-12)
    assert distance(shown, reconstructed) == pytest.approx(
        np.mean([correlation(x, y) for x, y in zip(shown.astype(float), reconstructed.astype(float), strict=True)])
    )


def test_features_in_many_parts_give_the_same_correlations(monkeypatch):
    shown, reconstructed = drawn(0, 7, 100)
    whole = correlations(shown, reconstructed)
    monkeypatch.setattr(features, "COLUMNS", 9)
    np.testing.assert_allclose(correlations(shown, reconstructed), whole, atol=1e-12)


def test_the_order_of_pairs_does_not_matter():
    shown, reconstructed = drawn(3, 30, 50, 4.0)
    order = np.random.default_rng(0).permutation(30)
    for of in (lambda x, y: identification(x, y).n_way(2), distance, frechet):
        assert of(shown[order], reconstructed[order]) == pytest.approx(of(shown, reconstructed), rel=1e-9)


def test_what_is_unrelated_is_at_chance_and_what_is_the_same_is_perfect():
    shown, _ = drawn(1, 300, 200)
    other, _ = drawn(2, 300, 200)
    assert identification(shown, other).n_way(2) == pytest.approx(0.5, abs=0.05)
    assert distance(shown, other) == pytest.approx(1.0, abs=0.02)
    assert identification(shown, shown).n_way(2) == 1.0
    assert distance(shown, shown) == pytest.approx(0.0, abs=1e-9)
    assert frechet(shown, shown) == pytest.approx(0.0, abs=1e-6)


def test_one_reconstruction_for_all_is_at_chance_and_two_equal_pictures_beat_each_other_never():
    shown, _ = drawn(4, 9, 20)
    assert identification(shown, np.tile(shown[:1], (9, 1))).n_way(2) == pytest.approx(0.5)
    shown[1] = shown[0]
    assert identification(shown, shown).n_way(2) == pytest.approx(1 - 2 / 9 / 8)


def test_features_that_are_all_equal_count_as_unlike():
    shown, reconstructed = drawn(5, 4, 20, 0.1)
    reconstructed[2] = 0.3
    assert (correlations(shown, reconstructed)[:, 2] == 0).all()
    assert identification(shown, reconstructed).n_way(2) == pytest.approx(0.75)


def test_frechet_is_heusels_formula_and_holds_with_fewer_pictures_than_features():
    shown, reconstructed = drawn(6, 400, 12, 0.7)
    means = [x.astype(float).mean(axis=0) for x in (shown, reconstructed)]
    first, second = (np.cov(x.astype(float).T) for x in (shown, reconstructed))
    expected = np.sum((means[0] - means[1]) ** 2) + np.trace(first + second - 2 * sqrtm(first @ second).real)
    assert frechet(shown, reconstructed) == pytest.approx(expected, rel=1e-6)
    few, others = drawn(7, 5, 40)
    first, second = (np.cov(x.astype(float).T) for x in (few, others))
    eigenvalues = np.linalg.eigvals(first @ second).real
    expected = np.sum((few.mean(axis=0) - others.mean(axis=0)) ** 2) + np.trace(first + second)
    expected -= 2 * np.sqrt(np.sort(eigenvalues)[-4:]).sum()  # five pictures span four dimensions
    assert frechet(few, others) == pytest.approx(expected, rel=1e-5)


def test_a_shift_of_all_features_is_its_squared_length():
    shown, _ = drawn(8, 50, 10)
    assert frechet(shown, shown + np.float32(2.0)) == pytest.approx(40.0, rel=1e-5)
