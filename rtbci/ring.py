"""The mirrored ring: one writer, any number of readers, in this process or any other, and nobody ever waits.

Every sample is stored twice, ``capacity`` rows apart, so any stretch that still exists is one contiguous slice. A file
mapped into memory holds it all::

    0      "rtbci ring 1\n" and a line of JSON: capacity, n_channels, dtype, max_gaps, meta
    4096   words (int64): [0] written, [8] claimed, [16] number of gaps, [24] closed, [32] busy since, [40] taken,
           [48] to [72] a player's clock (`rtbci.sources.shared_clock`)
    8192   gap table: max_gaps rows of Gap (index i8, before f8, after f8, missing i8)
    ...    times (2 * capacity) f8, arrivals (2 * capacity) f8, samples (2 * capacity, n_channels), page-aligned

The writer announces what it is about to overwrite in ``claimed``, writes, and publishes in ``written``. A reader looks,
uses, and looks again. With one counter a reader was seen to get torn data; with two it can tell.
"""

from __future__ import annotations

import json
import mmap
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from rtbci.errors import Overrun, RecordingError
from rtbci.kernels.ring import WRITTEN, intact_from, load_counter, push, store_counter
from rtbci.types import Gap, Times

MAGIC = b"rtbci ring 1\n"
PAGE = 4096
GAPS = 16  # position of the gap counter in the header
CLOSED = 24
"""Word that is 1 once the writer has pushed its last sample."""
BUSY = 32
"""Word in which a worker notes since when it has been deciding (time.monotonic_ns(), 0: it is not)."""
TAKEN = 40
"""Word in which a worker notes how many samples of the stream it has taken, and decided what was due by then."""
GAP_DTYPE = np.dtype([("index", "<i8"), ("before", "<f8"), ("after", "<f8"), ("missing", "<i8")])


def _page_up(n_bytes: int) -> int:
    return (n_bytes + PAGE - 1) // PAGE * PAGE


