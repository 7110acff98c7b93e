"""Filters that epochs are seen and judged through: causal, begun anew for each of them. Nothing else passes them. No Qt."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rtbci.kernels.display import blank, hold
from rtbci.kernels.filters import filter_sections
from rtbci.kernels.raster import block_mean
from rtbci_ui.traces.filtering import Choice, design, steady

FILTERS = (Choice(None, 30.0), Choice(0.5, 30.0), Choice())
"""What epochs can be seen through. A high-pass takes drifts away, and a third of a wave of 0.2 s, such as a P300, too."""
JUDGED = Choice(0.5, 30.0)
"""What they are held against the limit through: a drift is no reason to leave an epoch out, a blink or a muscle is."""
WARM_SECONDS = 2.0
"""Signal that the filter has seen before an epoch, where there is any without a gap.

It begins as if the mean of that stretch had always been there, so what is left of an offset after 2 s is below a percent of
how far the signal was from its mean.
"""


class EpochFilter:
    """Filters a stretch of all channels in which an epoch lies.

    Parameters
    ----------
    choice : cut-off frequencies; what the ``rate`` does not allow is left out. n_samples : samples of an epoch.

    Attributes
    ----------
    choice : what is filtered.
    delay : samples that the low-pass makes slow waves late by; it is taken off again.
    warm : samples before an epoch that should be given.
    """

    def __init__(self, choice: Choice, rate: float, n_channels: int, n_samples: int) -> None:
        self.choice = choice.possible(rate)
        self._n_samples = n_samples
        self._sections = design(self.choice, rate)
        self._steady = steady(self._sections)
        low_pass = design(Choice(None, self.choice.low_pass), rate)
        self.delay = round(sum(_slope(row[:3]) - _slope(row[3:]) for row in low_pass))
        self.warm = 0 if self.choice.off else round(WARM_SECONDS * rate)
        most = 0 if self.choice.off else round(WARM_SECONDS * rate) + n_samples + self.delay
        self._held = np.empty((most, n_channels), np.float32)
        self._out = np.empty((most, n_channels), np.float32)
        self._work = np.empty(n_channels)

    def epoch(self, samples: NDArray[np.float32], at: int) -> NDArray[np.float32]:
        """The epoch that begins at row ``at`` of ``samples`` (n, n_channels), which go on for `delay` samples behind it.

        (n_samples, n_channels), good until the next call; NaN where ``samples`` are no numbers.
        """
        first = at + self.delay
        stop = first + self._n_samples
        return samples[first:stop] if self.choice.off else self._filtered(samples[:stop])[first:]

    def _filtered(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        n = len(samples)
        mean = np.empty(samples.shape[1])
        block_mean(samples[: self.warm], mean)
        first = np.nan_to_num(mean, nan=0.0, posinf=0.0, neginf=0.0)
        state = np.ascontiguousarray(self._steady[:, :, None] * first)
        held, out = self._held[:n], self._out[:n]
        broken = hold(samples, held, first.astype(np.float32))
        filter_sections(held, out, self._sections, state, self._work)
        if broken:
            blank(samples, out)
        return out


def _slope(coefficients: NDArray[np.float64]) -> float:
    """Delay in samples of a polynomial in 1/z at 0 Hz."""
    return float(coefficients @ np.arange(len(coefficients)) / coefficients.sum())
