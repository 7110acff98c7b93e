"""Several processes that train one network, as ``torchrun`` starts them: gradients are averaged, one of them tells."""

from __future__ import annotations

import atexit
import os
from collections.abc import Sequence
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import nn

from rtbci_deep.material import Ranks

T = TypeVar("T")


def join(ranks: Ranks, device: torch.device) -> None:
    """Meet the other processes; once for a process."""
    if ranks.of == 1 or dist.is_initialized():
        return
    dist.init_process_group(backend_for(device), rank=ranks.rank, world_size=ranks.of)
    atexit.register(dist.destroy_process_group)


def backend_for(device: torch.device) -> str:
    """NCCL where every process of this machine has a GPU to itself, as NCCL demands; gloo otherwise, and between CPUs."""
    here = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    return "nccl" if device.type == "cuda" and here <= torch.cuda.device_count() else "gloo"


def together(network: nn.Module, ranks: Ranks, device: torch.device) -> nn.Module:
    """``network`` with its gradients averaged over all processes after each backward pass."""
    if ranks.of == 1 or not any(p.requires_grad for p in network.parameters()):
        return network
    devices = [device.index or 0] if device.type == "cuda" else None
    # of a network with two heads, one may have no part in the loss
    return nn.parallel.DistributedDataParallel(network, device_ids=devices, find_unused_parameters=True)


def agreed(numbers: Sequence[float], ranks: Ranks, device: torch.device) -> list[float]:
    """The first process's ``numbers``, in all of them: statistics of batch norms differ, and all must stop together."""
    if ranks.of == 1:
        return list(numbers)
    tensor = torch.tensor(list(numbers), dtype=torch.float64, device=device)
    dist.broadcast(tensor, src=0)
    told: list[float] = tensor.tolist()
    return told


def told_by_first(thing: T, ranks: Ranks, device: torch.device) -> T:
    """The first process's ``thing``, in all of them: on another machine there is no folder to find its checkpoint in."""
    if ranks.of == 1:
        return thing
    box = [thing]
    dist.broadcast_object_list(box, src=0, device=device)
    return box[0]
