"""Pairs of pictures: what was shown and what was reconstructed of it, matched by their names."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rtbci.bank.listing import of_folder
from rtbci.bank.reading import Unreadable, bytes_of, picture
from rtbci.errors import BankError
from rtbci.training_run import TrainingRun

NAMED = 3
"""Pictures that a refusal names."""

Picture = NDArray[np.uint8]
"""(height, width, 3) uint8 RGB."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Files of one picture; ``name`` is its path below either folder, without the suffix."""

    name: str
    shown: Path
    reconstructed: Path


@dataclass(frozen=True, slots=True)
class Pairing:
    """The pairs, in order of their names, and what was left out: files, and why."""

    pairs: tuple[Pair, ...]
    left_out: tuple[tuple[str, str], ...] = ()


def pair_up(shown: Path, reconstructed: Path, allow_missing: bool = False, run: TrainingRun | None = None) -> Pairing:
    """Pair two folders by relative path without suffix, or two files with each other; every picture is read once to see it.

    Parameters
    ----------
    shown, reconstructed : two folders, or two files.
    allow_missing : leave out what has no counterpart or cannot be read, rather than refuse.
    run : where progress is told.

    Raises
    ------
    BankError
        For folders that are none or have nothing in common, two pictures of one name, and, unless ``allow_missing``, for
        pictures that lack a counterpart or cannot be read.
    """
    if shown.is_file() and reconstructed.is_file():
        pairs = [Pair(shown.stem, shown, reconstructed)]
        lacking: dict[str, list[tuple[str, str]]] = {}
    elif shown.is_file() or reconstructed.is_file():
        raise BankError(f"{shown} and {reconstructed} are a file and none; two folders or two files would be right")
    else:
        before, after = _by_name(shown), _by_name(reconstructed)
        pairs = [Pair(name, before[name], after[name]) for name in before if name in after]
        lacking = {
            "without a reconstruction": [
                (str(path), "it has no reconstruction") for name, path in before.items() if name not in after
            ],
            "never shown": [(str(path), "it was never shown") for name, path in after.items() if name not in before],
        }
    lacking["unreadable"] = _unreadable(pairs, run or TrainingRun())
    left_out = [one for ones in lacking.values() for one in ones]
    if left_out and not allow_missing:
        raise BankError(
            "; ".join(_told(what, ones) for what, ones in lacking.items() if ones)
            + "; two of every name, or --allow-missing, would be right"
        )
    gone = {file for file, _ in lacking["unreadable"]}
    pairs = [pair for pair in pairs if str(pair.shown) not in gone and str(pair.reconstructed) not in gone]
    if not pairs:
        more = f" ({_told('left out', left_out)})" if left_out else ""
        raise BankError(f"{shown} and {reconstructed} have no pair of pictures{more}; the same names would be right")
    return Pairing(tuple(pairs), tuple(left_out))


def read(path: Path) -> Picture:
    """The picture in ``path``, as `rtbci.bank.reading.picture` reads it. Raises BankError."""
    try:
        pixels: Picture = picture(bytes_of(path)).content
    except Unreadable as error:
        raise BankError(f"{path}: {error}") from error
    return pixels


def _by_name(folder: Path) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for entry in of_folder(folder, "picture"):
        path = Path(entry.file)
        name = path.with_suffix("").as_posix()
        if name in found:
            raise BankError(f"{folder} has both {found[name].name} and {path.name}; one of a name would be right")
        found[name] = folder / path
    return found


def _unreadable(pairs: Iterable[Pair], run: TrainingRun) -> list[tuple[str, str]]:
    files = [file for pair in pairs for file in (pair.shown, pair.reconstructed)]
    found = []
    for number, file in enumerate(files):
        try:
            picture(bytes_of(file))
        except Unreadable as error:
            found.append((str(file), str(error)))
        run.progress(number + 1, len(files), "pictures read")
    return found


def _told(what: str, ones: list[tuple[str, str]]) -> str:
    named = ", ".join(f"{file}: {why}" if what == "unreadable" else file for file, why in ones[:NAMED])
    return f"{len(ones)} {what} ({named}{', …' if len(ones) > NAMED else ''})"
