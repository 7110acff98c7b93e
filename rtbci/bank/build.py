"""Building a bank: items are read and described in chunks that are kept, so that a build which was interrupted goes on.

::

    listing -> chunks of 64: read, thumbnail, describe -> .BANK.partial/chunk-00000.npz ...
            -> learn the space (where it is learnt) -> embeddings of length 1 -> .BANK.partial/finished -> renamed to BANK
"""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtbci.bank import writing
from rtbci.bank.bank import LEARNT, Bank
from rtbci.bank.listing import Entry
from rtbci.bank.reading import READERS, Unreadable, bytes_of
from rtbci.errors import BankError
from rtbci.interfaces import Embedder, LearnsSpace
from rtbci.training_run import TrainingRun

CHUNK = 64
"""Items that are lost where a build is killed, in each of its processes."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be built.

    Attributes
    ----------
    entries : the items, below ``folder``. make : makes the embedder, in any process. embedder : how it is called (use,
        args, distribution, version), for the manifest. like : a bank whose learnt space is taken instead of a new one.
    """

    folder: Path
    entries: Sequence[Entry]
    make: Callable[[], Embedder]
    embedder: Mapping[str, Any]
    like: Bank | None = None

    def key(self, kind: str) -> str:
        """A hash of all that a chunk depends on: files by size and time of change, not by what is in them."""
        files = []
        for entry in self.entries:
            try:
                stat = (self.folder / entry.file).stat() if entry.file else None
            except OSError:
                stat = None
            files.append([entry.id, entry.category, entry.file, entry.caption, *_size_and_time(stat)])
        parts = [kind, CHUNK, str(self.folder.resolve()), dict(self.embedder), files]
        return sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Built:
    """A bank that was built, items that were left out with the reason, and how many had been described before."""

    bank: Bank
    skipped: Sequence[tuple[str, str]]
    resumed: int


@dataclass(slots=True)
class Described:
    """What a chunk came to: rows of its readable items, their features, thumbnails and sizes, and what is unreadable."""

    rows: list[int] = field(default_factory=list)
    features: NDArray[np.float32] = field(default_factory=lambda: np.zeros((0, 0), np.float32))
    thumbnails: list[bytes] = field(default_factory=list)
    sizes: list[tuple[int, int]] = field(default_factory=list)
    hashes: list[str] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)


def build(plan: Plan, out: Path, *, jobs: int = 1, overwrite: bool = False, made: str, run: TrainingRun) -> Built:
    """Build the bank of ``plan`` in the folder ``out``, in ``jobs`` processes, and open it.

    Parameters
    ----------
    made : when and by which version, for the manifest. run : is told how far it is.

    Raises
    ------
    BankError
        For a folder that is there already, items none of which can be read, or an embedder whose answer is none.
    """
    if out.exists() and not overwrite:
        raise BankError(f"{out} exists; another --out, or --overwrite, would be right")
    if out.exists() and not (out / "bank.json").exists():
        raise BankError(f"{out} exists and is no bank, so it is not overwritten; another --out would be right")
    embedder = plan.make()
    partial = out.parent / f".{out.name}.partial"
    try:
        resumed = _begin(partial, plan.key(embedder.kind))
        _describe_all(plan, embedder, partial, jobs, run)
        parts = [_read(path) for path in sorted(partial.glob("chunk-*.npz"))]
        skipped = [one for part in parts for one in part.skipped]
        rows = [row for part in parts for row in part.rows]
        if not rows:
            file, why = skipped[0]
            raise BankError(f"{plan.folder}: none of {len(skipped)} items can be read ({file}: {why})")
        features = np.concatenate([part.features for part in parts if part.rows])
        embeddings, arrays = _place(embedder, features, plan)
        _check(embeddings, [plan.entries[row].id for row in rows])
        finished = partial / "finished"
        writing.write(finished, plan, embedder, rows, parts, embeddings, arrays, skipped, made)
        writing.put(finished, out)
    except OSError as error:
        raise BankError(f"{out} cannot be written ({error.strerror or error}: {error.filename or partial})") from error
    shutil.rmtree(partial, ignore_errors=True)
    return Built(Bank.open(out), skipped, resumed)


def _begin(partial: Path, key: str) -> int:
    """Keep the chunks of an earlier build of the same items, or begin anew; how many there are."""
    noted = partial / "key"
    if partial.exists() and (not noted.exists() or noted.read_text() != key):
        shutil.rmtree(partial)
    partial.mkdir(parents=True, exist_ok=True)
    noted.write_text(key)
    return sum(1 for _ in partial.glob("chunk-*.npz"))


def _describe_all(plan: Plan, embedder: Embedder, partial: Path, jobs: int, run: TrainingRun) -> None:
    starts = list(range(0, len(plan.entries), CHUNK))
    missing = [start for start in starts if not _chunk(partial, start).exists()]
    done = len(starts) - len(missing)
    name = f"{embedder.kind}s"
    for _ in _each(plan, embedder, partial, missing, jobs):
        done += 1
        run.progress(min(done * CHUNK, len(plan.entries)), len(plan.entries), name)


