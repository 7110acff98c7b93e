"""What linear operations become when they are put into one: in float64, so that nothing is lost but the last rounding."""

from __future__ import annotations

import torch
from torch import Tensor, nn

BatchNorm = nn.BatchNorm1d | nn.BatchNorm2d


def scale_and_shift(norm: BatchNorm) -> tuple[Tensor, Tensor]:
    """A batch norm in evaluation mode as ``scale * x + shift``, each (n_maps,) float64.

    Source: Ioffe and Szegedy 2015, algorithm 2, line 11.
    """
    assert norm.running_mean is not None and norm.running_var is not None
    scale = norm.weight.detach().double() / torch.sqrt(norm.running_var.double() + norm.eps)
    return scale, norm.bias.detach().double() - scale * norm.running_mean.double()


def normed(weight: Tensor, bias: Tensor | None, norm: BatchNorm) -> tuple[Tensor, Tensor]:
    """Weights (n_maps, ...) and bias (n_maps,) float64 of a convolution, or a linear layer, with ``norm`` behind it."""
    scale, shift = scale_and_shift(norm)
    folded = weight.detach().double() * scale.view(-1, *[1] * (weight.dim() - 1))
    return folded, shift if bias is None else shift + scale * bias.detach().double()


def over_channels(temporal: nn.Conv2d, spatial: nn.Conv2d, spread: Tensor) -> tuple[Tensor, Tensor]:
    """A temporal convolution and the spatial one behind it as one: weights (n_out, n_chans, taps) and bias (n_out,) float64.

    Nothing stands between them, so ``sum over maps of spatial[o, m, c] temporal[m, t]`` is the filter of channel c. It is
    for samples that were not divided by their ``spread`` (n_chans, 1).

    Source: the composition of linear maps; Schirrmeister et al. 2017 for the two layers.
    """
    taps = temporal.weight.detach().double()[:, 0, 0]
    mixing = spatial.weight.detach().double()[..., 0]
    weight = torch.einsum("omc,mt->oct", mixing, taps) / spread.double()
    bias = torch.zeros(len(mixing), dtype=torch.float64) if spatial.bias is None else spatial.bias.detach().double()
    if temporal.bias is not None:
        bias = bias + torch.einsum("omc,m->o", mixing, temporal.bias.detach().double())
    return weight, bias
