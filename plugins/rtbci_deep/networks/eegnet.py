"""EEGNet: few parameters, filters that can be looked at, any paradigm."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from rtbci_deep.networks.arguments import frames, frames_left, require_positive, require_probability


class EEGNet(nn.Module):
    """Band filters, one set of spatial filters for each, then a separable convolution (EEGNet-8,2).

    Shapes, for C channels and T samples::

        (batch, C, T)
        temporal      F1 filters of kernel_length, "same"; BN          (batch, F1, C, T)
        spatial       D for each of them, norm of each at most 1; BN   (batch, F1 D, 1, T)
        ELU, mean of pool1_kernel_size, dropout                        (batch, F1 D, 1, T // 4)
        separable     depthwise, "same", then F2 mixtures; BN          (batch, F2, 1, T // 4)
        ELU, mean of pool2_kernel_size, dropout                        (batch, F2, 1, T // 4 // 8)
        classifier    linear, norm of each class's weights at most .25 (batch, n_outputs)

    The two norms are bounded where the weights are used, so they hold whatever the optimizer did; the stored weights may
    be longer.

    Source: Lawhern et al. 2018, table 2. The pools (4, 8) and the 16 taps are stated for 128 Hz: at
    another rate, scale ``pool1_kernel_size`` so that 32 Hz are left.

    Parameters
    ----------
    n_chans, n_times, n_outputs : channels and samples of a window; classes.
    sfreq : Hz; the default of ``kernel_length`` is half a second.
    F1, D, F2 : temporal filters, spatial filters for each, mixtures.
    kernel_length, depthwise_kernel_length : samples, the second after the first pool.
    pool1_kernel_size, pool2_kernel_size : samples, the second after the first pool.
    drop_prob : .5 within a subject, as published; .25 across subjects.

    Raises
    ------
    ValueError
        A window too short for the pools, or an argument out of its range.
    """

    LOCAL: ClassVar[tuple[str, ...]] = ("spatial.",)
    USES: ClassVar[frozenset[str]] = frozenset()
    SOURCE: ClassVar[str] = "Lawhern et al., EEGNet, J. Neural Eng. 15, 056013, 2018"

    def __init__(
        self,
        n_chans: int,
        n_times: int,
        n_outputs: int,
        sfreq: float,
        *,
        F1: int = 8,
        D: int = 2,
        F2: int = 16,
        kernel_length: int | None = None,
        depthwise_kernel_length: int = 16,
        pool1_kernel_size: int = 4,
        pool2_kernel_size: int = 8,
        drop_prob: float = 0.5,
    ) -> None:
        super().__init__()
        require_positive(n_chans=n_chans, n_times=n_times, n_outputs=n_outputs, sfreq=sfreq, F1=F1, D=D, F2=F2)
        require_positive(pool1_kernel_size=pool1_kernel_size, pool2_kernel_size=pool2_kernel_size)
        taps = max(1, round(sfreq / 2)) if kernel_length is None else kernel_length
        require_positive(kernel_length=taps, depthwise_kernel_length=depthwise_kernel_length)
        require_probability(drop_prob=drop_prob)

        def left(n: int) -> int:
            return frames(frames(n, pool1_kernel_size, pool1_kernel_size), pool2_kernel_size, pool2_kernel_size)

        n_frames = frames_left(n_times, left, "EEGNet")
        n_maps = F1 * D
        self.temporal = nn.Conv2d(1, F1, (1, taps), bias=False)
        self.temporal_norm = _norm(F1)
        self.spatial = nn.Conv2d(F1, n_maps, (n_chans, 1), groups=F1, bias=False)
        self.spatial_norm = _norm(n_maps)
        self.pool1 = nn.AvgPool2d((1, pool1_kernel_size))
        self.depthwise = nn.Conv2d(n_maps, n_maps, (1, depthwise_kernel_length), groups=n_maps, bias=False)
        self.pointwise = nn.Conv2d(n_maps, F2, 1, bias=False)
        self.separable_norm = _norm(F2)
        self.pool2 = nn.AvgPool2d((1, pool2_kernel_size))
        self.drop = nn.Dropout(drop_prob)
        self.classifier = nn.Linear(F2 * n_frames, n_outputs)
        for layer in (self.temporal, self.spatial, self.depthwise, self.pointwise, self.classifier):
            nn.init.xavier_uniform_(layer.weight)
        nn.init.zeros_(self.classifier.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Class scores (batch, n_outputs) of windows x (batch, n_chans, n_times)."""
        x = self.temporal_norm(self.temporal(_same(x[:, None], self.temporal)))
        x = functional.conv2d(x, bounded(self.spatial.weight, 1.0), groups=self.spatial.groups)
        x = self.drop(self.pool1(functional.elu(self.spatial_norm(x))))
        x = self.pointwise(self.depthwise(_same(x, self.depthwise)))
        x = self.drop(self.pool2(functional.elu(self.separable_norm(x))))
        scores: Tensor = functional.linear(x.flatten(1), bounded(self.classifier.weight, 0.25), self.classifier.bias)
        return scores


def bounded(weight: Tensor, limit: float) -> Tensor:
    """``weight`` with every output's part (along axis 0) shortened to a Euclidean norm of at most ``limit``."""
    norms = torch.linalg.vector_norm(weight.flatten(1), dim=1).clamp_min(limit)
    shortened: Tensor = weight * (limit / norms).view(-1, *[1] * (weight.dim() - 1))
    return shortened


def _norm(n_maps: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(n_maps, eps=1e-3, momentum=0.01)  # Keras's values, with which EEGNet was published


def _same(x: Tensor, conv: nn.Conv2d) -> Tensor:
    taps = conv.kernel_size[1]
    return functional.pad(x, ((taps - 1) // 2, taps // 2))  # the odd zero behind, as in TensorFlow
