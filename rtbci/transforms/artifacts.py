"""Which channels are bad right now: flat, railed or noisy, judged block by block while samples pass through untouched."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from rtbci.kernels.quality import gather, robust_z
from rtbci.transforms.arguments import check_stream, number, refuse
from rtbci.transforms.blocks import contiguous
from rtbci.types import Samples, StreamInfo, Times

MICROVOLTS: Mapping[str, float] = {"V": 1e6, "mV": 1e3, "uV": 1.0, "µV": 1.0, "μV": 1.0, "nV": 1e-3}
"""Microvolts in a unit; both signs for micro are in use."""
FEMTOTESLA: Mapping[str, float] = {"T": 1e15, "pT": 1e3, "fT": 1.0, "T/m": 1e13, "fT/cm": 1.0}
"""fT in a magnetometer's unit, fT/cm in a gradiometer's."""
ELECTRIC = ("eeg", "seeg", "ecog", "dbs", "eog", "ecg", "emg")
MAGNETIC = ("mag", "grad")
BRAIN = ("eeg", "seeg", "ecog", "dbs", *MAGNETIC)
"""Kinds whose channels resemble each other enough for one to stand out as noisy."""

REPEATED = 0.2
"""Share of a block's samples at one and the same extreme value, or beyond ``railed``, that makes a channel railed."""
SMALLEST_SPREAD = 0.2
"""Floor of the robust standard deviation of log amplitudes. 64 good channels lie closer together than that (0.1), where
a z-score of 5 is no noise; with the floor it is at least e times the median amplitude."""
FEWEST = 5
"""Good channels of a kind that are needed to say that one of them stands out."""
BLOCKS_TO_NOISY = 2
BLOCKS_TO_GOOD = 3
SHORTEST = 10
"""Fewest samples in a block."""


