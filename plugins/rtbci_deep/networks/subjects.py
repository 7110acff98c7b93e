"""Whose brain it is: learnt values for each known person, and one more set for anybody else."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from rtbci_deep.networks.arguments import require_positive, require_probability


class SubjectValues(nn.Module):
    """Learnt values of one shape for each person; ``stranger`` serves whoever is not known.

    ``known`` (n_subjects, \\*shape) belongs to these persons; ``stranger`` (\\*shape) to nobody, so it goes along when a
    network moves to other people. In training, some rows are served as a stranger's, or that set would never learn.

    Parameters
    ----------
    n_subjects : known persons.
    shape : of one person's values.
    scale : they begin as N(0, scale).
    unknown : probability, in training, that a person is taken for a stranger.

    Raises
    ------
    ValueError
        No subject, or ``unknown`` outside [0, 1).
    """

    def __init__(self, n_subjects: int, shape: tuple[int, ...], *, scale: float = 1.0, unknown: float = 0.1) -> None:
        super().__init__()
        require_positive(n_subjects=n_subjects)
        require_probability(unknown=unknown)
        self.unknown = unknown
        self.known = nn.Parameter(scale * torch.randn(n_subjects, *shape))
        self.stranger = nn.Parameter(scale * torch.randn(*shape))

    def forward(self, subject: Tensor | None, batch: int) -> Tensor:
        """Values (batch, \\*shape) of ``subject`` (batch,) int64; None, ``n_subjects`` or any other number: a stranger's."""
        anybody = self.stranger.expand(batch, *self.stranger.shape)
        if subject is None:
            return anybody
        is_known = (subject >= 0) & (subject < len(self.known))
        if self.training and self.unknown > 0:
            is_known = is_known & (torch.rand(subject.shape, device=subject.device) >= self.unknown)
        theirs = self.known[torch.where(is_known, subject, 0)]
        return torch.where(is_known.view(-1, *[1] * self.stranger.dim()), theirs, anybody)
