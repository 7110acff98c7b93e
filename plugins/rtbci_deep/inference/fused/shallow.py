"""ShallowFBCSPNet for predicting: one convolution, sums of blocks."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor
from torch.nn import functional

from rtbci_deep.inference.fused.filters import Filters
from rtbci_deep.inference.fused.folding import normed, over_channels
from rtbci_deep.inference.fused.fused import Fused, keep
from rtbci_deep.networks import ShallowFBCSPNet
from rtbci_deep.networks.shallow import LEAST_POWER
from rtbci_deep.whole import Whole

BLOCK = 4
"""Frames of a row, for 25 taps of 22 channels: 0.45 ms; 0.67 with 1, 0.50 with 8, and 0.89 as ``conv1d``."""


class FusedShallow(Fused):
    """`ShallowFBCSPNet` in three products: filters over time and channels, the pool as a matrix, the classifier.

    The temporal convolution, the spatial one and the batch norm are one convolution (`folding.over_channels`): 22 M products
    for 22 x 1000, where the two take 56 M.

    Source: Schirrmeister et al. 2017; the composition of linear maps.
    """

    pool: Tensor
    classifier: Tensor
    bias: Tensor

    def __init__(self, whole: Whole, n_times: int) -> None:
        super().__init__(whole)
        network = cast(ShallowFBCSPNet, whole.network)
        weight, bias = normed(*over_channels(network.temporal, network.spatial, whole.spread), network.norm)
        self.filters = Filters(weight, bias, n_times, block=BLOCK)
        pool = pooling(network.pool, self.filters.n_frames)
        classifier = network.classifier.weight.detach().view(network.classifier.out_features, len(weight), -1)
        keep(self, pool=pool, classifier=classifier.transpose(1, 2).flatten(1), bias=network.classifier.bias)

    def forward(self, rows: Tensor, *given: Any) -> Tensor:
        """See `Fused`."""
        y = self.filters(self.centred(rows))
        power = torch.matmul(self.pool, y * y)
        return functional.linear(torch.log(power.clamp_min(LEAST_POWER)).flatten(1), self.classifier, self.bias)


def pooling(pool: torch.nn.AvgPool2d, n_frames: int) -> Tensor:
    """``pool`` along time as a matrix (n_pooled, n_frames) float64 that frames are multiplied with."""
    length, stride = int(pool.kernel_size[1]), int(pool.stride[1])  # type: ignore[index]
    matrix = torch.zeros((n_frames - length) // stride + 1, n_frames, dtype=torch.float64)
    for k in range(len(matrix)):
        matrix[k, k * stride : k * stride + length] = 1.0 / length
    return matrix
