"""Temporal, then spatial convolution: the encoder that NICE and ATM share, and their projection to an image embedding."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from rtbci_deep.networks.arguments import frames, frames_left, require_positive, require_probability


class TSConv(nn.Module):
    """An evoked response as 36 tokens of 40 features, one after the other.

    Shapes, for C channels and T samples (values for T = 250)::

        (batch, C, T)
        temporal      40 filters of 25 samples                        (batch, 40, C, T - 24)
        mean of 51 samples every 5; BN, ELU                           (batch, 40, C, n_tokens)
        spatial       40 mixtures of all of these; BN, ELU, dropout   (batch, 40, 1, n_tokens)
        projection    1 x 1                                           (batch, 40, 1, n_tokens)
        flat, time-major and feature-minor                            (batch, n_features)

    n_tokens = (T - 24 - 51) // 5 + 1 = 36 and n_features = 40 n_tokens = 1440; 103 680 parameters for 63 channels.

    Source: Song et al. 2024 (NICE); eeyhsong/NICE-EEG, nice_stand.py.

    Parameters
    ----------
    n_chans, n_times : channels and samples of a window.
    n_filters : of all three convolutions.
    filter_time_length, pool_time_length, pool_time_stride : samples, stated for 250 Hz.
    drop_prob : after the spatial filters.

    Attributes
    ----------
    n_tokens, n_features : of the output.

    Raises
    ------
    ValueError
        A window too short for filter and pool, or an argument out of its range.
    """

    def __init__(
        self,
        n_chans: int,
        n_times: int,
        *,
        n_filters: int = 40,
        filter_time_length: int = 25,
        pool_time_length: int = 51,
        pool_time_stride: int = 5,
        drop_prob: float = 0.5,
    ) -> None:
        super().__init__()
        require_positive(n_chans=n_chans, n_times=n_times, n_filters=n_filters)
        require_positive(filter_time_length=filter_time_length)
        require_positive(pool_time_length=pool_time_length, pool_time_stride=pool_time_stride)
        require_probability(drop_prob=drop_prob)
        self.n_tokens = frames_left(
            n_times,
            lambda n: frames(frames(n, filter_time_length), pool_time_length, pool_time_stride),
            "TSConv",
        )
        self.n_features = n_filters * self.n_tokens
        self.pool_time_length, self.pool_time_stride = pool_time_length, pool_time_stride
        self.temporal = nn.Conv2d(1, n_filters, (1, filter_time_length))
        self.pool = nn.AvgPool2d((1, pool_time_length), (1, pool_time_stride))
        self.temporal_norm = nn.BatchNorm2d(n_filters)
        self.spatial = nn.Conv2d(n_filters, n_filters, (n_chans, 1))
        self.spatial_norm = nn.BatchNorm2d(n_filters)
        self.drop = nn.Dropout(drop_prob)
        self.projection = nn.Conv2d(n_filters, n_filters, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Features (batch, n_features) of windows x (batch, n_chans, n_times)."""
        x = functional.elu(self.temporal_norm(self.pool(self.temporal(x[:, None]))))
        x = self.drop(functional.elu(self.spatial_norm(self.spatial(x))))
        x = self.projection(x)
        return x.squeeze(2).transpose(1, 2).flatten(1)


class Projection(nn.Module):
    """From features to an embedding: linear, one residual layer, layer norm.

    ::

        (batch, n_features)
        linear                                              (batch, n_outputs)
        x + dropout(residual(GELU(x))), residual linear
        layer norm                                          (batch, n_outputs)

    Source: as `TSConv` (``Proj_eeg``).

    Parameters
    ----------
    n_features, n_outputs : sizes of what comes and of the embedding.
    drop_prob : of the residual layer.
    """

    def __init__(self, n_features: int, n_outputs: int, *, drop_prob: float = 0.5) -> None:
        super().__init__()
        require_positive(n_features=n_features, n_outputs=n_outputs)
        require_probability(projection_drop_prob=drop_prob)
        self.linear = nn.Linear(n_features, n_outputs)
        self.residual = nn.Linear(n_outputs, n_outputs)
        self.drop = nn.Dropout(drop_prob)
        self.norm = nn.LayerNorm(n_outputs)

    def forward(self, features: Tensor) -> Tensor:
        """Embeddings (batch, n_outputs) of features (batch, n_features)."""
        x = self.linear(features)
        embedding: Tensor = self.norm(x + self.drop(self.residual(functional.gelu(x))))
        return embedding
