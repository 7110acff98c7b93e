"""Neuro-GPT's encoder: the window in chunks, each a code of its own, so that old chunks need not be encoded again."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from rtbci_deep.networks.arguments import frames, frames_left, require_positive, require_probability
from rtbci_deep.networks.attention import SelfAttention


class ConformerChunks(nn.Module):
    """A small EEG Conformer for each chunk, and a classifier over the codes of all chunks of a window.

    Shapes, for C channels and chunks of S samples (values for S = 500)::

        (batch n_chunks, C, S)
        z-score of each channel over the chunk
        temporal      40 filters of 25 samples                          (.., 40, C, S - 24)
        spatial       40 mixtures of all of these; BN, ELU              (.., 40, 1, S - 24)
        mean of 75 samples every 15; dropout                            (.., 40, 1, 27)
        projection    1 x 1                                             (.., 27 tokens, 40)
        6 blocks      x + drop(attention(norm(x))), 10 heads of 4, logits divided by sqrt(40), not by sqrt(4);
                      x + drop(40 to 160, GELU, dropout, to 40 (norm(x)))
        flat, token-major                                               (.., 1080)         `encode`
        all chunks, the oldest first                                    (batch, n_chunks 1080)
        256, ELU, dropout; 32, ELU; n_outputs                           (batch, n_outputs) `head`

    A chunk's code is a function of the chunk alone and may be kept while the window moves on by whole chunks. For that the
    z-score is taken over the chunk; Neuro-GPT's fine-tuning takes it over the trial, before it is cut.

    About .72 M parameters for 2 chunks of 500 samples and 22 channels.

    Source: Cui et al. 2023 (Neuro-GPT); wenhui0206/NeuroGPT, src/encoder/conformer_braindecode.py. It maps other montages
    to its 22 channels by a matrix, before the network.

    Parameters
    ----------
    n_chans, n_times, n_outputs : channels and samples of a window, a multiple of ``n_chunks``; classes.
    sfreq : Hz; taps and pools are in samples (stated for 250 Hz), so it changes nothing.
    n_chunks : of a window.
    n_filters_time, filter_time_length, pool_time_length, pool_time_stride : filters and size of a token; samples.
    att_depth, att_heads : blocks; heads, which divide ``n_filters_time``.
    drop_prob, att_drop_prob : of the convolutions and the classifier; of the blocks.

    Attributes
    ----------
    chunk, n_features : samples of a chunk; length of its code.

    Raises
    ------
    ValueError
        Chunks or heads that do not divide, a chunk too short for filter and pool, or an argument out of its range.
    """

    LOCAL: ClassVar[tuple[str, ...]] = ("spatial.",)
    USES: ClassVar[frozenset[str]] = frozenset()
    SOURCE: ClassVar[str] = "Cui et al., Neuro-GPT: towards a foundation model for EEG, arXiv 2311.03764, 2023"

    def __init__(
        self,
        n_chans: int,
        n_times: int,
        n_outputs: int,
        sfreq: float,
        *,
        n_chunks: int = 2,
        n_filters_time: int = 40,
        filter_time_length: int = 25,
        pool_time_length: int = 75,
        pool_time_stride: int = 15,
        att_depth: int = 6,
        att_heads: int = 10,
        drop_prob: float = 0.5,
        att_drop_prob: float = 0.5,
    ) -> None:
        super().__init__()
        require_positive(n_chans=n_chans, n_times=n_times, n_outputs=n_outputs, sfreq=sfreq, n_chunks=n_chunks)
        require_positive(n_filters_time=n_filters_time, filter_time_length=filter_time_length)
        require_positive(pool_time_length=pool_time_length, pool_time_stride=pool_time_stride)
        require_positive(att_depth=att_depth, att_heads=att_heads)
        require_probability(drop_prob=drop_prob, att_drop_prob=att_drop_prob)
        width = n_filters_time
        if n_times % n_chunks:
            less = n_times - n_times % n_chunks
            raise ValueError(
                f"n_times = {n_times} does not divide into {n_chunks} chunks; {less or n_chunks} or {less + n_chunks} would"
            )
        if width % att_heads:
            raise ValueError(
                f"att_heads = {att_heads} for n_filters_time = {width}; a divisor of {width} would be right"
            )
        self.n_chunks, self.chunk = n_chunks, n_times // n_chunks
        self.att_heads, self.pool_time_length, self.pool_time_stride = att_heads, pool_time_length, pool_time_stride
        n_tokens = frames_left(
            n_times,
            lambda n: frames(frames(n // n_chunks, filter_time_length), pool_time_length, pool_time_stride),
            f"ConformerChunks of {n_chunks} chunks",
        )
        self.n_features = n_tokens * width
        self.temporal = nn.Conv2d(1, width, (1, filter_time_length))
        self.spatial = nn.Conv2d(width, width, (n_chans, 1))
        self.norm = nn.BatchNorm2d(width)
        self.pool = nn.AvgPool2d((1, pool_time_length), (1, pool_time_stride))
        self.drop = nn.Dropout(drop_prob)
        self.projection = nn.Conv2d(width, width, 1)
        self.blocks = nn.Sequential(*[_Block(width, att_heads, att_drop_prob) for _ in range(att_depth)])
        self.first = nn.Linear(n_chunks * self.n_features, 256)
        self.second = nn.Linear(256, 32)
        self.classifier = nn.Linear(32, n_outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Class scores (batch, n_outputs) of windows x (batch, n_chans, n_times)."""
        n_chans = x.shape[1]
        chunks = x.reshape(-1, n_chans, self.n_chunks, self.chunk).transpose(1, 2)
        codes = self.encode(chunks.reshape(-1, n_chans, self.chunk))
        return self.head(codes.reshape(-1, self.n_chunks * self.n_features))

    def encode(self, chunks: Tensor) -> Tensor:
        """Codes (n, n_features) of chunks (n, n_chans, chunk), each a function of its own chunk."""
        x = self.spatial(self.temporal(_z_score(chunks)[:, None]))
        x = self.projection(self.drop(self.pool(functional.elu(self.norm(x)))))
        tokens: Tensor = self.blocks(x.squeeze(2).transpose(1, 2))
        return tokens.flatten(1)

    def head(self, features: Tensor) -> Tensor:
        """Class scores (batch, n_outputs) of codes (batch, n_chunks n_features), the oldest chunk's first."""
        # the public code has no dropout after the second layer: the .3 that it names is commented out
        x = functional.elu(self.second(self.drop(functional.elu(self.first(features)))))
        scores: Tensor = self.classifier(x)
        return scores


class _Block(nn.Module):
    def __init__(self, width: int, n_heads: int, drop_prob: float) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(width)
        self.attention = SelfAttention(width, n_heads, width // n_heads, scale=width**-0.5, drop_prob=drop_prob)
        self.feed_norm = nn.LayerNorm(width)
        self.expand = nn.Linear(width, 4 * width)
        self.contract = nn.Linear(4 * width, width)
        self.drop = nn.Dropout(drop_prob)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.drop(self.attention(self.attention_norm(x)))
        out: Tensor = x + self.drop(self.contract(self.drop(functional.gelu(self.expand(self.feed_norm(x))))))
        return out


def _z_score(chunks: Tensor) -> Tensor:
    variance, mean = torch.var_mean(chunks, dim=-1, correction=0, keepdim=True)
    # a constant channel becomes about 0: what is left of it after the mean is rounding, 1e-7 of its level
    return (chunks - mean) / torch.sqrt(variance + (1e-6 * mean).square() + 1e-24)
