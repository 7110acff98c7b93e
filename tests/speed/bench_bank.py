"""Nearest items of a bank: the exact search beside NumPy, and beside faiss if it is installed; one thread each.

Run ``python tests/speed/bench_bank.py [--json] [--turns N]``; a Markdown table comes out. Banks have 768 dimensions; the ten
nearest items are asked for. "flat" rows point anywhere. "steep" ones have the spectrum of CLIP's embeddings of the pictures
of THINGS: they lie about a mean of length 0.78, and their variance falls with the axis to the power of -0.8. A query
"near" is an item and noise half as long; a "far" one points anywhere. NumPy has the bank in float32, twice the memory, and
does ``bank @ z``, argpartition and a sort; faiss does the same in its flat index. All take turns, one query each, so that
what else the machine does falls on all alike; "computed" is the share of items that the search did not rule out by its
coarse copy. "scores" are all cosines of the bank in the one order of summation.
"""

from __future__ import annotations

import json
import os
import platform
import sys
import time
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec

for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import numpy as np
from numpy.typing import NDArray

from rtbci.bank.search import Search

SIZES, N_DIMS, K = (200, 16_540, 100_000), 768, 10
MEAN, POWER = 0.78, -0.8


def unit(rows: NDArray[np.floating]) -> NDArray[np.float32]:
    """Rows of length 1."""
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)


def bank_of(n_items: int, spectrum: str) -> NDArray[np.float16]:
    """Embeddings (n_items, N_DIMS)."""
    rng = np.random.default_rng(n_items)
    embeddings = np.empty((n_items, N_DIMS), np.float16)
    basis = np.linalg.qr(rng.standard_normal((N_DIMS, N_DIMS)))[0]
    variance = np.arange(1, N_DIMS + 1) ** POWER
    turn = (np.sqrt((1 - MEAN**2) * variance / variance.sum())[:, np.newaxis] * basis).astype(np.float32)
    for i in range(0, n_items, 4096):
        rows = rng.standard_normal((min(4096, n_items - i), N_DIMS), dtype=np.float32)
        embeddings[i : i + 4096] = unit(rows if spectrum == "flat" else rows @ turn + MEAN * basis[-1])
    return embeddings


def queries_of(embeddings: NDArray[np.float16], kind: str, n: int) -> NDArray[np.float32]:
    """Queries (n, N_DIMS)."""
    rng = np.random.default_rng(n)
    noise = unit(rng.standard_normal((n, N_DIMS)))
    items = embeddings[rng.integers(0, len(embeddings), n)].astype(np.float32)
    return unit(items + 0.5 * noise) if kind == "near" else noise


def by_numpy(rows: NDArray[np.float32]) -> Callable[[NDArray[np.float32]], object]:
    """Brute force with BLAS."""

    def top(z: NDArray[np.float32]) -> NDArray[np.int64]:
        cosines = rows @ z
        likely = np.argpartition(cosines, -K)[-K:]
        order: NDArray[np.int64] = likely[np.argsort(-cosines[likely])]
        return order

    return top


def by_faiss(rows: NDArray[np.float32]) -> Callable[[NDArray[np.float32]], object]:
    """Brute force with faiss."""
    faiss = import_module("faiss")
    faiss.omp_set_num_threads(1)
    index = faiss.IndexFlatIP(N_DIMS)
    index.add(rows)
    return lambda z: index.search(z[np.newaxis], K)


def computed(search: Search, z: NDArray[np.float32]) -> float:
    """Share of the items whose cosine was computed."""
    if search._coarse is None:
        return 1.0
    return float((search._coarse.upper_bounds(search._unit(z)) >= search.top(z, K)[1][-1]).mean())


def measure(n_items: int, spectrum: str, turns: int) -> list[dict[str, object]]:
    """One row for each kind of query."""
    embeddings = bank_of(n_items, spectrum)
    began = time.perf_counter()
    search = Search(embeddings)
    prepared = time.perf_counter() - began
    copy = search._coarse
    extra = 0 if copy is None else sum(part.nbytes for part in (copy.codes, copy.errors))
    rows = embeddings.astype(np.float32)
    ways = {"search": lambda z: search.top(z, K), "numpy": by_numpy(rows), "scores": search.scores}
    if find_spec("faiss") is not None:
        ways["faiss"] = by_faiss(rows)
    measured = []
    for kind in ("near", "far"):
        took: dict[str, list[float]] = {way: [] for way in ways}
        queries = queries_of(embeddings, kind, turns)
        for z in queries:
            for way, ask in ways.items():
                began = time.perf_counter()
                ask(z)
                took[way].append((time.perf_counter() - began) * 1e3)
        row: dict[str, object] = {"items": n_items, "spectrum": spectrum, "query": kind}
        for way, times in took.items():
            row |= {f"{way}_p50_ms": percentile(times, 50), f"{way}_p99_ms": percentile(times, 99)}
        row["computed"] = round(float(np.mean([computed(search, z) for z in queries[:20]])), 4)
        measured.append(row | {"prepare_s": round(prepared, 2), "extra_mb": round(extra / 1e6, 1)})
    return measured


def percentile(times: list[float], share: int) -> float:
    """Milliseconds, three digits."""
    return float(f"{np.percentile(times, share):.3g}")


def main() -> None:
    """Print a table, or with ``--json`` one JSON object."""
    turns = int(sys.argv[sys.argv.index("--turns") + 1]) if "--turns" in sys.argv else 200
    rows = [row for n_items in SIZES for spectrum in ("flat", "steep") for row in measure(n_items, spectrum, turns)]
    if "--json" in sys.argv:
        print(json.dumps({"machine": platform.processor() or platform.machine(), "turns": turns, "rows": rows}))
        return
    print("| " + " | ".join(rows[0]).replace("_", " ") + " |")
    print("|" + "---|" * len(rows[0]))
    for row in rows:
        print("| " + " | ".join(map(str, row.values())) + " |")


if __name__ == "__main__":
    main()
