"""Neuro-GPT's encoder for predicting: one convolution, layer norms in the products behind them."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from rtbci_deep.inference.fused.attention import FusedAttention, after_affine
from rtbci_deep.inference.fused.filters import Filters
from rtbci_deep.inference.fused.folding import normed, over_channels
from rtbci_deep.inference.fused.fused import Fused, keep
from rtbci_deep.inference.fused.shallow import BLOCK, pooling
from rtbci_deep.networks import ConformerChunks
from rtbci_deep.whole import Whole


class FusedConformer(Fused):
    """`ConformerChunks`: an ``encoder`` of each chunk, and a ``head`` over the codes of all, the oldest chunk's first.

    Source: Cui et al. 2023.

    Attributes
    ----------
    n_chunks, chunk : of a window, and samples of one.
    """

    def __init__(self, whole: Whole, n_times: int) -> None:
        super().__init__(whole)
        network = cast(ConformerChunks, whole.network)
        self.n_chunks, self.chunk = network.n_chunks, network.chunk
        self.encoder = FusedEncoder(whole)
        self.head = nn.Sequential(network.first, nn.ELU(), network.second, nn.ELU(), network.classifier)

    def forward(self, rows: Tensor, *given: Any) -> Tensor:
        """See `Fused`."""
        codes = self.encoder(rows.reshape(-1, self.chunk, rows.shape[2]))
        scores: Tensor = self.head(codes.view(rows.shape[0], -1))
        return scores


class FusedEncoder(Fused):
    """What `ConformerChunks` makes of a chunk: rows (n, chunk, n_chans) to codes (n, n_features).

    Temporal and spatial convolution and batch norm are one convolution (`folding.over_channels`), the pool is a matrix. What
    a layer norm multiplies and adds is part of the products behind it, and queries, keys and values are one product.

    Source: Cui et al. 2023; Schirrmeister et al. 2017; the composition of linear maps.
    """

    pool: Tensor
    projection: Tensor
    projection_bias: Tensor

    def __init__(self, whole: Whole) -> None:
        super().__init__(whole)
        network = cast(ConformerChunks, whole.network)
        unscaled = torch.ones_like(whole.spread)  # the z-score stands between scaling and filters
        weight, bias = normed(*over_channels(network.temporal, network.spatial, unscaled), network.norm)
        self.filters = Filters(weight, bias, network.chunk, block=BLOCK)
        pool, projection = pooling(network.pool, self.filters.n_frames), network.projection
        keep(self, pool=pool, projection=projection.weight[:, :, 0, 0], projection_bias=projection.bias)
        self.blocks = nn.Sequential(*(_Block(block) for block in network.blocks))

    def forward(self, rows: Tensor, *given: Any) -> Tensor:
        """See the class."""
        y = functional.elu(self.filters(_z_score(self.scaled(rows))))
        tokens = functional.linear(torch.matmul(self.pool, y), self.projection, self.projection_bias)
        codes: Tensor = self.blocks(tokens)
        return codes.flatten(1)


class _Block(nn.Module):
    expand: Tensor
    expand_bias: Tensor

    def __init__(self, block: Any) -> None:
        super().__init__()
        self.eps = block.attention_norm.eps, block.feed_norm.eps
        self.attention = FusedAttention(block.attention, block.attention_norm.weight, block.attention_norm.bias)
        before = block.feed_norm.weight, block.feed_norm.bias
        weight, bias = after_affine(block.expand.weight, block.expand.bias, *before)
        keep(self, expand=weight, expand_bias=bias)
        self.contract = block.contract

    def forward(self, x: Tensor) -> Tensor:  # (n, n_tokens, width) to the same
        size = x.shape[-1:]
        x = x + self.attention(functional.layer_norm(x, size, eps=self.eps[0]))
        wide = functional.linear(functional.layer_norm(x, size, eps=self.eps[1]), self.expand, self.expand_bias)
        out: Tensor = x + self.contract(functional.gelu(wide))
        return out


def _z_score(rows: Tensor) -> Tensor:
    """As the network's own, of (n, chunk, n_chans): with time in front it takes 0.08 ms of 22 x 500, and 0.19 behind."""
    mean = rows.mean(dim=1, keepdim=True)
    rows = rows - mean
    variance = rows.square().mean(dim=1, keepdim=True)
    return rows / torch.sqrt(variance + (1e-6 * mean).square() + 1e-24)
