"""Simulated pictures, captions and sounds that banks may hold: of any size, plain and grey ones among them, read-only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from rtbci.bank.reading import SOUND_RATE

SIZES = ((64, 64), (1, 1), (2, 3), (37, 211), (300, 40), (224, 224), (240, 320), (5, 500), (129, 127))
"""Height and width of pictures, in pixels."""
SECONDS = (0.01, 0.3, 1.0, 2.7, 6.0)
CAPTIONS = (
    "a dog",
    "A dog runs on the beach, and a child in a red coat runs after it.",
    "x",
    "ein Schloß über dem Fluß, im Nebel",
    "猫が窓辺で眠っている",
    "🦊",
    "two\nlines",
    "a very long caption " * 60,
)


def simulated(kind: str) -> list[Any]:
    """Items of ``kind`` ("picture", "caption", "sound"), the same each time; arrays are read-only, as a bank's are."""
    random = np.random.default_rng(20261)
    if kind == "caption":
        return list(CAPTIONS)
    made: list[Any] = _sounds(random) if kind == "sound" else _pictures(random)
    for item in made:
        item.flags.writeable = False
    return made


def _pictures(random: np.random.Generator) -> list[Any]:
    """For each size a picture of waves in colour; then grey, plain, black and white ones, and one of noise."""
    made: list[Any] = []
    for height, width in SIZES:
        y, x = np.mgrid[:height, :width]
        turn = random.uniform(0, 2 * np.pi, 3)
        wave = np.sin((x * np.cos(turn[0]) + y * np.sin(turn[0]))[..., None] / random.uniform(2, 20) + turn)
        made.append(np.uint8(127.5 + 127.5 * wave * random.uniform(0.3, 1.0, 3)))
    grey = made[6].mean(axis=2, keepdims=True).astype(np.uint8)
    made.append(np.repeat(grey, 3, axis=2))  # grey pictures come as RGB whose values are equal
    made.append(np.full((50, 80, 3), (200, 30, 90), np.uint8))
    made += [np.full((40, 40, 3), value, np.uint8) for value in (0, 255)]
    made.append(random.integers(0, 256, (100, 90, 3), dtype=np.uint8))
    return [np.ascontiguousarray(picture) for picture in made]


def _sounds(random: np.random.Generator) -> list[Any]:
    made: list[Any] = []
    for k, seconds in enumerate(SECONDS):
        t = np.arange(max(1, round(seconds * SOUND_RATE))) / SOUND_RATE
        tone = 0.5 * np.sin(2 * np.pi * 200.0 * (k + 1) * t) + 0.05 * random.standard_normal(len(t))
        made.append(np.clip(tone, -1.0, 1.0).astype(np.float32))
    return made


def changed(before: Sequence[Any], after: Sequence[Any]) -> bool:
    """Whether any array of ``after`` differs from that of ``before``."""
    return any(isinstance(a, np.ndarray) and not np.array_equal(a, b) for a, b in zip(before, after, strict=True))
