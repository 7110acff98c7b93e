"""The schedule keeps to time, however late swaps are stamped and however fast they come."""

from __future__ import annotations

import numpy as np
import pytest

from rtbci_stimulus.clock import FakeClock
from rtbci_stimulus.pages import troubles
from rtbci_stimulus.scene import Text
from rtbci_stimulus.schedule import Schedule, Step
from rtbci_stimulus.timing import Pace
from tests.stimulus.driven import run

RATE = 60.0


def counted(pace, times):
    return [pace.passed(time) for time in times]


def test_refreshes_are_counted_from_the_times_of_swaps():
    pace = Pace(RATE)
    assert counted(pace, np.array([0, 1, 2, 5, 6]) / RATE) == [1, 1, 1, 3, 1]


def test_a_swap_that_was_stamped_late_takes_no_refresh_from_those_after_it():
    # 0.55 periods late, then 0.1: rounded one by one these intervals would be 2, 1, 1 refreshes in the time of 3
    pace = Pace(RATE)
    assert sum(counted(pace, np.array([0.0, 1.55, 2.1, 3.0, 4.0]) / RATE)) == 1 + 4


def test_a_rate_that_is_a_little_off_is_followed():
    pace = Pace(RATE)
    assert counted(pace, np.arange(20_000) / (RATE * 1.001)) == [1] * 20_000
    pace = Pace(RATE)
    assert counted(pace, np.arange(20_000) / (RATE * 0.999)) == [1] * 20_000


@pytest.mark.parametrize("seed", range(5))
def test_the_schedule_does_not_run_away_from_time_when_swaps_are_stamped_late_at_random(seed):
    late = np.random.default_rng(seed).uniform(0.0, 0.6 / RATE, 40_000)
    schedule = Schedule(RATE, (Step(36_000, (Text("x"),), ("begin",), "trial"), Step(10, (), ("over",))), ("begin",))
    driven = run(schedule, clock=FakeClock(RATE, jitter=lambda swap: float(late[swap]))).finish()
    took = (driven.times("over")[0] - driven.times("begin")[0]) * RATE
    assert took == pytest.approx(36_000, abs=1.5)  # ten minutes


@pytest.mark.parametrize("faster", [1.6, 2.0, 7.0])
def test_swaps_that_no_longer_wait_for_the_display_do_not_hurry_the_schedule(faster):
    schedule = Schedule(RATE, (Step(600, (Text("x"),), ("begin",), "trial"), Step(10, (), ("over",))), ("begin",))
    driven = run(schedule, clock=FakeClock(RATE * faster)).finish()
    took = driven.times("over")[0] - driven.times("begin")[0]
    assert took == pytest.approx(10.0, abs=0.1)
    summary = driven.runner.summary()
    assert summary["unwaited"] == pytest.approx(610 * (faster - 1.0), rel=0.05)
    assert troubles(summary) == [
        f"{summary['unwaited']} swaps did not wait for the display: markers may lie a refresh beside the light"
    ]


def test_a_stamp_that_comes_late_now_and_then_is_no_display_that_is_not_waited_for():
    schedule = Schedule(RATE, (Step(600, (Text("x"),), ("begin",), "trial"), Step(10, (), ("over",))), ("begin",))
    clock = FakeClock(RATE, jitter=lambda swap: 0.011 if swap % 40 == 39 else 0.0)
    summary = run(schedule, clock=clock).finish().runner.summary()
    assert 10 <= summary["unwaited"] <= 16
    assert troubles(summary) == []
