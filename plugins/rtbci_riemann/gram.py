"""Sums over a window's samples, from blocks that overlapping windows share.

With ``x`` a sample (moved by a constant offset, and projected where the data lack rank), every estimator here needs
``sum(x x')``, ``sum(x)`` and, for Ledoit-Wolf, ``sum(q x)``, ``sum(q)``, ``sum(q q)`` with ``q = |x|^2``. All of them
are entries of one Gram matrix, that of the rows ``[x, 1]`` or ``[x, 1, q]``: one `dsyrk` per block.

A window ``[start, stop)`` is cut at multiples of the block length, counted absolutely, so that windows which overlap
share their inner blocks::

    start        |  B  |  B  |  B  |   stop
      [ head     |cached|cached|cached| tail ]

Nothing is ever subtracted from a running sum: the pieces are added in order of time, each computed from a copy in one
aligned buffer. The result is therefore a function of the window's samples and its start, bit for bit, whatever was seen
or skipped before; a cached block is used only if its samples are the same bytes.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import blas

from rtbci_riemann.aligned import aligned_copy, aligned_zeros

Matrix = NDArray[np.float64]


def block_length(n_samples: int) -> int:
    """Samples in a block, for windows of ``n_samples``.

    Short blocks mean many matrices to add, long ones much to compute anew at the window's ends. At 64 channels adding a
    block's matrix took 1.2 us and a block of 63 samples 11 us, about a sixth of a microsecond a sample: the sum of
    ``1.2 n / B`` and ``0.17 B`` is least near ``sqrt(8 n)``, and flat around it.
    """
    return max(8, math.isqrt(8 * n_samples))


class BlockGram:
    """Gram matrix of the rows ``[x, 1]`` (or ``[x, 1, |x|^2]``) of a window.

    Parameters
    ----------
    n_samples : samples in a window.
    offset : (n_channels,) subtracted from every sample, so that sums of squares keep their digits.
    basis : (rank, n_channels) onto which samples are projected, or None for as they are.
    quartic : whether the column ``|x|^2`` is wanted.
    """

    def __init__(self, n_samples: int, offset: Matrix, basis: Matrix | None, quartic: bool) -> None:
        self.n_samples = n_samples
        self.n_channels = len(offset)
        self.rank = self.n_channels if basis is None else len(basis)
        self.width = self.rank + 1 + int(quartic)
        self.block = block_length(n_samples)
        self._offset = aligned_copy(offset, "C")
        # (n_channels, rank): rows of samples are multiplied from the left
        self._basis = None if basis is None else aligned_copy(basis.T, "C")
        self._quartic = quartic

        self._moved = aligned_zeros((self.block, self.n_channels))
        self._projected = aligned_zeros((self.block, self.rank))
        self._rows = aligned_zeros((self.block, self.width))
        self._piece = aligned_zeros((self.width, self.width), order="F")
        self._total = aligned_zeros((self.width, self.width), order="F")
        self._whole: tuple[Matrix, Matrix, Matrix] | None = None

        n_slots = n_samples // self.block + 2
        self._starts: list[int | None] = [None] * n_slots
        self._seen = np.zeros((n_slots, self.block, self.n_channels), np.float32)
        self._grams: Matrix = np.zeros((n_slots, self.width, self.width))

    def of(self, samples: NDArray[np.float32], start: int) -> Matrix:
        """Gram matrix of ``samples`` (n_channels, n_samples) that begin at absolute index ``start``.

        Returns
        -------
        (width, width) float64 in Fortran order; its lower triangle is valid, the rest 0; a buffer that is reused.
        """
        rows = samples.T
        total = self._total
        total[...] = 0.0
        n, block = self.n_samples, self.block
        at = min(-start % block, n)
        if at:
            total += self._compute(rows[:at])
        while at + block <= n:
            total += self._inner(rows[at : at + block], start + at)
            at += block
        if at < n:
            total += self._compute(rows[at:])
        return total

    def of_centred(self, samples: NDArray[np.float32]) -> Matrix:
        """The same for samples from which their mean over the window is subtracted first, exactly, and without blocks."""
        if self._whole is None:
            n = self.n_samples
            self._whole = (
                aligned_zeros((n, self.n_channels)),
                aligned_zeros((n, self.rank)),
                aligned_zeros((n, self.width)),
            )
        moved, projected, rows = self._whole
        moved[...] = samples.T
        moved -= moved.mean(axis=0)
        return self._syrk(moved, projected, rows, self._total)

    def _inner(self, samples: NDArray[np.float32], start: int) -> Matrix:
        slot = start // self.block % len(self._starts)
        # compared as integers: every bit counts, and a NaN equals itself
        if self._starts[slot] == start and np.array_equal(self._seen[slot].view(np.int32), samples.view(np.int32)):
            cached: Matrix = self._grams[slot].T
            return cached
        piece = self._compute(samples)
        self._starts[slot] = start
        self._seen[slot] = samples
        self._grams[slot] = piece.T
        return piece

    def _compute(self, samples: NDArray[np.float32]) -> Matrix:
        n = len(samples)
        moved = self._moved[:n]
        np.subtract(samples, self._offset, out=moved)
        return self._syrk(moved, self._projected[:n], self._rows[:n], self._piece)

    def _syrk(self, moved: Matrix, projected: Matrix, rows: Matrix, out: Matrix) -> Matrix:
        rank = self.rank
        if self._basis is None:
            rows[:, :rank] = moved
        else:
            np.dot(moved, self._basis, out=projected)
            rows[:, :rank] = projected
        rows[:, rank] = 1.0
        if self._quartic:
            features = rows[:, :rank]
            np.einsum("ij,ij->i", features, features, out=rows[:, rank + 1])
        blas.dsyrk(1.0, rows.T, beta=0.0, c=out, lower=1, overwrite_c=1)
        return out
