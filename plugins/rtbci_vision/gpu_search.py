"""Search in a bank on a GPU: the same answers as on a CPU, to the bit.

A GPU adds up in an order of its own, so its cosines differ from those of `rtbci.bank.rows` in the last bits, by no more than
can be proven (`rounding`). It is asked for the few items that could be among the best; their cosines are then computed as
everywhere else, on the processor, from the rows as they lie on disk. So `top` and `rank_of` do not depend on the device, and
a session that was decoded on one can be verified on the other. Only `scores`, all cosines at once, are the GPU's own.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtbci.bank.rows import Floats, Indices, Rows, best, rounding
from rtbci.errors import BankError

BLOCK = 32768
"""Rows that are turned into float32 at once: 100 MB at 768 dimensions, whatever the size of the bank."""
FIRST = 64
"""Items that are asked for beyond k, so that one exchange with the GPU is enough."""


class GpuSearch(Rows):
    """Finds items of a bank by cosine, on a GPU that holds the rows in float16 (2 bytes a value).

    Products are of float32 values, added up in float32. Where there is no GPU, PyTorch's CPU is used, and one that is lost
    while it runs is replaced by computing every cosine: the answers stay the same.

    Parameters
    ----------
    embeddings : (n_items, n_dims) float16, each of length 1.
    device : "auto" (a GPU where there is one), "cpu", "cuda" or "cuda:1".

    Attributes
    ----------
    runs_on : the device, in words.
    tolerance : how far `scores` may be from those of `Rows`: proven, so about a hundred times what is seen.

    Raises
    ------
    BankError : as `Rows`, or a device that is not there.
    """

    def __init__(self, embeddings: NDArray[np.float16], device: str = "auto") -> None:
        super().__init__(embeddings)
        import torch

        n = self._halves.shape[1]
        self.tolerance = rounding(n, n) + rounding(n, n / 32 + 6)
        self._torch: Any = torch
        self._device = _device(torch, device)
        self.runs_on = (
            "cpu" if self._device.type == "cpu" else f"{self._device} ({torch.cuda.get_device_name(self._device)})"
        )
        try:
            # int16 is what PyTorch knows of the same bits; .to() copies, so the mapped file is read once
            bits = torch.from_numpy(np.array(self._halves.view(np.int16)))
            self._rows: Any = bits.view(torch.float16).to(self._device)
        except RuntimeError as error:
            raise BankError(
                f"{self._halves.nbytes / 1e6:.0f} MB of embeddings do not fit on {self.runs_on} "
                f'({_line(error)}); device = "cpu", or no search on a GPU, would be right'
            ) from error

    def scores(self, z: Floats) -> Floats:
        """Cosine of every item (n_items,) float32, within ``tolerance`` of `Rows.scores`. Raises BankError as there."""
        query = self._unit(z)
        try:
            found: Floats = self._near(query).cpu().numpy()
        except RuntimeError as error:
            self._lost(error)
            return self._cosines(query)
        return found

    def top(self, z: Floats, k: int) -> tuple[Indices, Floats]:
        """As `Rows.top`, to the bit."""
        k, query = self._at_most(k), self._unit(z)
        try:
            rows = self._candidates(query, k)
        except RuntimeError as error:
            self._lost(error)
            rows = np.arange(self._n_items)
        return best(rows, self._cosines(query, rows), k)

    def rank_of(self, z: Floats, item: int) -> int:
        """As `Rows.rank_of`, to the bit."""
        self._check_item(item)
        query = self._unit(z)
        own = self._cosines(query, np.array([item]))[0]
        try:
            near = self._near(query).double()  # compared in float64, as the tolerance is
            surely = int((near > float(own) + self.tolerance).sum())
            unsure = (near - float(own)).abs() <= self.tolerance
            rows: Indices = unsure.nonzero()[:, 0].cpu().numpy()
        except RuntimeError as error:
            self._lost(error)
            return int(np.count_nonzero(self._cosines(query) >= own))
        return surely + int(np.count_nonzero(self._cosines(query, rows) >= own))

    def _near(self, query: Floats) -> Any:
        """The device's own cosines of all items with a query of length 1: a tensor (n_items,) float32."""
        if self._rows is None:
            return self._torch.from_numpy(self._cosines(query))
        z = self._torch.from_numpy(query).to(self._device)
        with self._torch.inference_mode():
            # a matrix times a vector: never tensor cores, so no TF32, whatever the process has set for matrices
            parts = [self._torch.mv(block.float(), z) for block in self._rows.split(BLOCK)]
            return self._torch.cat(parts)

    def _candidates(self, query: Floats, k: int) -> Indices:
        """Items (n,), ascending, among which the ``k`` best are.

        k items have a cosine of at least the k-th of the device's, less what that may be off; who is to be among the k best
        reaches that much, and on the device at least that less the same again.
        """
        near = self._near(query)
        asked = min(k + FIRST, self._n_items)
        values, rows = self._torch.topk(near, asked)
        both = (
            self._torch.stack([values.double(), rows.double()]).cpu().numpy()
        )  # one transfer; indices stay below 2^53
        least = both[0, k - 1] - 2 * self.tolerance
        if asked < self._n_items and both[0, -1] >= least:  # more are near than were asked for: many equal items
            found: Indices = (near.double() >= least).nonzero()[:, 0].cpu().numpy()
            return found
        return np.sort(both[1, both[0] >= least].astype(np.int64))

    def _lost(self, error: RuntimeError) -> None:
        """From now on every cosine is computed on the processor."""
        if self._device.type == "cpu":
            raise error
        self.runs_on = f"cpu, every cosine; {self._device} was lost ({_line(error)})"
        self._device, self._rows = self._torch.device("cpu"), None


def _device(torch: Any, wanted: str) -> Any:
    there = torch.cuda.is_available()
    if wanted == "auto":
        return torch.device("cuda:0" if there else "cpu")
    try:
        device = torch.device(wanted)
    except RuntimeError as error:
        raise BankError(f'device = "{wanted}"; "auto", "cpu", "cuda" or "cuda:1" would be right') from error
    if device.type == "cpu":
        return device
    if device.type != "cuda" or not there or (device.index or 0) >= torch.cuda.device_count():
        raise BankError(
            f'device = "{wanted}", but PyTorch sees {torch.cuda.device_count()} GPUs here; "auto" would be right'
        )
    return torch.device("cuda", device.index or 0)


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:160]
