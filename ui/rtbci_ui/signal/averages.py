"""Averages of epochs, and which class a marker belongs to. No Qt here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from rtbci_ui.status import Status


@dataclass(slots=True)
class Average:
    """The running average of one class.

    ``total`` is (n_times, n_picked) float64, the sum of ``kept`` epochs, of which ``counts`` (n_picked,) were numbers, and
    ``before`` (n_picked,) the sum of their means before the marker. ``rejected`` counts those that were too large,
    ``broken`` those that span a gap, ``missed`` those whose samples were gone before anyone looked. ``version`` is another
    after every change.
    """

    name: str
    version: int
    total: NDArray[np.float64]
    before: NDArray[np.float64]
    counts: NDArray[np.int64]
    kept: int = 0
    rejected: int = 0
    broken: int = 0
    missed: int = 0

    def mean(self, columns: Sequence[int] | None = None) -> NDArray[np.float64]:
        """(n_times, n_columns) float64 in the channels' units; NaN before the first epoch. Without ``columns``, of all."""
        which: Sequence[int] | slice = slice(None) if columns is None else columns
        counts = np.where(self.counts[which] > 0, self.counts[which], np.nan)
        return np.asarray((self.total[:, which] - self.before[which]) / counts, np.float64)


@dataclass(frozen=True, slots=True)
class Grouping:
    """Which class a marker belongs to: ``labels`` by name, ``classes`` their names; without labels each is its own class."""

    labels: Mapping[str, int] = field(default_factory=dict)
    classes: tuple[str, ...] = ()

    def name(self, label: str) -> str | None:
        """The class of ``label``, or None where it has none."""
        if not self.labels:
            return label
        k = self.labels.get(label)
        return None if k is None or k >= len(self.classes) else self.classes[k]


def grouping(status: Status | None) -> Grouping:
    """The classes of markers: those of the decoder in charge, else of the first one that has labels, else none."""
    if status is None:
        return Grouping()
    with_labels = [decoder for decoder in status.decoders if decoder.labels and decoder.classes]
    for decoder in with_labels:
        if decoder.name == status.charge:
            return Grouping(dict(decoder.labels), decoder.classes)
    return Grouping(dict(with_labels[0].labels), with_labels[0].classes) if with_labels else Grouping()


def field_power(mean: NDArray[np.float64], kind: str) -> NDArray[np.float64]:
    """Strength of the response over the sensors: (n_times,) from ``mean`` (n_times, n_channels).

    EEG: the global field power, the standard deviation over channels (Lehmann & Skrandies, Electroenceph. clin.
    Neurophysiol. 48, 609-621, 1980); MEG, which has no reference: the root mean square.
    """
    if not mean.shape[1]:
        return np.zeros(len(mean))
    return np.asarray(mean.std(axis=1) if kind == "eeg" else np.sqrt((mean**2).mean(axis=1)), np.float64)
