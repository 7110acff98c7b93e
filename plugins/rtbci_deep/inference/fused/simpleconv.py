"""EEG-SimpleConv for predicting: batch norms folded, time in front."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from rtbci_deep.inference.fused.filters import Filters
from rtbci_deep.inference.fused.folding import BatchNorm, normed
from rtbci_deep.inference.fused.fused import Fused, keep
from rtbci_deep.networks import SimpleConv
from rtbci_deep.whole import Whole


class FusedSimpleConv(Fused):
    """`SimpleConv` with its batch norms in the convolutions before them; the subject head is left out.

    Source: El Ouahidi et al. 2024; `folding.normed`.
    """

    classifier: Tensor
    bias: Tensor

    def __init__(self, whole: Whole, n_times: int) -> None:
        super().__init__(whole)
        network = cast(SimpleConv, whole.network)
        weight, bias = normed(network.conv.weight, None, network.norm)
        self.first = _filters(weight / whole.spread.double(), bias, n_times)
        self.wide, self.narrow = nn.ModuleList(), nn.ModuleList()
        n_frames = self.first.n_frames
        for block in network.blocks:
            conv, norm, _, _, conv_again, norm_again, _ = cast(nn.Sequential, block)
            wide = _filters(*normed(cast(Tensor, conv.weight), None, cast(BatchNorm, norm)), n_frames)
            weight, bias = normed(cast(Tensor, conv_again.weight), None, cast(BatchNorm, norm_again))
            narrow = _filters(weight, bias, wide.n_frames // 2)
            self.wide.append(wide)
            self.narrow.append(narrow)
            n_frames = narrow.n_frames
        keep(self, classifier=network.classifier.weight, bias=network.classifier.bias)

    def forward(self, rows: Tensor, *given: Any) -> Tensor:
        """See `Fused`."""
        y = self.first(self.centred(rows)).relu()
        for wide, narrow in zip(self.wide, self.narrow, strict=True):
            y = wide(y)
            pairs = y[:, : y.shape[1] // 2 * 2].reshape(y.shape[0], -1, 2, y.shape[2])
            y = narrow(torch.maximum(pairs[:, :, 0], pairs[:, :, 1]).relu()).relu()
        return functional.linear(y.mean(1), self.classifier, self.bias)


def _filters(weight: Tensor, bias: Tensor, n_times: int) -> Filters:
    taps = weight.shape[2]
    # 15 taps, two frames of a row: 1.8 ms for 22 x 380 where one took 2.0; 8 taps: 5.3 and 4.2 for 22 x 280
    return Filters(weight, bias, n_times, padding=(taps // 2, taps // 2), block=max(1, round(taps / 8)))
