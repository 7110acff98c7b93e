"""What a decoder is trained on: recordings as they come out of its transforms, and which stretches of them mean what.

The signals are kept whole, so that windows can be cut again anywhere: on the grid that runs live, or moved by a few samples
each time that a network is shown a trial. Signals that are too large for memory lie in a mapped file and are read as they
are asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from rtbci.errors import DecoderError
from rtbci.types import Samples, StreamInfo

Indices = NDArray[np.int64]

LARGEST_STACK = 8 << 30
"""Bytes of windows, cut out one beside the other, that are handed to a decoder which wants them all at once."""


@dataclass(frozen=True, slots=True)
class Signal:
    """One recording after the transforms: ``samples`` (n_samples, n_channels) float32, not to be written to.

    ``name`` is that of its file, ``subject`` and ``session`` whose it is ("" where that is not known).
    """

    samples: Samples
    name: str
    subject: str = ""
    session: str = ""


@dataclass(frozen=True, slots=True)
class Places:
    """Where labelled windows lie, a row for each, (n_windows,) int64 all of them.

    Attributes
    ----------
    signal : number of the signal.
    start : row of the signal's samples at which the window begins.
    lowest, highest : rows between which, both included, the window may begin instead and still mean the same.
    label : class.
    trial : running number of the trial (or stretch of idle).
    """

    signal: Indices
    start: Indices
    lowest: Indices
    highest: Indices
    label: Indices
    trial: Indices

    def only(self, rows: NDArray[np.intp] | Indices) -> Places:
        """The places of ``rows`` alone."""
        return Places(*(getattr(self, name)[rows] for name in Places.__slots__))


@dataclass(frozen=True)
class Calibration:
    """Labelled windows of one or more recordings for one decoder.

    Attributes
    ----------
    info, picked : the stream as it comes out of the transforms, and as it goes in.
    classes, class_labels : names of the classes, whose indices are the labels of windows, and the marker labels of each.
    signals : the recordings, in the order in which they were made.
    places : the windows; a window that a trial holds several times over, hop by hop, has a row for each.
    n_samples : length of a window.
    markers : label of the marker that each trial began with; "" for a stretch of idle.
    moments : (n_trials, 2) float64, for each trial the number of its recording and seconds of signal from that recording's
        begin to the trial's.
    baseline : the stretch, in samples from the begin of a window that was not moved, whose channel means are subtracted.
    locked : whether windows are locked to the marker that begins their trial; otherwise they slide through it.
    without_data : trials that had no whole window.
    """

    info: StreamInfo
    picked: StreamInfo
    classes: tuple[str, ...]
    class_labels: tuple[tuple[str, ...], ...]
    signals: tuple[Signal, ...]
    places: Places
    n_samples: int
    markers: tuple[str, ...]
    moments: NDArray[np.float64]
    baseline: tuple[int, int] | None = None
    locked: bool = False
    without_data: int = 0

    @property
    def labels(self) -> Indices:
        """Class (n_windows,) of each window."""
        return self.places.label

    @property
    def trial(self) -> Indices:
        """Running number (n_windows,) of the trial of each window."""
        return self.places.trial

    def __len__(self) -> int:
        return len(self.places.label)

    @cached_property
    def windows(self) -> Samples:
        """All windows (n_windows, n_channels, n_samples) float32, C order. Raises DecoderError when they are too many."""
        n_bytes = 4 * len(self) * self.info.n_channels * self.n_samples
        if n_bytes > LARGEST_STACK:
            raise DecoderError(
                f"{len(self)} windows of {self.info.n_channels} channels and {self.n_samples} samples are "
                f"{n_bytes / 2**30:.1f} GiB, more than the {LARGEST_STACK / 2**30:g} that are held at once; fewer "
                "recordings, a longer hop, or a decoder that learns from signals (rtbci.interfaces.Learns) would be right"
            )
        return self.cut(np.arange(len(self)))

    def cut(self, rows: Sequence[int] | Indices | NDArray[np.intp], shift: Indices | None = None) -> Samples:
        """Windows (n, n_channels, n_samples) float32, C order: those of ``rows``, each moved by ``shift`` (n,) samples.

        Within `Places.lowest` and `Places.highest` a window may be moved freely; one that is not moved has the very bits
        that the pipeline cuts. The baseline stays where it is, before the marker.
        """
        windows = np.empty((len(rows), self.info.n_channels, self.n_samples), np.float32)
        for i, row in enumerate(rows):
            samples = self.signals[self.places.signal[row]].samples
            start = int(self.places.start[row])
            first = start if shift is None else start + int(shift[i])
            windows[i] = samples[first : first + self.n_samples].T
            if self.baseline is not None:
                before = samples[start + self.baseline[0] : start + self.baseline[1]]
                windows[i] -= means(before)[:, None]
        return windows

    def only(self, rows: NDArray[np.intp] | Indices) -> Calibration:
        """The same recordings with the windows of ``rows`` alone; trials keep their numbers."""
        return replace(self, places=self.places.only(rows))

    def with_labels(self, labels: Indices) -> Calibration:
        """The same windows with other ``labels`` (n_windows,)."""
        return replace(self, places=replace(self.places, label=labels))

    def reassigned(self, order: Indices) -> Calibration:
        """The same windows, where trial k means what trial ``order[k]`` (n_trials,) does: its class, and what was shown."""
        first = {int(trial): int(row) for trial, row in zip(*np.unique(self.trial, return_index=True), strict=True)}
        of_trial = np.array([self.labels[first[k]] if k in first else 0 for k in range(len(self.markers))], np.int64)
        markers = tuple(self.markers[k] for k in order)
        return replace(self.with_labels(of_trial[order][self.trial]), markers=markers)

    def sessions(self) -> dict[tuple[str, str], Indices]:
        """The rows of each session, by subject and session, in the order of the recordings."""
        found: dict[tuple[str, str], Indices] = {}
        for signal in self.signals:
            key = signal.subject, signal.session
            if key not in found:
                mine = [n for n, other in enumerate(self.signals) if (other.subject, other.session) == key]
                found[key] = np.flatnonzero(np.isin(self.places.signal, mine)).astype(np.int64)
        return found

    @classmethod
    def of_windows(
        cls, info: StreamInfo, windows: Samples, labels: Indices, classes: Sequence[str] = ()
    ) -> Calibration:
        """From ``windows`` (n_windows, n_channels, n_samples) that were cut elsewhere: each a trial, in order of time."""
        n, n_channels, n_samples = windows.shape
        rows = np.ascontiguousarray(windows.transpose(0, 2, 1), np.float32).reshape(n * n_samples, n_channels)
        start = np.arange(n, dtype=np.int64) * n_samples
        labels = np.asarray(labels, np.int64)
        names = tuple(classes) or tuple(str(k) for k in range(1 + int(labels.max(initial=0))))
        places = Places(np.zeros(n, np.int64), start, start, start, labels, np.arange(n, dtype=np.int64))
        moments = np.stack([np.zeros(n), start / info.rate], axis=1)
        markers = tuple(names[k] for k in labels)
        signals, own = (Signal(rows, "windows"),), tuple((name,) for name in names)
        return cls(info, info, names, own, signals, places, n_samples, markers, moments, locked=True)


def means(samples: Samples) -> Samples:
    """Mean (n_channels,) float32 of each channel of ``samples`` (n_samples, n_channels), summed in float64."""
    mean: Samples = np.ascontiguousarray(samples).mean(axis=0, dtype=np.float64).astype(np.float32)
    return mean
