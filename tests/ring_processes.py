"""The two ends of the ring's stress test, each run in a process of its own (``python tests/ring_processes.py …``)."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from rtbci.errors import Overrun
from rtbci.ring import CLOSED, Ring

CHANNELS = 37


def pattern(index: int, n: int) -> np.ndarray:
    """Sample i, channel c is i * 64 + c: a torn row or a shifted window shows in any single value."""
    return ((np.arange(index, index + n)[:, None] * 64 + np.arange(CHANNELS)) % (1 << 24)).astype(np.float32)


def write(path: Path, total: int) -> None:
    """Push ``total`` samples in chunks of varying size, as fast as possible."""
    ring = Ring.attach(path)
    random = np.random.default_rng(1)
    written = 0
    while written < total:
        n = min(int(random.integers(1, 90)), total - written)
        times = np.arange(written, written + n, dtype=np.float64)
        ring.push(pattern(written, n), times, float(written))
        written += n
    ring.set_word(CLOSED, 1)


def read(path: Path, seed: int) -> None:
    """Read windows of varying age and length until the writer is done; print how many were right, torn, overrun."""
    ring = Ring.attach(path)
    random = np.random.default_rng(seed)
    right = wrong = overrun = 0
    while not (ring.word(CLOSED) and right):
        stop = ring.written
        if stop < ring.capacity:
            continue
        length = int(random.integers(1, ring.capacity // 2))
        # half of the windows lie at the edge of what is being overwritten: that is where rows could be torn
        start = ring.oldest + int(random.integers(0, 8)) if random.random() < 0.5 else stop - length
        start = max(start, 0)
        stop = min(start + length, ring.written)
        try:
            samples, times, _ = ring.read(start, stop)
        except Overrun:
            overrun += 1
            continue
        good = np.array_equal(samples, pattern(start, stop - start)) and np.array_equal(times, np.arange(start, stop))
        right += good
        wrong += not good
    print(right, wrong, overrun)


if __name__ == "__main__":
    role, path, number = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    (write if role == "write" else read)(path, number)
