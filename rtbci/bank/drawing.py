"""Pictures drawn by this module, to try banks and decoders with where there are none: objects of ten shapes.

They differ in shape (their class), colour, texture, number and position; every one has a caption that says all of it. The
same seed draws the same pictures.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL import Image

SIDE = 256
"""Pixels of a picture."""
SMOOTH = 3
"""A shape is drawn so many times larger and reduced, for smooth edges."""
COLOURS: Mapping[str, tuple[int, int, int]] = {
    "red": (204, 51, 51),
    "orange": (235, 140, 40),
    "yellow": (235, 205, 60),
    "green": (60, 150, 80),
    "turquoise": (60, 170, 175),
    "blue": (60, 95, 190),
    "violet": (130, 80, 170),
    "brown": (130, 90, 60),
}
GROUNDS: Mapping[str, tuple[int, int, int]] = {
    "white": (240, 240, 238),
    "grey": (150, 152, 155),
    "black": (35, 36, 40),
    "sand": (222, 205, 170),
}
TEXTURES = ("plain", "striped", "dotted", "checked")
NUMBERS = ("one", "two", "three", "four")
PLACES: Mapping[str, tuple[float, float]] = {
    "in the middle": (0.5, 0.5),
    "top left": (0.38, 0.38),
    "top right": (0.62, 0.38),
    "bottom left": (0.38, 0.62),
    "bottom right": (0.62, 0.62),
}
Point = tuple[float, float]


def _polygon(n: int, turn: float = 0.0, inner: float = 1.0) -> list[Point]:
    """Corners of a regular polygon or, with ``inner`` < 1, of a star with ``n`` points; within -1 to 1, y downwards."""
    steps = n if inner == 1.0 else 2 * n
    return [
        (r * math.sin(a), -r * math.cos(a))
        for k in range(steps)
        for a, r in [(turn + 2 * math.pi * k / steps, 1.0 if inner == 1.0 or k % 2 == 0 else inner)]
    ]


def _curve(x: Callable[[float], float], y: Callable[[float], float]) -> list[Point]:
    return [(x(t), y(t)) for t in np.linspace(0, 2 * math.pi, 120).tolist()]


_CROSS = [(-0.3, -0.9), (0.3, -0.9), (0.3, -0.3), (0.9, -0.3), (0.9, 0.3), (0.3, 0.3), (0.3, 0.9), (-0.3, 0.9),
          (-0.3, 0.3), (-0.9, 0.3), (-0.9, -0.3), (-0.3, -0.3)]  # fmt: skip
_ARROW = [(-0.9, -0.3), (0.1, -0.3), (0.1, -0.8), (0.95, 0.0), (0.1, 0.8), (0.1, 0.3), (-0.9, 0.3)]
SHAPES: Mapping[str, Sequence[Point]] = {
    "disc": _curve(lambda t: 0.9 * math.sin(t), lambda t: -0.9 * math.cos(t)),
    "square": [(-0.78, -0.78), (0.78, -0.78), (0.78, 0.78), (-0.78, 0.78)],
    "triangle": _polygon(3),
    "star": _polygon(5, inner=0.42),
    "cross": _CROSS,
    "arrow": _ARROW,
    "hexagon": _polygon(6, math.pi / 6),
    "heart": _curve(
        lambda t: 0.9 * math.sin(t) ** 3,
        lambda t: -(13 * math.cos(t) - 5 * math.cos(2 * t) - 2 * math.cos(3 * t) - math.cos(4 * t)) / 17.0,
    ),
    "flower": _curve(
        lambda t: (0.62 + 0.32 * math.cos(6 * t)) * math.sin(t),
        lambda t: -(0.62 + 0.32 * math.cos(6 * t)) * math.cos(t),
    ),
    "leaf": _curve(lambda t: 0.95 * math.cos(t), lambda t: 0.5 * math.sin(t) * abs(math.sin(t)) ** 0.6),
}


@dataclass(frozen=True, slots=True)
class Drawn:
    """One picture in words: its class is ``shape``."""

    shape: str
    colour: str
    texture: str
    number: int
    place: str
    ground: str

    @property
    def caption(self) -> str:
        """Such as "three red striped stars top left on grey"."""
        many = {"cross": "crosses", "leaf": "leaves"}.get(self.shape, f"{self.shape}s")
        what = self.shape if self.number == 1 else many
        texture = "" if self.texture == "plain" else f"{self.texture} "
        return f"{NUMBERS[self.number - 1]} {self.colour} {texture}{what} {self.place} on {self.ground}"


def descriptions(n: int, seed: int = 0) -> list[Drawn]:
    """``n`` different pictures, shapes in turn, the rest drawn by chance. Raises ValueError for more than there are."""
    random = np.random.default_rng([seed, 21])
    shapes, found = list(SHAPES), dict[Drawn, None]()
    most = len(shapes) * len(COLOURS) * len(TEXTURES) * len(NUMBERS) * len(PLACES) * len(GROUNDS)
    if n > most // 2:
        raise ValueError(f"{n} pictures; at most {most // 2} would be right")
    while len(found) < n:
        shape = shapes[len(found) % len(shapes)]
        colour, texture, place, ground = (
            options[int(random.integers(len(options)))]
            for options in (tuple(COLOURS), TEXTURES, tuple(PLACES), tuple(GROUNDS))
        )
        found.setdefault(Drawn(shape, colour, texture, 1 + int(random.integers(4)), place, ground))
    return list(found)


def draw(what: Drawn, seed: int = 0) -> Image.Image:
    """The picture (SIDE, SIDE) RGB that ``what`` describes; ``seed`` turns and sizes its objects a little."""
    from PIL import Image, ImageDraw

    random = np.random.default_rng([seed, 22])
    ground = np.array(GROUNDS[what.ground], np.float64) + random.normal(0.0, 2.0, (SIDE, SIDE, 1))
    shade = np.linspace(6.0, -6.0, SIDE)[:, None, None]
    pixels = ground + shade
    large = SIDE * SMOOTH
    for x, y, size in _objects(what, random):
        turn = float(random.normal(0.0, 0.12))
        cos, sin = math.cos(turn), math.sin(turn)
        corners = [
            ((x + size * (cos * px - sin * py)) * large, (y + size * (sin * px + cos * py)) * large)
            for px, py in SHAPES[what.shape]
        ]
        mask = Image.new("L", (large, large), 0)
        ImageDraw.Draw(mask).polygon(corners, fill=255)
        cover = np.asarray(mask.reduce(SMOOTH), np.float64)[:, :, None] / 255.0
        pixels = pixels * (1 - cover) + cover * (_texture(what) + shade)
    return Image.fromarray(np.clip(np.round(pixels), 0, 255).astype(np.uint8))


def _objects(what: Drawn, random: np.random.Generator) -> list[tuple[float, float, float]]:
    """Middle and size of each object, in units of the picture's side."""
    x, y = PLACES[what.place]
    if what.number == 1:
        return [(x, y, 0.3 * float(random.uniform(0.85, 1.1)))]
    apart, size = 0.17, (0.0, 0.0, 0.135, 0.115, 0.095)[what.number]  # so that none touches another
    begin = float(random.uniform(0, 2 * math.pi))
    around = [begin + 2 * math.pi * k / what.number for k in range(what.number)]
    return [(x + apart * math.cos(a), y + apart * math.sin(a), size * float(random.uniform(0.9, 1.1))) for a in around]


