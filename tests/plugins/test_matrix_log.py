"""The Chebyshev logarithm is the logarithm, and is used only for windows whose spectrum surely fits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.polynomial import chebyshev

from rtbci.errors import DecoderError
from rtbci_riemann.chebyshev import TOLERANCE, LogSeries, log_coefficients, nested
from rtbci_riemann.logarithm import MARGIN, MatrixLog, above, condition_for, largest_eigenvalue
from rtbci_riemann.stacks import stack, stacked


def symmetric(values: np.ndarray, seed: int = 0) -> np.ndarray:
    """Matrices (n, rank, rank) with eigenvalues ``values`` (n, rank) in random bases."""
    n, rank = values.shape
    basis = np.linalg.qr(np.random.default_rng(seed).standard_normal((n, rank, rank)))[0]
    return (basis * values[:, None, :]) @ basis.transpose(0, 2, 1)


def spectra(n: int, rank: int, condition: float, seed: int = 0) -> np.ndarray:
    """Eigenvalues (n, rank) from 1/condition to 1, both of which occur where there are two."""
    values = np.exp(np.random.default_rng(seed).uniform(-np.log(condition), 0.0, (n, rank)))
    values[:, 0], values[:, -1] = 1.0 / condition, 1.0
    return values


def logarithm(matrices: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh(matrices)
    return (vectors * np.log(values)[:, None, :]) @ vectors.transpose(0, 2, 1)


@settings(max_examples=60, deadline=None)
@given(condition=st.floats(1.1, 1e4), tolerance=st.sampled_from([1e-12, 1e-11, 1e-8, 1e-4]))
def test_the_series_is_as_exact_as_it_says_and_not_longer_than_need_be(condition, tolerance):
    coefficients = log_coefficients(condition, tolerance)
    x = np.concatenate([np.geomspace(1.0 / condition, 1.0, 4001), [1.0 / condition]])
    t = (2.0 * x - 1.0 - 1.0 / condition) / (1.0 - 1.0 / condition)
    assert np.abs(chebyshev.chebval(t, coefficients) - np.log(x)).max() < tolerance + 1e-13 + 1e-15 * condition
    # all terms have one sign at the smallest eigenvalue: with a term less the error there is too large
    shorter = chebyshev.chebval(-1.0, coefficients[:-1])
    assert abs(shorter + np.log(condition)) > 0.99 * tolerance - 1e-13 - 1e-15 * condition


@settings(max_examples=60, deadline=None)
@given(condition=st.floats(1.1, 3e3), shape=st.floats(0.7, 2.0))
def test_nesting_does_not_change_the_series(condition, shape):
    coefficients = log_coefficients(condition)
    n_small = max(2, round(shape * len(coefficients) ** 0.5))
    q = nested(coefficients, n_small)
    assert q.shape == (-(-len(coefficients) // n_small), n_small)
    t = np.linspace(-1.0, 1.0, 801)
    small = np.array([chebyshev.chebval(t, row) for row in q])
    y = chebyshev.chebval(t, np.eye(n_small + 1)[n_small])
    nested_sum = sum(part * y**i for i, part in enumerate(small))
    np.testing.assert_allclose(nested_sum, chebyshev.chebval(t, coefficients), rtol=0, atol=1e-12)


@pytest.mark.parametrize("rank", [2, 3, 8, 22, 64])
@pytest.mark.parametrize("condition", [1.5, 4.0, 30.0, 300.0, 10_000.0])
def test_logarithms_of_matrices_in_the_interval(rank, condition):
    matrices = symmetric(spectra(12, rank, condition))
    ours, out = stacked(matrices), stack(12, rank, rank)
    LogSeries(condition).of(ours, out)
    error = np.linalg.norm(out[:, :, :rank] - logarithm(matrices), ord=2, axis=(1, 2)).max()
    assert error < 1.2 * TOLERANCE
    assert not out[:, :, rank:].any()


@settings(max_examples=80, deadline=None)
@given(
    rank=st.integers(1, 40),
    condition=st.floats(1.0, 1e6),
    size=st.floats(1e-8, 1e8),
    provided=st.sampled_from([0.0, 2.0, 20.0, 500.0]),
    seed=st.integers(0, 1000),
)
def test_any_positive_definite_matrices_get_their_logarithm(rank, condition, size, provided, seed):
    matrices = size * symmetric(spectra(9, rank, condition, seed) * np.geomspace(1.0, 100.0, 9)[:, None], seed)
    ours = MatrixLog(rank, provided).of(stacked(matrices))[:, :, :rank]
    theirs = logarithm(matrices)
    # a logarithm is as well known as the smallest eigenvalue is
    allowed = 2e-11 + 1e-14 * condition * rank
    assert np.linalg.norm(ours - theirs, ord=2, axis=(1, 2)).max() < allowed


@settings(max_examples=80, deadline=None)
@given(rank=st.integers(1, 60), condition=st.floats(1.0, 1e8), seed=st.integers(0, 1000))
def test_bounds_of_the_spectrum_hold(rank, condition, seed):
    values = spectra(6, rank, condition, seed) * np.geomspace(1e-6, 1e6, 6)[:, None]
    matrices = stacked(symmetric(values, seed))
    squares = stacked(matrices[:, :, :rank] @ matrices[:, :, :rank])
    largest = largest_eigenvalue(matrices, squares)
    assert (largest >= values.max(axis=1)).all()
    assert (largest <= rank**0.25 * values.max(axis=1) * (1 + 1e-6)).all()
    smallest = values.min(axis=1)
    room = stack(6, rank, rank)
    spare = 1e-13 * rank * values.max(axis=1)
    for bound in (smallest - spare, smallest + spare):
        said = [above(matrices[i : i + 1], float(bound[i]), room[:1])[0] for i in range(6)]
        assert said == [bool(b < s) for b, s in zip(bound, smallest, strict=True)]


def test_a_window_outside_the_interval_takes_the_other_way_and_its_neighbours_do_not():
    values = spectra(7, 10, 10.0)
    values[3] = np.geomspace(1e-5, 1.0, 10)
    matrices = stacked(symmetric(values))
    log = MatrixLog(10, 40.0)
    together = log.of(matrices).copy()
    error = np.linalg.norm(together[:, :, :10] - logarithm(matrices[:, :, :10]), ord=2, axis=(1, 2))
    assert error[3] < 1e-9
    assert (error[np.arange(7) != 3] > 1e-14).all()  # these are a series, exact to 1e-11 and no more
    assert error.max() < 2e-11 + 1e-9
    for i in range(7):
        assert log.of(matrices[i : i + 1])[0].tobytes() == together[i].tobytes()


def test_flat_and_broken_windows():
    log = MatrixLog(4, 20.0)
    flat = stack(2, 4, 4)
    flat[1, :, :4] = np.eye(4)
    said = log.of(flat)[:, :, :4]
    assert np.isfinite(said).all()
    assert said[0].diagonal().max() < -700.0
    np.testing.assert_allclose(said[1], 0.0, atol=1e-10)
    broken = stack(1, 4, 4)
    broken[...] = np.nan
    with pytest.raises(DecoderError, match="not finite"):
        log.of(broken)


def test_what_is_provided_for_is_learnt_from_spectra():
    easy, hard = symmetric(spectra(40, 22, 10.0)), symmetric(spectra(40, 22, 1e6))
    assert condition_for(easy, "eigh") == 0.0
    provided = condition_for(easy, "chebyshev")
    largest = largest_eigenvalue(stacked(easy), stacked(easy @ easy))
    assert provided == pytest.approx(MARGIN * 10.0 * largest.max())
    assert 0.0 < condition_for(easy, "auto") <= provided
    assert condition_for(hard, "auto") == 0.0
    # a few bad windows do not make the series of all others longer
    mixed = np.concatenate([easy, hard[:1]])
    assert 0.0 < condition_for(mixed, "auto") <= provided
    # where an eigendecomposition costs next to nothing it is taken
    assert condition_for(easy, "auto", eigh_in_products=1.0) == 0.0
