"""Whether swaps wait for the display is measured, never assumed."""

from __future__ import annotations

import numpy as np
import pytest

from rtbci_stimulus.timing import MEASURED_SWAPS, WARM_UP_SWAPS, Intervals, Measurement, judge, missed


def swaps(period, n=120, jitter=0.0, seed=0):
    rng = np.random.default_rng(seed)
    return list(5.0 + period * np.arange(n) + rng.normal(0.0, jitter, n))


def test_swaps_at_the_refresh_rate_are_synchronised_and_give_the_true_rate():
    found = judge(swaps(1 / 59.94, jitter=0.0004), 60.0)
    assert found.synchronised
    assert found.rate == pytest.approx(59.94, abs=0.05)


def test_a_dropped_frame_does_not_spoil_the_measured_rate():
    times = np.array(swaps(1 / 60))
    times[50:] += 2 / 60
    found = judge(list(times), 60.0)
    assert found.synchronised
    assert found.rate == pytest.approx(60.0, abs=1e-6)


@pytest.mark.parametrize("period", [0.0065, 0.0247, 0.0001])
def test_swaps_at_another_pace_than_the_display_s_are_not_synchronised_however_steady(period):
    found = judge(swaps(period), 60.0)
    assert (found.synchronised, found.rate) == (False, 60.0)
    assert "where the display refreshes every 16.67 ms" in found.why


def test_swaps_that_scatter_are_not_synchronised():
    found = judge(swaps(1 / 60, jitter=0.006, seed=1), 60.0)
    assert not found.synchronised


def test_a_measurement_leaves_out_the_first_swaps():
    measurement = Measurement()
    for time in [*np.linspace(0.0, 1.0, WARM_UP_SWAPS), *(1.0 + np.arange(1, MEASURED_SWAPS + 1) / 60)]:
        assert not measurement.done
        measurement.swapped(float(time))
    assert measurement.done
    assert measurement.result(60.0).rate == pytest.approx(60.0)


@pytest.mark.parametrize(("periods", "frames"), [(1.0, 0), (1.49, 0), (1.51, 1), (2.0, 1), (3.0, 2), (10.2, 9)])
def test_frames_missed_between_two_swaps(periods, frames):
    assert missed(periods / 60.0, 60.0) == frames


def test_intervals_have_percentiles_once_there_are_any():
    intervals = Intervals()
    assert intervals.percentile(50) is None
    for _ in range(99):
        intervals.add(1 / 50, 50.0)
    assert intervals.add(5 / 50, 50.0) == 4
    assert (intervals.percentile(50), intervals.dropped) == (pytest.approx(20.0), 4)
