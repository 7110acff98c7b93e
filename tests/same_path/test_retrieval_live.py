"""What is found in a bank live is found again by `rtbci verify` and by a replay, also after a worker has died."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from rtbci import bundled
from tests import live


@pytest.fixture(scope="module")
def session(tmp_path_factory) -> tuple[Path, Path, Path]:
    """Experiment, model and folder of a session in which the worker of the decoder "locked" was killed."""
    folder = tmp_path_factory.mktemp("seen")
    name = f"viewer {os.getpid()}"
    experiment = bundled.write_demo_experiment(folder, name, "pictures")
    shutil.copytree(bundled.pictures(), folder / "own.bank")  # to be replaced later
    experiment.write_text(experiment.read_text().replace(str(bundled.pictures()), str(folder / "own.bank")))
    model, session = folder / "model.rtbci", folder / "session"
    code, said, errors = live.rtbci(
        "train", experiment, "--recording", bundled.calibration("pictures"), "--out", model, timeout=150.0
    )
    assert code == 0, (said, errors)
    person = subprocess.Popen(
        [sys.executable, "-m", "rtbci", "simulated-subject", "images", "--name", name, "--seed", "5"],
        stdout=subprocess.DEVNULL,
    )
    try:
        arguments = ("run", experiment, "--model", model, "--headless", "--seconds", 16, "--session", session)
        with live.running(*arguments) as process:
            found = session / "decisions" / "locked.retrieved.jsonl"
            live.wait_for(lambda: found.exists() and found.stat().st_size, 90.0, "something found")
            (worker,) = live.child_pids(process.pid, "locked")
            os.kill(worker, signal.SIGKILL)
            output, _ = process.communicate(timeout=90.0)
            assert process.returncode == 0, output
    finally:
        person.kill()
        person.wait()
    return experiment, model, session


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.timeout(400)
def test_every_retrieval_is_made_again_bit_for_bit_also_by_a_worker_that_was_restarted(session):
    _, _, folder = session
    report = json.loads((folder / "report.json").read_text())
    assert report["decoders"]["locked"]["restarts"] == 1
    for name in ("locked", "free-running"):
        decided = lines(folder / "decisions" / f"{name}.jsonl")
        retrieved = lines(folder / "decisions" / f"{name}.retrieved.jsonl")
        assert [(one["start"], one["origin"]) for one in retrieved] == [
            (one["start"], one["origin"]) for one in decided
        ]
        assert [one["ready_time"] for one in retrieved] == [one["ready_time"] for one in decided]
    assert len({one["origin"] for one in lines(folder / "decisions" / "locked.jsonl")}) == 2
    code, verdict, errors = live.rtbci("verify", folder)
    assert code == 0, errors
    assert verdict["different"] == 0 and verdict["equal"] == verdict["compared"] > 200
    times = [one["time"] for one in lines(folder / "decisions" / "locked.found.jsonl") if one["kind"] == "item"]
    assert len(times) == len(set(times)) >= 3  # none was told twice


@pytest.mark.timeout(200)
def test_a_replay_of_the_recording_finds_the_same(session):
    experiment, model, folder = session
    code, again, errors = live.rtbci("replay", experiment, "--model", model, "--recording", folder / "recording.xdf")
    assert code == 0, errors
    before = json.loads((folder / "report.json").read_text())["decoders"]["free-running"]
    now = again["decoders"]["free-running"]
    assert now["decisions_sha256"] == before["decisions_sha256"]
    assert now["retrieval"] == before["retrieval"]
    assert now["retrieval_by_time"] == before["retrieval_by_time"]


@pytest.mark.timeout(200)
def test_a_log_that_was_changed_is_found_out(session, tmp_path):
    _, _, folder = session
    changed = tmp_path / "session"
    shutil.copytree(folder, changed)
    log = changed / "decisions" / "free-running.retrieved.jsonl"
    first, rest = log.read_text().split("\n", 1)
    fields = json.loads(first)
    fields["cosines"][0] += 1e-9
    log.write_text(json.dumps(fields) + "\n" + rest)
    code, verdict, _ = live.rtbci("verify", changed)
    assert code == 1
    assert verdict["different"] == 1
    assert "cosines found was" in verdict["decoders"]["free-running"]["examples"][0]


@pytest.mark.timeout(200)
def test_another_bank_in_its_place_is_refused(session):
    _, _, folder = session
    bank = folder.parent / "own.bank"
    manifest = json.loads((bank / "bank.json").read_text())
    whole = (bank / "bank.json").read_text()
    (bank / "bank.json").write_text(json.dumps({**manifest, "built": "another day"}))
    code, said, _ = live.rtbci("verify", folder)
    (bank / "bank.json").write_text(whole)
    assert code == 2
    assert "is not the bank in which the session looked" in said["error"]
