"""Embeddings between frames: a picture that changes by and by can be followed, one that jumps cannot."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rtbci.errors import BankError


class Glide:
    """Moves from the embedding that was drawn last towards the new one, along the great circle between them.

    Parameters
    ----------
    share : how much of the way is left out each time, 0 (none) to below 1.
    """

    def __init__(self, share: float) -> None:
        if not 0.0 <= share < 1.0:
            raise BankError(f"glide = {share:g}; 0 (each picture alone) to below 1, such as 0.25, would be right")
        self.share = share
        self._last: NDArray[np.float64] | None = None

    def to(self, embedding: NDArray[np.float32]) -> NDArray[np.float32]:
        """What is to be drawn (n_dims,) float32, of length 1, on the way to ``embedding`` (n_dims,)."""
        new = np.asarray(embedding, np.float64)
        new = new / max(float(np.linalg.norm(new)), 1e-12)
        if self.share > 0.0 and self._last is not None:
            new = slerp(self._last, new, 1.0 - self.share)
        self._last = new
        return new.astype(np.float32)


def slerp(a: NDArray[np.float64], b: NDArray[np.float64], share: float) -> NDArray[np.float64]:
    """The unit vector (n_dims,) that has gone ``share`` of the way from ``a`` to ``b``, unit vectors (Shoemake 1985)."""
    cosine = float(np.clip(a @ b, -1.0, 1.0))
    angle = float(np.arccos(cosine))
    if angle < 1e-6 or np.pi - angle < 1e-6:  # no way to go, or no one way
        return b
    mixed: NDArray[np.float64] = (np.sin((1 - share) * angle) * a + np.sin(share * angle) * b) / np.sin(angle)
    return mixed
