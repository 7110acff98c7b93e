"""What whitening transforms share: windows on the absolute grid, a running mean of their covariances, its inverse root."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from rtbci.kernels.mixing import mix, scale_by_rms
from rtbci.transforms.arguments import check_stream, flag, number, refuse
from rtbci.transforms.blocks import OutputBuffer, contiguous
from rtbci.transforms.reference import Reference, Shrink
from rtbci.transforms.running_covariance import RunningCovariance, brain_columns
from rtbci.transforms.spd import Matrix, aligned_zeros
from rtbci.types import Samples, StreamInfo, Times

SETTLED_WINDOWS = 10
"""Windows after which the running mean is taken to stand for the session."""
SAMPLES_PER_CHANNEL = 2
"""Fewest samples in a window for each channel; fewer do not tell the rank of the signal from that of the window."""


class Whitening(ABC):
    """Multiplies the channels measured on the brain by the inverse root of a mean that windows of the past move.

    Windows of ``window`` seconds follow each other on the absolute grid; when one ends, the mean takes it in, and the
    samples *after* it are multiplied by the new matrix. While there is no mean, the samples are divided by one number,
    their root mean square so far about the first sample. A subclass says what the mean begins with, and what it takes of
    a window.

    Attributes
    ----------
    window, memory : seconds.
    reference : the mean; valid after `start`.
    """

    delay_seconds = 0.0
    memory: float

    def __init__(self, window: float, freeze: float, keep_over_gaps: bool) -> None:
        self.window = number("window", window, above=0, right="a duration in seconds")
        self.freeze = number("freeze", freeze, at_least=0, right="a ratio of variances (0: off)")
        if 0 < self.freeze <= 1:
            raise refuse("freeze", freeze, "must be 0 (off) or above 1, or every second window would be left out")
        self.keep_over_gaps = flag("keep_over_gaps", keep_over_gaps)
        self._n_channels = -1

    @abstractmethod
    def _first_reference(self) -> Reference:
        """The mean as it is before any sample has come."""

    @abstractmethod
    def _taken(self, window: RunningCovariance) -> tuple[Matrix, Shrink]:
        """Of the ``window`` that has just ended the covariance (k, k), and how it is shrunk within the signal's span."""

    @property
    def settle_seconds(self) -> float:
        """Seconds of signal that a fresh start needs before its output is representative."""
        return max(self.window, min(self.memory, SETTLED_WINDOWS * self.window))

    def start(self, info: StreamInfo, first_index: int = 0) -> StreamInfo:
        """Allocate and forget what samples have taught; the whitened channels come out in "a.u.".

        Raises TransformError when there is no channel to whiten, or a window has too few samples.
        """
        check_stream(info)
        self._columns = brain_columns(info)
        length = round(self.window * info.rate)
        fewest = max(2, SAMPLES_PER_CHANNEL * len(self._columns))
        if length < fewest:
            raise refuse(
                "window",
                self.window,
                f"has {length} samples at {info.rate:g} Hz for {len(self._columns)} channels; "
                f"at least {fewest / info.rate:.3g} s is needed",
            )
        self._n_channels = info.n_channels
        self._running = RunningCovariance(len(self._columns), length, length, first_index)
        self._out = OutputBuffer(info.n_channels)
        self._work = aligned_zeros((len(self._columns),))
        self._matrix = aligned_zeros((len(self._columns), len(self._columns)))
        self._first = aligned_zeros((len(self._columns),))
        self._power: NDArray[np.float64] = np.zeros(2)
        self._forget()
        whitened = {info.names[i] for i in self._columns}
        channels = tuple(replace(c, unit="a.u.") if c.name in whitened else c for c in info.channels)
        return replace(info, channels=channels)

    def transform(self, samples: Samples, times: Times) -> tuple[Samples, Times]:
        """Whiten ``samples`` (n, n_channels) float32; the result stands in a buffer that the next call reuses."""
        samples = contiguous(samples, self._n_channels)
        out = self._out.first(len(samples))
        if self.reference.stays:
            self._running.pass_over(len(samples))
            mix(samples, self._columns, self._matrix, self._work, out)
            return out, times
        for first, last, whole in self._running.hops(samples[:, self._columns]):
            if self.reference.windows:
                mix(samples[first:last], self._columns, self._matrix, self._work, out[first:last])
            else:
                self._scale(samples[first:last], out[first:last])
            if whole and self.reference.add(*self._taken(self._running)):
                self._matrix[...] = self.reference.whitener.T
        return out, times

    def resume(self) -> None:
        """Forget the window under way and, unless ``keep_over_gaps``, what samples taught the mean; indices go on."""
        self._running.forget()
        if not self.keep_over_gaps:
            self._forget()

    def _forget(self) -> None:
        self.reference = self._first_reference()
        if self.reference.windows:
            self._matrix[...] = self.reference.whitener.T
        self._power[:] = 0.0

    def _scale(self, samples: Samples, out: Samples) -> None:
        if self._power[1] == 0.0:
            self._first[:] = samples[0, self._columns]
        scale_by_rms(samples, self._columns, self._first, self._power, out)
