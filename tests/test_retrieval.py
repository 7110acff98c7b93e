"""Retrieval: ranks and what follows from them, against enumeration of all that could be drawn."""

from __future__ import annotations

import json
from itertools import combinations, permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtbci import retrieval as module
from rtbci.retrieval import Retrieval, by_repeats, ranks_of, retrieval, shuffled_top1, wilson_interval


@st.composite
def scored(draw, trials: int = 6, candidates: int = 7) -> tuple[np.ndarray, np.ndarray]:
    """Scores of few different values, so that there are ties, and truths."""
    n, n_candidates = draw(st.integers(1, trials)), draw(st.integers(2, candidates))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    scores = rng.integers(0, draw(st.sampled_from([2, 4, 1000])), (n, n_candidates)).astype(np.float32)
    return scores, rng.integers(0, n_candidates, n)


@given(scored())
def test_a_rank_is_the_place_in_sorted_order_where_the_true_one_comes_last_of_its_equals(given_):
    scores, truth = given_
    by_sorting = [sorted(-row).index(-row[t]) + list(row).count(row[t]) for row, t in zip(scores, truth, strict=True)]
    assert ranks_of(scores, truth).tolist() == by_sorting
    assert ranks_of(scores, truth).dtype == np.int64


@given(scored(), st.integers(2, 7))
def test_n_way_is_what_all_sets_of_distractors_give(given_, n):
    scores, truth = given_
    candidates = scores.shape[1]
    n = min(n, candidates)
    beats = []
    for row, t in zip(scores, truth, strict=True):
        others = [c for c in range(candidates) if c != t]
        beats.append(np.mean([all(row[t] > row[c] for c in drawn) for drawn in combinations(others, n - 1)]))
    assert retrieval(scores, truth, "item").n_way(n) == pytest.approx(np.mean(beats), abs=1e-12)


@given(scored(trials=5))
def test_the_shuffled_control_is_the_mean_over_all_orders_of_the_truths(given_):
    scores, truth = given_
    orders = [np.mean(ranks_of(scores, truth[list(order)]) == 1) for order in permutations(range(len(truth)))]
    assert shuffled_top1(scores, truth) == pytest.approx(np.mean(orders), abs=1e-12)


def test_what_is_known_of_four_ranks():
    found = Retrieval(np.array([1, 2, 6, 11]), 11, "centre", 4)
    assert (found.n, found.top1, found.top5, found.median_rank, found.median_relative_rank) == (4, 0.25, 0.5, 4.0, 0.3)
    assert (found.chance_top1, found.chance_top5) == (1 / 11, 5 / 11)
    assert found.n_way(2) == pytest.approx((1 + 0.9 + 0.5 + 0) / 4)
    assert found.n_way(11) == 0.25


def test_random_scores_are_at_chance():
    rng = np.random.default_rng(5)
    scores, truth = rng.standard_normal((4000, 20)), rng.integers(0, 20, 4000)
    found = retrieval(scores, truth, "item")
    for k in (1, 5):
        low, high = found.top_interval(k)
        assert low < found.chance_top(k) < high
    assert found.shuffled_top1 == pytest.approx(0.05, abs=0.005)
    assert found.median_relative_rank == pytest.approx(0.5, abs=0.03)
    for n in (2, 4, 10):
        assert found.n_way(n) == pytest.approx(1 / n, abs=0.02)


def test_answers_that_are_always_the_same_are_at_what_shuffling_gives():
    truth = np.array([0] * 8 + [1] * 2)
    scores = np.tile([1.0, 0.0], (10, 1))
    found = retrieval(scores, truth, "centre")
    assert (found.top1, found.shuffled_top1, found.chance_top1) == (0.8, 0.8, 0.5)


def test_a_hundred_thousand_candidates_are_no_harder():
    found = Retrieval(np.array([1, 50_000, 100_000]), 100_000, "item")
    assert found.n_way(2) == pytest.approx((1 + 50_000 / 99_999) / 3)
    assert found.n_way(100_000) == pytest.approx(1 / 3)
    assert 0 < Retrieval(np.array([50_000]), 100_000, "item").n_way(50) < 2.0**-48


