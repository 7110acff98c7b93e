"""NICE for predicting."""

from __future__ import annotations

from typing import Any, cast

from torch import Tensor

from rtbci_deep.inference.fused.fused import Fused
from rtbci_deep.inference.fused.tsconv import FusedTSConv
from rtbci_deep.networks import NICE
from rtbci_deep.whole import Whole


class FusedNice(Fused):
    """`NICE` as `FusedTSConv`, behind the scaling: its temporal filters are those of all channels."""

    def __init__(self, whole: Whole, n_times: int) -> None:
        super().__init__(whole)
        network = cast(NICE, whole.network)
        self.encoder = FusedTSConv(network.encoder, network.projection)

    def forward(self, rows: Tensor, *given: Any) -> Tensor:
        """See `Fused`."""
        embedding: Tensor = self.encoder(self.scaled(rows))
        return embedding
