"""Time per hop of the streaming covariance beside computing it anew and beside sums of blocks; and of what is built on it.

Run ``python tests/speed/bench_running_covariance.py [--json]``. Correlated noise at 250 Hz, one thread, medians over hops.
The second table is what each transform costs: the median over all hops, the slowest hop (ends of windows, the end of a
calibration), and the mean per sample.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from scipy.linalg import blas

from rtbci.interfaces import Transform
from rtbci.transforms.asr import Asr
from rtbci.transforms.eog import RegressEog
from rtbci.transforms.potato import Potato
from rtbci.transforms.recentre import Recentre
from rtbci.transforms.running_covariance import RunningCovariance
from rtbci.types import Channel, Samples, StreamInfo

RATE, LENGTH, HOP, HOPS = 250, 500, 10, 600


def recording(n_channels: int, n_samples: int) -> Samples:
    """Correlated noise (n_samples, n_channels) float32, as ill-conditioned as EEG is (about 1e4)."""
    rng = np.random.default_rng(3)
    rotation, _ = np.linalg.qr(rng.standard_normal((n_channels, n_channels)))
    mixing = rotation * np.logspace(0, -2, n_channels) * 10
    return (rng.standard_normal((n_samples, n_channels)) @ mixing.T).astype(np.float32)


def streaming(samples: Samples) -> Iterator[np.ndarray]:
    """Covariances by up- and downdates."""
    running = RunningCovariance(samples.shape[1], LENGTH, HOP)
    for first in range(0, len(samples), HOP):
        for _, _, whole in running.hops(samples[first : first + HOP]):
            if whole:
                yield running.covariance()


def anew(samples: Samples) -> Iterator[np.ndarray]:
    """Covariances computed from all samples of the window by BLAS."""
    for last in range(LENGTH, len(samples) + 1, HOP):
        window = samples[last - LENGTH : last].astype(np.float64)
        window -= window.mean(axis=0)
        lower = blas.dsyrk(1.0 / LENGTH, window.T, lower=1)
        yield lower + np.tril(lower, -1).T


def block_sums(samples: Samples) -> Iterator[np.ndarray]:
    """Covariances as sums of the Gram matrices of a window's hops, each computed once by BLAS."""
    n_blocks = LENGTH // HOP
    n_channels = samples.shape[1]
    grams = np.zeros((n_blocks, n_channels + 1, n_channels + 1))
    rows = np.ones((HOP, n_channels + 1))
    for block in range(len(samples) // HOP):
        rows[:, :n_channels] = samples[block * HOP : (block + 1) * HOP]
        grams[block % n_blocks] = blas.dsyrk(1.0, rows.T).T
        if block + 1 >= n_blocks:
            lower = grams.sum(axis=0)
            mean = lower[n_channels, :n_channels] / LENGTH
            lower = lower[:n_channels, :n_channels] / LENGTH - np.outer(mean, mean)
            yield np.tril(lower) + np.tril(lower, -1).T


def per_hop(method: Callable[[Samples], Iterator[np.ndarray]], samples: Samples) -> tuple[float, float, np.ndarray]:
    """Median and slowest milliseconds a hop, and the last covariance."""
    covariances = method(samples)
    next(covariances)
    seconds = []
    last = np.empty(0)
    while True:
        began = time.perf_counter()
        covariance = next(covariances, None)
        seconds.append(time.perf_counter() - began)
        if covariance is None:
            break
        last = covariance.copy()
    return float(np.median(seconds[:-1])) * 1e3, float(np.max(seconds[:-1])) * 1e3, last


def compare(n_channels: int) -> dict[str, object]:
    """One row of the first table."""
    samples = recording(n_channels, LENGTH + HOPS * HOP)
    row: dict[str, object] = {"channels": n_channels}
    last = {}
    for name, method in (("streaming", streaming), ("anew", anew), ("block_sums", block_sums)):
        row[f"{name}_ms"], row[f"{name}_max_ms"], last[name] = per_hop(method, samples)
    scale = np.sqrt(np.outer(last["anew"].diagonal(), last["anew"].diagonal()))
    row["largest_difference"] = float(np.abs((last["streaming"] - last["anew"]) / scale).max())
    return row


def transforms() -> dict[str, Callable[[], Transform]]:
    """The transforms of the second table, as they are without arguments."""
    return {"recentre": Recentre, "potato": Potato, "asr": Asr, "regress-eog": RegressEog}


def cost(name: str, make: Callable[[], Transform], n_channels: int) -> dict[str, object]:
    """One row of the second table: a minute in chunks of 125 ms, the hop of potato and asr."""
    chunk, n = 31, 60 * RATE
    kinds = ["eog" if name == "regress-eog" and i < 2 else "eeg" for i in range(n_channels)]
    info = StreamInfo("bench", float(RATE), tuple(Channel(f"C{i}", kind) for i, kind in enumerate(kinds)))
    samples = recording(n_channels, n)
    times = np.arange(n) / RATE
    transform = make()
    transform.start(info)
    seconds = []
    for first in range(0, n - chunk, chunk):
        began = time.perf_counter()
        transform.transform(samples[first : first + chunk], times[first : first + chunk])
        seconds.append(time.perf_counter() - began)
    late = seconds[len(seconds) // 2 + 10 :]  # after the calibrations
    return {
        "transform": name,
        "channels": n_channels,
        "median_ms": float(np.median(late)) * 1e3,
        "max_ms": float(np.max(late)) * 1e3,
        "first_half_max_ms": float(np.max(seconds)) * 1e3,
        "per_sample_us": float(np.mean(late)) * 1e6 / chunk,
    }


def main() -> None:
    """Print two tables, or with ``--json`` one JSON object."""
    covariances = [compare(n) for n in (8, 22, 64, 306)]
    costs = [cost(name, make, n) for n in (22, 64) for name, make in transforms().items()]
    if "--json" in sys.argv:
        print(json.dumps({"covariances": covariances, "transforms": costs}))
        return
    print(f"covariance of {LENGTH} samples every {HOP}: ms a hop, median (slowest) of {HOPS}")
    print("channels        streaming             anew       block sums   streaming differs from anew by")
    for row in covariances:
        cells = "".join(
            f"{row[f'{m}_ms']:10.3f} ({row[f'{m}_max_ms']:5.2f})" for m in ("streaming", "anew", "block_sums")
        )
        print(f"{row['channels']:8}{cells}   {row['largest_difference']:.1e}")
    print("\nms for 125 ms of signal; the slowest after calibration, and of all")
    for row in costs:
        print(
            f"{row['transform']:12}{row['channels']:4}  median {row['median_ms']:.3f}  slowest {row['max_ms']:.3f}  of all "
            f"{row['first_half_max_ms']:.1f}   {row['per_sample_us']:.2f} us a sample"
        )


if __name__ == "__main__":
    main()
