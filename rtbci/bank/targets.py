"""Embeddings of what was shown, by marker label: a file of arrays, or one direction for each class.

An ``.npz`` without pickle: ``labels`` (n_items,) text, ``embeddings`` (n_items, n_dims) floats, ``space_id`` text, such as
"open_clip:ViT-H-14/laion2b_s32b_b79k".
"""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rtbci.calibration import Calibration, Indices
from rtbci.errors import DecoderError

OF_CLASSES = "rtbci:classes"
"""Space of directions that stand for classes alone."""
WANTED = "an .npz with labels (n_items,), embeddings (n_items, n_dims) and space_id would be right"


@dataclass(frozen=True, slots=True)
class Targets:
    """Embeddings (n_items, n_dims) float32 by marker label, and the name of their space."""

    labels: tuple[str, ...]
    embeddings: NDArray[np.float32]
    space_id: str

    def items(self, calibration: Calibration, where: str) -> Indices:
        """Number of what was shown at each window (n_windows,). Raises DecoderError for a marker without an embedding."""
        number = {label: k for k, label in enumerate(self.labels)}
        of_trial = []
        for trial in range(len(calibration.markers)):
            label = calibration.markers[trial]
            if label not in number:
                shown = ", ".join(self.labels[:5]) + (" …" if len(self.labels) > 5 else "")
                raise DecoderError(
                    f'{where}: has no embedding for marker "{label}"; it has {len(self.labels)}: {shown}'
                )
            of_trial.append(number[label])
        return np.array(of_trial, np.int64)[calibration.trial]

    def of_classes(
        self, class_labels: Sequence[Sequence[str]], classes: Sequence[str], where: str
    ) -> NDArray[np.float32]:
        """What stands for each class (n_classes, n_dims): the mean direction of its items, of length 1."""
        number = {label: k for k, label in enumerate(self.labels)}
        found = []
        for name, labels in zip(classes, class_labels, strict=True):
            mine = [number[label] for label in (*labels, name) if label in number]
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
    """Read the file at ``path``. Raises DecoderError, beginning with ``where``."""
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


def directions(calibration: Calibration, n_dims: int, seed: int) -> Targets:
    """A direction at right angles to all others for each class, where no embeddings are given."""
    n_classes = len(calibration.classes)
    if n_dims < n_classes:
        raise DecoderError(f"dims = {n_dims} for {n_classes} classes; {n_classes} or more would be right")
    drawn = np.random.default_rng(seed).standard_normal((n_dims, n_classes))
    basis = np.linalg.qr(drawn)[0].T
    return Targets(calibration.classes, basis.astype(np.float32), OF_CLASSES)
