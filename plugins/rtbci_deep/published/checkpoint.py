"""The tensors of a checkpoint file, whatever it is wrapped in, without running anything that it holds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from rtbci.errors import DecoderError

SUFFIXES = (".pth", ".pt", ".bin", ".safetensors")
WRAPPERS = ("state_dict", "model_state_dict", "model")
"""Keys under which trainers put the weights, beside an optimizer's state and the like."""


def read_checkpoint(path: Path) -> dict[str, Tensor]:
    """Tensors by name, on the CPU, without wrappers and without "module." before the names.

    Raises DecoderError for a missing file, one that is damaged or no checkpoint, and one without tensors.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise DecoderError(f'"{path}" is no checkpoint by its name; one of {", ".join(SUFFIXES)} would be right')
    if not path.is_file():
        raise DecoderError(f'there is no file "{path}"')
    held: object
    try:
        if path.suffix.lower() == ".safetensors":
            held = load_file(path, device="cpu")
        else:
            held = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise DecoderError(f'"{path}" cannot be read as a checkpoint of tensors: {reason[:160]}') from error
    while isinstance(held, Mapping):
        inner = next((held[key] for key in WRAPPERS if isinstance(held.get(key), Mapping)), None)
        if inner is None:
            break
        held = inner
    tensors = {_bare(str(n)): t for n, t in held.items() if isinstance(t, Tensor)} if isinstance(held, Mapping) else {}
    if not tensors:
        raise DecoderError(
            f'"{path}" holds a {type(held).__name__} without tensors by name; a state dict would be right'
        )
    return tensors


def _bare(name: str) -> str:
    while name.startswith("module."):  # put there by DataParallel, once for each time it was applied
        name = name.removeprefix("module.")
    return name
