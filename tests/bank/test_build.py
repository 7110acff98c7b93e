"""Building a bank: what is in it, what is left out, how it goes on after an interruption, and what is refused."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import wave
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rtbci.bank import Bank
from rtbci.bank import build as building
from rtbci.bank.listing import of_folder
from rtbci.bank.reading import READERS, Unreadable
from rtbci.training_run import TrainingRun
from tests import live
from tests.bank.drawn import COLOURS, draw
from tests.bank.embedders import Centred, MeanColour
from tests.cli.terminal import rtbci


def test_a_folder_becomes_a_bank_with_its_sub_folders_as_classes(pictures, make_bank):
    bank = Bank.open(make_bank(pictures))
    assert (bank.kind, bank.space_id, bank.dim, len(bank.items)) == ("picture", "test:colour", 3, 12)
    assert bank.classes == ("blues", "greens", "reds")
    first = bank.items[0]
    assert (first.id, first.category, first.file) == ("blues/blue0", "blues", "blues/blue0.png")
    assert (first.width, first.height) == (40, 30)
    np.testing.assert_allclose(np.linalg.norm(bank.embeddings.astype(float), axis=1), 1.0, atol=2e-3)
    for k, item in enumerate(bank.items):
        colour = np.array(COLOURS[item.category]) + 1.0
        np.testing.assert_allclose(bank.embeddings[k], colour / np.linalg.norm(colour), atol=0.05)
    assert bank.damage() == ""


def test_thumbnails_are_small_pictures_of_their_items(pictures, make_bank):
    draw(pictures / "reds" / "wide.png", (200, 40, 40), 5, (800, 200))
    bank = Bank.open(make_bank(pictures))
    number = bank.find("wide")
    assert number is not None
    import io

    with Image.open(io.BytesIO(bank.thumbnail(number))) as small:
        assert small.format == "JPEG"
        assert small.size == (160, 40)
        np.testing.assert_allclose(np.asarray(small).mean(axis=(0, 1)), (200, 40, 40), atol=6)


def test_what_cannot_be_read_is_told_and_left_out(pictures, tmp_path):
    (pictures / "reds" / "broken.jpg").write_bytes(b"\xff\xd8\xff no picture")
    whole = (pictures / "blues" / "blue0.png").read_bytes()
    (pictures / "blues" / "cut.png").write_bytes(whole[: len(whole) // 2])
    (pictures / "notes.txt").write_text("no picture, and none is asked for")
    (pictures / ".hidden.png").write_bytes(whole)
    out = tmp_path / "b.bank"
    said = rtbci("bank", "build", pictures, "--embedder", "tests.bank.embedders:MeanColour", "--out", out)
    assert said.code == 0
    assert "2 left out:" in said.out
    assert "blues/cut.png: no picture that can be read" in said.out
    bank = Bank.open(out)
    assert len(bank.items) == 12
    assert [one["file"] for one in bank.manifest["skipped"]] == ["blues/cut.png", "reds/broken.jpg"]
    assert "left out reds/broken.jpg" in rtbci("bank", "info", out).out


def test_info_says_as_json_what_programs_ask_for(pictures, make_bank):
    said = rtbci("bank", "info", make_bank(pictures), "--json").json
    assert {key: said[key] for key in ("items", "dim", "space", "classes")} == {
        "items": 12,
        "dim": 3,
        "space": "test:colour",
        "classes": ["blues", "greens", "reds"],
    }


def test_a_table_says_classes_ids_and_captions(pictures, tmp_path, make_bank):
    table = tmp_path / "items.csv"
    table.write_text(
        "file,class,id,caption\nreds/red0.png,warm,stim_1,a red one\n"
        "blues/blue1.jpg,cold,stim_2,\nno/such.png,warm,stim_3,\n"
    )
    bank = Bank.open(make_bank(pictures, "--items", table))
    assert [(i.id, i.category, i.caption) for i in bank.items] == [
        ("stim_1", "warm", "a red one"),
        ("stim_2", "cold", ""),
    ]
    assert bank.manifest["skipped"] == [{"file": "no/such.png", "why": "No such file or directory"}]
    assert bank.find("stim_2") == bank.find("blue1.jpg") == bank.find("blues/blue1") == 1


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (
            "picture,class\na,b\n",
            "has the columns picture, class; file, and if wanted class, id, caption, would be right",
        ),
        ("file,id\nreds/red0.png,x\nreds/red1.jpg,x\n", 'line 3: id "x" is that of line 2'),
        ("file,id\n,x\n", "line 2: no file; one in every line would be right"),
        ("file\n../secret.png\n", 'line 2: file "../secret.png" is not below'),
        ("file\n", "has no rows"),
    ],
)
def test_a_table_that_is_wrong_is_refused_with_its_line(pictures, tmp_path, rows, message):
    table, out = tmp_path / "items.csv", tmp_path / "b.bank"
    table.write_text(rows)
    said = rtbci(
        "bank", "build", pictures, "--items", table, "--embedder", "tests.bank.embedders:MeanColour", "--out", out
    )
    assert message in said.refusal
    assert not out.exists()


def test_captions_and_sounds_are_banks_by_the_same_code(tmp_path, make_bank):
    folder = tmp_path / "things"
    folder.mkdir()
    table = tmp_path / "captions.csv"
    table.write_text("caption,class\na zebra,animals\na lazy jazz tune,music\n")
    captions = Bank.open(make_bank(folder, "--items", table, use="Letters", out="captions.bank"))
    assert [item.caption for item in captions.items] == ["a zebra", "a lazy jazz tune"]
    assert captions.thumbnail(0) == b""
    (folder / "low").mkdir()
    (folder / "high").mkdir()
    for name, hertz in (("low/a.wav", 300), ("high/b.wav", 6500)):
        with wave.open(str(folder / name), "wb") as file:
            file.setnchannels(2)
            file.setsampwidth(2)
            file.setframerate(44100)
            tone = (2e4 * np.sin(2 * np.pi * hertz * np.arange(8820) / 44100)).astype("<i2")
            file.writeframes(np.repeat(tone, 2).tobytes())
    sounds = Bank.open(make_bank(folder, use="Spectrum", out="sounds.bank"))
    assert (sounds.kind, sounds.classes) == ("sound", ("high", "low"))
    assert sounds.embeddings[0].argmax() == 3 and sounds.embeddings[1].argmax() == 0


def test_a_learnt_space_is_kept_and_another_bank_can_take_it(pictures, tmp_path, make_bank):
    learnt = Bank.open(make_bank(pictures, "--set", "strength=2.0", use="Centred"))
    assert learnt.manifest["embedder"]["args"] == {"strength": 2.0}
    draw(tmp_path / "more" / "x.png", COLOURS["reds"], 0)
    other = Bank.open(make_bank(tmp_path / "more", "--like", learnt.path, out="like.bank"))
    assert other.space_id == learnt.space_id
    assert other.manifest["like"] == str(learnt.path)
    np.testing.assert_array_equal(other.embeddings[0], learnt.embeddings[learnt.find("red0")])
    alone = Bank.open(make_bank(tmp_path / "more", use="Centred", out="alone.bank"))
    assert alone.space_id != learnt.space_id


def test_several_processes_build_the_same_bank(pictures, make_bank, monkeypatch):
    for k in range(150):
        draw(pictures / "more" / f"{k:03d}.png", (k, 255 - k, 99), k)
    one, two = make_bank(pictures, out="one.bank"), make_bank(pictures, "--jobs", 2, out="two.bank")
    for name in ("embeddings.npy", "items.csv", "thumbnails.bin"):
        assert (one / name).read_bytes() == (two / name).read_bytes()


class Stops(MeanColour):
    """Fails once it was asked so often."""

    def __init__(self, after: int) -> None:
        self.left = after

    def embed(self, items):
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt
        return super().embed(items)


def test_a_build_that_was_interrupted_goes_on_where_it_was(pictures, tmp_path):
    for k in range(200):
        draw(pictures / "more" / f"{k:03d}.png", (k, 255 - k, 99), k)
    out, entries = tmp_path / "b.bank", of_folder(pictures, "picture")
    named = {"use": "test", "args": {}}
    stops = building.Plan(pictures, entries, lambda: Stops(2), named)
    with pytest.raises(KeyboardInterrupt):
        building.build(stops, out, made="now", run=TrainingRun())
    assert not out.exists()
    told: list[str] = []
    counting = Stops(2)  # as many chunks as are left
    done = building.build(
        building.Plan(pictures, entries, lambda: counting, named), out, made="now", run=TrainingRun(say=told.append)
    )
    assert (done.resumed, counting.left, len(done.bank.items)) == (2, 0, 212)
    assert "212/212 pictures" in told[-1]
    assert not list(tmp_path.glob(".b.bank*"))
    whole = building.build(
        building.Plan(pictures, entries, MeanColour, named), tmp_path / "whole", made="now", run=TrainingRun()
    )
    np.testing.assert_array_equal(whole.bank.embeddings, done.bank.embeddings)


def test_a_killed_build_leaves_no_half_a_bank_and_is_finished_by_the_next(pictures, tmp_path):
    for k in range(300):
        draw(pictures / "more" / f"{k:03d}.png", (k % 256, 255 - k % 256, 99), k, (300, 300))
    out = tmp_path / "b.bank"
    arguments = ["bank", "build", str(pictures), "--embedder", "tests.bank.embedders:MeanColour", "--out", str(out)]
    process = subprocess.Popen([sys.executable, "-m", "rtbci", *arguments], stderr=subprocess.DEVNULL)
    try:
        live.wait_for(lambda: any(tmp_path.glob(".b.bank.partial/chunk-*.npz")), 60, "a chunk")
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    if not out.exists():  # it may have been quicker
        assert rtbci("bank", "info", out).code == 2
        said = rtbci(*arguments, "--json")
        assert said.json["items"] == 312
    assert Bank.open(out).damage() == ""


def test_changed_pictures_are_described_anew(pictures, tmp_path):
    out, named = tmp_path / "b.bank", {"use": "test", "args": {}}
    stops = building.Plan(pictures, of_folder(pictures, "picture"), lambda: Wrongly(), named)
    with pytest.raises(KeyboardInterrupt):
        building.build(stops, out, made="now", run=TrainingRun())
    draw(pictures / "reds" / "red0.png", COLOURS["blues"], 0)
    os.utime(pictures / "reds" / "red0.png", (1, 1))
    plan = building.Plan(pictures, of_folder(pictures, "picture"), MeanColour, named)
    done = building.build(plan, out, made="now", run=TrainingRun())
    assert done.resumed == 0
    number = done.bank.find("red0")
    assert done.bank.embeddings[number].argmax() == 2


class Wrongly(Centred):
    """Describes everything, then is interrupted."""

    def learn(self, described):
        raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("few", "gave an array (11, 3) float32 for 12 pictures; (12, n_dims) float32 would be right"),
        ("numberless", 'the embedding of "blues/blue0" holds values that are no finite numbers'),
        ("zero", 'the embedding of "blues/blue0" is zero'),
    ],
)
def test_an_embedder_whose_answer_is_none_is_told_apart(pictures, tmp_path, how, message):
    out = tmp_path / "b.bank"
    said = rtbci(
        "bank", "build", pictures, "--embedder", "tests.bank.embedders:Wrong", "--set", f"how={how}", "--out", out
    )
    assert message in said.refusal
    assert not out.exists()


def test_what_is_there_is_not_replaced_unasked(pictures, tmp_path, make_bank):
    path = make_bank(pictures)
    again = ("bank", "build", pictures, "--embedder", "tests.bank.embedders:MeanColour", "--out", path)
    assert "exists; another --out, or --overwrite, would be right" in rtbci(*again).refusal
    draw(pictures / "reds" / "new.png", COLOURS["reds"], 9)
    assert rtbci(*again, "--overwrite", "--json").json["items"] == 13
    folder = tmp_path / "holiday"
    draw(folder / "a.png", COLOURS["reds"], 0)
    said = rtbci(*again[:-1], folder, "--overwrite")
    assert "exists and is no bank, so it is not overwritten" in said.refusal
    assert (folder / "a.png").exists()


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--embedder", "statistic"), 'did you mean "statistics"?'),
        (("--embedder", "tests.bank.embedders:MeanColour", "--set", "dims=3"), "dims"),
        (("--set", "dims"), "NAME=VALUE would be right, such as dims=128"),
        (("--like", "nowhere"), "nowhere is no bank (bank.json: No such file or directory)"),
    ],
)
def test_a_command_that_cannot_be_is_refused(pictures, tmp_path, more, message):
    out = tmp_path / "b.bank"
    assert message in rtbci("bank", "build", pictures, *more, "--out", out).refusal
    assert not out.exists()


def test_a_folder_without_pictures_or_with_none_that_can_be_read_is_refused(tmp_path):
    chosen = ("--embedder", "tests.bank.embedders:MeanColour", "--out", tmp_path / "b.bank")
    assert "nothing is no folder" in rtbci("bank", "build", tmp_path / "nothing", *chosen).refusal
    (tmp_path / "empty").mkdir()
    assert "holds no pictures; files that end in .jpg" in rtbci("bank", "build", tmp_path / "empty", *chosen).refusal
    (tmp_path / "empty" / "a.png").write_bytes(b"")
    assert "none of 1 items can be read (a.png:" in rtbci("bank", "build", tmp_path / "empty", *chosen).refusal


# ---------------------------------------------------------------------- reading


def saved(tmp_path: Path, image: Image.Image, name: str, **more) -> bytes:
    image.save(tmp_path / name, **more)
    return (tmp_path / name).read_bytes()


def test_pictures_of_every_mode_are_read_as_they_look(tmp_path):
    grey16 = Image.fromarray(np.full((4, 5), 65535, np.uint16))
    assert READERS["picture"](saved(tmp_path, grey16, "a.png")).content.tolist() == [[[255] * 3] * 5] * 4
    clear = Image.new("RGBA", (3, 2), (255, 0, 0, 0))
    assert (READERS["picture"](saved(tmp_path, clear, "b.png")).content == 128).all()
    ink = Image.new("CMYK", (8, 8), (0, 255, 255, 0))
    red = READERS["picture"](saved(tmp_path, ink, "c.jpg")).content[4, 4]
    assert red[0] > 200 and red[1] < 60 and red[2] < 60
    palette = Image.new("RGB", (6, 6), (10, 200, 30)).convert("P")
    assert (
        abs(READERS["picture"](saved(tmp_path, palette, "d.gif")).content[0, 0].astype(int) - (10, 200, 30)).max() < 30
    )


def test_a_picture_is_turned_as_its_camera_says(tmp_path):
    image = Image.new("RGB", (6, 2), (0, 0, 0))
    exif = Image.Exif()
    exif[0x0112] = 6  # 90 degrees clockwise
    read = READERS["picture"](saved(tmp_path, image, "a.jpg", exif=exif))
    assert (read.width, read.height) == (2, 6)
    assert read.content.shape == (6, 2, 3)


@pytest.mark.parametrize(
    ("kind", "raw", "why"),
    [
        ("picture", b"", "no picture that can be read: UnidentifiedImageError"),
        ("caption", b" \n", "an empty caption"),
        ("caption", b"\xff\xfe", r"no UTF-8 text \(byte 0\)"),
        ("sound", b"RIFF", "no WAV file that can be read"),
    ],
)
def test_what_is_no_item_says_why(kind, raw, why):
    with pytest.raises(Unreadable, match=why):
        READERS[kind](raw)


# ---------------------------------------------------------------------- opening


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("bank.json", b"{", "bank.json is no JSON"),
        ("bank.json", b"{}", "bank.json is not of a bank"),
        ("items.csv", b"id\n", "does not begin with id,class,file"),
        ("embeddings.npy", b"", "embeddings.npy cannot be read"),
    ],
)
def test_a_damaged_bank_is_refused(pictures, make_bank, name, change, message):
    path = make_bank(pictures)
    (path / name).write_bytes(change)
    assert message in rtbci("bank", "info", path).refusal


def test_a_bank_of_another_version_or_with_parts_that_do_not_agree_is_refused(pictures, make_bank):
    path = make_bank(pictures)
    manifest = json.loads((path / "bank.json").read_text())
    (path / "bank.json").write_text(json.dumps(manifest | {"version": 2}))
    assert "is a bank of version 2; version 1" in rtbci("bank", "info", path).refusal
    (path / "bank.json").write_text(json.dumps(manifest | {"dim": 4}))
    assert "embeddings.npy is (12, 3) float16 for 12 items of 4 dimensions" in rtbci("bank", "info", path).refusal


def test_what_has_changed_since_is_found_when_it_is_asked_for(pictures, make_bank):
    path = make_bank(pictures)
    assert "every file is what was written" in rtbci("bank", "info", path, "--check").out
    raw = bytearray((path / "embeddings.npy").read_bytes())
    raw[-1] ^= 1
    (path / "embeddings.npy").write_bytes(raw)
    assert rtbci("bank", "info", path).code == 0
    assert "is damaged: embeddings.npy is not what was written" in rtbci("bank", "info", path, "--check").refusal


def test_a_name_that_two_items_share_means_neither_and_an_id_always_itself(tmp_path, make_bank):
    for name in ("a/same.png", "b/same.png", "b/a.png"):
        draw(tmp_path / "p" / name, COLOURS["reds"], 1)
    bank = Bank.open(make_bank(tmp_path / "p"))
    assert bank.find("same") is None and bank.find("same.png") is None
    assert bank.find("a/same") == 0 and bank.find("b/same") == 2
    assert bank.find("nothing") is None


def test_a_class_is_the_mean_direction_of_its_items(pictures, make_bank):
    from rtbci.errors import BankError

    bank = Bank.open(make_bank(pictures))
    centre = bank.centre("reds")
    assert np.linalg.norm(centre) == pytest.approx(1.0, abs=1e-6)
    mine = bank.embeddings[bank.of_class("reds")].astype(float)
    np.testing.assert_allclose(centre, mine.mean(axis=0) / np.linalg.norm(mine.mean(axis=0)), atol=1e-6)
    with pytest.raises(BankError, match='has no class "pinks"; it has blues, greens, reds'):
        bank.centre("pinks")
