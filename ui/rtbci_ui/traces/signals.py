"""Where a picture takes its samples from: the session's ring, a piece of the past, or a display filter over either."""

from __future__ import annotations

from typing import Any, Protocol

from numpy.typing import NDArray

from rtbci.errors import Overrun
from rtbci.types import Samples, Times


class Signal(Protocol):
    """What `rtbci.ring.Ring` offers to a reader; sample numbers are absolute."""

    n_channels: int
    capacity: int

    @property
    def written(self) -> int:
        """One after the newest sample."""

    @property
    def oldest(self) -> int:
        """The oldest sample that is still there."""

    def view(self, start: int, stop: int) -> tuple[NDArray[Any], Times, Times]:
        """Samples (n, n_channels), times and arrivals (n,), uncopied."""

    def intact(self, start: int) -> bool:
        """Whether sample ``start`` and all after it are still there."""


class Still:
    """A piece of the past, copied: samples ``first`` to ``first + n``.

    Parameters
    ----------
    first : absolute index of the first sample.
    samples : (n, n_channels) float32, NaN where nothing is known. times : (n,) float64 seconds.
    """

    def __init__(self, first: int, samples: Samples, times: Times) -> None:
        self.oldest = first
        self._samples, self._times = samples, times
        self.capacity, self.n_channels = int(samples.shape[0]), int(samples.shape[1])

    @property
    def written(self) -> int:
        """One after the last sample."""
        return self.oldest + len(self._times)

    def view(self, start: int, stop: int) -> tuple[Samples, Times, Times]:
        """Samples (n, n_channels) and times (n,), twice: nobody knows any more when they arrived."""
        if start < self.oldest:
            raise Overrun(start, self.oldest)
        if not start <= stop <= self.written:
            raise IndexError(f"samples {start} to {stop} are not among {self.oldest} to {self.written}")
        rows = slice(start - self.oldest, stop - self.oldest)
        return self._samples[rows], self._times[rows], self._times[rows]

    def intact(self, start: int) -> bool:
        """A copy stays."""
        return start >= self.oldest
