"""Renderers for tests: small, without files, one for each way to go right or wrong."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from rtbci.bank import Bank


class Flat:
    """One colour, from the first numbers of the embedding; in ``steps`` of ``seconds`` in all. ``diary``: a file."""

    def __init__(self, seconds: float = 0.0, steps: int = 4, size: int = 24, diary: str = "") -> None:
        self.space_id, self.diary = "", diary
        self.seconds_of_a_picture, self.steps, self.size = seconds, steps, size

    def prepare(self, bank: Path) -> None:
        self.space_id = Bank.open(bank).space_id

    def render(self, embedding: np.ndarray, go_on: Callable[[], bool]) -> np.ndarray | None:
        self.note("begun")
        for _ in range(self.steps):
            if not go_on():
                self.note("given up")
                return None
            time.sleep(self.seconds_of_a_picture / self.steps)
        colour = np.clip(np.round(100.0 * (embedding[:3] + 1.0)), 0, 255).astype(np.uint8)
        return np.broadcast_to(colour, (self.size, self.size, 3)).copy()

    def note(self, what: str) -> None:
        if self.diary:
            with Path(self.diary).open("a") as file:
                file.write(f"{what}\n")


class Large(Flat):
    """A picture of 3 MB, so that a write that is torn would be seen."""

    def __init__(self) -> None:
        super().__init__(steps=1, size=1000)


class Falls(Flat):
    """Raises at the third picture; the warm-up is the first."""

    def __init__(self) -> None:
        super().__init__()
        self.drawn = 0

    def render(self, embedding: np.ndarray, go_on: Callable[[], bool]) -> np.ndarray | None:
        self.drawn += 1
        if self.drawn == 3:
            raise RuntimeError("the paint is empty")
        return super().render(embedding, go_on)


class OtherSpace(Flat):
    """Draws from another space than the bank's."""

    def prepare(self, bank: Path) -> None:
        self.space_id = "test:another"


class Sees(Flat):
    """Draws the mean of what it saw of the signal's first channel; says so in words."""

    seconds = 0.5

    def begin(self, info) -> None:
        self.rate = info.rate

    def see(self, window) -> None:
        self.seen = window.samples.copy()
        self.at = window.sample

    def render(self, embedding: np.ndarray, go_on: Callable[[], bool]) -> np.ndarray | None:
        if not go_on():
            return None
        return np.full((8, 8, 3), int(self.seen[0].mean()), np.uint8)

    def caption(self, picture: np.ndarray) -> str:
        return f"{self.seen.shape} until {self.at}, process {os.getpid()}"


class Wrong(Flat):
    """Breaks the contract in one way."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self.how, self.drawn = how, 0

    def prepare(self, bank: Path) -> None:
        super().prepare(bank)
        if self.how == "bank":
            (bank / "items.csv").write_text("gone")

    def render(self, embedding: np.ndarray, go_on: Callable[[], bool]) -> np.ndarray | None:
        self.drawn += 1
        if self.how == "none":
            return None
        if self.how == "deaf":
            return super().render(embedding, lambda: True)
        if self.how == "stubborn":
            for _ in range(9):
                go_on()
            return super().render(embedding, lambda: True)
        if self.how == "scales":
            embedding *= 2.0
        picture = super().render(embedding, go_on)
        if picture is None:
            return None
        made = {"float": picture / 255.0, "grey": picture[..., 0], "new noise": picture + np.uint8(self.drawn)}
        return made.get(self.how, picture)
