"""How far a training is, on disk: one file of arrays and JSON, replaced whole; a kill leaves the old or the new one."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

NAME = "checkpoint.safetensors"


def write(folder: Path, state: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
    """Write ``tensors`` and ``state`` (what JSON holds). Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    scratch = folder / f".{NAME}.{os.getpid()}"
    plain = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    try:
        save_file(plain, scratch, metadata={"state": json.dumps(state)})
        scratch.replace(folder / NAME)
    finally:
        scratch.unlink(missing_ok=True)


def read(folder: Path, key: str) -> tuple[dict[str, Any], dict[str, Tensor]] | None:
    """What `write` wrote for the training of this ``key``; None where there is nothing, or it is another's or damaged."""
    path = folder / NAME
    if not path.is_file():
        return None
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            state: dict[str, Any] = json.loads((file.metadata() or {})["state"])
            if state["key"] != key:
                return None
            return state, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
    except (SafetensorError, OSError, ValueError, KeyError, TypeError):
        return None


def flatten(prefix: str, state: Mapping[str, Any]) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """An optimizer's state as tensors by name, and the rest."""
    tensors: dict[str, Tensor] = {}
    for number, values in state["state"].items():
        for name, value in values.items():
            tensors[f"{prefix}{number}.{name}"] = value if isinstance(value, Tensor) else torch.tensor(value)
    return tensors, {"param_groups": state["param_groups"]}


def unflatten(prefix: str, tensors: Mapping[str, Tensor], rest: Mapping[str, Any]) -> dict[str, Any]:
    """What `flatten` was given."""
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        if name.startswith(prefix):
            number, _, own = name.removeprefix(prefix).partition(".")
            state.setdefault(int(number), {})[own] = tensor
    return {"state": state, "param_groups": rest["param_groups"]}
