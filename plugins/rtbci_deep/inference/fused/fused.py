"""What every fused network has: how windows enter, what depends on persons and bad channels alone, weights as float32."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from rtbci_deep.whole import Whole


class Fused(nn.Module):
    """A trained `Whole` in evaluation mode with fewer operations: the same numbers, but for rounding.

    Windows come as rows (batch, n_times, n_chans), which is how they lie in a pipeline's buffer. Of the network's outputs
    only the main one is computed. Weights are folded in float64 and kept as float32; nothing can be trained here.

    The spread of the scaling is divided into weights wherever a network allows it. The centre is subtracted from windows and
    never becomes part of a bias: where channels have an offset of 20 mV, that would cost three digits.

    What depends on who sits there and on which channels are bad, but on no window, comes from `given`; whoever runs the
    network keeps it.
    """

    centre: Tensor
    spread: Tensor
    limit: Tensor

    def __init__(self, whole: Whole) -> None:
        super().__init__()
        self.clips, self.centres = whole.clip > 0.0, bool(whole.centre.any())
        keep(self, centre=whole.centre[:, 0], spread=whole.spread[:, 0], limit=whole.clip * whole.spread.double()[:, 0])

    def given(self, subject: int, bad: NDArray[np.bool_] | None) -> tuple[Tensor, ...]:
        """What `forward` takes beside windows of ``subject`` whose channels ``bad`` (n_chans,) are bad."""
        return ()

    def forward(self, rows: Tensor, *given: Any) -> Tensor:
        """The main output (batch, n_outputs) for windows as rows (batch, n_times, n_chans) float32."""
        raise NotImplementedError

    def centred(self, rows: Tensor) -> Tensor:
        """``rows`` less their centre and cut off, but not yet divided by the spread."""
        if self.centres:
            rows = rows - self.centre
        return rows.clamp(-self.limit, self.limit) if self.clips else rows

    def scaled(self, rows: Tensor) -> Tensor:
        """``rows`` as the network gets them: for networks whose first filters all channels share."""
        return self.centred(rows) / self.spread


class Plain(Fused):
    """The network as it was trained: for those that have no other form, and to compare with."""

    def __init__(self, whole: Whole) -> None:
        super().__init__(whole)
        self.whole = whole

    def given(self, subject: int, bad: NDArray[np.bool_] | None) -> tuple[Tensor, ...]:
        """The subject (1,) int64 and which channels are bad (1, n_chans) bool, where the network uses them."""
        more = []
        if "subject" in self.whole.uses:
            more.append(torch.tensor([subject]))
        if "bad" in self.whole.uses:
            more.append(torch.zeros(1, len(self.centre), dtype=torch.bool) if bad is None else torch.tensor(bad[None]))
        return tuple(tensor.to(self.centre.device) for tensor in more)

    def forward(self, rows: Tensor, *given: Any) -> Tensor:
        """See `Fused`."""
        names = [name for name in ("subject", "bad") if name in self.whole.uses]
        more = {name: tensor.expand(len(rows), *tensor.shape[1:]) for name, tensor in zip(names, given, strict=True)}
        said = self.whole(rows.transpose(1, 2).contiguous(), **more)
        out: Tensor = said[0] if isinstance(said, tuple) else said
        return out


def keep(module: nn.Module, **values: Tensor | None) -> None:
    """Keep ``values`` as float32 buffers of ``module``, under their names."""
    for name, tensor in values.items():
        kept = None if tensor is None else tensor.detach().float().clone(memory_format=torch.contiguous_format)
        module.register_buffer(name, kept)
