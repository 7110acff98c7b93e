"""A stream of pictures (rapid serial visual presentation), as in Grootswagers et al. 2019 and Gifford et al. 2022.

Pictures come in sequences; a few of them are catch trials, discs that are counted so that the eyes stay on the screen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from rtbci.bank import Bank
from rtbci.bank.listing import of_folder
from rtbci.config_file import Table
from rtbci.errors import BankError, ConfigError
from rtbci_stimulus.order import repeats
from rtbci_stimulus.scene import BRIGHT, Cross, Disc, Picture, Scene, Text, page
from rtbci_stimulus.schedule import Schedule, Step, frame_note, frames_of, onset_and_duty, with_blocks
from rtbci_stimulus.settings import OWN_MARKERS, Presentation, setting

CATCH = "catch"
"""Marker of a catch trial."""
_NOT_PICTURES = (*OWN_MARKERS, CATCH, "question")
_QUESTION_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rsvp(Presentation):
    """Pictures at a steady pace. The marker of a picture is its id: the bank's, or its path in the folder without suffix."""

    name: ClassVar[str] = "rsvp"
    title: ClassVar[str] = "Picture stream"
    paths: ClassVar[tuple[str, ...]] = ("pictures",)

    background: float = setting(0.5, "grey of the ground, 0 black to 1 white", at_least=0.0, at_most=1.0)
    pictures: str = setting("", "folder of pictures, or a bank that `rtbci bank build` wrote")
    limit: int = setting(0, "pictures that are used, drawn by the seed; 0 for all", at_least=0)
    repeats: int = setting(2, "presentations of each picture", at_least=1, at_most=1000)
    per_sequence: int = setting(20, "pictures in one sequence (set size)", at_least=1, at_most=1000)
    per_block: int = setting(10, "sequences between two pauses", at_least=1)
    soa: float = setting(0.2, "from the onset of a picture to that of the next", "s", above=0.0, at_most=60.0)
    duty: float = setting(0.5, "share of this time in which the picture is seen", above=0.0, at_most=1.0)
    catch: float = setting(0.05, "catch trials for each picture", at_least=0.0, at_most=0.5)
    question: bool = setting(True, "whether the number of catch trials is asked for after a sequence")
    size: float = setting(0.5, "height of a picture, in heights of the screen", above=0.0, at_most=1.0)
    fixation: float = setting(1.0, "fixation cross before a sequence", "s", above=0.0, at_most=60.0)
    rest: float = setting(1.5, "empty screen after a sequence", "s", above=0.0, at_most=600.0)

    @classmethod
    def for_classes(cls, values: Mapping[str, Any], classes: Mapping[str, tuple[str, ...]]) -> dict[str, Any]:
        """``values`` as they are: markers are the ids of pictures, whatever the classes."""
        return dict(values)

    def check(self, table: Table) -> None:
        """A folder or bank must be named."""
        if not self.pictures:
            table.wrong("pictures", 'is missing; a folder or a bank such as pictures = "faces" would be right')

    def items(self) -> tuple[str, ...]:
        """Ids of all pictures. Raises ConfigError where there are none."""
        path = Path(self.pictures)
        try:
            if (path / "bank.json").exists():
                bank = Bank.open(path)
                if bank.kind != "picture":
                    raise BankError(f"{path} holds {bank.kind}s; a bank of pictures would be right")
                return tuple(item.id for item in bank.items)
            return tuple(entry.id for entry in of_folder(path, "picture"))
        except BankError as error:
            raise ConfigError(f"[paradigm] pictures: {error}") from error

    def schedule(self, rate: float, seed: int) -> Schedule:
        """Sequences of pictures, each picture as often as the others, none twice in a row."""
        rng = np.random.default_rng(seed)
        items = list(self.items())
        if taken := next((item for item in items if item in _NOT_PICTURES), None):
            raise ConfigError(f'[paradigm] pictures: "{taken}" is a marker of its own; another name would be right')
        if 0 < self.limit < len(items):
            items = [items[k] for k in sorted(rng.choice(len(items), self.limit, replace=False))]
        stream = repeats(items, self.repeats, rng)
        cut = [stream[k : k + self.per_sequence] for k in range(0, len(stream), self.per_sequence)]
        trials = [self._sequence(part, rate, rng) for part in cut]
        on, off = onset_and_duty(self.soa, self.duty, rate)
        notes = list(frame_note("soa", self.soa, rate))
        if abs(on / (on + off) - self.duty) > 0.02:
            notes.append(
                f"duty {self.duty:g} is not to be had with {on + off} frames: {on} of them, {on / (on + off):.2f}"
            )
        steps = with_blocks(trials, self.per_block, rate, self.block_pause)
        return Schedule(rate, steps, tuple(items), self.instructions or self._words(), tuple(notes))

    def _sequence(self, items: list[str], rate: float, rng: np.random.Generator) -> tuple[Step, ...]:
        on, off = onset_and_duty(self.soa, self.duty, rate)
        fixed: Scene = (Cross(0.03, ink=BRIGHT),)
        steps = [Step(frames_of(self.fixation, rate), (Cross(0.05, ink=BRIGHT),), ("trial-start",), "trial")]
        shown: list[str | None] = list(items)
        # not among the first two, which draw attention by themselves
        places = range(min(2, len(items)), len(items) + 1)
        n = min(int(rng.binomial(len(items), self.catch)), len(places))
        # never two in a row: with a duty of 1 they would be seen as one, and counted so
        for place in sorted(rng.choice(places, n, replace=False), reverse=True):
            shown.insert(int(place), None)
        for item in shown:
            scene: Scene = (
                (Disc(radius=0.3 * self.size), Cross(0.03, ink=0.0)) if item is None else (Picture(item, self.size),)
            )
            steps.append(Step(on, scene, (CATCH if item is None else item,)))
            if off:
                steps.append(Step(off, fixed))
        count = shown.count(None)
        if self.catch and self.question:
            asked = page(
                Text("How many discs did you see?", 0.0, -0.1, 0.06),
                Text("Type the number, then Enter", 0.0, 0.16, 0.035, BRIGHT),
            )
            steps.append(Step(frames_of(_QUESTION_SECONDS, rate), asked, ("question",), "", "number", count))
        steps.append(Step(frames_of(self.rest, rate), (), ("trial-end",)))
        return tuple(steps)

    def _words(self) -> str:
        asked = "\nNow and then an amber disc comes instead: count the discs of each sequence." if self.catch else ""
        return f"Pictures come one after the other. Look at the middle of the screen.{asked}\nBlink between sequences."
