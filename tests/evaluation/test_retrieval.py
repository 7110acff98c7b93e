"""An evaluation of decoders that look in a bank says where what was shown stood, beside its controls."""

from __future__ import annotations

from pathlib import Path

import pytest

from rtbci import bundled
from tests.bank.drawn import COLOURS, draw
from tests.cli.terminal import rtbci

LOCKED = 'lock = "marker"\nwindow = 1.0\noffset = 0.5\ntransforms = [{ use = "band-pass", low = 0.5, high = 20.0 }]\n'


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory) -> Path:
    """A folder with a bank of which two items are called as the markers of the calibration recording, evaluated."""
    folder = tmp_path_factory.mktemp("evaluated")
    for name, colour in (("T1", COLOURS["reds"]), ("T2", COLOURS["blues"]), ("other", COLOURS["greens"])):
        draw(folder / "shown" / f"{name}-class" / f"{name}.png", colour, 1)
    built = rtbci("bank", "build", folder / "shown", "--out", folder / "shown.bank", "--set", "dims=2", "--json")
    assert built.code == 0, built.out
    (folder / "experiment.toml").write_text(
        'name = "seen"\n[source]\nuse = "lsl"\n[classes]\nfists = ["T1"]\nfeet = ["T2"]\n[trial]\nstart = 0.5\nstop = 3.5\n'
        '[bank]\npath = "shown.bank"\nfalse_alarms = 0.2\n'
        f'[[decoder]]\nname = "seen"\nuse = "ridge-embed"\ntargets = "shown.bank"\n{LOCKED}'
        f'[[decoder]]\nname = "power"\nuse = "log-variance"\n{LOCKED}'
    )
    return folder


def evaluate(folder: Path, *more: object):
    return rtbci(
        "evaluate",
        folder / "experiment.toml",
        "--recording",
        bundled.calibration(),
        "--out",
        folder / "out",
        "--jobs",
        1,
        *more,
    )


def test_items_stand_beside_chance_and_both_controls_in_json_and_in_the_report(evaluated):
    said = evaluate(evaluated, "--json")
    assert said.code == 0, said.out
    seen, power = (said.json["summary"][name] for name in ("seen", "power"))
    found = seen["retrieval"]
    assert set(found) >= {
        "top1",
        "top5",
        "n",
        "candidates",
        "chance_top1",
        "shuffled_top1",
        "median_rank",
        "control_top1",
    }
    assert (found["kind"], found["candidates"], found["n"]) == ("item", 3, seen["trials"])
    assert found["chance_top1"] == pytest.approx(1 / 3)
    assert 0.0 <= found["control_top1"] <= 1.0 and found["control_top1"] != found["top1"]
    assert seen["retrieval_classes"]["candidates"] == 3
    assert [row["averaged"] for row in seen["retrieval_repeats"]][:3] == [1, 2, 3]
    assert sum(row["n"] for row in seen["retrieval_repeats"] if row["averaged"] > 1) <= found["n"]
    assert seen["retrieval_claims"]["n"] == found["n"]
    assert "retrieval" not in power
    page = (evaluated / "out" / "report.html").read_text()
    assert "What was found in the bank" in page and f"{found['top1']:.3f}" in page
    again = evaluate(evaluated, "--json")  # from the finished tasks
    assert again.json["resumed"] == len(again.json["rows"])
    assert again.json["summary"]["seen"]["retrieval"] == found


def test_the_terminal_says_it_too(evaluated):
    lines = evaluate(evaluated).out.splitlines()
    assert any(line.startswith("seen: found") and "among 3 items" in line and "chance 0.333" in line for line in lines)
    assert any(line.startswith("seen: trained on shuffled pictures, top-1 0.") for line in lines)


def test_another_bank_is_another_task(evaluated):
    evaluate(evaluated)
    draw(evaluated / "shown" / "more-class" / "more.png", (10, 200, 200), 3)
    larger, like = evaluated / "larger.bank", evaluated / "shown.bank"
    built = rtbci("bank", "build", evaluated / "shown", "--out", larger, "--like", like, "--json")
    assert built.code == 0, built.out
    text = (evaluated / "experiment.toml").read_text()
    (evaluated / "experiment.toml").write_text(text.replace('path = "shown.bank"', 'path = "larger.bank"'))
    said = evaluate(evaluated, "--json")
    assert said.code == 0, said.out
    assert said.json["resumed"] == 0
    assert said.json["summary"]["seen"]["retrieval"]["candidates"] == 4
