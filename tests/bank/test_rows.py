"""The rows of a bank: every cosine in one order of summation, and how far another order may be from it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtbci.bank.rows import Rows, rounding
from rtbci.bank.search import Search
from tests.bank.test_search import assert_exact, bank_of, unit


@pytest.mark.parametrize("shape", [(1, 5), (300, 31), (300, 32), (50, 768)])
def test_answers_equal_brute_force_to_the_bit(shape):
    embeddings = bank_of(*shape, steepness=0.8, mean=1.0)
    rows = Rows(embeddings)
    for k, z in enumerate(np.random.default_rng(0).standard_normal((4, shape[1])).astype(np.float32)):
        assert_exact(rows, embeddings, z, 1 + 5 * k)


def test_items_that_score_alike_come_by_index_and_count_against_each_other():
    embeddings = np.tile(bank_of(3, 16), (4, 1))
    z = embeddings[1].astype(np.float32)
    rows = Rows(embeddings)
    np.testing.assert_array_equal(rows.top(z, 4)[0], [1, 4, 7, 10])
    assert [rows.rank_of(z, item) for item in (1, 4, 10)] == [4, 4, 4]


def test_a_search_of_the_coarse_copy_is_one_of_rows():
    embeddings = bank_of(2000, 768, steepness=0.8)
    z = np.random.default_rng(1).standard_normal((3, 768)).astype(np.float32)
    for said, right in zip(Search(embeddings).top_many(z, 7), Rows(embeddings).top_many(z, 7), strict=True):
        np.testing.assert_array_equal(said, right)


@settings(max_examples=60, deadline=None)
@given(n_dims=st.integers(1, 3000), seed=st.integers(0, 2**32 - 1), alike=st.booleans())
def test_no_order_of_summation_is_farther_off_than_rounding_says(n_dims, seed, alike):
    rng = np.random.default_rng(seed)
    row, z = (unit(np.abs(rng.standard_normal(n_dims)) if alike else rng.standard_normal(n_dims)) for _ in range(2))
    row, z = row.astype(np.float16).astype(np.float32), z.astype(np.float32)
    exact = float(row.astype(np.float64) @ z.astype(np.float64))
    products = row * z
    for order in (np.arange(n_dims), np.argsort(products), rng.permutation(n_dims)):
        one_by_one = float(np.cumsum(products[order], dtype=np.float32)[-1])
        assert abs(one_by_one - exact) <= rounding(n_dims, n_dims)


def test_rounding_grows_with_the_number_of_sums():
    assert rounding(768, 768) == pytest.approx(768 * 2.0**-24, rel=0.01)
    assert rounding(768, 30) == pytest.approx(30 * 2.0**-24, rel=0.05)
