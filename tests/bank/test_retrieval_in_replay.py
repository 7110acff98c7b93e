"""Replays look in a bank for what was shown, and say at which rank it stood."""

from __future__ import annotations

from pathlib import Path

import pytest

from rtbci import bundled
from tests.bank.drawn import COLOURS, draw
from tests.cli.terminal import rtbci


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    """A folder with a bank of fists and feet, an experiment, and a model of two decoders."""
    for name, colour in (("fists", COLOURS["reds"]), ("feet", COLOURS["blues"])):
        for k in range(4):
            draw(tmp_path / "shown" / name / f"{name}{k}.png", colour, k)
    built = rtbci("bank", "build", tmp_path / "shown", "--out", tmp_path / "shown.bank", "--set", "dims=4", "--json")
    assert built.code == 0, built.out
    locked = (
        'lock = "marker"\nwindow = 1.0\noffset = 0.5\ntransforms = [{ use = "band-pass", low = 0.5, high = 20.0 }]\n'
    )
    (tmp_path / "experiment.toml").write_text(
        'name = "seen"\n[source]\nuse = "lsl"\n[classes]\nfists = ["T1"]\nfeet = ["T2"]\n[trial]\nstart = 0.5\nstop = 3.5\n'
        f'[[decoder]]\nname = "seen"\nuse = "ridge-embed"\ntargets = "shown.bank"\n{locked}'
        f'[[decoder]]\nname = "power"\nuse = "log-variance"\n{locked}'
    )
    done = rtbci(
        "train",
        tmp_path / "experiment.toml",
        "--recording",
        bundled.calibration(),
        "--out",
        tmp_path / "m.rtbci",
        "--json",
    )
    assert done.code == 0, done.out
    return tmp_path


def replay(folder: Path, *more: object):
    return rtbci(
        "replay", folder / "experiment.toml", "--model", folder / "m.rtbci", "--recording", bundled.calibration(), *more
    )


def test_a_replay_ranks_what_was_shown_and_decides_as_before(trained):
    said = replay(trained, "--bank", trained / "shown.bank", "--json")
    assert said.code == 0, said.out
    seen, power = (said.json["decoders"][name] for name in ("seen", "power"))
    found = seen["retrieval"]
    assert set(found) >= {"top1", "top5", "n", "candidates", "chance_top1", "shuffled_top1", "median_rank"}
    assert (found["candidates"], found["kind"], found["chance_top1"]) == (2, "centre", 0.5)
    assert found["n"] == seen["windows"]["decoded"] > 20
    assert found["top1"] == pytest.approx(seen["trial_accuracy"])  # two classes: the nearest centre is the answer
    assert "retrieval" not in power
    assert any("power: gives no embeddings" in note for note in said.json["notes"])
    plain = replay(trained, "--json").json["decoders"]
    assert plain["seen"]["decisions_sha256"] == seen["decisions_sha256"]
    assert "retrieval" not in plain["seen"]


def test_the_report_for_people_says_candidates_and_chance_beside_every_hit_rate(trained):
    said = replay(trained, "--bank", trained / "shown.bank")
    (line,) = [line for line in said.out.splitlines() if line.startswith("  found ")]
    assert "trials, each alone, among 2 classes (0." in line and "; chance 0.500, shuffled 0." in line
    assert "top-1 0." in line and "median rank" in line
    assert "top-5" not in line  # of two it would always be 1


def test_a_bank_of_another_space_or_none_is_refused(trained):
    draw(trained / "other" / "a.png", COLOURS["reds"], 0)
    draw(trained / "other" / "b.png", COLOURS["greens"], 1)
    assert rtbci("bank", "build", trained / "other", "--out", trained / "other.bank").code == 0
    refusal = replay(trained, "--bank", trained / "other.bank").refusal
    assert "other.bank is of space statistics:" in refusal
    assert 'decoder "seen" of statistics:' in refusal and "rtbci bank build --like" in refusal
    assert "nowhere is no bank (bank.json" in replay(trained, "--bank", trained / "nowhere").refusal
