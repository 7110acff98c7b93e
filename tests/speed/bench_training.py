"""Training of networks: windows a second on one thread of the CPU, and on a GPU in float32 and in mixed precision.

    OMP_NUM_THREADS=1 python -m tests.speed.bench_training [--windows 1024] [--only-gpu] [--json] [network ...]

All of it through ``decoder.learn``, as ``rtbci train`` does: drawing, copying, steps and the held-out block of every epoch.
Windows are noise of two classes; the first epoch is not counted. Embedding networks are trained on classes.
"""

from __future__ import annotations

import argparse
import json
import os
import platform

os.environ.setdefault("OMP_NUM_THREADS", "1")

import time

import numpy as np
import torch

from rtbci.calibration import Calibration
from rtbci.training_run import TrainingRun
from rtbci_deep import device as devices
from tests.speed.bench_deep import CASES, Case, info_of

EPOCHS = 4
WAYS = {
    "CPU, one thread": {"device": "cpu"},
    "GPU, float32": {"device": "cuda", "precision": "float32"},
    "GPU, mixed": {"device": "cuda", "precision": "auto"},
}


def measured(case: Case, more: dict[str, str], n_windows: int) -> dict[str, object]:
    """Windows a second of the epochs after the first, the last loss, and megabytes of GPU memory at the peak."""
    random = np.random.default_rng(0)
    windows = random.standard_normal((n_windows, case.n_chans, case.n_times), np.float32)
    labels = np.arange(n_windows) % 2
    windows[labels == 1, 0] *= 1.5
    info = info_of(case)
    at: list[float] = []
    said: list[str] = []

    def say(text: str) -> None:
        if f"/{EPOCHS} " in text:
            at.append(time.perf_counter())
            said.append(text)

    decoder = case.make(epochs=EPOCHS, patience=0, batch=64, **more)
    decoder.prepare(info, case.n_times, 2)
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    decoder.learn(Calibration.of_windows(info, windows, labels, ["a", "b"]), TrainingRun(say=say))
    trained = n_windows * (1 - decoder.validation)
    memory = torch.cuda.max_memory_allocated() / 1e6 if more["device"] == "cuda" else float("nan")
    return {
        "per_second": trained * (len(at) - 1) / (at[-1] - at[0]),
        "last": said[-1].split("loss ")[-1].split(",")[0],
        "memory_mb": memory,
    }


def main() -> None:
    """Print a Markdown table, or with ``--json`` one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("networks", nargs="*", help=f"of {', '.join(CASES)}; none: all")
    parser.add_argument("--windows", type=int, default=1024)
    parser.add_argument("--only-gpu", action="store_true", help="leave the CPU out")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    devices.keep_memory()
    rows = []
    for name, case in CASES.items():
        if options.networks and name not in options.networks:
            continue
        for way, more in WAYS.items():
            if options.only_gpu if more["device"] == "cpu" else not torch.cuda.is_available():
                continue
            rows.append({"network": name, "way": way, **measured(case, more, options.windows)})
    if options.json:
        print(json.dumps({"machine": platform.machine(), "torch": torch.__version__, "rows": rows}))
        return
    print(f"torch {torch.__version__}; {options.windows} windows, batches of 64\n")
    print("| network | way | windows/s | last loss | peak MB |")
    print("|---|---|---|---|---|")
    for row in rows:
        print(
            f"| {row['network']} | {row['way']} | {row['per_second']:.0f} | {row['last']} | "
            f"{'' if np.isnan(row['memory_mb']) else round(row['memory_mb'])} |"
        )


if __name__ == "__main__":
    main()
