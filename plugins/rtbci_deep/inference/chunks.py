"""Windows in chunks: a chunk that an earlier window has had is not encoded again.

With a hop that divides the chunk, a window shares all its chunks but the newest with windows that came before it. A code is
a function of its chunk's samples alone and chunks are always encoded one by one, so nothing depends on what was kept.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from rtbci_deep.device import lost_if_gone
from rtbci_deep.inference.fused import Fused
from rtbci_deep.inference.fused.conformer import FusedConformer
from rtbci_deep.inference.runner import Runner, in_blocks
from rtbci_deep.inference.steps import Array
from rtbci_deep.settings import Acceleration
from rtbci_deep.whole import Whole

KEPT = 128
"""Codes that are kept, with the samples they are of: some 6 MB."""


class ChunkRunner(Runner):
    """Asks a network whose windows fall into chunks.

    Attributes
    ----------
    encoded : chunks that were encoded so far.
    """

    def __init__(
        self,
        whole: Whole,
        n_chans: int,
        n_times: int,
        device: torch.device,
        threads: int,
        *,
        acceleration: Acceleration = "eager",
        exported: bytes | None = None,
    ) -> None:
        super().__init__(whole, n_chans, n_times, device, threads, acceleration=acceleration, exported=exported)
        network = cast(FusedConformer, self.fused)
        self._n_chunks, self._size = network.n_chunks, network.chunk
        self._codes: OrderedDict[int, tuple[Array, Array]] = OrderedDict()
        self.encoded = 0
        with lost_if_gone(device):
            n_features = self._step(1).shape[1]
            self._head = self._step_of(network.head, (network.n_chunks * n_features,))
            self._head.prepare()

    @staticmethod
    def part(fused: Fused, n_times: int, n_chans: int) -> tuple[nn.Module, tuple[int, ...]]:
        """See `Runner`."""
        network = cast(FusedConformer, fused)
        return network.encoder, (network.chunk, n_chans)

    def at(self, samples: Array, start: int) -> Array:
        """The output (n_outputs,) for the window ``samples`` (n_chans, n_times) that begins at absolute index ``start``."""
        with lost_if_gone(self.device):
            return self._said([self._kept_code(part, start + first) for first, part in self._parts(samples)])

    def one(self, samples: Array, subject: int, bad: NDArray[np.bool_] | None) -> Array:
        """As `at`, for a window of which nobody knows where it begins: nothing is kept of it."""
        with lost_if_gone(self.device):
            return self._said([self._code(part) for _, part in self._parts(samples)])

    def many(self, windows: Array, subject: int, bad: NDArray[np.bool_] | None) -> Array:
        """See `Runner`."""
        with lost_if_gone(self.device):
            n, n_chans, _ = windows.shape
            chunks = windows.reshape(n, n_chans, self._n_chunks, self._size).transpose(0, 2, 3, 1)
            codes = in_blocks(self._step, chunks.reshape(n * self._n_chunks, self._size, n_chans))
            return in_blocks(self._head, codes.reshape(n, -1))

    def _parts(self, samples: Array) -> list[tuple[int, Array]]:
        firsts = range(0, self._n_chunks * self._size, self._size)
        return [(first, samples[:, first : first + self._size]) for first in firsts]

    def _said(self, codes: list[Array]) -> Array:
        self._head.rows[0] = np.concatenate(codes)
        answer: Array = self._head(1)[0]
        return answer

    def _code(self, samples: Array) -> Array:
        self._step.rows[0] = samples.T
        self.encoded += 1
        code: Array = self._step(1)[0]
        return code

    def _kept_code(self, samples: Array, start: int) -> Array:
        kept = self._codes.get(start)
        if kept is None or not np.array_equal(kept[0], samples):
            kept = samples.copy(), self._code(samples)
            self._codes[start] = kept
            if len(self._codes) > KEPT:
                self._codes.popitem(last=False)
        self._codes.move_to_end(start)
        return kept[1]
