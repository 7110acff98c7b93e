"""EEG-SimpleConv: plain one-dimensional convolutions over all channels, for motor imagery."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from rtbci_deep.networks.arguments import frames_left, require_positive

WIDENS = 1.414
"""Each block but the first has this many times the feature maps of the one before it."""


class SimpleConv(nn.Module):
    """Convolutions over all channels at once, pooling by 2 in every block, the mean over time, a linear layer.

    Shapes, for C channels, T samples and k taps (an even k makes every convolution one sample longer, as published)::

        (batch, C, T)
        conv          fm filters of k; BN, ReLU                            (batch, fm, T)
        block i       w_i filters of k; BN, maximum of 2, ReLU;
                      w_i filters of k; BN, ReLU                           (batch, w_i, about T / 2^(i+1))
                      w_0 = fm, w_i = int(1.414 w_{i-1})
        mean over time                                                     (batch, w)
        classifier    linear                                               (batch, n_outputs)
        subject_head  linear, only with n_subjects                         (batch, n_subjects)

    Source: El Ouahidi et al. 2024 and elouayas/EEGSimpleConv. The published network resamples its input to 70-95 Hz; here
    the stream's own resampler does. Settings [fm, n_convs, kernel]: across subjects [109, 4, 8] at 70 Hz, with subject
    head [160, 4, 5] at 70 Hz, within a session (the defaults) [85, 1, 15] at 95 Hz.

    Parameters
    ----------
    n_chans, n_times, n_outputs : channels and samples of a window; classes.
    sfreq : Hz; taps are in samples, so it changes nothing.
    fm, n_convs, kernel : first width, blocks, taps.
    n_subjects : persons in the training set; their recognition is a second output that regularises the training.

    Raises
    ------
    ValueError
        A window too short for the pools, or an argument out of its range.
    """

    LOCAL: ClassVar[tuple[str, ...]] = ("conv.", "subject_head.")
    USES: ClassVar[frozenset[str]] = frozenset()
    SOURCE: ClassVar[str] = (
        "El Ouahidi et al., A strong and simple deep learning baseline for BCI MI decoding, TNSRE 2024"
    )

    def __init__(
        self,
        n_chans: int,
        n_times: int,
        n_outputs: int,
        sfreq: float,
        *,
        fm: int = 85,
        n_convs: int = 1,
        kernel: int = 15,
        n_subjects: int | None = None,
    ) -> None:
        super().__init__()
        require_positive(n_chans=n_chans, n_times=n_times, n_outputs=n_outputs, sfreq=sfreq)
        require_positive(fm=fm, n_convs=n_convs, kernel=kernel)
        if n_subjects is not None:
            require_positive(n_subjects=n_subjects)
        longer = 2 * (kernel // 2) - (kernel - 1)  # 1 for an even kernel, else 0

        def left(n: int) -> int:
            n += longer
            for _ in range(n_convs):
                n = (n + longer) // 2
                n = n + longer if n > 0 else 0
            return n

        frames_left(n_times, left, "SimpleConv")
        self.conv = nn.Conv1d(n_chans, fm, kernel, padding=kernel // 2, bias=False)
        self.norm = nn.BatchNorm1d(fm)
        widths = [fm]
        for _ in range(n_convs - 1):
            widths.append(int(WIDENS * widths[-1]))
        self.blocks = nn.Sequential(
            *[_block(before, width, kernel) for before, width in zip([fm, *widths], widths, strict=False)]
        )
        self.classifier = nn.Linear(widths[-1], n_outputs)
        self.subject_head = None if n_subjects is None else nn.Linear(widths[-1], n_subjects)

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        """Class scores (batch, n_outputs) of windows x (batch, n_chans, n_times); with ``n_subjects`` the persons' too."""
        features: Tensor = self.blocks(torch.relu(self.norm(self.conv(x)))).mean(dim=2)
        scores: Tensor = self.classifier(features)
        return scores if self.subject_head is None else (scores, self.subject_head(features))


def _block(before: int, width: int, kernel: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv1d(before, width, kernel, padding=kernel // 2, bias=False),
        nn.BatchNorm1d(width),
        nn.MaxPool1d(2),
        nn.ReLU(),
        nn.Conv1d(width, width, kernel, padding=kernel // 2, bias=False),
        nn.BatchNorm1d(width),
        nn.ReLU(),
    )
