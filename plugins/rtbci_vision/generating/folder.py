"""A trained generator on disk: ``generator.json`` says what it is, ``generator.safetensors`` holds its arrays.

The folder appears by rename. It lies within its bank's folder, whose own files stay as they are, or where it is wanted.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rtbci.bank.writing import put
from rtbci.errors import BankError
from rtbci.file_digest import sha256_of
from rtbci_vision.generating.network import PictureNetwork

FOLDER, HEAD, ARRAYS = "generator", "generator.json", "generator.safetensors"
FORMAT, VERSION = "rtbci-generator", 1


def write(folder: Path, network: PictureNetwork, head: Mapping[str, Any]) -> None:
    """Write ``network`` and ``head`` to ``folder``, in place of a generator that is there. Raises BankError."""
    from safetensors.torch import save_file

    if folder.exists() and not (folder / HEAD).exists():
        raise BankError(
            f"{folder} exists and holds no generator, so it is not overwritten; another --out would be right"
        )
    half = folder.parent / f".{folder.name}.{os.getpid()}.half"
    try:
        shutil.rmtree(half, ignore_errors=True)
        half.mkdir(parents=True)
        save_file({name: array.contiguous().cpu() for name, array in network.state_dict().items()}, half / ARRAYS)
        shape = {"n_dims": network.n_dims, "size": network.size, "remembered": len(network.remembered)}
        whole = {"format": FORMAT, "version": VERSION, **shape, **head, "sha256": sha256_of(half / ARRAYS)}
        (half / HEAD).write_text(json.dumps(whole, indent=1, ensure_ascii=False), encoding="utf-8")
        put(half, folder)
    except OSError as error:
        raise BankError(f"{folder} cannot be written ({error.strerror or error})") from error
    finally:
        shutil.rmtree(half, ignore_errors=True)


def read(folder: Path, space_id: str, command: str) -> tuple[PictureNetwork, Mapping[str, Any]]:
    """The network in ``folder``, in evaluation, and its head.

    Raises
    ------
    BankError
        Where there is none (``command`` makes one), it is damaged, or it draws from another space than ``space_id``.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    head = _head(folder, command)
    if head["space"] != space_id:
        raise BankError(
            f"the generator in {folder} draws from {head['space']}, the bank is of {space_id}; `{command}` would be right"
        )
    try:
        if sha256_of(folder / ARRAYS) != head["sha256"]:
            raise BankError(f"{folder / ARRAYS} is not what was written; `{command}` would be right")
        network = PictureNetwork(int(head["n_dims"]), int(head["size"]), int(head["remembered"]))
        network.load_state_dict(load_file(folder / ARRAYS))
    except (OSError, SafetensorError, RuntimeError, KeyError, ValueError, TypeError) as error:
        why = " ".join(str(error).split())[:160]
        raise BankError(f"the generator in {folder} cannot be read ({why}); `{command}` would be right") from error
    return network.eval(), head


def _head(folder: Path, command: str) -> dict[str, Any]:
    try:
        head = json.loads((folder / HEAD).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise BankError(f"{folder} holds no generator yet; `{command}` makes one") from error
    except (OSError, ValueError) as error:
        raise BankError(f"{folder / HEAD} cannot be read ({' '.join(str(error).split())[:160]})") from error
    if not isinstance(head, dict) or head.get("format") != FORMAT or head.get("version") != VERSION:
        raise BankError(f"{folder / HEAD} is of no generator that this rtbci can read; `{command}` would be right")
    lacking = [key for key in ("space", "sha256", "n_dims", "size", "remembered") if key not in head]
    if lacking:
        raise BankError(f"{folder / HEAD} lacks {', '.join(lacking)}; `{command}` would be right")
    return head
