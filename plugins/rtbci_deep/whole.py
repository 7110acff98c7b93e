"""A network with its input in order: what is scaled, clipped and masked before the published part begins."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from rtbci.calibration import Calibration, Indices
from rtbci_deep.settings import Scale

BLOCK = 256
"""Windows that are looked at together."""
LOOKED_AT = 4096
"""Windows, spread over all, that medians are taken of: they need all their samples at once."""


class Whole(nn.Module):
    """``network`` behind the scaling of its channels.

    Windows ``x`` (batch, n_chans, n_times) become ``(x - centre) / spread``, cut off at ``clip`` units (0: not at all). The
    network gets ``subject`` and ``bad`` where it uses them.
    """

    centre: Tensor
    spread: Tensor

    def __init__(self, network: nn.Module, n_chans: int, clip: float = 0.0) -> None:
        super().__init__()
        self.network = network
        self.clip = clip
        self.uses: frozenset[str] = getattr(network, "USES", frozenset())
        self.register_buffer("centre", torch.zeros(n_chans, 1))
        self.register_buffer("spread", torch.ones(n_chans, 1))

    def forward(self, x: Tensor, subject: Tensor | None = None, bad: Tensor | None = None) -> Any:
        """What the network makes of windows x (batch, n_chans, n_times); see there for ``subject`` and ``bad``."""
        x = self.scaled(x)
        more = {}
        if "subject" in self.uses:
            more["subject"] = subject
        if "bad" in self.uses:
            more["bad"] = bad
        return self.network(x, **more)

    def scaled(self, x: Tensor) -> Tensor:
        """Windows, or parts of them, (batch, n_chans, n) as the network gets them."""
        x = (x - self.centre) / self.spread
        return x.clamp(-self.clip, self.clip) if self.clip else x

    def is_local(self, name: str) -> bool:
        """Whether the tensor ``name`` of this module belongs to a montage and a subject."""
        if not name.startswith("network."):
            return True
        local: tuple[str, ...] = getattr(self.network, "LOCAL", ())
        return name.removeprefix("network.").startswith(local) if local else False


def scaling(calibration: Calibration, rows: Indices, scale: Scale) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Centre and spread (n_chans, 1) of each channel over the windows of ``rows``; a flat channel has a spread of 1."""
    n_channels = calibration.info.n_channels
    if scale == "none":
        return np.zeros((n_channels, 1), np.float32), np.ones((n_channels, 1), np.float32)
    if scale == "robust":
        step = max(1, -(-len(rows) // LOOKED_AT))
        windows = calibration.cut(rows[::step]).transpose(1, 0, 2).reshape(n_channels, -1)
        low, centre, high = np.percentile(windows, (25.0, 50.0, 75.0), axis=1)
        spread = high - low
    else:
        total, squares, n = np.zeros(n_channels), np.zeros(n_channels), 0
        first = (
            calibration.cut(rows[:1])[0].astype(np.float64).mean(axis=1)
        )  # so that an offset does not eat the variance
        for k in range(0, len(rows), BLOCK):
            windows = calibration.cut(rows[k : k + BLOCK]).astype(np.float64) - first[:, None]
            total += windows.sum(axis=(0, 2))
            squares += (windows**2).sum(axis=(0, 2))
            n += windows.shape[0] * windows.shape[2]
        centre = total / n
        spread = np.sqrt(np.maximum(squares / n - centre**2, 0.0))
        centre = centre + first
    spread = np.where(spread > 1e-7 * np.maximum(np.abs(centre), 1e-30), spread, 1.0)
    return centre.astype(np.float32)[:, None], spread.astype(np.float32)[:, None]
