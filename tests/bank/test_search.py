"""Searching a bank: answers equal brute force to the bit, whichever way they are found."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from rtbci.bank import search
from rtbci.bank.search import Search
from rtbci.errors import BankError
from rtbci.kernels import bank as kernels

LANES = kernels.LANES


def unit(rows: NDArray[np.floating]) -> NDArray[np.floating]:
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def bank_of(n_items: int, n_dims: int, seed: int = 0, steepness: float = 0.0, mean: float = 0.0) -> NDArray[np.float16]:
    """Rows whose spectrum falls as a power, about a mean of that share."""
    rng = np.random.default_rng(seed)
    basis = np.linalg.qr(rng.standard_normal((n_dims, n_dims)))[0]
    spread = np.arange(1, n_dims + 1) ** (-steepness / 2)
    rows = unit(rng.standard_normal((n_items, n_dims)) * spread @ basis)
    return unit(rows + mean * basis[0]).astype(np.float16)


def coarse(embeddings: NDArray[np.float16]) -> Search:
    """A search by the coarse copy, however small the bank."""
    with mock.patch.object(search, "COARSE_FROM", 0):
        return Search(embeddings)


def whole(embeddings: NDArray[np.float16]) -> Search:
    with mock.patch.object(search, "COARSE_FROM", 2**62):
        return Search(embeddings)


def brute(embeddings: NDArray[np.float16], z: NDArray[np.float32]) -> NDArray[np.float32]:
    """All cosines in NumPy, in the order of summation that the kernels promise."""
    n_items, n_dims = embeddings.shape
    width = -(-n_dims // LANES) * LANES
    rows, query = np.zeros((n_items, width), np.float32), np.zeros(width, np.float32)
    length = np.sqrt(np.cumsum(z.astype(np.float64) ** 2)[-1])
    rows[:, :n_dims], query[:n_dims] = embeddings, (z.astype(np.float64) / length).astype(np.float32)
    lanes = np.zeros((n_items, LANES), np.float32)
    for at in range(0, width, LANES):
        lanes = lanes + rows[:, at : at + LANES] * query[at : at + LANES]
    while lanes.shape[1] > 1:
        half = lanes.shape[1] // 2
        lanes = lanes[:, :half] + lanes[:, half:]
    return lanes[:, 0]


def best(cosines: NDArray[np.float32], k: int) -> NDArray[np.int64]:
    return np.lexsort((np.arange(len(cosines)), -cosines))[:k]


def assert_exact(found: Search, embeddings: NDArray[np.float16], z: NDArray[np.float32], k: int) -> None:
    cosines = brute(embeddings, z)
    indices, values = found.top(z, k)
    np.testing.assert_array_equal(indices, best(cosines, k))
    np.testing.assert_array_equal(values, cosines[indices])
    np.testing.assert_array_equal(found.scores(z), cosines)
    for item in {int(indices[0]), int(indices[-1]), len(cosines) // 2}:
        assert found.rank_of(z, item) == np.count_nonzero(cosines >= cosines[item])


def a_query(embeddings: NDArray[np.float16], kind: str, rng: np.random.Generator) -> NDArray[np.float32]:
    n_items, n_dims = embeddings.shape
    item = embeddings[rng.integers(n_items)].astype(np.float32)
    noise = unit(rng.standard_normal(n_dims)).astype(np.float32)
    return {"an item": item, "near an item": item + noise / 2, "anything": noise, "opposite": -item}[kind]


@settings(max_examples=60)
@given(
    n_items=st.integers(1, 300),
    n_dims=st.sampled_from([8, 31, 32, 50, 128, 200, 384]),
    k=st.integers(1, 40),
    steepness=st.sampled_from([0.0, 1.0, 3.0]),
    mean=st.sampled_from([0.0, 1.0, 20.0]),
    n_copies=st.integers(0, 30),
    kind=st.sampled_from(["an item", "near an item", "anything", "opposite"]),
    scale=st.sampled_from([1e-30, 1.0, 3.7, 1e30]),
    make=st.sampled_from([coarse, whole]),
    seed=st.integers(0, 1000),
)
def test_every_answer_equals_brute_force_to_the_bit(
    n_items, n_dims, k, steepness, mean, n_copies, kind, scale, make, seed
):
    rng = np.random.default_rng(seed)
    embeddings = bank_of(n_items, n_dims, seed, steepness, mean)
    embeddings[rng.integers(0, n_items, n_copies)] = embeddings[rng.integers(n_items)]
    z = a_query(embeddings, kind, rng) * np.float32(scale)
    assert_exact(make(embeddings), embeddings, z, k)


@settings(max_examples=30)
@given(
    n_dims=st.sampled_from([32, 160, 320]),
    closeness=st.sampled_from([0.3, 1e-2, 1e-3]),
    far=st.integers(0, 8),
    kind=st.sampled_from(["an item", "near an item", "anything", "opposite"]),
    seed=st.integers(0, 1000),
)
def test_no_cosine_exceeds_its_bound_even_where_few_items_lie_far_from_all_others(n_dims, closeness, far, kind, seed):
    rng = np.random.default_rng(seed)
    rows = unit(rng.standard_normal(n_dims)) + closeness * unit(rng.standard_normal((400, n_dims)))
    rows[:far] = rng.choice([-1.0, 1.0], (far, n_dims))
    embeddings = unit(rows).astype(np.float16)
    found = coarse(embeddings)
    z = a_query(embeddings[: max(far, 1)], kind, rng)
    assert found._coarse is not None
    assert (found._coarse.upper_bounds(found._unit(z)) >= brute(embeddings, z)).all()
    assert_exact(found, embeddings, z, 5)


def test_whole_numbers_of_a_query_cannot_overflow_the_sum_with_the_largest_codes():
    weights = np.full(1536, 0.25)
    numbers, counts, left_out = search._in_16_bits(weights)
    assert numbers.astype(np.int64).sum() * search.LARGEST < 2**31
    np.testing.assert_allclose(numbers * counts, weights, rtol=1e-4)
    assert left_out >= np.abs(numbers * counts - weights).sum() * search.LARGEST


@pytest.mark.parametrize(("steepness", "mean", "share"), [(0.0, 0.0, 0.02), (0.8, 1.2, 0.02)])
def test_a_large_bank_is_searched_without_computing_most_of_it(steepness, mean, share):
    embeddings = bank_of(4000, 640, steepness=steepness, mean=mean)
    found = Search(embeddings)
    z = a_query(embeddings, "near an item", np.random.default_rng(1))
    computed = []
    of_rows = kernels.cosines_of
    with (
        mock.patch.object(
            kernels, "cosines_of", lambda halves, rows, *more: (computed.append(rows), of_rows(halves, rows, *more))
        ),
        mock.patch.object(kernels, "cosines", side_effect=AssertionError("all items are computed")),
    ):
        indices, _ = found.top(z, 10)
    np.testing.assert_array_equal(indices, best(brute(embeddings, z), 10))
    assert sum(map(len, computed)) < share * len(embeddings)


def test_the_copy_that_is_scanned_takes_about_half_of_what_the_bank_does():
    embeddings = bank_of(4000, 640)
    copy = Search(embeddings)._coarse
    assert copy is not None
    assert copy.codes.nbytes + copy.errors.nbytes < 0.51 * embeddings.nbytes


@pytest.mark.parametrize("make", [coarse, whole])
def test_items_with_equal_cosines_come_in_the_order_of_the_bank(make):
    embeddings = bank_of(200, 64)
    embeddings[[7, 19, 60, 150]] = embeddings[3]
    indices, cosines = make(embeddings).top(embeddings[3].astype(np.float32), 4)
    assert indices.tolist() == [3, 7, 19, 60]
    assert len(set(cosines.tolist())) == 1


@pytest.mark.parametrize("make", [coarse, whole])
def test_ties_count_against_the_rank_of_an_item(make):
    embeddings = bank_of(200, 64)
    embeddings[[7, 19]] = embeddings[3]
    found, z = make(embeddings), embeddings[3].astype(np.float32)
    assert [found.rank_of(z, item) for item in (3, 7, 19)] == [3, 3, 3]
    assert found.rank_of(z, int(found.top(z, 4)[0][3])) == 4


@pytest.mark.parametrize("make", [coarse, whole])
def test_the_rank_of_each_item_is_its_place_among_all(make):
    embeddings = bank_of(120, 40)
    found, z = make(embeddings), np.random.default_rng(0).standard_normal(40).astype(np.float32)
    order, _ = found.top(z, 120)
    assert [found.rank_of(z, int(item)) for item in order] == list(range(1, 121))


@pytest.mark.parametrize("make", [coarse, whole])
def test_asking_for_more_items_than_there_are_gives_all_of_them(make):
    embeddings = bank_of(5, 32)
    indices, cosines = make(embeddings).top(embeddings[2].astype(np.float32), 99)
    assert sorted(indices.tolist()) == [0, 1, 2, 3, 4]
    assert indices[0] == 2
    assert (np.diff(cosines) <= 0).all()
    assert indices.dtype == np.int64 and cosines.dtype == np.float32


@pytest.mark.parametrize("make", [coarse, whole])
def test_many_queries_get_what_each_gets_alone(make):
    embeddings = bank_of(300, 96, steepness=1.0)
    queries = np.random.default_rng(3).standard_normal((6, 96)).astype(np.float32)
    found = make(embeddings)
    indices, cosines = found.top_many(queries, 7)
    for query, row, values in zip(queries, indices, cosines, strict=True):
        alone = found.top(query, 7)
        np.testing.assert_array_equal(row, alone[0])
        np.testing.assert_array_equal(values, alone[1])
    assert found.top_many(queries[:0], 7)[0].shape == (0, 7)


@pytest.mark.parametrize("n_dims", [64, 50])
def test_a_bank_mapped_from_disk_gives_the_same_bits_as_one_in_memory(tmp_path: Path, n_dims):
    embeddings = bank_of(300, n_dims, steepness=1.0)
    np.save(tmp_path / "embeddings.npy", embeddings)
    mapped = np.load(tmp_path / "embeddings.npy", mmap_mode="r")
    z = np.random.default_rng(0).standard_normal(n_dims).astype(np.float32)
    for make in (coarse, whole):
        np.testing.assert_array_equal(make(mapped).scores(z), make(embeddings).scores(z))
        np.testing.assert_array_equal(make(mapped).top(z, 9)[0], make(embeddings).top(z, 9)[0])


def test_a_mapped_bank_is_read_where_it_lies(tmp_path: Path):
    np.save(tmp_path / "embeddings.npy", bank_of(20, 64))
    mapped = np.load(tmp_path / "embeddings.npy", mmap_mode="r")
    assert np.shares_memory(Search(mapped)._halves, mapped)


def test_rows_at_odd_addresses_or_in_another_order_are_read_all_the_same():
    embeddings = bank_of(50, 64)
    odd = np.zeros(embeddings.nbytes + 1, np.uint8)[1:].view(np.float16).reshape(embeddings.shape)
    odd[:] = embeddings
    z = np.random.default_rng(0).standard_normal(64).astype(np.float32)
    for same in (odd, np.asfortranarray(embeddings), np.repeat(embeddings, 2, axis=0)[::2]):
        np.testing.assert_array_equal(Search(same).scores(z), Search(embeddings).scores(z))


def test_twice_the_query_gives_the_same_bits_and_any_other_length_the_same_cosines():
    embeddings = bank_of(100, 64)
    z = np.random.default_rng(0).standard_normal(64).astype(np.float32)
    found = Search(embeddings)
    np.testing.assert_array_equal(found.scores(2 * z), found.scores(z))
    np.testing.assert_allclose(found.scores(np.float32(0.3) * z), found.scores(z), rtol=0, atol=3e-7)


def test_a_query_in_float64_is_taken_as_float32():
    embeddings = bank_of(100, 64)
    z = np.random.default_rng(0).standard_normal(64)
    found = Search(embeddings)
    np.testing.assert_array_equal(found.scores(z), found.scores(z.astype(np.float32)))


def test_the_query_is_left_as_it_was():
    z = np.full(64, 3.0, np.float32)
    Search(bank_of(10, 64)).top(z, 2)
    assert (z == 3.0).all()


def test_threads_that_share_a_search_get_what_one_gets_alone():
    embeddings = bank_of(2000, 128, steepness=1.0)
    found = coarse(embeddings)
    queries = np.random.default_rng(1).standard_normal((40, 128)).astype(np.float32)
    alone = [found.top(query, 5)[0].tolist() for query in queries]
    with ThreadPoolExecutor(4) as threads:
        together = list(threads.map(lambda query: found.top(query, 5)[0].tolist(), queries))
    assert together == alone


def test_every_finite_float16_is_multiplied_as_the_number_it_is():
    halves = np.arange(2**16, dtype=np.uint16)
    numbers = halves.view(np.float16)
    finite = np.isfinite(numbers)
    rows, query, out = (
        np.zeros((finite.sum(), LANES), np.uint16),
        np.zeros(LANES, np.float32),
        np.empty(finite.sum(), np.float32),
    )
    rows[:, 5], query[5] = halves[finite], 1.0
    kernels.cosines(rows, query, out)
    np.testing.assert_array_equal(out, numbers[finite].astype(np.float32))


def test_banks_that_are_none_are_refused_with_what_is_wrong():
    good = bank_of(4, 32)
    for wrong, said in (
        (good[0], r"shape \(32,\)"),
        (good[:0], r"shape \(0, 32\)"),
        (good.astype(np.float32), "embeddings are float32"),
        (good.astype(">f2"), "embeddings are >f2"),
        (good * np.array([[1], [1], [0.5], [1]], np.float16), "embedding 2 has length 0.5"),
        (good * np.array([[1], [np.nan], [1], [1]], np.float16), "embedding 1 has length nan"),
        (good * np.array([[1], [1], [1], [0]], np.float16), "embedding 3 has length 0"),
    ):
        with pytest.raises(BankError, match=said):
            Search(wrong)


@pytest.mark.parametrize("ask", ["scores", "top", "rank_of"])
def test_queries_without_a_direction_are_refused(ask):
    found = Search(bank_of(4, 32))
    more = {"scores": (), "top": (2,), "rank_of": (1,)}[ask]
    z = np.ones(32, np.float32)
    for wrong, said in (
        (np.zeros(32, np.float32), "length 0.0"),
        (z * np.nan, "length nan"),
        (np.where(np.arange(32) == 9, np.inf, z).astype(np.float32), "length inf"),
        (np.full(32, 1e300), "length inf"),
        (z[:31], r"shape \(31,\)"),
        (z[np.newaxis], r"shape \(1, 32\)"),
        (np.ones(32, np.int64), "int64"),
    ):
        with pytest.raises(BankError, match=said):
            getattr(found, ask)(wrong, *more)


def test_numbers_that_name_no_items_are_refused():
    found, z = Search(bank_of(4, 32)), np.ones(32, np.float32)
    for k in (0, -1):
        with pytest.raises(BankError, match=f"k is {k}"):
            found.top(z, k)
        with pytest.raises(BankError, match=f"k is {k}"):
            found.top_many(z[np.newaxis], k)
    for item in (-1, 4):
        with pytest.raises(BankError, match=f"item {item} .* from 0 to 3"):
            found.rank_of(z, item)
    with pytest.raises(BankError, match=r"queries have shape \(32,\)"):
        found.top_many(z, 2)
