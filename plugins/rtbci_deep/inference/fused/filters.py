"""Convolutions over time as one matrix product each, with time in front and feature maps behind.

A stretch of ``taps`` samples of all maps is one row in memory, so rows are copied out by strides alone and BLAS does the
rest: one thread of a Xeon (2026-11) took 1.45 ms so for 320 maps to 640 with 3 taps over 181 samples, and 1.84 ms as
``conv1d``, which brings weights and maps into blocks at each call.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from rtbci_deep.inference.fused.fused import keep


class Filters(nn.Module):
    """(batch, n_times, n_in) to (batch, n_frames, n_out): a convolution with zeros around, and its bias.

    With many taps and few filters, copying rows costs more than multiplying them. ``block`` frames are then made of each
    row, which is ``block - 1`` samples longer, by a matrix that holds the filters ``block`` times, each time a sample later
    (a Toeplitz matrix): of its products ``(block - 1) / (taps + block - 1)`` are with zeros, and there are ``block`` times
    fewer rows.

    Parameters
    ----------
    weight : (n_out, n_in, taps) float64, as of ``conv1d``. bias : (n_out,) or None.
    n_times : samples that come.
    padding, dilation : zeros before and behind; samples from tap to tap.
    block : frames that are made of a row; 1 with a dilation. Of those tried, 2 were fastest for 85 filters of 15 taps, 4 for
        40 of 25, 8 for 20 of 32 and 16 for 5 of 64; 3, 5 and 14 in place of the last three took a tenth longer.

    Attributes
    ----------
    n_frames : that come out.
    """

    weight: Tensor
    bias: Tensor | None

    def __init__(
        self,
        weight: Tensor,
        bias: Tensor | None,
        n_times: int,
        *,
        padding: tuple[int, int] = (0, 0),
        dilation: int = 1,
        block: int = 1,
    ) -> None:
        super().__init__()
        n_out, n_in, taps = weight.shape
        before, behind = padding
        self.n_frames = n_times + before + behind - dilation * (taps - 1)
        self.dilation, self.block, self.n_out = dilation, block, n_out
        self.length = dilation * (taps - 1) + block
        n_rows = -(-self.n_frames // block)
        self.around = before, (n_rows - 1) * block + self.length - n_times - before
        toeplitz = torch.zeros(taps + block - 1, n_in, block, n_out, dtype=torch.float64)
        for shift in range(block):
            toeplitz[shift : shift + taps, :, shift] = weight.detach().double().permute(2, 1, 0)
        keep(self, weight=toeplitz.reshape(-1, block * n_out), bias=None if bias is None else bias.repeat(block))

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        if any(self.around):
            x = functional.pad(x, (0, 0, *self.around))
        rows = x.unfold(1, self.length, self.block)[..., :: self.dilation].transpose(2, 3)
        rows = rows.reshape(-1, self.weight.shape[0])
        y = torch.mm(rows, self.weight) if self.bias is None else torch.addmm(self.bias, rows, self.weight)
        y = y.view(x.shape[0], -1, self.n_out)
        return y if y.shape[1] == self.n_frames else y[:, : self.n_frames]
