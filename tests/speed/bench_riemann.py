"""Time per window of mdm and tangent beside pyRiemann's own pipelines, on the same windows, one thread each.

Run ``python tests/speed/bench_riemann.py [--json]``. Windows of 2 s at 250 Hz every 40 ms, as a live worker cuts them from
one buffer. Both sides get a window and give its probabilities; medians over 300 windows after a warm-up.
"""

from __future__ import annotations

import json
import platform
import sys
import time

import numpy as np
from pyriemann.classification import MDM
from pyriemann.estimation import Covariances
from pyriemann.tangentspace import TangentSpace
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from threadpoolctl import threadpool_limits

from rtbci.types import Window
from rtbci_riemann import Mdm, Tangent

RATE, LENGTH, HOP, WINDOWS, WARM_UP = 250, 500, 10, 300, 20


def recording(n_channels: int, n_samples: int, seed: int) -> np.ndarray:
    """Correlated noise (n_samples, n_channels) float32, as ill-conditioned as EEG is (about 1e4)."""
    rng = np.random.default_rng(seed)
    rotation, _ = np.linalg.qr(np.random.default_rng(0).standard_normal((n_channels, n_channels)))
    mixing = rotation * np.logspace(0, -2, n_channels) * 10
    return (rng.standard_normal((n_samples, n_channels)) @ mixing.T).astype(np.float32)


def timed(ask, windows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Seconds (WINDOWS,) that ``ask(window)`` took per window, and what it said."""
    staging = np.empty((LENGTH, windows.shape[1]), np.float32)
    view = staging.T
    view.flags.writeable = False
    seconds, said = [], []
    for i in range(WARM_UP + WINDOWS):
        start = i * HOP
        staging[:] = windows[start : start + LENGTH]
        window = Window(view, start, start + LENGTH - 1, 0.0, 0.0, fresh=HOP)
        began = time.perf_counter()
        answer = ask(window)
        seconds.append(time.perf_counter() - began)
        said.append(np.array(answer))
    return np.array(seconds[WARM_UP:]), np.array(said[WARM_UP:])


def compare(n_channels: int, n_classes: int) -> list[dict[str, object]]:
    """One row for mdm and one for tangent."""
    gains = np.random.default_rng(1).uniform(0.8, 1.25, (n_classes, n_channels)).astype(np.float32)
    labels = np.arange(60) % n_classes
    noise = recording(n_channels, 60 * LENGTH, 2).reshape(60, LENGTH, n_channels).transpose(0, 2, 1)
    training = np.ascontiguousarray(noise * gains[labels][:, :, None])
    stream = recording(n_channels, LENGTH + HOP * (WINDOWS + WARM_UP), 3)
    pairs = {
        "mdm": (Mdm(), make_pipeline(Covariances("oas"), MDM())),
        "tangent": (Tangent(), make_pipeline(Covariances("oas"), TangentSpace(), LogisticRegression(max_iter=2000))),
    }
    rows: list[dict[str, object]] = []
    for decoder_name, (ours, theirs) in pairs.items():
        ours.fit(training, labels)
        theirs.fit(training.astype(np.float64), labels)
        ours_s, ours_said = timed(ours.predict, stream)
        theirs_s, theirs_said = timed(
            lambda w, t=theirs: t.predict_proba(w.samples[None].astype(np.float64))[0], stream
        )
        rows.append(
            {
                "decoder": decoder_name,
                "channels": n_channels,
                "classes": n_classes,
                "rtbci_ms": round(float(np.median(ours_s)) * 1e3, 4),
                "rtbci_p99_ms": round(float(np.percentile(ours_s, 99)) * 1e3, 4),
                "pyriemann_ms": round(float(np.median(theirs_s)) * 1e3, 4),
                "ratio": round(float(np.median(theirs_s) / np.median(ours_s)), 1),
                "largest_difference": float(np.abs(np.exp(ours_said) - theirs_said).max()),
            }
        )
    return rows


def main() -> None:
    """Print a table, or with ``--json`` one JSON object."""
    with threadpool_limits(limits=1):
        rows = [row for n in (8, 22, 64) for k in (2, 4) for row in compare(n, k)]
    if "--json" in sys.argv:
        print(json.dumps({"machine": platform.processor() or platform.machine(), "rows": rows}))
        return
    print(f"per window of {LENGTH} samples, hop {HOP}, median of {WINDOWS}; one thread")
    print("decoder  channels classes   rtbci ms (p99)      pyRiemann ms  ratio  largest difference of probabilities")
    for row in rows:
        print(
            f"{row['decoder']:8} {row['channels']:8} {row['classes']:7} {row['rtbci_ms']:10.3f} ({row['rtbci_p99_ms']:.3f})"
            f" {row['pyriemann_ms']:14.3f} {row['ratio']:7.1f}  {row['largest_difference']:.1e}"
        )


if __name__ == "__main__":
    main()
