"""The contract check of embedders passes those that keep it, and names what breaks it."""

from __future__ import annotations

import numpy as np
import pytest

from rtbci.errors import BankError
from rtbci.testing import ContractError, check_embedder
from rtbci.testing.items import simulated
from rtbci_vision import PictureStatistics
from tests.bank.embedders import Centred, Letters, MeanColour, Spectrum


def test_statistics_keep_it_to_the_bit():
    report = check_embedder(PictureStatistics, tolerance=0.0)
    assert report.space_id.startswith(f"statistics:{report.n_dims}/")
    assert report.n_dims == len(simulated("picture")) - 1
    assert report.apart == 0.0
    assert report.item_ms > 0.0


@pytest.mark.parametrize(
    ("make", "items", "n_dims"),
    [
        (MeanColour, None, 3),
        (Centred, None, 4),
        (lambda: Centred(0.5), None, 4),
        (Spectrum, None, 4),
        (Letters, ["a dog", "x", "B, or not", "many words of a caption"], 27),
    ],
    ids=["pictures", "a learnt space", "with an argument", "sounds", "captions"],
)
def test_embedders_that_keep_it(make, items, n_dims):
    assert check_embedder(make, items=items, tolerance=1e-6).n_dims == n_dims


def test_what_moves_within_the_tolerance_is_told_and_passes():
    assert check_embedder(Rounds, tolerance=1e-2).apart == pytest.approx(1e-3, rel=0.5)
    with pytest.raises(ContractError, match=r"another row in a batch of 1 .*within the tolerance of 1e-05"):
        check_embedder(Rounds)


def test_simulated_items_are_of_any_size_and_the_same_each_time():
    pictures = simulated("picture")
    assert (1, 1, 3) in {picture.shape for picture in pictures}
    assert all(picture.dtype == np.uint8 and picture.shape[2] == 3 for picture in pictures)
    assert any((picture[..., 0] == picture[..., 2]).all() and picture.std() > 10 for picture in pictures)
    assert all(np.array_equal(a, b) for a, b in zip(pictures, simulated("picture"), strict=True))
    sounds = simulated("sound")
    assert all(sound.dtype == np.float32 and np.abs(sound).max() <= 1.0 for sound in sounds)
    assert len({len(sound) for sound in sounds}) == len(sounds)


def test_too_few_items_cannot_be_checked():
    with pytest.raises(ValueError, match="2 items; 4 or more"):
        check_embedder(MeanColour, items=simulated("picture")[:2])


class Rounds(MeanColour):
    """As a network in half precision: a little different in large batches."""

    def embed(self, items):
        said = super().embed(items)
        said[:, 0] += 1e-3 * np.linalg.norm(said, axis=1) * (len(items) > 5)
        return said


class OfNoKind(MeanColour):
    kind = "image"


class Nameless(MeanColour):
    space_id = ""


class NamedAnew(MeanColour):
    def __init__(self):
        self.space_id = f"test:{np.random.default_rng().integers(1 << 40)}"


class NamedWhileEmbedding(MeanColour):
    space_id = "test:before"

    def embed(self, items):
        self.space_id = "test:after"
        return super().embed(items)


class DrawsWeights(MeanColour):
    def __init__(self):
        self.weights = np.random.default_rng().standard_normal((3, 3)).astype(np.float32)

    def embed(self, items):
        return super().embed(items) @ self.weights


class Mute:
    kind, space_id = "picture", "test:mute"


class OneSize(MeanColour):
    def embed(self, items):
        return super().embed(list(np.stack(items)))


class Writes(MeanColour):
    def embed(self, items):
        for picture in items:
            picture -= 1
        return super().embed(items)


class Forgets(MeanColour):
    def embed(self, items):
        return super().embed(items)[:-1]


class ListOfRows(MeanColour):
    def embed(self, items):
        return list(super().embed(items))


class Double(MeanColour):
    def embed(self, items):
        return super().embed(items).astype(np.float64)


class DividesByZero(MeanColour):
    def embed(self, items):
        said = super().embed(items)
        with np.errstate(invalid="ignore", divide="ignore"):
            return said / (said - said.min(axis=1, keepdims=True)).max(axis=1, keepdims=True)


class NothingForBlack(MeanColour):
    def embed(self, items):
        return super().embed(items) - 1.0


class SaysTheSame(MeanColour):
    def embed(self, items):
        return np.ones_like(super().embed(items))


class CentresTheBatch(MeanColour):
    def embed(self, items):
        said = super().embed(items)
        return said - 0.5 * said.mean(axis=0)


class Counts(MeanColour):
    def __init__(self):
        self.asked = 0

    def embed(self, items):
        self.asked += 1
        said = super().embed(items)
        said[:, 0] += self.asked
        return said


