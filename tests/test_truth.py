"""What is true about a window: the exact majority of its samples."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from rtbci.truth import Truth, stretches

IDLE = 2


@st.composite
def trials(draw: st.DrawFn) -> list[tuple[int, int, int]]:
    """Trials that do not overlap, with pauses of any length between them."""
    at, found = draw(st.integers(0, 40)), []
    for _ in range(draw(st.integers(1, 6))):
        length = draw(st.integers(1, 40))
        found.append((at, at + length, draw(st.integers(0, 1))))
        at += length + draw(st.integers(0, 40))
    return found


def counted(trials: list[tuple[int, int, int]], idle: int | None, start: int, stop: int) -> int:
    """The majority by writing down the class of every sample; of equal shares the later one."""
    labels = np.full(600, -1)
    if idle is not None:
        labels[trials[0][0] : trials[-1][1]] = idle
    for begin, end, label in trials:
        labels[begin:end] = label
    inside = labels[start:stop]
    counts = {k: int((inside == k).sum()) for k in (0, 1, 2)}
    most = max(counts.values())
    if most == 0 or most < int((inside == -1).sum()):
        return -1
    return max((k for k, n in counts.items() if n == most), key=lambda k: int(np.flatnonzero(inside == k)[-1]))


@given(trials(), st.sampled_from([None, IDLE]), st.integers(0, 300), st.integers(1, 80))
def test_a_window_has_the_class_of_most_of_its_samples(found, idle, start, length):
    truth = Truth(stretches(found, idle))
    stretch = truth.majority(start, start + length)
    assert (-1 if stretch is None else stretch.label) == counted(found, idle, start, start + length)


@given(trials(), st.integers(0, 300), st.integers(1, 80))
def test_a_window_lies_within_a_trial_only_with_all_its_samples(found, start, length):
    stretch = Truth(stretches(found, None)).within(start, start + length)
    owners = [label for begin, end, label in found if begin <= start and start + length <= end]
    assert ([] if stretch is None else [stretch.label]) == owners


def test_with_nine_tenths_of_overlap_no_window_beside_a_boundary_is_mislabelled():
    # one second of task, one of idle, at 100 Hz; windows of 50 samples every 5
    truth = Truth(stretches([(0, 100, 0), (200, 300, 1)], IDLE))
    windows = [(start, start + 50) for start in range(0, 251, 5)]
    labels = truth.labels(windows, majority=True)
    assert labels[[i for i, (start, _) in enumerate(windows) if start < 75]].tolist() == [0] * 15
    assert labels[windows.index((75, 125))] == IDLE  # 25 and 25: the later one
    assert labels[windows.index((175, 225))] == 1
    assert labels[windows.index((170, 220))] == IDLE


def test_idle_lies_between_trials_only():
    found = stretches([(100, 200, 0), (300, 400, 1)], IDLE)
    assert [(s.begin, s.end, s.label) for s in found] == [(100, 200, 0), (200, 300, IDLE), (300, 400, 1)]


def test_a_later_trial_cuts_an_earlier_one_that_overlaps_it():
    found = stretches([(0, 100, 0), (80, 180, 1)], None)
    assert [(s.begin, s.end, s.label) for s in found] == [(0, 80, 0), (80, 180, 1)]
