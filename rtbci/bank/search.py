"""Exact search in a bank: the nearest items by cosine, the same as if every cosine had been computed.

What is exact: the cosine of an item is the product of its row as stored (float16, taken as length 1) with the query
brought to length 1 in float32, added up in float32 in one order (`rtbci.kernels.bank`). Whichever way an answer comes
about, every cosine in it was computed so: same item, same query, same bits. As rows are of length 1 but for float16's
rounding, a cosine may exceed 1 by 5e-4.

How a large bank is searched: a copy in bytes, half its size, is scanned instead of the rows. For each item that gives a
number which its cosine cannot exceed. The k items with the highest bounds are computed; items whose bound is below the
least of these cosines cannot be among the k best; the others, some dozens, are computed too. A bound that holds only
probably would not do, so this one is proven, rounding included (`_Coarse`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rtbci.errors import BankError
from rtbci.kernels import bank as kernels
from rtbci.kernels.bank import GROUP

LENGTH_TOLERANCE = 1e-3
"""A row of unit length is off by less than 5e-4 after rounding to float16."""
COARSE_FROM = 1_000_000
"""Banks with fewer values (1 300 items of 768) are computed whole, in 0.15 ms; there the coarse copy saves little."""
SAMPLE = 8192
"""Rows that mean and spread of the dimensions are taken from."""
CHUNK = 1024
"""Rows that are coded at once."""
STEP = 0.04
"""What a code counts, in standard deviations of its dimension. 127 of them reach 5.1: of 200 embeddings of CLIP the worst
left out 0.010, the usual 0.008. With 0.031, best for a normal variable, that was 0.048 and 0.006."""
SMALLEST_STEP = 1e-6
"""Of dimensions in which nothing moves."""
LARGEST = 127


class Search:
    """Finds items of a bank by cosine. It holds no state but what it was made from, so threads may share it.

    Making one reads all rows once, and codes them if the bank is large: about 1 s for 100 000 x 768 on one core.

    Parameters
    ----------
    embeddings : (n_items, n_dims) float16, each of length 1; may be mapped from disk, and is not copied if n_dims is a
        multiple of 32.

    Raises
    ------
    BankError : embeddings of another shape or type, or with a row that does not have length 1.
    """

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
        self._coarse = _Coarse.of(rows) if rows.size >= COARSE_FROM else None

    def scores(self, z: NDArray[np.float32]) -> NDArray[np.float32]:
        """Compute the cosine of every item: (n_items,) float32, for the query ``z`` (n_dims,) of any length but 0.

        Raises
        ------
        BankError : a query of another shape, of length 0, or with a value that is not finite.
        """
        return self._cosines(self._unit(z))

    def top(self, z: NDArray[np.float32], k: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Find the ``k`` items nearest to the query ``z`` (n_dims,), or all if there are fewer.

        Returns
        -------
        indices : (k,) int64, best first; of items with equal cosines the one with the lower index comes first.
        cosines : (k,) float32, the same bits as in `scores`.

        Raises
        ------
        BankError : as `scores`, or a ``k`` below 1.
        """
        k, query = self._at_most(k), self._unit(z)
        if self._coarse is None or 4 * k > self._n_items:
            return _best(np.arange(self._n_items), self._cosines(query), k)
        bounds = self._coarse.upper_bounds(query)
        likely = np.argpartition(bounds, self._n_items - k)[-k:]
        reached = self._cosines(query, likely).min()  # k items have this cosine or more
        rows = np.flatnonzero(bounds >= reached)
        return _best(rows, self._cosines(query, rows), k)

    def top_many(self, z: NDArray[np.float32], k: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """As `top`, for queries ``z`` (m, n_dims): indices (m, k) int64 and cosines (m, k) float32."""
        queries = np.asarray(z)
        if queries.ndim != 2:
            raise BankError(f"queries have shape {queries.shape}; (n_queries, {self._n_dims}) would be right")
        k = self._at_most(k)
        indices, cosines = np.empty((len(queries), k), np.int64), np.empty((len(queries), k), np.float32)
        for i, query in enumerate(queries):
            indices[i], cosines[i] = self.top(query, k)
        return indices, cosines

    def rank_of(self, z: NDArray[np.float32], item: int) -> int:
        """Give the rank, from 1, of ``item`` (an index) for the query ``z`` (n_dims,). Ties count against it.

        Raises
        ------
        BankError : as `scores`, or an ``item`` that the bank does not have.
        """
        if not 0 <= item < self._n_items:
            raise BankError(f"item {item} is not in the bank; an index from 0 to {self._n_items - 1} would be right")
        query = self._unit(z)
        own = self._cosines(query, np.array([item]))[0]
        rows = None if self._coarse is None else np.flatnonzero(self._coarse.upper_bounds(query) >= own)
        return int(np.count_nonzero(self._cosines(query, rows) >= own))

    def _at_most(self, k: int) -> int:
        if k < 1:
            raise BankError(f"k is {k}; a number of items, 1 or more, would be right")
        return min(k, self._n_items)

    def _unit(self, z: NDArray[np.float32]) -> NDArray[np.float32]:
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

    def _cosines(self, query: NDArray[np.float32], rows: NDArray[np.int64] | None = None) -> NDArray[np.float32]:
        """Compute the cosines of ``rows`` (n,), or of all items, with a query of length 1: (n,) float32."""
        cosines = np.empty(self._n_items if rows is None else len(rows), np.float32)
        if rows is None:
            kernels.cosines(self._halves, query, cosines)
        else:
            kernels.cosines_of(self._halves, rows, query, cosines)
        return cosines


@dataclass(frozen=True, slots=True)
class _Coarse:
    """A copy of a bank in bytes, and how far it may be off.

    A row e, less a ``mean``, becomes along dimension d a whole number c of ``steps[d]``; what that leaves out is r. So

        z . e = z . mean + sum of z_d steps_d c_d + z . r,    z . r <= |z| |r| = |r|    (Cauchy and Schwarz)

    for a query z of length 1. |r| is kept for each row. To that comes what rounding can do:

    * the computed cosine, n / LANES sums in each lane and 5 folds: (n / LANES + 6) 2^-24 of the lengths, which are 1;
    * z_d steps_d in 16 bits: the sum of what that leaves out times the largest code, for each query;
    * the bound in float32: 6e-8 of itself, which is less than 8; errors of float64 are lost in that.

    Attributes
    ----------
    mean, steps : (width,) float64, 0 and 1 beyond n_dims; width is a multiple of GROUP.
    codes : (n_groups, n_items, GROUP) int8. errors : (n_items,) float32, |r|.
    """

    mean: NDArray[np.float64]
    steps: NDArray[np.float64]
    codes: NDArray[np.int8]
    errors: NDArray[np.float32]

    @classmethod
    def of(cls, rows: NDArray[np.float16]) -> _Coarse:
        """Code ``rows`` (n_items, n) float16. Any mean and steps give bounds that hold; these give close ones."""
        n_items, n = rows.shape
        n_groups = -(-n // GROUP)
        sample = rows[:: max(1, n_items // SAMPLE)].astype(np.float64)
        mean, steps = np.zeros(n_groups * GROUP), np.ones(n_groups * GROUP)
        mean[:n], steps[:n] = sample.mean(axis=0), np.maximum(STEP * sample.std(axis=0), SMALLEST_STEP)
        codes, errors = np.empty((n_groups, n_items, GROUP), np.int8), np.empty(n_items, np.float32)
        left = np.zeros((CHUNK, n_groups * GROUP))
        for i in range(0, n_items, CHUNK):
            now, m = slice(i, i + CHUNK), min(CHUNK, n_items - i)
            left[:m, :n] = rows[now] - mean[:n]
            whole = np.clip(np.rint(left[:m] / steps), -LARGEST, LARGEST)
            codes[:, now] = whole.reshape(m, n_groups, GROUP).swapaxes(0, 1)
            errors[now] = _lengths(left[:m] - whole * steps) * (1 + 1e-6)  # float32 must not round it down
        return cls(mean, steps, codes, errors)

    def upper_bounds(self, query: NDArray[np.float32]) -> NDArray[np.float32]:
        """Bound the cosines of all items with a query (n,) of length 1 from above: (n_items,) float32."""
        n = len(query)
        numbers, unit, left_out = _in_16_bits(query * self.steps[:n])
        padded = np.zeros(len(self.steps), np.int16)
        padded[:n] = numbers
        rounding = (n / kernels.LANES + 6) * 2.0**-24 + 1e-6
        bounds = np.empty(len(self.errors), np.float32)
        kernels.upper_bounds(
            self.codes, self.errors, padded, unit, float(self.mean[:n] @ query) + left_out + rounding, bounds
        )
        return bounds


def _check_lengths(rows: NDArray[np.float16]) -> None:
    for i in range(0, len(rows), CHUNK):
        lengths = _lengths(rows[i : i + CHUNK].astype(np.float32))
        wrong = np.flatnonzero(~(np.abs(lengths - 1) <= LENGTH_TOLERANCE))
        if len(wrong):
            raise BankError(f"embedding {i + wrong[0]} has length {lengths[wrong[0]]:.4g}; length 1 would be right")


def _lengths(rows: NDArray[np.floating]) -> NDArray[np.float64]:
    return np.asarray(np.sqrt(np.einsum("ij,ij->i", rows, rows, dtype=np.float64)), np.float64)


def _in_16_bits(weights: NDArray[np.float64]) -> tuple[NDArray[np.int16], float, float]:
    """Give weights (n,) as whole numbers of a unit, so small that no sum of products with codes leaves int32.

    Returns
    -------
    numbers : (n,) int16. unit : what they count.
    left_out : no product of codes with what the numbers leave out of the weights is larger.
    """
    sizes = np.abs(weights)
    unit = max(float(sizes.max()) / 32767, float(sizes.sum()) * LARGEST / (2**31 - 2**20))
    numbers = np.rint(weights / unit)
    return numbers.astype(np.int16), unit, float(np.abs(weights - numbers * unit).sum()) * LARGEST


def _best(
    rows: NDArray[np.int64], cosines: NDArray[np.float32], k: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Give the ``k`` best of ``rows`` (n,), which ascend, by their cosines (n,): best first, ties by lower index."""
    least = np.partition(cosines, len(cosines) - k)[len(cosines) - k]
    kept = np.flatnonzero(cosines >= least)
    first = kept[np.argsort(-cosines[kept], kind="stable")[:k]]
    return rows[first], cosines[first]
