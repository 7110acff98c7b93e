"""Measures against values by hand, published ones, scikit-learn's, and what must hold whatever was decided."""

from __future__ import annotations

import json
import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.stats import binom
from sklearn import metrics as sklearn_metrics

from rtbci import metrics
from rtbci.report import DecoderTally, as_text
from rtbci.trials import Trial


def from_table(table: list[list[int]]) -> tuple[np.ndarray, np.ndarray]:
    """Truth and answer whose confusion is ``table``."""
    pairs = [(t, a) for t, row in enumerate(table) for a, n in enumerate(row) for _ in range(n)]
    truth, answer = np.array(pairs, np.int64).T
    return truth, answer


tables = st.integers(2, 5).flatmap(
    lambda n: st.lists(st.lists(st.integers(0, 12), min_size=n, max_size=n), min_size=n, max_size=n)
)


def test_kappa_of_a_textbook_table():
    truth, answer = from_table([[20, 5], [10, 15]])  # observed .7, expected .5
    assert metrics.score(truth, answer, None, 2, None)["kappa"] == pytest.approx(0.4)
    assert metrics.confusion(truth, answer, 2).tolist() == [[20, 5], [10, 15]]


def test_matthews_correlation_by_hand():
    truth, answer = from_table([[6, 2], [1, 3]])
    found = metrics.score(truth, answer, None, 2, None)
    assert found["mcc"] == pytest.approx(16 / math.sqrt(7 * 8 * 4 * 5))
    assert found["nmcc"] == pytest.approx((found["mcc"] + 1) / 2)
    assert found["accuracy"] == 0.75
    assert found["balanced_accuracy"] == pytest.approx((6 / 8 + 3 / 4) / 2)


@given(tables)
def test_correlation_and_kappa_of_many_classes_are_those_of_the_formulas(table):
    counts = np.array(table)
    assume((counts.sum(axis=1) > 0).sum() > 1)
    truth, answer = from_table(table)
    s, c, t, p = counts.sum(), np.trace(counts), counts.sum(axis=1), counts.sum(axis=0)
    below = math.sqrt(float(s**2 - p @ p) * float(s**2 - t @ t))
    found = metrics.score(truth, answer, None, len(table), None)
    assert found["mcc"] == pytest.approx((c * s - p @ t) / below if below else 0.0)
    expected = p @ t / s**2
    assert found["kappa"] == pytest.approx((c / s - expected) / (1 - expected))
    assert np.array_equal(metrics.confusion(truth, answer, len(table)), counts)
    assert found["balanced_accuracy"] == pytest.approx(
        np.mean([row[k] / sum(row) for k, row in enumerate(table) if sum(row)])
    )


def test_an_abstention_is_wrong_and_in_no_column():
    truth, answer = np.array([0, 0, 1, 1]), np.array([0, -1, 1, -1])
    found = metrics.score(truth, answer, None, 2, None)
    assert found["accuracy"] == found["balanced_accuracy"] == 0.5
    assert 0.0 < found["kappa"] < 1.0 and 0.0 < found["mcc"] < 1.0
    assert metrics.confusion(truth, answer, 2).tolist() == [[1, 0], [0, 1]]


@pytest.mark.filterwarnings("error")
def test_what_is_undefined_is_none():
    nothing = np.empty(0, np.int64)
    assert set(metrics.score(nothing, nothing, np.empty((0, 2)), 2, 3.0).values()) == {None}
    one = np.zeros(4, np.int64)
    found = metrics.score(one, np.array([0, 0, 1, 1]), np.full((4, 2), 0.5), 2, None)
    assert (found["accuracy"], found["balanced_accuracy"]) == (0.5, 0.5)
    assert [found[key] for key in ("kappa", "mcc", "nmcc", "auc", "itr_bits_per_min")] == [None] * 5
    assert metrics.coverage_at_error(np.empty((0, 2)), nothing) is None
    assert metrics.calibration_error(np.empty((0, 2)), nothing) is None
    assert metrics.majority_level(nothing, 2) is None
    found = metrics.score(np.array([0, 1]), one[:2], None, 2, None)  # always the same answer, of two classes
    assert (found["mcc"], found["nmcc"], found["kappa"], found["auc"]) == (0.0, 0.5, 0.0, None)