class Ring:
    """A ring of samples with times, arrival times and a gap table, in a mapped file or in private memory.

    Attributes
    ----------
    capacity : samples that are kept.
    meta : what the creator wanted readers to know (JSON-able).
    """

    def __init__(
        self, buffer: mmap.mmap, capacity: int, n_channels: int, dtype: DTypeLike, max_gaps: int, meta: dict[str, Any]
    ) -> None:
        self._buffer: mmap.mmap | None = buffer
        self.capacity = capacity
        self.n_channels = n_channels
        self.max_gaps = max_gaps
        self.meta = meta
        rows = 2 * capacity
        at = PAGE
        self._header: NDArray[np.int64] = np.frombuffer(buffer, np.int64, PAGE // 8, at)
        at += PAGE
        self._gaps = np.frombuffer(buffer, GAP_DTYPE, max_gaps, at)
        at += _page_up(max_gaps * GAP_DTYPE.itemsize)
        self._times: Times = np.frombuffer(buffer, np.float64, rows, at)
        at += _page_up(rows * 8)
        self._arrivals: Times = np.frombuffer(buffer, np.float64, rows, at)
        at += _page_up(rows * 8)
        flat = np.frombuffer(buffer, np.dtype(dtype), rows * n_channels, at)
        self._samples: NDArray[Any] = flat.reshape(rows, n_channels)

    @staticmethod
    def _size(capacity: int, n_channels: int, dtype: DTypeLike, max_gaps: int) -> int:
        rows = 2 * capacity
        return (
            2 * PAGE
            + _page_up(max_gaps * GAP_DTYPE.itemsize)
            + 2 * _page_up(rows * 8)
            + _page_up(rows * n_channels * np.dtype(dtype).itemsize)
        )

    @classmethod
    def create(
        cls,
        path: Path | None,
        capacity: int,
        n_channels: int,
        *,
        dtype: DTypeLike = np.float32,
        max_gaps: int = 4096,
        meta: dict[str, Any] | None = None,
    ) -> Ring:
        """Make a ring for ``capacity`` samples of ``n_channels``, in a file (mode 0600) or, without a path, in memory.

        Raises
        ------
        RecordingError
            When the file exists already or cannot be made (a full disk is found here, not at the first write).
        """
        if capacity < 1 or n_channels < 1:
            raise ValueError(f"a ring needs capacity and n_channels of at least 1, got {capacity} and {n_channels}")
        size = cls._size(capacity, n_channels, dtype, max_gaps)
        meta = meta or {}
        if path is None:
            return cls(mmap.mmap(-1, size), capacity, n_channels, dtype, max_gaps, meta)
        head = {
            "capacity": capacity,
            "n_channels": n_channels,
            "dtype": np.dtype(dtype).str,
            "max_gaps": max_gaps,
            "meta": meta,
        }
        text = MAGIC + json.dumps(head).encode() + b"\n"
        if len(text) > PAGE:
            # channel names and the like of a long montage stand beside the ring, not in its header page
            raise RecordingError(f"ring meta data take {len(text)} bytes; the header page holds {PAGE}")
        if path.exists():
            raise RecordingError(f"cannot make the ring {path}: it exists; is another session using it?")
        scratch = path.with_name(path.name + ".making")  # a reader sees the ring whole or not at all
        try:
            handle = os.open(scratch, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
        except OSError as error:
            raise RecordingError(
                f"cannot make the ring {path}: {error.strerror}; its folder must exist and be writable"
            ) from error
        try:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(handle, 0, size)
            else:  # pragma: no cover - macOS and Windows
                os.ftruncate(handle, size)
            buffer = mmap.mmap(handle, size)
        except OSError as error:
            scratch.unlink(missing_ok=True)
            raise RecordingError(
                f"cannot make the ring {path} of {size / 1e6:.0f} MB: {error.strerror}; free space or shorten the ring"
            ) from error
        finally:
            os.close(handle)
        ring = cls(buffer, capacity, n_channels, dtype, max_gaps, meta)
        buffer[: len(text)] = text
        scratch.rename(path)
        return ring

    @classmethod
    def attach(cls, path: Path) -> Ring:
        """Map an existing ring. Raises RecordingError when the file is not a ring."""
        try:
            with path.open("r+b") as file:
                head = file.read(PAGE)
                if not head.startswith(MAGIC):
                    raise RecordingError(f"{path} is not an rtbci ring (it begins with {head[:12]!r})")
                fields = json.loads(head[len(MAGIC) : head.index(b"\n", len(MAGIC))])
                buffer = mmap.mmap(file.fileno(), 0)
        except OSError as error:
            raise RecordingError(f"cannot attach to the ring {path}: {error.strerror}") from error
        return cls(
            buffer, fields["capacity"], fields["n_channels"], fields["dtype"], fields["max_gaps"], fields["meta"]
        )

    @property
    def written(self) -> int:
        """Number of samples ever written: the absolute index of the next one."""
        return int(load_counter(self._header, WRITTEN))

    @property
    def oldest(self) -> int:
        """Oldest absolute index that is still whole."""
        return int(intact_from(self._header, self.capacity))

    def word(self, which: int) -> int:
        """Value of one of the header's words: `CLOSED` or `BUSY`."""
        return int(load_counter(self._header, which))

    def set_word(self, which: int, value: int) -> None:
        """Set one of the header's words; each has one writer."""
        store_counter(self._header, which, value)

    def push(self, samples: NDArray[Any], times: Times, arrival: float) -> None:
        """Append ``samples`` (n, n_channels) with their ``times`` (n,), which arrived together at ``arrival``."""
        for first in range(0, len(samples), self.capacity):
            part = slice(first, first + self.capacity)
            push(self._header, self._samples, self._times, self._arrivals, samples[part], times[part], arrival)

    def add_gap(self, gap: Gap) -> None:
        """Note a gap before the samples after it are pushed. The newest ``max_gaps`` are kept, all are counted."""
        count = int(self._header[GAPS])
        self._gaps[count % self.max_gaps] = (gap.index, gap.before, gap.after, gap.missing)
        store_counter(self._header, GAPS, count + 1)

    @property
    def n_gaps(self) -> int:
        """Gaps noted so far."""
        return int(load_counter(self._header, GAPS))

    def gaps(self, first: int = 0) -> list[Gap]:
        """Gaps number ``first`` and later, as far as the table still holds them."""
        count = self.n_gaps
        rows = [self._gaps[i % self.max_gaps] for i in range(max(first, count - self.max_gaps), count)]
        return [Gap(int(r["index"]), float(r["before"]), float(r["after"]), int(r["missing"])) for r in rows]

    def view(self, start: int, stop: int) -> tuple[NDArray[Any], Times, Times]:
        """Samples ``(stop - start, n_channels)``, times and arrivals of absolute indices ``start`` to ``stop``, uncopied.

        The writer may overwrite what the views show: use them, then ask `intact(start)`.

        Raises
        ------
        Overrun
            When ``start`` has been overwritten already.
        IndexError
            When ``stop`` has not been written yet, or the stretch is longer than the ring.
        """
        if not 0 <= start <= stop <= self.written or stop - start > self.capacity:
            raise IndexError(
                f"samples {start} to {stop} are not in a ring of {self.capacity} with {self.written} written"
            )
        if start < self.oldest:
            raise Overrun(start, self.oldest)
        row = start % self.capacity
        rows = slice(row, row + stop - start)
        return self._samples[rows], self._times[rows], self._arrivals[rows]

    def intact(self, start: int) -> bool:
        """Whether sample ``start``, and everything after it, has not been overwritten since it was viewed."""
        return bool(intact_from(self._header, self.capacity) <= start)

    def read(self, start: int, stop: int) -> tuple[NDArray[Any], Times, Times]:
        """Copy samples ``start`` to ``stop`` with their times and arrivals; raises as `view`, and Overrun when torn."""
        samples, times, arrivals = (part.copy() for part in self.view(start, stop))
        if not self.intact(start):
            raise Overrun(start, self.oldest)
        return samples, times, arrivals

    def close(self) -> None:
        """Unmap; views that are still alive keep the memory mapped until they go."""
        if self._buffer is None:
            return
        del self._header, self._gaps, self._times, self._arrivals, self._samples
        try:
            self._buffer.close()
        except BufferError:
            self._buffer = None  # a view is still out there: its owner's death unmaps
            return
        self._buffer = None
