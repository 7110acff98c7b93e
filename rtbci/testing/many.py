"""The contract of `rtbci.interfaces.PredictsMany`: a batch is answered, row by row, as its windows are one by one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from rtbci.devices import shown
from rtbci.testing.contract import ContractError, apart, require, same_bytes
from rtbci.types import Samples

Ask = Callable[[int, Samples], NDArray[np.float64]]
"""What ``predict`` says of the window that begins at a row of a stream (n, n_channels)."""


def overlapping(stream: Samples, starts: Sequence[int], n_samples: int) -> Samples:
    """A read-only view (n_windows, n_channels, n_samples) of ``stream`` (n, n_channels), windows evenly apart in memory."""
    hop = starts[1] - starts[0] if len(starts) > 1 else 0
    row, channel = stream.strides
    return as_strided(
        stream[starts[0] :],
        (len(starts), stream.shape[1], n_samples),
        (hop * row, channel, row),
        subok=False,
        writeable=False,
    )


def unaligned(stream: Samples) -> Samples:
    """A copy of ``stream`` (n, n_channels) that begins 4 bytes beyond a multiple of 64."""
    raw = np.empty(stream.nbytes + 128, np.uint8)
    first = -raw.ctypes.data % 64 + 4
    copy = raw[first : first + stream.nbytes].view(np.float32).reshape(stream.shape)
    copy[:] = stream
    return copy


class ManyCheck:
    """Checks ``predict_many`` of a fitted ``decoder`` against its ``predict``.

    Parameters
    ----------
    name : how messages call the decoder.
    ask : asks ``predict``; ``stream`` (n, n_channels) float32 is what it is asked about.
    tolerance : how far log-probabilities may differ; 0: not at all.
    """

    def __init__(
        self, decoder: Any, name: str, ask: Ask, stream: Samples, n_samples: int, n_classes: int, tolerance: float
    ) -> None:
        self.decoder = decoder
        self.name = name
        self.ask = ask
        self.stream = stream
        self.n_samples = n_samples
        self.n_classes = n_classes
        self.tolerance = tolerance

    def check(self) -> None:
        """Windows close and far apart, on any address, in batches of any size; and others that begin at the same indices."""
        last = len(self.stream) - self.n_samples
        other = np.ascontiguousarray(self.stream[::-1])
        for hop in (max(1, self.n_samples // 10), 1, max(1, self.n_samples // 3) | 1):
            starts = list(range(3, last + 1, hop))[:24]
            for stream in (self.stream, other):
                alone = np.array([self.ask(start, stream) for start in starts])
                for given in (stream, unaligned(stream)):
                    for size in (len(starts), 1, 5):
                        self._compare(given, starts, size, alone)

    def _compare(self, stream: Samples, starts: Sequence[int], size: int, alone: NDArray[np.float64]) -> None:
        for at in range(0, len(starts), size):
            part = starts[at : at + size]
            said = self.answers(stream, part)
            wanted = alone[at : at + len(part)]
            near = bool(np.allclose(said, wanted, rtol=0.0, atol=self.tolerance)) if self.tolerance else False
            bits = (
                "row by row it must be the very bits, whatever the size of the batch, the hop and the address: copy windows "
                "to aligned buffers, and let every row go through the same calls"
            )
            require(
                near or same_bytes(np.ascontiguousarray(said), wanted),
                f"{self.name}.predict_many gave other answers in a batch of {len(part)} than predict gives one by one "
                f"({apart(said, wanted)}); "
                + (f"within its tolerance of {shown(self.tolerance)} would be right" if self.tolerance else bits),
            )

    def answers(self, stream: Samples, starts: Sequence[int]) -> NDArray[np.float64]:
        """What ``predict_many`` says of the windows of ``stream`` at ``starts``, found to be log-probabilities."""
        windows = overlapping(stream, starts, self.n_samples)
        try:
            said: object = self.decoder.predict_many(windows, np.array(starts, np.int64))
        except Exception as error:
            raise ContractError(
                f"{self.name}.predict_many raised {type(error).__name__} on {len(starts)} overlapping windows in a "
                f"read-only view: {error}"
            ) from error
        what, wanted = f"{self.name}.predict_many returned ", (len(starts), self.n_classes)
        right = (
            f"; {wanted} float64 natural logarithms of the class probabilities, a row for each window, would be right"
        )
        require(isinstance(said, np.ndarray), what + f"a {type(said).__name__}" + right)
        assert isinstance(said, np.ndarray)
        require(said.shape == wanted, what + f"an array of shape {said.shape}" + right)
        require(said.dtype == np.float64, what + f"{said.dtype}" + right)
        require(bool(np.isfinite(said).all()), what + "values that are not finite" + right)
        totals = np.exp(said).sum(axis=1)
        require(
            bool((np.abs(totals - 1.0) < 1e-6).all()), what + f"probabilities that sum to {totals.max():.6g}" + right
        )
        # a copy: it may be a buffer that the next call writes to, which is all right between batches
        return np.array(said)
