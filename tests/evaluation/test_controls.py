"""Controls: what can be known without a signal is found, and what cannot is not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtbci.calibration import Calibration, Places, Signal
from rtbci.evaluation.controls import shuffled_order, time_only
from rtbci.types import Channel, StreamInfo


def recording(number: int, labels, every: float = 8.0) -> list[tuple[int, float, int, int]]:
    return [(number, 2.0 + every * k, k, int(label)) for k, label in enumerate(labels)]


def accuracy(train, test) -> float:
    return float(np.mean(time_only(train, test) == [moment[3] for moment in test]))


@given(st.lists(st.integers(0, 4), min_size=1, max_size=60), st.integers(0, 1000))
def test_shuffled_trials_keep_what_there_is_in_a_seeded_order(labels, seed):
    data = trials(np.array(labels, np.int64))
    other = data.reassigned(shuffled_order(len(labels), seed))
    assert np.array_equal(np.bincount(other.labels), np.bincount(data.labels))
    assert sorted(other.markers) == sorted(data.markers)
    assert np.array_equal(shuffled_order(len(labels), seed), shuffled_order(len(labels), seed))
    # what was shown goes along with the class: a decoder of embeddings reads the marker
    assert [f"m{label}" for label in other.labels[::2]] == [marker.split(".")[0] for marker in other.markers]
    assert np.array_equal(other.labels[::2], other.labels[1::2])  # of a trial's two windows
    assert np.array_equal(data.labels[::2], labels)


def trials(labels) -> Calibration:
    """Two windows a trial; its marker says its class, and which trial it is."""
    n = len(labels)
    start = np.arange(2 * n, dtype=np.int64)
    signal = (Signal(np.zeros((2 * n + 1, 1), np.float32), "x"),)
    places = Places(np.zeros(2 * n, np.int64), start, start, start, np.repeat(labels, 2), np.repeat(np.arange(n), 2))
    names = tuple(f"class {k}" for k in range(5))
    info = StreamInfo("s", 1.0, (Channel("C"),))
    markers = tuple(f"m{label}.{k}" for k, label in enumerate(labels))
    own = tuple((name,) for name in names)
    return Calibration(info, info, names, own, signal, places, 1, markers, np.zeros((n, 2)))


def test_another_seed_shuffles_otherwise_and_labels_belong_to_nothing():
    labels = np.arange(40) % 2
    agreement = [np.mean(labels[shuffled_order(40, seed)] == labels) for seed in range(200)]
    assert len(set(agreement)) > 5
    assert np.mean(agreement) == pytest.approx(0.5, abs=0.03)


def test_blocks_give_the_class_away():
    blocks = [0] * 10 + [1] * 10 + [2] * 10
    assert accuracy(recording(0, blocks) + recording(1, blocks), recording(2, blocks)) >= 0.9


def test_the_same_order_in_every_recording_gives_the_class_away():
    order = np.random.default_rng(1).integers(2, size=24)
    # the second recording was a little slower
    assert accuracy(recording(0, order) + recording(1, order, every=8.1), recording(2, order)) == 1.0


def test_alternation_gives_the_class_away_even_where_training_stopped():
    alternating = np.arange(30) % 2
    moments = recording(0, alternating)
    assert accuracy(moments[:20], moments[20:]) == 1.0
    # in a recording that begins otherwise, the first answer alone must be guessed
    assert np.sum(time_only(moments, recording(1, 1 - alternating)) != 1 - alternating) <= 1


def test_a_random_order_gives_nothing_away():
    rng = np.random.default_rng(3)
    orders = rng.integers(2, size=(20, 4, 30))
    right = [accuracy([m for k in range(3) for m in recording(k, four[k])], recording(3, four[3])) for four in orders]
    assert np.mean(right) == pytest.approx(0.5, abs=0.08)  # 600 trials: four standard deviations


def test_an_answer_does_not_depend_on_its_own_class_or_on_what_comes_later():
    rng = np.random.default_rng(4)
    train = recording(0, rng.integers(2, size=40))
    labels = rng.integers(2, size=12)
    answers = time_only(train, recording(1, labels))
    for k in range(12):
        changed = labels.copy()
        changed[k:] = 1 - changed[k:]
        assert np.array_equal(time_only(train, recording(1, changed))[: k + 1], answers[: k + 1])


def test_few_trials_and_none_are_answered_too():
    assert len(time_only(recording(0, [0, 1]), [])) == 0
    assert time_only([], recording(0, [0, 1])).tolist() == [-1, -1]
    assert time_only(recording(0, [1]), recording(1, [0, 1])).tolist() == [1, 1]
    assert time_only(recording(0, [1, 1, 1]), recording(1, [1])).tolist() == [1]
