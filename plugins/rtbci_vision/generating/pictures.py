"""The pictures of a bank, from its thumbnails, as a generator sees them; and which of them judge it."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rtbci.bank import Bank
from rtbci.errors import BankError

GREY = 128


@dataclass(frozen=True, slots=True)
class Pairs:
    """Embeddings (n, n_dims) float32 of length 1 and their pictures (n, size, size, 3) uint8 RGB."""

    embeddings: NDArray[np.float32]
    pictures: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.embeddings)

    def of(self, numbers: NDArray[np.int64]) -> Pairs:
        """Those with these numbers."""
        return Pairs(self.embeddings[numbers], self.pictures[numbers])


def thumbnail(bank: Bank, number: int) -> NDArray[np.uint8]:
    """The thumbnail (height, width, 3) uint8 of item ``number``. Raises BankError where it is none."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(bank.thumbnail(number))) as image:
            return np.asarray(image.convert("RGB"))
    except (OSError, SyntaxError) as error:
        raise BankError(
            f'{bank.path}: the thumbnail of "{bank.items[number].id}" is no picture; a bank of pictures that '
            "`rtbci bank build` wrote would be right"
        ) from error


def squared(picture: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """``picture`` as (size, size, 3), whole, with grey where it is not square."""
    from PIL import Image

    height, width = picture.shape[:2]
    longer = max(height, width)
    whole = np.full((longer, longer, 3), GREY, np.uint8)
    top, left = (longer - height) // 2, (longer - width) // 2
    whole[top : top + height, left : left + width] = picture
    return np.asarray(Image.fromarray(whole).resize((size, size), Image.Resampling.LANCZOS))


def split(n: int, share: float, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Numbers of the items that are learnt from and, by chance, of those that judge: ``share`` of them."""
    order = np.random.default_rng([seed, 31]).permutation(n)
    held = round(share * n)
    return np.sort(order[held:]), np.sort(order[:held])


def unit(embeddings: NDArray[np.floating]) -> NDArray[np.float32]:
    """``embeddings`` (..., n_dims) with length 1."""
    rows = np.asarray(embeddings, np.float64)
    scaled: NDArray[np.float32] = (rows / np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), 1e-12)).astype(
        np.float32
    )
    return scaled
