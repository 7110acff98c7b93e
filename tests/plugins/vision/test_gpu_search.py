"""Search on a GPU, or on PyTorch's CPU in its place, answers as the processor does: the same items and bits."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rtbci.bank.rows import Rows
from rtbci.errors import BankError
from rtbci_vision.gpu_search import GpuSearch
from tests.bank.test_search import bank_of, unit

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
DEVICES = ["cpu", pytest.param("cuda", marks=[pytest.mark.gpu, needs_gpu])]


def queries(embeddings, n, seed=0):
    """Noisy items, and directions of their own."""
    rng = np.random.default_rng(seed)
    noise = rng.standard_normal((n, embeddings.shape[1])) / np.sqrt(embeddings.shape[1])
    items = embeddings[rng.integers(len(embeddings), size=n)]
    return (items * (np.arange(n) % 2)[:, None] + 0.5 * noise).astype(np.float32)


def assert_same(found, wanted, z, k):
    for said, right in zip(found.top(z, k), wanted.top(z, k), strict=True):
        np.testing.assert_array_equal(said, right)
    scores = wanted.scores(z)
    assert np.abs(found.scores(z) - scores).max() <= found.tolerance
    for item in (0, int(scores.argmax()), int(scores.argmin()), len(scores) // 2):
        assert found.rank_of(z, item) == wanted.rank_of(z, item)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("shape", [(1, 3), (7, 1), (200, 768), (5000, 100)])
def test_it_says_what_the_processor_says(shape, device):
    embeddings = bank_of(*shape, steepness=0.8, mean=1.0) if shape[1] > 1 else np.ones(shape, np.float16)
    found, wanted = GpuSearch(embeddings, device), Rows(embeddings)
    for z in queries(embeddings, 6):
        for k in (1, 10, 10_000):
            assert_same(found, wanted, z, k)


@pytest.mark.parametrize("device", DEVICES)
def test_items_that_are_equal_or_nearly_so_come_in_the_order_of_the_processor(device):
    rng = np.random.default_rng(3)
    one = bank_of(1, 256)[0]
    embeddings = np.tile(one, (3000, 1))  # more than are asked for at first
    embeddings.view(np.uint16)[np.arange(3000), rng.integers(256, size=3000)] ^= rng.integers(0, 2, 3000).astype(
        np.uint16
    )
    found, wanted = GpuSearch(embeddings, device), Rows(embeddings)
    for z in (one.astype(np.float32), *queries(embeddings, 4)):
        for k in (1, 7, 500):
            assert_same(found, wanted, z, k)


@settings(max_examples=40, deadline=None)
@given(n_items=st.integers(1, 300), n_dims=st.integers(2, 96), k=st.integers(1, 20), seed=st.integers(0, 2**32 - 1))
def test_it_says_so_of_any_bank(n_items, n_dims, k, seed):
    embeddings = bank_of(n_items, n_dims, seed)
    assert_same(GpuSearch(embeddings, "cpu"), Rows(embeddings), queries(embeddings, 2, seed)[seed % 2], k)


def test_more_rows_than_are_turned_into_float32_at_once(monkeypatch):
    monkeypatch.setattr("rtbci_vision.gpu_search.BLOCK", 64)
    embeddings = bank_of(1000, 64)
    assert_same(GpuSearch(embeddings, "cpu"), Rows(embeddings), queries(embeddings, 1)[0], 10)


@pytest.mark.parametrize("device", DEVICES)
def test_the_tolerance_holds_where_products_cancel(device):
    n_dims = 4096
    embeddings = unit(np.random.default_rng(5).standard_normal((64, n_dims))).astype(np.float16)
    embeddings[1] = -embeddings[0]
    z = (embeddings[0].astype(np.float64) * np.where(np.arange(n_dims) % 2, 1, -1)).astype(np.float32)
    found, wanted = GpuSearch(embeddings, device), Rows(embeddings)
    away = np.abs(found.scores(z) - wanted.scores(z)).max()
    assert away <= found.tolerance
    assert found.tolerance == pytest.approx((4096 + 128 + 6) * 2.0**-24, rel=0.01)
    assert away < 2e-6


def test_many_at_once_are_as_one_by_one():
    embeddings = bank_of(500, 64)
    z = queries(embeddings, 5)
    for said, right in zip(GpuSearch(embeddings, "cpu").top_many(z, 4), Rows(embeddings).top_many(z, 4), strict=True):
        np.testing.assert_array_equal(said, right)


def test_a_gpu_that_is_lost_leaves_the_same_answers(monkeypatch):
    embeddings = bank_of(300, 64)
    found, wanted, z = GpuSearch(embeddings, "cpu"), Rows(embeddings), queries(embeddings, 1)[0]

    def fail(query):
        raise RuntimeError("CUDA error: device-side\nassert")

    found._device = torch.device("cuda:0")  # as it is where there is one
    monkeypatch.setattr(found, "_near", fail)
    said = found.top(z, 5)
    assert found.runs_on == "cpu, every cosine; cuda:0 was lost (CUDA error: device-side assert)"
    monkeypatch.undo()
    np.testing.assert_array_equal(said[0], wanted.top(z, 5)[0])
    np.testing.assert_array_equal(found.scores(z), wanted.scores(z))
    assert_same(found, wanted, z, 5)


@pytest.mark.parametrize(
    ("embeddings", "device", "says"),
    [
        (np.zeros((3, 4), np.float32), "cpu", "embeddings are float32"),
        (np.zeros((3, 4), np.float16), "cpu", "length 0; length 1 would be right"),
        (np.ones((3, 1), np.float16), "gpu", 'device = "gpu"; "auto", "cpu", "cuda" or "cuda:1" would be right'),
        (np.ones((3, 1), np.float16), "cuda:77", r'device = "cuda:77", but PyTorch sees \d+ GPUs here'),
        (np.ones((3, 1), np.float16), "meta", 'device = "meta", but PyTorch sees'),
    ],
)
def test_what_is_wrong_is_told(embeddings, device, says):
    with pytest.raises(BankError, match=says):
        GpuSearch(embeddings, device)


def test_a_wrong_query_is_refused_as_on_the_processor():
    found = GpuSearch(bank_of(10, 8), "cpu")
    for z, says in ((np.zeros(8, np.float32), "length 0"), (np.ones(9, np.float32), r"shape \(9,\)")):
        with pytest.raises(BankError, match=says):
            found.top(z, 1)
    with pytest.raises(BankError, match="item 10 is not in the bank"):
        found.rank_of(np.ones(8, np.float32), 10)


def test_importing_it_loads_no_torch():
    code = "import sys, rtbci_vision.gpu_search; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
