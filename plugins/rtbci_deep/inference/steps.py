"""One function of a trained network with its input buffer: fixed shapes, so that nothing is made anew for a window."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from rtbci_deep.device import use_threads

Array = NDArray[np.float32]
Given = tuple[Tensor, ...]

CPU_BLOCK = 8
"""Rows that a CPU takes at once: 8 were as fast as 64 for every network, and their feature maps stay in the cache."""


class Step(Protocol):
    """Computes what was written to the first of its ``rows``.

    Attributes
    ----------
    rows : (block, ...) float32, aligned: the input.
    way : how it is computed, in words, where that is not the usual way: "CUDA graph".
    """

    rows: Array
    way: str

    def __call__(self, n: int, given: Given = ()) -> Array:
        """A new array (n, n_outputs) for the first ``n`` rows; ``given`` is what the function takes beside them."""
        ...

    def prepare(self, given: Given = ()) -> None:
        """Get ready for single rows, so that the first one takes no longer than later ones."""
        ...


class CpuStep:
    """Runs ``module`` with PyTorch on a CPU.

    Parameters
    ----------
    shape : of a row. block : rows at once.
    threads : of the CPU; rounding depends on it.
    """

    def __init__(self, module: nn.Module, shape: tuple[int, ...], threads: int, block: int = CPU_BLOCK) -> None:
        self.way = ""
        self._module, self._threads = module, threads
        self._x = torch.zeros(block, *shape)  # on a multiple of 64 bytes, as all of PyTorch's memory
        self.rows: Array = self._x.numpy()

    def __call__(self, n: int, given: Given = ()) -> Array:
        """See `Step`."""
        use_threads(self._threads)
        with torch.inference_mode():
            said: Array = self._module(self._x[:n], *given).numpy()
            return said

    def prepare(self, given: Given = ()) -> None:
        """See `Step`."""
        self(1, given)
