"""A space learnt from the pictures of a bank: standardised features, groups that weigh alike, principal components."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

import numpy as np
import scipy.linalg
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from rtbci.errors import BankError

Matrix = NDArray[np.float64]

SMALL = 0.01
"""Standard deviation that counts as little: features are divided by the root of their variance and this one's.

Of 196 pictures of faces, houses and objects 1 feature in 70 varied less (medians: colours 0.06, gradients 0.14, texture
0.4). What hardly varies, such as the chroma of greys, stays small, rather than have its rounding blown up to the size of
the rest.
"""
NULL = 1e-9
"""Smallest variance of a component relative to the largest: float32 features leave about 1e-14 in one that has none."""
AT_MEAN = 1e-6
"""Length, relative to a bank's root mean square of 1, below which a picture lies at the mean up to float32 rounding."""
_ROWS = 1024
"""Pictures whose products are summed at once: bounds the memory that learning takes."""


@dataclass(frozen=True, slots=True)
class Space:
    """What was learnt.

    Attributes
    ----------
    mean : (n_features,) float64.
    projection : (n_dims, n_features) float64, with standardisation, weights and whitening in it; the bank that it was
        learnt from has a root mean square length of 1 in it.
    """

    mean: Matrix
    projection: Matrix

    def place(self, described: NDArray[np.float32]) -> NDArray[np.float32]:
        """Embeddings (n_items, n_dims) float32 of length 1 of ``described`` (n_items, n_features).

        Row by row and without BLAS, so that a row's bits depend on nothing but the row. What lies at the mean has no
        direction: it gets the first axis.
        """
        placed = np.zeros((len(described), len(self.projection)), np.float32)
        for row, features in zip(placed, described, strict=True):
            scores = (self.projection * (features - self.mean)).sum(axis=1)
            length = np.sqrt((scores**2).sum())
            if length > AT_MEAN:
                row[:] = scores / length
            else:
                row[0] = 1.0
        return placed

    def fingerprint(self) -> str:
        """12 hex digits that name this space, of the SHA-256 of its shape and its numbers."""
        digest = sha256(repr(self.projection.shape).encode())
        for array in (self.mean, self.projection):
            digest.update(np.ascontiguousarray(array, "<f8").tobytes())
        return digest.hexdigest()[:12]


def learn(described: NDArray[np.float32], groups: Sequence[int], dims: int, whiten: float) -> Space:
    """Learn a space of at most ``dims`` dimensions from features ``described`` (n_items, n_features) float32.

    Parameters
    ----------
    groups : number of features of each group, in their order; groups weigh alike, however many features they have.
    whiten : 0 keeps the components' variances, 1 makes them equal: a component is divided by its standard deviation to
        this power (whitened in full by Jégou and Chum 2012, "Negative evidences and co-occurrences in image retrieval").

    Raises
    ------
    BankError
        For features that are not finite, fewer than 2 pictures, or pictures that do not differ.
    """
    n_items = len(described)
    if n_items < 2:
        raise BankError(f"a bank of {n_items} picture{'s' * (n_items != 1)}; a space is learnt from 2 or more")
    check_finite(described)
    if (described == described[0]).all():
        raise BankError(f"{n_items} pictures that do not differ; a space is learnt from pictures that do")
    features = described.astype(np.float64)
    mean = features.mean(axis=0)
    features -= mean
    scale = 1 / np.sqrt(np.einsum("if,if->f", features, features) / n_items + SMALL**2)
    scale /= np.sqrt(np.repeat(groups, groups))
    features *= scale
    with threadpool_limits(limits=1, user_api="blas"):  # sums of several threads are rounded in another order
        variances, axes = _components(features, dims)
    lengths = variances ** (-whiten / 2)
    lengths /= np.sqrt((variances * lengths**2).sum())
    return Space(mean, np.ascontiguousarray(lengths[:, None] * axes * scale))


def check_finite(described: NDArray[np.float32]) -> None:
    """Refuse features (n_items, n_features) that are no numbers. Raises BankError."""
    bad = np.flatnonzero(~np.isfinite(described).all(axis=1))
    if len(bad):
        raise BankError(f"features of picture {bad[0]} are NaN or infinite; those that describe returns would be right")


def _components(centred: Matrix, dims: int) -> tuple[Matrix, Matrix]:
    """Variances (k,), largest first, and axes (k, n_features) of the principal components, at most ``dims``.

    Of the two Gram matrices of ``centred`` (n_items, n_features) the smaller one is decomposed. An axis's largest entry
    is positive.
    """
    n_items, n_features = centred.shape
    few = n_items <= n_features
    if few:
        gram = centred @ centred.T
    else:
        gram = np.zeros((n_features, n_features))
        for first in range(0, n_items, _ROWS):
            gram += centred[first : first + _ROWS].T @ centred[first : first + _ROWS]
    n_rows = len(gram)
    values, vectors = scipy.linalg.eigh(gram / n_items, subset_by_index=(max(n_rows - dims, 0), n_rows - 1))
    values, vectors = values[::-1], vectors.T[::-1]
    kept = values > NULL * values[0]
    values, axes = values[kept], vectors[kept]
    if few:
        axes = axes @ centred / np.sqrt(n_items * values)[:, None]
    largest = np.take_along_axis(axes, np.abs(axes).argmax(axis=1)[:, None], axis=1)
    return values, axes * np.sign(largest)
