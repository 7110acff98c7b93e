"""What is imported and loaded only when it is asked for: diffusers, and pipelines of the hub or of a folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from rtbci.errors import BankError


def library(name: str) -> Any:
    """The module ``name`` ("diffusers" or "transformers"). Raises BankError where it cannot be imported."""
    import importlib

    try:
        return importlib.import_module(name)
    except (ImportError, RuntimeError, OSError) as error:
        why = " ".join(str(error).split())[:160]
        raise BankError(
            f'{name} cannot be imported ({why}); pip install "rtbci[generate]", or the renderer "generator", '
            "would be right"
        ) from error


def folder_or_id(model: str) -> str:
    """``model`` as ``from_pretrained`` wants it: a folder's path, or an id of the hub."""
    folder = Path(model).expanduser()
    return str(folder) if folder.is_dir() else model


def loaded(model: str, load: Callable[[], Any]) -> Any:
    """What ``load`` gives. Raises BankError where the model cannot be had."""
    try:
        return load()
    except (OSError, ValueError, RuntimeError, ImportError, AttributeError, KeyError, TypeError) as error:
        _refuse(model, error)


def _refuse(model: str, error: Exception) -> NoReturn:
    why = " ".join(str(error).split())[:200]
    raise BankError(
        f"{model} cannot be loaded ({why}); a model's id on the hub and a network, or a folder that save_pretrained "
        "wrote, would be right"
    ) from error


def precision(device: Any) -> Any:
    """float16 on a GPU, float32 on a CPU."""
    import torch

    return torch.float16 if device.type == "cuda" else torch.float32
