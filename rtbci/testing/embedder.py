"""The contract of an embedder, checked on simulated pictures, captions or sounds of many sizes, or on given ones."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtbci.bank.reading import SUFFIXES
from rtbci.interfaces import LearnsSpace
from rtbci.testing.contract import ContractError, require, require_methods, same_bytes
from rtbci.testing.items import changed, simulated
from rtbci.testing.learning_space import LearnsSpaceCheck

Rows = NDArray[np.float32]
SHORTEST = 1e-12
"""Rows that are shorter have no direction; a bank refuses them."""


@dataclass(frozen=True, slots=True)
class EmbedderReport:
    """What `check_embedder` saw.

    Attributes
    ----------
    space_id, n_dims : of the embeddings.
    item_ms : milliseconds an item, in one batch.
    apart : how far a row moved with the batch that its item was in, at most, in lengths of a row.
    """

    space_id: str
    n_dims: int
    item_ms: float
    apart: float


def check_embedder(
    make: Callable[[], Any], *, items: Sequence[Any] | None = None, tolerance: float = 1e-5
) -> EmbedderReport:
    """Check that ``make()`` gives embedders that rtbci can build banks with, and compare what they say.

    One that learns its space must learn the same from the same bank, name another space where it learnt from others, and be
    what it was after ``restore``.

    Parameters
    ----------
    make : gives a new embedder each time.
    items : 4 or more that differ; without them, pictures, captions or sounds are simulated.
    tolerance : how far a row of length 1 may move with the batch that its item is in. 0 asks for the same bits; networks
        round differently in batches of other sizes, by 1e-6 or so in float32, and 1e-2 in half precision.

    Raises
    ------
    ContractError
        In one sentence: what is wrong, and what would be right.
    """
    return _Trial(make, items, tolerance).check()


class _Trial:
    """One embedder and the items it is tried on."""

    def __init__(self, make: Callable[[], Any], items: Sequence[Any] | None, tolerance: float) -> None:
        self.make = make
        self.embedder = make()
        self.name = type(self.embedder).__name__
        self.tolerance = tolerance
        self.kind = self._kind()
        self.items = simulated(self.kind) if items is None else list(items)
        if len(self.items) < 4:
            raise ValueError(f"{len(self.items)} items; 4 or more would be right")
        self.apart = 0.0

    def check(self) -> EmbedderReport:
        require_methods(self.embedder, self.name, ("embed",), "Embedder")
        learning = None
        if self._learns():
            learning = LearnsSpaceCheck(self.make, self.name, self.items, self.tolerance)
            self.embedder = learning.check()
        space = self._space(self.embedder)
        began = time.perf_counter()
        rows = self._embed(self.items)
        item_ms = (time.perf_counter() - began) * 1e3 / len(self.items)
        require(
            self._space(self.embedder) == space,
            f'{self.name}.space_id became "{self.embedder.space_id}" by embedding; the name of a space stays, "{space}"',
        )
        self._check_told_apart(rows)
        self._check_alone(rows)
        if learning is None:
            self._check_another(space, rows)
        else:
            learning.check_places(self.embedder, rows)
        return EmbedderReport(space, rows.shape[1], item_ms, self.apart)

    def _kind(self) -> str:
        kind = getattr(self.embedder, "kind", None)
        require(
            kind in SUFFIXES,
            f"{self.name}.kind is {kind!r}; {', '.join(repr(one) for one in SUFFIXES)} would be right: what it takes",
        )
        return str(kind)

    def _learns(self) -> bool:
        """Whether it `LearnsSpace`; half of that is wrong."""
        methods = ("describe", "learn", "place", "arrays", "restore")
        has = [name for name in methods if callable(getattr(self.embedder, name, None))]
        if "learn" in has or "describe" in has:
            require_methods(self.embedder, self.name, methods, "LearnsSpace")
        return isinstance(self.embedder, LearnsSpace)

    def _space(self, embedder: Any) -> str:
        space = getattr(embedder, "space_id", None)
        require(
            isinstance(space, str) and bool(space.strip()) and space.isprintable(),
            f"{self.name}.space_id is {space!r}; a name in one line, such as "
            '"open_clip:ViT-H-14/laion2b_s32b_b79k", would be right: embeddings of one name alone are compared',
        )
        return str(space)

    def _embed(self, items: Sequence[Any], what: str = "", embedder: Any = None) -> Rows:
        """What is said of ``items``, found to be embeddings; ``what`` says which items, for messages."""
        which = what or f"{len(items)} {self.kind}s"
        before = [np.array(item) if isinstance(item, np.ndarray) else item for item in items]
        try:
            said: object = (embedder or self.embedder).embed(list(items))
        except Exception as error:
            raise ContractError(
                f"{self.name}.embed raised {type(error).__name__} on {which}: {error}; it must take {self.kind}s of any "
                "size, also read-only arrays"
            ) from error
        wanted = f"({len(items)}, n_dims) float32, a row for each, would be right"
        require(
            isinstance(said, np.ndarray),
            f"{self.name}.embed gave a {type(said).__name__} for {which}; an array {wanted}",
        )
        assert isinstance(said, np.ndarray)
        require(
            said.ndim == 2 and len(said) == len(items) and said.shape[1] > 0,
            f"{self.name}.embed gave an array of shape {said.shape} for {which}; {wanted}",
        )
        require(said.dtype == np.float32, f"{self.name}.embed gave {said.dtype} for {which}; {wanted}")
        lengths = np.linalg.norm(said.astype(np.float64), axis=1)
        for row, (length, item) in enumerate(zip(lengths, items, strict=True)):
            require(
                bool(np.isfinite(length)),
                f"{self.name}.embed gave values that are not finite for {self._called(item)} (row {row}); finite ones would "
                "be right",
            )
            require(
                length > SHORTEST,
                f"{self.name}.embed gave only zeros for {self._called(item)} (row {row}); it must have a direction, because "
                "embeddings are compared by their cosine (items= gives others, where it takes some only)",
            )
        require(
            not changed(before, items), f"{self.name}.embed changed the {self.kind}s that it was given; work on a copy"
        )
        return said

    def _called(self, item: Any) -> str:
        return (
            f"a {self.kind} of shape {item.shape}" if isinstance(item, np.ndarray) else f"the {self.kind} {item!r:.40}"
        )

    def _check_told_apart(self, rows: Rows) -> None:
        unit = rows / np.linalg.norm(rows.astype(np.float64), axis=1, keepdims=True)
        farthest = float(np.linalg.norm(unit - unit[0], axis=1).max())
        require(
            farthest > max(self.tolerance, 1e-6),
            f"{self.name}.embed gave all of {len(rows)} different {self.kind}s the same direction; a bank of them could not "
            "tell what was seen",
        )

    def _check_alone(self, rows: Rows) -> None:
        """In other orders and in batches of other sizes, every item has the row it had."""
        kept = rows.copy()
        order = np.random.default_rng(7).permutation(len(self.items))
        self._require_same(self._embed([self.items[k] for k in order]), kept[order], "in another order")
        for size in (1, 3, len(self.items) - 1):
            for first in range(0, len(self.items), size):
                part = self.items[first : first + size]
                said = self._embed(part, self._called(part[0]) if size == 1 else "")
                self._require_same(said, kept[first : first + size], f"in a batch of {len(part)}")
        require(
            same_bytes(rows, kept),
            f"{self.name}.embed changed an array that it had returned before; return a new array each time",
        )

    def _check_another(self, space: str, rows: Rows) -> None:
        """One that learns nothing is the same each time it is made."""
        other = self.make()
        named = self._space(other)
        require(
            named == space,
            f'{self.name} names its space "{space}" and, made once more, "{named}"; the same arguments give the same space, '
            "and it the same name",
        )
        self._require_same(self._embed(self.items, embedder=other), rows, "by one that was made once more")

    def _require_same(self, said: Rows, wanted: Rows, how: str) -> None:
        require(
            said.shape == wanted.shape,
            f"{self.name}.embed gave {said.shape[1]} dimensions {how} and {wanted.shape[1]} before; always as many would be "
            "right",
        )
        lengths = np.linalg.norm(wanted.astype(np.float64), axis=1)
        moved = float((np.linalg.norm(said.astype(np.float64) - wanted, axis=1) / lengths).max())
        self.apart = max(self.apart, moved)
        require(
            moved <= self.tolerance,
            f"{self.name}.embed gave a {self.kind} another row {how} ({moved:.2g} of its length away); within the "
            f"tolerance of {self.tolerance:g} would be right: a row depends on its item alone, not on the others of its "
            "batch, on what was asked before, or on random numbers",
        )
