"""``rtbci demo images``: pictures are seen, decoded and recorded, all in one command, without a window."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from rtbci import bundled
from rtbci.bank import Bank
from tests import live
from tests.cli.report_shape import check_report
from tests.cli.terminal import rtbci


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_pictures_are_looked_for_while_they_are_seen_and_the_session_can_be_verified(tmp_path: Path) -> None:
    session = tmp_path / "session"
    code, report, errors = live.rtbci(
        "demo", "images", "--no-window", "--seconds", 10, "--seed", 3, "--session", session, timeout=200.0
    )
    assert code == 0, errors
    check_report(report, "locked", "free-running", n_classes=5)
    assert report["session"] == str(session)
    assert report["samples"]["lost"] == 0
    assert any("zero-shot" in note and "simulated" in note for note in report["notes"])
    # the first picture comes after 5 s of rest, the next ones 1.1 s apart, give or take; one may still be waited for
    assert report["decoders"]["locked"]["windows"]["decoded"] >= 3
    assert report["decoders"]["free-running"]["windows"]["decoded"] > 100
    for name in ("locked", "free-running"):
        found = report["decoders"][name]["retrieval"]
        assert (found["candidates"], found["kind"]) == (200, "item")
        assert found["n"] >= 3
        # by chance one such session in 30 would be as good
        assert np.median(_ranks(session, name)) <= 20
    verdict = rtbci("verify", session, "--json").json
    assert verdict["different"] == 0
    assert verdict["compared"] >= report["decoders"]["free-running"]["windows"]["decoded"]


def _ranks(session: Path, decoder: str) -> list[int]:
    bank = Bank.open(bundled.pictures())
    lines = (session / "decisions" / f"{decoder}.found.jsonl").read_text().splitlines()
    found = [json.loads(line) for line in lines]
    assert all(bank.find(one["label"]) is not None for one in found)
    return [one["rank"] for one in found if one["kind"] == "item" and one["averaged"] == 1]


def test_help_says_what_each_demo_shows() -> None:
    said = " ".join(rtbci("demo", "images", "--help").out.split())
    assert "rtbci demo images somebody looks at pictures" in said
    assert "bank of 200" in said


def test_a_demo_that_is_not_there_is_refused_with_those_that_are() -> None:
    refusal = rtbci("demo", "sounds").refusal
    assert "sounds" in refusal
    assert "'movement', 'images'" in refusal