def _each(plan: Plan, embedder: Embedder, partial: Path, starts: Sequence[int], jobs: int) -> Iterator[int]:
    if jobs == 1 or len(starts) < 2:
        for start in starts:
            _keep(partial, start, describe(plan, embedder, start))
            yield start
        return
    spawn = multiprocessing.get_context("spawn")  # never fork: threads of Numba and torch die in a forked child
    with ProcessPoolExecutor(min(jobs, len(starts)), spawn, initializer=_prepare, initargs=(plan, partial)) as pool:
        waiting = [pool.submit(_in_process, start) for start in starts]
        try:
            for future in as_completed(waiting):
                yield future.result()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


_HERE: list[tuple[Plan, Embedder, Path]] = []


def _prepare(plan: Plan, partial: Path) -> None:
    _HERE.append((plan, plan.make(), partial))


def _in_process(start: int) -> int:
    plan, embedder, partial = _HERE[0]
    _keep(partial, start, describe(plan, embedder, start))
    return start


def describe(plan: Plan, embedder: Embedder, start: int) -> Described:
    """Read and describe the items from ``start`` on. Raises BankError where the embedder's answer is none."""
    part, contents = Described(), []
    for row in range(start, min(start + CHUNK, len(plan.entries))):
        entry = plan.entries[row]
        try:
            raw = bytes_of(plan.folder / entry.file) if entry.file else entry.caption.encode()
            read = READERS[embedder.kind](raw)
        except Unreadable as error:
            part.skipped.append((entry.file or entry.id, str(error)))
            continue
        contents.append(read.content)
        part.rows.append(row)
        part.thumbnails.append(read.thumbnail)
        part.sizes.append((read.width, read.height))
        part.hashes.append(sha256(raw).hexdigest())
    if contents:
        ask = embedder.describe if isinstance(embedder, LearnsSpace) else embedder.embed
        said = np.asarray(ask(contents))
        if said.ndim != 2 or len(said) != len(contents) or said.dtype.kind != "f":
            raise BankError(
                f"{plan.embedder['use']} gave an array {said.shape} {said.dtype} for {len(contents)} {embedder.kind}s; "
                f"({len(contents)}, n_dims) float32 would be right"
            )
        part.features = said.astype(np.float32)
    return part


def _place(
    embedder: Embedder, features: NDArray[np.float32], plan: Plan
) -> tuple[NDArray[np.float32], Mapping[str, NDArray[Any]]]:
    if not isinstance(embedder, LearnsSpace):
        if plan.like is not None:
            raise BankError(f"{plan.embedder['use']} learns no space of its own; leaving --like out would be right")
        return features, {}
    if plan.like is not None:
        embedder.restore(writing.learnt(plan.like.path / LEARNT))
    else:
        embedder.learn(features)
    return embedder.place(features), embedder.arrays()


def _check(embeddings: NDArray[np.float32], ids: Sequence[str]) -> None:
    wrong = ~np.isfinite(embeddings).all(axis=1)
    if wrong.any():
        raise BankError(f'the embedding of "{ids[int(wrong.argmax())]}" holds values that are no finite numbers')
    empty = np.linalg.norm(embeddings, axis=1) < 1e-12
    if empty.any():
        raise BankError(f'the embedding of "{ids[int(empty.argmax())]}" is zero; one with a direction would be right')


def _size_and_time(stat: os.stat_result | None) -> tuple[int, int]:
    return (0, 0) if stat is None else (stat.st_size, stat.st_mtime_ns)


def _chunk(partial: Path, start: int) -> Path:
    return partial / f"chunk-{start // CHUNK:06d}.npz"


def _keep(partial: Path, start: int, part: Described) -> None:
    """Write a chunk; it appears by rename."""
    path = _chunk(partial, start)
    text = json.dumps({"rows": part.rows, "sizes": part.sizes, "hashes": part.hashes, "skipped": part.skipped})
    lengths = np.array([len(one) for one in part.thumbnails], np.int64)
    thumbnails = np.frombuffer(b"".join(part.thumbnails), np.uint8)
    half = path.with_suffix(".half")
    with half.open("wb") as file:
        np.savez(file, features=part.features, lengths=lengths, thumbnails=thumbnails, rest=np.array(text))
    half.replace(path)


def _read(path: Path) -> Described:
    with np.load(path, allow_pickle=False) as file:
        rest, lengths, thumbnails = json.loads(str(file["rest"])), file["lengths"], file["thumbnails"].tobytes()
        ends = np.cumsum(lengths).tolist()
        cut = [thumbnails[end - length : end] for end, length in zip(ends, lengths.tolist(), strict=True)]
        sizes = [(int(width), int(height)) for width, height in rest["sizes"]]
        skipped = [(str(file_), str(why)) for file_, why in rest["skipped"]]
        return Described(rest["rows"], file["features"], cut, sizes, rest["hashes"], skipped)
