"""Power spectra of every channel, averaged over the newest seconds: Welch's method, a few channels at a time.

No Qt here.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from rtbci.errors import Overrun
from rtbci.ring import Ring
from rtbci_ui.positions import Positions

SEGMENT_SECONDS = 2.0
"""Length of a segment: bins of half a hertz, and every second a new one."""
AVERAGES = (4.0, 8.0, 16.0, 32.0)
"""Seconds that can be averaged over."""
HIGHEST = 100.0
"""Frequencies above are not kept."""
STEP_VALUES = 1 << 15
"""Samples that are transformed in one step: half a millisecond of work."""

BANDS: tuple[tuple[str, float, float], ...] = (
    ("delta", 1.0, 4.0),
    ("theta", 4.0, 8.0),
    ("alpha", 8.0, 13.0),
    ("beta", 13.0, 30.0),
    ("gamma", 30.0, 45.0),
)
"""Name, lowest and highest frequency in Hz of the customary bands; gamma ends below the mains."""


def band_power(
    frequencies: NDArray[np.float64], psd: NDArray[np.float64], low: float, high: float
) -> NDArray[np.float64]:
    """Power in ``low`` <= f < ``high``: (n_channels,) in unit², from ``psd`` (n_freqs, n_channels) in unit²/Hz."""
    inside = (frequencies >= low) & (frequencies < high)
    return np.asarray(psd[inside].sum(axis=0) * (frequencies[1] - frequencies[0]), np.float64)


def decibels(power: NDArray[np.floating]) -> NDArray[np.float64]:
    """10 log10 of ``power``; what is not above zero is not-a-number."""
    positive = power > 0
    return np.where(positive, 10.0 * np.log10(np.where(positive, power, 1.0)), np.nan)


@dataclass(frozen=True, slots=True)
class _Segment:
    """Spectrum (n_freqs, n_channels) float32 of samples from ``start``; its end stands at ``position``."""

    start: int
    position: int
    psd: NDArray[np.float32]


class Spectra:
    """Spectra of the newest seconds.

    Segments of two seconds, half overlapping, each less its mean and under a Hann window (Welch, IEEE Trans. Audio
    Electroacoust. 15, 70-73, 1967); none spans a gap. Each is transformed once, some channels at every `refresh`, so a
    refresh costs a fraction of a millisecond whatever the stream. Who looks again after a while begins with the newest
    seconds; who cannot follow skips.

    Attributes
    ----------
    frequencies : (n_freqs,) float64, Hz, from 0 to 100 or half the rate.
    psd : (n_freqs, n_channels) float64, unit²/Hz, one-sided; NaN before the first segment and where all samples were NaN.
    n_segments : how many segments the average is of.
    version : counts up with every new average.
    newest : sample after the newest one that is in the average.
    """

    def __init__(self, ring: Ring, rate: float, positions: Positions) -> None:
        self._ring = ring
        self._positions = positions
        self.n_samples = max(8, round(SEGMENT_SECONDS * rate))
        self.hop = self.n_samples // 2
        self._rate = rate
        every = np.arange(self.n_samples // 2 + 1) * rate / self.n_samples
        self.frequencies: NDArray[np.float64] = every[every <= HIGHEST]
        window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(self.n_samples) / self.n_samples)
        self._window = window.astype(np.float32)[:, None]
        scale = np.full(len(self.frequencies), 2.0 / (rate * float(window @ window)))
        scale[0] /= 2.0
        if len(self.frequencies) == len(every) and self.n_samples % 2 == 0:
            scale[-1] /= 2.0  # half the rate has no mirror image
        self._scale = scale.astype(np.float32)[:, None]
        self._width = max(1, STEP_VALUES // self.n_samples)
        self._kept: deque[_Segment] = deque()
        self._job: _Segment | None = None
        self._done = 0
        self._next = 0
        self.average_seconds = AVERAGES[1]
        self.psd: NDArray[np.float64] = np.full((len(self.frequencies), ring.n_channels), np.nan)
        self.n_segments = self.version = self.newest = 0

    def set_average(self, seconds: float) -> None:
        """Average over ``seconds``; what is kept is used, and older samples are read again where there are any."""
        if seconds > self.average_seconds:
            self._kept.clear()
            self._job, self._next = None, 0
        self.average_seconds = seconds
        if self._kept:
            self._average()

    def refresh(self) -> bool:
        """Do one step of work; say whether there is a new average."""
        if self._job is None and not self._begin():
            return False
        job = self._job
        if job is None:
            return False
        stop = min(self._done + self._width, self._ring.n_channels)
        try:
            samples = self._ring.view(job.start, job.start + self.n_samples)[0][:, self._done : stop].copy()
            if not self._ring.intact(job.start):
                raise Overrun(job.start, self._ring.oldest)
        except Overrun:
            self._job = None  # the writer was faster: the next refresh takes newer samples
            return False
        samples -= samples.mean(axis=0, dtype=np.float64).astype(np.float32)
        samples *= self._window
        spectrum = fft.rfft(samples, axis=0)[: len(self.frequencies)]
        job.psd[:, self._done : stop] = (spectrum.real**2 + spectrum.imag**2) * self._scale
        self._done = stop
        if stop < self._ring.n_channels:
            return False
        self._job = None
        self._kept.append(job)
        self._average()
        return True

    def _begin(self) -> bool:
        """Find the next segment; say whether there is one."""
        written, n = self._ring.written, self.n_samples
        wanted = round(self.average_seconds * self._rate)
        # of a long backlog only the newest seconds will be shown
        earliest = max(self._ring.oldest + n // 8 if self._ring.oldest else 0, written - wanted)
        if self._next < earliest:
            self._next = earliest
        while self._next + n <= written:
            stretches = self._positions.stretches(self._next, self._next + n)
            if len(stretches) > 1:
                self._next = stretches[-1].start
                continue
            psd = np.empty((len(self.frequencies), self._ring.n_channels), np.float32)
            self._job = _Segment(self._next, self._positions.of(self._next + n - 1) + 1, psd)
            self._done = 0
            self._next += self.hop
            return True
        return False

    def _average(self) -> None:
        newest = self._kept[-1]
        oldest = newest.position - round(self.average_seconds * self._rate)
        while self._kept[0].position - self.n_samples < oldest and len(self._kept) > 1:
            self._kept.popleft()
        stack = np.stack([segment.psd for segment in self._kept])
        known = np.isfinite(stack)
        if known.all():
            self.psd = stack.mean(axis=0, dtype=np.float64)
        else:
            count = known.sum(axis=0)
            total = np.where(known, stack, 0.0).sum(axis=0, dtype=np.float64)
            self.psd = np.where(count > 0, total / np.maximum(count, 1), np.nan)
        self.n_segments = len(self._kept)
        self.newest = newest.start + self.n_samples
        self.version += 1
