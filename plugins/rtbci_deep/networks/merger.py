"""Sensors at any positions become a fixed set of virtual channels, by attention over where the sensors are."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from rtbci_deep.networks.arguments import require_positive

MARGIN = 0.2
"""The embedding is periodic: this much of empty space around [0, 1] keeps the two edges apart."""


def fourier_embedding(positions: Tensor, dimension: int) -> Tensor:
    """Cosines, then sines (n_chans, dimension) of positions (n_chans, 2) in [0, 1]^2.

    ``cos, sin(w_k x + w_l y)`` with ``w_k = 2 pi k / 1.4``, positions shifted by the margin of .2, and k and l from 0 to
    ``sqrt(dimension / 2) - 1``. Source: Defossez et al. 2023 (spatial attention); brainmagick, bm/models/common.py.
    """
    n_waves = math.isqrt(dimension // 2)
    waves = 2.0 * math.pi / (1.0 + 2.0 * MARGIN) * torch.arange(n_waves, device=positions.device, dtype=positions.dtype)
    along = (positions + MARGIN)[:, :, None] * waves
    grid = (along[:, 0, :, None] + along[:, 1, None, :]).flatten(1)
    return torch.cat([grid.cos(), grid.sin()], dim=1)


class ChannelMerger(nn.Module):
    """Virtual channels, each a softmax-weighted mean of the sensors: (batch, n_chans, T) to (batch, n_virtual, T).

    The weights are ``softmax over sensors of <head, embedding of the sensor's position>``; a bad channel has a score of
    minus infinity and its samples, whatever they are, count for nothing. In training, all sensors within ``radius`` of a
    random point are left out, for the whole batch.

    A row whose channels are *all* bad is merged with equal weights of zeros: a silent window, never a NaN. An error would
    need a look at the data, which a captured graph cannot take.

    Source: Defossez et al., Nature Machine Intelligence 2023 (spatial attention).

    Parameters
    ----------
    positions : (n_chans, 2), in [0, 1]^2.
    n_virtual : virtual channels.
    dimension : of the embedding, twice a square number.
    radius : of the spatial dropout, in the units of ``positions``; 0 for none.

    Raises
    ------
    ValueError
        Positions of another shape or outside the square, or a ``dimension`` that is not twice a square.
    """

    positions: Tensor

    def __init__(self, positions: ArrayLike, n_virtual: int, *, dimension: int, radius: float) -> None:
        super().__init__()
        require_positive(n_virtual=n_virtual, fourier_dim=dimension)
        n_waves = math.isqrt(dimension // 2)
        if 2 * n_waves * n_waves != dimension:
            raise ValueError(f"fourier_dim = {dimension}; twice a square number, as 2048, would be right")
        if not radius >= 0:
            raise ValueError(f"spatial_drop = {radius}; a radius of 0 or more would be right")
        self.dimension, self.radius = dimension, radius
        self.register_buffer("positions", torch.from_numpy(_in_the_square(positions)))
        self.heads = nn.Parameter(torch.randn(n_virtual, dimension) / dimension**0.5)

    def forward(self, x: Tensor, bad: Tensor | None = None) -> Tensor:
        """Virtual channels (batch, n_virtual, T) of x (batch, n_chans, T); ``bad`` (batch, n_chans) bool."""
        scores = self.heads @ fourier_embedding(self.positions, self.dimension).T
        shut = bad
        if self.training and self.radius > 0:
            centre = torch.rand(2, device=x.device, dtype=self.positions.dtype)
            near = (torch.linalg.vector_norm(self.positions - centre, dim=1) <= self.radius)[None]
            shut = near if bad is None else near | bad
        if shut is None:
            return torch.softmax(scores, dim=1) @ x
        if bad is not None:
            x = x.masked_fill(bad[:, :, None], 0.0)  # a weight of 0 does not stop a NaN
        scores = scores.masked_fill(shut[:, None, :], -math.inf)
        scores = scores.masked_fill(shut.all(dim=1)[:, None, None], 0.0)
        return torch.softmax(scores, dim=2) @ x


def _in_the_square(positions: ArrayLike) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    array = np.array(positions, dtype=np.float32)
    if array.ndim != 2 or array.shape[1] != 2:
        raise ValueError(f"positions of shape {array.shape}; (n_chans, 2) would be right")
    outside = ~((array >= 0.0) & (array <= 1.0)).all(axis=1)
    if outside.any():
        which = int(np.flatnonzero(outside)[0])
        raise ValueError(f"positions: channel {which} is at {array[which].tolist()}; from 0 to 1 would be right")
    return array.reshape(-1, 2)
