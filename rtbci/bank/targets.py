"""Embeddings of what was shown, by marker label: a bank, a file of arrays, or one direction for each class.

The file is an ``.npz`` without pickle: ``labels`` (n_items,) text, ``embeddings`` (n_items, n_dims) floats, ``space_id``
text, such as "open_clip:ViT-H-14/laion2b_s32b_b79k". In a bank a label names an item or, where no item is called so, a
class, which stands for the mean direction of its items.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rtbci.bank.bank import Bank
from rtbci.calibration import Calibration, Indices
from rtbci.confidence import temperature
from rtbci.errors import BankError, DecoderError

OF_CLASSES = "rtbci:classes"
"""Space of directions that stand for classes alone."""
WANTED = "a bank, or an .npz with labels (n_items,), embeddings (n_items, n_dims) and space_id, would be right"


@dataclass(frozen=True)
class Targets:
    """Embeddings (n_items, n_dims) float32 by label, and the name of their space.

    ``bank`` is where they come from, if that is one; the embeddings of its classes then follow those of its items.
    """

    labels: tuple[str, ...]
    embeddings: NDArray[np.float32]
    space_id: str
    bank: Bank | None = None

    def number(self, label: str) -> int | None:
        """Number of the embedding that a label means, or None."""
        if self.bank is not None and (found := self.bank.find(label)) is not None:
            return found
        return self._numbers.get(label)

    def temperature(self, z: NDArray[np.float32], items: Indices, trial: Indices, scale: float) -> float:
        """What ``scale * cosines`` of all items are best divided by, given embeddings of held-out windows.

        Parameters
        ----------
        z : (n_windows, n_dims) float32, of length 1. items : (n_windows,), what was shown; `items` says how it is numbered.
        trial : (n_windows,), the trial of each.
        """
        n_items = len(self.labels) if self.bank is None else len(self.bank.items)
        known = np.flatnonzero(items < n_items)  # a marker may mean no single item, but a class
        if not len(known):
            return 1.0
        logits = scale * (z[known].astype(np.float64) @ unit(self.embeddings[:n_items]).T.astype(np.float64))
        return temperature(logits, items[known], trial[known], balance=False)

    @cached_property
    def _numbers(self) -> Mapping[str, int]:
        return {label: k for k, label in enumerate(self.labels)}

    def items(self, calibration: Calibration, where: str) -> Indices:
        """Number of the embedding of what was shown at each window (n_windows,): the marker's own, or that of its class.

        Raises DecoderError for a marker that has none.
        """
        class_of = {label: name for name, labels in _classes(calibration) for label in labels}
        of_trial = []
        for label in calibration.markers:
            number = self.number(label)
            if number is None and label in class_of:
                number = self.number(class_of[label])
            if number is None:
                shown = ", ".join(self.labels[:5]) + (" …" if len(self.labels) > 5 else "")
                raise DecoderError(
                    f'{where}: has no embedding for marker "{label}"; it has {len(self.labels)}: {shown}'
                )
            of_trial.append(number)
        return np.array(of_trial, np.int64)[calibration.trial]

    def of_classes(
        self, class_labels: Sequence[Sequence[str]], classes: Sequence[str], where: str
    ) -> NDArray[np.float32]:
        """What stands for each class (n_classes, n_dims), of length 1: the mean direction of what its labels name.

        Where they name nothing, it is what the class's own name names.
        """
        found = []
        for name, labels in zip(classes, class_labels, strict=True):
            mine = [number for label in labels if (number := self.number(label)) is not None]
            if not mine and (own := self.number(name)) is not None:
                mine = [own]
            if not mine:
                raise DecoderError(f'{where}: has no embedding for class "{name}" ({", ".join(labels)})')
            found.append(unit(unit(self.embeddings[mine]).mean(axis=0)))
        return np.stack(found).astype(np.float32)


def unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """``vectors`` (..., n_dims) brought to length 1."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    scaled: NDArray[np.float32] = vectors / np.maximum(lengths, 1e-12)
    return scaled


def load(path: Path, where: str) -> Targets:
    """Read the bank or the file at ``path``. Raises DecoderError, beginning with ``where``."""
    if path.is_dir():
        return of_bank(path, where)
    try:
        with np.load(path, allow_pickle=False) as file:
            labels, embeddings, space = file["labels"], file["embeddings"], str(file["space_id"])
    except OSError as error:
        raise DecoderError(f"{where}: {path} cannot be read ({error.strerror or error}); {WANTED}") from error
    except (ValueError, KeyError, zipfile.BadZipFile) as error:
        raise DecoderError(f"{where}: {path} is something else ({' '.join(str(error).split())}); {WANTED}") from error
    if labels.ndim != 1 or embeddings.ndim != 2 or len(labels) != len(embeddings) or not len(labels):
        raise DecoderError(
            f"{where}: {path} has labels of shape {labels.shape} and embeddings of {embeddings.shape}; {WANTED}"
        )
    if embeddings.dtype.kind not in "fiu" or not np.isfinite(embeddings).all():
        raise DecoderError(f"{where}: {path} has embeddings that are not finite numbers; {WANTED}")
    names = tuple(str(label) for label in labels)
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise DecoderError(f'{where}: {path} has label "{twice}" twice; each once would be right')
    return Targets(names, np.ascontiguousarray(embeddings, np.float32), space)


def of_bank(path: Path, where: str) -> Targets:
    """Items of a bank, and its classes. Raises DecoderError, beginning with ``where``."""
    try:
        bank = Bank.open(path)
    except BankError as error:
        raise DecoderError(f"{where}: {error}") from error
    rows = [bank.embeddings.astype(np.float32), *(bank.centre(name)[None] for name in bank.classes)]
    labels = (*(item.id for item in bank.items), *bank.classes)
    return Targets(labels, np.concatenate(rows), bank.space_id, bank)


def _classes(calibration: Calibration) -> Iterable[tuple[str, tuple[str, ...]]]:
    return zip(calibration.classes, calibration.class_labels, strict=True)


def directions(calibration: Calibration, n_dims: int, seed: int) -> Targets:
    """A direction at right angles to all others for each class, where no embeddings are given."""
    n_classes = len(calibration.classes)
    if n_dims < n_classes:
        raise DecoderError(f"dims = {n_dims} for {n_classes} classes; {n_classes} or more would be right")
    drawn = np.random.default_rng(seed).standard_normal((n_dims, n_classes))
    basis = np.linalg.qr(drawn)[0].T
    return Targets(calibration.classes, basis.astype(np.float32), OF_CLASSES)
