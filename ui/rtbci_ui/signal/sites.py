"""Channels of one kind and the places on the head at which they sit. No Qt here."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rtbci.montage import places
from rtbci.types import StreamInfo
from rtbci_ui.signal.interpolation import merge_sites

UNITS = {"eeg": "µV", "mag": "fT", "grad": "fT/cm"}
KIND_WORDS = {"eeg": "EEG", "mag": "MEG mag", "grad": "MEG grad"}


class Sites:
    """Where the channels of ``kind`` sit.

    The two planar gradiometers of a site share a place; what they measure is put together in `mean` and `rms`.

    Attributes
    ----------
    channels : (n,) int64, numbers of the channels that have a place.
    site : (n,) int64, which site each is at.
    xy : (n_sites, 2) float64.
    names : of the sites.
    without : names of channels whose place is not known.
    source : where the places come from.
    """

    def __init__(self, info: StreamInfo, kind: str) -> None:
        found = places(info.channels, kind)
        self.kind = kind
        self.unit = UNITS.get(kind, "")
        self.channels = found.channels
        self.without = found.without
        self.source = found.source
        self.xy, self.site = merge_sites(found.xy)
        self._labels = info.names
        self.names = tuple(self._name([self._labels[c] for c in self.at(k)]) for k in range(len(self.xy)))

    @staticmethod
    def _name(names: list[str]) -> str:
        return names[0] if len(names) == 1 else f"{names[0][:-1]}x"

    def at(self, site: int) -> NDArray[np.int64]:
        """Numbers of the channels at ``site``."""
        return np.asarray(self.channels[self.site == site], np.int64)

    def of(self, channel: int) -> int | None:
        """The site of ``channel``, or None where it has none."""
        found = np.flatnonzero(self.channels == channel)
        return int(self.site[found[0]]) if len(found) else None

    def mean(self, values: NDArray[np.floating], bads: frozenset[str] = frozenset()) -> NDArray[np.float64]:
        """Mean (n_sites,) over the channels at each site of ``values`` (n_channels,); NaN where all are bad or NaN."""
        own = np.asarray(values, np.float64)[self.channels]
        good = np.isfinite(own) & np.array([self._labels[c] not in bads for c in self.channels], np.bool_)
        count = np.bincount(self.site[good], minlength=len(self.xy))
        total = np.bincount(self.site[good], own[good], minlength=len(self.xy))
        return np.where(count > 0, total / np.maximum(count, 1), np.nan)

    def rms(self, values: NDArray[np.floating], bads: frozenset[str] = frozenset()) -> NDArray[np.float64]:
        """Root mean square (n_sites,) over the channels at each site: what MNE shows of pairs of gradiometers."""
        return np.sqrt(self.mean(np.asarray(values, np.float64) ** 2, bads))

    def missing_words(self) -> str:
        """Which channels are not on the map, in words; "" where all are."""
        if not self.without:
            return ""
        named = ", ".join(self.without[:6]) + (f" and {len(self.without) - 6} more" if len(self.without) > 6 else "")
        return f"no known position: {named}"
