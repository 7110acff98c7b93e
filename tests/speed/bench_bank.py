"""Nearest items of a bank: the exact search beside NumPy, and beside faiss and a GPU if they are there; one thread each.

Run ``python tests/speed/bench_bank.py [--json] [--turns N] [--only-gpu | --approximate]``; a Markdown table comes out.

Banks have 768 dimensions; the ten nearest items are asked for. "flat" rows point anywhere. "steep" ones have the spectrum of
CLIP's embeddings of the pictures of THINGS: they lie about a mean of length 0.78, and their variance falls with the axis to
the power of -0.8. A query "near" is an item and noise half as long; a "far" one points anywhere. NumPy has the bank in
float32, twice the memory, and does ``bank @ z``, argpartition and a sort; faiss does the same in its flat index. All take
turns, one query each, so that what else the machine does falls on all alike; "computed" is the share of items that the
search did not rule out by its coarse copy. "scores" are all cosines of the bank in the one order of summation. "gpu" is the
search on a GPU, which gives the same answers (checked: "same"), and "gpu scores" its cosines of all items, within a
tolerance; ``--only-gpu`` leaves the processor's ways out, and fails where there is no GPU. "index" is the approximate one,
of the largest banks, with the share of the ten nearest that it found ("recall").

``--approximate`` is another table: 300 000 items of 256 dimensions, ten about each of 30 000 centres, by the index of faiss
that ``rtbci bank index`` makes, and with other depths than it chose. "told" is what it says of itself; "recall" is that of
other queries, "near" as above, and "far", which nobody promised.
"""

from __future__ import annotations

import json
import os
import platform
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib import import_module
from importlib.util import find_spec
from typing import Any

for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import numpy as np
from numpy.typing import NDArray

from rtbci.bank.search import Search

SIZES, N_DIMS, K = (200, 16_540, 100_000), 768, 10
MEAN, POWER = 0.78, -0.8
MANY, FEW_DIMS, RECALL = 300_000, 256, 0.95


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
    """Queries (n, n_dims)."""
    rng = np.random.default_rng(n)
    noise = unit(rng.standard_normal((n, embeddings.shape[1])))
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


def by_index(embeddings: NDArray[np.float16]) -> Any:
    """The approximate search."""
    from rtbci.bank.approximate import ApproximateSearch
    from rtbci.bank.indexing import make

    index, about = make(embeddings, recall=RECALL)
    return ApproximateSearch(embeddings, index, about)


def by_gpu(embeddings: NDArray[np.float16]) -> object | None:
    """The search on a GPU, or None where there is none."""
    if find_spec("torch") is None or not import_module("torch").cuda.is_available():
        return None
    from rtbci_vision.gpu_search import GpuSearch

    return GpuSearch(embeddings, "cuda")


def computed(search: Search, z: NDArray[np.float32]) -> float:
    """Share of the items whose cosine was computed."""
    if search._coarse is None:
        return 1.0
    return float((search._coarse.upper_bounds(search._unit(z)) >= search.top(z, K)[1][-1]).mean())


def measure(n_items: int, spectrum: str, turns: int, only_gpu: bool) -> list[dict[str, object]]:
    """One row for each kind of query."""
    embeddings = bank_of(n_items, spectrum)
    began = time.perf_counter()
    search = Search(embeddings)
    prepared = time.perf_counter() - began
    copy = search._coarse
    extra = 0 if copy is None else sum(part.nbytes for part in (copy.codes, copy.errors))
    ways: dict[str, Callable[[NDArray[np.float32]], object]] = {}
    if not only_gpu:
        rows = embeddings.astype(np.float32)
        ways = {"search": lambda z: search.top(z, K), "numpy": by_numpy(rows), "scores": search.scores}
        if find_spec("faiss") is not None:
            ways["faiss"] = by_faiss(rows)
            if n_items == max(SIZES):
                index = by_index(embeddings)
                ways["index"] = lambda z: index.top(z, K)
    gpu: Any = by_gpu(embeddings)
    if gpu is not None:
        ways |= {"gpu": lambda z: gpu.top(z, K), "gpu_scores": gpu.scores}
    elif only_gpu:
        raise SystemExit("--only-gpu, but PyTorch sees no GPU")
    measured = []
    for kind in ("near", "far"):
        queries = queries_of(embeddings, kind, turns)
        row: dict[str, object] = {"items": n_items, "spectrum": spectrum, "query": kind}
        for way, times in timed(ways, queries).items():
            row |= {f"{way}_p50_ms": percentile(times, 50), f"{way}_p99_ms": percentile(times, 99)}
        row["computed"] = round(float(np.mean([computed(search, z) for z in queries[:20]])), 4)
        if "index" in ways:
            share = [np.isin(search.top(z, K)[0], index.top(z, K)[0]).mean() for z in queries[:50]]
            row["recall"] = round(float(np.mean(share)), 3)
        row |= {"prepare_s": round(prepared, 2), "extra_mb": round(extra / 1e6, 1)}
        if gpu is not None:
            pairs = [(gpu.top(z, K), search.top(z, K)) for z in queries[:20]]
            row["same"] = all(np.array_equal(a, b) for one, other in pairs for a, b in zip(one, other, strict=True))
            row["scores_apart"] = max(float(np.abs(gpu.scores(z) - search.scores(z)).max()) for z in queries[:5])
            row |= {"tolerance": gpu.tolerance, "device": gpu.runs_on}
        measured.append(row)
    return measured