@given(st.integers(2, 4), st.integers(0, 10_000))
def test_auc_is_that_of_scikit_learn(n_classes, seed):
    rng = np.random.default_rng(seed)
    truth = np.append(rng.integers(n_classes, size=25), np.arange(n_classes))
    # rows are drawn from few, so that many are tied, to the last bit
    probabilities = rng.dirichlet(np.ones(n_classes), 12)[rng.integers(12, size=len(truth))]
    shown = probabilities[:, 1] if n_classes == 2 else probabilities
    expected = sklearn_metrics.roc_auc_score(truth, shown, multi_class="ovr")
    assert metrics.auc(truth, probabilities, n_classes) == pytest.approx(expected, abs=1e-9)


def test_auc_still_ranks_what_rounds_to_certainty():
    sure = np.array([1e-20, 1e-30, 1e-40, 1e-50])
    probabilities = np.column_stack([sure, 1.0 - sure])
    assert np.all(probabilities[:, 1] == 1.0)
    assert metrics.auc(np.array([0, 0, 1, 1]), probabilities, 2) == 1.0


@pytest.mark.parametrize(
    ("accuracy", "n_classes", "bits"),
    [(0.9, 2, 0.5310), (1.0, 36, 5.1699), (0.9, 4, 1.3725), (0.8, 4, 0.9611), (0.5, 2, 0.0), (0.2, 4, 0.0)],
)
def test_information_transfer_rate_of_known_accuracies(accuracy, n_classes, bits):
    assert metrics.itr_bits_per_min(accuracy, n_classes, 60.0) == pytest.approx(bits, abs=5e-5)


@given(st.integers(2, 40), st.floats(0, 1), st.floats(0, 1), st.floats(0.05, 60))
def test_information_transfer_rate_rises_with_accuracy_up_to_all_of_it(n_classes, one, other, seconds):
    low, high = sorted((one, other))
    rates = [metrics.itr_bits_per_min(p, n_classes, seconds) for p in (low, high, 1.0)]
    assert 0.0 <= rates[0] <= rates[1] + 1e-9 and rates[1] <= rates[2] + 1e-9
    assert rates[2] == pytest.approx(math.log2(n_classes) * 60.0 / seconds)


def test_a_stream_of_claims_is_counted_by_hand():
    # a decision every half second; rest, a trial of class 1 from 3 s to 6 s, rest
    time = np.arange(1, 21) * 0.5
    answer = np.array([-1, 0, 0, -1, 0, 1, 1, -1, 0, 1, 1, 1, 1, 1, 0, -1, -1, -1, -1, -1])
    truth = np.where((time > 3.0) & (time <= 6.0), 1, -1)
    found = metrics.asynchronous(time, answer, truth, np.array([[3.0, 6.0]]), np.array([1]), None)
    assert found["idle_minutes"] == pytest.approx(14 * 0.5 / 60)
    # in rest begin: 0 at 1 s, 0 at 2.5 s, 1 at 3 s, and 0 at 7.5 s; the claim that goes on after the trial is none
    assert found["false_activations_per_min"] == pytest.approx(4 / (7 / 60))
    assert found["seconds_to_first_correct"] == pytest.approx(0.5)  # class 1 is still claimed at 3.5 s
    assert found["trials_with_correct"] == 1.0
    assert found["flicker_per_min"] == pytest.approx(np.count_nonzero(np.diff(answer)) / (10 / 60))


def test_claims_of_idle_are_no_activations():
    time = np.arange(1, 11) * 1.0
    answer = np.array([2, 2, 0, 2, -1, 1, 1, 2, 2, 2])
    truth = np.array([2, 2, 2, 2, 2, 1, 1, 1, 2, 2])
    spans, labels = np.array([[0.0, 5.0], [5.0, 8.0], [8.0, 10.0]]), np.array([2, 1, 2])
    found = metrics.asynchronous(time, answer, truth, spans, labels, 2)
    assert found["idle_minutes"] == pytest.approx(7 / 60)
    assert found["false_activations_per_min"] == pytest.approx(60 / 7)  # class 0 at 3 s
    assert (found["seconds_to_first_correct"], found["trials_with_correct"]) == (1.0, 1.0)


