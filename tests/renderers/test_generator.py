"""The small generator: learns a bank's pictures, says honestly how well, is kept whole, and refuses what is not its own."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from rtbci import plugins
from rtbci.bank import Bank
from rtbci.errors import BankError
from rtbci.interfaces import Renderer, TrainsGenerator
from rtbci.testing import check_renderer
from rtbci_vision.generating import altered, judging, training
from rtbci_vision.generating.pictures import Pairs, squared, thumbnail, unit
from rtbci_vision.generator import Generator
from tests.bank.drawn import build, three_classes
from tests.cli.terminal import rtbci

SMALL = ("--epochs", "6", "--size", "32", "--device", "cpu")


@pytest.fixture(scope="module", autouse=True)
def _few_copies():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "COPIES", 120)
        yield


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, shapes: Path) -> tuple[Path, dict]:
    """A copy of the bank of shapes with a generator in it, and what the command said."""
    bank = tmp_path_factory.mktemp("trained") / "shapes.bank"
    shutil.copytree(shapes, bank)
    said = rtbci("bank", "train-generator", bank, *SMALL, "--json")
    assert said.code == 0, said.out + said.err
    return bank, said.json


def prepared(bank: Path, **args) -> Generator:
    renderer = plugins.make("renderers", "generator", args, None, "test")
    renderer.prepare(bank)
    return renderer


def pairs(bank: Path, size: int = 32) -> Pairs:
    opened = Bank.open(bank)
    pictures = [squared(thumbnail(opened, k), size) for k in range(len(opened.items))]
    return Pairs(unit(opened.embeddings), np.stack(pictures))


def test_it_keeps_the_contract_of_renderers(trained):
    bank, _ = trained
    assert isinstance(Generator(), Renderer)
    assert isinstance(Generator, TrainsGenerator)
    report = check_renderer(Generator(), bank)
    assert (report.width, report.height, report.asked) == (32, 32, 1)


def test_the_loss_falls_and_what_it_learnt_is_drawn_better_than_the_mean_picture(trained):
    bank, said = trained
    assert len(said["losses"]) == 6
    assert said["losses"][-1] < said["losses"][0]
    assert (said["epochs"], said["size"], said["space"]) == (6, 32, Bank.open(bank).space_id)
    renderer = prepared(bank, glide=0.0)
    whole = pairs(bank)
    learnt = [k for k, item in enumerate(Bank.open(bank).items) if item.id not in said["held_out"]]
    drawn = np.stack([renderer.render(whole.embeddings[k], lambda: True) for k in learnt])
    truth = whole.pictures[learnt]
    mean = np.broadcast_to(truth.mean(axis=0), truth.shape)
    assert judging.pixel_correlation(drawn, truth).mean() > 0.7
    assert judging.pixel_correlation(mean, truth).mean() < 0.5
    own, others = (np.array([np.abs(drawn[k] - t.astype(float)).mean() for t in truth]) for k in (0, 1))
    assert own.argmin() == 0
    assert others.argmin() == 1


def test_held_out_pictures_judge_it_and_are_named(trained):
    bank, said = trained
    judged = said["judged"]
    assert judged["items"] == len(said["held_out"]) == 6
    assert said["items"] == 54
    for of in ("exact", "noisy"):
        assert judged[of]["generator"] > judged[of]["mean"]
        assert -1.0 <= judged[of]["nearest"] <= 1.0
    head = json.loads((bank / "generator" / "generator.json").read_text())
    assert head["judged"] == judged
    assert set(head["held_out"]) <= {item.id for item in Bank.open(bank).items}


def test_the_bank_stays_what_was_written(trained):
    bank, _ = trained
    assert Bank.open(bank).damage() == ""
    assert sorted(path.name for path in (bank / "generator").iterdir()) == ["generator.json", "generator.safetensors"]
    assert not [path for path in bank.iterdir() if path.name.startswith(".")]


def test_the_same_seed_gives_the_same_generator(colours, tmp_path):
    small = ("--epochs", 1, "--size", 16, "--json")
    said = [
        rtbci("bank", "train-generator", colours, "--out", tmp_path / name, "--seed", seed, *small)
        for name, seed in (("a", 3), ("b", 3), ("c", 4))
    ]
    assert [one.code for one in said] == [0, 0, 0]
    a, b, c = ((tmp_path / name / "generator.safetensors").read_bytes() for name in "abc")
    assert a == b != c


def test_a_glide_moves_from_the_last_picture_towards_the_new_one(trained):
    bank, _ = trained
    a, b = unit(Bank.open(bank).embeddings[[0, 7]])

    def both(glide: float) -> tuple[np.ndarray, np.ndarray]:
        renderer = prepared(bank, glide=glide)
        return renderer.render(a, lambda: True).astype(float), renderer.render(b, lambda: True).astype(float)

    (first, alone), (same, gliding) = both(0.0), both(0.6)
    np.testing.assert_array_equal(first, same)
    assert np.abs(gliding - first).mean() < np.abs(alone - first).mean()
    assert np.abs(gliding - alone).mean() > 1.0
    with pytest.raises(BankError, match=r"glide = 1; 0 .* to below 1"):
        Generator(glide=1.0)


def test_a_picture_that_nobody_wants_is_not_drawn(trained):
    bank, _ = trained
    renderer = prepared(bank)
    assert renderer.render(unit(Bank.open(bank).embeddings[0]), lambda: False) is None


def test_altered_copies_are_embedded_as_the_bank_was_and_are_those_of_the_seed(colours):
    bank = Bank.open(colours)
    embedder = altered.embedder_of(bank)
    assert embedder.space_id == bank.space_id
    pictures = [squared(thumbnail(bank, k), 40)[4:36, :32] for k in range(3)]
    first, second, other = (altered.copies(embedder, pictures, 20, 16, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.pictures, second.pictures)
    np.testing.assert_array_equal(first.embeddings, second.embeddings)
    assert not np.array_equal(first.pictures, other.pictures)
    np.testing.assert_allclose(np.linalg.norm(first.embeddings, axis=1), 1.0, rtol=1e-6)
    wanted = embedder.embed(list(first.pictures))
    assert (unit(wanted) * first.embeddings).sum(axis=1).min() > 0.999


def test_turned_colours_keep_grey_and_lightness():
    turn = altered.turned(2.0)
    np.testing.assert_allclose(turn @ np.ones(3), np.ones(3), atol=1e-12)
    np.testing.assert_allclose(turn.sum(axis=0), np.ones(3), atol=1e-12)
    np.testing.assert_allclose(altered.turned(2 * np.pi / 3) @ [1.0, 0.0, 0.0], [0.0, 1.0, 0.0], atol=1e-12)


def test_pixel_correlation_is_pearsons():
    random = np.random.default_rng(0)
    a, b = random.integers(0, 256, (2, 4, 5, 6, 3))
    wanted = [np.corrcoef(x.ravel(), y.ravel())[0, 1] for x, y in zip(a, b, strict=True)]
    np.testing.assert_allclose(judging.pixel_correlation(a, b), wanted, rtol=1e-12)
    assert judging.pixel_correlation(np.zeros_like(a), b).tolist() == [0.0] * 4


# ---------------------------------------------------------------------- what is refused


def test_a_bank_without_a_generator_says_which_command_makes_one(colours):
    with pytest.raises(BankError, match=f"holds no generator yet; `rtbci bank train-generator {colours}` makes one"):
        Generator().prepare(colours)


def test_a_generator_of_another_space_is_refused(trained, colours):
    bank, _ = trained
    with pytest.raises(BankError, match=r"draws from statistics:.*, the bank is of test:colour"):
        prepared(colours, path=str(bank / "generator"))


def test_a_damaged_generator_is_refused(trained, tmp_path):
    bank, _ = trained
    copy = tmp_path / "generator"
    shutil.copytree(bank / "generator", copy)
    arrays = bytearray((copy / "generator.safetensors").read_bytes())
    arrays[-100] ^= 1
    (copy / "generator.safetensors").write_bytes(arrays)
    with pytest.raises(BankError, match="is not what was written"):
        prepared(bank, path=str(copy))
    (copy / "generator.json").write_text("{")
    with pytest.raises(BankError, match=r"generator\.json cannot be read"):
        prepared(bank, path=str(copy))
    (copy / "generator.json").write_text('{"format": "another"}')
    with pytest.raises(BankError, match="of no generator that this rtbci can read"):
        prepared(bank, path=str(copy))


@pytest.mark.parametrize(
    ("more", "wanted"),
    [
        (["--size", "30"], "size = 30; a multiple of 8 from 16 to 160"),
        (["--device", "abacus"], 'device = "abacus"; "auto", "cpu" or "cuda" would be right'),
        (["--renderer", "generater"], 'renderer "generater" is not installed; did you mean "generator"?'),
        (["--renderer", "tests.renderers.drawers:Flat"], "trains no generator"),
        (["--epochs", "0"], "Invalid value for '--epochs'"),
    ],
)
def test_the_command_refuses_in_one_line(colours, more, wanted):
    assert wanted in rtbci("bank", "train-generator", colours, *more).refusal


def test_the_command_refuses_what_is_no_bank_of_pictures(tmp_path):
    assert "is no bank" in rtbci("bank", "train-generator", tmp_path).refusal
    (tmp_path / "words").mkdir()
    for word in ("red", "blue"):
        (tmp_path / "words" / f"{word}.txt").write_text(word)
    words = build(tmp_path, tmp_path / "words", use="Letters")
    assert "2 captions; a bank of pictures" in rtbci("bank", "train-generator", words).refusal


def test_a_folder_that_holds_something_else_is_not_overwritten(colours, tmp_path):
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "thesis.txt").write_text("years")
    said = rtbci("bank", "train-generator", colours, "--out", tmp_path / "theirs")
    assert "exists and holds no generator, so it is not overwritten" in said.refusal
    assert (tmp_path / "theirs" / "thesis.txt").read_text() == "years"


def test_a_bank_whose_embedder_is_gone_is_learnt_from_without_copies(tmp_path):
    bank = build(tmp_path, three_classes(tmp_path / "pictures"))
    manifest = json.loads((bank / "bank.json").read_text())
    manifest["embedder"]["use"] = "gone"
    (bank / "bank.json").write_text(json.dumps(manifest))
    said = rtbci("bank", "train-generator", bank, "--epochs", 1, "--size", 16, "--json")
    assert said.code == 0, said.out
    assert said.json["copies"] == 0
    assert 'embedder "gone" is not installed' in said.json["notes"][0]
