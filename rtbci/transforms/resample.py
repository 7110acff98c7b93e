"""Resampling while the samples come: a polyphase FIR filter with linear phase and a declared delay."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray
from scipy.signal import firwin, kaiserord

from rtbci.kernels.resample import polyphase
from rtbci.transforms.arguments import check_stream, number, refuse
from rtbci.transforms.blocks import OutputBuffer, contiguous
from rtbci.types import Samples, StreamInfo, Times

LARGEST_FACTOR = 1024
"""Bound of ``up`` and ``down``: 2048 to 250 Hz is 125 / 1024."""
PASS, STOP = 0.75, 1.05
"""Edges of the filter as shares of the lower of the two Nyquist frequencies; half the amplitude at 0.9. What lies above
STOP, and so would fold to below 0.95, is at least ATTENUATION down. A steeper filter would be longer and its delay too."""
ATTENUATION = 60.0
"""Decibels in the stop band; the pass band is flat to 0.001."""
SAME = 1e-9
"""Relative difference up to which two rates are the same one."""


class Resample:
    """Resamples to ``rate`` Hz by a rational factor ``up / down``, both at most 1024.

    Output sample k lies at input position ``k * down / up``, both counted absolutely, so number and phase of what comes
    out depend on indices alone. It comes out as soon as input sample ``ceil(k * down / up)`` is there. The filter looks
    back only, so what comes out happened `delay_seconds` earlier, and its times say so. At the stream's own rate samples
    pass through.

    A constant comes out as exactly that constant in every phase (each is normalised to gain 1), so an electrode's offset
    leaves no pattern at the images of 0 Hz.

    Attributes
    ----------
    up, down : the factor, after `start`.
    delay_seconds : delay of the linear-phase filter, after `start`; about 6 / (lower Nyquist frequency).
    next_index : absolute index of the next sample that comes out, after `start`.
    """

    def __init__(self, rate: float) -> None:
        self.rate = number("rate", rate, above=0, right="a sampling rate in Hz")
        self.up = self.down = 1
        self.delay_seconds = 0.0
        self.next_index = 0
        self._n_channels = -1

    def start(self, info: StreamInfo, first_index: int = 0) -> StreamInfo:
        """Design the filter; the first output is number ``ceil(first_index * up / down)``. The stream's rate changes.

        Raises TransformError when ``rate`` is no rational multiple, within bounds, of the stream's rate.
        """
        check_stream(info)
        self.up, self.down = rational(self.rate, info.rate)
        self._n_channels = n_channels = info.n_channels
        self._in_rate = info.rate
        self._in_next = first_index
        self.next_index = -(-first_index * self.up // self.down)
        self._primed = False
        self.delay_seconds = 0.0
        if self.up == self.down:
            return info
        self._taps, half = design(self.up, self.down)
        self.delay_seconds = half / (self.up * info.rate)
        self._keep = self._taps.shape[1]  # rows before the next one that a later output may need
        self._history: Samples = np.empty((2 * self._keep + 256, n_channels), np.float32)
        self._history_times: Times = np.empty(len(self._history), np.float64)
        self._held = 0
        self._work = np.empty(n_channels)
        self._out = OutputBuffer(n_channels)
        self._out_times: Times = np.empty(256, np.float64)
        return replace(info, rate=self.rate)

    def transform(self, samples: Samples, times: Times) -> tuple[Samples, Times]:
        """Take ``samples`` (n, n_channels) float32 and ``times`` (n,); give what came out of them, with its times.

        The result stands in buffers that the next call reuses.
        """
        samples = contiguous(samples, self._n_channels)
        self._in_next += len(samples)
        if self.up == self.down:
            self.next_index += len(samples)
            return samples, times
        if len(samples):
            self._append(samples, times)
        n = 0
        if self._primed:
            last = (self._in_next - 1) * self.up // self.down  # newest output whose input, rounded up, is there
            n = max(0, last + 1 - self.next_index)
        out = self._out.first(n)
        if n > len(self._out_times):
            self._out_times = np.empty(2 * n, np.float64)
        out_times = self._out_times[:n]
        if n:
            polyphase(
                self._history,
                self._history_times,
                self._in_next - self._held,
                self._taps,
                self.down,
                self.next_index,
                self.delay_seconds,
                out,
                out_times,
                self._work,
            )
            self.next_index += n
        return out, out_times

    def _append(self, samples: Samples, times: Times) -> None:
        """Put ``samples`` behind what is held; move what is still needed to the front only when the end is reached."""
        keep, n = self._keep, len(samples)
        if not self._primed:
            self._history[:keep] = samples[0]
            # an output that lies between the last sample before a gap and the first after it is timed from the latter
            self._history_times[:keep] = times[0] - np.arange(keep, 0, -1) / self._in_rate
            self._held = keep
            self._primed = True
        if self._held + n > len(self._history):
            history, history_times = self._history, self._history_times
            if keep + n > len(history):
                self._history = np.empty((2 * keep + n, self._n_channels), np.float32)
                self._history_times = np.empty(len(self._history), np.float64)
            self._history[:keep] = history[self._held - keep : self._held]
            self._history_times[:keep] = history_times[self._held - keep : self._held]
            self._held = keep
        self._history[self._held : self._held + n] = samples
        self._history_times[self._held : self._held + n] = times
        self._held += n

    def resume(self) -> None:
        """Forget the past: the next sample's value stands in for what came before it. Indices go on counting."""
        self._primed = False


