"""``rtbci feature-maps``: what it says, what it writes, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from rtbci import bundled, config
from tests.cli.terminal import rtbci
from tests.test_feature_maps import EXPERIMENT, _recording


def _given(tmp_path: Path, **how: float) -> tuple[Path, Path]:
    experiment = tmp_path / "experiment.toml"
    experiment.write_text(EXPERIMENT)
    return experiment, _recording(tmp_path / "r.csv", **how)


def test_the_bundled_recording_has_its_maps_written_and_told(tmp_path: Path) -> None:
    out = tmp_path / "maps.npz"
    said = rtbci("feature-maps", bundled.experiment(), "--recording", bundled.calibration(), "--out", out, "--json")
    assert said.code == 0
    assert said.json["trials"] == [20, 20]
    assert [(one["axis"], one["cells"]) for one in said.json["maps"]] == [("frequency", 16 * 45), ("time", 16 * 92)]
    assert said.json["maps_file"] == str(out)
    with np.load(out) as file:
        assert file["r2_0"].shape == (16, 45)
        assert np.abs(file["r2_0"]).max() == np.abs(said.json["maps"][0]["strongest"]["r2"])
    if said.json["choice"]["band"] is None:
        assert said.json["choice"]["why"].startswith("no cell survives FDR 5 %")


def test_a_choice_is_applied_to_a_copy_and_said_to_be_circular(tmp_path: Path) -> None:
    experiment, recording = _given(tmp_path, rhythm=1.5)
    copy = tmp_path / "chosen.toml"
    said = rtbci("feature-maps", experiment, "--recording", recording, "--out", tmp_path / "m.npz", "--apply", copy)
    assert said.code == 0
    assert "signed r²" in said.out
    assert "an accuracy on the same trials would flatter" in said.out
    assert f"{copy} written" in said.out
    band = config.load(copy).decoders[0].transforms[1]
    assert (band.use, band.args["low"] < 12.0 < band.args["high"]) == ("band-pass", True)
    again = rtbci("feature-maps", experiment, "--recording", recording, "--out", tmp_path / "m.npz", "--apply", copy)
    assert "is there already and stays as it is" in again.refusal


def test_nothing_is_applied_where_nothing_can_be_justified(tmp_path: Path) -> None:
    experiment, recording = _given(tmp_path, seed=8)
    copy = tmp_path / "chosen.toml"
    said = rtbci(
        "feature-maps", experiment, "--recording", recording, "--out", tmp_path / "m.npz", "--apply", copy, "--json"
    )
    assert (said.code, said.json["applied"], said.json["choice"]["channels"]) == (0, None, [])
    assert not copy.exists()
    told = rtbci("feature-maps", experiment, "--recording", recording, "--out", tmp_path / "m.npz", "--apply", copy)
    assert f"{copy} not written" in told.out


def test_a_choice_is_validated_with_one_made_anew_in_every_fold(tmp_path: Path) -> None:
    experiment, recording = _given(tmp_path, rhythm=1.5)
    experiment.write_text(EXPERIMENT[: EXPERIMENT.rindex("[[decoder]]")].replace('"tangent"', '"log-variance"'))
    out = tmp_path / "m.npz"
    said = rtbci("feature-maps", experiment, "--recording", recording, "--out", out, "--validate", "--json")
    assert said.code == 0
    worth = said.json["validated"]
    assert [fold["fold"] for fold in worth["folds"]] == [f"block {k} of 5" for k in (2, 3, 4, 5)]
    assert worth["summary"]["riemann"]["trials"] == 32
    assert worth["summary"]["riemann"]["trial_accuracy"] > 0.8
    assert worth["failed"] == []
    said = rtbci("feature-maps", experiment, "--recording", recording, "--out", out, "--validate")
    assert "of 32 trials, chance 0.50, always the most frequent class 0.50, trained on shuffled labels" in said.out
    later = worth["folds"][-1]
    assert later["band"][0] < 12.0 < later["band"][1]


def test_bad_input_is_refused_in_one_line(tmp_path: Path) -> None:
    experiment, recording = _given(tmp_path)
    out = tmp_path / "m.npz"
    gone = rtbci("feature-maps", experiment, "--recording", tmp_path / "gone.edf", "--out", out)
    assert "there is no recording" in gone.refusal
    assert (
        ".npz would be right"
        in rtbci("feature-maps", experiment, "--recording", recording, "--out", tmp_path / "m.txt").refusal
    )
    experiment.write_text(EXPERIMENT.replace('right = ["2"]', 'right = ["9"]'))
    assert "no such marker" in rtbci("feature-maps", experiment, "--recording", recording, "--out", out).refusal
    assert not out.exists()
