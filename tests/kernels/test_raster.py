"""The kernels that draw traces: what a column shows, to the value and to the pixel."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtbci.kernels import raster


def columns(samples, step, width, start=0, shift=0, baseline=None):
    n_channels = samples.shape[1]
    lo = np.full((width, n_channels), np.nan, np.float32)
    hi = np.full((width, n_channels), np.nan, np.float32)
    knots = np.zeros((1, n_channels)) if baseline is None else baseline
    raster.envelope(samples, start, shift, step, 0, width, knots, 0, 100, lo, hi)
    return lo, hi


@given(st.integers(1, 40), st.integers(2, 200), st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_a_column_shows_the_extremes_of_the_curve_within_it(step, n, seed):
    samples = np.random.default_rng(seed).standard_normal((n, 3)).astype(np.float32)
    width = -(-n // step)
    lo, hi = columns(samples, float(step), width)
    for k in range(width):
        inside = samples[k * step : min((k + 1) * step, n - 1) + 1]  # the edge belongs to both of its columns
        np.testing.assert_array_equal(lo[k], inside.min(axis=0))
        np.testing.assert_array_equal(hi[k], inside.max(axis=0))


@given(st.floats(0.07, 30.0), st.integers(2, 120), st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_neighbouring_columns_meet_however_many_samples_they_hold(step, n, seed):
    samples = np.random.default_rng(seed).standard_normal((n, 2)).astype(np.float32)
    width = int((n - 1) / step) + 1
    lo, hi = columns(samples, step, width)
    for k in range(width - 1):
        assert np.all(lo[k] <= hi[k + 1] + 1e-5)
        assert np.all(lo[k + 1] <= hi[k] + 1e-5)


def test_a_column_narrower_than_a_sample_follows_the_line_between_two():
    samples = np.array([[0.0], [10.0]], np.float32)
    lo, hi = columns(samples, 0.25, 4)
    np.testing.assert_allclose(lo[:, 0], [0, 2.5, 5, 7.5])
    np.testing.assert_allclose(hi[:, 0], [2.5, 5, 7.5, 10])


def test_not_a_number_is_left_out_and_nothing_but_it_stays_empty():
    samples = np.array([[1.0, np.nan], [np.nan, np.nan], [3.0, np.nan]], np.float32)
    lo, hi = columns(samples, 3.0, 1)
    assert (lo[0, 0], hi[0, 0]) == (1.0, 3.0)
    assert np.isnan(lo[0, 1])
    assert np.isnan(hi[0, 1])


def test_the_running_mean_comes_off_with_one_block_of_delay():
    samples = np.full((301, 1), 7.0, np.float32)
    knots = np.array([[1.0], [2.0], [3.0], [5.0]])  # at samples 0, 100, 200, 300
    lo, _ = columns(samples, 100.0, 3, baseline=knots)
    np.testing.assert_allclose(lo[:, 0], [7 - 1, 7 - 2, 7 - 3])


def test_the_mean_of_a_block_leaves_out_what_is_not_a_number():
    mean = np.empty(3)
    raster.block_mean(np.array([[1, np.nan, np.nan], [3, 5, np.nan]], np.float32), mean)
    np.testing.assert_array_equal(mean, [2, 5, 0])


BLACK, GRID, HATCH, COLOUR = 0xFF000000, 0xFF202020, 0xFF404040, 0xFF8040C0


def painted(lo, hi, kind=raster.DATA, *, height=20, centre=10.0, reach=100.0, step=1.0, tick=1e9):
    picture = np.zeros((height, 1), np.uint32)
    raster.paint(
        picture,
        0,
        1,
        np.array([kind], np.uint8),
        np.array([[lo]], np.float32),
        np.array([[hi]], np.float32),
        np.array([0]),
        np.array([centre], np.float32),
        np.ones(1, np.float32),
        np.array([COLOUR], np.uint32),
        reach,
        step,
        tick,
        np.array([BLACK, GRID, HATCH], np.uint32),
    )
    return picture[:, 0]


def test_a_trace_covers_the_pixels_from_its_largest_to_its_smallest_value():
    rows = painted(lo=-2.5, hi=3.5)  # y from 6.5 to 12.5, half a pixel of line at either end
    assert np.flatnonzero(rows == COLOUR).tolist() == [6, 7, 8, 9, 10, 11, 12]
    assert set(rows[:6]) | set(rows[13:]) == {BLACK}


def test_a_flat_trace_between_two_pixels_is_shared_between_them():
    rows = painted(lo=0.0, hi=0.0)  # y 10.0: from 9.5 to 10.5
    half = 0xFF402060
    assert rows[9] == half
    assert rows[10] == half
    assert set(np.delete(rows, [9, 10])) == {BLACK}


def test_what_reaches_too_far_is_cut():
    rows = painted(lo=-1e6, hi=1e6, reach=4.5)
    assert np.flatnonzero(rows != BLACK).tolist() == list(range(5, 15))


@pytest.mark.parametrize("kind", [raster.GAP, raster.PENDING])
def test_a_column_without_samples_is_hatched_and_shows_no_trace(kind):
    assert set(painted(-5, 5, kind)) == {BLACK, HATCH}


def test_a_column_before_the_oldest_sample_is_empty():
    assert set(painted(-5, 5, raster.EMPTY)) == {BLACK}


def test_the_time_grid_is_behind_the_traces():
    rows = painted(0.5, 0.5, step=1.0, tick=1.0)
    assert rows[9] == COLOUR
    assert set(np.delete(rows, 9)) == {GRID}
