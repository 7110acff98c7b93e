"""The shallow ConvNet: filter bank, spatial filters and log power, as in FBCSP, but learnt together."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from rtbci_deep.networks.arguments import frames, frames_left, require_positive, require_probability

LEAST_POWER = 1e-6
"""Below it the logarithm goes no further; power after a batch norm is about 1."""


class ShallowFBCSPNet(nn.Module):
    """The logarithm of the mean power of 40 learnt sources.

    Shapes, for C channels and T samples::

        (batch, C, T)
        temporal      40 filters of 25 samples                (batch, 40, C, T - 24)
        spatial       40 mixtures of all of these; BN         (batch, 40, 1, T - 24)
        square, mean of 75 samples every 15                   (batch, 40, 1, n_frames), n_frames = (T - 24 - 75) // 15 + 1
        logarithm, dropout
        classifier    linear over 40 x n_frames               (batch, n_outputs)

    Source: Schirrmeister et al. 2017, "Shallow ConvNet for raw EEG signals", stated for 250 Hz; the classifier is that
    for whole trials.

    Parameters
    ----------
    n_chans, n_times, n_outputs : channels and samples of a window; classes.
    sfreq : Hz; taps and pools are in samples, so it changes nothing.
    n_filters_time, filter_time_length, n_filters_spat : filters, samples, mixtures.
    pool_time_length, pool_time_stride : samples.
    drop_prob : before the classifier.

    Raises
    ------
    ValueError
        A window too short for filter and pool, or an argument out of its range.
    """

    LOCAL: ClassVar[tuple[str, ...]] = ("spatial.",)
    USES: ClassVar[frozenset[str]] = frozenset()
    SOURCE: ClassVar[str] = "Schirrmeister et al., Deep learning with convolutional neural networks for EEG, HBM 2017"

    def __init__(
        self,
        n_chans: int,
        n_times: int,
        n_outputs: int,
        sfreq: float,
        *,
        n_filters_time: int = 40,
        filter_time_length: int = 25,
        n_filters_spat: int = 40,
        pool_time_length: int = 75,
        pool_time_stride: int = 15,
        drop_prob: float = 0.5,
    ) -> None:
        super().__init__()
        require_positive(n_chans=n_chans, n_times=n_times, n_outputs=n_outputs, sfreq=sfreq)
        require_positive(n_filters_time=n_filters_time, filter_time_length=filter_time_length)
        require_positive(n_filters_spat=n_filters_spat)
        require_positive(pool_time_length=pool_time_length, pool_time_stride=pool_time_stride)
        require_probability(drop_prob=drop_prob)
        n_frames = frames_left(
            n_times,
            lambda n: frames(frames(n, filter_time_length), pool_time_length, pool_time_stride),
            "ShallowFBCSPNet",
        )
        self.temporal = nn.Conv2d(1, n_filters_time, (1, filter_time_length))
        # no bias: the batch norm has its own
        self.spatial = nn.Conv2d(n_filters_time, n_filters_spat, (n_chans, 1), bias=False)
        self.norm = nn.BatchNorm2d(n_filters_spat)
        self.pool = nn.AvgPool2d((1, pool_time_length), (1, pool_time_stride))
        self.drop = nn.Dropout(drop_prob)
        self.classifier = nn.Linear(n_filters_spat * n_frames, n_outputs)
        for layer in (self.temporal, self.spatial, self.classifier):
            nn.init.xavier_uniform_(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Class scores (batch, n_outputs) of windows x (batch, n_chans, n_times)."""
        x = self.norm(self.spatial(self.temporal(x[:, None])))
        power = self.pool(x * x)
        scores: Tensor = self.classifier(self.drop(torch.log(power.clamp_min(LEAST_POWER))).flatten(1))
        return scores
