"""A bank as it lies on disk, opened for reading: nothing is loaded but names, until it is asked for."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtbci.bank.reading import SUFFIXES
from rtbci.errors import BankError
from rtbci.file_digest import sha256_of

FORMAT, VERSION = "rtbci-bank", 1
MANIFEST, ITEMS, EMBEDDINGS = "bank.json", "items.csv", "embeddings.npy"
THUMBNAILS, OFFSETS, LEARNT = "thumbnails.bin", "thumbnails.npy", "embedder.safetensors"
COLUMNS = ("id", "class", "file", "caption", "width", "height", "sha256")
WANTED = "a folder that `rtbci bank build` wrote would be right"


@dataclass(frozen=True, slots=True)
class Item:
    """One item: what markers call it, its class (or ""), its file below the source folder, and what it shows.

    ``width`` and ``height`` are those of the picture in pixels, 0 where it is none; ``sha256`` is of the file.
    """

    id: str
    category: str
    file: str
    caption: str
    width: int
    height: int
    sha256: str


@dataclass(frozen=True)
class Bank:
    """Items, their embeddings, and the name of the space that these lie in.

    Attributes
    ----------
    path : its folder. kind : of the items: "picture", "caption" or "sound".
    space_id : names the space; embeddings of another one cannot be compared with these.
    items : all of them, in order. embeddings : (n_items, n_dims) float16 of length 1, read-only, mapped from disk.
    manifest : the rest of what is known: embedder, where the items came from, what was skipped.
    """

    path: Path
    kind: str
    space_id: str
    items: Sequence[Item]
    embeddings: NDArray[np.float16] = field(repr=False)
    manifest: Mapping[str, Any] = field(repr=False)

    @classmethod
    def open(cls, path: Path) -> Bank:
        """Open the bank in the folder ``path``. Raises BankError where that is none, or parts of it do not agree."""
        manifest = _manifest(path)
        items = _items(path / ITEMS)
        try:
            embeddings = np.load(path / EMBEDDINGS, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise BankError(f"{path}: {EMBEDDINGS} cannot be read ({_line(error)}); {WANTED}") from error
        if embeddings.dtype != np.float16 or embeddings.shape != (len(items), manifest["dim"]) or not len(items):
            raise BankError(
                f"{path}: {EMBEDDINGS} is {embeddings.shape} {embeddings.dtype} for {len(items)} items of "
                f"{manifest['dim']} dimensions; {WANTED}"
            )
        return cls(path, manifest["kind"], manifest["space"], items, embeddings, manifest)

    @property
    def dim(self) -> int:
        """Length of an embedding."""
        return int(self.embeddings.shape[1])

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, in order; items without one are in none."""
        return tuple(sorted({item.category for item in self.items} - {""}))

    @cached_property
    def _names(self) -> Mapping[str, int]:
        """Numbers of items by whatever can name one: id, file, name of the file, with and without its suffix."""
        names: dict[str, int] = {}
        twice: set[str] = set()
        for number, item in enumerate(self.items):
            file = Path(item.file)
            for name in {file.as_posix(), file.with_suffix("").as_posix(), file.name, file.stem} - {"", ".", item.id}:
                if name in names:
                    twice.add(name)
                names[name] = number
        for name in twice:
            del names[name]
        return names | {item.id: number for number, item in enumerate(self.items)}

    def find(self, label: str) -> int | None:
        """Number of the item that a marker's ``label`` means: its id, its file or the file's name; None where it is none."""
        return self._names.get(label)

    def labels(self) -> dict[str, tuple[str, ...]]:
        """What markers may call the items of each class, by class: every name that `find` knows."""
        found: dict[str, list[str]] = {category: [] for category in self.classes}
        for name, number in self._names.items():
            if category := self.items[number].category:
                found[category].append(name)
        return {category: tuple(sorted(names)) for category, names in found.items()}

    def of_class(self, category: str) -> NDArray[np.int64]:
        """Numbers (n,) of the items of a class."""
        return np.array([k for k, item in enumerate(self.items) if item.category == category], np.int64)

    def centre(self, category: str) -> NDArray[np.float32]:
        """Mean direction (n_dims,) of the items of a class, of length 1. Raises BankError for a class without items."""
        mine = self.of_class(category)
        if not len(mine):
            raise BankError(f'{self.path} has no class "{category}"; it has {", ".join(self.classes) or "none"}')
        mean = self.embeddings[mine].astype(np.float64).mean(axis=0)
        centre: NDArray[np.float32] = (mean / max(float(np.linalg.norm(mean)), 1e-12)).astype(np.float32)
        return centre

    def thumbnail(self, number: int) -> bytes:
        """A small JPEG of item ``number``; empty where items are no pictures."""
        offsets = self._offsets
        if offsets is None:
            return b""
        with (self.path / THUMBNAILS).open("rb") as file:
            file.seek(int(offsets[number]))
            return file.read(int(offsets[number + 1] - offsets[number]))

    @cached_property
    def _offsets(self) -> NDArray[np.int64] | None:
        path = self.path / OFFSETS
        if not path.exists():
            return None
        offsets: NDArray[np.int64] = np.load(path, mmap_mode="r", allow_pickle=False)
        return offsets

    def entry(self) -> dict[str, Any]:
        """What a session remembers of it: where it is, its space and size, and a hash of the rest."""
        return {
            "path": str(self.path.resolve()),
            "space": self.space_id,
            "items": len(self.items),
            "sha256": sha256_of(self.path / MANIFEST),
        }

    def damage(self) -> str:
        """What differs from what was written, or "": reads all of it."""
        for name, wanted in self.manifest["sha256"].items():
            try:
                found = sha256_of(self.path / name)
            except OSError as error:
                return f"{name} cannot be read ({error.strerror})"
            if found != wanted:
                return f"{name} is not what was written"
        return ""


def _manifest(path: Path) -> dict[str, Any]:
    try:
        manifest = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
    except OSError as error:
        raise BankError(f"{path} is no bank ({MANIFEST}: {error.strerror}); {WANTED}") from error
    except ValueError as error:
        raise BankError(f"{path}: {MANIFEST} is no JSON ({_line(error)}); {WANTED}") from error
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise BankError(f"{path}: {MANIFEST} is not of a bank; {WANTED}")
    if manifest.get("version") != VERSION:
        raise BankError(
            f"{path} is a bank of version {manifest.get('version')}; version {VERSION}, built anew by this rtbci, "
            "would be right"
        )
    types: dict[str, type] = {"kind": str, "space": str, "dim": int, "items": int, "sha256": dict, "embedder": dict}
    for key, kind in types.items():
        if not isinstance(manifest.get(key), kind):
            raise BankError(f'{path}: {MANIFEST} lacks "{key}"; {WANTED}')
    if manifest["kind"] not in SUFFIXES:
        raise BankError(f'{path}: a bank of "{manifest["kind"]}"; one of {", ".join(SUFFIXES)} would be right')
    return manifest


def _items(path: Path) -> tuple[Item, ...]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.reader(file)
            if tuple(next(reader, ())) != COLUMNS:
                raise BankError(f"{path} does not begin with {','.join(COLUMNS)}; {WANTED}")
            return tuple(
                Item(name, category, file_, caption, int(width), int(height), digest)
                for name, category, file_, caption, width, height, digest in reader
            )
    except OSError as error:
        raise BankError(f"{path} cannot be read ({error.strerror}); {WANTED}") from error
    except (ValueError, IndexError, TypeError, csv.Error) as error:
        raise BankError(f"{path} is damaged ({_line(error)}); {WANTED}") from error


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:160]
