"""What is near in the embedding: the same picture altered, the same hue, the same waves."""

from __future__ import annotations

import colorsys

import numpy as np
import pytest
from PIL import Image

from rtbci import plugins
from rtbci.interfaces import Embedder, LearnsSpace
from rtbci_vision import PictureStatistics
from tests.plugins.vision.drawn import grating, recompressed, resized, scene, scenes, trimmed

PICTURES = scenes(48)


@pytest.fixture(scope="module")
def learnt():
    embedder = PictureStatistics()
    embedder.learn(embedder.describe(PICTURES))
    return embedder


@pytest.fixture(scope="module")
def placed(learnt):
    return learnt.embed(PICTURES)


def neighbours(embeddings) -> np.ndarray:
    """Index of the nearest other row of each."""
    cosines = embeddings @ embeddings.T
    np.fill_diagonal(cosines, -2)
    return cosines.argmax(axis=1)


def of_one_bank(pictures) -> np.ndarray:
    embedder = PictureStatistics()
    embedder.learn(embedder.describe(pictures))
    return embedder.embed(pictures)


def test_it_is_found_by_name_and_keeps_both_protocols():
    embedder = plugins.load("embedders", "statistics")(dims=8)
    assert isinstance(embedder, PictureStatistics)
    assert isinstance(embedder, Embedder)
    assert isinstance(embedder, LearnsSpace)
    assert embedder.kind == "picture"


def test_a_picture_has_the_same_bits_in_any_list(learnt, placed):
    order = np.random.default_rng(0).permutation(len(PICTURES))
    np.testing.assert_array_equal(learnt.embed([PICTURES[i] for i in order]), placed[order])
    np.testing.assert_array_equal(learnt.embed(PICTURES[7:8]), placed[7:8])
    assert learnt.embed([]).shape == (0, placed.shape[1])


def test_how_a_picture_lies_in_memory_changes_no_bit(learnt, placed):
    picture = PICTURES[4]
    apart = np.zeros((2 * picture.shape[0], picture.shape[1], 4), np.uint8)
    apart[::2, :, :3] = picture
    locked = picture.copy()
    locked.flags.writeable = False
    shifted = np.frombuffer(b"x" + picture.tobytes(), np.uint8, offset=1).reshape(picture.shape)
    for same in (apart[::2, :, :3], np.asfortranarray(picture), locked, shifted):
        np.testing.assert_array_equal(learnt.embed([same])[0], placed[4])


@pytest.mark.parametrize(
    ("altered", "least"),
    [
        (lambda p: resized(p, 0.5), 48),
        (lambda p: resized(p, 1.7), 48),
        (lambda p: recompressed(p, 50), 48),
        (lambda p: recompressed(p, 20), 48),
        (lambda p: trimmed(p, 0.05), 48),
        (lambda p: trimmed(p, 0.1), 47),
        (lambda p: recompressed(resized(trimmed(p, 0.05), 0.6), 30), 47),
    ],
    ids=["half", "larger", "jpeg 50", "jpeg 20", "trimmed 5 %", "trimmed 10 %", "all of it"],
)
def test_an_altered_copy_is_nearest_to_its_original(learnt, placed, altered, least):
    found = (learnt.embed([altered(picture) for picture in PICTURES]) @ placed.T).argmax(axis=1)
    assert (found == np.arange(len(PICTURES))).sum() >= least


def test_pictures_that_the_space_was_not_learnt_from_are_found_as_well(learnt):
    new = scenes(20, first=1000)
    found = (learnt.embed([recompressed(resized(picture, 0.7), 60) for picture in new]) @ learnt.embed(new).T).argmax(
        axis=1
    )
    np.testing.assert_array_equal(found, np.arange(20))


def test_of_pictures_that_differ_in_hue_the_same_hue_is_nearest():
    hues = np.repeat(np.arange(8) / 8, 3)
    values = np.tile([0.8, 0.85, 0.9], 8)
    shape = np.zeros((150, 150), bool)
    shape[40:110, 30:120] = True
    pictures = []
    for hue, value in zip(hues, values, strict=True):
        picture = np.full((150, 150, 3), 90, np.uint8)
        picture[shape] = np.round(255 * np.array(colorsys.hsv_to_rgb(hue, 0.7, value)))
        pictures.append(picture)
    np.testing.assert_array_equal(hues[neighbours(of_one_bank(pictures))], hues)


def test_a_scene_in_another_hue_is_further_than_in_another_size_only():
    hsv = [np.asarray(Image.fromarray(picture).convert("HSV")) for picture in PICTURES]
    turned = [np.asarray(Image.fromarray(p + np.array([85, 0, 0], np.uint8), "HSV").convert("RGB")) for p in hsv]
    embedder = PictureStatistics()
    described = embedder.describe([*PICTURES, *turned])
    embedder.learn(described)
    originals, others = np.split(embedder.place(described), 2)
    halves = embedder.embed([resized(picture, 0.5) for picture in PICTURES])
    assert ((originals * halves).sum(axis=1) > (originals * others).sum(axis=1)).all()


@pytest.mark.parametrize("cycles", [6, 24])
def test_of_gratings_the_same_orientation_is_nearest(cycles):
    degrees = np.repeat(np.arange(0, 180, 22.5), 4)
    phases = np.tile([0.0, 1.3, 2.9, 4.4], 8)
    pictures = [grating(d, cycles, p) for d, p in zip(degrees, phases, strict=True)]
    np.testing.assert_array_equal(degrees[neighbours(of_one_bank(pictures))], degrees)


@pytest.mark.parametrize("degrees", [0, 30])
def test_of_gratings_the_same_frequency_is_nearest(degrees):
    cycles = np.repeat([4.0, 7.0, 11.0, 19.0, 32.0], 4)
    phases = np.tile([0.0, 1.3, 2.9, 4.4], 5)
    pictures = [grating(degrees, c, p) for c, p in zip(cycles, phases, strict=True)]
    np.testing.assert_array_equal(cycles[neighbours(of_one_bank(pictures))], cycles)


def test_where_something_is_counts():
    rng = np.random.default_rng(5)
    sides = np.tile(["left", "right"], 10)
    pictures = []
    for side in sides:
        picture = np.full((160, 160, 3), 128, np.uint8)
        across = (30 if side == "left" else 100) + rng.integers(-8, 9)
        down = 60 + rng.integers(-8, 9)
        picture[down : down + 40, across : across + 30] = (220, 60, 40)
        pictures.append(picture)
    np.testing.assert_array_equal(sides[neighbours(of_one_bank(pictures))], sides)


def test_a_bank_of_greys_is_told_apart_by_more_than_rounding():
    greys = [np.repeat(picture.mean(axis=2, keepdims=True).astype(np.uint8), 3, axis=2) for picture in PICTURES]
    embedder = PictureStatistics()
    embedder.learn(embedder.describe(greys))
    grey, tinted = greys[0], scene(0)
    assert np.isfinite(embedder.embed([tinted])).all()
    found = (embedder.embed([recompressed(picture, 40) for picture in greys]) @ embedder.embed(greys).T).argmax(axis=1)
    np.testing.assert_array_equal(found, np.arange(48))
    # one step of blue is seen by nobody: chroma that no picture of the bank had has no weight
    bluish = grey + np.array([0, 0, 1], np.uint8) * (grey < 255)
    assert (embedder.embed([grey]) @ embedder.embed([bluish]).T).item() > 0.999
