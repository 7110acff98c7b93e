"""Pictures that tests draw, and banks of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

COLOURS = {"reds": (200, 40, 40), "greens": (40, 180, 60), "blues": (30, 60, 210)}


def draw(path: Path, colour: tuple[int, int, int], seed: int, size: tuple[int, int] = (40, 30)) -> Path:
    """A picture of about that colour; its format is that of the path's suffix."""
    noise = np.random.default_rng(seed).integers(-20, 21, (size[1], size[0], 3))
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.clip(np.array(colour) + noise, 0, 255).astype(np.uint8)).save(path)
    return path


def three_classes(folder: Path) -> Path:
    """Reds, greens and blues, four pictures each, in three formats."""
    for name, colour in COLOURS.items():
        for k in range(4):
            draw(folder / name / f"{name[:-1]}{k}{('.png', '.jpg', '.webp', '.png')[k]}", colour, k, (40 + 7 * k, 30))
    return folder


def build(parent: Path, folder: Path, *more: object, out: str = "made.bank", use: str = "MeanColour") -> Path:
    """Build a bank in ``parent`` with the command; its folder."""
    from tests.cli.terminal import rtbci

    path = parent / out
    chosen = () if "--like" in more else ("--embedder", f"tests.bank.embedders:{use}")
    said = rtbci("bank", "build", folder, "--out", path, *chosen, *more, "--json")
    assert said.code == 0, said.out + said.err
    return path
