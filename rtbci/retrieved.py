"""What was found in a bank, as it travels: from the worker to the recorder, the window and a renderer, and into logs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtbci.retrieval import Kind
from rtbci.ring import Ring
from rtbci.types import Retrieved

KEPT = 1024
"""Retrievals that the ring of a decoder holds."""
HEAD = (
    "start", "stop", "sample", "answer", "signal_time", "arrival_time", "ready_time", "rest", "repeats", "truth", "rank",
    "rank_alone", "marker_time", "origin",
)  # fmt: skip
"""Columns of a row before the candidates (``items``, ``log_probs`` and ``cosines``) and the embedding."""
_WHOLE = {"start", "stop", "sample", "answer", "repeats", "truth", "rank", "rank_alone", "origin"}


def to_row(found: Retrieved) -> NDArray[np.float64]:
    """``(len(HEAD) + 3 * k + n_dims,)`` float64; integers stay exact up to 2**53, float32 in any case."""
    head = [float(getattr(found, name)) for name in HEAD]
    return np.concatenate([head, found.items, found.log_probs, found.cosines, found.embedding])


def from_row(row: NDArray[np.float64], k: int) -> Retrieved:
    """Read what `to_row` made of ``k`` candidates, bit for bit."""
    values: dict[str, Any] = dict(zip(HEAD, (float(v) for v in row), strict=False))
    values.update({name: int(values[name]) for name in _WHOLE})
    items, log_probs, cosines, embedding = np.split(np.array(row[len(HEAD) :], np.float64), [k, 2 * k, 3 * k])
    return Retrieved(
        items=items.astype(np.int64),
        log_probs=log_probs,
        cosines=cosines,
        embedding=embedding.astype(np.float32),
        **values,
    )


def to_json(found: Retrieved) -> dict[str, Any]:
    """A line of the log; Python writes floats so that they read back bit for bit. The embedding is left out."""
    fields = {name: getattr(found, name) for name in HEAD}
    for name in ("rest", "marker_time"):
        if math.isnan(fields[name]):
            fields[name] = None
    return {
        **fields,
        "items": found.items.tolist(),
        "log_probs": found.log_probs.tolist(),
        "cosines": found.cosines.tolist(),
    }


def from_json(fields: Mapping[str, Any]) -> Retrieved:
    """Read what `to_json` made, bit for bit; the embedding is empty. Raises KeyError, TypeError or ValueError."""
    values = {name: fields[name] for name in HEAD}
    values |= {name: math.nan for name in ("rest", "marker_time") if values[name] is None}
    return Retrieved(
        items=np.array(fields["items"], np.int64),
        log_probs=np.array(fields["log_probs"], np.float64),
        cosines=np.array(fields["cosines"], np.float64),
        embedding=np.zeros(0, np.float32),
        **values,
    )


class RetrievedRing:
    """What one decoder found, one writer (its worker), any number of readers (recorder, window, renderer)."""

    def __init__(self, ring: Ring) -> None:
        self.ring = ring
        self.k = int(ring.meta["k"])
        """Candidates of each retrieval."""
        self.n_items = int(ring.meta["n_items"])
        """Items of the bank."""

    @classmethod
    def create(cls, path: Path, k: int, n_dims: int, n_items: int, bank: Path) -> RetrievedRing:
        """Make a ring for the last `KEPT` retrievals of ``k`` candidates among the ``n_items`` of ``bank``."""
        meta = {"k": k, "n_dims": n_dims, "n_items": n_items, "bank": str(bank)}
        return cls(Ring.create(path, KEPT, len(HEAD) + 3 * k + n_dims, dtype=np.float64, max_gaps=1, meta=meta))

    @classmethod
    def attach(cls, path: Path) -> RetrievedRing:
        """Map an existing one. Raises RecordingError."""
        return cls(Ring.attach(path))

    @property
    def sizes(self) -> tuple[int, int, int]:
        """Candidates of each retrieval, dimensions of an embedding, items of the bank."""
        return self.k, int(self.ring.meta["n_dims"]), self.n_items

    @property
    def bank(self) -> Path:
        """The bank's folder."""
        return Path(self.ring.meta["bank"])

    @property
    def count(self) -> int:
        """Retrievals ever made."""
        return self.ring.written

    def add(self, found: Retrieved) -> None:
        """Publish what was found."""
        self.ring.push(to_row(found)[None], np.array([found.signal_time]), found.ready_time)

    def follow(self, first: int) -> tuple[list[Retrieved], int]:
        """Retrievals number ``first`` and later, as far as the ring still holds them, and the number of the next one."""
        stop = self.count
        start = min(max(first, stop - self.ring.capacity + 16), stop)
        rows, _, _ = self.ring.read(start, stop)
        return [from_row(row, self.k) for row in rows], stop

    def newest(self) -> Retrieved | None:
        """The newest one, or None before the first."""
        count = self.count
        found = self.follow(count - 1)[0] if count else []
        return found[-1] if found else None

    def close(self) -> None:
        """Unmap."""
        self.ring.close()


@dataclass(frozen=True, slots=True)
class Found:
    """At which rank stood what one trial showed.

    Attributes
    ----------
    time, label : of the marker.
    kind : "item" where candidates are single items of the bank, "centre" where they are the centres of its classes.
    truth, best : numbers of the true candidate and of the best one; ``best`` is -1 where several are.
    rank : of the true one, from 1, ties counting against it.
    candidates : how many there are.
    averaged : presentations that were averaged before they were decoded.
    seconds : from the marker to the end of the last window whose evidence counts; ``whole``: of the trial's last one.
    claimed : the candidate that was claimed, or -1 where rtbci abstained.
    """

    time: float
    label: str
    kind: Kind
    truth: int
    best: int
    rank: int
    candidates: int
    averaged: int
    seconds: float
    whole: bool = True
    claimed: int = -1

    def as_json(self) -> dict[str, Any]:
        """A line of the log."""
        return asdict(self)

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Found:
        """Read what `as_json` made."""
        return cls(**fields)