def _texture(what: Drawn) -> NDArray[np.float64]:
    """Colour (SIDE, SIDE, 3) of an object at every pixel."""
    colour = np.array(COLOURS[what.colour], np.float64)
    lighter = colour + 0.55 * (255.0 - colour)
    rows, columns = np.mgrid[0:SIDE, 0:SIDE] / SIDE
    if what.texture == "striped":
        second = np.sin(2 * math.pi * 16 * (rows + columns)) > 0
    elif what.texture == "dotted":
        second = np.sin(2 * math.pi * 14 * rows) * np.sin(2 * math.pi * 14 * columns) > 0.35
    elif what.texture == "checked":
        second = (np.floor(24 * rows) + np.floor(24 * columns)) % 2 > 0
    else:
        second = np.zeros((SIDE, SIDE), np.bool_)
    return np.where(second[:, :, None], lighter, colour)


def write(folder: Path, n: int, seed: int = 0, progress: Callable[[int], None] = lambda done: None) -> Path:
    """Draw ``n`` pictures into sub-folders of ``folder`` by shape; the CSV file that says what they show."""
    folder.mkdir(parents=True, exist_ok=True)
    counts = dict.fromkeys(SHAPES, 0)
    rows = []
    for k, what in enumerate(descriptions(n, seed)):
        counts[what.shape] += 1
        name = f"{what.shape}/{what.shape}{counts[what.shape]:03d}.png"
        (folder / what.shape).mkdir(exist_ok=True)
        draw(what, seed * 1_000_003 + k).save(folder / name)
        rows.append((name, what.shape, name.removesuffix(".png"), what.caption))
        progress(k + 1)
    table = folder / "items.csv"
    with table.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("file", "class", "id", "caption"))
        writer.writerows(rows)
    return table
