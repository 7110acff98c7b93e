"""Exact search in a bank: the nearest items by cosine, the same as if every cosine had been computed.

What is exact: the cosine as `rtbci.bank.rows` defines it. Whichever way an answer comes about, every cosine in it was
computed so: same item, same query, same bits.

How a large bank is searched: a copy in bytes, half its size, is scanned instead of the rows. For each item that gives a
number which its cosine cannot exceed. The k items with the highest bounds are computed; items whose bound is below the
least of these cosines cannot be among the k best; the others, some dozens, are computed too. A bound that holds only
probably would not do, so this one is proven, rounding included (`_Coarse`).

Fewer bytes than that would not pay (100 000 x 768 with the spectrum of CLIP's embeddings, the ten nearest to noisy items;
counted, not timed): with 4 bits a value the bound left 14 % of the items, of an unrelated query 28 %; with the leading 256
principal axes and Cauchy and Schwarz for the rest, 93 to 100 %. Where ten items at a time lie close together, 4 bits left
0.1 %, of an unrelated query 26 %.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rtbci.bank.rows import CHUNK, Rows, best, lengths
from rtbci.kernels import bank as kernels
from rtbci.kernels.bank import GROUP

COARSE_FROM = 1_000_000
"""Banks with fewer values (1 300 items of 768) are computed whole, in 0.15 ms; there the coarse copy saves little."""
SAMPLE = 8192
"""Rows that mean and spread of the dimensions are taken from."""
STEP = 0.04
"""What a code counts, in standard deviations of its dimension. 127 of them reach 5.1: of 200 embeddings of CLIP the worst
left out 0.010, the usual 0.008. With 0.031, best for a normal variable, that was 0.048 and 0.006."""
SMALLEST_STEP = 1e-6
"""Of dimensions in which nothing moves."""
LARGEST = 127


class Search(Rows):
    """Finds items of a bank by cosine. It holds no state but what it was made from, so threads may share it.

    Making one reads all rows once, and codes them if the bank is large: about 1 s for 100 000 x 768 on one core.
    Parameters and errors are those of `Rows`.
    """

    def __init__(self, embeddings: NDArray[np.float16]) -> None:
        super().__init__(embeddings)
        rows = self._halves.view(np.float16)
        self._coarse = _Coarse.of(rows) if rows.size >= COARSE_FROM else None

    def top(self, z: NDArray[np.float32], k: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """As `Rows.top`, without computing every cosine of a large bank."""
        k, query = self._at_most(k), self._unit(z)
        if self._coarse is None or 4 * k > self._n_items:
            return best(np.arange(self._n_items), self._cosines(query), k)
        bounds = self._coarse.upper_bounds(query)
        likely = np.argpartition(bounds, self._n_items - k)[-k:]
        reached = self._cosines(query, likely).min()  # k items have this cosine or more
        rows = np.flatnonzero(bounds >= reached)
        return best(rows, self._cosines(query, rows), k)

    def rank_of(self, z: NDArray[np.float32], item: int) -> int:
        """As `Rows.rank_of`, without computing every cosine of a large bank."""
        self._check_item(item)
        query = self._unit(z)
        own = self._cosines(query, np.array([item]))[0]
        rows = None if self._coarse is None else np.flatnonzero(self._coarse.upper_bounds(query) >= own)
        return int(np.count_nonzero(self._cosines(query, rows) >= own))


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
            errors[now] = lengths(left[:m] - whole * steps) * (1 + 1e-6)  # float32 must not round it down
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
