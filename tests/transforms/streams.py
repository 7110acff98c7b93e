"""Streams for the tests of transforms, and a way to put samples through one in chunks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hypothesis import strategies as st

from rtbci.interfaces import Transform
from rtbci.types import Channel, Samples, StreamInfo, Times

RATE = 160.0


def stream(n_channels: int = 5, rate: float = RATE, kind: str = "eeg", unit: str = "uV") -> StreamInfo:
    return StreamInfo("test", rate, tuple(Channel(f"C{i}", kind, unit) for i in range(n_channels)))


def noise(n: int, n_channels: int = 5, seed: int = 0, scale: float = 20.0, offset: float = 0.0) -> Samples:
    rng = np.random.default_rng(seed)
    return (offset + scale * rng.standard_normal((n, n_channels))).astype(np.float32)


def clock(n: int, rate: float = RATE, first: float = 1000.0) -> Times:
    return first + np.arange(n) / rate


def through(
    transform: Transform, samples: Samples, times: Times, lengths: Sequence[int], breaks: Sequence[int] = ()
) -> tuple[Samples, Times]:
    """What comes out of ``samples`` in chunks of ``lengths`` (repeated), with ``resume`` before samples ``breaks``."""
    outs, out_times, first, i = [], [], 0, 0
    assert any(lengths), "chunks of no samples would never end"
    while first < len(samples) or not outs:
        last = min(len(samples), first + lengths[i % len(lengths)])
        inside = [b for b in breaks if first < b < last]
        last = min([last, *inside])
        if first in breaks and last > first:
            transform.resume()
        chunk, chunk_times = samples[first:last].copy(), times[first:last].copy()
        before = chunk.tobytes()
        out, out_t = transform.transform(chunk, chunk_times)
        assert chunk.tobytes() == before, "the input was modified"
        assert out.dtype == np.float32
        assert out_t.dtype == np.float64
        assert len(out) == len(out_t)
        outs.append(out.copy())
        out_times.append(out_t.copy())
        first, i = last, i + 1
    return np.concatenate(outs), np.concatenate(out_times)


def chunkings() -> st.SearchStrategy[list[int]]:
    """Lengths of chunks, among them empty ones and single samples, never all empty."""
    return st.lists(st.integers(0, 40) | st.sampled_from([0, 1, 2, 7, 160]), min_size=1, max_size=12).filter(any)
