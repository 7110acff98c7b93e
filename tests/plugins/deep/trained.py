"""Networks as a training leaves them: random weights, statistics and scaling, of which nothing is a 0 or a 1."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from rtbci_deep.networks import (
    ATMS,
    NICE,
    ConformerChunks,
    EEGNet,
    FunctionalNet,
    MegConv,
    ShallowFBCSPNet,
    SimpleConv,
)
from rtbci_deep.whole import Whole

RATE, CLASSES, SUBJECTS = 100.0, 3, 3
SMALL = {
    EEGNet: (128, {}),
    ShallowFBCSPNet: (150, {"n_filters_time": 6, "n_filters_spat": 5}),
    SimpleConv: (64, {"fm": 6, "n_convs": 2, "kernel": 5}),
    NICE: (100, {}),
    ATMS: (100, {"n_subjects": SUBJECTS, "hidden": 16}),
    MegConv: (40, {"n_subjects": SUBJECTS, "n_virtual": 10, "hidden_dim": 12, "backbone_out": 16, "fourier_dim": 32}),
    ConformerChunks: (240, {"n_chunks": 2, "att_depth": 2}),
    FunctionalNet: (160, {}),
}
"""Samples of a window, and arguments."""


def whole(
    kind: type[nn.Module],
    n_chans: int = 5,
    n_times: int | None = None,
    *,
    seed: int = 0,
    offset: float = 3.0,
    clip: float = 0.0,
    **more,
) -> Whole:
    """``kind`` behind a scaling of its channels: centres of about ``offset``, spreads from .5 to 2."""
    times, arguments = SMALL[kind]
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape):
        return torch.randn(*shape, generator=generator)

    if "positions" in kind.USES:
        arguments = {"positions": np.random.default_rng(n_chans).uniform(size=(n_chans, 2)), **arguments}
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        network = kind(n_chans, n_times or times, CLASSES, RATE, **(arguments | more))
        for module in network.modules():
            if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
                module.running_mean.copy_(0.3 * normal(module.num_features))
                module.running_var.copy_(0.5 + torch.rand(module.num_features, generator=generator))
            if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d | nn.LayerNorm):
                module.weight.copy_(1.0 + 0.3 * normal(*module.weight.shape))
                module.bias.copy_(0.3 * normal(*module.bias.shape))
            elif isinstance(module, nn.Linear | nn.Conv1d | nn.Conv2d):
                module.weight.copy_(normal(*module.weight.shape) / module.weight[0].numel() ** 0.5)
                if module.bias is not None:
                    module.bias.copy_(0.1 * normal(*module.bias.shape))
        made = Whole(network, n_chans, clip)
        made.centre.copy_(offset * normal(n_chans, 1))
        made.spread.copy_(0.5 + 1.5 * torch.rand(n_chans, 1, generator=generator))
    return made.eval()


def windows(n: int, of: Whole, n_times: int, seed: int = 0) -> np.ndarray:
    """Windows (n, n_chans, n_times) float32 that the scaling of ``of`` brings to about N(0, 1)."""
    shape = n, len(of.centre), n_times
    drawn = np.random.default_rng(seed).standard_normal(shape).astype(np.float32)
    return drawn * of.spread.numpy() + of.centre.numpy()


def plainly(of: Whole, x: np.ndarray, subject: int | None = None, bad: np.ndarray | None = None) -> np.ndarray:
    """What ``of`` says (n, n_outputs) of windows ``x``, in one batch."""
    whose = None if subject is None else torch.full((len(x),), subject)
    shut = None if bad is None else torch.from_numpy(bad).expand(len(x), -1)
    with torch.inference_mode():
        said = of(torch.from_numpy(x), whose, shut)
    return (said[0] if isinstance(said, tuple) else said).numpy()


def far(got: np.ndarray, wanted: np.ndarray) -> float:
    """Largest difference, relative to the largest value."""
    return float(np.abs(got - wanted).max() / np.abs(wanted).max())