def test_scores_in_many_blocks_give_the_same_ranks(monkeypatch):
    rng = np.random.default_rng(1)
    scores, truth = rng.standard_normal((50, 9)), rng.integers(0, 9, 50)
    whole = retrieval(scores, truth, "item")
    monkeypatch.setattr(module, "BLOCK", 20)
    in_parts = retrieval(scores, truth, "item")
    assert in_parts.ranks.tolist() == whole.ranks.tolist()
    scores[37, 2] = np.nan
    with pytest.raises(ValueError, match="scores of trial 37 hold NaN or infinite numbers"):
        retrieval(scores, truth, "item")


def test_no_trials_have_no_accuracy_rather_than_none_right():
    found = retrieval(np.zeros((0, 8)), np.zeros(0, np.int64), "item")
    said = found.as_json()
    for name in ("top1", "top5", "shuffled_top1", "median_rank", "median_relative_rank", "top1_interval"):
        assert said[name] is None
    assert (said["n"], said["candidates"], said["chance_top1"], said["n_way"]) == (0, 8, 0.125, {"2": None, "4": None})


def test_as_json_is_json_with_the_number_of_candidates_beside_the_accuracy():
    said = json.loads(json.dumps(retrieval(np.eye(12, dtype=np.float32), np.arange(12), "item", 3).as_json()))
    assert {k: said[k] for k in ("top1", "top5", "n", "candidates", "kind", "averaged")} == {
        "top1": 1.0,
        "top5": 1.0,
        "n": 12,
        "candidates": 12,
        "kind": "item",
        "averaged": 3,
    }
    assert said["chance_top1"] == said["shuffled_top1"] == pytest.approx(1 / 12)
    assert said["n_way"] == {"2": 1.0, "4": 1.0, "10": 1.0}


def test_averaging_more_is_told_in_order_of_how_many_were_averaged():
    rng = np.random.default_rng(0)
    truth = np.arange(40)
    signal, noise = np.eye(40), 2.0 * rng.standard_normal((16, 40, 40))
    material = {r: (signal + noise[:r].mean(axis=0), truth) for r in (16, 1, 4)}
    found = by_repeats(material, "item")
    assert [one.averaged for one in found] == [1, 4, 16]
    assert found[0].top1 < found[1].top1 < found[2].top1


def test_an_interval_ends_where_the_score_test_just_does_not_reject():
    for end in wilson_interval(8, 10):
        assert abs(0.8 - end) == pytest.approx(1.959964 * np.sqrt(end * (1 - end) / 10), abs=1e-12)
    assert wilson_interval(0, 10)[0] == pytest.approx(0.0, abs=1e-12)
    assert wilson_interval(10, 10)[1] == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize(
    ("scores", "truth", "message"),
    [
        (np.array([[1.0, np.inf]]), [0], "scores of trial 0 hold NaN or infinite numbers; finite ones would be right"),
        (np.ones((2, 3)), [0], r"scores of shape \(2, 3\) and truth of shape \(1,\)"),
        (np.ones((1, 3)), [3], "truth 3 is none of 3 candidates; 0 to 2 would be right"),
        (np.ones((1, 3)), [-1], "truth -1 is none of 3 candidates"),
        (np.ones((1, 3)), [0.0], "truth of float64; int64 numbers of candidates"),
        (np.ones((0, 0)), np.zeros(0, int), r"shape \(0, 0\)"),
    ],
)
def test_scores_that_cannot_be_ranked_are_refused_in_one_line(scores, truth, message):
    with pytest.raises(ValueError, match=message) as caught:
        ranks_of(scores, np.asarray(truth))
    assert "\n" not in str(caught.value)


def test_identification_among_more_than_there_are_is_refused():
    with pytest.raises(ValueError, match="8-way identification among 7; 2 to 7 would be right"):
        Retrieval(np.array([1]), 7, "item").n_way(8)
    with pytest.raises(ValueError, match="ranks from 0 to 1; 1 to 7 would be right"):
        Retrieval(np.array([0, 1]), 7, "item")
