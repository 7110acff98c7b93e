"""What networks are trained to make small: cross-entropy for classes, contrast and distance for embeddings."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def contrast(
    z: Tensor, y: Tensor, item: Tensor, *, scale: float, symmetric: bool, weight: Tensor | None = None
) -> Tensor:
    """InfoNCE between embeddings of windows and of what was shown.

    Each window is told from the *different* items of the batch: an item that was shown twice is no distractor of itself, as
    it would be in the published codes; where all items differ this is their loss. The symmetric part tells each item's
    windows from all windows of the batch, equally many times for each.

    Source: van den Oord et al. 2018; as NICE, ATM and Benchetrit et al. use it (their normalisations are the caller's).

    Parameters
    ----------
    z : (batch, n_dims) of windows.
    y : (batch, n_dims) of what was shown at each.
    item : (batch,) int64, equal for the same item.
    scale : what similarities are multiplied with.
    symmetric : whether the loss from items to windows is averaged with that from windows to items, in which every item
        counts alike however often it was shown.
    weight : (batch,) of each window in the loss from windows to items, or None: alike.
    """
    unique, column = torch.unique(item, return_inverse=True)
    first = torch.full((len(unique),), len(item), dtype=torch.int64, device=item.device)
    first = first.scatter_reduce(0, column, torch.arange(len(item), device=item.device), "amin")
    logits = scale * z @ y[first].T  # (batch, n_items)
    forward = mean(functional.cross_entropy(logits, column, reduction="none"), weight)
    if not symmetric:
        return forward
    shown = functional.one_hot(column, len(unique)).to(logits.dtype)
    share = shown / shown.sum(dim=0, keepdim=True)
    backward = -(share * torch.log_softmax(logits, dim=0)).sum(dim=0).mean()
    return (forward + backward) / 2


def mean(each: Tensor, weight: Tensor | None) -> Tensor:
    """Mean of ``each`` (batch,), weighted by ``weight`` (batch,) where there is one."""
    return each.mean() if weight is None else (weight * each).sum() / weight.sum()


def mixed(scores: Tensor, label: Tensor, other: Tensor, share: float, weight: Tensor | None) -> Tensor:
    """Cross-entropy of mixup: of ``share`` of each window's own ``label`` (batch,) and the rest of that of ``other``.

    Source: Zhang et al. 2018, mixup; as EEG-SimpleConv uses it.
    """
    own = functional.cross_entropy(scores, label, weight)
    return own if share == 1.0 else share * own + (1.0 - share) * functional.cross_entropy(scores, other, weight)


def of_subjects(scores: Tensor, subject: Tensor, other: Tensor, share: float) -> Tensor:
    """As `mixed`, for ``scores`` (batch, n_subjects) of who it is; a stranger, number n_subjects, counts for nothing."""

    def known(who: Tensor) -> Tensor:
        n_subjects = scores.shape[1]
        total = functional.cross_entropy(scores, who, ignore_index=n_subjects, reduction="sum")
        return total / (who < n_subjects).sum().clamp_min(1)

    own = known(subject)
    return own if share == 1.0 else share * own + (1.0 - share) * known(other)
