"""Several decoders in one worker: one process, decided together where they join, restarted together, verified each."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from rtbci import bundled
from rtbci.control import send
from rtbci.runfolder import RunFolder
from tests import live
from tests.devices.fake_gpu import CPU, GPU
from tests.devices.sessions import FAKE, decoded, decoder, ended, origins
from tests.faults.test_faults import HANGS, RAISES

pytestmark = [pytest.mark.timeout(150), pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")]
SHARED = 'worker = "nets"'


def test_decoders_that_join_decide_in_one_batch_also_when_their_gpu_is_lost(
    tmp_path: Path, stream_name: str, made, monkeypatch: pytest.MonkeyPatch
) -> None:
    experiment, model = made(
        stream_name,
        ("one", FAKE, SHARED),
        ("two", FAKE, SHARED),
        ("power", "log-variance", ""),
        ("three", FAKE, SHARED),
    )
    *before, last = experiment.read_text().split("[[decoder]]")
    experiment.write_text("[[decoder]]".join([*before, last.replace("hop = 0.1", "hop = 0.2")]))  # not always due
    session = tmp_path / "session"
    monkeypatch.setenv("RTBCI_FAKE_GPU_LOST", "60")
    with (
        live.streaming(stream_name, "--loop", "--wait", 60),
        live.running("run", experiment, "--model", model, "--headless", "--session", session) as process,
    ):
        live.wait_for(lambda: decoded(session, "three") > 20, 60, "decisions")
        workers = live.child_pids(process.pid, "rtbci.worker")
        assert len(workers) == 2
        live.wait_for(lambda: decoder(session, "two").get("device") == CPU, 60, "the processor to take over")
        so_far = decoded(session, "two")
        live.wait_for(lambda: decoded(session, "two") > so_far + 20, 60, "decisions on the processor")
        report, out = ended(process, session)
    assert {path.name for path in session.glob("worker-*.log")} == {"worker-nets.log", "worker-power.log"}
    for name in ("one", "two", "three"):
        assert origins(session, name) == [(GPU, False), (CPU, False)]
        found = report["decoders"][name]
        assert (found["restarts"], found["device"]) == (1, CPU)
        assert found["problem"].startswith("one, two")  # whose windows were due when it was lost
        assert found["problem"].endswith(": fake-gpu:0 has fallen off the bus; goes on on the CPU")
        assert f"note: {name}: runs on {GPU}\n" in out
    assert report["decoders"]["power"]["restarts"] == 0
    assert report["samples"]["recorded"] == report["samples"]["received"]
    monkeypatch.delenv("RTBCI_FAKE_GPU_LOST")
    code, verdict, errors = live.rtbci("verify", session)
    assert (code, verdict["different"]) == (0, 0), (verdict, errors)
    for name in ("one", "two", "three"):
        one = verdict["decoders"][name]
        assert one["within"] == one["compared"] > 30
        assert 1e-9 < one["largest"] < 1.1e-7  # a batch's, and on the very devices
        assert (one["tolerance"], one["devices"], one["again_on"]) == (1e-5, [GPU, CPU], [GPU, CPU])
    assert verdict["decoders"]["power"]["equal"] == verdict["decoders"]["power"]["compared"]


def test_decoders_that_do_not_join_are_exact_and_come_back_when_their_worker_is_killed(
    tmp_path: Path, stream_name: str, made
) -> None:
    alone = f"{SHARED}\ntogether = false"
    experiment, model = made(
        stream_name, ("one", FAKE, alone), ("two", FAKE, alone), ("power", "log-variance", SHARED), ("mdm", "mdm", "")
    )
    session = tmp_path / "session"
    with (
        live.streaming(stream_name, "--loop", "--wait", 60),
        live.running("run", experiment, "--model", model, "--headless", "--session", session) as process,
    ):
        live.wait_for(lambda: decoded(session, "power") > 20, 60, "decisions")
        (worker,) = live.child_pids(process.pid, " two ")
        kept = session / "decisions" / "two.origins.jsonl"
        kept.rename(session / "kept")
        kept.mkdir()  # where it begins anew cannot be written: nothing else minds
        so_far = decoded(session, "power")
        live.kill(worker)
        live.wait_for(lambda: decoded(session, "power") > so_far + 20, 60, "decisions after the kill")
        (again,) = live.child_pids(process.pid, " two ")
        assert again != worker
        run = live.run_folder_of(session)
        assert run is not None
        assert send(RunFolder(run), {"do": "restart", "decoder": "two"}) == {"ok": True}
        live.wait_for(lambda: decoder(session, "power")["restarts"] == 2, 30, "the restart that was asked for")
        so_far = decoded(session, "one")
        live.wait_for(lambda: decoded(session, "one") > so_far + 20, 60, "decisions after the restart")
        report, out = ended(process, session)
    for name in ("one", "two", "power"):
        found = report["decoders"][name]
        assert (found["restarts"], found["problem"]) == (2, "restarted by the experimenter")
    assert "worker nets of one, two, power: was killed by signal 9" in (session / "log.txt").read_text()
    assert (report["decoders"]["mdm"]["restarts"], report["decoders"]["mdm"]["problem"]) == (0, None)
    assert "two.origins.jsonl: where it began cannot be kept (Is a directory)" in out
    assert report["samples"]["recorded"] == report["samples"]["received"]
    assert origins(session, "one") == [(GPU, True)] * 3
    assert origins(session, "power") == [(None, True)] * 3
    kept.rmdir()
    (session / "kept").rename(kept)
    code, verdict, errors = live.rtbci("verify", session)
    assert (code, verdict["different"], verdict["within"]) == (0, 0, 0), (verdict, errors)
    assert verdict["equal"] == verdict["compared"] > 160


@pytest.mark.parametrize(
    ("code", "name", "why"), [(RAISES, "Raises", "the plugin's own mistake"), (HANGS, "Hangs", "deadline of 0.5 s")]
)
def test_a_decoder_that_raises_or_hangs_takes_its_worker_along_and_no_other(
    tmp_path: Path, stream_name: str, made, code: str, name: str, why: str
) -> None:
    (tmp_path / "plugin.py").write_text(code)
    bad = (name, f"./plugin.py:{name}", f"deadline = 0.5\n{SHARED}")
    experiment, model = made(stream_name, bad, ("net", FAKE, SHARED), ("power", "log-variance", ""))
    session = tmp_path / "session"
    with (
        live.streaming(stream_name, "--loop", "--wait", 60),
        live.running("run", experiment, "--model", model, "--headless", "--session", session) as process,
    ):
        newest = lambda: live.status_of(session).get("samples", {}).get("received", 0)  # noqa: E731
        live.wait_for(lambda: newest() > 160 * 9, 60, "nine seconds of samples")
        report, _ = ended(process, session)
    for shared in (name, "net"):
        assert report["decoders"][shared]["restarts"] >= 1
        assert report["decoders"][shared]["problem"].startswith(f"{name}: ")
        assert why in report["decoders"][shared]["problem"]
        assert report["decoders"][shared]["windows"]["decoded"] > 10
    assert (report["decoders"]["power"]["restarts"], report["decoders"]["power"]["problem"]) == (0, None)
    assert report["samples"]["recorded"] == report["samples"]["received"]
    code, verdict, errors = live.rtbci("verify", session)
    assert (code, verdict["different"], verdict["within"]) == (0, 0, 0), (verdict, errors)


def test_decoders_of_other_windows_share_a_worker_and_decide_what_they_decide_alone(
    tmp_path: Path, stream_name: str, made
) -> None:
    experiment, model = made(
        stream_name, ("one", FAKE, SHARED), ("power", "log-variance", SHARED), ("mdm", "mdm", SHARED)
    )
    text = experiment.read_text()
    head, *tables = text.split("[[decoder]]")
    tables[1] = tables[1].replace("window = 2.0\nhop = 0.1", 'window = 1.0\nlock = "marker"\noffset = 0.5')
    tables[2] = tables[2].replace("hop = 0.1", "hop = 0.25\nadapt = true")
    experiment.write_text("[[decoder]]".join([head, *tables]))
    code, said, errors = live.rtbci("train", experiment, "--recording", bundled.calibration(), "--out", model)
    assert code == 0, (said, errors)
    session = tmp_path / "session"
    with live.streaming(stream_name, "--speed", 2, "--wait", 60):
        code, report, errors = live.rtbci(
            "run", experiment, "--model", model, "--headless", "--seconds", 12, "--session", session
        )
    assert code == 0, (report, errors)
    windows = {name: one["windows"]["decoded"] for name, one in report["decoders"].items()}
    assert windows["one"] > 150 and windows["mdm"] > 60 and windows["power"] >= 2
    code, verdict, errors = live.rtbci("verify", session)
    assert (code, verdict["different"], verdict["within"]) == (0, 0, 0), (verdict, errors)
    code, again, _ = live.rtbci("replay", experiment, "--model", model, "--recording", session / "recording.xdf")
    for name, one in report["decoders"].items():
        if one["windows"]["skipped"] == 0:  # a busy machine may skip some: verify has compared those that were not
            assert again["decoders"][name]["decisions_sha256"] == one["decisions_sha256"]
