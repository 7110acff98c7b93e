"""The space: principal components of standardised features, the same for the same bank, named by what was learnt."""

from __future__ import annotations

import re

import numpy as np
import pytest
from sklearn.decomposition import PCA
from threadpoolctl import threadpool_limits

from rtbci.errors import BankError
from rtbci_vision import PictureStatistics
from rtbci_vision.space import SMALL, learn
from rtbci_vision.statistics import N_FEATURES


def features(n_items: int, n_features: int = N_FEATURES, seed: int = 0):
    rng = np.random.default_rng(seed)
    common = rng.standard_normal((n_items, 12)) * np.linspace(3, 1, 12)
    mixed = common @ rng.standard_normal((12, n_features)) + 0.3 * rng.standard_normal((n_items, n_features))
    return (mixed * rng.uniform(0.1, 2, n_features) + 5).astype(np.float32)


@pytest.mark.parametrize("n_items", [30, 200])  # fewer and more pictures than features: the two Gram matrices
def test_components_are_scikit_learns(n_items):
    described = features(n_items, 60)
    groups = (10, 50)
    space = learn(described, groups, 8, 0.0)
    standard = (described - described.mean(axis=0, dtype=float)) / np.sqrt(
        described.var(axis=0, dtype=float) + SMALL**2
    )
    expected = PCA(8, svd_solver="full").fit_transform(standard / np.sqrt(np.repeat(groups, groups)))
    expected /= np.sqrt((expected**2).sum(axis=1).mean())
    ours = (described - space.mean) @ space.projection.T
    np.testing.assert_allclose(ours * np.sign(ours[0]), expected * np.sign(expected[0]), atol=1e-8)


@pytest.mark.parametrize("whiten", [0.0, 0.5, 1.0])
def test_whitening_makes_variances_alike(whiten):
    described = features(100)
    plain, whitened = (learn(described, (N_FEATURES,), 10, w) for w in (0.0, whiten))
    before, after = (((described - s.mean) @ s.projection.T).var(axis=0) for s in (plain, whitened))
    np.testing.assert_allclose(after / after[0], (before / before[0]) ** (1 - whiten), rtol=1e-6)
    assert after.sum() == pytest.approx(1)


def test_groups_weigh_alike_however_many_features_they_have():
    rng = np.random.default_rng(2)
    one, other = rng.standard_normal((2, 50, 1))
    described = np.hstack([np.repeat(one, 3, axis=1), np.repeat(other, 40, axis=1)]).astype(np.float32)
    projection = learn(described, (3, 40), 2, 1.0).projection
    shares = np.abs(projection) * described.std(axis=0)
    np.testing.assert_allclose(shares[:, :3].sum(axis=1), shares[:, 3:].sum(axis=1), rtol=0.2)


def test_features_that_do_not_vary_count_nothing_and_those_that_hardly_do_little():
    described = features(40)
    described[:, 100] = 7.0
    described[:, 101] = 7.0 + 1e-5 * np.random.default_rng(0).standard_normal(40)
    embedder = PictureStatistics()
    embedder.learn(described)
    projection = embedder.arrays()["projection"]
    assert np.isfinite(projection).all()
    assert (np.abs(projection[:, 100]) < 1e-12).all()
    changed = described.copy()
    changed[:, 101] = 7.0
    np.testing.assert_allclose(embedder.place(changed), embedder.place(described), atol=1e-4)


@pytest.mark.parametrize(("n_items", "dims", "expected"), [(2, 64, 1), (20, 64, 19), (20, 5, 5), (100, 64, 64)])
def test_the_space_says_how_many_dimensions_it_has(n_items, dims, expected):
    embedder = PictureStatistics(dims=dims)
    assert embedder.space_id == ""
    embedder.learn(features(n_items))
    assert re.fullmatch(rf"statistics:{expected}/[0-9a-f]{{12}}", embedder.space_id)
    placed = embedder.place(features(7, seed=1))
    assert placed.shape == (7, expected)
    assert placed.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(placed, axis=1), 1, atol=1e-6)


def test_a_space_is_named_by_what_was_learnt():
    names = set()
    for dims, whiten, seed in ((8, 0.25, 0), (8, 0.25, 1), (9, 0.25, 0), (8, 0.5, 0)):
        embedder, again = PictureStatistics(dims=dims, whiten=whiten), PictureStatistics(dims=dims, whiten=whiten)
        embedder.learn(features(30, seed=seed))
        again.learn(features(30, seed=seed))
        assert again.space_id == embedder.space_id
        names.add(embedder.space_id)
    assert len(names) == 4


