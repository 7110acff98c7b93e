"""The hint of a ControlNet that is a signal: convolutions over time instead of a picture (GWIT, Lopez et al. 2025).

::

    (n, channels, samples) -> Conv1d 3 -> 3 x [Conv1d 3, Conv1d 3 stride 2: twice as many] -> (n, 8 width, samples / 8)
                           -> a picture of 8 columns, filled up to the latents' size -> the ControlNet's first maps

Its weights stand beside those of the ControlNet: ``hint.json`` and ``hint.safetensors``.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from rtbci.errors import BankError
from rtbci_vision.diffusing.loading import loaded

HEAD, ARRAYS = "hint.json", "hint.safetensors"
COLUMNS = 8
"""Into which channels are folded after three halvings of time: 2 ** 3."""


@dataclass(frozen=True, slots=True)
class HintShape:
    """Channels, samples and rate in Hz of the signal; width of the ControlNet's first maps; pixels a side of the latents."""

    n_channels: int
    n_samples: int
    rate: float
    width: int
    side: int


class SignalHint(nn.Module):
    """Maps (n, width, side, side) of signals (n, n_channels, n_samples), in place of ``controlnet_cond_embedding``."""

    def __init__(self, shape: HintShape) -> None:
        super().__init__()
        self.shape = shape
        layers: list[nn.Module] = [nn.Conv1d(shape.n_channels, shape.width, 3, padding=1), nn.SiLU()]
        width = shape.width
        for _ in range(3):
            layers += [nn.Conv1d(width, width, 3, padding=1), nn.SiLU()]
            layers += [nn.Conv1d(width, 2 * width, 3, stride=2, padding=1), nn.SiLU()]
            width *= 2
        self.layers = nn.Sequential(*layers)

    def forward(self, signals: Tensor) -> Tensor:
        """See the class."""
        maps = self.layers(signals)
        n, _, length = maps.shape
        side = self.shape.side
        folded = maps.view(n, self.shape.width, COLUMNS, length).transpose(2, 3)[:, :, :side, :side]
        return functional.pad(folded, (0, side - folded.shape[3], 0, side - folded.shape[2]))


def scaled(signal: NDArray[np.float32]) -> NDArray[np.float32]:
    """``signal`` (n_channels, n_samples) with mean 0 and deviation 1 in each channel; a flat one stays 0."""
    centred = signal.astype(np.float64) - signal.mean(axis=1, keepdims=True, dtype=np.float64)
    deviation = centred.std(axis=1, keepdims=True)
    result: NDArray[np.float32] = (centred / np.where(deviation > 1e-12, deviation, 1.0)).astype(np.float32)
    return result


def save(hint: SignalHint, folder: Path) -> None:
    """Write ``hint`` beside a ControlNet's weights."""
    from safetensors.torch import save_file

    save_file({name: array.contiguous().cpu() for name, array in hint.state_dict().items()}, folder / ARRAYS)
    (folder / HEAD).write_text(json.dumps(asdict(hint.shape), indent=1))


def load(folder: Path) -> SignalHint:
    """Read what `save` wrote. Raises BankError where there is none."""
    from safetensors.torch import load_file

    try:
        shape = HintShape(**json.loads((folder / HEAD).read_text()))
    except (OSError, ValueError, TypeError) as error:
        why = " ".join(str(error).split())[:160]
        raise BankError(
            f"{folder} holds no ControlNet of signals ({HEAD}: {why}); a folder with {HEAD} and {ARRAYS} beside the "
            "ControlNet's own files would be right"
        ) from error
    hint = SignalHint(shape)
    loaded(str(folder / ARRAYS), lambda: hint.load_state_dict(load_file(folder / ARRAYS)))
    return hint
