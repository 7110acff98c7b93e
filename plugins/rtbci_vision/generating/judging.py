"""What a generator's pictures are worth: of items that it never saw, against what costs nothing.

Against the mean picture, which knows nothing of the embedding, and against the picture of the nearest item that it learnt
from, which is what a bank can show without a generator.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtbci_vision.generating.pictures import Pairs, unit

Draw = Callable[[NDArray[np.float32]], NDArray[np.uint8]]
"""Pictures (n, size, size, 3) of embeddings (n, n_dims)."""
NOISY_COSINE = 0.7
"""Cosine of a noisy embedding with the true one: better than most brains give, worse than the bank's own."""


def judged(draw: Draw, learnt: Pairs, held_out: Pairs, seed: int) -> dict[str, Any]:
    """How like the true pictures of ``held_out`` items the drawn ones are: mean pixel correlations.

    Returns
    -------
    ``items``, and of true and of noisy embeddings (``exact``, ``noisy``) the correlations ``generator``, ``nearest`` and
    ``mean``, with ``better_than_nearest``: the share of items where the generator is nearer. Empty without items.
    """
    if not len(held_out):
        return {"items": 0}
    noise = np.random.default_rng([seed, 34]).standard_normal(held_out.embeddings.shape)
    embeddings = held_out.embeddings.astype(np.float64)
    noise -= (noise * embeddings).sum(axis=1, keepdims=True) * embeddings
    noisy = unit(NOISY_COSINE * embeddings + np.sqrt(1 - NOISY_COSINE**2) * unit(noise))
    return {
        "items": len(held_out),
        "noisy_cosine": NOISY_COSINE,
        "exact": _against(draw, learnt, held_out, held_out.embeddings),
        "noisy": _against(draw, learnt, held_out, noisy),
    }


def _against(draw: Draw, learnt: Pairs, held_out: Pairs, embeddings: NDArray[np.float32]) -> Mapping[str, float]:
    nearest = learnt.pictures[np.argmax(embeddings @ learnt.embeddings.T, axis=1)]
    mean = np.broadcast_to(learnt.pictures.mean(axis=0), held_out.pictures.shape)
    drawn = pixel_correlation(draw(embeddings), held_out.pictures)
    found = pixel_correlation(nearest, held_out.pictures)
    return {
        "generator": float(drawn.mean()),
        "nearest": float(found.mean()),
        "mean": float(pixel_correlation(mean, held_out.pictures).mean()),
        "better_than_nearest": float((drawn > found).mean()),
    }


def pixel_correlation(a: NDArray[Any], b: NDArray[Any]) -> NDArray[np.float64]:
    """Pearson's correlation (n,) of all values of the pictures of ``a`` and ``b`` (n, height, width, 3); 0 for flat ones."""
    x, y = (np.asarray(pictures, np.float64).reshape(len(pictures), -1) for pictures in (a, b))
    x, y = x - x.mean(axis=1, keepdims=True), y - y.mean(axis=1, keepdims=True)
    both = np.linalg.norm(x, axis=1) * np.linalg.norm(y, axis=1)
    correlations: NDArray[np.float64] = np.where(both > 1e-9, (x * y).sum(axis=1) / np.maximum(both, 1e-9), 0.0)
    return correlations
