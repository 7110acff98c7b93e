"""The files of a bank, written to a folder that then takes its place by rename."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rtbci.bank.bank import (
    COLUMNS,
    EMBEDDINGS,
    FORMAT,
    ITEMS,
    LEARNT,
    MANIFEST,
    OFFSETS,
    THUMBNAILS,
    VERSION,
)
from rtbci.errors import BankError
from rtbci.file_digest import sha256_of
from rtbci.interfaces import Embedder

if TYPE_CHECKING:
    from rtbci.bank.build import Described, Plan


def write(
    folder: Path,
    plan: Plan,
    embedder: Embedder,
    rows: Sequence[int],
    parts: Sequence[Described],
    embeddings: NDArray[np.float32],
    arrays: Mapping[str, NDArray[Any]],
    skipped: Sequence[tuple[str, str]],
    made: str,
) -> None:
    """Write all files of a bank into ``folder``, which is emptied first; its manifest comes last."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    unit = embeddings.astype(np.float64)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    np.save(folder / EMBEDDINGS, unit.astype(np.float16))
    sizes = [size for part in parts for size in part.sizes]
    hashes = [one for part in parts for one in part.hashes]
    with (folder / ITEMS).open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for row, (width, height), digest in zip(rows, sizes, hashes, strict=True):
            entry = plan.entries[row]
            writer.writerow((entry.id, entry.category, entry.file, entry.caption, width, height, digest))
    names = [EMBEDDINGS, ITEMS]
    if embedder.kind == "picture":
        thumbnails = [one for part in parts for one in part.thumbnails]
        (folder / THUMBNAILS).write_bytes(b"".join(thumbnails))
        np.save(folder / OFFSETS, np.cumsum([0, *map(len, thumbnails)], dtype=np.int64))
        names += [THUMBNAILS, OFFSETS]
    if arrays:
        from safetensors.numpy import save_file

        # copied with np.array: ascontiguousarray would give a scalar an axis
        save_file({name: np.array(array, order="C") for name, array in arrays.items()}, folder / LEARNT)
        names.append(LEARNT)
    manifest = {
        "format": FORMAT,
        "version": VERSION,
        "kind": embedder.kind,
        "space": embedder.space_id,
        "dim": int(embeddings.shape[1]),
        "items": len(rows),
        "embedder": dict(plan.embedder),
        "made": made,
        "source": str(plan.folder.resolve()),
        "like": None if plan.like is None else str(plan.like.path.resolve()),
        "skipped": [{"file": name, "why": why} for name, why in skipped],
        "sha256": {name: sha256_of(folder / name) for name in names},
    }
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1, ensure_ascii=False), encoding="utf-8")


def put(finished: Path, out: Path) -> None:
    """Let the folder ``finished`` take the place of ``out``."""
    old = out.parent / f".{out.name}.old"
    shutil.rmtree(old, ignore_errors=True)
    if out.exists():
        out.rename(old)
    finished.rename(out)
    shutil.rmtree(old, ignore_errors=True)


def learnt(path: Path) -> Mapping[str, NDArray[Any]]:
    """Arrays that an embedder learnt. Raises BankError where there are none."""
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        arrays: Mapping[str, NDArray[Any]] = load_file(path)
    except (OSError, SafetensorError) as error:
        why = " ".join(str(error).split())[:160]
        raise BankError(
            f"{path} cannot be read ({why}); a bank whose embedder learnt its space would be right"
        ) from error
    return arrays
