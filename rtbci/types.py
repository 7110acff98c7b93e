"""The nouns that travel between the parts of rtbci: frozen, slotted, without behaviour that could fail.

Two array layouts, and one place where they meet:

* up to the window, samples are ``(n_samples, n_channels)`` float32, as LSL, the filters and the ring want them;
* from the window on, ``(n_channels, n_samples)``, as MNE, pyRiemann and braindecode want them.

Values are in the field's display units throughout (`STANDARD_UNITS`: µV, fT, fT/cm): an amplifier that sends microvolts
is recorded unchanged, and float32 is asked for numbers of ordinary size. Times are seconds of the LSL clock, float64.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntFlag

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]
"""``(n_samples, n_channels)`` float32, or ``(n_channels, n_samples)`` from the window on."""
Times = NDArray[np.float64]
"""``(n_samples,)`` float64, seconds of the LSL clock."""

STANDARD_UNITS: Mapping[str, str] = {
    "eeg": "uV",
    "eog": "uV",
    "ecg": "uV",
    "emg": "uV",
    "mag": "fT",
    "grad": "fT/cm",
}
"""Unit of the samples inside rtbci by channel kind; kinds that are not listed keep the unit they came with."""


@dataclass(frozen=True, slots=True)
class Channel:
    """One channel of a stream.

    ``kind`` is MNE's channel type ("eeg", "mag", "grad", "eog", "ecg", "emg", "stim", "misc"); ``unit`` the unit of the
    samples as they come out of the source; ``position`` metres in head coordinates, or None where it is not known.
    """

    name: str
    kind: str = "eeg"
    unit: str = "uV"
    position: tuple[float, float, float] | None = None


@dataclass(frozen=True, slots=True)
class StreamInfo:
    """What a stream is: enough to allocate for it, and to tell whether a model fits it.

    ``rate`` is the nominal sampling rate in Hz (> 0). ``bads`` names channels marked bad before the session.
    ``notes`` are sentences a person should see, such as an assumed unit. ``subject`` is whose it is, where that is known.
    """

    name: str
    rate: float
    channels: tuple[Channel, ...]
    type: str = "EEG"
    source_id: str = ""
    bads: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()
    subject: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """Channel names in order."""
        return tuple(channel.name for channel in self.channels)

    @property
    def n_channels(self) -> int:
        """Number of channels."""
        return len(self.channels)


@dataclass(frozen=True, slots=True)
class Marker:
    """Something that happened: ``time`` on the LSL clock in seconds, ``label`` as sent, ``code`` where it is a number."""

    time: float
    label: str
    code: int | None = None
    stream: str = ""


@dataclass(frozen=True, slots=True)
class Gap:
    """A break in a stream: sample ``index`` is the first one after it.

    ``before`` and ``after`` are the time stamps on either side in seconds; ``missing`` is the number of samples that the
    nominal rate would have put between them (0 where time jumped back).
    """

    index: int
    before: float
    after: float
    missing: int


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of samples that a decoder sees.

    Attributes
    ----------
    samples : (n_channels, n_samples) float32, read-only view of an aligned buffer that is reused: copy it to keep it.
    start : absolute index of the first sample, counted after the decoder's transforms.
    sample : absolute index, in the source's own count, of the newest sample that went into the window.
    time : LSL time of the newest sample in seconds (of the source's sample, so before any transform's delay).
    arrival : LSL time at which that sample reached the source, in seconds.
    marker : the marker the window is locked to, or None for a sliding window.
    fresh : samples at the window's end that no earlier window of this run has seen (evidence is weighted by it).
    bads : names of channels that were bad within the window.
    """

    samples: Samples
    start: int
    sample: int
    time: float
    arrival: float
    marker: Marker | None = None
    fresh: int = 0
    bads: tuple[str, ...] = ()

    @property
    def stop(self) -> int:
        """Absolute index one past the last sample, counted after the decoder's transforms."""
        return self.start + int(self.samples.shape[1])


class Flag(IntFlag):
    """What a reader of a decision must know; combined with ``|``."""

    NONE = 0
    ABSTAINED = 1  # the evidence crossed no threshold, so no class is claimed
    AFTER_GAP = 2  # the first decision after samples were missing
    LATE = 4  # ready later than one hop after its newest sample
    BAD_CHANNELS = 8  # at least one channel was marked bad within the window
    EVENT = 16  # made of a marker-locked window


@dataclass(frozen=True, slots=True)
class Decision:
    """What a decoder made of one window.

    Attributes
    ----------
    start, stop : absolute indices of the window, counted after the decoder's transforms.
    sample : absolute index of the newest sample in the source's own count.
    log_probs : (n_classes,) float64, natural logarithm of the class probabilities of this window alone.
    evidence : (n_classes,) float64, natural logarithm of the accumulated posterior.
    answer : index of the class that is claimed, or -1 while rtbci abstains.
    signal_time, arrival_time, ready_time : seconds of the LSL clock (newest sample, its arrival, decision ready).
    skipped : windows skipped so far because newer ones were due.
    origin : index of the source's sample from which the transforms had been running without a break.
    marker_time : time of the marker of an event window, NaN otherwise.
    adapted : trials that the decoder had learnt from while it ran, before it made this decision.
    """

    start: int
    stop: int
    sample: int
    log_probs: NDArray[np.float64]
    evidence: NDArray[np.float64]
    answer: int
    signal_time: float
    arrival_time: float
    ready_time: float
    skipped: int = 0
    origin: int = 0
    flags: Flag = Flag.NONE
    marker_time: float = field(default=float("nan"))
    adapted: int = 0

    @property
    def age(self) -> float:
        """Seconds from the newest sample's time stamp to the decision being ready."""
        return self.ready_time - self.signal_time


@dataclass(frozen=True, slots=True, eq=False)
class Retrieved:
    """What a decoder found in a bank by one window and by what came before it: a decision among pictures.

    Probabilities are of the evidence: that of this window, of earlier ones of a stream that slides, or of what the same
    marker showed before (`repeats`). Candidates are single items; of classes, the `Decision` on the same window says more.

    Attributes
    ----------
    start, stop, sample : of the window, as in its `Decision`.
    items : (k,) int64 numbers of the most probable items of the bank, best first.
    log_probs : (k,) float64, natural logarithm of the posterior of each among all items of the bank.
    cosines : (k,) float64, of each with the embedding of the evidence.
    answer : the item that is claimed, or -1 while rtbci abstains.
    embedding : (n_dims,) float32 of length 1, of the evidence: what a renderer draws.
    rest : share of windows without a picture, in calibration, that were at least as sure as this one; NaN: not known.
    repeats : presentations of one item that were averaged; 1 for a window alone.
    truth : the item that the marker named, -1 where none did, or the window slides.
    rank : of ``truth`` among all items, from 1, ties counting against it; 0 where no item is true.
    rank_alone : the same by this window alone.
    signal_time, arrival_time, ready_time, marker_time, origin : as in `Decision`.
    """

    start: int
    stop: int
    sample: int
    items: NDArray[np.int64]
    log_probs: NDArray[np.float64]
    cosines: NDArray[np.float64]
    answer: int
    embedding: NDArray[np.float32]
    signal_time: float
    arrival_time: float
    ready_time: float
    rest: float = field(default=float("nan"))
    repeats: int = 1
    truth: int = -1
    rank: int = 0
    rank_alone: int = 0
    marker_time: float = field(default=float("nan"))
    origin: int = 0
