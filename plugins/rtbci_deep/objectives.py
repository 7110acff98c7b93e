"""The two objectives: telling classes apart, and meeting embeddings of what was shown."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from rtbci_deep.losses import contrast, mean, mixed, of_subjects
from rtbci_deep.material import Batch, Material

FACTORS = (0.0, *(2.0 ** (k / 2) for k in range(-10, 1)))
"""What logits are multiplied with where an epoch is judged: it may be told to be less sure, never to be surer."""


class Classes:
    """Cross-entropy over classes.

    Parameters
    ----------
    weights : (n_classes,) float32 of the classes, or None.
    mixup : whether windows are mixed in pairs.
    subject_share : weight T of a second output that tells the subjects apart: ``(loss + T * loss of subjects) / 2``, as
        EEG-SimpleConv has it; 0: there is none, or it is not trained.
    """

    metric = "accuracy"

    def __init__(self, weights: Tensor | None, mixup: bool, subject_share: float = 0.0) -> None:
        self.weights = weights
        self.mixup = mixup
        self.subject_share = subject_share

    def loss(self, network: nn.Module, batch: Batch) -> Tensor:
        """Of a batch that is trained on."""
        x, share = batch.x, 1.0
        order = torch.arange(len(batch), device=x.device)
        if self.mixup and len(batch) > 1:
            share = float(torch.rand(()))
            order = torch.randperm(len(batch)).to(x.device)
            x = share * x + (1.0 - share) * x[order]
        scores, of_subject = outputs(network(x, batch.subject))
        loss = mixed(scores, batch.label, batch.label[order], share, self.weights)
        if of_subject is None or not self.subject_share:
            return loss
        who = of_subjects(of_subject, batch.subject, batch.subject[order], share)
        return (loss + self.subject_share * who) / 2

    def judge(self, network: nn.Module, material: Material) -> tuple[float, float]:
        """Loss at the best temperature, and share of windows told right; classes count alike where they do in training."""
        parts = [(batch, outputs(network(batch.x, batch.subject))[0].float()) for batch in material.in_order()]
        scores, label = torch.cat([scores for _, scores in parts]), torch.cat([batch.label for batch, _ in parts])
        weight = None if self.weights is None else alike(label)

        def loss(factor: float) -> Tensor:
            return mean(functional.cross_entropy(factor * scores, label, reduction="none"), weight)

        return at_best_temperature(loss), float(mean((scores.argmax(dim=1) == label).float(), weight))

    def guessing(self, material: Material) -> float:
        """The loss of who says nothing."""
        return math.log(len(material.calibration.classes))


def alike(label: Tensor) -> Tensor:
    """Weights (n,) with which the classes ``label`` (n,) count alike.

    A block of a dozen trials may hold ten of one class: unweighted, a network that always names that class would look best.
    """
    return 1.0 / torch.bincount(label)[label].float()


def at_best_temperature(loss: Callable[[float], Tensor]) -> float:
    """The smallest of ``loss(factor)`` over what logits may be multiplied with.

    A temperature is fitted when training has ended, so an epoch is judged by what it is worth then. Judged as it stands, a
    network of few trials looks best before it has learnt anything: while it still says nothing, it is not yet too sure.
    Sharper than it is, an epoch is not made: once all held-out trials are right, every later one would look the same.

    Source: Berta et al. 2025, "Rethinking early stopping: refine, then calibrate" (arXiv 2501.19195).
    """
    return float(torch.stack([loss(factor) for factor in FACTORS]).min())  # NaN where one is


def outputs(said: Tensor | tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor | None]:
    """A network's main output, and its second one where it has two."""
    return said if isinstance(said, tuple) else (said, None)


@dataclass(frozen=True, slots=True)
class Similarity:
    """How embeddings of windows are held against embeddings of what was shown: kept with every model.

    Logits are ``scale * <z, y>``, with ``z`` of the window and ``y`` of the item brought to length 1 where it is said so.
    """

    scale: float
    normalise_z: bool
    normalise_y: bool
    symmetric: bool

    def z(self, z: Tensor) -> Tensor:
        """Embeddings (..., n_dims) of windows as they are compared."""
        return functional.normalize(z, dim=-1) if self.normalise_z else z

    def y(self, y: Tensor) -> Tensor:
        """Embeddings (..., n_dims) of items as they are compared."""
        return functional.normalize(y, dim=-1) if self.normalise_y else y


class Embeddings:
    """Contrast to the embeddings of what was shown, and the distance from them.

    Parameters
    ----------
    targets : (n_items, n_dims) float32 embeddings of the items.
    similarity : how they are compared.
    mse : share of the mean squared distance; the rest is the contrast's. A network with two outputs has the second one
        for it.
    betas : of Adam.
    weights : (n_classes,) float32 of windows by their class, or None: where one class is shown five times as often as
        another, the nearest embedding would otherwise be its own, whatever the signal.
    """

    metric = "top-1"

    def __init__(
        self,
        targets: Tensor,
        similarity: Similarity,
        mse: float,
        betas: tuple[float, float] = (0.9, 0.999),
        weights: Tensor | None = None,
    ) -> None:
        self.targets = targets
        self.compared = similarity.y(targets)
        self.similarity = similarity
        self.mse = mse
        self.betas = betas
        self.weights = weights

    def loss(self, network: nn.Module, batch: Batch) -> Tensor:
        """Of a batch that is trained on."""
        z, second = outputs(network(batch.x, batch.subject))
        return self._loss(z, second, batch, None if self.weights is None else self.weights[batch.label])

    def _loss(
        self, z: Tensor, second: Tensor | None, batch: Batch, weight: Tensor | None, factor: float = 1.0
    ) -> Tensor:
        y = self.compared[batch.item]
        loss = torch.zeros((), device=z.device)
        if self.mse < 1.0:
            near = contrast(
                self.similarity.z(z.float()),
                y,
                batch.item,
                scale=factor * self.similarity.scale,
                symmetric=self.similarity.symmetric,
                weight=weight,
            )
            loss = loss + (1.0 - self.mse) * near
        if self.mse > 0.0:
            far = ((z if second is None else second).float() - self.targets[batch.item]).square().mean(dim=1)
            loss = loss + self.mse * mean(far, weight)
        return loss

    def judge(self, network: nn.Module, material: Material) -> tuple[float, float]:
        """Loss over all windows at once, and how often the item itself is nearest among all that are held out."""
        parts = [(batch, *outputs(network(batch.x, batch.subject))) for batch in material.in_order()]
        z = torch.cat([z for _, z, _ in parts]).float()
        seconds = [second for _, _, second in parts]
        second = torch.cat([s for s in seconds if s is not None]) if seconds[0] is not None else None
        label, item, subject = (torch.cat([getattr(b, n) for b, _, _ in parts]) for n in ("label", "item", "subject"))
        joined = Batch(z[:0], label, item, subject, material.rows)  # the windows themselves are not needed any more
        weight = None if self.weights is None else alike(joined.label)
        loss = at_best_temperature(lambda factor: self._loss(z, second, joined, weight, factor))
        items, column = torch.unique(joined.item, return_inverse=True)
        nearest = (self.similarity.z(z) @ self.compared[items].T).argmax(dim=1)
        return loss, float(mean((nearest == column).float(), weight))

    def guessing(self, material: Material) -> float:
        """The loss of who says nothing: an embedding of zeros for every window."""
        label, item = material.meanings()
        nothing = torch.zeros(len(item), self.targets.shape[1], device=item.device)
        weight = None if self.weights is None else alike(label)
        return float(self._loss(nothing, nothing, Batch(nothing[:0], label, item, label, material.rows), weight))
