"""What transforms learn while a session runs is learnt again, bit for bit, from its recording."""

from __future__ import annotations

from pathlib import Path

import pytest

from rtbci import bundled
from tests import live

DECODER = """
[[decoder]]
name = "learning"
use = "tangent"
window = 2.0
hop = 0.1
transforms = [
    { use = "high-pass", low = 1.0 },
    { use = "asr", calibration = 10.0 },
    { use = "band-pass", low = 8.0, high = 30.0 },
    { use = "potato", calibration = 6.0 },
    { use = "recentre", memory = 10.0 },
]
"""


@pytest.mark.timeout(200)
def test_a_session_with_transforms_that_adapt_verifies_and_replays(tmp_path: Path, stream_name: str) -> None:
    experiment = tmp_path / "experiment.toml"
    experiment.write_text(live.EXPERIMENT.format(name="test", stream=stream_name, decoders=DECODER))
    model, session = tmp_path / "model.rtbci", tmp_path / "session"
    code, trained, errors = live.rtbci("train", experiment, "--recording", bundled.calibration(), "--out", model)
    assert code == 0, (trained, errors)
    with live.streaming(stream_name, "--speed", 2, "--wait", 60):
        code, report, errors = live.rtbci(
            "run", experiment, "--model", model, "--headless", "--seconds", 14, "--session", session
        )
    assert code == 0, (report, errors)
    decoder = report["decoders"]["learning"]
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
        hashes.add(again["decoders"]["learning"]["decisions_sha256"])
    if decoder["windows"]["skipped"] == 0:  # a busy machine may skip some: verify has compared those that were not
        hashes.add(decoder["decisions_sha256"])
    assert len(hashes) == 1
