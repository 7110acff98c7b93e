"""The MEG encoder for predicting: sensors to a person's virtual channels in one product, time in front, one head."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from rtbci_deep.inference.fused.atm import everybody, of_person
from rtbci_deep.inference.fused.filters import Filters
from rtbci_deep.inference.fused.folding import normed
from rtbci_deep.inference.fused.fused import Fused, keep
from rtbci_deep.networks import MegConv
from rtbci_deep.networks.merger import fourier_embedding
from rtbci_deep.whole import Whole


class FusedMegConv(Fused):
    """`MegConv` with ``subject' mix merger / spread`` as one matrix, and its batch norms in the convolutions.

    That matrix depends on the person and on which channels are bad. Going on, and folding it into the first convolution,
    would save 13 M of 554 M products (272 x 181) and need a bias of its own for each sample, because of the zeros around.

    The head for generation is left out: no decision needs it.

    Source: Benchetrit et al. 2024; Defossez et al. 2023; the composition of linear maps.
    """

    out: Tensor
    out_bias: Tensor

    def __init__(self, whole: Whole, n_times: int) -> None:
        super().__init__(whole)
        network = cast(MegConv, whole.network)
        self._sensors = _Sensors.of(network, whole.spread)
        self.blocks = nn.ModuleList(_Block(block, n_times) for block in network.blocks)
        keep(self, out=network.out.weight[..., 0], out_bias=network.out.bias)
        self.time = network.time
        self.head = network.clip_head

    def given(self, subject: int, bad: NDArray[np.bool_] | None) -> tuple[Tensor, ...]:
        """Sensors to virtual channels of ``subject`` (n_chans, n_virtual), their bias, and which are bad (n_chans,)."""
        shut = torch.zeros(self.centre.shape, dtype=torch.bool) if bad is None else torch.tensor(bad)
        return tuple(t.to(self.centre.device) for t in (*self._sensors.to_virtual(subject, shut), shut))

    def forward(self, rows: Tensor, *given: Any) -> Tensor:
        """See `Fused`."""
        matrix, bias, shut = given
        y = self.centred(rows).masked_fill(shut, 0.0)  # a weight of 0 does not stop a NaN
        y = torch.matmul(y, matrix) + bias
        for block in self.blocks:
            y = block(y)
        y = functional.gelu(functional.linear(y, self.out, self.out_bias))
        z = self.time(y.transpose(1, 2)).squeeze(2)
        embedding: Tensor = self.head(z)
        return embedding


@dataclass(frozen=True, slots=True)
class _Sensors:
    """From sensors to virtual channels, in float64 on the CPU: ``scores`` (n_virtual, n_chans), ``mix`` and its ``bias``.

    ``known`` are everybody's matrices, ``spread`` (n_chans,) is that of the channels.
    """

    scores: Tensor
    mix: Tensor
    bias: Tensor
    known: Tensor
    spread: Tensor

    @classmethod
    def of(cls, network: MegConv, spread: Tensor) -> _Sensors:
        merger, mix = network.merger, network.mix
        places = fourier_embedding(merger.positions.double(), merger.dimension)
        assert mix.bias is not None
        kept = merger.heads.double() @ places.T, mix.weight[..., 0], mix.bias, everybody(network.subjects), spread[:, 0]
        return cls(*(tensor.detach().double() for tensor in kept))

    def to_virtual(self, subject: int, shut: Tensor) -> tuple[Tensor, Tensor]:
        scores = self.scores if bool(shut.all()) else self.scores.masked_fill(shut, -math.inf)
        theirs = of_person(self.known, subject).T
        matrix = theirs @ self.mix @ torch.softmax(scores, dim=1) / self.spread
        return matrix.T.float().contiguous(), (theirs @ self.bias).float()


class _Block(nn.Module):
    def __init__(self, block: Any, n_times: int) -> None:
        super().__init__()
        weight, bias = normed(block.conv.weight, block.conv.bias, block.norm)
        around = block.conv.dilation[0]
        self.conv = Filters(weight, bias, n_times, padding=(around, around), dilation=around)
        self.adds = block.adds
        self.gate = None
        if block.gate is not None:
            self.gate = Filters(block.gate.weight.detach(), block.gate.bias.detach(), n_times, padding=(1, 1))

    def forward(self, x: Tensor) -> Tensor:  # (batch, n_times, before) to (batch, n_times, width)
        y = functional.gelu(self.conv(x))
        x = x + y if self.adds else y
        return x if self.gate is None else functional.glu(self.gate(x), dim=2)
