"""Logarithms of covariance matrices: Chebyshev series beside eigendecompositions, in batches, with their errors.

Run ``python tests/speed/bench_matrix_log.py [--json]``. Microseconds a matrix, least of a few batches, one thread. Matrices
have eigenvalues from 1/condition to 1, log-uniform. "series" is the bare series for exactly that condition; "in place" is
`MatrixLog.of`, which provides for three times as much, bounds each spectrum and scales it; "products" is how many of the
series' products (with all that goes with them) an eigendecomposition is worth. Errors are of the 2-norm, largest over the
batch, against float64 eigendecompositions. float32 is measured to say what it would give; the decoders compute in float64.
"""

from __future__ import annotations

import json
import os
import platform
import sys
import time
from collections.abc import Callable

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from numpy.typing import NDArray

from rtbci_riemann.aligned import aligned_zeros
from rtbci_riemann.chebyshev import TOLERANCE, LogSeries
from rtbci_riemann.logarithm import MARGIN, MatrixLog
from rtbci_riemann.stacks import padded

RANKS, CONDITIONS, BATCHES = (8, 12, 16, 22, 32, 64), (4, 16, 64, 300), (1, 32)


def least(call: Callable[[], object], seconds: float = 0.05) -> float:
    """Seconds of the quickest of several calls."""
    call()
    took, until = [], time.perf_counter() + seconds
    while len(took) < 5 or time.perf_counter() < until:
        began = time.perf_counter()
        call()
        took.append(time.perf_counter() - began)
    return min(took)


def spd(n: int, rank: int, condition: float) -> NDArray[np.float64]:
    """Matrices (n, rank, rank)."""
    rng = np.random.default_rng(rank)
    basis = np.linalg.qr(rng.standard_normal((n, rank, rank)))[0]
    values = np.exp(rng.uniform(-np.log(condition), 0.0, (n, rank)))
    values[:, 0], values[:, -1] = 1.0 / condition, 1.0
    matrices: NDArray[np.float64] = (basis * values[:, None, :]) @ basis.transpose(0, 2, 1)
    return matrices


def by_eigenvalues(matrices: NDArray[np.floating]) -> NDArray[np.floating]:
    """Logarithms (n, rank, rank)."""
    values, vectors = np.linalg.eigh(matrices)
    return np.matmul(vectors * np.log(values)[:, None, :], vectors.transpose(0, 2, 1))


def measure(rank: int, condition: float, n: int, dtype: type) -> dict[str, object]:
    """One row."""
    exact = spd(n, rank, condition)
    width = padded(rank, np.dtype(dtype).itemsize)
    matrices, out = (aligned_zeros((n, rank, width), dtype) for _ in range(2))
    matrices[:, :, :rank] = exact
    inside = matrices[:, :, :rank]
    expected = by_eigenvalues(exact)
    double = dtype is np.float64
    series = LogSeries(condition, TOLERANCE if double else 1e-7, dtype)
    series_us = least(lambda: series.of(matrices, out)) / n * 1e6
    eigh_us = least(lambda: by_eigenvalues(inside)) / n * 1e6
    row: dict[str, object] = {
        "dtype": np.dtype(dtype).name,
        "rank": rank,
        "condition": condition,
        "batch": n,
        "degree": series.degree,
        "products": series.n_products,
        "series_us": round(series_us, 2),
        "series_error": error(out[:, :, :rank], expected),
        "eigh_us": round(eigh_us, 2),
        "eigh_error": error(by_eigenvalues(inside), expected),
    }
    if double:
        log = MatrixLog(rank, MARGIN * condition)
        in_place_us = least(lambda: log.of(matrices)) / n * 1e6
        provided = LogSeries(MARGIN * condition).n_products
        row |= {
            "in_place_us": round(in_place_us, 2),
            "in_place_error": error(log.of(matrices)[:, :, :rank], expected),
            "eigh_in_products": round(eigh_us / (in_place_us / (provided + 2)), 1),
        }
    return row


def error(said: NDArray[np.floating], expected: NDArray[np.float64]) -> float:
    """Largest 2-norm of the difference."""
    return float(f"{np.linalg.norm(said - expected, ord=2, axis=(1, 2)).max():.1e}")


def main() -> None:
    """Print a table, or with ``--json`` one JSON object."""
    rows = [
        measure(rank, condition, n, dtype)
        for dtype in (np.float64, np.float32)
        for rank in (RANKS if dtype is np.float64 else (22, 64))
        for n in BATCHES
        for condition in CONDITIONS
    ]
    if "--json" in sys.argv:
        print(json.dumps({"machine": platform.processor() or platform.machine(), "rows": rows}))
        return
    print(
        "dtype   rank batch condition degree products  series us (error)   in place us (error)   eigh us (error)  worth"
    )
    for row in rows:
        placed = f"{row['in_place_us']:8.1f} ({row['in_place_error']:.0e})" if "in_place_us" in row else " " * 16
        print(
            f"{row['dtype']:8}{row['rank']:4}{row['batch']:6}{row['condition']:10}{row['degree']:7}{row['products']:9}"
            f"{row['series_us']:11.1f} ({row['series_error']:.0e})    {placed}    "
            f"{row['eigh_us']:8.1f} ({row['eigh_error']:.0e}) {row.get('eigh_in_products', '')!s:>6}"
        )


if __name__ == "__main__":
    main()
