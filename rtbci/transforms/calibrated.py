"""A whitening that begins with the mean covariance of calibration recordings and then tracks."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtbci.calibration import Calibration, Indices
from rtbci.errors import TransformError
from rtbci.transforms.arguments import listed, number, refuse
from rtbci.transforms.reference import Reference
from rtbci.transforms.running_covariance import RunningCovariance, brain_columns
from rtbci.transforms.spd import NOISE_FLOOR, Matrix, aligned_copy, eigen, span
from rtbci.transforms.whitening import Whitening
from rtbci.types import StreamInfo

MEAN = "mean"
"""Name of the one array that a calibration leaves."""
BLOCK = 64
"""Windows that are cut out of the calibration at a time."""


class CalibratedWhitening(Whitening):
    """A whitening by the mean covariance of a calibration, which each following window then moves by window/memory.

    ::

        calibrated:  the calibration's mean ── a window ends ──> R <- (1 - eta) R + eta C, eta = window/memory
                      ^                                           │   (memory = 0: never)
                      └── samples are missing, unless kept ───────┘
        not:         one number scales all ── a window ends ──> R <- the mean of the windows so far, until the memory
                                                                is full; then as above (memory = 0: the first one's)

    A subclass says what a window's C is, and how the calibration's mean is made of such.
    """

    def __init__(
        self, window: float = 2.0, memory: float = 60.0, freeze: float = 0.0, keep_over_gaps: bool = False
    ) -> None:
        super().__init__(window, freeze, keep_over_gaps)
        self.memory = number("memory", memory, at_least=0, right="a duration in seconds")
        if 0 < self.memory < self.window:
            raise refuse("memory", memory, f"must be at least one window, {self.window:g} s, or 0 (it never moves)")
        self._calibrated: Matrix | None = None

    @abstractmethod
    def _learn(self, calibration: Calibration, columns: Indices) -> Matrix:
        """The mean (k, k) of the covariances of ``columns`` (k,), with the method's own centring and shrinkage."""

    @property
    def settle_seconds(self) -> float:
        """Seconds of signal that a fresh start needs before its output is representative: none after a calibration."""
        return super().settle_seconds if self._calibrated is None else 0.0

    def calibrate(self, calibration: Calibration) -> None:
        """Take the mean covariance of the windows in ``calibration``; `start` begins with it.

        Raises TransformError when there is no window, no channel to whiten, or no signal.
        """
        if not len(calibration):
            raise TransformError("the calibration has no window; at least one is needed")
        mean = self._learn(calibration, brain_columns(calibration.info))
        if not span(mean).shape[1]:
            raise TransformError("all channels stand still in the calibration; a recording with signal would be right")
        self._calibrated = mean

    def arrays(self) -> Mapping[str, NDArray[Any]]:
        """``mean`` (k, k) float64, squared units of the samples: that of the calibration's k good brain channels.

        Raises TransformError while there is none.
        """
        if self._calibrated is None:
            raise TransformError("there is no calibration yet; calibrate() or restore() first would be right")
        return {MEAN: np.array(self._calibrated)}

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Begin with the mean that `arrays` gave. Raises TransformError for what it cannot have given."""
        self._calibrated = _checked(arrays)

    def start(self, info: StreamInfo, first_index: int = 0) -> StreamInfo:
        """Allocate, and begin with the calibration's mean; the whitened channels come out in "a.u.".

        Raises TransformError when the stream has not as many good channels measured on the brain as the calibration, when
        there is no such channel, or a window has too few samples.
        """
        if self._calibrated is not None and (n := len(brain_columns(info))) != len(self._calibrated):
            raise TransformError(
                f"the calibration had {len(self._calibrated)} good channels measured on the brain, the stream has {n}; the "
                "same channels would be right"
            )
        return super().start(info, first_index)

    def _first_reference(self) -> Reference:
        reference = Reference("euclid", self.memory / self.window, self.freeze)
        if self._calibrated is not None:
            reference.begin(self._calibrated)
        return reference


def average(
    calibration: Calibration,
    columns: Indices,
    rows: Indices,
    weights: Matrix,
    taken: Callable[[RunningCovariance], Matrix],
) -> Matrix:
    """The sum (p, p) of what is ``taken`` of windows ``rows`` (n,), ``columns`` (k,) alone, times ``weights`` (n,).

    Windows are cut out and added one after the other, so the calibration may be larger than memory.
    """
    running = RunningCovariance(len(columns), calibration.n_samples, calibration.n_samples)
    total: Matrix | None = None
    for first in range(0, len(rows), BLOCK):
        block = slice(first, first + BLOCK)
        for window, weight in zip(calibration.cut(rows[block]), weights[block].tolist(), strict=True):
            for _ in running.hops(np.ascontiguousarray(window[columns].T)):
                pass  # one window, whole at its end
            part = weight * taken(running)
            total = part if total is None else total + part
    assert total is not None, "at least one window"
    return total


def _checked(arrays: Mapping[str, NDArray[Any]]) -> Matrix:
    """The mean in ``arrays``. Raises TransformError for what no calibration leaves."""
    if set(arrays) != {MEAN}:
        raise TransformError(f'the calibration holds {listed(sorted(arrays))}; one array, "{MEAN}", would be right')
    mean = np.asarray(arrays[MEAN])
    if mean.dtype != np.float64 or mean.ndim != 2 or mean.shape[0] != mean.shape[1] or not mean.size:
        raise TransformError(
            f'the calibration\'s "{MEAN}" has shape {mean.shape} and dtype {mean.dtype}; (n_channels, n_channels) float64 '
            "would be right"
        )
    largest = float(np.abs(mean).max())
    if not np.isfinite(largest):
        wrong = "finite"
    elif float(np.abs(mean - mean.T).max()) > NOISE_FLOOR * largest:
        wrong = "symmetric"
    elif largest == 0.0 or float(eigen(mean)[0][0]) < -NOISE_FLOOR * largest:
        wrong = "positive"
    else:
        return aligned_copy(mean)
    raise TransformError(f'the calibration\'s "{MEAN}" is not {wrong}, as every mean of covariances is')