def test_a_hole_in_the_data_is_no_rest_and_one_decision_tells_no_rate():
    time = np.array([1.0, 2.0, 3.0, 300.0, 301.0, 302.0])
    rest, none = np.full(6, -1), np.empty(0, np.int64)
    found = metrics.asynchronous(time, rest, rest, np.empty((0, 2)), none, None)
    assert found["idle_minutes"] == pytest.approx(6 / 60)
    assert found["false_activations_per_min"] == found["flicker_per_min"] == 0.0
    assert found["seconds_to_first_correct"] is found["trials_with_correct"] is None
    alone = metrics.asynchronous(time[:1], rest[:1], rest[:1], np.empty((0, 2)), none, None)
    assert alone["false_activations_per_min"] is alone["flicker_per_min"] is None


@given(st.lists(st.tuples(st.integers(-1, 2), st.integers(-1, 2)), min_size=2, max_size=60), st.integers(1, 58))
def test_stretches_add_up(decisions, cut):
    answer, truth = np.array(decisions, np.int64).T
    cut = min(cut, len(answer) - 1)
    time = np.arange(1, len(answer) + 1) * 0.25
    spans, labels = np.empty((0, 2)), np.empty(0, np.int64)
    parts = [
        metrics.activity(time[at], answer[at], truth[at], spans, labels, None) for at in (slice(cut), slice(cut, None))
    ]
    whole = metrics.activity(time, answer, truth, spans, labels, None)
    # where it is cut, a change is not seen, and a claim that goes on begins anew
    assert 0 <= whole.changes - sum(p.changes for p in parts) <= 1
    assert 0 <= sum(p.false_onsets for p in parts) - whole.false_onsets <= 1
    if 2 <= cut <= len(answer) - 2:
        assert metrics.rates(parts)["idle_minutes"] == pytest.approx(whole.idle_seconds / 60)


SURE = np.array([[0.95, 0.05], [0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.6, 0.4]])


def test_coverage_keeps_the_surest_as_long_as_they_are_right():
    truth = np.array([0, 0, 0, 0, 0])  # the fourth, sure to .7, is wrong
    assert metrics.coverage_at_error(SURE, truth) == 3 / 5
    assert metrics.coverage_at_error(SURE, truth, error=0.2) == 1.0  # one wrong of five
    assert metrics.coverage_at_error(SURE, np.ones(5, int)) == 0.0


def test_coverage_does_not_pick_among_the_equally_sure():
    probabilities = np.tile([0.8, 0.2], (4, 1))
    assert metrics.coverage_at_error(probabilities, np.array([0, 0, 0, 1])) == 0.0
    assert metrics.coverage_at_error(probabilities, np.array([0, 0, 0, 1]), error=0.25) == 1.0


@given(st.lists(st.tuples(st.integers(0, 10), st.integers(0, 1)), min_size=1, max_size=30), st.randoms())
def test_coverage_and_calibration_do_not_depend_on_order(decisions, random):
    found = []
    for _ in range(2):
        sure, truth = np.array(decisions).T
        probabilities = np.column_stack([sure / 10, 1 - sure / 10])
        found.append([metrics.coverage_at_error(probabilities, truth), metrics.calibration_error(probabilities, truth)])
        random.shuffle(decisions)
    assert found[0] == pytest.approx(found[1])


def test_calibration_error_by_hand():
    truth = np.array([0, 1, 0, 1, 1])
    # bins (.5, .6]: .6 wrong; (.6, .7]: .7 right; (.7, .8]: .8 right; (.8, .9]: .9 wrong; (.9, 1]: .95 right
    assert metrics.calibration_error(SURE, truth) == pytest.approx((0.6 + 0.3 + 0.2 + 0.9 + 0.05) / 5)
    assert metrics.reliability(SURE, truth, bins=2) == [(pytest.approx(0.79), pytest.approx(0.6), 5)]
    certain = np.array([[1.0, 0.0], [1.0, 0.0]])
    assert metrics.reliability(certain, np.array([0, 1])) == [(1.0, 0.5, 2)]


