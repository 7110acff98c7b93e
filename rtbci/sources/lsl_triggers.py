"""Trigger channels of a signal: their rises are markers."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from rtbci.kernels.ingest import rising_codes
from rtbci.types import Channel, Marker, Samples, Times

_MAIN = ("STI101", "STI 101", "STI014", "STI 014")
"""Channels that hold the sum of the single trigger lines: where there is one, the lines beside it say nothing more."""


class Triggers:
    """Finds the rises of trigger channels, chunk by chunk.

    Parameters
    ----------
    channels : channels of the signal; those of kind "stim" are looked at.
    wanted : names of the channels that give markers; None for the one that sums them up, or all of them.
    """

    def __init__(self, channels: Sequence[Channel], wanted: Sequence[str] | None) -> None:
        stim = [(i, channel.name) for i, channel in enumerate(channels) if channel.kind == "stim"]
        if wanted is None:
            stim = [(i, name) for i, name in stim if name in _MAIN][:1] or stim
        else:
            stim = [(i, name) for i, name in stim if name in wanted]
        self.names = tuple(name for _, name in stim)
        self._columns = tuple(i for i, _ in stim)
        # not a number: a line that is up when we come is its state of rest
        self._before = [math.nan] * len(stim)
        self._markers: list[Marker] = []
        rising_codes(np.zeros((1, 1), np.float32), 0, 0.0, np.empty(1, np.int64), np.empty(1, np.int64))  # loads it

    def find(self, samples: Samples, times: Times) -> None:
        """Look at ``samples`` (n, n_channels) with their ``times`` (n,); what is found waits for `take`."""
        if not self._columns:
            return
        rows, codes = np.empty(len(samples), np.int64), np.empty(len(samples), np.int64)
        fresh = []
        for k, column in enumerate(self._columns):
            found, self._before[k] = rising_codes(samples, column, self._before[k], rows, codes)
            fresh += [(int(rows[i]), k, int(codes[i])) for i in range(found)]
        for row, k, code in sorted(fresh):
            self._markers.append(Marker(float(times[row]), str(code), code, self.names[k]))

    def take(self) -> list[Marker]:
        """Return the markers that were found since the last call, in order of time."""
        found, self._markers = self._markers, []
        return found
