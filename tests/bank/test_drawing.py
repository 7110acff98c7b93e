"""Pictures drawn by rtbci: as many as are asked for, all different, the same for a seed, and what their captions say."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from scipy import ndimage

from rtbci.bank import Bank
from rtbci.bank.drawing import COLOURS, GROUNDS, PLACES, SHAPES, TEXTURES, Drawn, descriptions, draw
from tests.cli.terminal import rtbci


def objects(what: Drawn, seed: int = 0) -> np.ndarray:
    """Where the picture is not its ground (SIDE, SIDE)."""
    far = np.abs(np.asarray(draw(what, seed), float) - np.array(GROUNDS[what.ground])).max(axis=2)
    return far > 30


def test_pictures_differ_and_shapes_come_equally_often():
    found = descriptions(200)
    assert len(set(found)) == len({one.caption for one in found}) == 200
    assert {shape: sum(one.shape == shape for one in found) for shape in SHAPES} == dict.fromkeys(SHAPES, 20)
    assert descriptions(200) == found
    assert descriptions(200, seed=1) != found
    for field, options in (("colour", COLOURS), ("texture", TEXTURES), ("place", PLACES), ("ground", GROUNDS)):
        assert {getattr(one, field) for one in found} == set(options)
    with pytest.raises(ValueError, match="12800"):
        descriptions(12801)


@pytest.mark.parametrize("shape", list(SHAPES))
@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_there_are_as_many_objects_as_the_caption_says_and_none_touches_the_edge(shape, number):
    seed = list(SHAPES).index(shape) + number
    place = tuple(PLACES)[seed % len(PLACES)]
    mask = objects(Drawn(shape, "red", "plain", number, place, "white"), seed)
    labels, found = ndimage.label(mask, np.ones((3, 3)))
    assert sum((labels == k).sum() > 20 for k in range(1, found + 1)) == number
    assert not mask[0].any() and not mask[-1].any() and not mask[:, 0].any() and not mask[:, -1].any()


def test_colour_texture_and_place_are_those_of_the_caption():
    for colour, rgb in COLOURS.items():
        what = Drawn("disc", colour, "plain", 1, "in the middle", "black")
        mean = np.asarray(draw(what), float)[objects(what)].mean(axis=0)
        np.testing.assert_allclose(mean, rgb, atol=14)
    spreads = {}
    for texture in TEXTURES:
        what = Drawn("disc", "blue", texture, 1, "in the middle", "white")
        spreads[texture] = np.asarray(draw(what), float)[100:156, 100:156].std(axis=(0, 1)).mean()
    assert min(spreads[name] for name in TEXTURES[1:]) > 5 * spreads["plain"]
    for place, (x, y) in PLACES.items():
        rows, columns = np.nonzero(objects(Drawn("disc", "red", "plain", 2, place, "white")))
        assert abs(columns.mean() / 256 - x) < 0.05 and abs(rows.mean() / 256 - y) < 0.05


def test_the_command_draws_what_a_bank_is_built_of(tmp_path):
    said = rtbci("bank", "draw", tmp_path / "p", "--n", 20, "--seed", 3, "--json")
    assert (said.code, said.json["items"]) == (0, 20)
    with (tmp_path / "p" / "items.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {row["class"] for row in rows} == set(SHAPES)
    done = rtbci(
        "bank", "build", tmp_path / "p", "--items", tmp_path / "p" / "items.csv", "--out", tmp_path / "b", "--json"
    )
    assert done.code == 0, done.out
    bank = Bank.open(tmp_path / "b")
    assert [item.caption for item in bank.items] == [one.caption for one in descriptions(20, 3)]
    again = rtbci("bank", "draw", tmp_path / "q", "--n", 20, "--seed", 3)
    assert again.code == 0
    for row in rows:
        assert (tmp_path / "q" / row["file"]).read_bytes() == (tmp_path / "p" / row["file"]).read_bytes()
    assert "exists and is not empty; another folder would be right" in rtbci("bank", "draw", tmp_path / "p").refusal