@pytest.mark.parametrize(
    ("n", "p", "level"),
    # P(X >= 9 of 10) = 11/1024, P(X >= 8) = 56/1024; P(5 of 5) = 1/32; P(4 of 4) = 1/16, so four prove nothing
    [(10, 0.5, 0.9), (5, 0.5, 1.0), (4, 0.5, 1.25), (2, 0.2, 1.0)],
)
def test_the_level_of_guessing_by_hand(n, p, level):
    assert metrics.binomial_level(n, p) == pytest.approx(level)


@given(st.integers(1, 300), st.integers(2, 8), st.sampled_from([0.05, 0.01, 0.001]))
def test_the_level_of_guessing_is_one_answer_above_the_published_one(n, n_classes, alpha):
    published = binom.isf(alpha, n, 1 / n_classes)  # Combrisson and Jerbi: to be exceeded
    assert metrics.binomial_level(n, 1 / n_classes, alpha) * n == pytest.approx(published + 1)


def test_levels_of_knowing_nothing():
    assert metrics.chance_level(4) == 0.25
    assert metrics.majority_level(np.array([0, 0, 0, 1]), 3) == 0.75
    assert metrics.binomial_level(0, 0.5) == math.inf


def test_scikit_learn_and_scipy_stats_are_loaded_when_something_is_scored():
    code = (
        "import sys, rtbci.metrics, rtbci.report\n"
        "rtbci.report.DecoderTally(('a', 'b')).as_json()\n"
        "sys.exit(' '.join({'sklearn', 'scipy.stats'} & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def trial(truth: int, answer: int, sure: float = 0.8) -> Trial:
    posterior = np.full(2, 1 - sure)
    posterior[answer] = sure
    return Trial(0.0, "T", truth, answer, 10, 7, tuple(np.log(posterior)), -1, None, 0, 300)


def test_the_report_of_a_session_has_the_measures_of_an_evaluation():
    trials = [trial(t, a) for t, a in [(0, 0)] * 20 + [(0, 1)] * 5 + [(1, 0)] * 10 + [(1, 1)] * 15]
    report = DecoderTally(("fists", "feet"), trials, trial_seconds=3.0).as_json()
    truth, answer = from_table([[20, 5], [10, 15]])
    expected = metrics.score(truth, answer, np.exp([t.evidence for t in trials]), 2, 3.0)
    assert report["kappa"] == pytest.approx(0.4)
    for key in ("balanced_accuracy", "kappa", "auc", "mcc", "nmcc", "itr_bits_per_min"):
        assert report[key] == expected[key]
    assert report["trial_accuracy"] == expected["accuracy"]
    assert report["decision_interval_s"] == 3.0
    assert report["chance_majority"] == 0.5
    assert report["chance_binomial"] == 32 / 50  # P(X >= 32 of 50) = .0325, P(X >= 31) = .0595
    assert json.loads(json.dumps(report)) == report
    text = as_text({"decoders": {"d": report}, "samples": {"received": 1, "lost": 0}, "gaps": 0, "session": None})
    assert "kappa 0.400" in text and "below 0.640" in text and "bits/min at a decision every 3.00 s" in text


def test_a_report_of_few_trials_says_that_they_prove_nothing():
    report = DecoderTally(("a", "b"), [trial(0, 0), trial(0, 0)]).as_json()
    assert report["chance_binomial"] is report["kappa"] is report["auc"] is report["itr_bits_per_min"] is None
    text = as_text({"decoders": {"d": report}, "samples": {"received": 1, "lost": 0}, "gaps": 0, "session": None})
    assert "too few trials to tell from guessing" in text and "balanced 1.000" in text
    assert "None" not in text and "kappa" not in text


def test_a_trial_is_as_long_as_its_windows_need():
    from rtbci import config
    from rtbci.report import trial_seconds

    experiment = config.loads(
        """
name = "x"
[source]
use = "lsl"
[classes]
a = ["A"]
b = ["B"]
[trial]
start = 0.5
stop = 3.5
[[decoder]]
name = "short"
use = "csp"
window = 2.0
hop = 0.25
[[decoder]]
name = "long"
use = "csp"
window = 3.0
hop = 0.25
[[decoder]]
name = "locked"
use = "csp"
window = 0.8
lock = "marker"
"""
    )
    assert [trial_seconds(experiment, one) for one in experiment.decoders] == [3.0, 3.25, 0.8]
