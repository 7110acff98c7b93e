"""Embedders for tests: small, without files, one of each kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from rtbci.errors import BankError


class MeanColour:
    """Where a picture lies between red, green and blue."""

    kind, space_id = "picture", "test:colour"

    def embed(self, items: Sequence[Any]) -> np.ndarray:
        return np.array([picture.reshape(-1, 3).mean(axis=0) + 1.0 for picture in items], np.float32)


class Letters:
    """How often a caption has each letter."""

    kind, space_id = "caption", "test:letters"

    def embed(self, items: Sequence[Any]) -> np.ndarray:
        letters = "abcdefghijklmnopqrstuvwxyz "
        return np.array([[text.lower().count(letter) for letter in letters] for text in items], np.float32)


class Spectrum:
    """Power of a sound in four bands."""

    kind, space_id = "sound", "test:bands"

    def embed(self, items: Sequence[Any]) -> np.ndarray:
        spectra = [np.abs(np.fft.rfft(sound, 1600)) for sound in items]
        return np.array([[part.sum() for part in np.array_split(s, 4)] for s in spectra], np.float32)


class Centred:
    """Colours around the mean of the bank: a space that is learnt."""

    kind = "picture"

    def __init__(self, strength: float = 1.0) -> None:
        self.strength = strength
        self.mean = np.zeros(3, np.float32)
        self.space_id = ""

    def describe(self, items: Sequence[Any]) -> np.ndarray:
        return MeanColour().embed(items)

    def learn(self, described: np.ndarray) -> None:
        self.restore({"mean": described.mean(axis=0)})

    def place(self, described: np.ndarray) -> np.ndarray:
        return np.concatenate([self.strength * (described - self.mean), np.ones((len(described), 1), np.float32)], 1)

    def embed(self, items: Sequence[Any]) -> np.ndarray:
        return self.place(self.describe(items))

    def arrays(self) -> Mapping[str, np.ndarray]:
        return {"mean": self.mean}

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        if set(arrays) != {"mean"}:
            raise BankError("arrays of another embedder")
        self.mean = np.asarray(arrays["mean"], np.float32)
        self.space_id = f"test:centred {self.mean.sum():.3f}"


class Wrong:
    """Answers with one row too few, with no numbers, or with nothing."""

    kind, space_id = "picture", "test:wrong"

    def __init__(self, how: str) -> None:
        self.how = how

    def embed(self, items: Sequence[Any]) -> np.ndarray:
        said = MeanColour().embed(items)
        return {"few": said[:-1], "numberless": said * np.nan, "zero": said * 0.0}[self.how]
