"""The contract of `rtbci.interfaces.Embeds`: each window has an embedding, and its class follows from that alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from rtbci.testing.contract import ContractError, apart, require
from rtbci.types import Window

OWN = ("space_id", "logit_scale", "item_scale", "embed", "classify")


class EmbeddingCheck:
    """Checks a fitted ``decoder`` that embeds, or has anything of one.

    Parameters
    ----------
    name : how messages call the decoder.
    predict : asks ``predict`` about a window; ``windows`` are what it is asked about.
    tolerance : how far log-probabilities may differ; 0: not at all.
    """

    def __init__(
        self, decoder: Any, name: str, predict: Callable[[Window], Any], windows: Sequence[Window], tolerance: float
    ) -> None:
        self.decoder = decoder
        self.name = name
        self.predict = predict
        self.windows = windows
        self.tolerance = tolerance

    def check(self) -> None:
        """Raise ContractError for the first thing that is not as it should be; nothing of one that has none of it."""
        if not hasattr(self.decoder, "embed") and not hasattr(self.decoder, "space_id"):
            return
        missing = [name for name in OWN if not hasattr(self.decoder, name)]
        require(
            not missing,
            f"{self.name} embeds, but has no {', '.join(missing)}; a decoder that embeds has {', '.join(OWN)}",
        )
        space = self.decoder.space_id
        require(
            isinstance(space, str) and bool(space),
            f"{self.name}.space_id is {space!r} after training; the name of the space that it embeds in would be right",
        )
        for scale in ("logit_scale", "item_scale"):
            value = getattr(self.decoder, scale)
            require(
                isinstance(value, float) and math.isfinite(value) and value > 0,
                f"{self.name}.{scale} is {value!r} after training; a finite number above 0 would be right",
            )
        shape: tuple[int, ...] | None = None
        for window in self.windows:
            embedding = self._embedding(window)
            shape = shape or embedding.shape
            require(
                embedding.shape == shape,
                f"{self.name}.embed gave {shape} for one window and {embedding.shape} for another; one length is right",
            )
            self._same(window, embedding)

    def _embedding(self, window: Window) -> np.ndarray[Any, np.dtype[np.float32]]:
        said = self.decoder.embed(window)
        good = isinstance(said, np.ndarray) and said.ndim == 1 and said.dtype == np.float32
        came = f"{said.shape} {said.dtype}" if isinstance(said, np.ndarray) else f"a {type(said).__name__}"
        require(good, f"{self.name}.embed gave {came}; (n_dims,) float32 would be right")
        require(
            bool(np.isfinite(said).all() and said.any()),
            f"{self.name}.embed gave values that are not finite, or all 0; a direction would be right",
        )
        embedding: np.ndarray[Any, np.dtype[np.float32]] = said.copy()
        return embedding

    def _same(self, window: Window, embedding: np.ndarray[Any, np.dtype[np.float32]]) -> None:
        try:
            said = np.asarray(self.decoder.classify(embedding), np.float64)
        except Exception as error:
            raise ContractError(
                f"{self.name}.classify raised {type(error).__name__} on what its own embed() gave: {error}"
            ) from error
        wanted = np.asarray(self.predict(window), np.float64)
        near = said.shape == wanted.shape and bool(np.all(np.abs(said - wanted) <= self.tolerance))
        require(
            near,
            f"{self.name}.classify(embed(window)) is not what predict(window) says ({apart(said, wanted)}); "
            "predict(window) must be classify(embed(window)), bit for bit",
        )
