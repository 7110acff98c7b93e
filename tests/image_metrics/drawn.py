"""Pictures that tests draw, and folders of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image


def waves(k: int, height: int, width: int) -> np.ndarray:
    """(height, width, 3) uint8: waves whose number and direction differ with ``k`` and with the colour."""
    y, x = np.mgrid[:height, :width] / 60.0
    layers = [np.round(127.5 + 127.5 * np.sin(k * x + c * y + c)) for c in range(3)]
    return np.stack(layers, axis=2).astype(np.uint8)


def noisy(picture: np.ndarray, seed: int) -> np.ndarray:
    """The picture with up to 60 of 255 added or taken away."""
    noise = np.random.default_rng(seed).integers(-60, 61, picture.shape)
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


def patches(seed: int, size: tuple[int, int] = (48, 60)) -> np.ndarray:
    """A picture of random colours in 6 x 6 patches: unlike every other."""
    small = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(small).resize(size[::-1], Image.Resampling.NEAREST))


def save(path: Path, picture: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture).save(path)
    return path