def timed(
    ways: Mapping[str, Callable[[NDArray[np.float32]], object]], queries: NDArray[np.float32]
) -> dict[str, list[float]]:
    """Milliseconds of each way, which take turns; the first turn is thrown away."""
    took: dict[str, list[float]] = {way: [] for way in ways}
    for turn, z in enumerate([queries[0], *queries]):
        for way, ask in ways.items():
            began = time.perf_counter()
            ask(z)
            if turn:
                took[way].append((time.perf_counter() - began) * 1e3)
    return took


def clustered(n_items: int, n_dims: int) -> NDArray[np.float16]:
    """Embeddings (n_items, n_dims), ten about each centre."""
    rng = np.random.default_rng(n_items)
    centres = unit(rng.standard_normal((n_items // 10, n_dims), dtype=np.float32))
    embeddings = np.empty((n_items, n_dims), np.float16)
    for i in range(0, n_items, 4096):
        m = min(4096, n_items - i)
        noise = unit(rng.standard_normal((m, n_dims), dtype=np.float32))
        embeddings[i : i + m] = unit(centres[rng.integers(0, len(centres), m)] + 0.7 * noise)
    return embeddings


def approximate(turns: int) -> list[dict[str, object]]:
    """One row for each number of items that are ranked anew; the second is the one that was chosen."""
    from rtbci.bank.approximate import ApproximateSearch
    from rtbci.bank.indexing import make

    embeddings = clustered(MANY, FEW_DIMS)
    search = Search(embeddings)
    queries = {kind: queries_of(embeddings, kind, turns) for kind in ("near", "far")}
    nearest = {kind: search.top_many(some, K)[0] for kind, some in queries.items()}
    began = time.perf_counter()
    index, about = make(embeddings, recall=RECALL)
    took = time.perf_counter() - began
    measured: list[dict[str, object]] = []
    for depth in (about.depth // 2, about.depth, 4 * about.depth, 16 * about.depth):
        found = ApproximateSearch(embeddings, index, replace(about, depth=depth))
        row: dict[str, object] = {"items": MANY, "dims": FEW_DIMS, "depth": depth}
        row["told"] = round(about.recall, 3) if depth == about.depth else "–"
        for kind, some in queries.items():
            said = found.top_many(some, K)[0]
            share = [np.isin(right, mine).mean() for right, mine in zip(nearest[kind], said, strict=True)]
            row[f"recall_{kind}"] = round(float(np.mean(share)), 3)
        ways = {"index": lambda z, by=found: by.top(z, K), "exact": lambda z: search.top(z, K)}
        for way, times in timed(ways, queries["near"]).items():
            row |= {f"{way}_p50_ms": percentile(times, 50), f"{way}_p99_ms": percentile(times, 99)}
        measured.append(row | {"made_in_s": round(took, 1)})
    return measured


def percentile(times: list[float], share: int) -> float:
    """Milliseconds, three digits."""
    return float(f"{np.percentile(times, share):.3g}")


def main() -> None:
    """Print a table, or with ``--json`` one JSON object."""
    turns = int(sys.argv[sys.argv.index("--turns") + 1]) if "--turns" in sys.argv else 200
    if "--approximate" in sys.argv:
        rows = approximate(turns)
    else:
        only_gpu = "--only-gpu" in sys.argv
        settings = [(n_items, spectrum) for n_items in SIZES for spectrum in ("flat", "steep")]
        rows = [row for n_items, spectrum in settings for row in measure(n_items, spectrum, turns, only_gpu)]
    if "--json" in sys.argv:
        print(json.dumps({"machine": platform.processor() or platform.machine(), "turns": turns, "rows": rows}))
        return
    heads = list(dict.fromkeys(name for row in rows for name in row))
    print("| " + " | ".join(heads).replace("_", " ") + " |")
    print("|" + "---|" * len(heads))
    for row in rows:
        print("| " + " | ".join(str(row.get(name, "–")) for name in heads) + " |")


if __name__ == "__main__":
    main()
