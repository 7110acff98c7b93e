"""Intervals, permutations and paired tests against exact values and published ones."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from rtbci.evaluation.statistics import bootstrap_ci, compare, holm, mcnemar, permutation_test, signed_rank
from tests.evaluation.outcomes import outcome


def test_the_bootstrap_of_right_and_wrong_has_the_quantiles_of_the_binomial():
    right = np.array([1] * 70 + [0] * 30)
    low, high = bootstrap_ci([right], draws=20_000)
    assert low == pytest.approx(binom.ppf(0.025, 100, 0.7) / 100, abs=0.011)
    assert high == pytest.approx(binom.ppf(0.975, 100, 0.7) / 100, abs=0.011)


def test_the_bootstrap_of_subjects_speaks_of_subjects():
    # all trials of a subject alike: what is drawn anew are four numbers, and all zeros come once in 256
    groups = [np.full(50, value) for value in (0.0, 0.2, 0.6, 1.0)]
    means = np.sort([np.mean(p) for p in np.array(np.meshgrid(*[[0.0, 0.2, 0.6, 1.0]] * 4)).reshape(4, -1).T])
    expected = np.percentile(means, [2.5, 97.5])
    assert bootstrap_ci(groups, draws=20_000) == pytest.approx(tuple(expected), abs=0.051)


@given(st.lists(st.lists(st.integers(0, 1), max_size=20), max_size=6), st.integers(0, 5))
def test_an_interval_is_within_the_values_and_the_same_again(groups, seed):
    arrays = [np.array(group) for group in groups]
    found = bootstrap_ci(arrays, seed, draws=200)
    if not any(groups):
        assert found is None
        return
    low, high = found
    assert 0.0 <= low <= high <= 1.0
    assert bootstrap_ci(arrays, seed, draws=200) == found


def test_permutations_of_few_labels_agree_with_all_of_them():
    truth, answer = np.array([0, 0, 0, 1, 1, 2]), np.array([0, 0, 1, 1, 1, 0])
    right = [np.sum(np.array(p) == answer) for p in permutations(truth)]
    p, mean = permutation_test([truth], [answer], permutations=20_000)
    assert p == pytest.approx(np.mean(np.array(right) >= 4), abs=0.01)
    assert mean == pytest.approx(np.mean(right) / 6, abs=0.005)


def test_labels_are_permuted_within_folds_only():
    # each fold has one class: no order of its labels is any other, whatever the answers
    p, mean = permutation_test([np.zeros(9, int), np.ones(9, int)], [np.zeros(9, int), np.ones(9, int)])
    assert (p, mean) == (1.0, 1.0)
    assert permutation_test([np.empty(0, int)], [np.empty(0, int)]) == (None, None)


def test_chance_answers_are_significant_as_often_as_the_level_says():
    rng = np.random.default_rng(8)
    ps = [
        permutation_test([rng.integers(2, size=30)], [rng.integers(2, size=30)], permutations=199)[0]
        for _ in range(300)
    ]
    assert np.mean(np.array(ps) <= 0.05) < 0.085  # binomial: P(26 or more of 300 at .05) < .01


def test_mcnemar_by_hand():
    first, second = np.array([True] * 9 + [False] * 11), np.array([True] + [False] * 8 + [True] + [False] * 10)
    assert mcnemar(first, second) == pytest.approx(2 * (1 + 9) / 2**9)  # one against eight
    assert mcnemar(first, first) == 1.0


def test_signed_ranks_by_hand_and_as_published():
    assert signed_rank(np.full(6, 0.1)) == 2 / 2**6
    assert signed_rank(np.array([0.1] * 6 + [0.0] * 4)) == 2 / 2**6
    assert signed_rank(np.zeros(7)) == 1.0
    # Darwin's maize, in eighths of an inch (Fisher 1935): W = 24 of 15 pairs, p = .041
    maize = np.array([49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48]) / 8
    assert signed_rank(maize) == pytest.approx(0.041, abs=0.001)


def test_ties_of_accuracies_are_seen_through_rounding():
    differences = np.array([0.8 - 0.7, 0.9 - 0.8, 0.7 - 0.6, 0.5 - 0.6, 0.3 - 0.2, 0.6 - 0.5, 0.4 - 0.3])
    assert len(np.unique(np.abs(differences))) > 1
    assert signed_rank(differences) == pytest.approx(2 * (1 + 7) / 2**7)  # ties: a sign test


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, None, 0.7]) == [1.0, None, 1.0]
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), max_size=8))
def test_holm_lies_between_nothing_and_bonferroni(ps):
    corrected = holm(ps)
    assert all(p <= c <= min(1.0, p * len(ps)) + 1e-12 for p, c in zip(ps, corrected, strict=True))
    assert [corrected[k] for k in np.argsort(ps, kind="stable")] == sorted(corrected)


TRUTH = [0, 1] * 10
GOOD, POOR = [0, 1] * 9 + [1, 0], [1, 0] * 5 + [0, 1] * 5


def test_decoders_of_one_subject_are_compared_trial_by_trial():
    made = [outcome(TRUTH, GOOD, "good"), outcome(TRUTH, POOR, "poor"), outcome(TRUTH, GOOD, "same")]
    found = compare(made)
    assert [(one["first"], one["second"]) for one in found] == [("good", "poor"), ("good", "same"), ("poor", "same")]
    first = found[0]
    assert (first["unit"], first["n"], first["test"]) == ("trials", 20, "McNemar, exact")
    assert first["difference"] == pytest.approx(0.4)
    assert first["ci"][0] < 0.4 < first["ci"][1]
    assert first["p"] == pytest.approx(binom.cdf(2, 12, 0.5) * 2)  # ten against two
    assert first["p_corrected"] == pytest.approx(3 * first["p"])
    assert (found[1]["difference"], found[1]["p"], found[1]["p_corrected"]) == (0.0, 1.0, 1.0)
    assert found[2]["difference"] == pytest.approx(-0.4)


def test_six_folds_or_six_subjects_are_compared_as_such():
    folds = [outcome(TRUTH, a, d, fold=f"run {k}") for k in range(6) for d, a in (("good", GOOD), ("poor", POOR))]
    (found,) = compare(folds)
    assert (found["unit"], found["n"], found["trials"]) == ("folds", 6, 120)
    assert (found["test"], found["p"]) == ("Wilcoxon signed-rank", 2 / 2**6)
    subjects = [outcome(TRUTH, a, d, subject=str(k)) for k in range(6) for d, a in (("good", GOOD), ("poor", POOR))]
    (found,) = compare(subjects + folds)
    assert (found["unit"], found["n"], found["p"]) == ("subjects", 6, 2 / 2**6)


def test_only_trials_that_both_answered_are_paired():
    (found,) = compare([outcome(TRUTH, GOOD, "good"), outcome(TRUTH[:8], POOR[:8], "poor")])
    assert (found["trials"], found["difference"]) == (8, 1.0)
    (found,) = compare([outcome(TRUTH, GOOD, "good"), outcome(TRUTH, GOOD, "poor", fold="run 9")])
    assert (found["n"], found["p"], found["p_corrected"], found["difference"]) == (0, None, None, None)
    assert compare([outcome(TRUTH, GOOD, "good")]) == []
