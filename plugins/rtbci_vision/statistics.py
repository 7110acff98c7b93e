"""Embeddings of pictures from their colours, edges and textures, in a space that is learnt from the bank."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtbci.errors import BankError
from rtbci_vision import colour, gradients, texture
from rtbci_vision.lab import cielab
from rtbci_vision.space import Space, check_finite, learn
from rtbci_vision.square import SIDE, checked, square

GROUPS = (colour.N_FEATURES, gradients.n_features(SIDE), texture.N_FEATURES)
"""Number of colour, gradient and texture features."""
N_FEATURES = sum(GROUPS)
VERSION = 1
"""Of what the features mean: a space learnt from others is not restored."""


@dataclass
class PictureStatistics:
    """Embeds pictures by statistics of their pixels; its space is learnt from the bank.

    ::

        made --learn(described)--> has a space --place--> embeddings
             --restore(arrays)-->

    Both transitions may be taken again; the space is then another one.

    Attributes
    ----------
    dims : most dimensions that `learn` gives a space. There are fewer where the pictures span fewer, at most one less
        than there are pictures; ``space_id`` says how many.
    whiten : how far `learn` makes the components alike, 0 (not at all) to 1 (all of one variance). Of 196 pictures cut
        smaller 0.25 found a little more than 0; 1 grouped them worse: of 92 objects 64 had their nearest neighbour on
        the same side of animate and inanimate, rather than 78.
    kind : "picture".
    space_id : "statistics:<dimensions>/<12 hex digits>" of what was learnt, "" before.

    Raises
    ------
    BankError
        For arguments that cannot be.
    """

    dims: int = 64
    whiten: float = 0.25
    kind: str = field(default="picture", init=False)
    space_id: str = field(default="", init=False)
    _space: Space | None = field(default=None, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not isinstance(self.dims, int) or isinstance(self.dims, bool) or self.dims < 1:
            raise BankError(f"dims = {self.dims!r}: it must be a whole number, 1 or more")
        number = isinstance(self.whiten, (int, float)) and not isinstance(self.whiten, bool)
        if not number or not math.isfinite(self.whiten) or not 0 <= self.whiten <= 1:
            raise BankError(f"whiten = {self.whiten!r}: it must be a number from 0 to 1")

    def describe(self, items: Sequence[Any]) -> NDArray[np.float32]:
        """Features (n_items, N_FEATURES) float32 of pictures ``items``, each (height, width, 3) uint8 RGB.

        Of the middle of a picture (`rtbci_vision.square`): `rtbci_vision.colour`, `rtbci_vision.gradients` and
        `rtbci_vision.texture`. Raises BankError for anything else than pictures.
        """
        described = np.zeros((len(items), N_FEATURES), np.float32)
        for index, (row, item) in enumerate(zip(described, items, strict=True)):
            lab = cielab(square(checked(item, index)))
            row[:] = np.concatenate([colour.colour(lab), gradients.gradients(lab[0]), texture.texture(lab[0])])
        return described

    def learn(self, described: NDArray[np.float32]) -> None:
        """Learn the space from the features (n_items, N_FEATURES) of a whole bank; see `rtbci_vision.space.learn`.

        Raises BankError for fewer than 2 pictures, pictures that do not differ, or features that are not finite.
        """
        self._become(learn(_checked(described), GROUPS, self.dims, self.whiten))

    def place(self, described: NDArray[np.float32]) -> NDArray[np.float32]:
        """Embeddings (n_items, n_dims) float32 of length 1 of pictures with these features (n_items, N_FEATURES).

        A picture at the mean of the bank has no direction and gets (1, 0, ..., 0). Raises BankError.
        """
        space = self._learnt()
        described = _checked(described)
        check_finite(described)
        return space.place(described)

    def embed(self, items: Sequence[Any]) -> NDArray[np.float32]:
        """Embeddings (n_items, n_dims) float32 of pictures ``items``: ``place(describe(items))``. Raises BankError."""
        self._learnt()
        return self.place(self.describe(items))

    def arrays(self) -> Mapping[str, NDArray[Any]]:
        """What was learnt: "mean" (N_FEATURES,) and "projection" (n_dims, N_FEATURES) float64, and the "version" () int64.

        Raises BankError before there is a space.
        """
        space = self._learnt()
        return {"mean": space.mean, "projection": space.projection, "version": np.array(VERSION, np.int64)}

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Become what wrote ``arrays``, whatever ``dims`` and ``whiten``, which say how to learn. Raises BankError."""
        if sorted(arrays) != ["mean", "projection", "version"]:
            raise BankError(
                f"arrays {', '.join(sorted(arrays)) or 'of no name'}; mean, projection, version would be right"
            )
        mean, projection, version = (np.asarray(arrays[name]) for name in ("mean", "projection", "version"))
        if version.size != 1 or version.dtype.kind not in "iu" or version.item() != VERSION:
            raise BankError(f"features of version {version.tolist()}; this rtbci has {VERSION}: build the bank again")
        if (
            mean.shape != (N_FEATURES,)
            or projection.ndim != 2
            or projection.shape[1:] != mean.shape
            or not len(projection)
        ):
            raise BankError(
                f"a mean of shape {mean.shape} and a projection of shape {projection.shape}; "
                f"({N_FEATURES},) and (n_dims, {N_FEATURES}) would be right"
            )
        for name, array in (("mean", mean), ("projection", projection)):
            if array.dtype != np.float64 or not np.isfinite(array).all():
                what = "NaN or infinite numbers" if array.dtype == np.float64 else str(array.dtype)
                raise BankError(f"a {name} of {what}; finite float64 would be right")
        self._become(Space(np.array(mean, order="C"), np.array(projection, order="C")))

    def _become(self, space: Space) -> None:
        self._space = space
        self.space_id = f"statistics:{len(space.projection)}/{space.fingerprint()}"

    def _learnt(self) -> Space:
        if self._space is None:
            raise BankError(
                "an embedder that has no space yet; learn from a bank's features, or restore, would be right"
            )
        return self._space


def _checked(described: NDArray[np.float32]) -> NDArray[np.float32]:
    """``described`` if it is features. Raises BankError."""
    features = np.asarray(described)
    if features.ndim != 2 or features.shape[1] != N_FEATURES or features.dtype.kind != "f":
        raise BankError(
            f"features {features.dtype} of shape {features.shape}; (n_pictures, {N_FEATURES}) float32 would be right"
        )
    return features.astype(np.float32, copy=False)
