"""Replay against real time, and beside a plain loop of pyRiemann and scikit-learn over the same windows, on one core.

Run ``python tests/speed/bench_replay.py [--json] [--quick]``. Noise with two classes (one source is stronger in each) is
decoded by the whole pipeline, from samples in memory to report: band-pass 8-30 Hz, windows of 2 s every 0.1 s, tangent and
mdm, evidence, trials, hash. The loop gets each window as it is cut of the *filtered* stream, as float64, and calls
Covariances("oas") and the classifier's predict_proba for it; filtering is not counted for the loop. Both are fitted on
windows of the same stream. Rounds alternate, the middle of the rounds is told; processor time, one BLAS thread.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import json
import platform
import statistics
import sys
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from pyriemann.classification import MDM
from pyriemann.estimation import Covariances
from pyriemann.tangentspace import TangentSpace
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from threadpoolctl import threadpool_limits

from rtbci.pipeline import Pipeline, Plan
from rtbci.replay import ROWS, run
from rtbci.report import DecoderTally
from rtbci.transforms.filters import BandPass
from rtbci.types import Channel, Marker, Samples, StreamInfo, Times
from rtbci_riemann import Mdm, Tangent

WINDOW, HOP, EVERY, TRIAL = 2.0, 0.1, 8.0, (0.5, 3.5)
LAYOUTS = ((22, 250.0, 300.0), (64, 250.0, 180.0), (64, 1000.0, 90.0))
"""Channels, Hz, seconds of signal."""
LOOP_WINDOWS = 150
"""Windows of the plain loop in a round."""


class Memory:
    """Samples in memory as a source."""

    def __init__(self, info: StreamInfo, samples: Samples, times: Times, markers: Sequence[Marker]) -> None:
        self.info, self.samples, self.times = info, samples, times
        self.left = list(markers)
        self.at = 0

    def open(self) -> StreamInfo:
        return self.info

    def read(self, samples: Samples, times: Times, timeout: float) -> int:
        n = min(len(samples), len(self.samples) - self.at)
        if n == 0:
            raise EOFError
        samples[:n] = self.samples[self.at : self.at + n]
        times[:n] = self.times[self.at : self.at + n]
        self.at += n
        return n

    def markers(self) -> Sequence[Marker]:
        heard = [marker for marker in self.left if marker.time <= self.times[self.at - 1]]
        del self.left[: len(heard)]
        return heard

    def now(self) -> float:
        return time.perf_counter()

    def close(self) -> None:
        self.at = len(self.samples)


def signal(n_channels: int, rate: float, seconds: float) -> tuple[StreamInfo, Samples, Times, list[Marker]]:
    """Mixed noise in which source k is half as strong again during trials of class k."""
    rng = np.random.default_rng(0)
    n = int(seconds * rate)
    sources = rng.standard_normal((n, n_channels))
    times = np.arange(n) / rate
    markers = [Marker(float(t), "ab"[i % 2]) for i, t in enumerate(np.arange(5.0, seconds - 5.0, EVERY))]
    for marker in markers:
        first, last = (int((marker.time + edge) * rate) for edge in TRIAL)
        sources[first:last, "ab".index(marker.label)] *= 1.5
    rotation, _ = np.linalg.qr(rng.standard_normal((n_channels, n_channels)))
    mixing = rotation * np.logspace(0, -1, n_channels) * 10
    info = StreamInfo("noise", rate, tuple(Channel(f"c{i}") for i in range(n_channels)))
    return info, (sources @ mixing.T).astype(np.float32), times, markers


def filtered(info: StreamInfo, samples: Samples, times: Times) -> Samples:
    band = BandPass(8.0, 30.0)
    band.start(info)
    return np.array(band.transform(samples, times)[0])


def training(band: Samples, rate: float, markers: Sequence[Marker]) -> tuple[Samples, np.ndarray]:
    """Five windows of each trial, (n_windows, n_channels, n_samples) float32, and their classes."""
    length, windows, labels = int(WINDOW * rate), [], []
    for marker in markers:
        for at in np.linspace(TRIAL[0], TRIAL[1] - WINDOW, 5):
            first = int((marker.time + at) * rate)
            windows.append(band[first : first + length].T)
            labels.append("ab".index(marker.label))
    return np.ascontiguousarray(windows), np.array(labels, np.int64)


def replayed(stream: tuple[StreamInfo, Samples, Times, list[Marker]], decoder: Any, paced: bool = False) -> float:
    """Seconds of processor time per window of the whole pipeline."""
    info, samples, times, markers = stream
    plan = Plan(("a", "b"), {"a": 0, "b": 1}, WINDOW, HOP, TRIAL)
    source = Memory(info, samples, times, markers)
    pipeline = Pipeline(source, info, plan, [BandPass(8.0, 30.0)], decoder, rows=ROWS)
    tally = DecoderTally(("a", "b"))
    began = time.process_time()
    tally.trials = run(pipeline, tally, lambda decision: None, paced=paced)
    spent = time.process_time() - began
    assert len(tally.trials) == len(markers)
    return spent / tally.decoded


def looped(band: Samples, rate: float, estimator: Any) -> float:
    """Seconds of processor time per window of the plain loop."""
    length, hop = int(WINDOW * rate), int(HOP * rate)
    windows = sliding_window_view(band, length, axis=0)[::hop][:LOOP_WINDOWS]
    began = time.process_time()
    for window in windows:
        estimator.predict_proba(window[None].astype(np.float64))
    return (time.process_time() - began) / len(windows)


class Constant:
    """A decoder that does nothing: what is left is the pipeline."""

    def fit(self, windows: Samples, labels: np.ndarray) -> object:
        return self

    def predict(self, window: Any) -> np.ndarray:
        return np.log([0.5, 0.5])

    def predict_many(self, windows: Samples, starts: np.ndarray) -> np.ndarray:
        return np.full((len(windows), 2), np.log(0.5))


def compare(n_channels: int, rate: float, seconds: float, rounds: int) -> list[dict[str, Any]]:
    """A row for each decoder."""
    stream = signal(n_channels, rate, seconds)
    band = filtered(*stream[:3])
    windows, labels = training(band, rate, stream[3])
    pairs = {
        "tangent": (
            Tangent(),
            make_pipeline(Covariances("oas"), TangentSpace(), LogisticRegression(max_iter=2000)),
        ),
        "mdm": (Mdm(), make_pipeline(Covariances("oas"), MDM())),
    }
    rows = []
    for name, (ours, theirs) in pairs.items():
        ours.fit(windows, labels)
        theirs.fit(windows.astype(np.float64), labels)
        replayed(stream, ours)  # compiles and warms up
        looped(band, rate, theirs)
        spent: dict[str, list[float]] = {"batches": [], "singly": [], "without": [], "loop": []}
        for _ in range(rounds):
            spent["batches"].append(replayed(stream, ours))
            spent["loop"].append(looped(band, rate, theirs))
            spent["without"].append(replayed(stream, Constant()))
            spent["singly"].append(replayed(stream, ours, paced=True))
        middle = {key: statistics.median(values) for key, values in spent.items()}
        rows.append(
            {
                "decoder": name,
                "channels": n_channels,
                "rate": rate,
                "replay_us": round(middle["batches"] * 1e6, 1),
                "singly_us": round(middle["singly"] * 1e6, 1),
                "without_decoder_us": round(middle["without"] * 1e6, 1),
                "loop_us": round(middle["loop"] * 1e6, 1),
                "real_time": round(HOP / middle["batches"]),
                "loop_real_time": round(HOP / middle["loop"]),
                "ratio": round(middle["loop"] / middle["batches"], 1),
                "ratios": [round(a / b, 1) for a, b in zip(spent["loop"], spent["batches"], strict=True)],
            }
        )
    return rows


def main() -> None:
    """Print a table, or with ``--json`` one JSON object."""
    rounds = 3 if "--quick" in sys.argv else 7
    with threadpool_limits(limits=1):
        rows = [row for layout in LAYOUTS for row in compare(*layout, rounds)]
    if "--json" in sys.argv:
        print(json.dumps({"machine": platform.processor() or platform.machine(), "rounds": rounds, "rows": rows}))
        return
    print(
        f"processor time per window of {WINDOW:g} s, hop {HOP:g} s; median of {rounds} alternating rounds; one thread"
    )
    print("decoder  channels    Hz  replay us (without decoder, one by one)  x real time   loop us  x real time  ratio")
    for row in rows:
        print(
            f"{row['decoder']:8} {row['channels']:8} {row['rate']:5.0f} {row['replay_us']:10.1f}"
            f" ({row['without_decoder_us']:.1f}, {row['singly_us']:.1f})".ljust(60)
            + f"{row['real_time']:14} {row['loop_us']:10.1f} {row['loop_real_time']:10} {row['ratio']:8.1f}"
        )


if __name__ == "__main__":
    main()
