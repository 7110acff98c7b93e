"""EEGNet for predicting: spatial filters before the temporal ones, pools as products."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor
from torch.nn import functional

from rtbci_deep.inference.fused.filters import Filters
from rtbci_deep.inference.fused.folding import normed, scale_and_shift
from rtbci_deep.inference.fused.fused import Fused, keep
from rtbci_deep.networks import EEGNet
from rtbci_deep.networks.eegnet import bounded
from rtbci_deep.whole import Whole

BLOCK = 40
"""Samples that one row makes, of half a second of taps: 25, 50, 100 and 125 took as long or longer (22 x 1000, 125 taps)."""


class FusedEegNet(Fused):
    """`EEGNet` in six products.

    * Spatial filters mix channels, temporal ones samples, and between them stands but the affine map of a batch norm: they
      commute, and F1 D mixtures are filtered instead of F1 C channels. Zeros around are as good before as behind, for a
      spatial filter has no bias of its own; the batch norm's shift meets the sum of its weights.
    * Temporal filters are Toeplitz matrices (`filters.Filters` says why), one product for each of the F1.
    * A pool is a product with a vector; the second one, behind which all is linear, is part of the classifier.
    * Depthwise and pointwise convolution are one convolution with ``pointwise[o, m] depthwise[m, t]``.

    Source: Lawhern et al. 2018, table 2; the order of linear operations along different axes is free.
    """

    mixing: Tensor
    shift: Tensor
    taps: Tensor
    mean: Tensor
    classifier: Tensor
    bias: Tensor

    def __init__(self, whole: Whole, n_times: int) -> None:
        super().__init__(whole)
        network = cast(EEGNet, whole.network)
        taps = network.temporal.weight.detach().double()[:, 0, 0]
        mixing = bounded(network.spatial.weight.detach().double(), 1.0)[:, 0, :, 0]
        self.n_filters, length = taps.shape
        of_filter = torch.arange(len(mixing)) // (len(mixing) // self.n_filters)
        first, first_shift = (values[of_filter] for values in scale_and_shift(network.temporal_norm))
        second, second_shift = scale_and_shift(network.spatial_norm)
        shift = second * first_shift * mixing.sum(1) + second_shift
        keep(self, mixing=(second * first)[:, None] * mixing / self.spread.double(), shift=shift[:, None])

        self.n_rows = -(-n_times // BLOCK)
        self.row = BLOCK + length - 1
        before = (length - 1) // 2
        self.around = before, (self.n_rows - 1) * BLOCK + self.row - n_times - before
        toeplitz = torch.zeros(self.n_filters, self.row, BLOCK, dtype=torch.float64)
        for late in range(BLOCK):
            toeplitz[:, late : late + length, late] = taps
        keep(self, taps=toeplitz)

        self.pool = int(network.pool1.kernel_size[1])  # type: ignore[index]
        self.n_pooled = n_times // self.pool
        keep(self, mean=torch.full((self.pool,), 1.0 / self.pool))
        separable, bias = normed(
            network.pointwise.weight.detach().double()[:, :, 0] * network.depthwise.weight.detach().double()[:, 0, 0],
            None,
            network.separable_norm,
        )
        again, width = int(network.pool2.kernel_size[1]), separable.shape[2]  # type: ignore[index]
        n_frames = self.n_pooled // again
        self.separable = Filters(separable, bias, self.n_pooled, padding=((width - 1) // 2, width // 2))
        classifier = bounded(network.classifier.weight.detach().double(), 0.25).view(-1, len(separable), n_frames)
        spread_out = classifier.repeat_interleave(again, dim=2) / again
        self.n_used = n_frames * again
        keep(self, classifier=spread_out.transpose(1, 2).flatten(1), bias=network.classifier.bias)

    def forward(self, rows: Tensor, *given: Any) -> Tensor:
        """See `Fused`."""
        n, n_maps = rows.shape[0], self.mixing.shape[0]
        z = functional.pad(torch.matmul(self.mixing, self.centred(rows).transpose(1, 2)), self.around)
        parts = z.unfold(2, self.row, BLOCK).view(n, self.n_filters, -1, self.n_rows, self.row).transpose(0, 1)
        y = torch.bmm(parts.reshape(self.n_filters, -1, self.row), self.taps)
        y = y.view(self.n_filters, n, -1, self.n_rows * BLOCK).transpose(0, 1).reshape(n, n_maps, -1)
        y = functional.elu(y[:, :, : self.n_pooled * self.pool] + self.shift)
        y = torch.matmul(y.view(-1, self.pool), self.mean).view(n, n_maps, self.n_pooled)
        y = functional.elu(self.separable(y.transpose(1, 2))[:, : self.n_used])
        return functional.linear(y.flatten(1), self.classifier, self.bias)
