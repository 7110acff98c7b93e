"""Many windows at once: what a batch is, and a decoder's answers to it, checked in one go."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rtbci.asking import blamed_on, name_of
from rtbci.errors import DecoderError
from rtbci.interfaces import PredictsMany
from rtbci.types import Samples, Times


@dataclass(frozen=True, slots=True)
class Batch:
    """Windows that follow each other on the grid, none of which touches a hole and between which none lies.

    Attributes
    ----------
    samples : (n_windows, n_channels, n_samples) float32, a read-only view in which windows overlap in memory and begin on
        any address; it stands until samples are taken in again.
    starts : (n_windows,) int64, absolute indices of the first samples, counted after the decoder's transforms.
    sample : (n_windows,) int64, absolute indices, in the source's own count, of the newest samples that went in.
    times, arrivals : (n_windows,) float64, seconds: those samples' time stamps, and when they reached the source.
    """

    samples: Samples
    starts: NDArray[np.int64]
    sample: NDArray[np.int64]
    times: Times
    arrivals: Times


def log_probs_of_many(decoder: PredictsMany, batch: Batch, n_classes: int) -> NDArray[np.float64]:
    """What ``decoder`` says of the windows of ``batch``: (n_windows, n_classes) float64, as `rtbci.asking.log_probs_of`.

    Raises
    ------
    DecoderError
        When it raises something, or a row is anything but finite logarithms of probabilities that sum to 1.
    """
    name = f"{name_of(decoder)}.predict_many"  # type: ignore[arg-type]
    with blamed_on(name):
        said: object = decoder.predict_many(batch.samples, batch.starts)
    try:
        result = np.array(said, np.float64, order="C")
    except (TypeError, ValueError):
        result = np.empty(0)
    wanted = (len(batch.starts), n_classes)
    if result.shape != wanted:
        came = f"an array of shape {said.shape}" if isinstance(said, np.ndarray) else f"a {type(said).__name__}"
        raise DecoderError(f"{name} returned {came}; it must return {wanted} log-probabilities, a row for each window")
    finite = np.isfinite(result)
    totals = np.exp(np.where(finite, result, 0.0)).sum(axis=1)
    wrong = np.flatnonzero(~finite.all(axis=1) | (np.abs(totals - 1.0) > 1e-6))
    if len(wrong):
        row = int(wrong[0])
        raise DecoderError(
            f"{name} returned {np.array2string(result[row], precision=4)} for window {row} of {len(result)}; "
            "it must return finite logarithms of probabilities that sum to 1"
        )
    return result
