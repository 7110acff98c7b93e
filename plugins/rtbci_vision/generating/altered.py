"""More pairs than a bank has: its pictures mirrored, moved, scaled and in other colours, embedded by its own embedder.

Of 200 pictures alone a generator learns these 200; what it draws of an embedding between them comes from such copies.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from rtbci import plugins
from rtbci.bank import Bank
from rtbci.bank.bank import LEARNT
from rtbci.bank.writing import learnt
from rtbci.errors import BankError, RtbciError
from rtbci.interfaces import Embedder, LearnsSpace
from rtbci_vision.generating.pictures import Pairs, squared, unit

AT_ONCE = 16
"""Pictures that are embedded in one call."""
ZOOM, MOVE, LIGHT = 0.2, 0.12, 0.15
"""Scale and position (shares of the side) and brightness change by at most so much."""


def embedder_of(bank: Bank) -> Embedder:
    """The embedder that built ``bank``, in its space. Raises BankError or ConfigError where it cannot be had again."""
    named = bank.manifest["embedder"]
    made: Embedder = plugins.make("embedders", named["use"], named["args"], None, f"{bank.path}: embedder")
    if isinstance(made, LearnsSpace):
        made.restore(learnt(bank.path / LEARNT))
    if made.space_id != bank.space_id:
        raise BankError(f"{named['use']} gives the space {made.space_id} today; that of {bank.path}, {bank.space_id}")
    return made


def copies(
    embedder: Embedder,
    pictures: Sequence[NDArray[np.uint8]],
    count: int,
    size: int,
    seed: int,
    told: Callable[[int], None] = lambda done: None,
) -> Pairs:
    """``count`` altered copies of ``pictures`` (height, width, 3), each with its embedding, pictures in turn.

    The same seed gives the same copies. ``told`` hears how many there are.

    Raises
    ------
    BankError
        Where the embedder cannot embed one.
    """
    random = np.random.default_rng([seed, 32])
    embeddings: list[NDArray[np.float32]] = []
    small = np.empty((count, size, size, 3), np.uint8)
    for first in range(0, count, AT_ONCE):
        numbers = range(first, min(first + AT_ONCE, count))
        made = [alter(pictures[k % len(pictures)], random) for k in numbers]
        embeddings.append(unit(embedder.embed(made)))
        small[numbers.start : numbers.stop] = [squared(picture, size) for picture in made]
        told(numbers.stop)
    return Pairs(np.concatenate(embeddings), small)


def alter(picture: NDArray[np.uint8], random: np.random.Generator) -> NDArray[np.uint8]:
    """``picture`` (height, width, 3), mirrored or not, moved and scaled, its colours turned or not, lighter or darker."""
    from PIL import Image

    image = Image.fromarray(picture[:, ::-1] if random.random() < 0.5 else picture)
    width, height = image.size
    scale = 1.0 + random.uniform(-ZOOM, ZOOM)
    right, down = random.uniform(-MOVE, MOVE, 2) * (width, height)
    left, top = (width - width * scale) / 2 + right, (height - height * scale) / 2 + down
    edge = _edge(picture)
    moved = image.transform(
        image.size,
        Image.Transform.AFFINE,
        (scale, 0, left, 0, scale, top),
        Image.Resampling.BILINEAR,
        fillcolor=edge,
    )
    values = np.asarray(moved, np.float64)
    if random.random() < 0.5:
        values = values @ turned(float(random.uniform(0, 2 * np.pi))).T
    values = (values - 128.0) * random.uniform(1 - LIGHT, 1 + LIGHT) + 128.0 + 255.0 * random.uniform(-LIGHT, LIGHT) / 2
    result: NDArray[np.uint8] = np.clip(np.round(values), 0, 255).astype(np.uint8)
    return result


def turned(angle: float) -> NDArray[np.float64]:
    """A rotation (3, 3) of RGB about grey by ``angle`` in rad: other hues, the same lightness."""
    c, s = np.cos(angle), np.sin(angle) / np.sqrt(3.0)
    along = np.full((3, 3), (1 - c) / 3)
    across = np.array([[0.0, -s, s], [s, 0.0, -s], [-s, s, 0.0]])
    matrix: NDArray[np.float64] = c * np.eye(3) + along + across
    return matrix


def _edge(picture: NDArray[np.uint8]) -> tuple[int, int, int]:
    """Median colour of the rim, which stands beyond it where a picture was moved."""
    rim = np.concatenate([picture[0], picture[-1], picture[:, 0], picture[:, -1]])
    red, green, blue = (int(value) for value in np.median(rim, axis=0))
    return red, green, blue


def embedder_or_why(bank: Bank) -> tuple[Embedder | None, str]:
    """The bank's embedder, or None and the reason why there are no altered copies."""
    try:
        return embedder_of(bank), ""
    except RtbciError as error:
        return None, str(error)
