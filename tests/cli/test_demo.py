"""``rtbci demo``: the main job in one command, without a window."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import live
from tests.cli.report_shape import check_report
from tests.cli.terminal import rtbci


@pytest.mark.slow
def test_the_demo_streams_decodes_records_ends_by_itself_and_can_be_verified(tmp_path: Path) -> None:
    session = tmp_path / "session"
    code, report, errors = live.rtbci("demo", "--headless", "--seconds", 3, "--session", session)
    assert code == 0, errors
    check_report(report, "riemann")
    assert report["session"] == str(session)
    assert report["samples"]["lost"] == 0
    assert report["samples"]["recorded"] == report["samples"]["received"] > 2 * 160
    decoded = report["decoders"]["riemann"]["windows"]["decoded"]
    assert decoded > 0
    assert "riemann  fists " in errors  # a decision, told while it was made
    verdict = rtbci("verify", session, "--json").json
    assert (verdict["compared"], verdict["different"]) == (decoded, 0)
    label = {s["name"]: s["markers"] for s in rtbci("info", session / "recording.xdf", "--json").json["streams"]}
    assert any(markers and markers.get("T0") for markers in label.values())
