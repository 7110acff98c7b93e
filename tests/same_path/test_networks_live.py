"""Networks decide live what they decide again: bit for bit on the same device and threads, within a tolerance in batches."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from rtbci import bundled
from rtbci import model as models
from tests import live
from tests.cli.terminal import rtbci

pytestmark = pytest.mark.timeout(240)
ON_BOTH = pytest.mark.parametrize(
    "device",
    [
        "cpu",
        pytest.param(
            "cuda",
            marks=[
                pytest.mark.gpu,
                pytest.mark.skipif(not torch.cuda.is_available(), reason="PyTorch sees no GPU here"),
            ],
        ),
    ],
)

TABLES = """
[[decoder]]
name = "eegnet"
use = "eegnet"
window = 1.0
hop = 0.1
epochs = 2
device = "DEVICE"
transforms = [{ use = "band-pass", low = 4.0, high = 40.0 }, { use = "euclidean-alignment" }]

[[decoder]]
name = "chunks"
use = "conformer-chunks"
window = 2.0
hop = 0.25
epochs = 1
device = "DEVICE"
att_depth = 1
worker = "shared"
transforms = [{ use = "band-pass", low = 4.0, high = 40.0 }]

[[decoder]]
name = "stranger"
use = "atm"
window = 1.0
hop = 0.25
epochs = 1
device = "DEVICE"
dims = 8
worker = "shared"
transforms = [{ use = "band-pass", low = 0.5, high = 40.0 }]
"""


@ON_BOTH
def test_a_live_session_of_networks_verifies_and_replays_to_the_bit(
    tmp_path: Path, stream_name: str, device: str
) -> None:
    experiment, runs_on = tmp_path / "experiment.toml", {"cpu": "cpu (", "cuda": "cuda:0 ("}[device]
    decoders = TABLES.replace("DEVICE", device)
    experiment.write_text(live.EXPERIMENT.format(name="test", stream=stream_name, decoders=decoders))
    model, session = tmp_path / "model.rtbci", tmp_path / "session"
    code, trained, errors = live.rtbci("train", experiment, "--recording", bundled.calibration(), "--out", model)
    assert code == 0, (trained, errors)
    with live.streaming(stream_name, "--speed", 2, "--wait", 90):
        code, report, errors = live.rtbci(
            "run", experiment, "--model", model, "--headless", "--seconds", 16, "--session", session
        )
    assert code == 0, (report, errors)
    for name in ("eegnet", "chunks", "stranger"):
        assert report["decoders"][name]["device"].startswith(runs_on), report["decoders"][name]
        assert f"{name}: runs on {runs_on}" in errors
        origins = (session / "decisions" / f"{name}.origins.jsonl").read_text().splitlines()
        assert [json.loads(line)["exact"] for line in origins] == [True]  # they decide alone: these cannot join
    assert "stranger: it is not said who sits there ([recording] subject)" in errors

    code, verdict, _ = live.rtbci("verify", session)
    assert code == 0
    decoded = {name: one["windows"]["decoded"] for name, one in report["decoders"].items()}
    assert verdict["decoders"]["eegnet"]["compared"] == decoded["eegnet"] > 100
    assert (verdict["compared"], verdict["equal"]) == (sum(decoded.values()), sum(decoded.values()))

    code, again, _ = live.rtbci(
        "replay", experiment, "--model", model, "--recording", session / "recording.xdf", "--chunk", 33
    )
    assert code == 0
    for name, decoder in report["decoders"].items():
        if decoder["windows"]["skipped"] == 0:  # a busy machine may skip some: verify has compared those that were not
            assert again["decoders"][name]["decisions_sha256"] == decoder["decisions_sha256"]

    # the session's folder is a site: what was recorded there is trained on, beside another's recordings
    shared = tmp_path / "shared.rtbci"
    said = rtbci(
        "federate", "rounds", experiment, "--site", f"lab={session}", "--site", f"home={bundled.calibration()}",
        "--rounds", 1, "--out", shared, "--json",
    )  # fmt: skip
    assert said.code == 0, said.out + said.err
    assert said.json["windows"]["home"] > said.json["windows"]["lab"] > 0
    for name in ("eegnet", "chunks", "stranger"):
        for site in said.json["sites"].values():
            own, common = models.read_arrays(Path(site), name), models.read_arrays(shared, name)
            assert all(own[k].tobytes() == v.tobytes() for k, v in common.items() if k.startswith("shared/"))


@ON_BOTH
def test_batches_agree_with_single_windows_within_the_stated_tolerance(tmp_path: Path, device: str) -> None:
    """The same recording, decided one by one and many at once."""
    from rtbci import config, replay
    from rtbci.training import Options, train

    experiment = tmp_path / "experiment.toml"
    decoders = TABLES.replace("DEVICE", device)
    experiment.write_text(live.EXPERIMENT.format(name="test", stream="s", decoders=decoders))
    loaded = config.load(experiment)
    train(loaded, [bundled.calibration()], tmp_path / "model.rtbci", options=Options())
    said: dict[bool, dict[str, list[np.ndarray]]] = {}
    for batched in (False, True):
        said[batched] = {}
        report = replay.replay(
            loaded,
            tmp_path / "model.rtbci",
            bundled.calibration(),
            batched=batched,
            decided=lambda name, d, batched=batched: said[batched].setdefault(name, []).append(d.log_probs),
        )
        assert any("asked in batches" in note for note in report["notes"]) == batched
    from rtbci_deep.decoder import NetworkDecoder

    for name in ("eegnet", "chunks", "stranger"):
        one, many = (np.array(said[batched][name]) for batched in (False, True))
        assert one.shape == many.shape
        assert np.abs(one - many).max() <= NetworkDecoder.tolerance * (0.1 if device == "cpu" else 1.0)
