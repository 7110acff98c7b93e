"""Time stamps of an amplifier whose clock is wrong: it drifts, and packets are stamped early."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rtbci.gaps import longest_step
from rtbci.sources.fault_kinds import Draws
from rtbci.types import Times


class Drift:
    """By how much a clock that goes ``ppm`` fast is ahead; goes on from where it was when that is changed."""

    def __init__(self) -> None:
        self._ppm = 0.0
        self._since: float | None = None
        self._ahead = 0.0

    def ahead(self, times: Times, ppm: float) -> Times:
        """Seconds (n,) by which it is ahead at ``times`` (n,), which follow those of the last call."""
        first = float(times[0])
        if self._since is None:
            self._since = first
        if ppm != self._ppm:
            self._ahead += (first - self._since) * self._ppm * 1e-6
            self._since, self._ppm = first, ppm
        ahead: Times = self._ahead + (times - self._since) * (self._ppm * 1e-6)
        return ahead


class Jitter:
    """Stamps packets early by up to so much; no stamp goes back, and a gap stays one.

    Parameters
    ----------
    rate : samples a second.
    packet : samples in a packet.
    draws : how early each packet is, as a share of the most.
    """

    def __init__(self, rate: float, packet: int, draws: Draws) -> None:
        self._longest = longest_step(rate)
        self._packet = packet
        self._draws = draws
        self._before = np.nan
        self._stamped = -np.inf
        self._right_until = 0

    def stamp(self, times: Times, index: NDArray[np.int64], most: float | None) -> int:
        """Change ``times`` (n,) of the samples ``index`` (n,); how many. ``most`` in seconds, None: not at all."""
        before, self._before = self._before, float(times[-1])
        if most is None:
            self._stamped = float(times[-1])
            return 0
        early = self._draws.at(index // self._packet) * most
        early[index < self._right_until] = 0.0
        # what follows a gap is stamped rightly up to the end of its packet: an early stamp could close the gap
        for row in np.flatnonzero(np.diff(times, prepend=before) > self._longest).tolist():
            self._right_until = int((index[row] // self._packet + 1) * self._packet)
            early[(index >= index[row]) & (index < self._right_until)] = 0.0
        times -= early
        np.maximum.accumulate(np.maximum(times, self._stamped), out=times)
        self._stamped = float(times[-1])
        return int((early > 0.0).sum())
