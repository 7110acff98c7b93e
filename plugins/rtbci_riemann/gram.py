"""Sums over a window's samples, from blocks that overlapping windows share.

With ``x`` a sample (moved by a constant offset, and projected where the data lack rank), every estimator here needs
``sum(x x')``, ``sum(x)`` and, for Ledoit-Wolf, ``sum(q x)``, ``sum(q)``, ``sum(q q)`` with ``q = |x|^2``. All of them
are entries of one Gram matrix, that of the rows ``[x, 1]`` or ``[x, 1, q]``.

A window ``[start, stop)`` is cut at multiples of the block length, counted absolutely, so that windows which overlap
share their inner blocks, whatever the hop is::

    start        |  B  |  B  |  B  |   stop
      [ head     |shared|shared|shared| tail ]

The inner blocks' matrices are added in order of time, then that of head and tail together (as many rows for every
window, filled up with zeros). Nothing is ever subtracted from a running sum, and each piece is one product of aligned
rows of one shape. The result is therefore a function of the window's samples and its start, bit for bit, whatever was
seen or skipped before and in whatever company. Windows of a batch share blocks where they share memory; a block that is
kept from one call of `BlockGram.one` to the next is used only if its samples are the same bytes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from rtbci_riemann.aligned import aligned_copy, aligned_zeros
from rtbci_riemann.stacks import Matrix, Workspace, padded, stacked

Float32 = NDArray[np.float32]

AT_ONCE = 2**20
"""Bytes of matrices that are worked on at once, so that they stay in a core's cache."""


