"""What a run found in a bank, counted: controls stand beside every figure, also by time since onset."""

from __future__ import annotations

import pytest

from rtbci import retrieval_tally
from rtbci.evaluation import retrieved
from rtbci.retrieved import Found


def found(time: float, truth: int, best: int, rank: int, seconds: float, whole: bool) -> Found:
    return Found(time, f"item{truth}", "item", truth, best, rank, 10, 1, seconds, whole)


TRIALS = [
    found(1.0, 0, 3, 4, 0.3, False),
    found(1.0, 0, 0, 1, 0.6, True),
    found(2.0, 1, 0, 2, 0.3, False),
    found(2.0, 1, 1, 1, 0.6, True),
]


def test_by_time_since_onset_each_moment_has_its_own_chance_and_control():
    rows = retrieval_tally.as_json(TRIALS)["retrieval_by_time"]
    assert [(row["seconds"], row["top1"], row["n"]) for row in rows] == [(0.3, 0.0, 2), (0.6, 1.0, 2)]
    # answers 3 and 0 against truths 0 and 1 in either order; answers 0 and 1 against the same
    assert [row["shuffled_top1"] for row in rows] == pytest.approx([0.25, 0.5])
    assert [row["chance_top1"] for row in rows] == [0.1, 0.1]


def test_report_and_page_say_the_control_beside_each():
    said = retrieval_tally.as_json(TRIALS)
    (line,) = [line for line in retrieval_tally.as_text(said) if "since onset" in line]
    assert "0.000 at 0.30 s (shuffled 0.250), 1.000 at 0.60 s (shuffled 0.500)" in line and "chance 0.100" in line
    page = retrieved.section({"seen": said})
    assert "shuffled" in page.split("seconds since onset")[1] and "0.250" in page