def rational(rate: float, from_rate: float) -> tuple[int, int]:
    """``up`` and ``down``, in lowest terms and at most `LARGEST_FACTOR`, with ``rate = from_rate * up / down``.

    Raises TransformError, with the nearest rate that is possible, when there are none.
    """
    ratio = rate / from_rate
    if not 1 / LARGEST_FACTOR <= ratio <= LARGEST_FACTOR:
        nearest = Fraction(1, LARGEST_FACTOR) if ratio < 1 else Fraction(LARGEST_FACTOR)
    elif ratio <= 1:
        nearest = Fraction(ratio).limit_denominator(LARGEST_FACTOR)
    else:
        nearest = 1 / Fraction(1 / ratio).limit_denominator(LARGEST_FACTOR)
    possible = from_rate * nearest.numerator / nearest.denominator
    if abs(possible - rate) > SAME * rate:
        raise refuse(
            "rate",
            rate,
            f"is no multiple up / down, with both at most {LARGEST_FACTOR}, of the stream's {from_rate:.12g} Hz; "
            f"the nearest possible is {possible:.12g} Hz ({nearest.numerator} / {nearest.denominator})",
        )
    return nearest.numerator, nearest.denominator


def design(up: int, down: int) -> tuple[NDArray[np.float64], int]:
    """Taps (up, n_taps) float64 by phase, and the delay in steps of the ``up`` times finer grid.

    A sinc under a Kaiser window (Kaiser, Proc. IEEE ISCAS 1974) of odd length, so that the delay is a whole number of
    fine steps. ``n_taps`` is a multiple of 4, filled up with zeros.
    """
    lower = min(1.0, up / down) / up  # lower Nyquist frequency, in units of the fine grid's
    n, beta = kaiserord(ATTENUATION, (STOP - PASS) * lower)
    half = math.ceil(n / 2)
    response = firwin(2 * half + 1, (PASS + STOP) / 2 * lower, window=("kaiser", beta))
    n_taps = -(-len(response) // up)
    n_taps += -n_taps % 4
    padded = np.zeros(n_taps * up)
    padded[: len(response)] = response
    taps = np.ascontiguousarray(padded.reshape(n_taps, up).T)
    taps /= taps.sum(axis=1, keepdims=True)
    return taps, half
