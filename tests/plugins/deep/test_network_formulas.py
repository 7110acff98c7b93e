"""The networks without published weights compute the formulas of their papers, written here once more on their tensors."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from rtbci_deep.networks import EEGNet, FunctionalNet, MegConv, ShallowFBCSPNet, SimpleConv

State = dict[str, Tensor]


def lively(network: nn.Module) -> tuple[nn.Module, State]:
    """The network with values that are nobody's defaults, and its tensors by name."""
    torch.manual_seed(0)
    state = network.state_dict()
    for name, tensor in state.items():
        if name.endswith("running_var"):
            tensor.copy_(0.5 + torch.rand_like(tensor))
        elif tensor.is_floating_point() and not name.endswith(("positions", "basis")):
            tensor.add_(0.2 * torch.randn_like(tensor))
    return network.eval(), state


def batch_norm(x: Tensor, s: State, name: str, eps: float = 1e-5) -> Tensor:
    shape = (1, -1, *[1] * (x.dim() - 2))
    mean, var, weight, bias = (s[f"{name}.{w}"].view(shape) for w in ("running_mean", "running_var", "weight", "bias"))
    return (x - mean) / (var + eps).sqrt() * weight + bias


def close(ours: Tensor, theirs: Tensor) -> None:
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)


def test_eegnet():
    network, s = lively(EEGNet(5, 96, 3, 64.0, F1=4, D=3, F2=7, depthwise_kernel_length=9))
    x = torch.randn(2, 5, 96)
    maps = functional.conv2d(functional.pad(x[:, None], (15, 16)), s["temporal.weight"])  # 32 taps, half a second
    maps = batch_norm(maps, s, "temporal_norm", 1e-3)
    spatial = s["spatial.weight"][:, 0, :, 0]
    spatial = spatial * (1.0 / spatial.norm(dim=1)).clamp(max=1.0)[:, None]
    # map f has the spatial filters 3 f to 3 f + 2
    mixed = torch.stack([(maps[:, k // 3] * spatial[k][:, None]).sum(dim=1) for k in range(12)], dim=1)
    mixed = functional.elu(batch_norm(mixed, s, "spatial_norm", 1e-3)).unflatten(2, (24, 4)).mean(-1)
    slow = functional.conv1d(functional.pad(mixed, (4, 4)), s["depthwise.weight"][:, :, 0], groups=12)
    slow = functional.conv1d(slow, s["pointwise.weight"][:, :, 0])
    slow = functional.elu(batch_norm(slow, s, "separable_norm", 1e-3)).unflatten(2, (3, 8)).mean(-1)
    weight = s["classifier.weight"]
    weight = weight * (0.25 / weight.norm(dim=1)).clamp(max=1.0)[:, None]
    close(network(x), slow.flatten(1) @ weight.T + s["classifier.bias"])


def test_shallow_fbcsp_net():
    network, s = lively(ShallowFBCSPNet(5, 130, 3, 250.0, n_filters_time=4, n_filters_spat=6))
    x = torch.randn(2, 5, 130)
    filtered = torch.einsum("bctl,fl->bfct", x.unfold(2, 25, 1), s["temporal.weight"][:, 0, 0])
    filtered = filtered + s["temporal.bias"][:, None, None]
    sources = batch_norm(torch.einsum("bfct,gfc->bgt", filtered, s["spatial.weight"][..., 0]), s, "norm")
    log_power = sources.square().unfold(2, 75, 15).mean(-1).log()
    assert log_power.shape == (2, 6, 3)
    close(network(x), log_power.flatten(1) @ s["classifier.weight"].T + s["classifier.bias"])


@pytest.mark.parametrize("kernel", [5, 8])
def test_simpleconv(kernel):
    network, s = lively(SimpleConv(5, 64, 3, 70.0, fm=10, n_convs=3, kernel=kernel, n_subjects=4))
    x = torch.randn(2, 5, 64)

    def conv(x: Tensor, name: str) -> Tensor:
        return functional.conv1d(x, s[f"{name}.weight"], padding=kernel // 2)

    y = batch_norm(conv(x, "conv"), s, "norm").relu()
    for i in range(3):
        y = batch_norm(conv(y, f"blocks.{i}.0"), s, f"blocks.{i}.1")
        y = y[:, :, : y.shape[2] // 2 * 2].unflatten(2, (-1, 2)).amax(-1).relu()
        y = batch_norm(conv(y, f"blocks.{i}.4"), s, f"blocks.{i}.5").relu()
    assert y.shape[1] == 19  # 10, 14, 19
    features = y.mean(dim=2)
    scores, persons = network(x)
    close(scores, features @ s["classifier.weight"].T + s["classifier.bias"])
    close(persons, features @ s["subject_head.weight"].T + s["subject_head.bias"])


@pytest.mark.parametrize("dense_functions", [1, 4])
def test_functional_net(dense_functions):
    network, s = lively(FunctionalNet(5, 120, 3, 250.0, dense_functions=dense_functions))
    x = torch.randn(2, 5, 120)
    y = (x - x.mean(-1, keepdim=True)) / x.std(-1, correction=0, keepdim=True)
    for i, taps in enumerate((32, 64)):
        t = np.linspace(-1.0, 1.0, taps)
        theta = s[f"convs.{i}.theta"].numpy()
        # (taps, n_in, n_filters): the series of Legendre polynomials at every tap
        filters = np.moveaxis(np.polynomial.legendre.legval(t, theta), -1, 0)
        y = functional.elu(torch.einsum("bctl,lcf->bft", y.unfold(2, taps, 1), torch.from_numpy(filters).float()))
    time = torch.linspace(0.0, 1.0, y.shape[2])
    waves = [torch.ones_like(time)]
    waves += [2**0.5 * wave(2 * np.pi * k * time) for k in (1, 2) for wave in (torch.sin, torch.cos)]
    weights = torch.einsum("kt,kcf->tcf", torch.stack(waves[:dense_functions]), s["dense.theta"])
    close(network(x), torch.einsum("bct,tcf->bft", y, weights).mean(-1))


@pytest.mark.parametrize("subject", [None, 1])
@pytest.mark.parametrize("time_aggregation", ["linear", "mean", "attention"])
def test_meg_conv(time_aggregation, subject):
    places = np.random.default_rng(0).uniform(size=(5, 2))
    network, s = lively(
        MegConv(
            *(5, 30, 4, 120.0, places),
            n_subjects=2,
            n_virtual=6,
            hidden_dim=8,
            n_blocks=3,
            backbone_out=10,
            fourier_dim=18,
            time_aggregation=time_aggregation,
            n_outputs_mse=7,
        )
    )
    x = torch.randn(2, 5, 30)
    waves = 2 * np.pi * np.arange(3) / 1.4
    grid = [[w * (px + 0.2) + v * (py + 0.2) for w in waves for v in waves] for px, py in places]
    embedding = torch.tensor(np.concatenate([np.cos(grid), np.sin(grid)], axis=1)).float()
    y = torch.softmax(s["merger.heads"] @ embedding.T, dim=1) @ x
    y = functional.conv1d(y, s["mix.weight"], s["mix.bias"])
    matrix = s["subjects.stranger"] if subject is None else s["subjects.known"][subject]
    y = torch.einsum("bct,cd->bdt", y, matrix)
    for i, dilation in enumerate((1, 2, 4, 8, 16, 1)):
        weight, bias = s[f"blocks.{i}.conv.weight"], s[f"blocks.{i}.conv.bias"]
        z = functional.conv1d(functional.pad(y, (dilation, dilation)), weight, bias, dilation=dilation)
        z = functional.gelu(batch_norm(z, s, f"blocks.{i}.norm"))
        y = z if i == 0 else y + z
        if i % 2:
            z = functional.conv1d(functional.pad(y, (1, 1)), s[f"blocks.{i}.gate.weight"], s[f"blocks.{i}.gate.bias"])
            y = z[:, :8] * torch.sigmoid(z[:, 8:])
    y = functional.gelu(functional.conv1d(y, s["out.weight"], s["out.bias"]))
    if time_aggregation == "linear":
        y = (y * s["time.weight"]).sum(-1) + s["time.bias"]
    elif time_aggregation == "mean":
        y = y.mean(-1)
    else:
        keys = torch.tanh(torch.einsum("bct,uc->but", y, s["time.key.weight"]) + s["time.key.bias"][:, None])
        y = (y * torch.softmax(torch.einsum("but,u->bt", keys, s["time.score.weight"][0]), dim=1)[:, None]).sum(-1)
    who = None if subject is None else torch.tensor([subject, subject])
    for ours, head in zip(network(x, subject=who), ("clip_head", "mse_head"), strict=True):
        normed = functional.layer_norm(y, (10,), s[f"{head}.0.weight"], s[f"{head}.0.bias"])
        close(ours, functional.linear(functional.gelu(normed), s[f"{head}.2.weight"], s[f"{head}.2.bias"]))
