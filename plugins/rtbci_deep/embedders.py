"""Networks that give an embedding of what was seen, as decoders: the nearest class is the answer."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from rtbci.bank.targets import Targets, directions, load, unit
from rtbci.calibration import Calibration, Indices
from rtbci.confidence import log_softmax, temperature
from rtbci.errors import DecoderError
from rtbci.types import Window
from rtbci_deep.decoder import NetworkDecoder
from rtbci_deep.material import Material
from rtbci_deep.networks import ATMS, NICE, MegConv
from rtbci_deep.objectives import Embeddings, Similarity
from rtbci_deep.positions import positions_of
from rtbci_deep.settings import Optimizer, Scale, Schedule
from rtbci_deep.shape import Shape, array_to_text, text_to_array
from rtbci_deep.trainer import Objective
from rtbci_deep.whole import Whole

Array = NDArray[np.float32]


@dataclass(kw_only=True, eq=False)
class Embedder(NetworkDecoder):
    """A network whose output is an embedding.

    Parameters
    ----------
    targets : file of embeddings by marker label (.npz: labels, embeddings, space_id); without one each class is a direction
        of its own.
    dims : length of such a direction.
    mse : share of the mean squared distance in the loss; the rest is the contrast's (InfoNCE).
    similarity_scale : what similarities are multiplied with in the contrast.
    normalise_z, normalise_y : whether embeddings of windows, and of items, are brought to length 1 before.
    symmetric : whether items are told from windows, too.

    Attributes
    ----------
    space_id : of the embeddings. logit_scale, item_scale : what similarities with classes, and with all items, are
        multiplied with for probabilities.
    """

    TARGETS: ClassVar[bool] = True
    BETAS: ClassVar[tuple[float, float]] = (0.9, 0.999)

    targets: Path | None = None
    dims: int = 64
    mse: float = 0.0
    similarity_scale: float = 1.0 / 0.07
    normalise_z: bool = True
    normalise_y: bool = True
    symmetric: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        self.space_id = ""
        self.logit_scale = self.item_scale = self.similarity_scale
        self._shown: Targets | None = None
        self._classes: Array = np.zeros((0, 0), np.float32)
        self._exact: tuple[Array, NDArray[np.float64]] = self._classes, np.zeros((0, 0))
        self._normalise = (self.normalise_z, self.normalise_y)

    def _begin(self, calibration: Calibration) -> Indices:
        where = f"targets = {self.targets}"
        self.logit_scale = self.item_scale = self.similarity_scale
        self._normalise = (self.normalise_z, self.normalise_y)
        if self.targets is None:
            # not by the seed: a network that goes on elsewhere, or in another round of several sites, keeps its directions
            shown = directions(calibration, self.dims, 0)
            self._classes, items = shown.embeddings, calibration.labels
        else:
            shown = load(self.targets, where)
            self._classes = shown.of_classes(calibration.class_labels, calibration.classes, where)
            items = shown.items(calibration, where)
        self._shown, self.space_id = shown, shown.space_id
        return items

    def _check_begin(self, begin: Mapping[str, NDArray[Any]]) -> None:
        theirs = array_to_text(begin["meta/space_id"]) if "meta/space_id" in begin else ""
        if theirs != self.space_id:
            raise DecoderError(
                f'{self._name}: the model to begin from has learnt space "{theirs}", the targets are of "{self.space_id}"; '
                "where only the input block is trained, targets of the former, or --train all, would be right"
            )

    def _shape(self, calibration: Calibration) -> Shape:
        assert self._shown is not None
        shape = super()._shape(calibration)
        positions = positions_of(calibration.info)
        return Shape(
            shape.n_chans,
            shape.n_times,
            shape.n_classes,
            self._shown.embeddings.shape[1],
            shape.rate,
            shape.subjects,
            positions,
        )

    def _objective(self, material: Material, whole: Whole) -> Objective:
        assert self._shown is not None
        similarity = Similarity(self.similarity_scale, self.normalise_z, self.normalise_y, self.symmetric)
        targets = torch.from_numpy(self._shown.embeddings).to(material.device)
        n_classes = len(material.calibration.classes)
        weights = material.class_weights(n_classes) if self.balance else None
        return Embeddings(targets, similarity, self.mse, self.BETAS, weights)

    def _fit_confidence(self, outputs: Array, held_out: Calibration) -> None:
        logits = self.similarity_scale * self._similarities(outputs)
        self.logit_scale = self.similarity_scale / temperature(
            logits, held_out.labels, held_out.trial, balance=self.balance
        )
        assert self._shown is not None
        items = held_out.labels if self.targets is None else self._shown.items(held_out, f"targets = {self.targets}")
        hotter = self._shown.temperature(unit(outputs), items, held_out.trial, self.similarity_scale)
        self.item_scale = self.similarity_scale / hotter

    def _similarities(self, outputs: Array) -> NDArray[np.float64]:
        return self._against_classes(self._compared(outputs))

    def _compared(self, outputs: Array) -> Array:
        return unit(outputs) if self._normalise[0] else outputs

    def _against_classes(self, z: Array) -> NDArray[np.float64]:
        if self._exact[0] is not self._classes:
            # once: for 200 classes of 1024 values it takes .25 ms, where NICE takes 1
            self._exact = self._classes, self._classes.T.astype(np.float64)
        result: NDArray[np.float64] = z.astype(np.float64) @ self._exact[1]
        return result

    def _log_probs(self, outputs: Array) -> NDArray[np.float64]:
        # one matrix-vector product for each window: a product of matrices might round a row otherwise in another batch
        said = np.stack([self._similarities(row[None])[0] for row in outputs])
        return log_softmax(self.logit_scale * said)

    def embed(self, window: Window) -> Array:
        """Embedding (n_dims,) float32 of ``window``, as it is compared."""
        compared: Array = self._compared(self._said(window)[None])[0]
        return compared

    def classify(self, embedding: Array) -> NDArray[np.float64]:
        """Log-probabilities (n_classes,) for an ``embedding`` (n_dims,) float32 as `embed` gives it."""
        said = self._against_classes(embedding[None])
        log_probs: NDArray[np.float64] = log_softmax(self.logit_scale * said)[0]
        return log_probs

    def _own_arrays(self) -> dict[str, NDArray[Any]]:
        return {
            "meta/classes": self._classes,
            "meta/space_id": text_to_array(self.space_id),
            "meta/logit_scale": np.array(self.logit_scale, np.float64),
            "meta/item_scale": np.array(self.item_scale, np.float64),
            "meta/similarity_scale": np.array(self.similarity_scale, np.float64),
            "meta/normalise": np.array(self._normalise, np.bool_),
        }

    def _own_restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        self._classes = np.array(arrays["meta/classes"], np.float32)
        self.space_id = array_to_text(arrays["meta/space_id"])
        self.logit_scale = float(arrays["meta/logit_scale"])
        self.item_scale = float(arrays["meta/item_scale"])
        normalise_z, normalise_y = (bool(flag) for flag in arrays["meta/normalise"])
        self._normalise = (normalise_z, normalise_y)
        assert self._state is not None
        wanted = (self._state.shape.n_classes, self._state.shape.n_outputs)
        if self._classes.shape != wanted or not math.isfinite(self.logit_scale + self.item_scale):
            raise ValueError(f"classes of shape {self._classes.shape}, not {wanted}")


@dataclass(kw_only=True, eq=False)
class Nice(Embedder):
    """NICE: a temporal-spatial convolution aligned with embeddings of pictures. For evoked EEG, 0 to 1 s after onset.

    `rtbci_deep.networks.NICE` draws it (Song et al. 2024). Published for 63 channels at 250 Hz, 0.1 to 100 Hz, with
    baseline = 0.2 and { use = "mvnn" } before it, and repetitions averaged in training (average = 4).

    Parameters
    ----------
    drop_prob : of convolutions and projection.
    """

    BETAS: ClassVar[tuple[float, float]] = (0.5, 0.999)
    learning_rate: float = 2e-4
    batch: int = 1000
    drop_prob: float = 0.5

    def _network(self, shape: Shape) -> nn.Module:
        return NICE(shape.n_chans, shape.n_times, shape.n_outputs, shape.rate, drop_prob=self.drop_prob)


@dataclass(kw_only=True, eq=False)
class Atm(Embedder):
    """ATM-S: attention between channels, with a token for the subject, before NICE's convolutions.

    `rtbci_deep.networks.ATMS` draws it (Li et al. 2024). Single trials of 63 channels at 250 Hz, 0.1 to 100 Hz, with
    baseline = 0.2 and { use = "mvnn" }. Whoever was not trained on is decoded with the token of a stranger.

    Parameters
    ----------
    n_heads : of attention.
    drop_prob : of attention; .5 in convolutions and projection.
    unknown : probability, in training, that a subject is taken for a stranger.
    keep_subject_token : as the public code at 22c84ad had it by mistake; published weights may need it.
    """

    learning_rate: float = 3e-4
    optimizer: Optimizer = "adamw"
    epochs: int = 40
    similarity_scale: float = math.log(1.0 / 0.07)
    normalise_z: bool = False
    n_heads: int = 4
    drop_prob: float = 0.25
    unknown: float = 0.1
    keep_subject_token: bool = False

    def _network(self, shape: Shape) -> nn.Module:
        return ATMS(
            shape.n_chans,
            shape.n_times,
            shape.n_outputs,
            shape.rate,
            n_subjects=max(1, len(shape.subjects)),
            n_heads=self.n_heads,
            drop_prob=self.drop_prob,
            unknown=self.unknown,
            keep_subject_token=self.keep_subject_token,
        )


@dataclass(kw_only=True, eq=False)
class MegConvolution(Embedder):
    """Sensors merged by where they are, a layer for each subject, dilated convolutions. For MEG; bad channels are left out.

    `rtbci_deep.networks.MegConv` draws it (Défossez et al. 2023; Benchetrit et al. 2024). For 120 Hz, 0.1 to 40 Hz; the
    second head, which ``mse`` trains, is that of a picture's generator.

    Parameters
    ----------
    hidden, n_blocks, width : feature maps of the convolutions, pairs of them, and of the output convolution.
    n_virtual : virtual sensors.
    time_aggregation : "linear", "mean" or "attention".
    drop_radius : of the spatial dropout, in units of the sensor map.
    unknown : probability, in training, that a subject is taken for a stranger.
    """

    learning_rate: float = 1e-4
    optimizer: Optimizer = "adamw"
    weight_decay: float = 0.05
    schedule: Schedule = "one-cycle"
    epochs: int = 40
    patience: int = 5
    scale: Scale = "robust"
    clip: float = 20.0
    mse: float = 0.25
    similarity_scale: float = 1.0
    normalise_z: bool = False
    symmetric: bool = False
    hidden: int = 320
    n_blocks: int = 2
    width: int = 2048
    n_virtual: int = 270
    time_aggregation: str = "linear"
    drop_radius: float = 0.2
    unknown: float = 0.1

    def _network(self, shape: Shape) -> nn.Module:
        assert shape.positions is not None
        return MegConv(
            shape.n_chans,
            shape.n_times,
            shape.n_outputs,
            shape.rate,
            shape.positions,
            n_subjects=max(1, len(shape.subjects)),
            n_virtual=self.n_virtual,
            hidden_dim=self.hidden,
            n_blocks=self.n_blocks,
            backbone_out=self.width,
            spatial_drop=self.drop_radius,
            unknown=self.unknown,
            time_aggregation=self.time_aggregation,
        )
