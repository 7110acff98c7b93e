"""The rows of a bank and their cosines with a query, in one order of summation: what every way of searching rests on.

The cosine of an item is the product of its row as stored (float16, taken as length 1) with the query brought to length 1 in
float32, added up in float32 in one order (`rtbci.kernels.bank`): same item, same query, same bits. As rows are of length 1
but for float16's rounding, a cosine may exceed 1 by 5e-4.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rtbci.errors import BankError
from rtbci.kernels import bank as kernels

LENGTH_TOLERANCE = 1e-3
"""A row of unit length is off by less than 5e-4 after rounding to float16."""
CHUNK = 1024
"""Rows that are looked at at once."""

Floats = NDArray[np.float32]
Indices = NDArray[np.int64]


class Rows:
    """Items of a bank, searched by computing every cosine; what searches in other ways answers alike.

    It holds no state but what it was made from, so threads may share it.

    Parameters
    ----------
    embeddings : (n_items, n_dims) float16, each of length 1; may be mapped from disk, and is not copied if n_dims is a
        multiple of 32.

    Attributes
    ----------
    exact : whether `top` misses nothing.

    Raises
    ------
    BankError : embeddings of another shape or type, or with a row that does not have length 1.
    """

    exact: bool = True

    def __init__(self, embeddings: NDArray[np.float16]) -> None:
        rows = np.asarray(embeddings)
        if rows.ndim != 2 or rows.dtype != np.float16 or 0 in rows.shape:
            raise BankError(
                f"embeddings are {rows.dtype} of shape {rows.shape}; float16 of shape (n_items, n_dims) would be right"
            )
        self._n_items, self._n_dims = int(rows.shape[0]), int(rows.shape[1])
        width = -(-self._n_dims // kernels.LANES) * kernels.LANES
        if width != self._n_dims:
            rows = np.pad(rows, ((0, 0), (0, width - self._n_dims)))
        rows = np.require(rows, requirements=["C", "ALIGNED"])
        _check_lengths(rows)
        self._halves = rows.view(np.uint16)

    def scores(self, z: Floats) -> Floats:
        """Compute the cosine of every item: (n_items,) float32, for the query ``z`` (n_dims,) of any length but 0.

        Raises
        ------
        BankError : a query of another shape, of length 0, or with a value that is not finite.
        """
        return self._cosines(self._unit(z))

    def top(self, z: Floats, k: int) -> tuple[Indices, Floats]:
        """Find the ``k`` items nearest to the query ``z`` (n_dims,), or all if there are fewer.

        Returns
        -------
        indices : (k,) int64, best first; of items with equal cosines the one with the lower index comes first.
        cosines : (k,) float32, the same bits as in `Rows.scores`.

        Raises
        ------
        BankError : as `scores`, or a ``k`` below 1.
        """
        k = self._at_most(k)
        return best(np.arange(self._n_items), self._cosines(self._unit(z)), k)

    def top_many(self, z: Floats, k: int) -> tuple[Indices, Floats]:
        """As `top`, for queries ``z`` (m, n_dims): indices (m, k) int64 and cosines (m, k) float32."""
        queries = np.asarray(z)
        if queries.ndim != 2:
            raise BankError(f"queries have shape {queries.shape}; (n_queries, {self._n_dims}) would be right")
        k = self._at_most(k)
        indices, cosines = np.empty((len(queries), k), np.int64), np.empty((len(queries), k), np.float32)
        for i, query in enumerate(queries):
            indices[i], cosines[i] = self.top(query, k)
        return indices, cosines

    def rank_of(self, z: Floats, item: int) -> int:
        """Give the rank, from 1, of ``item`` (an index) for the query ``z`` (n_dims,). Ties count against it.

        Raises
        ------
        BankError : as `scores`, or an ``item`` that the bank does not have.
        """
        self._check_item(item)
        cosines = self._cosines(self._unit(z))
        return int(np.count_nonzero(cosines >= cosines[item]))

    def _check_item(self, item: int) -> None:
        if not 0 <= item < self._n_items:
            raise BankError(f"item {item} is not in the bank; an index from 0 to {self._n_items - 1} would be right")

    def _at_most(self, k: int) -> int:
        if k < 1:
            raise BankError(f"k is {k}; a number of items, 1 or more, would be right")
        return min(k, self._n_items)

    def _unit(self, z: Floats) -> Floats:
        """Bring a query to length 1, in float64 and one order, and pad it with zeros: (width,) float32."""
        given = np.asarray(z)
        if given.shape != (self._n_dims,) or given.dtype.kind != "f":
            raise BankError(
                f"the query is {given.dtype} of shape {given.shape}; float32 of shape ({self._n_dims},) would be right"
            )
        query = np.zeros(self._halves.shape[1], np.float32)
        with np.errstate(over="ignore"):  # a float64 too large becomes infinite, and is refused below
            query[: self._n_dims] = given
        length = kernels.bring_to_unit_length(query)
        if not 0.0 < length < np.inf:
            raise BankError(f"the query has length {length}; finite values that are not all 0 would be right")
        return query

    def _cosines(self, query: Floats, rows: Indices | None = None) -> Floats:
        """Compute the cosines of ``rows`` (n,), or of all items, with a query of length 1: (n,) float32."""
        cosines = np.empty(self._n_items if rows is None else len(rows), np.float32)
        if rows is None:
            kernels.cosines(self._halves, query, cosines)
        else:
            kernels.cosines_of(self._halves, rows, query, cosines)
        return cosines


def best(rows: Indices, cosines: Floats, k: int) -> tuple[Indices, Floats]:
    """Give the ``k`` best of ``rows`` (n,), which ascend, by their cosines (n,): best first, ties by lower index."""
    least = np.partition(cosines, len(cosines) - k)[len(cosines) - k]
    kept = np.flatnonzero(cosines >= least)
    first = kept[np.argsort(-cosines[kept], kind="stable")[:k]]
    return rows[first], cosines[first]


def lengths(rows: NDArray[np.floating]) -> NDArray[np.float64]:
    """Lengths (n,) of ``rows`` (n, n_dims), summed in float64."""
    return np.asarray(np.sqrt(np.einsum("ij,ij->i", rows, rows, dtype=np.float64)), np.float64)


def rounding(n_dims: int, sums: float) -> float:
    """How far a float32 product of vectors of length 1 and ``n_dims`` may be off, if each value is added ``sums`` times.

    Of any order: |error| <= sums * 2^-24 * sum of |products|, and that sum is at most the product of the lengths (Higham
    2002, "Accuracy and stability of numerical algorithms", section 3.1). The lengths of rows and query exceed 1 by less than
    1e-3; terms of second order, and products too small for float32, are lost in the last summand.
    """
    return float(sums * 2.0**-24 * (1.0 + 2 * LENGTH_TOLERANCE) + n_dims * 1e-10)


def _check_lengths(rows: NDArray[np.float16]) -> None:
    for i in range(0, len(rows), CHUNK):
        found = lengths(rows[i : i + CHUNK].astype(np.float32))
        wrong = np.flatnonzero(~(np.abs(found - 1) <= LENGTH_TOLERANCE))
        if len(wrong):
            raise BankError(f"embedding {i + wrong[0]} has length {found[wrong[0]]:.4g}; length 1 would be right")
