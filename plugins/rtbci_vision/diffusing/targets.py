"""Image embeddings of a bank's pictures as a pipeline's own encoder gives them, kept beside the bank's files."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtbci.bank import Bank
from rtbci_vision.generating.pictures import thumbnail

MOST = 2000
"""Items that are embedded, evenly over the bank: enough for a regression, minutes on a CPU for the largest encoders."""
BATCH = 16
FOLDER = "priors"

Encode = Callable[[Sequence[Any]], NDArray[np.float32]]
"""Image embeddings (n, n_out) of pictures (height, width, 3) uint8."""


def of_bank(bank: Bank, encoder: str, encode: Encode) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Embeddings (n, n_dims) of items of ``bank`` and their image embeddings (n, n_out) by ``encoder``.

    What was computed once for this bank and encoder is read again. Raises BankError where the bank has no pictures.
    """
    n = len(bank.items)
    numbers = np.unique(np.linspace(0, n - 1, min(n, MOST)).astype(np.int64))
    key = sha256(
        "\0".join([encoder, bank.space_id, *(bank.items[int(k)].sha256 for k in numbers)]).encode()
    ).hexdigest()
    path = bank.path / FOLDER / f"{key[:24]}.npy"
    embeddings = bank.embeddings[numbers].astype(np.float32)
    targets = _read(path, len(numbers))
    if targets is None:
        parts = [
            encode([thumbnail(bank, int(k)) for k in numbers[first : first + BATCH]])
            for first in range(0, len(numbers), BATCH)
        ]
        targets = np.concatenate(parts).astype(np.float32)
        _keep(path, targets)
    return embeddings, targets


def _read(path: Path, n: int) -> NDArray[np.float32] | None:
    try:
        kept: NDArray[np.float32] = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    return kept if kept.ndim == 2 and len(kept) == n and kept.dtype == np.float32 else None


def _keep(path: Path, targets: NDArray[np.float32]) -> None:
    half = path.with_name(f"{path.name}.{os.getpid()}.half")
    try:
        path.parent.mkdir(exist_ok=True)
        with half.open("wb") as file:
            np.save(file, targets)
        half.replace(path)
    except OSError as error:  # a bank that cannot be written is embedded anew each time
        print(f"{path} cannot be written ({error.strerror}); the prior is fitted anew next time", flush=True)