def block_length(n_samples: int) -> int:
    """Samples in a block, for windows of ``n_samples``.

    Short blocks mean many matrices to add, long ones many rows at a window's ends to multiply anew: ``n mod B + B``. At
    22 to 64 channels adding a matrix took as long as multiplying 5 to 11 rows, so the sum of ``8 n / B`` and
    ``n mod B + B`` is made least, below the ``sqrt(8 n)`` at which it would be without the remainder.
    """
    longest = max(8, math.isqrt(8 * n_samples))
    return min(range(max(8, longest // 2), longest + 1), key=lambda b: (8 * n_samples / b + n_samples % b + b, b))


class BlockGram:
    """Gram matrices of the rows ``[x, 1]`` (or ``[x, 1, |x|^2]``) of windows: stacks (n, width, padded(width)).

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
        self._padded = padded(self.width)
        self._edge = min(n_samples, n_samples % self.block + self.block)
        self._offset = aligned_copy(offset, "C")
        # (1, n_channels, rank): rows of samples are multiplied from the left
        self._basis = None if basis is None else stacked(basis.T[None])
        self._quartic = quartic
        self._room = Workspace()
        self._at_once = max(4, min(128, AT_ONCE // (16 * self.width * self._padded)))

        n_slots = n_samples // self.block + 2
        self._starts: list[int | None] = [None] * n_slots
        self._seen: list[bytes] = [b""] * n_slots
        # twice over, so that blocks that follow each other lie behind each other
        self._kept: Matrix = aligned_zeros((2, n_slots, self.width, self._padded))

    def one(self, samples: Float32, start: int) -> Matrix:
        """The matrix of ``samples`` (n_channels, n_samples) that begin at absolute index ``start``.

        Returns
        -------
        (1, width, padded(width)) float64, both triangles; a buffer that is reused.
        """
        block, n = self.block, self.n_samples
        by_time = samples.T
        head = min(-start % block, n)
        n_blocks = (n - head) // block
        inner_stop = head + n_blocks * block
        for at in range(head, inner_stop, block):
            self._see(by_time[at : at + block], start + at)
        first = (start + head) // block % len(self._starts)
        kept = self._kept.reshape(-1, self.width, self._padded)[first : first + n_blocks]
        total = self._room.take("totals", 1, self.width, self._padded)
        np.add.reduce(kept, axis=0, out=total[0], initial=0.0)
        edges = self._room.take("edges", 1, self._edge, self._padded)
        edges[0, head + n - inner_stop :] = 0.0
        if head:
            lead = start % block
            edges[0, :head] = self._rows(by_time[:head], lead, 1)[0, lead : lead + head]
        if inner_stop < n:
            edges[0, head : head + n - inner_stop] = self._rows(by_time[inner_stop:], 0, 1)[0, : n - inner_stop]
        total += self._gram(edges, "edge grams")
        return total

    def many(self, windows: Float32, starts: NDArray[np.int64]) -> Iterator[tuple[slice, Matrix]]:
        """The matrices of ``windows`` (n_windows, n_channels, n_samples), some at a time.

        Each stack is a buffer that is reused, and holds those of the windows in the slice that comes with it.
        """
        first = 0
        for stop in [*self._breaks(windows, starts), len(windows)]:
            while first < stop:
                part = slice(first, min(stop, first + self._at_once))
                yield part, self._run(windows[part], starts[part])
                first = part.stop

    def centred(self, samples: Float32) -> Matrix:
        """`one` for samples from which their mean over the window is subtracted first, exactly, and without blocks."""
        n = self.n_samples
        rows = self._room.take("whole rows", 1, n, self._padded)
        moved = rows if self._basis is None else self._room.take("whole moved", 1, n, padded(self.n_channels))
        here = moved[0, :, : self.n_channels]
        here[...] = samples.T
        here -= here.mean(axis=0)
        self._fill(rows, moved, 0, n)
        return self._gram(rows, "whole gram")

    def _breaks(self, windows: Float32, starts: NDArray[np.int64]) -> list[int]:
        """Windows that do not go on in the memory of the one before, or leave samples out between."""
        steps = np.diff(starts)
        goes_on = (steps * windows.strides[2] == windows.strides[0]) & (steps >= 0) & (steps <= self.n_samples)
        return [int(i) + 1 for i in np.flatnonzero(~goes_on)]

    def _run(self, windows: Float32, starts: NDArray[np.int64]) -> Matrix:
        """`many` of windows that lie one behind the other in one stretch of memory."""
        block, n = self.block, self.n_samples
        origin = int(starts[0]) // block * block
        lead, span = int(starts[0]) - origin, int(starts[-1] - starts[0]) + n
        stretch = as_strided(windows[0].T, (span, self.n_channels), (windows.strides[2], windows.strides[1]))
        # one block more than there are samples for: its rows are 0
        rows = self._rows(stretch, lead, (lead + span) // block + 1)
        heads = np.minimum(-starts % block, n)
        n_blocks = (n - heads) // block
        firsts = (starts - origin + heads) // block
        grams = self._gram(rows[: int((firsts + n_blocks).max())], "blocks")
        totals = self._room.take("totals", len(windows), self.width, self._padded)
        for total, first, stop in zip(totals, firsts.tolist(), (firsts + n_blocks).tolist(), strict=True):
            np.add.reduce(grams[first:stop], axis=0, out=total, initial=0.0)

        tails = n - heads - n_blocks * block
        at = np.arange(self._edge)[None, :]
        begins, ends = (starts - origin)[:, None], (starts - origin + n - heads - tails)[:, None]
        where = np.where(at < heads[:, None], begins + at, ends + at)
        where[at >= (heads + tails)[:, None]] = len(rows) * block - 1
        edges = self._room.take("edges", len(windows), self._edge, self._padded)
        np.take(_by_row(rows), where, axis=0, out=edges, mode="clip")
        totals += self._gram(edges, "edge grams")
        return totals

    def _see(self, samples: Float32, start: int) -> None:
        """Keep the matrix of one whole block (block, n_channels), unless that of the same bytes is kept already."""
        slot = start // self.block % len(self._starts)
        seen = samples.tobytes()
        if self._starts[slot] != start or self._seen[slot] != seen:
            self._kept[:, slot] = self._compute(samples)
            self._starts[slot] = start
            self._seen[slot] = seen

    def _compute(self, samples: Float32) -> Matrix:
        piece: Matrix = self._gram(self._rows(samples, 0, 1), "block")[0]
        return piece

    def _rows(self, samples: Float32, lead: int, n_blocks: int) -> Matrix:
        """Rows (n_blocks, block, padded) of ``samples`` (n, n_channels) from row ``lead`` on, the others 0; a buffer."""
        stop = lead + len(samples)
        rows = self._room.take("rows", n_blocks, self.block, self._padded)
        _clear(rows, lead, stop)
        moved = rows
        if self._basis is not None:
            moved = self._room.take("moved", n_blocks, self.block, padded(self.n_channels))
            _clear(moved, lead, stop)
        np.subtract(samples, self._offset, out=_by_row(moved)[lead:stop, : self.n_channels])
        self._fill(rows, moved, lead, stop)
        return rows

    def _fill(self, rows: Matrix, moved: Matrix, lead: int, stop: int) -> None:
        """Project ``moved`` into ``rows`` where there is a basis, and add the columns 1 and ``|x|^2``."""
        rank = self.rank
        if self._basis is not None:
            np.matmul(moved[:, :, : self.n_channels], self._basis[:, :, :rank], out=rows[:, :, :rank])
        here = _by_row(rows)[lead:stop]
        here[:, rank] = 1.0
        if self._quartic:
            np.einsum("ij,ij->i", here[:, :rank], here[:, :rank], out=here[:, rank + 1])

    def _gram(self, rows: Matrix, name: str) -> Matrix:
        """``rows' rows`` of each of a stack (n, n_rows, padded), (n, width, padded); a buffer called ``name``."""
        out = self._room.take(name, len(rows), self.width, self._padded)
        return np.matmul(rows[:, :, : self.width].transpose(0, 2, 1), rows, out=out)


def _by_row(rows: Matrix) -> Matrix:
    return rows.reshape(-1, rows.shape[2])


def _clear(rows: Matrix, lead: int, stop: int) -> None:
    """Zeros before row ``lead`` and from row ``stop`` on."""
    flat = _by_row(rows)
    if lead:
        flat[:lead] = 0.0
    if stop < len(flat):
        flat[stop:] = 0.0
