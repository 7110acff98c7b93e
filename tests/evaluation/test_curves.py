"""The numbers behind the report's figures."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtbci.evaluation import curves
from rtbci.evaluation.nouns import Outcome, Stretch
from rtbci.trials import Trial


def trial(truth: int, answer: int, posterior: Sequence[float] = (0.5, 0.5)) -> Trial:
    return Trial(0.0, "m", truth, answer, 1, int(truth == answer), tuple(np.log(posterior)), answer, 1.0)


def stretch(
    time: Sequence[float],
    best: Sequence[int],
    trials: Sequence[Trial] = (),
    cues: Sequence[float] = (),
    length: float = 2.0,
    n_classes: int = 2,
    seconds: float = 10.0,
) -> Stretch:
    log_probs = np.log(np.full((len(time), n_classes), 0.1))
    log_probs[np.arange(len(time)), list(best)] = np.log(0.9)
    onset = np.array(cues, np.float64)
    return Stretch(
        recording="r.xdf",
        seconds=seconds,
        time=np.array(time, np.float64),
        log_probs=log_probs,
        evidence=log_probs,
        answer=np.array(best, np.int64),
        truth=np.full(len(time), -1, np.int64),
        trials=tuple(trials),
        spans=np.stack([onset, onset + length], axis=1),
        cues=onset,
    )


def outcome(
    *stretches: Stretch,
    decoder: str = "d",
    subject: str = "1",
    session: str = "1",
    idle: int | None = None,
    hop: float | None = 0.5,
    classes: tuple[str, ...] = ("left", "right"),
    shuffled: Sequence[Sequence[int]] = (),
    time_only: Sequence[int] = (),
) -> Outcome:
    n = sum(len(one.trials) for one in stretches)
    return Outcome(
        decoder=decoder,
        subject=subject,
        session=session,
        fold="f",
        past=True,
        classes=classes,
        idle=idle,
        window=1.0,
        hop=hop,
        stretches=stretches,
        shuffled=np.array(shuffled, np.int64).reshape(len(shuffled), n),
        time_only=np.array(time_only, np.int64),
    )


BINS = np.array([-1.0, 0.0, 1.0, 2.0])


def test_a_trial_counts_once_in_a_bin_by_its_last_window_there() -> None:
    one = stretch([4.2, 4.8, 5.5], [1, 0, 0], [trial(0, 0)], [4.0])
    seconds, accuracy, n = curves.time_course([outcome(one)], BINS)
    np.testing.assert_array_equal(seconds, [-0.5, 0.5, 1.5])
    np.testing.assert_array_equal(n, [0, 1, 1])
    np.testing.assert_array_equal(accuracy, [np.nan, 1.0, 1.0])


def test_a_window_that_ends_at_the_cue_is_before_it() -> None:
    one = stretch([4.0], [0], [trial(0, 0)], [4.0])
    np.testing.assert_array_equal(curves.time_course([outcome(one)], BINS)[2], [1, 0, 0])


def test_accuracy_is_over_the_trials_of_all_stretches_and_folds() -> None:
    right = stretch([4.5], [0], [trial(0, 0)], [4.0])
    wrong = stretch([1.5, 4.5], [0, 0], [trial(1, 0), trial(0, 0)], [1.0, 4.0])
    _, accuracy, n = curves.time_course([outcome(right, wrong), outcome(right)], BINS)
    assert n[1] == 4
    assert accuracy[1] == pytest.approx(3 / 4)


def test_windows_after_the_next_cue_are_left_out() -> None:
    one = stretch([1.9, 2.5, 2.9], [0, 1, 1], [trial(0, 0), trial(1, 1)], [1.0, 2.0])
    _, accuracy, n = curves.time_course([outcome(one)], BINS)
    # the first trial would have a wrong window at 2.5 s, the second one's bin before its cue holds 1.9 s
    np.testing.assert_array_equal(n, [1, 2, 0])
    np.testing.assert_array_equal(accuracy, [0.0, 1.0, np.nan])


def test_idle_trials_have_no_cue_and_are_left_out() -> None:
    one = stretch([1.5, 5.5], [0, 1], [trial(0, 0), trial(1, 1)], [1.0, 5.0])
    assert curves.time_course([outcome(one, idle=0)], BINS)[2].sum() == 1
    assert curves.trial_extent([outcome(one, idle=0)]) == (0.0, 2.0)


def test_no_trials_give_no_accuracy() -> None:
    _, accuracy, n = curves.time_course([outcome(stretch([], []))], BINS)
    assert n.tolist() == [0, 0, 0]
    assert np.isnan(accuracy).all()
    assert curves.trial_extent([outcome(stretch([], []))]) is None


def test_bins_have_an_edge_at_the_cue_and_reach_past_the_longest_trial() -> None:
    one = outcome(stretch([], [], [trial(0, 0)], [1.0], length=4.0), hop=0.25)
    bins = curves.course_bins([one])
    assert bins[0] == -1.0
    assert bins[-1] == 5.0
    assert 0.0 in bins
    np.testing.assert_allclose(np.diff(bins), 0.25)


def test_bins_stay_few_however_short_the_hop() -> None:
    one = outcome(stretch([], [], [trial(0, 0)], [1.0], length=60.0), hop=0.01)
    assert len(curves.course_bins([one])) - 1 <= curves.MOST_BINS + 2


@given(
    st.lists(st.floats(0, 20), max_size=40).map(sorted),
    st.lists(st.integers(0, 18), max_size=6, unique=True).map(sorted),
    st.data(),
)
def test_every_bin_is_counted_as_by_hand(times: list[float], cues: list[int], data: st.DataObject) -> None:
    times = [round(t, 3) + 0.0005 for t in times]  # between edges: rounding is not the point here
    best = [data.draw(st.integers(0, 1)) for _ in times]
    truths = [data.draw(st.integers(0, 1)) for _ in cues]
    one = stretch(times, best, [trial(k, 0) for k in truths], [float(c) for c in cues])
    _, accuracy, n = curves.time_course([outcome(one)], BINS)
    for k, (a, b) in enumerate(pairwise(BINS)):
        right = []
        for cue, until, truth in zip(cues, [*cues[1:], np.inf], truths, strict=False):
            inside = [label for t, label in zip(times, best, strict=True) if cue + a < t <= cue + b and t <= until]
            right += [inside[-1] == truth] if inside else []
        assert n[k] == len(right)
        if right:
            assert accuracy[k] == pytest.approx(np.mean(right))


def test_a_point_pools_the_folds_of_a_session_and_keeps_sessions_and_decoders_apart() -> None:
    first = outcome(
        stretch([], [], [trial(0, 0), trial(1, 0)], [1.0, 2.0]), shuffled=[[0, 0], [0, 1]], time_only=[1, 1]
    )
    second = outcome(stretch([], [], [trial(1, 1)], [1.0]), shuffled=[[0], [0]], time_only=[1])
    other = outcome(stretch([], [], [trial(0, 1)], [1.0]), session="2", time_only=[0])
    a, b = curves.points([first, second, other])
    assert (a.session, a.trials, a.accuracy) == ("1", 3, pytest.approx(2 / 3))
    assert a.low is not None and a.high is not None
    assert a.low == pytest.approx(0.2077, abs=1e-4)  # Wilson's interval of 2 of 3
    assert a.high == pytest.approx(0.9385, abs=1e-4)
    assert a.shuffled == pytest.approx(3 / 6)
    assert a.time_only == pytest.approx(2 / 3)
    assert (b.session, b.accuracy, b.shuffled, b.time_only) == ("2", 0.0, None, 1.0)


def test_a_session_without_trials_has_no_accuracy() -> None:
    (point,) = curves.points([outcome(stretch([], []))])
    assert (point.trials, point.accuracy, point.low, point.shuffled, point.time_only) == (0, None, None, None, None)


def test_confidences_are_the_posteriors_of_the_trials() -> None:
    one = outcome(stretch([], [], [trial(0, 0, (0.8, 0.2)), trial(1, 0, (0.6, 0.4))], [1.0, 2.0]))
    posterior, truth = curves.confidences([one], 2)
    np.testing.assert_allclose(posterior, [[0.8, 0.2], [0.6, 0.4]])
    assert truth.tolist() == [0, 1]


def test_a_sliding_decision_holds_until_the_next_one_but_not_over_a_hole() -> None:
    one = stretch([1.0, 2.0, 8.0], [0, 1, 0], seconds=10.0)
    shown = curves.shown_decisions(one, window=1.0, hop=1.0, columns=10)
    assert shown.tolist() == [-1, 0, 1, 1, 1, -1, -1, -1, 2, 2]


def test_a_marker_locked_decision_stands_over_its_window() -> None:
    one = stretch([3.0, 8.0], [0, 1], seconds=10.0)
    shown = curves.shown_decisions(one, window=2.0, hop=None, columns=10)
    assert shown.tolist() == [-1, 0, 0, -1, -1, -1, 1, 1, -1, -1]


def test_without_decisions_none_is_shown() -> None:
    assert curves.shown_decisions(stretch([], []), 1.0, 0.1, 3).tolist() == [-1, -1, -1]


@given(st.lists(st.integers(-1, 3), max_size=50))
def test_runs_are_the_values_and_no_two_neighbours_are_alike(values: list[int]) -> None:
    found = curves.runs(np.array(values, np.int64))
    assert [value for begin, end, value in found for _ in range(begin, end)] == values
    assert all(a[2] != b[2] for a, b in pairwise(found))
