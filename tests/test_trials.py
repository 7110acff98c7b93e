from __future__ import annotations

import numpy as np
import pytest

from rtbci.evidence import Evidence
from rtbci.report import DecoderTally, as_text, shuffled_accuracy, wilson_interval
from rtbci.trials import Gatherer, Trial, answer
from rtbci.types import Decision, Marker

RATE = 100.0
LABELS = {"T1": 0, "T2": 1, "also two": 1}


def locate(time: float) -> int | None:
    return None if time > 100.0 else round(time * RATE) if time >= 0 else -1


def gatherer(keep: int = 2048) -> Gatherer[int]:
    return Gatherer(LABELS, 50, 350, locate, keep)


def windows(first: int, last: int) -> list[tuple[int, int]]:
    return [(start, start + 200) for start in range(first, last - 199, 10)]


@pytest.mark.parametrize("late", [False, True])
def test_a_trial_has_the_windows_that_lie_wholly_within_it_whenever_its_marker_comes(late: bool) -> None:
    trials = gatherer()
    marker = Marker(10.0, "T2")
    if not late:
        trials.add_marker(marker)
    for start, stop in windows(0, 2000):
        trials.add(start, stop, start)
    if late:
        trials.add_marker(marker)
    (trial,) = trials.finished(1999)
    # from 10.5 s to 13.5 s: windows that start at 10.5, 10.6, … 11.5 s
    assert trial.items == tuple(range(1050, 1151, 10))
    assert (trial.truth, trial.begin) == (1, 1000)


def test_a_trial_waits_for_its_last_window() -> None:
    trials = gatherer()
    trials.add_marker(Marker(1.0, "T1"))
    for start, stop in windows(0, 449):
        trials.add(start, stop, start)
    assert trials.finished(449) == []
    trials.add(250, 450, 250)
    assert trials.finished(450)[0].items[-1] == 250
    assert trials.finished(10_000) == []


def test_trials_without_data_are_counted_not_answered() -> None:
    trials = gatherer()
    for time in (-5.0, 20.0, 200.0):  # before the stream, in a stretch without windows, after its end
        trials.add_marker(Marker(time, "T1"))
    trials.add_marker(Marker(3.0, "a marker that means no class"))
    assert trials.finished(5000) == []
    trials.abandon()
    assert trials.without_data == 3


def decision(start: int, p: float) -> Decision:
    log_probs = np.log([p, 1 - p])
    return Decision(start, start + 200, start + 199, log_probs, log_probs, -1, 0.0, 0.0, 0.0)


def test_the_answer_is_the_class_with_most_evidence_over_all_windows_not_the_last_word() -> None:
    trials: Gatherer[tuple[Decision, int]] = Gatherer(LABELS, 50, 350, locate)
    trials.add_marker(Marker(0.0, "T1"))
    for i, (start, stop) in enumerate(windows(50, 350)):
        trials.add(start, stop, (decision(start, 0.9 if i < 8 else 0.3), 10))
    (gathered,) = trials.finished(350)
    result = answer(gathered, Evidence(2, 200, 10, RATE, threshold=0.55), RATE)
    assert (result.truth, result.answer, result.windows, result.correct) == (0, 0, 11, 8)
    assert result.claimed == 0
    assert result.seconds_to_claim == 2.6  # the second window crosses .55; it ends at 0.5 + 2 + 0.1 s
    assert np.exp(result.evidence).sum() == pytest.approx(1.0)


def some_trial(truth: int, answered: int) -> Trial:
    return Trial(0.0, "T", truth, answered, 10, 7, (0.0, 0.0), -1, None)


def test_the_report_counts_trials_and_windows_and_sets_chance_beside_them() -> None:
    tally = DecoderTally(("fists", "feet"))
    tally.trials = [some_trial(0, 0), some_trial(0, 1), some_trial(1, 1), some_trial(1, 1)]
    report = tally.as_json()
    assert report["trial_accuracy"] == 0.75
    assert report["confusion"] == [[1, 1], [0, 2]]
    assert report["window_accuracy"] == 0.7
    assert report["chance"] == 0.5
    assert report["shuffled"] == 0.5 * 0.25 + 0.5 * 0.75
    text = as_text({"decoders": {"d": report}, "samples": {"received": 1, "lost": 0}, "gaps": 0, "session": "here"})
    assert "chance 0.50" in text
    assert "right of 4" in text


def test_a_report_without_trials_claims_no_accuracy() -> None:
    report = DecoderTally(("a", "b")).as_json()
    assert report["trial_accuracy"] is report["window_accuracy"] is report["shuffled"] is None
    assert shuffled_accuracy([], 2) is None


def test_wilson_interval_agrees_with_published_values() -> None:
    # Newcombe 1998, Statistics in Medicine 17:857, table I, method 3 (score): 81/263 and 15/148
    assert wilson_interval(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson_interval(15, 148) == pytest.approx((0.0624, 0.1605), abs=5e-5)


def test_after_a_restart_trials_that_were_told_are_neither_told_again_nor_counted_as_without_data() -> None:
    trials = gatherer()
    trials.leave_out({-5.0, 1.0})
    for time in (-5.0, -3.0, 1.0, 6.0):  # two from before the restart, one told already, one to come
        trials.add_marker(Marker(time, "T1"))
    for start, stop in windows(0, 2000):
        trials.add(start, stop, start)
    assert [trial.marker.time for trial in trials.finished(2000)] == [6.0]
    assert trials.without_data == 1
