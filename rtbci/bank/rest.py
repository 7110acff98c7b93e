"""How sure a decoder is of windows in which nothing was shown: what an answer has to exceed before it is claimed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rtbci.bank.retriever import Index, surety
from rtbci.calibration import Calibration, means
from rtbci.interfaces import Embeds
from rtbci.types import Window

MOST = 1000
"""Windows of rest that are asked about, evenly spread."""
APART_SECONDS = 0.5
"""From the last window of a trial to rest: what was shown is still being seen."""


def rest_of(index: Index, decoder: Embeds, calibration: Calibration) -> NDArray[np.float64]:
    """How sure (n,) float64 ``decoder`` is of windows side by side that lie between the trials of ``calibration``.

    It was not trained on them. They may be few, or none, where one trial follows the other.
    """
    starts = _starts(calibration)
    step = max(1, -(-len(starts) // MOST))
    length, sure = calibration.n_samples, []
    buffer = _aligned(length, calibration.info.n_channels)
    window = buffer.T
    window.flags.writeable = False
    for signal, start in starts[::step]:
        samples = calibration.signals[signal].samples
        buffer[:] = samples[start : start + length]
        if calibration.baseline is not None:
            first, last = calibration.baseline
            buffer -= means(samples[start + first : start + last])
        embedding = decoder.embed(Window(window, start, start + length - 1, 0.0, 0.0, fresh=length))
        sure.append(surety(index.items.scores(embedding), decoder.item_scale))
    return np.array(sure, np.float64)


def _starts(calibration: Calibration) -> list[tuple[int, int]]:
    """Number of the signal and first row of each window of rest, one beginning where another ends."""
    length = calibration.n_samples
    apart = round(APART_SECONDS * calibration.info.rate)
    before = max(0, -calibration.baseline[0]) if calibration.baseline is not None else 0
    found = []
    for number, signal in enumerate(calibration.signals):
        taken = np.zeros(len(signal.samples) + 1, np.int64)  # +1 where a trial begins, -1 where it is over
        mine = calibration.places.signal == number
        for start in calibration.places.start[mine].tolist():
            taken[max(0, start)] += 1
            taken[min(len(signal.samples), start + length + apart)] -= 1
        free = np.cumsum(taken) == 0
        held = np.zeros(len(signal.samples), np.bool_)
        held[1:] = np.all(signal.samples[1:] == signal.samples[:-1], axis=1)  # samples were missing, and were filled in
        used = np.concatenate([[0], np.cumsum(~free[:-1] | held)])
        at = before
        while at + length <= len(signal.samples):
            if used[at + length] == used[at - before]:
                found.append((number, at))
                at += length
            else:
                at += max(1, length // 8)
    return found


def _aligned(n_samples: int, n_channels: int) -> NDArray[np.float32]:
    raw = np.empty(n_samples * n_channels + 16, np.float32)
    begin = -raw.ctypes.data % 64 // 4
    return raw[begin : begin + n_samples * n_channels].reshape(n_samples, n_channels)
