"""How far two runs of the same decisions may lie apart: the bound is one, it is no wider than need be, and answers hold."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtbci.agreement import Agreement, bits_differ, bound_of
from rtbci.evidence import Evidence
from rtbci.types import Decision, Flag

RATE = 100.0


def normalised(values: np.ndarray) -> np.ndarray:
    return values - np.log(np.exp(values).sum(axis=-1, keepdims=True))


def run(settings_of: dict, log_probs: np.ndarray, fresh: np.ndarray, resets: set[int]) -> list[Decision]:
    """The decisions of one run over windows of 100 samples, which begins anew at ``resets``."""
    evidence = Evidence(log_probs.shape[1], 100, int(fresh.max()), RATE, **settings_of)
    decisions, stop = [], 100
    for i, (row, new) in enumerate(zip(log_probs, fresh, strict=True)):
        stop += int(new)
        if i in resets:
            evidence.reset()
        total, answer = evidence.add(row, int(new))
        flags = Flag.AFTER_GAP if i in resets else Flag.NONE
        decisions.append(Decision(stop - 100, stop, stop - 1, row, total, answer, stop / RATE, 0.0, 0.0, flags=flags))
    return decisions


@given(
    seed=st.integers(0, 10_000),
    n_classes=st.integers(2, 4),
    tolerance=st.sampled_from([1e-6, 1e-3, 0.05]),
    threshold=st.sampled_from([0.3, 0.5, 0.7]),
    dwell=st.sampled_from([0.0, 0.15, 0.5]),
    time_constant=st.sampled_from([0.05, 1.0, 30.0]),
    hop=st.integers(1, 100),
    drift=st.booleans(),
)
@settings(max_examples=150, deadline=None)
def test_two_runs_within_a_tolerance_agree_whatever_evidence_makes_of_it(
    seed: int, n_classes: int, tolerance: float, threshold: float, dwell: float, time_constant: float, hop: int,
    drift: bool,
) -> None:  # fmt: skip
    random = np.random.default_rng(seed)
    n = 120
    fresh = np.minimum(100, hop * random.integers(1, 4, n))
    level = random.normal(size=(1, n_classes)) * drift
    live = normalised(0.3 * random.normal(size=(n, n_classes)) + level)
    # as far off as may be, always in the same direction or to and fro
    off = np.sign(random.normal(size=(1 if drift else n, n_classes))) * np.ones((n, 1))
    now = normalised(live + 0.45 * tolerance * off)
    assert np.abs(now - live).max() <= tolerance
    settings_of = {"threshold": threshold, "dwell": dwell, "time_constant": time_constant}
    resets = set(random.choice(n, 3).tolist())
    agreement = Agreement(tolerance, Evidence(n_classes, 100, int(fresh.max()), RATE, **settings_of))
    before, again = (run(settings_of, rows, fresh, resets) for rows in (live, now))
    for one, other in zip(before, again, strict=True):
        assert agreement.differ(one, other) is None
    assert agreement.largest == pytest.approx(np.abs(now - live).max())


def test_the_bound_is_reached_to_a_few_percent() -> None:
    evidence = Evidence(2, 100, 1, RATE, time_constant=4.0)
    n, off = 5000, 1e-4
    live = np.full((n, 2), np.log(0.5))
    now = live + np.array([off, -off])  # what no decoder can say of two classes: the furthest off of all
    evidence_of = [
        Evidence(2, 100, 1, RATE, time_constant=4.0).add_many(x, np.ones(n, np.int64))[0] for x in (live, now)
    ]
    apart = np.abs(evidence_of[0] - evidence_of[1]).max()
    assert 0.35 * bound_of(off, evidence) < apart < bound_of(off, evidence)


def decision(log_prob: float = -0.5, evidence: float = -0.1, answer: int = 0) -> Decision:
    other = [float(np.log(1.0 - np.exp(x))) for x in (log_prob, evidence)]
    return Decision(0, 100, 99, np.array([log_prob, other[0]]), np.array([evidence, other[1]]), answer, 1.0, 0.0, 0.0)


PLAIN = Evidence(2, 100, 10, RATE, threshold=0.7, time_constant=4.0)
BOUND = 2 * 1e-3 * (1 + 4.0 / 1.0)
NEAR, FAR = float(np.log(0.7)) + 0.5 * BOUND, float(np.log(0.7)) + 1.5 * BOUND

DIFFERENT = {
    "a sample": (decision(), replace(decision(), sample=98), "sample was 99 live, is 98 now"),
    "a time": (decision(), replace(decision(), signal_time=1.5), "signal_time was 1.0 live"),
    "what was learnt": (decision(), replace(decision(), adapted=1), "adapted was 0 live"),
    "a log-probability": (decision(-0.5), decision(-0.5011), "log_probs was"),
    "evidence": (decision(evidence=-0.1), decision(evidence=-0.1 - 1.1 * BOUND), "evidence was"),
    "an answer": (decision(evidence=FAR), decision(evidence=FAR, answer=-1), "answer was 0 live, is -1 now"),
    "no number": (decision(), replace(decision(), log_probs=np.array([np.nan, 0.0])), "log_probs was"),
}
ALLOWED = {
    "nothing": (decision(), decision()),
    "a log-probability": (decision(-0.5), decision(-0.5005)),
    "evidence": (decision(evidence=-0.1), decision(evidence=-0.1 - 0.1 * BOUND)),
    "an answer near the threshold": (decision(evidence=NEAR), decision(evidence=NEAR - 0.3 * BOUND, answer=-1)),
}


@pytest.mark.parametrize("what", DIFFERENT)
def test_what_is_further_off_than_the_tolerance_is_named(what: str) -> None:
    before, now, said = DIFFERENT[what]
    assert said in str(Agreement(1e-3, PLAIN).differ(before, now))
    assert bits_differ(before, now) is not None


@pytest.mark.parametrize("what", ALLOWED)
def test_what_is_within_it_is_allowed(what: str) -> None:
    before, now = ALLOWED[what]
    assert Agreement(1e-3, PLAIN).differ(before, now) is None
    assert (bits_differ(before, now) is None) == (what == "nothing")


def test_an_answer_may_differ_for_the_dwell_after_a_near_crossing_and_no_longer() -> None:
    dwelling = Evidence(2, 100, 10, RATE, threshold=0.7, dwell=0.25, time_constant=4.0)
    agreement = Agreement(1e-3, dwelling)

    def at(k: int, evidence: float, answer: int) -> Decision:
        return replace(decision(evidence=evidence, answer=answer), start=10 * k, stop=10 * k + 100)

    clear = FAR + 0.01
    assert agreement.differ(at(0, -1.0, -1), at(0, -1.0, -1)) is None
    assert agreement.differ(at(1, NEAR, -1), at(1, NEAR, -1)) is None  # one of the two may have crossed here already
    said = [agreement.differ(at(k, clear, 0), at(k, clear, -1)) for k in (2, 3, 4, 5, 6)]
    # the one that crossed at 2 has held it for 0.3 s at 5: half a sample is forgiven, 0.25 s is not reached at 4
    assert [text is None for text in said] == [True, True, True, False, False]
