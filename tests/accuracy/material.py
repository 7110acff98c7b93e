"""Recordings that come as arrays, written as files that rtbci reads: values, times and markers unchanged."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from rtbci.recording.stream_header import StreamHeader
from rtbci.recording.xdf import XdfWriter
from rtbci.types import Channel

EPOCH_SPACING = 4.0
"""Seconds from one MEG epoch to the next: a gap, so that no filter and no window sees two."""


def p300(data: Path, folder: Path) -> Path:
    """Brain Invaders, one subject: 16 channels, 128 Hz, continuous; markers target and nontarget."""
    source = data / "eegle_p300" / "data_examples" / "P300" / "subject_01_session_01"
    sensors = re.findall(r"^ +- (\w+)$", source.with_suffix(".yml").read_text(), re.MULTILINE)
    with np.load(source.with_suffix(".npz"), allow_pickle=False) as arrays:
        samples, stim = arrays["data"][:, : len(sensors)], arrays["stim"]
    at = np.flatnonzero(stim)
    labels = [{1: "nontarget", 2: "target"}[int(code)] for code in stim[at]]
    channels = tuple(Channel(name) for name in sensors)
    return _write(folder / "sub-1_ses-1_run-1_p300.xdf", samples, 128.0, channels, at / 128.0, labels)


def meg(data: Path, folder: Path) -> tuple[Path, Path]:
    """Wrist movement in four directions, 10 MEG sensors: epochs of -0.4 to 0.6 s at 400 Hz, as two recordings with gaps.

    (BCI competition IV, data set 3, as the UEA archive has it: 160 epochs to train on, 74 to test on.)
    """
    made = []
    for run, part in (("1", "train"), ("2", "test")):
        source = data / "meg_handmovement_uea" / "data" / "HandMovementDirection"
        epochs, labels = np.load(source / f"X_{part}.npy"), np.load(source / f"y_{part}.npy")
        times = (np.arange(len(epochs))[:, None] * EPOCH_SPACING + np.arange(400) / 400.0).ravel()
        rows = epochs.transpose(0, 2, 1).reshape(-1, epochs.shape[1])
        onsets = np.arange(len(epochs)) * EPOCH_SPACING + 0.4
        channels = tuple(Channel(f"MEG{k + 1:02d}", kind="mag", unit="fT") for k in range(epochs.shape[1]))
        path = folder / f"sub-1_ses-1_run-{run}_meg.xdf"
        made.append(_write(path, rows, 400.0, channels, onsets, [str(label) for label in labels], times))
    return made[0], made[1]


def _write(
    path: Path,
    samples: np.ndarray,
    rate: float,
    channels: tuple[Channel, ...],
    onsets: np.ndarray,
    labels: list[str],
    times: np.ndarray | None = None,
) -> Path:
    path.unlink(missing_ok=True)
    writer = XdfWriter(path)
    kind = "MEG" if channels[0].kind == "mag" else "EEG"
    signal = writer.add_stream(StreamHeader(path.stem, kind, channels, rate, "float32"))
    markers = writer.add_stream(StreamHeader("markers", "Markers", (Channel("markers", "misc", ""),), 0.0, "string"))
    stamps = np.arange(len(samples)) / rate if times is None else times
    for first in range(0, len(samples), 1000):
        rows = slice(first, first + 1000)
        writer.write_samples(signal, np.ascontiguousarray(samples[rows], np.float32), stamps[rows] + 1.0)
    for onset, label in zip(onsets, labels, strict=True):
        writer.write_strings(markers, [label], np.array([onset + 1.0]))
    writer.close()
    return path
