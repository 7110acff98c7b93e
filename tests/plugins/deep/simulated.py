"""Signals that networks can learn from within seconds: two classes that differ in the power of a source, or by a wave."""

from __future__ import annotations

import numpy as np

from rtbci.calibration import Calibration, Places, Signal
from rtbci.types import Channel, StreamInfo

RATE = 100.0


def info(n_channels: int = 4, rate: float = RATE, subject: str = "") -> StreamInfo:
    return StreamInfo("simulated", rate, tuple(Channel(f"C{k + 1}") for k in range(n_channels)), subject=subject)


def trials(
    n_trials: int = 40,
    n_channels: int = 4,
    length: int = 300,
    *,
    seed: int = 0,
    n_classes: int = 2,
    gain: float = 3.0,
    gap: int = 100,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A signal (n, n_channels) float32, the first sample of each trial and its class: class k doubles source k at 10 Hz."""
    random = np.random.default_rng([seed, 1])
    mixing = np.random.default_rng(7).standard_normal((n_channels, n_channels)) + 2 * np.eye(n_channels)
    n = n_trials * (length + gap) + gap
    sources = random.standard_normal((n, n_channels))
    labels = np.arange(n_trials) % n_classes
    starts = gap + np.arange(n_trials) * (length + gap)
    t = np.arange(length) / RATE
    for start, label in zip(starts, labels, strict=True):
        sources[start : start + length, label] += gain * np.sin(2 * np.pi * 10.0 * t + random.uniform(0, 6.28))
    return (10.0 * sources @ mixing).astype(np.float32), starts, labels.astype(np.int64)


def calibration(
    n_trials: int = 40,
    window: int = 100,
    *,
    subjects: tuple[str, ...] = ("",),
    seed: int = 0,
    n_classes: int = 2,
    gain: float = 3.0,
    n_channels: int = 4,
    hop: int = 50,
) -> Calibration:
    """Sliding windows within trials of 3 s, a recording for each subject."""
    signals, rows, moments, markers = [], [], [], []
    for number, subject in enumerate(subjects):
        samples, starts, labels = trials(n_trials, n_channels, seed=seed + number, n_classes=n_classes, gain=gain)
        signals.append(Signal(samples, f"run-{number}", subject, "1"))
        for start, label in zip(starts, labels, strict=True):
            for first in range(start, start + 300 - window + 1, hop):
                rows.append((number, first, start, start + 300 - window, label, len(moments)))
            moments.append((float(number), start / RATE))
            markers.append(f"m{label}")
    names = tuple(f"class{k}" for k in range(n_classes))
    return Calibration(
        info=info(n_channels),
        picked=info(n_channels),
        classes=names,
        class_labels=tuple((f"m{k}",) for k in range(n_classes)),
        signals=tuple(signals),
        places=Places(*np.array(rows, np.int64).T.copy()),
        n_samples=window,
        markers=tuple(markers),
        moments=np.array(moments),
    )


def evoked(
    n_trials: int = 60,
    window: int = 100,
    *,
    seed: int = 0,
    dims: int = 8,
    noise: float = 1.0,
    embeddings: np.ndarray | None = None,
) -> tuple[Calibration, np.ndarray]:
    """Windows locked to markers, each the response to an item of its own: a linear function of the item's embedding.

    Returns the calibration and the embeddings (n_trials, dims) float32, item k being that of marker "item k".
    """
    random = np.random.default_rng([seed, 2])
    patterns = np.random.default_rng(11).standard_normal((dims, 6, window)) * np.hanning(window)
    if embeddings is None:
        embeddings = random.standard_normal((n_trials, dims)).astype(np.float32)
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    samples = noise * random.standard_normal((n_trials * 2 * window + window, 6))
    rows, moments = [], []
    for k in range(n_trials):
        start = window + 2 * window * k
        samples[start : start + window] += np.einsum("d,dct->tc", embeddings[k], patterns)
        rows.append((0, start, start - window // 2, start + window // 2, k % 2, k))
        moments.append((0.0, start / RATE))
    return Calibration(
        info=info(6),
        picked=info(6),
        classes=("even", "odd"),
        class_labels=tuple(tuple(f"item {k}" for k in range(n_trials) if k % 2 == odd) for odd in (0, 1)),
        signals=(Signal(samples.astype(np.float32), "evoked"),),
        places=Places(*np.array(rows, np.int64).T.copy()),
        n_samples=window,
        markers=tuple(f"item {k}" for k in range(n_trials)),
        moments=np.array(moments),
        locked=True,
    ), embeddings
