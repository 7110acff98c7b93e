"""The evidence kernel: what the formula says, window by window, and the same bits for any number of windows at once."""

from __future__ import annotations

import itertools
import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from rtbci.evidence import Evidence

LENGTH, RATE = 200, 100.0


class Written:
    """The accumulation as it is written down in `rtbci.evidence`, in plain Python floats, in the same order."""

    def __init__(self, n_classes: int, hop: int, threshold: float, dwell: float, time_constant: float) -> None:
        self.sum = [0.0] * n_classes
        self.hop, self.threshold, self.dwell, self.time_constant = hop, threshold, dwell, time_constant
        self.first, self.leader, self.held = True, -1, 0.0

    def add(self, log_probs: np.ndarray, fresh: int) -> tuple[list[float], int]:
        fresh = min(self.hop, LENGTH) if self.first else min(fresh, LENGTH)
        seconds = fresh / RATE
        if not self.first:
            self.sum = [value * math.exp(-seconds / self.time_constant) for value in self.sum]
        self.sum = [value + fresh / LENGTH * float(p) for value, p in zip(self.sum, log_probs, strict=True)]
        top = max(self.sum)
        norm = top + math.log(sum(math.exp(value - top) for value in self.sum))
        posterior = [value - norm for value in self.sum]
        leader = posterior.index(max(posterior))
        if math.exp(posterior[leader]) <= self.threshold:
            self.leader, self.held = -1, 0.0
        elif leader != self.leader:
            self.leader, self.held = leader, 0.0
        else:
            self.held += seconds
        self.first = False
        claimed = self.leader >= 0 and self.held + 0.5 / RATE >= self.dwell
        return posterior, self.leader if claimed else -1


@st.composite
def runs(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, dict[str, float], int]:
    n, n_classes = draw(st.integers(1, 40)), draw(st.integers(2, 6))
    random = np.random.default_rng(draw(st.integers(0, 1000)))
    scores = random.normal(scale=draw(st.sampled_from([0.1, 3.0, 300.0])), size=(n, n_classes)).cumsum(axis=0)
    log_probs = scores - np.logaddexp.reduce(scores, axis=1, keepdims=True)
    settings = {
        "threshold": draw(st.sampled_from([0.51, 0.7, 0.95])),
        "dwell": draw(st.sampled_from([0.0, 0.1, 0.5])),
        "time_constant": draw(st.sampled_from([0.5, 4.0, 1e9])),
    }
    return log_probs, random.integers(1, 260, n), settings, draw(st.sampled_from([1, 10, 200, 300]))


@given(run=runs())
@settings(max_examples=150, deadline=None)
def test_the_kernel_is_the_formula_bit_for_bit(run) -> None:
    log_probs, fresh, chosen, hop = run
    written = Written(log_probs.shape[1], hop, **chosen)
    evidence = Evidence(log_probs.shape[1], LENGTH, hop, RATE, **chosen)
    for row, new in zip(log_probs, fresh.tolist(), strict=True):
        posterior, answer = evidence.add(row, new)
        expected, claimed = written.add(row, new)
        assert posterior.tolist() == expected
        assert answer == claimed


@given(run=runs(), cuts=st.lists(st.integers(0, 40), max_size=4))
@settings(max_examples=100, deadline=None)
def test_many_windows_at_once_are_windows_one_by_one(run, cuts: list[int]) -> None:
    log_probs, fresh, chosen, hop = run
    singly, together = (Evidence(log_probs.shape[1], LENGTH, hop, RATE, **chosen) for _ in range(2))
    one_by_one = [singly.add(row, new) for row, new in zip(log_probs, fresh.tolist(), strict=True)]
    bounds = sorted({0, len(fresh), *(cut for cut in cuts if cut < len(fresh))})
    parts = [together.add_many(log_probs[a:b], fresh[a:b]) for a, b in itertools.pairwise(bounds)]
    assert np.concatenate([p for p, _ in parts]).tobytes() == np.array([p for p, _ in one_by_one]).tobytes()
    assert np.concatenate([a for _, a in parts]).tolist() == [a for _, a in one_by_one]


def test_what_the_decoder_said_is_not_written_to_and_may_be_read_only_or_lie_apart() -> None:
    wide = np.log(np.tile([[0.2, 0.5, 0.8, 0.5]], (6, 1)))
    apart = wide[:, ::2]
    apart.flags.writeable = False
    posteriors, answers = Evidence(2, LENGTH, 10, RATE).add_many(apart, np.full(6, 10))
    whole, _ = Evidence(2, LENGTH, 10, RATE).add_many(np.ascontiguousarray(apart), np.full(6, 10))
    assert posteriors.tobytes() == whole.tobytes()
    assert answers.shape == (6,)
    assert wide[0].tolist() == np.log([0.2, 0.5, 0.8, 0.5]).tolist()
