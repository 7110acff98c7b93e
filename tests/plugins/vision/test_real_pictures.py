"""Faces and houses (Haxby et al. 2001) and the 92 objects of Kriegeskorte et al. 2008: groups are told, copies found."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.io
from PIL import Image

from rtbci_vision import PictureStatistics
from tests.plugins.vision.drawn import recompressed, resized, trimmed


@pytest.fixture(scope="module")
def faces_and_houses(data_dir):
    folder = data_dir / "muse_eegnotebooks" / "stim" / "face_house"
    if not folder.is_dir():
        pytest.skip(f"no pictures at {folder}")
    paths = sorted(folder.glob("*/*.jpg"))
    return [np.asarray(Image.open(path).convert("RGB")) for path in paths], np.array(
        [path.parent.name for path in paths]
    )


@pytest.fixture(scope="module")
def objects(data_dir):
    path = data_dir / "rsa_92images" / "demos" / "92imageData" / "Kriegeskorte_Neuron2008_supplementalData.mat"
    if not path.is_file():
        pytest.skip(f"no pictures at {path}")
    content = scipy.io.loadmat(path)
    names = [str(name[0]) for name in content["categoryLabels"][0]]
    return [one["image"] for one in content["stimuli_92objs"][0]], dict(
        zip(names, content["categoryVectors"].T, strict=True)
    )


def space_of(described) -> PictureStatistics:
    embedder = PictureStatistics()
    embedder.learn(described)
    return embedder


def share_like_their_neighbour(embeddings, groups) -> float:
    cosines = embeddings @ embeddings.T
    np.fill_diagonal(cosines, -2)
    return float((groups[cosines.argmax(axis=1)] == groups).mean())


def test_faces_lie_by_faces_and_houses_by_houses(faces_and_houses):
    pictures, groups = faces_and_houses
    assert len(pictures) == 96
    described = PictureStatistics().describe(pictures)
    assert share_like_their_neighbour(space_of(described).place(described), groups) == 1.0


def test_objects_lie_by_objects_of_their_category(objects):
    pictures, categories = objects
    described = PictureStatistics().describe(pictures)
    embeddings = space_of(described).place(described)
    assert share_like_their_neighbour(embeddings, categories["animate"]) > 0.75  # chance: 0.50
    assert share_like_their_neighbour(embeddings, categories["face"]) > 0.85  # chance: 0.61


@pytest.fixture(scope="module")
def bank(faces_and_houses, objects):
    pictures = [*faces_and_houses[0][::2], *objects[0]]
    described = PictureStatistics().describe(pictures)
    embedder = space_of(described)
    return pictures, embedder, embedder.place(described)


@pytest.mark.parametrize(
    ("altered", "least"),
    [
        (lambda p: resized(p, 1 / 3), 1.0),
        (lambda p: recompressed(p, 20), 1.0),
        (lambda p: trimmed(p, 0.05), 0.98),
        (lambda p: recompressed(resized(trimmed(p, 0.05), 0.5), 30), 0.96),
    ],
    ids=["a third", "jpeg 20", "trimmed", "all of it"],
)
def test_an_altered_copy_is_nearest_to_its_original(bank, altered, least):
    pictures, embedder, placed = bank
    found = (embedder.embed([altered(picture) for picture in pictures]) @ placed.T).argmax(axis=1)
    assert (found == np.arange(len(pictures))).mean() >= least
