"""From a bank to a trained generator in its folder: pictures, altered copies, lesson, judgement."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from rtbci.bank import Bank
from rtbci.errors import BankError
from rtbci.training_run import TrainingRun
from rtbci_vision.generating import folder, judging
from rtbci_vision.generating.altered import copies, embedder_or_why
from rtbci_vision.generating.lesson import Progress, learn, to_pictures
from rtbci_vision.generating.network import PictureNetwork
from rtbci_vision.generating.pictures import Pairs, split, squared, thumbnail, unit

FEWEST = 8
"""Pictures of a bank from which something can be learnt."""
MOST_REMEMBERED = 8000
"""Pictures in the memory, 100 MB at 64 pixels: of a larger bank as many, evenly."""
COPIES = 1000
"""Altered copies that are made, where the memory has room."""
SEEN = 4800
"""Pictures that the default number of epochs sees, and at least two epochs."""
HELD_OUT, MOST_HELD_OUT = 0.1, 200
"""Share of the items that judge, and how many at most."""
SIZE = 64


@dataclass(frozen=True, slots=True)
class Settings:
    """What a person may choose; 0 epochs or a size of 0 pixels are what it takes by itself."""

    epochs: int = 0
    size: int = 0
    device: str = "auto"
    seed: int = 0
    threads: int = 1


def train(path: Path, out: Path | None, run: TrainingRun, settings: Settings) -> dict[str, Any]:
    """Train a generator on the bank at ``path``; what came out, for `rtbci.interfaces.TrainsGenerator`. Raises BankError."""
    began = time.monotonic()
    size = _checked(settings)
    device = device_of(settings.device)
    torch.set_num_threads(settings.threads)
    bank = Bank.open(path)
    if bank.kind != "picture" or len(bank.items) < FEWEST:
        raise BankError(
            f"{path}: {len(bank.items)} {bank.kind}s; a bank of pictures, at least {FEWEST}, would be right to learn from"
        )
    target = out or path / folder.FOLDER
    if target.exists() and not (target / folder.HEAD).exists():
        raise BankError(
            f"{target} exists and holds no generator, so it is not overwritten; another --out would be right"
        )
    learnt, held = _numbers(bank, settings.seed)
    own, held_out = _pairs(bank, learnt, size), _pairs(bank, held, size)
    pairs, of_item = _with_copies(bank, learnt, own, settings.seed, run)
    epochs = settings.epochs or max(2, round(SEEN / len(pairs)))
    losses: list[float] = []

    def told(progress: Progress) -> None:
        losses.append(progress.loss)
        run.progress(progress.done, progress.total, f"epochs, loss {progress.loss:.4f}")

    network = learn(pairs, of_item, epochs, settings.seed, device, told)
    judged = judging.judged(lambda z: drawn(network, z, device), own, held_out, settings.seed)
    seconds = time.monotonic() - began
    result = {
        "space": bank.space_id,
        "items": len(own),
        "copies": len(pairs) - len(own),
        "epochs": epochs,
        "seed": settings.seed,
        "device": str(device),
        "threads": settings.threads,
        "losses": [round(loss, 5) for loss in losses],
        "judged": judged,
        "held_out": [bank.items[int(number)].id for number in held],
        "notes": list(run.notes),
    }
    folder.write(target, network, result)
    return {"out": str(target), "size": size, "seconds": round(seconds, 1), **result}


def drawn(network: PictureNetwork, embeddings: NDArray[np.float32], device: torch.device) -> NDArray[np.uint8]:
    """Pictures (n, size, size, 3) of ``embeddings`` (n, n_dims), 16 at once."""
    with torch.inference_mode():
        parts = [
            to_pictures(network(torch.from_numpy(np.ascontiguousarray(embeddings[first : first + 16])).to(device)))
            for first in range(0, len(embeddings), 16)
        ]
    return np.concatenate(parts)


def device_of(wanted: str) -> torch.device:
    """The device that ``wanted`` means. Raises BankError where it is not there."""
    there = torch.cuda.is_available()
    if wanted == "auto":
        return torch.device("cuda" if there else "cpu")
    if wanted != "cpu" and wanted.partition(":")[0] != "cuda":
        raise BankError(f'device = "{wanted}"; "auto", "cpu" or "cuda" would be right')
    if wanted != "cpu" and not there:
        raise BankError(f'device = "{wanted}", but PyTorch sees no GPU; "auto" or "cpu" would be right')
    return torch.device(wanted)


def _checked(settings: Settings) -> int:
    size = settings.size or SIZE
    if not 16 <= size <= 160 or size % 8:
        raise BankError(f"size = {size}; a multiple of 8 from 16 to 160 (a thumbnail's side) would be right")
    if settings.epochs < 0 or settings.threads < 1:
        raise BankError(f"{settings.epochs} epochs on {settings.threads} threads; at least 1 of each would be right")
    return size


def _numbers(bank: Bank, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Which items are learnt from, and which judge."""
    n = len(bank.items)
    learnt, held = split(n, min(max(HELD_OUT, 4 / n), MOST_HELD_OUT / n), seed)
    if len(learnt) > MOST_REMEMBERED:
        learnt = learnt[np.linspace(0, len(learnt) - 1, MOST_REMEMBERED).astype(np.int64)]
    return learnt, held


def _pairs(bank: Bank, numbers: NDArray[np.int64], size: int) -> Pairs:
    pictures = [squared(thumbnail(bank, int(number)), size) for number in numbers]
    return Pairs(unit(bank.embeddings[numbers]), np.stack(pictures))


def _with_copies(
    bank: Bank, learnt: NDArray[np.int64], own: Pairs, seed: int, run: TrainingRun
) -> tuple[Pairs, NDArray[np.int64]]:
    """``own`` pairs of the items ``learnt``, those of altered copies of them, and the item (n,) that each is of."""
    count = min(COPIES, MOST_REMEMBERED - len(own))
    embedder, why = embedder_or_why(bank)
    if embedder is None:
        run.note(f"learnt from the bank's pictures alone, not from altered copies: {why}")
    if embedder is None or count < 1:
        return own, np.arange(len(own))
    altered = np.linspace(0, len(own) - 1, min(count, len(own))).astype(np.int64)
    more = copies(
        embedder,
        [thumbnail(bank, int(number)) for number in learnt[altered]],
        count,
        own.pictures.shape[1],
        seed,
        lambda done: run.progress(done, count, "altered copies"),
    )
    both = Pairs(np.concatenate([own.embeddings, more.embeddings]), np.concatenate([own.pictures, more.pictures]))
    return both, np.concatenate([np.arange(len(own)), altered[np.arange(count) % len(altered)]])
