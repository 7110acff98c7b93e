from __future__ import annotations

import math

import numpy as np
import pytest

from rtbci.evidence import Evidence, log_softmax

SURE = np.log([0.8, 0.2])


def run(hop: int, windows: int, **settings: float) -> float:
    evidence = Evidence(2, 200, hop, 100.0, **settings)
    for _ in range(windows):
        posterior, _ = evidence.add(SURE, hop)
    return float(posterior[1])


def test_overlap_does_not_inflate_confidence() -> None:
    # ten seconds of the same evidence: by windows that do not overlap, and by windows that overlap by 95 %
    apart = run(200, 5, time_constant=1e9)
    overlapping = run(10, 100, time_constant=1e9)
    assert overlapping == pytest.approx(apart, rel=1e-9)


def test_a_window_that_stands_alone_is_its_own_posterior() -> None:
    posterior, answer = Evidence(2, 200, 200, 100.0).add(SURE, 200)
    np.testing.assert_allclose(np.exp(posterior), [0.8, 0.2])
    assert answer == 0


def test_evidence_decays_with_its_time_constant() -> None:
    evidence = Evidence(2, 100, 100, 100.0, time_constant=2.0)
    evidence.add(SURE, 100)
    posterior, _ = evidence.add(np.log([0.5, 0.5]), 100)
    odds = posterior[0] - posterior[1]
    assert odds == pytest.approx(math.log(4.0) * math.exp(-1.0 / 2.0))


def test_no_class_is_claimed_at_or_below_the_threshold() -> None:
    evidence = Evidence(2, 100, 100, 100.0, threshold=0.8)
    assert evidence.add(SURE, 100)[1] == -1
    assert evidence.add(SURE, 100)[1] == 0


def test_a_claim_waits_for_its_dwell_and_starts_over_when_the_leader_changes() -> None:
    evidence = Evidence(2, 100, 50, 100.0, threshold=0.7, dwell=0.5, time_constant=1.0)
    answers = [evidence.add(SURE * 4, 50)[1] for _ in range(3)]
    assert answers == [-1, 0, 0]  # 0.5 s after it first crossed
    assert evidence.add(SURE[::-1] * 50, 50)[1] == -1


def test_a_reset_forgets_everything() -> None:
    evidence = Evidence(2, 100, 100, 100.0)
    first = evidence.add(SURE, 10)[0]
    for _ in range(5):
        evidence.add(SURE[::-1], 10)
    evidence.reset()
    assert evidence.add(SURE, 10)[0].tobytes() == first.tobytes()


def test_a_skipped_windows_share_goes_to_the_next_one() -> None:
    every, sparse = (Evidence(2, 100, 10, 100.0, time_constant=1e9) for _ in range(2))
    for _ in range(9):
        full, _ = every.add(SURE, 10)
    sparse.add(SURE, 10)
    for fresh in (20, 30, 30):
        part, _ = sparse.add(SURE, fresh)
    np.testing.assert_allclose(part, full)


def test_log_softmax_sums_to_one_even_for_hopeless_values() -> None:
    assert np.exp(log_softmax(np.array([-1e4, -1e4 - 2.0, -3e4]))).sum() == pytest.approx(1.0)
