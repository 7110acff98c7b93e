"""Making an approximate index: codes, and how many items must be ranked anew to miss little enough.

::

    rows -> 16 centres for every span of dimensions (k-means on a sample) -> the number of the nearest one, of each row
         -> noisy items as queries: half of them choose how many items are ranked anew, the other half say what is missed
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtbci.bank.approximate import NEAREST, SPAN, About, ApproximateSearch, library
from rtbci.bank.rows import Indices
from rtbci.bank.search import Search
from rtbci.errors import BankError
from rtbci.kernels.bank import LANES

LEAST = 1000
"""Items of a bank that is indexed: a smaller one is searched exactly in less than 0.1 ms."""
SAMPLE = 20_000
"""Rows that k-means sees."""
BITS = 4
"""Of a code: what a register can look up."""
SHALLOWEST = 100
"""Items that are ranked anew at least: 0.1 ms."""
BLOCK = 16384
"""Rows that are turned into float32 at once."""
NOISE, QUERIES = 1.0, 200
"""Of trial queries: their cosine with the item is then .71."""

Say = Callable[[int, int], None]


def make(
    embeddings: NDArray[np.float16],
    *,
    recall: float,
    noise: float = NOISE,
    seed: int = 0,
    say: Say = lambda done, of: None,
) -> tuple[Any, About]:
    """Make an index of ``embeddings`` (n_items, n_dims) float16 of length 1 that finds ``recall`` of the ten nearest.

    Parameters
    ----------
    recall : above 0, at most 1; of noisy items. More are ranked anew until it is reached.
    noise : length of the noise of trial queries: the weaker a decoder, the more, and the more is ranked anew.
    say : is told how many rows are in the index, of how many.

    Returns
    -------
    index : faiss's. about : what is known of it, but for the digests and ``made``, which are left empty.

    Raises
    ------
    BankError
        For a bank of fewer than `LEAST` items, a ``recall`` that cannot be, or faiss not being installed.
    """
    n_items, n_dims = embeddings.shape
    if n_items < LEAST:
        raise BankError(
            f"a bank of {n_items} items; {LEAST} or more would be right: a smaller one is searched exactly in no time"
        )
    if not 0.0 < recall <= 1.0:
        raise BankError(f"recall = {recall:g}; a share above 0 and at most 1, such as 0.95, would be right")
    if not 0.0 <= noise < math.inf:
        raise BankError(f"noise = {noise:g}; a length of 0 or more, such as 1, would be right")
    faiss = library()
    random = np.random.default_rng(seed)
    width = -(-n_dims // LANES) * LANES  # as `Rows` pads them
    index = faiss.IndexPQFastScan(width, width // SPAN, BITS, faiss.METRIC_INNER_PRODUCT)
    index.pq.cp.seed = seed + 1
    index.train(_floats(embeddings[np.sort(random.permutation(n_items)[:SAMPLE])], width))
    for first in range(0, n_items, BLOCK):
        index.add(_floats(embeddings[first : first + BLOCK], width))
        say(min(first + BLOCK, n_items), n_items)
    queries, half = noisy(embeddings, QUERIES, noise, random), QUERIES // 2
    nearest = Search(embeddings).top_many(queries, NEAREST)[0]
    about = About("", "", SHALLOWEST, 0.0, QUERIES - half, noise, "")
    search = ApproximateSearch(embeddings, index, about)
    while found(search, queries[:half], nearest[:half]) < recall and search.about.depth < n_items:
        search.about = replace(search.about, depth=min(n_items, 2 * search.about.depth))
    return index, replace(search.about, recall=found(search, queries[half:], nearest[half:]))


def _floats(rows: NDArray[np.float16], width: int) -> NDArray[np.float32]:
    padded = np.zeros((len(rows), width), np.float32)
    padded[:, : rows.shape[1]] = rows
    return padded


def noisy(embeddings: NDArray[np.float16], n: int, length: float, random: np.random.Generator) -> NDArray[np.float32]:
    """Queries (n, n_dims): items with noise of that ``length``, in every direction alike."""
    items = embeddings[random.integers(len(embeddings), size=n)].astype(np.float64)
    noise = random.standard_normal(items.shape)
    queries: NDArray[np.float32] = (items + length * noise / np.linalg.norm(noise, axis=1, keepdims=True)).astype(
        np.float32
    )
    return queries


def found(search: ApproximateSearch, queries: NDArray[np.float32], nearest: Indices) -> float:
    """Share of the ``nearest`` (n, k) that is found for ``queries`` (n, n_dims)."""
    said = search.top_many(queries, nearest.shape[1])[0]
    return float(np.mean([np.isin(right, mine).mean() for right, mine in zip(nearest, said, strict=True)]))
