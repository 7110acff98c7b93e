"""A picture in steps: the same noise for a whole session, and an end between two steps when nobody wants the picture."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray


class GivenUp(Exception):
    """A newer request waits. Raised from a step's callback: after ``_interrupt`` a pipeline still decodes a picture."""


class Steps:
    """Asks ``go_on`` after each step of a pipeline; ``taken`` counts them."""

    def __init__(self, go_on: Callable[[], bool]) -> None:
        self.taken = 0
        self._go_on = go_on

    def at_end(self, pipeline: Any, step: int, timestep: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        """As ``callback_on_step_end``."""
        self._ask()
        return tensors

    def old(self, step: int, timestep: Any, latents: Any) -> None:
        """As ``callback`` of pipelines that know no other."""
        self._ask()

    def _ask(self) -> None:
        self.taken += 1
        if not self._go_on():
            raise GivenUp


def drawn(draw: Callable[[Steps], Any], go_on: Callable[[], bool]) -> NDArray[np.uint8] | None:
    """The picture (height, width, 3) uint8 that ``draw`` gives as (1, height, width, 3), 0 to 1; None if it was given up."""
    if not go_on():
        return None
    try:
        values = np.asarray(draw(Steps(go_on)), np.float32)[0]
    except GivenUp:
        return None
    picture: NDArray[np.uint8] = np.round(255.0 * np.clip(np.nan_to_num(values), 0.0, 1.0)).astype(np.uint8)
    return picture


def latents(pipeline: Any, channels: int, size: int, seed: int, device: Any, dtype: Any) -> Any:
    """Noise (1, channels, size / 8, size / 8) of ``seed``, drawn on the CPU so that every device begins with the same."""
    import torch

    side = size // int(pipeline.vae_scale_factor)
    return torch.randn((1, channels, side, side), generator=torch.Generator().manual_seed(seed)).to(device, dtype)
