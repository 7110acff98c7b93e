"""Recursive filters as second-order sections: band-pass, high-pass, notch.

Samples are float32, state is float64: with a float32 state a 0.1 Hz high-pass of a signal with a 20 mV offset was 28 %
wrong.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import NDArray
from scipy.signal import buttap, butter, iirnotch

from rtbci.kernels.filters import filter_sections
from rtbci.transforms.arguments import check_stream, number, refuse, whole
from rtbci.transforms.blocks import OutputBuffer, contiguous
from rtbci.types import Samples, StreamInfo, Times

LARGEST_ORDER = 12
LOWEST = 1e-6
"""Lowest cut-off as a share of the sampling rate. Below it the coefficients differ from those of a constant by so little
that float64 cannot tell them apart well (the sum of a section's denominator goes with the square of this number)."""


class Recursive(ABC):
    """A cascade of second-order sections over all channels, primed with the first sample after `start` or `resume`.

    Primed means: the state is what it would be had the first sample's value always been there, so an electrode's offset
    of tens of millivolts makes no transient. A subclass designs the sections.

    Attributes
    ----------
    delay_seconds : 0; the phase of a recursive filter is not compensated.
    warmup_seconds : stretch of signal, in seconds, that must have gone in before what comes out speaks of the band alone.
    sections : (n_sections, 6) float64 after `start`, rows b0 b1 b2 a0 a1 a2 as in scipy.
    """

    delay_seconds = 0.0
    warmup_seconds = 0.0
    sections: NDArray[np.float64]

    def __init__(self) -> None:
        self._n_channels = -1
        self._primed = False

    @abstractmethod
    def _design(self, rate: float) -> NDArray[np.float64]:
        """Sections (n_sections, 6) for a stream of ``rate`` Hz. Raises TransformError when there can be none."""

    def start(self, info: StreamInfo, first_index: int = 0) -> StreamInfo:
        """Design for the stream's rate and forget all state; the stream comes out as it went in.

        Raises TransformError when a frequency does not fit the sampling rate.
        """
        check_stream(info)
        self.sections = np.ascontiguousarray(self._design(info.rate), np.float64)
        self._n_channels = info.n_channels
        self._gains = _steady_state(self.sections)
        self._state = np.zeros((len(self.sections), 2, info.n_channels))
        self._work = np.empty(info.n_channels)
        self._out = OutputBuffer(info.n_channels)
        self._primed = False
        return info

    def transform(self, samples: Samples, times: Times) -> tuple[Samples, Times]:
        """Filter ``samples`` (n, n_channels) float32; the result stands in a buffer that the next call reuses."""
        samples = contiguous(samples, self._n_channels)
        out = self._out.first(len(samples))
        if len(samples):
            if not self._primed:
                self._state[:] = self._gains[:, :, None] * samples[0].astype(np.float64)
                self._primed = True
            filter_sections(samples, out, self.sections, self._state, self._work)
        return out, times

    def resume(self) -> None:
        """Forget the past; the next sample primes the state anew."""
        self._primed = False


class BandPass(Recursive):
    """Butterworth band-pass from ``low`` to ``high`` Hz, 3 dB down at both; ``order`` poles a side, in ``order`` sections.

    ``warmup_seconds`` is the time within which the envelope of the impulse response gives out 99 % of its energy. It is
    taken from the low-pass prototype of half the bandwidth: a narrow band-pass is that low-pass shifted in frequency, so
    its envelope is the impulse response of the low-pass. A window shorter than that shows the filter more than the signal.
    """

    def __init__(self, low: float, high: float, order: int = 4) -> None:
        super().__init__()
        self.low = number("low", low, above=0, right="a frequency in Hz")
        self.high = number("high", high, above=0, right="a frequency in Hz")
        if self.high <= self.low:
            raise refuse("high", high, f"must be above low, {self.low:g} Hz")
        self.order = whole("order", order, 1, LARGEST_ORDER)
        self.warmup_seconds = energy_time(self.order) / (math.pi * (self.high - self.low))

    def _design(self, rate: float) -> NDArray[np.float64]:
        _check_cutoff("low", self.low, rate)
        _check_cutoff("high", self.high, rate)
        if self.high - self.low < LOWEST * rate:
            raise refuse("high", self.high, f"must be at least {LOWEST * rate:g} Hz above low at a rate of {rate:g} Hz")
        sections: NDArray[np.float64] = butter(
            self.order, [self.low, self.high], btype="bandpass", output="sos", fs=rate
        )
        return _checked(sections, "low", self.low, rate)


class HighPass(Recursive):
    """Butterworth high-pass at ``low`` Hz (3 dB down there), which takes off offsets and drifts.

    ``warmup_seconds`` is 0: the filter is primed on the first sample, so there is no transient to wait for; what it takes
    off later is drift, slower than any window.
    """

    def __init__(self, low: float, order: int = 2) -> None:
        super().__init__()
        self.low = number("low", low, above=0, right="a frequency in Hz")
        self.order = whole("order", order, 1, LARGEST_ORDER)

    def _design(self, rate: float) -> NDArray[np.float64]:
        _check_cutoff("low", self.low, rate)
        sections: NDArray[np.float64] = butter(self.order, self.low, btype="highpass", output="sos", fs=rate)
        return _checked(sections, "low", self.low, rate)


class Notch(Recursive):
    """Takes out a line at ``freq`` Hz, 3 dB down at ``freq / q`` apart, and at its multiples up to number ``harmonics``.

    ``harmonics = 1`` is the line alone. The quality ``q`` is the same for all: when the mains frequency wanders, its
    multiples wander by multiples. ``warmup_seconds`` is 0: the filter is primed on the first sample, and what rings after
    it is the line that is being rejected; the rest of the spectrum passes from the first sample on.
    """

    def __init__(self, freq: float, q: float = 30.0, harmonics: int = 1) -> None:
        super().__init__()
        self.freq = number("freq", freq, above=0, right="a frequency in Hz")
        self.q = number("q", q, above=0, right="a quality factor (frequency by bandwidth)")
        self.harmonics = whole("harmonics", harmonics, 1, 100)

    def _design(self, rate: float) -> NDArray[np.float64]:
        _check_cutoff("freq", self.freq, rate)
        possible = math.ceil(rate / 2 / self.freq) - 1
        if self.harmonics > possible:
            raise refuse(
                "harmonics",
                self.harmonics,
                f"multiple {self.harmonics} of {self.freq:g} Hz is not below the Nyquist frequency, {rate / 2:g} Hz "
                f"at a rate of {rate:g} Hz; {possible} at most",
            )
        width = self.freq * self.harmonics / self.q
        if not LOWEST * rate <= width < rate / 2:
            raise refuse(
                "q",
                self.q,
                f"makes a notch {width:g} Hz wide; between {LOWEST * rate:g} and {rate / 2:g} Hz is possible",
            )
        rows = []
        for multiple in range(1, self.harmonics + 1):
            numerator, denominator = iirnotch(self.freq * multiple, self.q, fs=rate)
            rows.append(np.concatenate([numerator, denominator]))
        return _checked(np.array(rows), "q", self.q, rate)


def energy_time(order: int, share: float = 0.99) -> float:
    """Time, in units of 1 / (angular cut-off), in which a Butterworth low-pass gives out ``share`` of its impulse's energy.

    The impulse response is a sum of exponentials with the residues of the analogue prototype's poles; its squared integral
    is therefore a double sum in closed form, and increasing, so bisection finds the time.
    """
    _, poles, gain = buttap(order)
    gaps = poles[:, None] - poles[None, :] + np.eye(order)
    residues = gain / np.prod(gaps, axis=1)
    weights = residues[:, None] * residues[None, :].conj()
    rates = poles[:, None] + poles[None, :].conj()

    def energy(time: float) -> float:
        return float(np.sum(weights * np.expm1(rates * time) / rates).real)

    total = float(-np.sum(weights / rates).real)
    below, above = 0.0, 1.0
    while energy(above) < share * total:
        above *= 2.0
    for _ in range(60):
        middle = (below + above) / 2
        below, above = (middle, above) if energy(middle) < share * total else (below, middle)
    return above


def _check_cutoff(key: str, frequency: float, rate: float) -> None:
    if frequency >= rate / 2:
        raise refuse(key, frequency, f"must be below the Nyquist frequency, {rate / 2:.1f} Hz at a rate of {rate:g} Hz")
    if frequency < LOWEST * rate:
        raise refuse(key, frequency, f"must be at least {LOWEST * rate:g} Hz at a rate of {rate:g} Hz; resample first")


def _checked(sections: NDArray[np.float64], key: str, value: float, rate: float) -> NDArray[np.float64]:
    """``sections``, or a TransformError where rounding of the coefficients has moved a pole out of the unit circle."""
    a1, a2 = sections[:, 4], sections[:, 5]
    # the triangle in which both roots of z^2 + a1 z + a2 lie within the unit circle
    if not (np.isfinite(sections).all() and (np.abs(a2) < 1).all() and (np.abs(a1) < 1 + a2).all()):
        raise refuse(
            key, value, f"makes a filter that is not stable at a rate of {rate:g} Hz; a wider band or lower order is"
        )
    return sections


def _steady_state(sections: NDArray[np.float64]) -> NDArray[np.float64]:
    """State (n_sections, 2) of a cascade that has been fed with 1 for ever; the closed form of scipy's sosfilt_zi."""
    state = np.empty((len(sections), 2))
    level = 1.0
    for row, (b0, b1, b2, _, a1, a2) in enumerate(sections):
        out = level * (b0 + b1 + b2) / (1.0 + a1 + a2)
        state[row] = out - b0 * level, b2 * level - a2 * out
        level = out
    return state
