"""What happens when …: real processes are killed, hang, raise; the session goes on and nothing is lost."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import pyxdf

from tests import live

pytestmark = [pytest.mark.timeout(150), pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")]

RAISES = """
import numpy as np
class Raises:
    def fit(self, windows, labels): return self
    def predict(self, window):
        if window.start > 500 and window.start < 800: raise ValueError("the plugin's own mistake")
        return np.log([0.5, 0.5])
    def arrays(self): return {"none": np.zeros(1)}
    def restore(self, arrays): pass
"""
MISTAKE = 'raise ValueError("the plugin\'s own mistake")'
HANGS = RAISES.replace("Raises", "Hangs").replace(MISTAKE, "__import__('time').sleep(1e4)")


def trained(folder: Path, experiment: Path) -> Path:
    from rtbci import bundled

    out = folder / "model.rtbci"
    code, said, errors = live.rtbci("train", experiment, "--recording", bundled.calibration(), "--out", out)
    assert code == 0, (said, errors)
    return out


def ended(process: subprocess.Popen[str], session: Path) -> dict:
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=40)
    assert process.returncode == 0, out
    return json.loads((session / "report.json").read_text())


def verified(session: Path) -> dict:
    code, verdict, errors = live.rtbci("verify", session)
    assert code == 0, (verdict, errors)
    assert verdict["different"] == 0
    return verdict


def test_a_killed_worker_comes_back_and_the_session_verifies(
    tmp_path: Path, stream_name: str, all_decoders: Path
) -> None:
    experiment = live.experiment(tmp_path, stream_name, "mdm", "log-variance")
    session = tmp_path / "session"
    with (
        live.streaming(stream_name, "--loop", "--wait", 60),
        live.running("run", experiment, "--model", all_decoders, "--headless", "--session", session) as process,
    ):
        decoded = lambda name: live.status_of(session).get("decoders", {}).get(name, {}).get("decoded", 0)  # noqa: E731
        live.wait_for(lambda: decoded("mdm") > 20, 60, "decisions")
        (worker,) = live.child_pids(process.pid, "mdm")
        before = decoded("mdm")
        live.kill(worker)
        live.wait_for(lambda: decoded("mdm") > before + 20, 60, "decisions after the restart")
        report = ended(process, session)
    assert report["decoders"]["mdm"]["restarts"] == 1
    assert "signal 9" in report["decoders"]["mdm"]["problem"]
    assert report["decoders"]["log-variance"]["restarts"] == 0
    assert report["samples"]["recorded"] == report["samples"]["received"]
    assert report["gaps"] == 0
    verdict = verified(session)
    assert verdict["compared"] > 60


@pytest.mark.parametrize(
    ("code", "name", "why"), [(RAISES, "Raises", "the plugin's own mistake"), (HANGS, "Hangs", "deadline")]
)
def test_a_decoder_that_raises_or_hangs_is_restarted_and_others_do_not_notice(
    tmp_path: Path, stream_name: str, code: str, name: str, why: str
) -> None:
    (tmp_path / "plugin.py").write_text(code)
    experiment = live.experiment(tmp_path, stream_name, f"./plugin.py:{name}", "log-variance", extra="deadline = 0.5\n")
    model = trained(tmp_path, experiment)
    session = tmp_path / "session"
    with (
        live.streaming(stream_name, "--loop", "--wait", 60),
        live.running("run", experiment, "--model", model, "--headless", "--session", session) as process,
    ):
        newest = lambda: live.status_of(session).get("samples", {}).get("received", 0)  # noqa: E731
        live.wait_for(lambda: newest() > 160 * 9, 60, "nine seconds of samples")
        report = ended(process, session)
    assert report["decoders"][name]["restarts"] >= 1
    assert why in report["decoders"][name]["problem"]
    assert report["decoders"]["log-variance"]["restarts"] == 0
    assert report["decoders"]["log-variance"]["windows"]["skipped"] <= 2
    assert report["decoders"][name]["windows"]["decoded"] > 10
    assert report["samples"]["recorded"] == report["samples"]["received"]
    verified(session)


def test_a_stream_that_dies_is_lost_within_a_second_and_a_gap_when_it_returns(
    tmp_path: Path, stream_name: str, all_decoders: Path
) -> None:
    experiment = live.experiment(tmp_path, stream_name, "mdm")
    session = tmp_path / "session"
    with live.running("run", experiment, "--model", all_decoders, "--headless", "--session", session) as process:
        with live.streaming(stream_name, "--loop", "--wait", 60):
            live.wait_for(lambda: live.status_of(session).get("samples", {}).get("received", 0) > 480, 60, "samples")
        lost = live.wait_for(
            lambda: (s := live.status_of(session)).get("state") == "lost" and s, 5, "the state to be lost"
        )
        # noticed within 1 s of the last sample; the rest is this test's own looking
        assert lost["time"] - lost["last_sample_time"] < 2.5
        with live.streaming(stream_name, "--loop", "--wait", 60):
            live.wait_for(lambda: live.status_of(session).get("state") == "live", 30, "the stream to be found again")
            before = live.status_of(session)["decoders"]["mdm"]["decoded"]
            live.wait_for(
                lambda: live.status_of(session)["decoders"]["mdm"]["decoded"] > before + 20, 30, "decoding to resume"
            )
            report = ended(process, session)
    assert report["gaps"] >= 1
    assert report["samples"]["lost"] > 160
    assert report["decoders"]["mdm"]["restarts"] == 0
    assert report["decoders"]["mdm"]["windows"]["over_gap"] > 0
    verified(session)


def test_a_killed_session_leaves_a_recording_that_is_readable_and_recovers(
    tmp_path: Path, stream_name: str, all_decoders: Path
) -> None:
    experiment = live.experiment(tmp_path, stream_name, "mdm")
    session = tmp_path / "session"
    with (
        live.streaming(stream_name, "--loop", "--wait", 60),
        live.running("run", experiment, "--model", all_decoders, "--headless", "--session", session) as process,
    ):
        live.wait_for(lambda: live.status_of(session).get("samples", {}).get("received", 0) > 1000, 60, "samples")
        (worker,) = live.child_pids(process.pid, "mdm")
        received = live.status_of(session)["samples"]["received"]
        live.kill(process.pid)
        process.wait()
        live.wait_for(lambda: not Path(f"/proc/{worker}").exists(), 10, "the worker to end by itself")
    streams, _ = pyxdf.load_xdf(session / "recording.xdf", verbose=False)
    signal_stream = next(s for s in streams if s["info"]["type"][0] == "EEG")
    assert len(signal_stream["time_series"]) >= received - 160
    code, said, _ = live.rtbci("recover", session)
    assert code == 0, said
    assert json.loads((session / "session.json").read_text())["state"] == "recovered"
    assert verified(session)["compared"] > 20


def test_a_window_that_is_killed_leaves_the_session_running(
    tmp_path: Path, stream_name: str, all_decoders: Path
) -> None:
    experiment = live.experiment(tmp_path, stream_name, "mdm")
    session = tmp_path / "session"
    with (
        live.streaming(stream_name, "--loop", "--wait", 60),
        live.running("run", experiment, "--model", all_decoders, "--session", session) as process,
    ):
        received = lambda: live.status_of(session).get("samples", {}).get("received", 0)  # noqa: E731
        live.wait_for(lambda: received() > 320, 60, "samples")
        (window,) = live.child_pids(process.pid, "rtbci_ui")
        live.kill(window)
        before = received()
        live.wait_for(lambda: received() > before + 320, 30, "samples after the window was killed")
        report = ended(process, session)
    assert report["samples"]["recorded"] == report["samples"]["received"]
    verified(session)


def test_a_slow_decoder_skips_old_windows_and_says_so(tmp_path: Path, stream_name: str) -> None:
    slow = RAISES.replace("Raises", "Slow").replace(
        f"if window.start > 500 and window.start < 800: {MISTAKE}",
        "__import__('time').sleep(0.35)",
    )
    (tmp_path / "plugin.py").write_text(slow)
    experiment = live.experiment(tmp_path, stream_name, "./plugin.py:Slow")
    model = trained(tmp_path, experiment)
    session = tmp_path / "session"
    with (
        live.streaming(stream_name, "--loop", "--wait", 60),
        live.running("run", experiment, "--model", model, "--headless", "--session", session) as process,
    ):
        live.wait_for(lambda: live.status_of(session).get("samples", {}).get("received", 0) > 160 * 8, 60, "samples")
        report = ended(process, session)
    windows = report["decoders"]["Slow"]["windows"]
    assert windows["skipped"] > windows["decoded"] > 5
    assert windows["late"] == windows["decoded"]
    # the newest window is decided: no decision is older than two of them plus what the chunks add
    assert report["decoders"]["Slow"]["decision_age_ms"]["p95"] < 2000
    assert verified(session)["skipped"] == windows["skipped"]


def test_a_session_folder_that_vanishes_stops_the_recording_loudly_and_nothing_else(
    tmp_path: Path, stream_name: str, all_decoders: Path
) -> None:
    experiment = live.experiment(tmp_path, stream_name, "mdm")
    session = tmp_path / "session"
    with (
        live.streaming(stream_name, "--loop", "--wait", 60),
        live.running("run", experiment, "--model", all_decoders, "--headless", "--session", session) as process,
    ):
        live.wait_for(lambda: live.status_of(session).get("samples", {}).get("received", 0) > 480, 60, "samples")
        run = live.run_folder_of(session)
        assert run is not None
        shutil.rmtree(session)

        def status() -> dict:
            return json.loads((run / "status.json").read_text())

        stopped = live.wait_for(
            lambda: (s := status())["recording"]["state"] == "stopped" and s, 20, "a stopped recording"
        )
        assert stopped["recording"]["problem"]
        before = stopped["decoders"]["mdm"]["decoded"]
        live.wait_for(lambda: status()["decoders"]["mdm"]["decoded"] > before + 10, 20, "decisions to go on")
        assert status()["state"] == "live"
        (worker,) = live.child_pids(process.pid, "mdm")
        live.kill(worker)  # its log and its model are gone with the folder: it cannot come back, the session stays
        live.wait_for(lambda: status()["decoders"]["mdm"]["problem"], 20, "the worker to be missed")
        received = status()["samples"]["received"]
        live.wait_for(lambda: status()["samples"]["received"] > received + 160, 20, "samples to go on")
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=60)
    assert process.returncode == 0, out
    assert "could not be completed" in out