@pytest.mark.parametrize("n_items", [300, 1400])
def test_how_many_threads_there_are_changes_no_bit(n_items):
    described, names = features(n_items), []
    for threads in (1, 2):
        with threadpool_limits(limits=threads, user_api="blas"):
            embedder = PictureStatistics(dims=16)
            embedder.learn(described)
            names.append(embedder.space_id)
    assert names[0] == names[1]


def test_a_picture_at_the_mean_has_a_direction_all_the_same():
    described = np.zeros((2, N_FEATURES), np.float32)
    described[0, ::3], described[1, 1::3] = 1.0, 1.0
    embedder = PictureStatistics()
    embedder.learn(described)
    middle = described.mean(axis=0, keepdims=True)
    np.testing.assert_array_equal(embedder.place(middle), [[1.0]])
    np.testing.assert_allclose(sorted(embedder.place(described).ravel()), [-1, 1])


def test_restored_is_the_same_to_the_bit():
    embedder, restored = PictureStatistics(dims=20, whiten=0.5), PictureStatistics()
    embedder.learn(features(50))
    restored.restore({name: array.copy() for name, array in embedder.arrays().items()})
    assert restored.space_id == embedder.space_id
    new = features(9, seed=4)
    np.testing.assert_array_equal(restored.place(new), embedder.place(new))
    for name, array in embedder.arrays().items():
        np.testing.assert_array_equal(restored.arrays()[name], array)


def test_arrays_of_something_else_are_refused():
    embedder = PictureStatistics(dims=4)
    embedder.learn(features(10))
    arrays, before = dict(embedder.arrays()), embedder.space_id
    nan = arrays["projection"].copy()
    nan[0, 0] = np.nan
    for change, said in (
        ({"version": np.array(2)}, "features of version 2; this rtbci has 1"),
        ({"version": np.array([1, 1])}, r"features of version \[1, 1\]"),
        ({"mean": np.zeros(3)}, r"a mean of shape \(3,\)"),
        ({"projection": np.zeros((0, N_FEATURES))}, r"a projection of shape \(0, "),
        ({"projection": np.zeros(N_FEATURES)}, "a projection of shape"),
        ({"projection": nan}, "a projection of NaN or infinite numbers; finite float64"),
        ({"mean": arrays["mean"].astype(np.float32)}, "a mean of float32; finite float64"),
        ({"more": np.zeros(3)}, "arrays mean, more, projection, version; "),
    ):
        with pytest.raises(BankError, match=said):
            embedder.restore({**arrays, **change})
    del arrays["mean"]
    with pytest.raises(BankError, match="arrays projection, version; mean, projection, version would be right"):
        embedder.restore(arrays)
    with pytest.raises(BankError, match="arrays of no name"):
        embedder.restore({})
    assert embedder.space_id == before


def test_what_nothing_can_be_learnt_from_is_refused():
    embedder, good = PictureStatistics(), features(5)
    bad = good.copy()
    bad[3, 17] = np.inf
    for described, said in (
        (good[:0], "a bank of 0 pictures; a space is learnt from 2 or more"),
        (good[:1], "a bank of 1 picture; "),
        (good[[2, 2, 2]], "3 pictures that do not differ"),
        (bad, "features of picture 3 are NaN or infinite"),
        (good[:, :9], r"features float32 of shape \(5, 9\); \(n_pictures, 1257\) float32"),
        (good.astype(int), "features int64 of shape"),
    ):
        with pytest.raises(BankError, match=said):
            embedder.learn(described)
    assert embedder.space_id == ""
    embedder.learn(good)
    with pytest.raises(BankError, match="features of picture 3 are NaN or infinite"):
        embedder.place(bad)


def test_before_it_has_a_space_it_places_nothing():
    for use in (lambda e: e.place(features(2)), lambda e: e.embed([]), lambda e: e.arrays()):
        with pytest.raises(BankError, match="has no space yet; learn from a bank's features, or restore"):
            use(PictureStatistics())


@pytest.mark.parametrize("dims", [0, -3, 2.5, True, "64"])
def test_dims_is_a_whole_number(dims):
    with pytest.raises(BankError, match=rf"^dims = {dims!r}: it must be a whole number, 1 or more$"):
        PictureStatistics(dims=dims)


@pytest.mark.parametrize("whiten", [-0.1, 1.01, float("nan"), False, "all"])
def test_whiten_is_a_share(whiten):
    with pytest.raises(BankError, match=rf"^whiten = {whiten!r}: it must be a number from 0 to 1$"):
        PictureStatistics(whiten=whiten)
