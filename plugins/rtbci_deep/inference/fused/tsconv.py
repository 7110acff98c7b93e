"""What NICE and ATM share, for predicting: filter and pool as one strided filter, projections as one."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from rtbci_deep.inference.fused.folding import normed
from rtbci_deep.inference.fused.fused import keep
from rtbci_deep.networks import Projection, TSConv


class FusedTSConv(nn.Module):
    """`TSConv` and the `Projection` behind it.

    * The mean of 51 frames every 5 of filters with 25 taps is a filter with 75 taps every 5 samples, and the batch norm is
      part of it. With time in front, the 75 samples that a token is made of lie in one stretch of memory: a product for each
      token, for which nothing is copied.
    * The 1 x 1 projection and the linear layer behind it are one, ``L_t P`` for each token t, as nothing stands between.

    Source: Song et al. 2024; the composition of linear maps.
    """

    taps: Tensor
    shift: Tensor
    spatial: Tensor
    spatial_shift: Tensor
    linear: Tensor
    linear_bias: Tensor
    residual: Tensor
    residual_bias: Tensor
    scale: Tensor
    offset: Tensor

    def __init__(self, encoder: TSConv, projection: Projection) -> None:
        super().__init__()
        taps = encoder.temporal.weight.detach().double()[:, 0, 0]
        pool, self.step = encoder.pool_time_length, encoder.pool_time_stride
        n_filters, length = taps.shape
        pooled = torch.zeros(n_filters, length + pool - 1, dtype=torch.float64)
        for late in range(pool):
            pooled[:, late : late + length] += taps / pool
        pooled, shift = normed(pooled, encoder.temporal.bias, encoder.temporal_norm)
        spatial, spatial_shift = normed(encoder.spatial.weight[..., 0], encoder.spatial.bias, encoder.spatial_norm)
        mixing, mixing_bias = encoder.projection.weight.detach().double()[:, :, 0, 0], encoder.projection.bias
        linear = projection.linear.weight.detach().double().view(-1, encoder.n_tokens, n_filters)
        assert mixing_bias is not None
        linear_bias = projection.linear.bias.detach().double() + linear.sum(1) @ mixing_bias.detach().double()
        keep(
            self,
            taps=pooled,
            shift=shift[:, None],
            spatial=spatial.permute(1, 2, 0).flatten(0, 1),  # maps, then channels, as tokens have them
            spatial_shift=spatial_shift,
            linear=(linear @ mixing).flatten(1),
            linear_bias=linear_bias,
            residual=projection.residual.weight.T,
            residual_bias=projection.residual.bias,
            scale=projection.norm.weight,
            offset=projection.norm.bias,
        )
        self.eps = projection.norm.eps

    def forward(self, rows: Tensor) -> Tensor:
        """Embeddings (batch, n_outputs) of windows as rows (batch, n_times, n_chans), scaled."""
        stretches = rows.unfold(1, self.taps.shape[1], self.step).transpose(2, 3)
        tokens = functional.elu(torch.matmul(self.taps, stretches) + self.shift)
        tokens = functional.elu(torch.matmul(tokens.flatten(2), self.spatial) + self.spatial_shift)
        z = functional.linear(tokens.flatten(1), self.linear, self.linear_bias)
        z = z + torch.addmm(self.residual_bias, functional.gelu(z), self.residual)
        return functional.layer_norm(z, z.shape[-1:], self.scale, self.offset, self.eps)
