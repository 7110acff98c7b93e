"""Renderer "generator": draws with the small generator that was trained on the bank, without a GPU or a download."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rtbci.bank import Bank
from rtbci.errors import BankError
from rtbci_vision.glide import Glide

if TYPE_CHECKING:
    import torch

    from rtbci.training_run import TrainingRun
    from rtbci_vision.generating.network import PictureNetwork


class Generator:
    """Draws what a generator learnt from the bank, see `rtbci_vision.generating`.

    Parameters
    ----------
    path : folder of the generator; "" for the folder "generator" within the bank's.
    glide : share of the way from the last picture's embedding to the new one that is left out; 0 draws each alone.
    device : "cpu", "cuda", or "auto" (a GPU where there is one: decoders may want it).

    Attributes
    ----------
    space_id : of the embeddings that it draws from; valid once it was prepared.
    """

    def __init__(self, path: str = "", glide: float = 0.25, device: str = "cpu") -> None:
        self.space_id = ""
        self._path = path
        self._glide = Glide(glide)
        self._device_wanted = device
        self._network: PictureNetwork | None = None
        self._device: torch.device | None = None

    def prepare(self, bank: Path) -> None:
        """Load the generator for the bank in this folder. Raises BankError where there is none, or one of another space."""
        from rtbci_vision.generating import folder
        from rtbci_vision.generating.training import device_of

        opened = Bank.open(bank)
        self._device = device_of(self._device_wanted)
        where = Path(self._path).expanduser() if self._path else bank / folder.FOLDER
        command = f"rtbci bank train-generator {bank}" + (f" --out {where}" if self._path else "")
        self._network, _ = folder.read(where, opened.space_id, command)
        self._network.to(self._device)
        self.space_id = opened.space_id

    def render(self, embedding: NDArray[np.float32], go_on: Callable[[], bool]) -> NDArray[np.uint8] | None:
        """Picture (size, size, 3) uint8 RGB of ``embedding`` (n_dims,); one step, so ``go_on`` is asked once before it."""
        from rtbci_vision.generating.training import drawn

        if self._network is None or self._device is None:
            raise BankError("a generator that was not prepared; prepare(bank) before render() would be right")
        if embedding.shape != (self._network.n_dims,):
            raise BankError(f"an embedding {embedding.shape}; ({self._network.n_dims},) would be right")
        if not go_on():
            return None
        picture: NDArray[np.uint8] = drawn(self._network, self._glide.to(embedding)[None], self._device)[0]
        return picture

    @classmethod
    def train(
        cls,
        bank: Path,
        out: Path | None,
        run: TrainingRun,
        *,
        epochs: int,
        size: int,
        device: str,
        seed: int,
        threads: int,
    ) -> Mapping[str, Any]:
        """See `rtbci.interfaces.TrainsGenerator`."""
        from rtbci_vision.generating.training import Settings, train

        return train(bank, out, run, Settings(epochs, size, device, seed, threads))
