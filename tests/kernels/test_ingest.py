"""The kernels that look at every chunk agree with the slow and plain way of asking the same."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtbci.gaps import find_gaps, longest_step
from rtbci.kernels.ingest import count_nonfinite, has_break

RATES = st.sampled_from([1.0, 160.0, 250.0, 5000.0])
# steps in samples: ordinary ones, jitter, losses, steps back, and a time stamp that is no number
STEPS = st.one_of(st.just(1.0), st.floats(0.0, 3.0), st.floats(-500.0, 500.0), st.just(float("nan")))


@settings(max_examples=300, deadline=None)
@given(rate=RATES, begin=st.floats(0.0, 1e6), steps=st.lists(STEPS, min_size=0, max_size=12), first=st.booleans())
def test_a_break_is_seen_exactly_when_the_rule_finds_a_gap(rate, begin, steps, first):
    times = begin + np.cumsum(np.array(steps)) / rate
    before = float("nan") if first else begin

    assert has_break(times, before, longest_step(rate)) == bool(find_gaps(times, rate, 0, before))


LONGEST = longest_step(250.0)


@pytest.mark.parametrize(("step", "expected"), [(LONGEST, False), (np.nextafter(LONGEST, 1.0), True)])
def test_the_longest_step_is_no_break_and_the_next_larger_one_is(step, expected):
    times = np.array([0.0, step])

    assert has_break(times, float("nan"), LONGEST) is expected
    assert bool(find_gaps(times, 250.0)) is expected


@settings(max_examples=200, deadline=None)
@given(
    n=st.integers(0, 6),
    n_channels=st.integers(1, 40),
    bad=st.lists(
        st.tuples(st.integers(0, 5), st.integers(0, 39), st.sampled_from([np.nan, np.inf, -np.inf])), max_size=5
    ),
    scale=st.sampled_from([1.0, 1e30, 3.4e38]),
)
def test_rows_with_a_value_that_is_no_number_are_counted_whatever_the_size_of_the_others(n, n_channels, bad, scale):
    samples = np.full((n, n_channels), scale, np.float32)  # at 3.4e38 the sum of a row overflows
    for row, channel, value in bad:
        if row < n and channel < n_channels:
            samples[row, channel] = value

    assert count_nonfinite(samples) == int((~np.isfinite(samples)).any(axis=1).sum())
