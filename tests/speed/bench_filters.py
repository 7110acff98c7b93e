"""What a filter step costs: ``python tests/speed/bench_filters.py [--channels 306] [--rows 10] [--rounds 2000]``.

The same chunk goes through the same band-pass (8 to 30 Hz at 1 kHz, order 4: four sections) in turn, so that whatever else
the machine does falls on all alike:

    kernel      `rtbci.kernels.filters.filter_sections` alone
    band-pass   `BandPass.transform`: the kernel with its checks
    scipy       `scipy.signal.sosfilt` of float64 samples with its state handed on
    mne-lsl     the lines of `StreamLSL` that filter a chunk (picks, sosfilt, write back), where mne-lsl is installed

Printed: median and 99th percentile of the rounds in microseconds, and how many times the kernel's median it is; then the
same for the other transforms on such a chunk.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable

import numpy as np
from scipy.signal import butter, sosfilt, sosfilt_zi

from rtbci.kernels.filters import filter_sections
from rtbci.transforms.artifacts import MarkBad
from rtbci.transforms.filters import BandPass, HighPass, Notch
from rtbci.transforms.resample import Resample
from rtbci.transforms.spatial import Bipolar, Pick, ReReference, Rescale
from rtbci.types import Channel, StreamInfo

RATE = 1000.0


def by_kernel(chunk: np.ndarray) -> Callable[[], object]:
    n_channels = chunk.shape[1]
    sections = butter(4, [8.0, 30.0], "bandpass", fs=RATE, output="sos")
    out, state, work = np.empty_like(chunk), np.zeros((len(sections), 2, n_channels)), np.empty(n_channels)
    return lambda: filter_sections(chunk, out, sections, state, work)


def by_scipy(chunk: np.ndarray) -> Callable[[], object]:
    sections = butter(4, [8.0, 30.0], "bandpass", fs=RATE, output="sos")
    samples = chunk.astype(np.float64)
    state = sosfilt_zi(sections)[:, :, None] * samples[0]

    def step() -> None:
        nonlocal state
        _, state = sosfilt(sections, samples, axis=0, zi=state)

    return step


def by_mne_lsl(chunk: np.ndarray) -> Callable[[], object] | None:
    try:
        from mne_lsl.stream._filters import create_filter
    except ImportError:
        return None
    made = create_filter(RATE, 8.0, 30.0, {"order": 4, "ftype": "butter", "output": "sos"})
    picks = np.arange(chunk.shape[1])
    data = chunk.copy()
    made["zi"] = made["zi_unit"] * np.mean(data[:, picks], axis=0)

    def step() -> None:
        data[:] = chunk  # it filters in place; a copy of a chunk is under 1 us
        filtered, made["zi"] = sosfilt(made["sos"], data[:, picks], zi=made["zi"], axis=0)
        data[:, picks] = filtered

    return step


def by_transform(transform, chunk: np.ndarray) -> Callable[[], object]:
    transform.start(StreamInfo("bench", RATE, tuple(Channel(f"C{i}") for i in range(chunk.shape[1]))))
    times = np.arange(len(chunk)) / RATE
    return lambda: transform.transform(chunk, times)


def timed(steps: dict[str, Callable[[], object]], rounds: int) -> dict[str, np.ndarray]:
    """Microseconds of every round of every step, the steps taking turns."""
    taken = {name: np.empty(rounds) for name in steps}
    for step in steps.values():
        for _ in range(50):
            step()
    for i in range(rounds):
        for name, step in steps.items():
            begin = time.perf_counter_ns()
            step()
            taken[name][i] = (time.perf_counter_ns() - begin) / 1000
    return taken


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--channels", type=int, default=306)
    parser.add_argument("--rows", type=int, default=10, help="samples in a chunk")
    parser.add_argument("--rounds", type=int, default=2000)
    parser.add_argument("--json", action="store_true", help="the numbers as one JSON object on the last line")
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    chunk = rng.normal(0.0, 20.0, (options.rows, options.channels)).astype(np.float32)
    steps = {
        "kernel": by_kernel(chunk),
        "band-pass": by_transform(BandPass(8.0, 30.0), chunk),
        "scipy": by_scipy(chunk),
    }
    mne_lsl = by_mne_lsl(chunk)
    if mne_lsl is None:
        print("mne-lsl is not installed: pip install 'rtbci[speed]' to see it beside the others")
    else:
        steps["mne-lsl"] = mne_lsl
    others = {
        "high-pass": HighPass(0.5),
        "notch": Notch(50.0, harmonics=3),
        "resample to 250 Hz": Resample(250.0),
        "re-reference": ReReference(),
        "bipolar": Bipolar([[f"C{i}", f"C{i + 1}"] for i in range(options.channels - 1)]),
        "pick": Pick(drop=["C0"]),
        "rescale": Rescale(2.0),
        "mark-bad": MarkBad(),
    }
    taken = timed(steps, options.rounds)
    taken_others = timed({name: by_transform(step, chunk) for name, step in others.items()}, options.rounds)
    base = float(np.median(taken["kernel"]))
    print(f"{options.channels} channels x {options.rows} samples, {options.rounds} rounds, microseconds")
    print(f"{'':20}{'median':>9}{'p99':>9}{'x kernel':>10}")
    for name, numbers in {**taken, **taken_others}.items():
        middle, late = np.median(numbers), np.percentile(numbers, 99)
        print(f"{name:20}{middle:9.1f}{late:9.1f}{middle / base:10.1f}")
    if options.json:
        medians = {name: round(float(np.median(numbers)), 3) for name, numbers in {**taken, **taken_others}.items()}
        print(json.dumps({"channels": options.channels, "rows": options.rows, "median_us": medians}))


if __name__ == "__main__":
    main()
