"""A worker that dies or is ended by hand: the session keeps when and why, and what it says of age and machine goes on."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from rtbci.control import send
from rtbci.errors import Overrun
from rtbci.runfolder import DecisionRing, RunFolder
from rtbci.stages import StageRing
from tests import live
from tests.devices.sessions import decoded, decoder, ended

pytestmark = [pytest.mark.timeout(240), pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")]


def test_a_session_says_when_and_why_a_worker_was_started_again(
    tmp_path: Path, stream_name: str, all_decoders: Path
) -> None:
    experiment = live.experiment(tmp_path, stream_name, "mdm", "log-variance")
    session, began = tmp_path / "session", time.time()
    with (
        live.streaming(stream_name, "--loop", "--wait", 60),
        live.running("run", experiment, "--model", all_decoders, "--headless", "--session", session) as process,
    ):
        live.wait_for(lambda: decoded(session, "mdm") > 20, 60, "decisions")
        assert decoder(session, "mdm")["restart_reasons"] == []
        (worker,) = live.child_pids(process.pid, "mdm")
        live.kill(worker)
        (reason,) = live.wait_for(lambda: decoder(session, "mdm").get("restart_reasons"), 30, "the reason")
        assert reason["why"] == "was killed by signal 9"
        assert began < reason["time"] < time.time()
        before = decoded(session, "mdm")
        live.wait_for(lambda: decoded(session, "mdm") > before + 10, 60, "decisions after the restart")

        run = live.run_folder_of(session)
        assert run is not None
        assert send(RunFolder(run), {"do": "restart", "decoder": "mdm"})["ok"] is True
        two = lambda: len(found := decoder(session, "mdm").get("restart_reasons", ())) == 2 and found  # noqa: E731
        first, second = live.wait_for(two, 30, "the second reason")
        assert (first, second["why"]) == (reason, "restarted by the experimenter")
        before = decoded(session, "mdm")
        live.wait_for(lambda: decoded(session, "mdm") > before + 10, 60, "decisions after the second one")
        assert decoder(session, "log-variance")["restart_reasons"] == []

        ages = stages_and_ages(RunFolder(run), "mdm")
        host = live.status_of(session)["host"]
        report, _ = ended(process, session)
    assert report["decoders"]["mdm"]["restarts"] == 2
    stages = report["decoders"]["mdm"]["stages_ms"]
    assert list(stages) == ["transport", "wait", "transform", "decode"]
    assert all(0.0 <= stage["p50"] <= stage["p95"] <= stage["p99"] for stage in stages.values())
    medians = sum(stage["p50"] for stage in stages.values())
    assert 0.0 < medians < report["decoders"]["mdm"]["decision_age_ms"]["p99"]
    assert len(ages) > 20
    assert all(summed == pytest.approx(age, abs=1e-9) for summed, age in ages)
    assert 0.0 < host["cpu"] <= 100.0
    assert host["session_cpu"] > 0.0
    assert host["memory_mb"] > 50.0
    assert host["disk_free"] > 0
    assert host["gpu"] == []
    code, verdict, errors = live.rtbci("verify", session)
    assert (code, verdict["different"]) == (0, 0), errors


def stages_and_ages(run: RunFolder, name: str) -> list[tuple[float, float]]:
    """For each decision of which both are known: the sum of its stages, and its age, in seconds."""
    decisions, stages = DecisionRing.attach(run.decisions(name)), StageRing.attach(run.stages(name))
    try:
        ages = {d.signal_time: d.age for d in decisions.new(0)}
        rows, times, _ = stages.ring.read(0, stages.count)
        return [(float(row.sum()), ages[time]) for row, time in zip(rows, times, strict=True) if time in ages]
    except Overrun:  # pragma: no cover - hours of decisions
        raise AssertionError("a session of seconds overran its rings") from None
    finally:
        decisions.close()
        stages.close()
