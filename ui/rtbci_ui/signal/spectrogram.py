"""The spectrum of one channel over the last minute. No Qt here."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from rtbci.errors import Overrun
from rtbci.ring import Ring
from rtbci_ui.positions import Positions
from rtbci_ui.signal.spectra import HIGHEST, decibels

SECONDS = 60.0
SEGMENT_SECONDS = 1.0
HOP_SECONDS = 0.25
STEP_COLUMNS = 6
"""Columns that are computed at one refresh: a minute appears within half a second, the newest part first."""


class Spectrogram:
    """Columns of a second's spectrum, one for every quarter of a second, of one channel.

    Column k covers the positions (samples, missing ones counted) from ``k * hop`` on, so a gap takes its true time: its
    columns are empty, and so is any that would span its edge.

    Attributes
    ----------
    frequencies : (n_freqs,) float64, Hz.
    n_columns : columns of a minute.
    newest : number of the newest column that is known, -1 before the first.
    version : counts up when something has changed.
    """

    def __init__(self, ring: Ring, rate: float, positions: Positions) -> None:
        self._ring = ring
        self._rate = rate
        self._positions = positions
        self.n_samples = max(8, round(SEGMENT_SECONDS * rate))
        self.hop = max(1, round(HOP_SECONDS * rate))
        every = np.arange(self.n_samples // 2 + 1) * rate / self.n_samples
        self.frequencies: NDArray[np.float64] = every[every <= HIGHEST]
        window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(self.n_samples) / self.n_samples)
        self._window = window[:, None]
        self._scale = 2.0 / (rate * float(window @ window))
        self.n_columns = max(1, round(SECONDS * rate / self.hop))
        self._levels = np.full((len(self.frequencies), self.n_columns), np.nan, np.float32)
        self._number = np.full(self.n_columns, -1, np.int64)
        self.channel = 0
        self.newest = -1
        self.version = 0

    @property
    def column_seconds(self) -> float:
        """Seconds between columns."""
        return self.hop / self._rate

    def show(self, channel: int) -> None:
        """Look at another channel: everything is computed anew, as far as the ring reaches back."""
        if channel != self.channel:
            self.channel = channel
            self._number[:] = -1
            self._levels[:] = np.nan
            self.version += 1

    def refresh(self) -> bool:
        """Compute some columns that are missing, the newest first; say whether anything changed."""
        written = self._ring.written
        if written == 0:
            return False
        end = self._positions.of(written - 1) + 1
        newest = (end - self.n_samples) // self.hop
        if newest < 0:
            return False
        moved = newest != self.newest
        self.newest = newest
        numbers = np.arange(max(newest - self.n_columns + 1, 0), newest + 1)
        missing = numbers[self._number[numbers % self.n_columns] != numbers][-STEP_COLUMNS:]
        if not len(missing):
            return False
        stretches = []
        for number in missing:
            self._number[number % self.n_columns] = number
            self._levels[:, number % self.n_columns] = np.nan
            samples = self._samples(int(number) * self.hop)
            if samples is not None:
                stretches.append((number % self.n_columns, samples))
        if stretches:
            block = np.stack([samples for _, samples in stretches], axis=1).astype(np.float64)
            block -= block.mean(axis=0)
            spectrum = fft.rfft(block * self._window, axis=0)[: len(self.frequencies)]
            levels = decibels((spectrum.real**2 + spectrum.imag**2) * self._scale)
            self._levels[:, [column for column, _ in stretches]] = levels
        if stretches or moved:
            self.version += 1
        return bool(stretches) or moved

    def _samples(self, position: int) -> NDArray[np.float32] | None:
        """The channel's samples (n_samples,) from ``position`` on, or None where there is a gap or nothing any more."""
        start = self._positions.at_position(position)
        stop = start + self.n_samples
        if stop > self._ring.written or self._positions.of(start) != position:
            return None
        if self._positions.of(stop - 1) != position + self.n_samples - 1:
            return None
        try:
            found: NDArray[np.float32] = self._ring.view(start, stop)[0][:, self.channel].copy()
        except Overrun:
            return None
        return found if self._ring.intact(start) else None

    def levels(self) -> NDArray[np.float32]:
        """(n_freqs, n_columns) float32, dB re unit²/Hz, oldest column first; NaN where nothing is known."""
        first = self.newest - self.n_columns + 1
        numbers = np.arange(first, self.newest + 1)
        columns = numbers % self.n_columns
        out = self._levels[:, columns]
        out[:, self._number[columns] != numbers] = np.nan
        return out
