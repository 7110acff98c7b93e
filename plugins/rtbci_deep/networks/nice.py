"""NICE: an evoked response straight into the space of image embeddings."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn

from rtbci_deep.networks.arguments import require_positive
from rtbci_deep.networks.tsconv import Projection, TSConv


class NICE(nn.Module):
    """`TSConv`, then `Projection`: (batch, C, T) to (batch, 40 n_tokens) to (batch, n_outputs).

    1 802 496 parameters for 63 channels, 250 samples and embeddings of 768 (CLIP ViT-L/14).

    The published logits are ``exp(ln(1 / .07))`` times the cosine of embedding and image; the embedding leaves here as it
    is, of any length.

    Source: Song et al., ICLR 2024; eeyhsong/NICE-EEG, nice_stand.py. Weights of convolutions and linear layers begin as
    N(0, .02), those of batch norms as N(1, .02).

    Parameters
    ----------
    n_chans, n_times, n_outputs : channels and samples of a window; length of an image embedding.
    sfreq : Hz; taps and pools are in samples, so it changes nothing.
    n_filters, filter_time_length, pool_time_length, pool_time_stride, drop_prob : see `TSConv`.
    projection_drop_prob : of `Projection`.

    Raises
    ------
    ValueError
        A window too short for filter and pool, or an argument out of its range.
    """

    LOCAL: ClassVar[tuple[str, ...]] = ("encoder.spatial.",)
    USES: ClassVar[frozenset[str]] = frozenset()
    SOURCE: ClassVar[str] = "Song et al., Decoding natural images from EEG for object recognition, ICLR 2024"

    def __init__(
        self,
        n_chans: int,
        n_times: int,
        n_outputs: int,
        sfreq: float,
        *,
        n_filters: int = 40,
        filter_time_length: int = 25,
        pool_time_length: int = 51,
        pool_time_stride: int = 5,
        drop_prob: float = 0.5,
        projection_drop_prob: float = 0.5,
    ) -> None:
        super().__init__()
        require_positive(sfreq=sfreq)
        self.encoder = TSConv(
            n_chans,
            n_times,
            n_filters=n_filters,
            filter_time_length=filter_time_length,
            pool_time_length=pool_time_length,
            pool_time_stride=pool_time_stride,
            drop_prob=drop_prob,
        )
        self.projection = Projection(self.encoder.n_features, n_outputs, drop_prob=projection_drop_prob)
        self.apply(_begin)

    def forward(self, x: Tensor) -> Tensor:
        """Embeddings (batch, n_outputs) of windows x (batch, n_chans, n_times)."""
        embedding: Tensor = self.projection(self.encoder(x))
        return embedding


def _begin(module: nn.Module) -> None:
    if isinstance(module, (nn.Conv2d, nn.Linear)):
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)
