"""Folds: trained on the past where that is said, with a purge gap of a window, and never random."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtbci import config
from rtbci.errors import ConfigError
from rtbci.evaluation.nouns import Recorded
from rtbci.evaluation.splits import folds
from rtbci.evaluation.survey import Surveyed

TEXT = """
name = "left or right"
[source]
use = "lsl"
[classes]
left = ["1"]
right = ["2"]
[trial]
start = 0.5
stop = 3.5
[[decoder]]
name = "sliding"
use = "mdm"
window = 2.0
hop = 0.1
[[decoder]]
name = "locked"
use = "mdm"
window = 1.0
lock = "marker"
offset = -0.1
baseline = 0.2
"""
EXPERIMENT = config.loads(TEXT)
SLIDING, LOCKED = EXPERIMENT.decoders
RATE = 100.0


def surveyed(subject: str, session: str, run: str, onsets: list[tuple[int, int]] | None = None) -> Surveyed:
    given_onsets = [(100 + 800 * k, k % 2) for k in range(20)] if onsets is None else onsets
    recorded = Recorded(subject, session, run, Path(f"{subject}-{session}-{run}.edf"))
    return Surveyed(recorded, RATE, given_onsets[-1][0] + 1000, tuple(given_onsets), {}, str(recorded), str(recorded))


def paths(parts) -> list[str]:
    return [str(part.recorded.path) for part in parts]


@given(
    gaps=st.lists(st.integers(1, 1500), min_size=12, max_size=40),
    blocks=st.integers(2, 5),
    chosen=st.sampled_from([SLIDING, LOCKED]),
)
def test_in_one_recording_a_window_lies_between_what_was_trained_on_and_what_is_tested(gaps, blocks, chosen):
    onsets, at = [], 50
    for k, gap in enumerate(gaps):
        at += gap
        onsets.append((at, k % 2))
    try:
        found = folds(EXPERIMENT, chosen, [surveyed("A", "1", "1", onsets)], "chronological", blocks)
    except ConfigError:
        return  # trials so dense that the purge gap leaves no class to train on
    for fold in found:
        (train,), (test,) = fold.train, fold.test
        assert train.start == 0 and train.stop is not None
        assert test.start - train.stop >= chosen.window * RATE
        assert fold.past


def test_blocks_test_every_trial_but_those_of_the_first_block_once():
    one = surveyed("A", "1", "1")
    found = folds(EXPERIMENT, SLIDING, [one], "chronological", 5)
    tested = [
        at
        for fold in found
        for at, _ in one.onsets
        if fold.test[0].start <= at and (fold.test[0].stop is None or at < fold.test[0].stop)
    ]
    assert tested == [at for at, _ in one.onsets[4:]]


def test_with_several_recordings_each_is_tested_on_all_before_it():
    runs = [surveyed("A", "1", run) for run in ("1", "2", "3")]
    found = folds(EXPERIMENT, SLIDING, runs, "chronological")
    assert [(paths(fold.train), paths(fold.test)) for fold in found] == [
        (["A-1-1.edf"], ["A-1-2.edf"]),
        (["A-1-1.edf", "A-1-2.edf"], ["A-1-3.edf"]),
    ]
    assert all(fold.past for fold in found)


def test_a_recording_is_not_tested_before_every_class_was_shown():
    only_left = surveyed("A", "1", "1", [(100, 0), (900, 0)])
    found = folds(EXPERIMENT, SLIDING, [only_left, *(surveyed("A", "1", r) for r in "23")], "chronological")
    assert [paths(fold.test) for fold in found] == [["A-1-3.edf"]]


def test_leaving_a_run_out_says_where_it_was_trained_on_the_future():
    runs = [surveyed("A", "1", run) for run in ("1", "2", "3")]
    found = folds(EXPERIMENT, SLIDING, runs, "leave-one-run-out")
    assert [fold.past for fold in found] == [False, False, True]
    assert [len(fold.train) for fold in found] == [2, 2, 2]


def test_leaving_a_session_out_tests_all_its_runs():
    runs = [surveyed("A", session, run) for session in "12" for run in "12"]
    found = folds(EXPERIMENT, SLIDING, runs, "leave-one-session-out")
    assert [(fold.session, paths(fold.test)) for fold in found] == [
        ("1", ["A-1-1.edf", "A-1-2.edf"]),
        ("2", ["A-2-1.edf", "A-2-2.edf"]),
    ]


def test_leaving_a_subject_out_trains_on_the_others_only():
    everyone = [surveyed(subject, "1", run) for subject in "ABC" for run in "12"]
    for fold in folds(EXPERIMENT, SLIDING, everyone, "leave-one-subject-out"):
        assert fold.subject not in {part.recorded.subject for part in fold.train}
        assert len(fold.train) == 4 and fold.past


@pytest.mark.parametrize("split", ["random", "shuffled", "Stratified_K_Fold"])
def test_a_random_split_is_refused_with_the_reason(split):
    with pytest.raises(ConfigError, match=r"windows of 2 s every 0.1 s share 95 % of their samples"):
        folds(EXPERIMENT, SLIDING, [surveyed("A", "1", "1")], split)
    with pytest.raises(ConfigError, match=r"would train on the future"):
        folds(EXPERIMENT, LOCKED, [surveyed("A", "1", "1")], split)


@pytest.mark.parametrize(
    ("split", "n", "message"),
    [
        ("leave-one-session-out", 3, "there is one session"),
        ("leave-one-subject-out", 3, "there is one subject"),
        ("leave-one-run-out", 1, "there is one run"),
        ("leave-one-run", 1, 'did you mean "leave-one-run-out"'),
    ],
)
def test_a_split_that_cannot_be_is_refused(split, n, message):
    with pytest.raises(ConfigError, match=message):
        folds(EXPERIMENT, SLIDING, [surveyed("A", "1", str(k)) for k in range(n)], split)


def test_classes_that_come_one_after_the_other_leave_nothing_to_test():
    blocked = surveyed("A", "1", "1", [(100 + 800 * k, k // 10) for k in range(20)])
    found = folds(EXPERIMENT, SLIDING, [blocked], "chronological", 5)
    # only after the second class has begun can anything have been learnt
    assert [fold.name for fold in found] == ["block 4 of 5", "block 5 of 5"]
    with pytest.raises(ConfigError, match="too few"):
        folds(EXPERIMENT, SLIDING, [surveyed("A", "1", "1", [(100, 0), (900, 1), (1700, 0)])], "chronological", 2)
