"""What was decided live is decided again, bit for bit: by verify, and by a replay of the recording that the session made."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rtbci import bundled
from tests import live


@pytest.mark.timeout(200)
def test_a_live_session_of_four_decoders_verifies_and_replays(
    tmp_path: Path, stream_name: str, all_decoders: Path
) -> None:
    experiment = live.experiment(tmp_path, stream_name, "tangent", "mdm", "csp", "log-variance")
    session = tmp_path / "session"
    with live.streaming(stream_name, "--speed", 2, "--wait", 60):
        code, report, errors = live.rtbci(
            "run", experiment, "--model", all_decoders, "--headless", "--seconds", 16, "--session", session
        )
    assert code == 0, (report, errors)
    assert report["session"] == str(session)
    assert report["samples"]["lost"] == 0
    assert report["samples"]["received"] == report["samples"]["recorded"] > 2 * 15 * bundled.RATE
    assert report["gaps"] == 0
    for name in ("tangent", "mdm", "csp", "log-variance"):
        decoder = report["decoders"][name]
        assert decoder["trials"] >= 3
        assert decoder["trial_accuracy"] == sum(decoder["confusion"][k][k] for k in (0, 1)) / decoder["trials"]
        assert decoder["windows"]["decoded"] > 200
        assert decoder["decision_age_ms"]["p50"] <= decoder["decision_age_ms"]["p99"]

    code, verdict, _ = live.rtbci("verify", session)
    assert code == 0
    decoded = sum(d["windows"]["decoded"] for d in report["decoders"].values())
    assert (verdict["compared"], verdict["equal"], verdict["different"]) == (decoded, decoded, 0)

    code, again, _ = live.rtbci(
        "replay", experiment, "--model", all_decoders, "--recording", session / "recording.xdf", "--chunk", 33
    )
    assert code == 0
    for name, decoder in report["decoders"].items():
        if decoder["windows"]["skipped"] == 0:  # a busy machine may skip some: verify has compared those that were not
            assert again["decoders"][name]["decisions_sha256"] == decoder["decisions_sha256"]
        assert again["decoders"][name]["trials"] == decoder["trials"]

    # and a log that was tampered with is found out
    log = session / "decisions" / "mdm.jsonl"
    lines = log.read_text().splitlines()
    changed = json.loads(lines[50])
    changed["log_probs"][0] += 1e-15
    lines[50] = json.dumps(changed)
    log.write_text("\n".join(lines) + "\n")
    code, verdict, _ = live.rtbci("verify", session)
    assert code == 1
    assert verdict["different"] == 1
    assert verdict["decoders"]["mdm"]["examples"]


ALIGNED = """
[[decoder]]
name = "aligned"
use = "tangent"
window = 2.0
hop = 0.1
transforms = [
    { use = "band-pass", low = 8.0, high = 30.0 },
    { use = "euclidean-alignment", window = 1.0, memory = 10.0 },
    { use = "mvnn", memory = 0.0 },
]
"""


@pytest.mark.timeout(200)
def test_a_live_session_that_begins_with_what_calibration_taught_verifies_and_replays(
    tmp_path: Path, stream_name: str
) -> None:
    experiment = tmp_path / "experiment.toml"
    experiment.write_text(live.EXPERIMENT.format(name="test", stream=stream_name, decoders=ALIGNED))
    model, session = tmp_path / "model.rtbci", tmp_path / "session"
    code, trained, errors = live.rtbci("train", experiment, "--recording", bundled.calibration(), "--out", model)
    assert code == 0, (trained, errors)
    with live.streaming(stream_name, "--speed", 2, "--wait", 60):
        code, report, errors = live.rtbci(
            "run", experiment, "--model", model, "--headless", "--seconds", 14, "--session", session
        )
    assert code == 0, (report, errors)
    decoder = report["decoders"]["aligned"]
    assert decoder["trials"] >= 2 and decoder["windows"]["decoded"] > 150

    code, verdict, _ = live.rtbci("verify", session)
    assert code == 0
    assert (verdict["compared"], verdict["different"]) == (decoder["windows"]["decoded"], 0)

    hashes = set()
    for chunk in (1, 4096):
        code, again, _ = live.rtbci(
            "replay", experiment, "--model", model, "--recording", session / "recording.xdf", "--chunk", chunk
        )
        assert code == 0
        hashes.add(again["decoders"]["aligned"]["decisions_sha256"])
    if decoder["windows"]["skipped"] == 0:  # a busy machine may skip some: verify has compared those that were not
        hashes.add(decoder["decisions_sha256"])
    assert len(hashes) == 1


def test_replay_gives_one_hash_for_any_chunk(tmp_path: Path, all_decoders: Path) -> None:
    experiment = live.experiment(tmp_path, "any", "tangent")
    hashes = set()
    for chunk in (1, 7, 160, 100_000):
        code, report, errors = live.rtbci(
            "replay", experiment, "--model", all_decoders, "--recording", bundled.calibration(), "--chunk", chunk
        )
        assert code == 0, (report, errors)
        hashes.add(report["decoders"]["tangent"]["decisions_sha256"])
        assert report["decoders"]["tangent"]["trials"] == 40
    assert len(hashes) == 1
