"""Batches of windows, drawn again for every epoch by a seed: which ones, in which order, moved by how much.

Everything is a function of the seed, the epoch and the number of processes, so a training that was interrupted goes on with
the very batches that it would have had.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sized
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rtbci.calibration import Calibration, Indices
from rtbci_deep.settings import Settings

IN_ORDER, ON_GPU = 256, 64
"""Windows that are judged at once. On a GPU cuDNN chose another algorithm for 205 at once of the larger `simpleconv`: 21 GB
and 870 windows a second in training, where blocks of 64 took 1.2 GB and 8500 (H100, 2026-11)."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Windows ``x`` (n, n_chans, n_times) float32; (n,) int64 of each: ``label`` (class), ``item``, ``subject``, ``row``."""

    x: Tensor
    label: Tensor
    item: Tensor
    subject: Tensor
    row: Indices

    def __len__(self) -> int:
        return len(self.row)


@dataclass(frozen=True, slots=True)
class Ranks:
    """Number of this process among those that train together, and how many they are."""

    rank: int = 0
    of: int = 1


def stranger_after(subjects: Sized) -> int:
    """The number of whoever is none of ``subjects``: networks make room for one of those at least."""
    return max(1, len(subjects))


class Material:
    """The windows of ``rows`` of a ``calibration``.

    Parameters
    ----------
    rows : windows that may be drawn.
    items : (n_windows,) int64 of the whole calibration: what was shown, where that is more than the class.
    subjects : running number of each subject that the network knows; others get the next number, the stranger's.
    """

    def __init__(
        self,
        calibration: Calibration,
        rows: Indices,
        settings: Settings,
        device: torch.device,
        items: Indices,
        subjects: Mapping[str, int],
    ) -> None:
        self.calibration = calibration
        self.rows = rows
        self.settings = settings
        self.device = device
        self._items = items
        stranger = stranger_after(subjects)
        of_signal = np.array([subjects.get(s.subject, stranger) for s in calibration.signals], np.int64)
        self._subject = of_signal[calibration.places.signal]
        order = np.argsort(calibration.trial[rows], kind="stable")
        bounds = np.flatnonzero(np.diff(calibration.trial[rows][order])) + 1
        self._trials = [rows[part] for part in np.split(order, bounds)] if len(rows) else []
        self._alike = self._repeats() if settings.average > 1 else {}

    @property
    def drawn(self) -> int:
        """Windows in one epoch."""
        return sum(min(self.settings.per_trial, len(trial)) for trial in self._trials)

    def class_weights(self, n_classes: int) -> Tensor:
        """Weights (n_classes,) float32 that make classes count alike; their mean over the windows of an epoch is 1."""
        counts = np.zeros(n_classes)
        for trial in self._trials:
            counts[self.calibration.labels[trial[0]]] += min(self.settings.per_trial, len(trial))
        weights = np.where(counts > 0, counts.sum() / (np.maximum(counts, 1.0) * max(1, (counts > 0).sum())), 0.0)
        return torch.tensor(weights, dtype=torch.float32, device=self.device)

    def epoch(self, number: int, ranks: Ranks = Ranks()) -> Iterator[Batch]:
        """The batches of epoch ``number``, or every ``ranks.of``-th window of each of them."""
        random = np.random.default_rng([self.settings.seed, number])
        rows, shifts = self._draw(random)
        order = random.permutation(len(rows))
        size = self.settings.batch
        for k in range(0, len(order), size):
            mine = order[k : k + size]
            if len(mine) < 2 * ranks.of and k:  # too few for a variance or a contrast: they come in another epoch
                return
            mine = mine[ranks.rank :: ranks.of]
            yield self._batch(rows[mine], shifts[mine], random)

    def in_order(self) -> Iterator[Batch]:
        """All windows as they were cut, in order."""
        size = IN_ORDER if self.device.type == "cpu" else ON_GPU
        for k in range(0, len(self.rows), size):
            rows = self.rows[k : k + size]
            yield self._batch(rows, np.zeros(len(rows), np.int64), None)

    def meanings(self) -> tuple[Tensor, Tensor]:
        """Class and item (n_windows,) int64 of all windows, in order, without their samples."""
        label, item = self.calibration.labels[self.rows], self._items[self.rows]
        return on_device(label, self.device), on_device(item, self.device)

    def _draw(self, random: np.random.Generator) -> tuple[Indices, Indices]:
        rows = np.concatenate(
            [
                trial
                if len(trial) <= self.settings.per_trial
                else random.choice(trial, self.settings.per_trial, replace=False)
                for trial in self._trials
            ]
        )
        places = self.calibration.places
        start, low, high = places.start[rows], places.lowest[rows], places.highest[rows]
        if self.settings.jitter is not None:
            reach = round(self.settings.jitter * self.calibration.info.rate)
            low, high = np.maximum(low, start - reach), np.minimum(high, start + reach)
        elif self.calibration.locked:
            low = high = start
        return rows, random.integers(low, high, endpoint=True) - start

    def _repeats(self) -> dict[int, Indices]:
        """For each window those of the same marker label in the same session."""
        places, signals = self.calibration.places, self.calibration.signals
        groups: dict[tuple[str, str, str], list[int]] = {}
        for row in self.rows.tolist():
            signal = signals[places.signal[row]]
            key = (self.calibration.markers[places.trial[row]], signal.subject, signal.session)
            groups.setdefault(key, []).append(row)
        return {row: np.array(group, np.int64) for group in groups.values() for row in group}

    def _batch(self, rows: Indices, shifts: Indices, random: np.random.Generator | None) -> Batch:
        windows = self.calibration.cut(rows, shifts)
        if random is not None and self._alike:
            for i, row in enumerate(rows.tolist()):
                others = self._alike[row][self._alike[row] != row]
                more = random.choice(others, min(self.settings.average - 1, len(others)), replace=False)
                windows[i] = (windows[i] + self.calibration.cut(more).sum(axis=0)) / (1 + len(more))
        return Batch(
            on_device(windows, self.device),
            on_device(self.calibration.labels[rows], self.device),
            on_device(self._items[rows], self.device),
            on_device(self._subject[rows], self.device),
            rows,
        )


def on_device(array: NDArray[np.float32] | Indices, device: torch.device) -> Tensor:
    """``array`` on ``device``; to a GPU it goes by way of pinned memory, while the GPU is still busy."""
    tensor = torch.from_numpy(np.ascontiguousarray(array))
    if device.type == "cpu":
        return tensor
    return tensor.pin_memory().to(device, non_blocking=True)