class OneBuffer(MeanColour):
    def __init__(self):
        self.buffer = np.zeros((100, 3), np.float32)

    def embed(self, items):
        self.buffer[: len(items)] = super().embed(items)
        return self.buffer[: len(items)]


class GrowsWithTheBatch(MeanColour):
    def embed(self, items):
        return np.repeat(super().embed(items), 1 + (len(items) > 3), axis=1)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (OfNoKind, r"OfNoKind\.kind is 'image'; 'picture', 'caption', 'sound' would be right"),
        (Nameless, r"Nameless\.space_id is ''; a name in one line"),
        (NamedAnew, "made once more, .*the same arguments give the same space"),
        (NamedWhileEmbedding, 'became "test:after" by embedding'),
        (DrawsWeights, "another row by one that was made once more"),
        (Mute, r"Mute has no embed\(\); it must have embed\(\)"),
        (OneSize, "embed raised ValueError .*pictures of any size"),
        (Writes, "embed raised .*read-only"),
        (Forgets, r"gave an array of shape \(13, 3\) for 14 pictures; \(14, n_dims\) float32"),
        (ListOfRows, "gave a list for 14 pictures"),
        (Double, "gave float64"),
        (DividesByZero, r"not finite for a picture of shape \(240, 320, 3\) \(row 9\)"),
        (NothingForBlack, r"only zeros for a picture of shape \(40, 40, 3\) \(row 11\)"),
        (SaysTheSame, "the same direction; a bank of them could not tell"),
        (CentresTheBatch, "another row in a batch of 1 .*depends on its item alone"),
        (Counts, "another row in another order .*on what was asked before"),
        (OneBuffer, "changed an array that it had returned before"),
        (GrowsWithTheBatch, "gave 3 dimensions in a batch of 1 and 6 before"),
    ],
    ids=lambda x: x.__name__ if isinstance(x, type) else "",
)
def test_what_is_wrong_is_named(wrong, says):
    with pytest.raises(ContractError, match=says):
        check_embedder(wrong)


class HalfOfIt(MeanColour):
    def describe(self, items):
        return self.embed(items)


class AlwaysTheSameName(Centred):
    def restore(self, arrays):
        super().restore(arrays)
        self.space_id = "test:centred"


class LearnsOn(Centred):
    def learn(self, described):
        self.restore({"mean": 0.5 * self.mean + described.mean(axis=0)})


class Guesses(Centred):
    def learn(self, described):
        self.restore({"mean": described.mean(axis=0) + np.random.default_rng().random(3) * 1e-4})


class KeepsHalf(Centred):
    def arrays(self):
        return {"mean": self.mean.astype(np.float16)}


class KeepsNothing(Centred):
    def arrays(self):
        return {}


class TakesAnything(Centred):
    def restore(self, arrays):
        super().restore({"mean": arrays.get("mean", np.zeros(3))})


class FailsOnForeign(Centred):
    def restore(self, arrays):
        super().restore({"mean": arrays["mean"]})


class LearnsInPlace(Centred):
    def learn(self, described):
        super().learn(described)
        described -= self.mean


class DescribesTheBatch(Centred):
    def describe(self, items):
        said = super().describe(items)
        return said - said.mean(axis=0)


class EmbedsOtherwise(Centred):
    def embed(self, items):
        return 2.0 * super().embed(items)


class SavesLess(Centred):
    shift = 0.0

    def learn(self, described):
        super().learn(described)
        self.shift = float(described.std())

    def place(self, described):
        return super().place(described) + np.float32(self.shift)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (HalfOfIt, r"has no learn\(\) and no place\(\) and no arrays\(\) and no restore\(\)"),
        (AlwaysTheSameName, "learnt from two banks .*must be in the name"),
        (LearnsOn, "for one that learnt from them once more, after others"),
        (Guesses, r'differ \(in "mean"\)|space_id is'),
        (KeepsHalf, "for one that was restored|was restored differ"),
        (KeepsNothing, r"arrays\(\) gave nothing after learn\(\)"),
        (TakesAnything, "restore took no arrays at all; a BankError"),
        (FailsOnForeign, "restore raised KeyError on no arrays at all; a BankError"),
        (LearnsInPlace, "learn changed the features"),
        (DescribesTheBatch, "other features alone than among others"),
        (EmbedsOtherwise, r"place\(describe\(items\)\) and embed\(items\) differ"),
        (SavesLess, r"place after restore\(\) gave other rows"),
    ],
    ids=lambda x: x.__name__ if isinstance(x, type) else "",
)
def test_what_is_wrong_with_learning_is_named(wrong, says):
    with pytest.raises(ContractError, match=says):
        check_embedder(wrong)


def test_refusing_foreign_arrays_is_part_of_it():
    with pytest.raises(BankError):
        Centred().restore({"not its own": np.zeros(3)})
