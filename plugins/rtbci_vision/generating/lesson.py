"""How the generator's network learns: from embeddings with noise, as decoders give them, to pictures it must not look up."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from rtbci_vision.generating.network import PictureNetwork
from rtbci_vision.generating.pictures import Pairs

BATCH = 16
RATE = 2e-3
"""Largest learning rate of AdamW, with a cosine to zero."""
WARM_UP = 30
"""Steps until it is reached."""
NOISE = 1.0
"""Noise on embeddings: a length drawn evenly from 0 to this, so that the cosine with the true one is 1 to 0.7."""
SQUARED, ABSOLUTE, EDGES = 4.0, 0.3, 0.2
"""Weights of squared and absolute differences, and of those between neighbouring pixels: with the absolute ones alone, small
objects that neighbours do not agree on fade into the ground."""
UNSEEN = 0.5
"""Share of the pictures that are drawn from memories of others alone, as one that is new would be."""
SMOOTH = 0.99
"""What is kept is a running mean of the weights."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Epoch ``done`` of ``total``, and the mean loss of it."""

    done: int
    total: int
    loss: float


def learn(
    pairs: Pairs,
    of_item: NDArray[np.int64],
    epochs: int,
    seed: int,
    device: torch.device,
    told: Callable[[Progress], None] = lambda progress: None,
) -> PictureNetwork:
    """Make a network that remembers ``pairs`` and teach it to mend what it reads; an epoch sees as many as it remembers.

    Parameters
    ----------
    of_item : (n,) numbers of the items that the pairs are altered copies of, or are: a picture is never read from its own.

    The same seed, number of threads and device give the same network.
    """
    torch.manual_seed(seed)
    n, n_dims = pairs.embeddings.shape
    embeddings, pictures = torch.from_numpy(pairs.embeddings), to_planes(pairs.pictures)
    network = PictureNetwork(n_dims, pairs.pictures.shape[1], n)
    network.remember(embeddings, pictures)
    network.to(device).train()
    kept = copy.deepcopy(network).eval()
    embeddings, items = embeddings.to(device), torch.from_numpy(of_item).to(device)
    optimiser = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=1e-2)
    steps = max(1, round(n / BATCH))
    chance = torch.Generator().manual_seed(seed)
    for epoch in range(epochs):
        losses = torch.zeros((), device=device)
        for step in range(steps):
            at = epoch * steps + step
            for group in optimiser.param_groups:
                group["lr"] = RATE * _share(at, epochs * steps)
            rows = torch.randint(n, (BATCH,), generator=chance).to(device)
            unseen = (torch.rand(BATCH, generator=chance) < UNSEEN).to(device)
            without = unseen[:, None] & (items[rows][:, None] == items[None])
            without &= ~without.all(dim=1, keepdim=True)  # a bank of one item has no others
            drawn = network(noisy(embeddings[rows], chance), without)
            loss = _loss(drawn, network.pictures[rows].to(drawn.dtype) / 255.0)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimiser.step()
            _follow(kept, network, min(SMOOTH, (at + 1) / (at + 10)))
            losses += loss.detach()
        told(Progress(epoch + 1, epochs, float(losses) / steps))
    return kept


def noisy(embeddings: Tensor, chance: torch.Generator) -> Tensor:
    """``embeddings`` (n, n_dims) of length 1 with noise of a length that differs between them, of length 1 again."""
    n, n_dims = embeddings.shape
    length = NOISE * torch.rand((n, 1), generator=chance)
    noise = torch.randn((n, n_dims), generator=chance) * length / math.sqrt(n_dims)
    return nn.functional.normalize(embeddings + noise.to(embeddings.device), dim=1)


def to_planes(pictures: NDArray[np.uint8]) -> Tensor:
    """(n, 3, size, size) uint8 of ``pictures`` (n, size, size, 3)."""
    return torch.from_numpy(np.ascontiguousarray(pictures.transpose(0, 3, 1, 2)))


def to_pictures(drawn: Tensor) -> NDArray[np.uint8]:
    """(n, size, size, 3) uint8 of what the network drew."""
    levels = (drawn.clamp(0, 1) * 255.0).round().to(torch.uint8)
    return np.ascontiguousarray(levels.permute(0, 2, 3, 1).cpu().numpy())


def _share(step: int, steps: int) -> float:
    return min(1.0, (step + 1) / WARM_UP) * 0.5 * (1 + math.cos(math.pi * step / steps))


def _loss(drawn: Tensor, pictures: Tensor) -> Tensor:
    apart = drawn - pictures
    down, across = apart[:, :, 1:] - apart[:, :, :-1], apart[:, :, :, 1:] - apart[:, :, :, :-1]
    edges = down.abs().mean() + across.abs().mean()
    return SQUARED * apart.square().mean() + ABSOLUTE * apart.abs().mean() + EDGES * edges


@torch.no_grad()
def _follow(kept: nn.Module, network: nn.Module, share: float) -> None:
    for mine, other in zip(kept.parameters(), network.parameters(), strict=True):
        mine.lerp_(other, 1.0 - share)
