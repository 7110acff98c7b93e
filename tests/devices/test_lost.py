"""A GPU that is lost: the decoder goes on on the processor, nothing else notices, and all of it can be verified."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests import live
from tests.devices.fake_gpu import CPU, GPU
from tests.devices.sessions import FAKE, decoded, decoder, ended, origins

pytestmark = [pytest.mark.timeout(150), pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")]


def change(log: Path, by: float) -> None:
    """Move the log-probabilities of one logged decision."""
    lines = log.read_text().splitlines()
    changed = json.loads(lines[10])
    changed["log_probs"][0] += by
    log.write_text("\n".join([*lines[:10], json.dumps(changed), *lines[11:]]) + "\n")


def test_a_decoder_whose_gpu_is_lost_goes_on_on_the_cpu(
    tmp_path: Path, stream_name: str, made, monkeypatch: pytest.MonkeyPatch
) -> None:
    experiment, model = made(stream_name, ("net", FAKE, ""), ("power", "log-variance", ""))
    session = tmp_path / "session"
    monkeypatch.setenv("RTBCI_FAKE_GPU_LOST", "40")
    with (
        live.streaming(stream_name, "--loop", "--wait", 60),
        live.running("run", experiment, "--model", model, "--headless", "--session", session) as process,
    ):
        live.wait_for(lambda: decoded(session, "net") > 10, 60, "decisions")
        before = decoder(session, "net")
        assert (before["device"], before["problem"], before["restarts"]) == (GPU, None, 0)
        assert decoder(session, "power")["device"] is None
        live.wait_for(lambda: decoder(session, "net").get("device") == CPU, 60, "the processor to take over")
        so_far = decoded(session, "net")
        live.wait_for(lambda: decoded(session, "net") > so_far + 20, 60, "decisions on the processor")
        after = decoder(session, "net")
        report, out = ended(process, session)
    problem = "net: fake-gpu:0 has fallen off the bus; goes on on the CPU"
    assert (after["state"], after["problem"], after["restarts"]) == ("live", problem, 1)
    net = report["decoders"]["net"]
    assert (net["device"], net["problem"], net["restarts"]) == (CPU, problem, 1)
    assert (report["decoders"]["power"]["restarts"], report["decoders"]["power"]["device"]) == (0, None)
    assert report["samples"]["recorded"] == report["samples"]["received"]
    assert report["gaps"] == 0
    assert f"note: net: runs on {GPU}\n" in out
    assert f"note: net: runs on {CPU}, because a device was lost\n" in out
    assert f"device   {CPU}\n" in out
    assert problem in (session / "log.txt").read_text()
    assert origins(session, "net") == [(GPU, True), (CPU, True)]
    assert origins(session, "power") == [(None, True)]

    # where the GPU is: all of it to the bit, what the processor decided on the processor
    monkeypatch.delenv("RTBCI_FAKE_GPU_LOST")
    code, verdict, errors = live.rtbci("verify", session)
    assert (code, verdict["within"], verdict["different"]) == (0, 0, 0), (verdict, errors)
    assert verdict["equal"] == verdict["compared"] > 80
    assert verdict["decoders"]["net"]["devices"] == verdict["decoders"]["net"]["again_on"] == [GPU, CPU]

    # where it is not: what it decided within the tolerance, the rest to the bit
    monkeypatch.setenv("RTBCI_FAKE_GPU", "none")
    code, verdict, errors = live.rtbci("verify", session)
    assert (code, verdict["different"]) == (0, 0), (verdict, errors)
    one = verdict["decoders"]["net"]
    first = sum(json.loads(line)["origin"] == 0 for line in (session / "decisions/net.jsonl").read_text().splitlines())
    assert one["within"] == verdict["within"] == first == 36  # three were noise, and the fortieth was never made
    assert one["equal"] == one["compared"] - first
    assert (one["tolerance"], one["devices"], one["again_on"]) == (1e-5, [GPU, CPU], [CPU])
    assert 1e-8 < one["largest"] < 1.1e-6
    assert verdict["decoders"]["power"]["equal"] == verdict["decoders"]["power"]["compared"]
    plain = subprocess.run(
        [sys.executable, "-m", "rtbci", "verify", str(session)], capture_output=True, text=True, check=True
    ).stdout
    assert f", 36 within 1e-5 (decided on {GPU}, {CPU}, verified on {CPU}), 0 different" in plain

    # and a log that is further off than that is found out, unless it is forgiven
    change(session / "decisions" / "net.jsonl", 1e-3)
    code, verdict, _ = live.rtbci("verify", session)
    assert (code, verdict["different"], verdict["within"]) == (1, 1, 35)
    assert "log_probs was" in verdict["decoders"]["net"]["examples"][0]
    assert "0.001 apart; 1e-5 is allowed" in verdict["decoders"]["net"]["examples"][0]
    code, verdict, _ = live.rtbci("verify", session, "--tolerance", 1e-2)
    assert (code, verdict["different"], verdict["decoders"]["net"]["tolerance"]) == (0, 0, 1e-2)
    code, verdict, _ = live.rtbci("verify", session, "--tolerance", 0)
    assert (code, verdict["different"], verdict["within"]) == (1, 36, 0)


def test_a_gpu_that_is_lost_in_the_warm_up_costs_no_window(
    tmp_path: Path, stream_name: str, made, monkeypatch: pytest.MonkeyPatch
) -> None:
    experiment, model = made(stream_name, ("net", FAKE, ""))
    session = tmp_path / "session"
    monkeypatch.setenv("RTBCI_FAKE_GPU_LOST", "2")
    with live.streaming(stream_name, "--speed", 2, "--wait", 60):
        code, report, errors = live.rtbci(
            "run", experiment, "--model", model, "--headless", "--seconds", 4, "--session", session
        )
    assert code == 0, (report, errors)
    net = report["decoders"]["net"]
    assert (net["restarts"], net["device"]) == (1, CPU)
    assert net["windows"]["decoded"] + net["windows"]["skipped"] == (report["samples"]["received"] - 320) // 16 + 1
    assert origins(session, "net") == [(CPU, True)]
    code, verdict, _ = live.rtbci("verify", session)
    assert (code, verdict["equal"]) == (0, verdict["compared"])


def test_a_device_that_is_lost_on_the_cpu_is_a_failure_like_any_other(tmp_path: Path, stream_name: str, made) -> None:
    experiment, model = made(stream_name, ("net", FAKE, ""))
    plugin = tmp_path / "fake_gpu.py"
    text = plugin.read_text().replace("if self.runs_on == GPU and self.asked ==", "if self.asked >=")
    hangs = "__import__('atexit').register(__import__('time').sleep, 1e4)"  # as a driver may hold its process
    plugin.write_text(text.replace("raise DeviceLost(", f"{hangs}\n            raise DeviceLost("))
    session = tmp_path / "session"
    with (
        pytest.MonkeyPatch.context() as patch,
        live.streaming(stream_name, "--loop", "--wait", 60),
    ):
        patch.setenv("RTBCI_FAKE_GPU_LOST", "20")
        with live.running("run", experiment, "--model", model, "--headless", "--session", session) as process:
            live.wait_for(lambda: decoder(session, "net").get("restarts", 0) >= 2, 60, "a second restart")
            live.wait_for(lambda: decoder(session, "net").get("restarts", 0) >= 3, 60, "a third restart")
            report, _ = ended(process, session)
    assert report["decoders"]["net"]["problem"] == "net: fake-gpu:0 has fallen off the bus"
    assert report["samples"]["recorded"] == report["samples"]["received"]
    assert origins(session, "net")[:3] == [(GPU, True), (CPU, True), (CPU, True)]
