"""ATM-S for predicting: one product for queries, keys and values, then NICE's encoder."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from rtbci_deep.inference.fused.attention import FusedAttention
from rtbci_deep.inference.fused.fused import Fused
from rtbci_deep.inference.fused.tsconv import FusedTSConv
from rtbci_deep.networks import ATMS
from rtbci_deep.networks.subjects import SubjectValues
from rtbci_deep.whole import Whole


class FusedAtm(Fused):
    """`ATMS` with `FusedAttention` and `FusedTSConv`.

    Source: Li et al. 2024. Folding the tokens' linear layer into queries, keys and values, or leaving out the query of the
    subject's token, changed nothing that could be measured (1.98 ms of 63 x 250 each).
    """

    def __init__(self, whole: Whole, n_times: int) -> None:
        super().__init__(whole)
        network = cast(ATMS, whole.network)
        self.n_chans, self.keep_subject_token = network.n_chans, network.keep_subject_token
        self.tokens, self.expand, self.contract = network.tokens, network.expand, network.contract
        self.attention_norm, self.feed_norm, self.norm = network.attention_norm, network.feed_norm, network.norm
        self.attention = FusedAttention(network.attention)
        self.encoder = FusedTSConv(network.encoder, network.projection)
        self._known = everybody(network.subjects)  # no buffer: what is used of it goes through `given`

    def given(self, subject: int, bad: NDArray[np.bool_] | None) -> tuple[Tensor, ...]:
        """The token (1, 1, n_times) of ``subject``."""
        return (of_person(self._known, subject)[None, None].to(self.centre.device),)

    def forward(self, rows: Tensor, *given: Any) -> Tensor:
        """See `Fused`."""
        (whose,) = given
        t = torch.cat([whose.expand(rows.shape[0], -1, -1), self.tokens(self.scaled(rows).transpose(1, 2))], dim=1)
        t = self.attention_norm(t + self.attention(t))
        t = self.feed_norm(t + self.contract(functional.gelu(self.expand(t))))
        t = self.norm(t[:, : self.n_chans] if self.keep_subject_token else t[:, 1:])
        embedding: Tensor = self.encoder(t.transpose(1, 2))
        return embedding


def everybody(values: SubjectValues) -> Tensor:
    """What ``values`` has for each person, and the stranger's behind: (n_subjects + 1, ...)."""
    return torch.cat([values.known.detach(), values.stranger.detach()[None]])


def of_person(values: Tensor, subject: int) -> Tensor:
    """The row of `everybody` for ``subject``; any other number is a stranger."""
    return values[subject if 0 <= subject < len(values) - 1 else -1]
