"""An approximate index: what it finds has exact cosines, what it misses is measured, and another bank's is refused."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest

from rtbci.bank import Bank, indexing
from rtbci.bank.approximate import ABOUT, INDEX, ApproximateSearch
from rtbci.bank.bank import COLUMNS
from rtbci.bank.rows import Rows
from rtbci.bank.searches import search_of
from rtbci.errors import BankError
from rtbci.file_digest import sha256_of
from tests.bank.test_search import unit
from tests.cli.terminal import rtbci


def clustered(n_items: int, n_dims: int, seed: int = 0) -> np.ndarray:
    """Items about the centres of one class for each 20 of them, float16 of length 1."""
    rng = np.random.default_rng(seed)
    centres = unit(rng.standard_normal((max(1, n_items // 20), n_dims)))
    rows = centres[rng.integers(len(centres), size=n_items)] + 0.7 * unit(rng.standard_normal((n_items, n_dims)))
    return unit(rows).astype(np.float16)


def bank_of(folder, embeddings) -> Bank:
    """A bank of captions, as it lies on disk."""
    folder.mkdir()
    np.save(folder / "embeddings.npy", embeddings)
    with (folder / "items.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(
            [COLUMNS, *([f"c{k}", "", "", f"caption {k}", 0, 0, ""] for k in range(len(embeddings)))]
        )
    manifest = {
        "format": "rtbci-bank",
        "version": 1,
        "kind": "caption",
        "space": "test:clustered",
        "dim": embeddings.shape[1],
        "items": len(embeddings),
        "embedder": {"use": "none", "args": {}},
        "sha256": {"embeddings.npy": sha256_of(folder / "embeddings.npy")},
        "skipped": [],
        "made": "for a test",
        "source": "nowhere",
    }
    (folder / "bank.json").write_text(json.dumps(manifest))
    return Bank.open(folder)


@pytest.fixture(scope="module")
def indexed(tmp_path_factory):
    """A bank of 4000 with its index, and what the command said."""
    pytest.importorskip("faiss")
    bank = bank_of(tmp_path_factory.mktemp("banks") / "b.bank", clustered(4000, 64))
    said = rtbci("bank", "index", bank.path, "--recall", "0.9", "--noise", "0.5", "--json")
    assert said.code == 0, said.err
    return bank, said.json


def test_the_index_finds_what_it_says(indexed):
    bank, said = indexed
    search, exact = search_of(bank, "approximate"), Rows(bank.embeddings)
    assert (said["items"], said["queries"], said["noise"]) == (4000, 100, 0.5)
    assert 0.85 < said["recall"] <= 1.0
    assert said["depth"] <= 400
    queries = indexing.noisy(bank.embeddings, 200, 0.5, np.random.default_rng(99))
    nearest = exact.top_many(queries, 10)[0]
    mine = search.top_many(queries, 10)[0]
    share = np.mean([np.isin(a, b).mean() for a, b in zip(nearest, mine, strict=True)])
    assert share == pytest.approx(said["recall"], abs=0.06)
    assert not search.exact
    assert str(search) == (
        f"approximate: {said['depth']} of 4000 items are ranked; of the ten nearest to 100 items with noise of "
        f"length 0.5, {said['recall']:.1%} were found"
    )


def test_what_is_found_has_exact_cosines_in_exact_order(indexed):
    bank, _ = indexed
    search, exact = ApproximateSearch.open(bank), Rows(bank.embeddings)
    for z in indexing.noisy(bank.embeddings, 20, 1.0, np.random.default_rng(1)):
        indices, cosines = search.top(z, 10)
        scores = exact.scores(z)
        np.testing.assert_array_equal(cosines, scores[indices])
        np.testing.assert_array_equal(np.lexsort((indices, -cosines)), np.arange(10))
        np.testing.assert_array_equal(search.scores(z), scores)
        assert search.rank_of(z, int(indices[3])) == exact.rank_of(z, int(indices[3]))


def test_all_items_are_answered_exactly(indexed):
    bank, _ = indexed
    search, exact = ApproximateSearch.open(bank), Rows(bank.embeddings)
    z = np.ones(64, np.float32)
    np.testing.assert_array_equal(search.top(z, 4000)[0], exact.top(z, 4000)[0])
    with pytest.raises(BankError, match="k is 0"):
        search.top(z, 0)


def test_the_same_bank_gives_the_same_index(indexed):
    bank, said = indexed
    before = (bank.path / INDEX).read_bytes()
    assert rtbci("bank", "index", bank.path, "--recall", "0.9", "--noise", "0.5", "--json").json == said
    assert (bank.path / INDEX).read_bytes() == before
    assert not list(bank.path.glob(".*"))


def test_whatever_recall_is_asked_for_is_reached():
    pytest.importorskip("faiss")
    embeddings = clustered(1500, 33)
    index, about = indexing.make(embeddings, recall=1.0)
    assert about.recall > 0.98
    assert about.depth < 1500
    search = ApproximateSearch(embeddings, index, about)
    z = indexing.noisy(embeddings, 1, 1.0, np.random.default_rng(4))[0]
    np.testing.assert_array_equal(search.top(z, 5)[0], Rows(embeddings).top(z, 5)[0])


def test_an_index_of_other_embeddings_is_refused(indexed, tmp_path):
    bank, _ = indexed
    other = bank_of(tmp_path / "other.bank", clustered(4000, 64, seed=1))
    for name in (INDEX, ABOUT):
        (other.path / name).write_bytes((bank.path / name).read_bytes())
    with pytest.raises(
        BankError, match=r"made from other embeddings than the bank has; `rtbci bank index .* makes it anew"
    ):
        search_of(other, "approximate")


def test_an_index_that_is_damaged_or_missing_is_refused(indexed, tmp_path):
    bank, _ = indexed
    again = bank_of(tmp_path / "again.bank", np.asarray(bank.embeddings))
    with pytest.raises(BankError, match=r"has no index .*`rtbci bank index \S+again.bank` makes one"):
        search_of(again, "approximate")
    about, lists = (bank.path / ABOUT).read_text(), bytearray((bank.path / INDEX).read_bytes())
    lists[-5] ^= 1
    (again.path / INDEX).write_bytes(lists)
    for text, says in (
        ("{", "index.json is damaged"),
        ("[]", "index.json is damaged"),
        (about.replace('"depth"', '"deep"'), "index.json is damaged"),
        (about.replace('"version": 1', '"version": 2'), "another kind or version"),
        (about, "index.faiss is not what was written"),
    ):
        (again.path / ABOUT).write_text(text)
        with pytest.raises(BankError, match=says):
            search_of(again, "approximate")
    (again.path / INDEX).unlink()
    with pytest.raises(BankError, match=r"index\.faiss cannot be read"):
        search_of(again, "approximate")


def test_what_cannot_be_indexed_is_refused(tmp_path):
    small = bank_of(tmp_path / "small.bank", clustered(50, 8))
    assert "a bank of 50 items; 1000 or more would be right" in rtbci("bank", "index", small.path).refusal
    assert "is no bank" in rtbci("bank", "index", tmp_path / "none").refusal
    with pytest.raises(BankError, match=r"recall = 1\.5; a share above 0"):
        indexing.make(clustered(1000, 8), recall=1.5)
    with pytest.raises(BankError, match="noise = -1; a length of 0 or more"):
        indexing.make(clustered(1000, 8), recall=0.9, noise=-1)


def test_without_faiss_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "faiss", None)
    with pytest.raises(BankError, match=r"needs faiss, which is not here .*`pip install rtbci\[ann\]` would be right"):
        indexing.make(clustered(1000, 8), recall=0.9)


def test_searches_are_chosen_by_name(tmp_path):
    bank = bank_of(tmp_path / "b.bank", clustered(1200, 32))
    z = np.asarray(bank.embeddings[7], np.float32)
    wanted = Rows(bank.embeddings).top(z, 5)
    for how in ("exact", "gpu"):
        search = search_of(bank, how)
        assert search.exact
        for said, right in zip(search.top(z, 5), wanted, strict=True):
            np.testing.assert_array_equal(said, right)
    with pytest.raises(BankError, match='search "fast"; one of exact, approximate, gpu would be right'):
        search_of(bank, "fast")


def test_a_search_that_cannot_be_made_is_named(tmp_path, monkeypatch):
    bank = bank_of(tmp_path / "b.bank", clustered(1200, 32))
    monkeypatch.setitem(__import__("sys").modules, "torch", None)
    with pytest.raises(BankError, match=r'search "gpu" \(rtbci_vision.gpu_search:GpuSearch\) cannot be made: .*Error'):
        search_of(bank, "gpu")
