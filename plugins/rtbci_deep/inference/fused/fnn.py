"""Functional neural networks for predicting: their filters written out."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from rtbci_deep.inference.fused.filters import Filters
from rtbci_deep.inference.fused.fused import Fused, keep
from rtbci_deep.networks import FunctionalNet
from rtbci_deep.networks.fnn import FunctionalConv
from rtbci_deep.whole import Whole


class FusedFnn(Fused):
    """`FunctionalNet` with ``theta basis'`` of every layer multiplied out, which training cannot do.

    Source: Heinrichs et al. 2023; a filter is linear in its basis.
    """

    dense: Tensor

    def __init__(self, whole: Whole, n_times: int) -> None:
        super().__init__(whole)
        network = cast(FunctionalNet, whole.network)
        self.convs = nn.Sequential()
        for conv in network.convs:
            weight = _written_out(cast(FunctionalConv, conv))
            filters = Filters(weight, None, n_times, block=max(1, weight.shape[2] // 4))
            self.convs.append(filters)
            n_times = filters.n_frames
        dense = network.dense
        curves = torch.einsum("tk,kcf->ftc", dense.basis.double(), dense.theta.detach().double())
        keep(self, dense=curves.flatten(1) / len(dense.basis))

    def forward(self, rows: Tensor, *given: Any) -> Tensor:
        """See `Fused`."""
        x = self.scaled(rows).transpose(1, 2).contiguous()  # a layer norm over time wants time behind
        y = functional.layer_norm(x, x.shape[-1:], eps=1e-10).transpose(1, 2)
        for conv in self.convs:
            y = functional.elu(conv(y))
        return functional.linear(y.flatten(1), self.dense)


def _written_out(conv: FunctionalConv) -> Tensor:
    """Filters (n_filters, n_in, taps) float64."""
    return torch.einsum("kcf,tk->fct", conv.theta.detach().double(), conv.basis.double())
