"""Measures the newest seconds of every channel in small steps, for `quality.judge`. No Qt here."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rtbci.errors import Overrun
from rtbci.ring import Ring
from rtbci.types import StreamInfo
from rtbci_ui.positions import Positions
from rtbci_ui.signal.impedance import impedance_channels, ohms
from rtbci_ui.signal.quality import (
    Measures,
    Verdict,
    amplitude,
    choose_mains,
    judge,
    line_noise,
    samples_of,
)
from rtbci_ui.signal.spectra import Spectra

SECONDS = 4.0
"""Samples that a channel is judged by."""
EVERY_SECONDS = 1.0
STEP_VALUES = 1 << 15
"""Samples that are looked at in one step: about a millisecond."""


class QualityWatch:
    """Judges the channels once a second by their newest four seconds (without what lies before a gap).

    Attributes
    ----------
    verdicts : of all channels that are judged, in the stream's order; empty before the first look.
    info : the stream.
    mains : 50 or 60 Hz.
    chosen : the mains' frequency that a person chose, or None: the larger one.
    streams_impedance : whether any channel's impedance is streamed.
    version : counts up with every look.
    """

    def __init__(self, ring: Ring, info: StreamInfo, positions: Positions, spectra: Spectra) -> None:
        self._ring, self.info, self._positions, self._spectra = ring, info, positions, spectra
        self._wanted = max(8, round(SECONDS * info.rate))
        self._every = max(1, round(EVERY_SECONDS * info.rate))
        self._width = max(1, STEP_VALUES // self._wanted)
        self._found: NDArray[np.float64] = np.full((5, info.n_channels), np.nan)
        self._start = self._stop = self._done = 0
        self._busy = False
        self._looked = 0
        self._impedances = impedance_channels(info.channels)
        self.streams_impedance = bool(self._impedances)
        self.verdicts: list[Verdict] = []
        self.mains = 50.0
        self.chosen: float | None = None
        self.bads: frozenset[str] = frozenset()
        self.version = 0

    def refresh(self) -> bool:
        """Do one step; say whether there are new verdicts."""
        if not self._busy and not self._begin():
            return False
        stop = min(self._done + self._width, self._ring.n_channels)
        try:
            samples = np.array(
                self._ring.view(self._start, self._stop)[0][:, self._done : stop].T, np.float32, order="C"
            )
            if not self._ring.intact(self._start):
                raise Overrun(self._start, self._ring.oldest)
        except Overrun:
            self._busy = False
            return False
        self._found[:, self._done : stop] = samples_of(samples)
        self._done = stop
        if stop < self._ring.n_channels:
            return False
        self._busy = False
        self._judge()
        return True

    def _begin(self) -> bool:
        written = self._ring.written
        if written < self._looked + self._every:
            return False
        self._looked = written
        start = max(written - self._wanted, self._ring.oldest)
        self._start = self._positions.stretches(start, written)[-1].start
        self._stop = written
        self._done = 0
        self._busy = written - self._start >= 8
        return self._busy

    def _judge(self) -> None:
        frequencies, psd = self._spectra.frequencies, self._spectra.psd
        known = bool(np.isfinite(psd).any())
        if known:
            judged = [i for i, channel in enumerate(self.info.channels) if channel.kind in ("eeg", "mag", "grad")]
            self.mains = self.chosen or choose_mains(frequencies, psd[:, judged] if judged else psd)
        else:
            self.mains = self.chosen or 50.0
        impedance = np.full(self._ring.n_channels, np.nan)
        if self._impedances:
            written = self._ring.written
            newest = self._ring.view(written - 1, written)[0][0]
            for of, i in self._impedances.items():
                impedance[of] = float(newest[i]) * (ohms(self.info.channels[i]) or 1.0)
        spread, railed, not_numbers, lowest, highest = self._found.copy()
        measures = Measures(
            spread,
            railed,
            not_numbers,
            lowest,
            highest,
            rms=amplitude(frequencies, psd),
            line=line_noise(frequencies, psd, self.mains),
            impedance=impedance,
        )
        self.verdicts = judge(self.info.channels, measures, self.mains, self.bads)
        self.version += 1
