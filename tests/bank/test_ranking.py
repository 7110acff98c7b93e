"""What was shown is ranked in a bank: among its items where markers name them, among its classes where they do not."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

from rtbci import bundled
from rtbci.bank import Bank
from rtbci.bank.ranking import Ranking
from tests.bank.drawn import COLOURS, draw
from tests.cli.terminal import rtbci

CLASSES = {"warm": ["W"], "greens": ["G"], "other": ["B", "blues"]}


@pytest.fixture
def colours(tmp_path: Path, make_bank) -> Bank:
    """Nine pictures of nine colours, in three classes."""
    for k, name in enumerate(COLOURS):
        for j, rgb in enumerate(((210, 30, 30), (210, 30, 110), (210, 110, 30))):
            draw(tmp_path / "colours" / name / f"{name}{j}.png", tuple(np.roll(rgb, k).tolist()), 9)
    return Bank.open(make_bank(tmp_path / "colours", out="colours.bank"))


def test_items_are_ranked_among_all_items_and_their_classes_among_all_classes(colours):
    bank = colours
    ranking = Ranking(bank, CLASSES)
    for item, embedding in zip(bank.items, bank.embeddings.astype(np.float32), strict=True):
        ranking.add(item.id, embedding)
    found = ranking.found()
    assert (found["item"].candidates, found["item"].n, found["item"].kind) == (9, 9, "item")
    assert found["item"].top1 == 1.0 and found["item"].median_rank == 1.0
    assert found["item"].chance_top1 == pytest.approx(1 / 9)
    assert found["item"].shuffled_top1 == pytest.approx(1 / 9)
    assert (found["centre"].candidates, found["centre"].top1) == (3, 1.0)


def test_markers_of_classes_are_ranked_among_classes_alone(pictures, make_bank):
    bank = Bank.open(make_bank(pictures))
    ranking = Ranking(bank, CLASSES)
    ranking.add("G", bank.centre("greens"))
    ranking.add("B", bank.centre("greens"))
    ranking.add("W", bank.centre("greens"))  # the bank has no class "warm", and none called "W"
    found = ranking.found()
    assert set(found) == {"centre"}
    assert found["centre"].n == 2
    assert found["centre"].ranks[0] == 1 and found["centre"].ranks[1] > 1


def test_the_shuffled_control_is_the_mean_over_all_orders(colours):
    bank = colours
    ranking = Ranking(bank, CLASSES)
    shown = [0, 1, 4, 4, 8]
    said = [0, 4, 4, 4, 0]
    for truth, answer in zip(shown, said, strict=True):
        ranking.add(bank.items[truth].id, bank.embeddings[answer].astype(np.float32))
    orders = list(itertools.permutations(shown))
    wanted = np.mean([np.mean([a == b for a, b in zip(order, said, strict=True)]) for order in orders])
    assert ranking.found()["item"].shuffled_top1 == pytest.approx(wanted)


def test_nothing_that_was_shown_gives_nothing(pictures, make_bank):
    bank = Bank.open(make_bank(pictures))
    ranking = Ranking(bank, {"fists": ["T1"]})
    ranking.add("T1", bank.centre("reds"))
    assert ranking.found() == {}


# ---------------------------------------------------------------------- replay


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
    assert "windows, each alone, among 2 classes (0." in line and "; chance 0.500, shuffled 0." in line
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
