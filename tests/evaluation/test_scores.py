"""Rows and summaries against counts by hand."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from rtbci import metrics
from rtbci.evaluation import scores
from rtbci.report import wilson_interval
from tests.evaluation.outcomes import outcome

TRUTH = [0, 1] * 10
ANSWER = [0, 1] * 7 + [1, 0] * 3


def test_a_row_has_every_score_ready_for_json():
    row = scores.row(outcome(TRUTH, ANSWER, shuffled=[[0] * 20, [1] * 19 + [0]], time_only=[0] * 15 + [1] * 5))
    assert json.loads(json.dumps(row, allow_nan=False)) == row
    assert set(row) == {
        "decoder", "subject", "session", "fold", "past", "classes", "trials", "trial_accuracy", "ci", "chance",
        "chance_majority", "chance_binomial", "permutation_p", "permutation_mean", "shuffled", "shuffled_sd", "time_only",
        "windows", "window_accuracy", "balanced_accuracy", "kappa", "auc", "mcc", "nmcc", "itr_bits_per_min",
        "decision_interval_s", "false_activations_per_min", "idle_minutes", "seconds_to_first_correct",
        "trials_with_correct", "flicker_per_min", "coverage_at_10_percent_error", "calibration_error", "confusion",
        "train_trials", "train_windows", "fit_seconds", "replay_seconds", "decisions_sha256",
    }  # fmt: skip
    assert (row["trials"], row["trial_accuracy"], row["chance"]) == (20, 0.7, 0.5)
    assert row["confusion"] == [[7, 3], [3, 7]]
    assert row["chance_binomial"] == 0.75  # P(X >= 15 of 20) = .0207, P(X >= 14) = .0577
    assert row["shuffled"] == pytest.approx((0.5 + 0.45) / 2)
    assert row["shuffled_sd"] == pytest.approx(np.std([0.5, 0.45], ddof=1))
    assert row["time_only"] == pytest.approx(11 / 20)
    assert row["calibration_error"] == pytest.approx(0.1)  # sure to .8, right in .7
    assert row["coverage_at_10_percent_error"] == 0.0  # all are equally sure, and 30 % wrong
    assert row["decision_interval_s"] == 3.0
    assert row["itr_bits_per_min"] == pytest.approx(metrics.itr_bits_per_min(0.7, 2, 3.0))
    assert row["ci"][0] < 0.7 < row["ci"][1]
    assert 0.05 < row["permutation_p"] < 0.15 and row["permutation_mean"] == pytest.approx(0.5, abs=0.02)


def test_windows_count_where_they_have_a_truth_and_claims_at_rest_where_none_is_near():
    row = scores.row(outcome(TRUTH, ANSWER))
    assert row["windows"] == 20 * 5  # ends 1, 1.5, ... 3 s after the trial's begin: the whole second within it
    assert row["window_accuracy"] == 0.7
    assert row["trials_with_correct"] == 0.7 and row["seconds_to_first_correct"] == 0.5
    # each trial is claimed from its first half second on, when half of the window, not more, lies in it
    assert row["false_activations_per_min"] == pytest.approx(20 / row["idle_minutes"])


def test_a_window_belongs_to_the_trial_that_has_more_than_half_of_it():
    made = outcome([0, 1], [0, 1]).stretches[0]
    truth = scores.majority_of_trials(made, 1.0)
    assert made.time[truth == 0].tolist() == [3.0, 3.5, 4.0, 4.5, 5.0]
    assert made.time[truth == 1].tolist() == [8.0, 8.5, 9.0, 9.5, 10.0]


def test_windows_locked_to_markers_tell_nothing_of_rest():
    row = scores.row(outcome(TRUTH, ANSWER, hop=None))
    assert {row[key] for key in metrics.rates([])} == {None}
    assert row["trial_accuracy"] == 0.7


def test_a_fold_without_trials_has_no_scores_and_disturbs_no_other():
    empty = outcome([], [], fold="run 3")
    row = scores.row(empty)
    assert row["trials"] == 0 and row["confusion"] == [[0, 0], [0, 0]]
    for key in ("trial_accuracy", "ci", "nmcc", "auc", "permutation_p", "shuffled", "time_only", "chance_binomial"):
        assert row[key] is None, key
    full = outcome(TRUTH, ANSWER, shuffled=[[0] * 20], time_only=TRUTH)
    alone, both = scores.summary([full])["csp"], scores.summary([full, empty])["csp"]
    per_time = {"flicker_per_min", "idle_minutes", "false_activations_per_min", "folds"}
    assert {k: v for k, v in both.items() if k not in per_time} == {k: v for k, v in alone.items() if k not in per_time}
    assert both["idle_minutes"] > alone["idle_minutes"]


def test_the_same_seed_gives_the_same_numbers_and_another_one_others():
    made = outcome(TRUTH, ANSWER)
    assert scores.row(made) == scores.row(made)
    assert scores.row(made, seed=1)["permutation_mean"] != scores.row(made)["permutation_mean"]


def test_the_time_control_counts_where_it_was_asked():
    made = outcome([0, 1, 2] * 2, [0] * 6, time_only=[0, 0, -1, 1, 1, -1], n_classes=3)
    assert scores.row(made)["time_only"] == 2 / 4
    other = outcome([0, 1] * 3, [0] * 6, fold="run 3", time_only=[0, 1] * 3, n_classes=3)
    assert scores.summary([made, other])["csp"]["time_only"] == 8 / 10
    assert scores.row(outcome([0, 1], [0, 1]))["time_only"] is None


def test_a_perfect_fold_is_not_certain():
    row = scores.row(outcome(TRUTH, TRUTH))
    assert row["trial_accuracy"] == row["auc"] == row["nmcc"] == 1.0
    assert row["ci"] == list(wilson_interval(20, 20))
    assert row["permutation_p"] == 1 / 2001
    assert row["coverage_at_10_percent_error"] == 1.0


def test_a_summary_pools_trials_and_keeps_decoders_apart():
    made = [
        outcome([0, 1], [0, 0], "csp", shuffled=[[0, 1]], time_only=[1, 1]),
        outcome([0, 1] * 3, [0, 1] * 3, "csp", fold="run 3", shuffled=[[0] * 6], time_only=[0, 1] * 3),
        outcome([0, 1], [1, 0], "mdm"),
    ]
    found = scores.summary(made)
    assert list(found) == ["csp", "mdm"]
    csp = found["csp"]
    assert (csp["trials"], csp["subjects"], csp["folds"], csp["past"]) == (8, 1, 2, True)
    assert csp["trial_accuracy"] == 7 / 8 and csp["confusion"] == [[4, 0], [1, 3]]
    assert csp["shuffled"] == pytest.approx((2 + 3) / 8) and csp["time_only"] == pytest.approx((1 + 6) / 8)
    assert csp["auc"] == pytest.approx((0.5 * 2 + 1.0 * 6) / 8)
    assert csp["nmcc"] == scores.row(outcome([0] * 4 + [1] * 4, [0] * 5 + [1] * 3))["nmcc"]
    assert found["mdm"]["trial_accuracy"] == 0.0 and found["mdm"]["itr_bits_per_min"] == 0.0
    assert scores.summary([replace(made[0], past=False), made[1]])["csp"]["past"] is False


def test_with_several_subjects_the_interval_is_wider_than_that_of_as_many_trials_of_one():
    right, wrong = [0, 1] * 20, [1, 0] * 20
    answers = {"1": right, "2": right[:36] + wrong[:4], "3": wrong[:20] + right[20:], "4": wrong[:24] + right[24:]}
    several = [outcome(right, a, subject=s) for s, a in answers.items()]
    one = [replace(made, subject="1") for made in several]
    (low, high), (near, far) = (scores.summary(made)["csp"]["ci"] for made in (several, one))
    assert high - low > 1.5 * (far - near)


def test_four_classes_and_idle():
    truth = [0, 1, 2, 3] * 5
    made = outcome(truth, [0, 1, 2, 2] * 5, n_classes=4)
    assert scores.row(made)["chance"] == 0.25 and scores.row(made)["trial_accuracy"] == 0.75
    one = made.stretches[0]
    majority = scores.majority_of_trials(one, 1.0)
    idle = replace(made, idle=3, stretches=(replace(one, truth=np.where(majority < 0, 3, majority)),))
    resting = scores.row(idle)
    assert resting["trials_with_correct"] == 1.0  # of the 15 that are not idle
    assert resting["idle_minutes"] == pytest.approx(np.mean(idle.stretches[0].truth == 3) * one.seconds / 60)
    assert resting["false_activations_per_min"] == pytest.approx(20 / resting["idle_minutes"])