class MarkBad:
    """Judges every channel once a block of ``seconds``, counted from absolute sample 0, and passes the samples through.

    A threshold of 0 switches its criterion off. Trigger and other channels without a signal are never judged.

    Parameters
    ----------
    flat_uv : peak-to-peak of the block is below this many µV (fT for magnetometers, fT/cm for gradiometers, the numbers
        of MNE's tutorial on bad spans), or exactly 0 in any unit.
    railed : a fifth of the block lies at exactly its largest or exactly its smallest value or, in a voltage, beyond this
        many µV. The default lies below the rails of common direct-coupled amplifiers (187 and 262 mV) and far above the
        offset of an electrode. MEG and channels in no known unit are judged by the repeated value alone.
    noisy : robust z-score, across the channels of its kind, of the log root mean square of the *steps* from sample to
        sample. Steps show line noise, muscle and loose electrodes; blinks and drifts are slow and hardly count.
    seconds : length of a block.

    ::

                  flat or railed in 1 block, noisy in 2 blocks running
          ┌──────┐ ─────────────────────────────────────────────────> ┌─────┐
          │ good │                                                    │ bad │
          └──────┘ <───────────────────────────────────────────────── └─────┘
                  3 blocks running clear of every threshold: peak-to-peak twice ``flat_uv``, half of a fifth railed,
                  three quarters of ``noisy``

    A block that is not whole (begun in the middle at the start or after missing samples) is not judged. `resume` forgets the
    verdicts too, as it forgets everything: whoever begins there must come to the same ones.
    """

    delay_seconds = 0.0

    def __init__(
        self, flat_uv: float = 1.0, railed: float = 150_000.0, noisy: float = 5.0, seconds: float = 1.0
    ) -> None:
        self.flat_uv = number("flat_uv", flat_uv, at_least=0, right="a peak-to-peak amplitude in uV (0: off)")
        self.railed = number("railed", railed, at_least=0, right="an amplitude in uV (0: off)")
        self.noisy = number("noisy", noisy, at_least=0, right="a z-score (0: off)")
        self.seconds = number("seconds", seconds, above=0, right="a duration in seconds")
        if not (self.flat_uv or self.railed or self.noisy):
            raise refuse(
                "noisy", noisy, "every criterion is switched off; flat_uv, railed or noisy above 0 would be right"
            )
        self._n_channels = -1

    def start(self, info: StreamInfo, first_index: int = 0) -> StreamInfo:
        """Allocate and forget every verdict; the stream comes out as it went in.

        Raises TransformError when a block would have too few samples.
        """
        check_stream(info)
        self._length = round(self.seconds * info.rate)
        if self._length < SHORTEST:
            raise refuse(
                "seconds",
                self.seconds,
                f"makes blocks of {self._length} samples at {info.rate:g} Hz; "
                f"at least {SHORTEST / info.rate:.3g} s is needed",
            )
        self._names = info.names
        self._n_channels = n = info.n_channels
        self._known = info.bads & set(info.names)
        self._flat = np.zeros(n)
        self._limits = np.full(n, np.inf)
        for i, channel in enumerate(info.channels):
            per_unit = _microvolts_per_unit(channel.kind, channel.unit)
            if per_unit is None:
                continue
            self._flat[i] = self.flat_uv / per_unit
            if channel.kind in ELECTRIC:  # the rails of MEG electronics are nowhere near a number of µV
                self._limits[i] = self.railed / per_unit
        self._judged: NDArray[np.bool_] = np.array([c.kind in ELECTRIC or c.kind in BRAIN for c in info.channels])
        groups = sorted({(c.kind, c.unit) for c in info.channels if c.kind in BRAIN})
        self._groups: list[NDArray[np.bool_]] = [
            np.array([(c.kind, c.unit) == group for c in info.channels]) for group in groups
        ]
        self._previous = np.empty(n, np.float32)
        self._extent = np.empty((2, n), np.float32)
        self._counts = np.empty((3, n), np.int32)
        self._energy = np.empty(n, np.float64)
        self._noisy_blocks = np.zeros(n, np.int64)
        self._clear_blocks = np.zeros(n, np.int64)
        self._bad = np.zeros(n, np.bool_)
        self._index = first_index
        self._continues = False
        self.resume()
        return info

    def transform(self, samples: Samples, times: Times) -> tuple[Samples, Times]:
        """Look at ``samples`` (n, n_channels) float32 and hand them on as they are."""
        seen = contiguous(samples, self._n_channels)
        first, n = 0, len(seen)
        while first < n:
            place = self._index % self._length
            last = min(n, first + self._length - place)
            begins = place == 0
            self._whole |= begins
            if self._whole:
                gather(
                    seen[first:last],
                    self._limits,
                    self._continues,
                    begins,
                    self._previous,
                    self._extent,
                    self._counts,
                    self._energy,
                )
                self._continues = True
            self._index += last - first
            if self._whole and self._index % self._length == 0:
                self._judge()
            first = last
        return samples, times

    def resume(self) -> None:
        """Forget the block under way and every verdict; indices go on counting."""
        self._whole = False
        self._continues = False
        self._noisy_blocks[:] = 0
        self._clear_blocks[:] = 0
        self._bad[:] = False
        self._bads = self._known

    def bads(self) -> frozenset[str]:
        """Names of the channels that are bad by the newest whole block, with those that were marked before the session."""
        return self._bads

    def _judge(self) -> None:
        width = self._extent[1].astype(np.float64) - self._extent[0]
        flat = (width < self._flat) | (width == 0) if self.flat_uv else np.zeros(len(width), np.bool_)
        most = self._counts.max(axis=0)
        railed = (most >= REPEATED * self._length) & (width > 0) & bool(self.railed)
        z = np.zeros(len(width))
        if self.noisy:
            self._stand_out(~(flat | railed | (width == 0)), z)
        self._noisy_blocks = np.where(z > self.noisy, self._noisy_blocks + 1, 0)
        worse = (flat | railed | (self._noisy_blocks >= BLOCKS_TO_NOISY)) & self._judged
        clear = ~flat & ~railed & (z <= 0.75 * self.noisy)
        if self.flat_uv:
            clear &= width >= 2 * self._flat
        if self.railed:
            clear &= most < REPEATED / 2 * self._length
        self._clear_blocks = np.where(clear, self._clear_blocks + 1, 0)
        bad = worse | (self._bad & (self._clear_blocks < BLOCKS_TO_GOOD))
        if (bad != self._bad).any():
            self._bad = bad
            self._bads = self._known | {self._names[i] for i in np.flatnonzero(bad)}

    def _stand_out(self, usable: NDArray[np.bool_], z: NDArray[np.float64]) -> None:
        """Fill ``z`` (n_channels,) for every kind that has enough ``usable`` channels."""
        within = np.empty_like(z)
        for group in self._groups:
            among = group & usable
            if int(among.sum()) >= FEWEST:
                robust_z(self._energy, among, SMALLEST_SPREAD, within)
                z += within


def _microvolts_per_unit(kind: str, unit: str) -> float | None:
    """Microvolts (fT for magnetometers, fT/cm for gradiometers) in one ``unit``, or None where no amplitude can be told."""
    if kind in ELECTRIC:
        return MICROVOLTS.get(unit)
    return FEMTOTESLA.get(unit) if kind in MAGNETIC else None
