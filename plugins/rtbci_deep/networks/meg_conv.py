"""The MEG encoder of Benchetrit et al.: sensors by position, persons by a matrix each, dilated convolutions, two heads."""

from __future__ import annotations

from typing import ClassVar

import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn
from torch.nn import functional

from rtbci_deep.networks.arguments import require_positive
from rtbci_deep.networks.merger import ChannelMerger
from rtbci_deep.networks.subjects import SubjectValues

AGGREGATIONS = ("linear", "mean", "attention")


class MegConv(nn.Module):
    """An embedding for retrieval and one for generation, of windows from any montage.

    Shapes, for C channels, T samples, V virtual channels and H = hidden_dim::

        (batch, C, T)
        merger        `ChannelMerger`                                          (batch, V, T)
        mix           1 x 1                                                    (batch, V, T)
        subjects      one V x V matrix a person, and a stranger's              (batch, V, T)
        block i       y = GELU(BN(conv(x))), 3 taps, dilation 2^(i mod 5); x + y where shapes match
          every 2nd   GLU of a convolution of 3 taps to 2 H                    (batch, H, T)
        out           1 x 1, GELU                                              (batch, backbone_out, T)
        time          "linear": one weight for each sample (and a bias); "mean"; "attention": weights of additive
                      attention with 256 units (Bahdanau et al. 2015)          (batch, backbone_out)
        clip_head, mse_head   linear(GELU(layer norm))                         (batch, n_outputs) each

    With 2 blocks a frame depends on 17 samples to either side; the rest of the window is mixed by ``time``. About 7.2 M
    parameters for C = 272, 4 subjects and 768 outputs.

    Source: Benchetrit, Banville and King, ICLR 2024 (no official code); modules of facebookresearch/brainmagick (Defossez
    et al. 2023) and neuroai (SimpleConvTimeAgg). The stranger's matrix serves persons never seen.

    Parameters
    ----------
    n_chans, n_times, n_outputs : channels and samples of a window; length of an embedding.
    sfreq : Hz; taps are in samples (stated for 120 Hz), so it changes nothing.
    positions : (n_chans, 2) float, of the sensors seen from above, each axis from 0 to 1.
    n_subjects : persons with a matrix of their own.
    n_virtual, hidden_dim, n_blocks, backbone_out, fourier_dim : see above; ``fourier_dim`` is twice a square.
    dilation_period : after so many convolutions the dilation begins at 1 again.
    spatial_drop : radius around a random point in which sensors are left out in training.
    unknown : probability, in training, that a person is taken for a stranger.
    time_aggregation : "linear", "mean" or "attention".
    n_outputs_mse : length of the second embedding; the same as the first where None.

    Raises
    ------
    ValueError
        Positions that do not fit, an unknown ``time_aggregation``, or an argument out of its range.
    """

    LOCAL: ClassVar[tuple[str, ...]] = ("merger.positions", "subjects.known")
    USES: ClassVar[frozenset[str]] = frozenset({"subject", "bad", "positions"})
    SOURCE: ClassVar[str] = (
        "Benchetrit et al., Brain decoding: toward real-time reconstruction of visual perception, ICLR 2024"
    )

    def __init__(
        self,
        n_chans: int,
        n_times: int,
        n_outputs: int,
        sfreq: float,
        positions: ArrayLike,
        *,
        n_subjects: int = 4,
        n_virtual: int = 270,
        hidden_dim: int = 320,
        n_blocks: int = 2,
        backbone_out: int = 2048,
        fourier_dim: int = 2048,
        dilation_period: int = 5,
        spatial_drop: float = 0.2,
        unknown: float = 0.1,
        time_aggregation: str = "linear",
        n_outputs_mse: int | None = None,
    ) -> None:
        super().__init__()
        require_positive(n_chans=n_chans, n_times=n_times, n_outputs=n_outputs, sfreq=sfreq, hidden_dim=hidden_dim)
        require_positive(n_blocks=n_blocks, backbone_out=backbone_out, dilation_period=dilation_period)
        if time_aggregation not in AGGREGATIONS:
            raise ValueError(
                f'time_aggregation = "{time_aggregation}"; one of {", ".join(AGGREGATIONS)} would be right'
            )
        self.merger = ChannelMerger(positions, n_virtual, dimension=fourier_dim, radius=spatial_drop)
        if len(self.merger.positions) != n_chans:
            raise ValueError(
                f"{len(self.merger.positions)} positions for n_chans = {n_chans}; one a channel would be right"
            )
        self.mix = nn.Conv1d(n_virtual, n_virtual, 1)
        self.subjects = SubjectValues(n_subjects, (n_virtual, n_virtual), scale=n_virtual**-0.5, unknown=unknown)
        self.blocks = nn.ModuleList()
        width = n_virtual
        for i in range(2 * n_blocks):
            self.blocks.append(_Block(width, hidden_dim, dilation=2 ** (i % dilation_period), gated=i % 2 == 1))
            width = hidden_dim
        self.out = nn.Conv1d(hidden_dim, backbone_out, 1)
        self.time: nn.Module
        if time_aggregation == "linear":
            self.time = nn.Linear(n_times, 1)
        elif time_aggregation == "mean":
            self.time = nn.AdaptiveAvgPool1d(1)
        else:
            self.time = _AttentionOverTime(backbone_out)
        self.clip_head = _head(backbone_out, n_outputs)
        self.mse_head = _head(backbone_out, n_outputs if n_outputs_mse is None else n_outputs_mse)

    def forward(self, x: Tensor, *, subject: Tensor | None = None, bad: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Embeddings for retrieval (batch, n_outputs) and for generation (batch, n_outputs_mse).

        Parameters
        ----------
        x : (batch, n_chans, n_times) float32.
        subject : (batch,) int64: 0 to n_subjects - 1; ``n_subjects``, or None for all, is a stranger.
        bad : (batch, n_chans) bool; a row in which all are bad is decoded as silence.
        """
        x = self.mix(self.merger(x, bad))
        x = self.subjects(subject, x.shape[0]).transpose(1, 2) @ x
        for block in self.blocks:
            x = block(x)
        x = self.time(functional.gelu(self.out(x))).squeeze(2)
        return self.clip_head(x), self.mse_head(x)


class _Block(nn.Module):
    def __init__(self, before: int, width: int, *, dilation: int, gated: bool) -> None:
        super().__init__()
        self.conv = nn.Conv1d(before, width, 3, dilation=dilation, padding=dilation)
        self.norm = nn.BatchNorm1d(width)
        self.gate = nn.Conv1d(width, 2 * width, 3, padding=1) if gated else None
        self.adds = before == width

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = functional.gelu(self.norm(self.conv(x)))
        x = x + y if self.adds else y
        return x if self.gate is None else functional.glu(self.gate(x), dim=1)


class _AttentionOverTime(nn.Module):
    def __init__(self, width: int, units: int = 256) -> None:
        super().__init__()
        self.key = nn.Linear(width, units)
        self.score = nn.Linear(units, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:  # (batch, width, T) to (batch, width, 1)
        weights = torch.softmax(self.score(torch.tanh(self.key(x.transpose(1, 2)))), dim=1)
        return x @ weights


def _head(width: int, n_outputs: int) -> nn.Sequential:
    require_positive(n_outputs=n_outputs)
    return nn.Sequential(nn.LayerNorm(width), nn.GELU(), nn.Linear(width, n_outputs))
