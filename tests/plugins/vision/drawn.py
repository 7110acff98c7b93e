"""Pictures that tests draw: from a seed, so that each test knows what it shows."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy.ndimage import gaussian_filter

Picture = NDArray[np.uint8]


def scene(seed: int) -> Picture:
    """Some shapes and lines on a shaded, rough ground: (height, width, 3), 120 to 320 pixels a side."""
    rng = np.random.default_rng(seed)
    height, width = rng.integers(120, 320, 2)
    x, y = np.meshgrid(np.linspace(0, 1, width), np.linspace(0, 1, height))
    slope = rng.uniform(-0.5, 0.5, 2)
    share = np.clip(0.5 + slope[0] * (x - 0.5) + slope[1] * (y - 0.5), 0, 1)[..., None]
    ground = share * rng.integers(0, 256, 3) + (1 - share) * rng.integers(0, 256, 3)
    rough = gaussian_filter(rng.standard_normal((height, width)), rng.uniform(0.7, 6))
    ground += rng.uniform(0, 30) * (rough / rough.std())[..., None]
    image = Image.fromarray(np.clip(ground, 0, 255).astype(np.uint8))
    draw = ImageDraw.Draw(image)
    for _ in range(rng.integers(2, 9)):
        corners = [tuple(at) for at in (rng.uniform(0, 1, (3, 2)) * (width, height)).tolist()]
        fill = tuple(rng.integers(0, 256, 3).tolist())
        shape = rng.integers(3)
        if shape == 0:
            (x0, y0), (x1, y1) = np.sort(np.array(corners[:2]), axis=0).tolist()
            draw.ellipse((x0, y0, x1, y1), fill=fill)
        elif shape == 1:
            draw.polygon(corners, fill=fill)
        else:
            draw.line(corners, fill=fill, width=int(rng.integers(2, 12)))
    return np.asarray(image)


def scenes(n: int, first: int = 0) -> list[Picture]:
    """``n`` scenes of successive seeds."""
    return [scene(seed) for seed in range(first, first + n)]


def grating(degrees: float, cycles: float, phase: float = 0.0, side: int = 200) -> Picture:
    """Grey waves (side, side, 3), ``cycles`` of them a side, that run along rows at 0 and down columns at 90 ``degrees``."""
    x, y = np.meshgrid(np.arange(side) / side, np.arange(side) / side)
    along = np.cos(np.deg2rad(degrees)) * x + np.sin(np.deg2rad(degrees)) * y
    grey = 128 + 60 * np.cos(2 * np.pi * cycles * along + phase)
    return np.repeat(np.round(grey).astype(np.uint8)[..., None], 3, axis=2)


def resized(picture: Picture, factor: float) -> Picture:
    """``picture`` of another size."""
    height, width = picture.shape[:2]
    size = (max(1, round(factor * width)), max(1, round(factor * height)))
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.LANCZOS))


def recompressed(picture: Picture, quality: int) -> Picture:
    """``picture`` as a JPEG of this ``quality`` keeps it."""
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file).convert("RGB"))


def trimmed(picture: Picture, share: float) -> Picture:
    """``picture`` without this ``share`` of its height and its width, half of that from each side."""
    height, width = picture.shape[:2]
    down, across = round(share * height / 2), round(share * width / 2)
    return picture[down : height - down, across : width - across]
