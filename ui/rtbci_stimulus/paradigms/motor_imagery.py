"""Motor imagery as in Graz (Pfurtscheller & Neuper 2001, Proc. IEEE 89, 1123): fixation, get ready, cue, imagery, rest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from rtbci.config_file import Table, names
from rtbci_stimulus.order import balanced
from rtbci_stimulus.scene import ACCENT, BRIGHT, DIM, Arrow, Cross, Disc, Scene, Text
from rtbci_stimulus.schedule import Schedule, Step, frame_note, frames_of, with_blocks
from rtbci_stimulus.settings import Presentation, refuse_own, setting

SYMBOLS = ("left", "right", "up", "down", "both", "disc", "word")
_GUESSES = (
    ("left", "left"), ("right", "right"), ("both", "both"), ("fist", "both"), ("hand", "both"),
    ("feet", "down"), ("foot", "down"), ("tongue", "up"), ("rest", "disc"),
)  # fmt: skip


def guessed(name: str) -> str:
    """The symbol that goes with the name of a class: arrows for hands, feet and tongue, else the word alone."""
    low = name.lower()
    if "left" in low and "right" in low:
        return "both"
    return next((symbol for word, symbol in _GUESSES if word in low), "word")


@dataclass(frozen=True, slots=True, kw_only=True)
class MotorImagery(Presentation):
    """Cued imagery of movements. The class marker is sent with the cue."""

    name: ClassVar[str] = "motor-imagery"
    title: ClassVar[str] = "Motor imagery"
    paths: ClassVar[tuple[str, ...]] = ()

    classes: tuple[str, ...] = setting(("left hand", "right hand"), "what is imagined, as it is written")
    labels: tuple[str, ...] = setting((), "marker of each class; empty for the classes' names")
    symbols: tuple[str, ...] = setting(
        (), f"cue of each class: {', '.join(SYMBOLS)}; empty to go by the names of the classes"
    )
    words: bool = setting(True, "whether the class is written below its symbol")
    trials: int = setting(20, "of each class", at_least=1, at_most=1000)
    per_block: int = setting(20, "trials between two pauses", at_least=1)
    fixation: float = setting(2.0, "fixation cross before a trial", "s", above=0.0, at_most=60.0)
    get_ready: float = setting(1.0, "get ready, before the cue", "s", above=0.0, at_most=60.0)
    cue: float = setting(1.25, "how long the cue is seen", "s", above=0.0, at_most=60.0)
    imagery: float = setting(4.0, "imagery, counted from the cue", "s", above=0.0, at_most=600.0)
    rest: float = setting(1.5, "shortest rest after a trial", "s", above=0.0, at_most=600.0)
    rest_jitter: float = setting(
        1.0, "most that is added to the rest, drawn for each trial", "s", at_least=0.0, at_most=60.0
    )

    @classmethod
    def for_classes(cls, values: Mapping[str, Any], classes: Mapping[str, tuple[str, ...]]) -> dict[str, Any]:
        """``values`` with the classes and first labels of an experiment, where they name none."""
        shown = {name: labels[0] for name, labels in classes.items() if labels}
        if "classes" in values:
            mine = [str(name) for name in values["classes"]] if isinstance(values["classes"], list) else []
            known = {"labels": [shown.get(name, name) for name in mine]} if mine and "labels" not in values else {}
            return {**values, **known}
        return {**values, "classes": list(shown), "labels": list(shown.values())} if shown else dict(values)

    def check(self, table: Table) -> None:
        """One label and symbol for each class, labels that mean one thing, and a cue no longer than the imagery."""
        if not self.classes:
            table.wrong("classes", 'is empty; one or more such as ["left hand", "right hand"] would be right')
        for key, given in (("labels", self.labels), ("symbols", self.symbols)):
            if given and len(given) != len(self.classes):
                table.wrong(
                    key, f"has {len(given)} for {len(self.classes)} classes; one for each, in order, would be right"
                )
        for symbol in self.symbols:
            if symbol not in SYMBOLS:
                table.wrong("symbols", f'"{symbol}" is not known; {names(SYMBOLS)} would be right')
        labels = self.labels or self.classes
        if len(set(labels)) < len(labels):
            table.wrong("labels" if self.labels else "classes", "has one twice; each once would be right")
        refuse_own(table, "labels" if self.labels else "classes", labels)
        if self.cue > self.imagery:
            table.wrong(
                "cue", f"is longer than the imagery of {self.imagery:g} s; {self.imagery:g} or less would be right"
            )

    def schedule(self, rate: float, seed: int) -> Schedule:
        """Trials in balanced order, at most three of a class in a row."""
        rng = np.random.default_rng(seed)
        labels = self.labels or self.classes
        order = self._order(rng)
        jitter = rng.uniform(0.0, self.rest_jitter, len(order))
        trials = [self._trial(kind, float(extra), rate) for kind, extra in zip(order, jitter, strict=True)]
        notes = [frame_note(key, getattr(self, key), rate) for key in ("fixation", "get_ready", "cue", "imagery")]
        return Schedule(
            rate,
            with_blocks(trials, self.per_block, rate, self.block_pause),
            labels,
            self.instructions or self._words(),
            tuple(note for group in notes for note in group),
        )

    def _order(self, rng: np.random.Generator) -> list[int]:
        """Balanced as a whole, and within each block where the classes fill it evenly."""
        n = len(self.classes)
        each = self.per_block // n
        if self.per_block % n or self.trials % max(each, 1):
            return balanced(n, self.trials, rng)
        return [kind for _ in range(self.trials // each) for kind in balanced(n, each, rng)]

    def _trial(self, kind: int, extra: float, rate: float) -> tuple[Step, ...]:
        cue = frames_of(self.cue, rate)
        rest = frames_of(self.imagery, rate) - cue
        fixed: Scene = (Cross(ink=DIM),)
        steps = [
            Step(frames_of(self.fixation, rate), fixed, ("trial-start",), "trial"),
            Step(
                frames_of(self.get_ready, rate),
                (Cross(ink=BRIGHT), Text("Get ready", 0.0, -0.16, 0.05, BRIGHT)),
                ("get-ready",),
            ),
            Step(cue, self._cue(kind), ((self.labels or self.classes)[kind],)),
        ]
        if rest > 0:
            steps.append(Step(rest, (Cross(ink=BRIGHT),)))
        steps.append(Step(frames_of(self.rest + extra, rate), (), ("trial-end",)))
        return tuple(steps)

    def _cue(self, kind: int) -> Scene:
        name = self.classes[kind]
        symbol = self.symbols[kind] if self.symbols else guessed(name)
        if symbol == "word":
            return (Text(name, 0.0, 0.0, 0.1, ACCENT, bold=True),)
        shape = Disc(radius=0.07) if symbol == "disc" else Arrow(symbol)
        below = (Text(name, 0.0, 0.36, 0.05, BRIGHT),) if self.words else ()
        return (Cross(ink=BRIGHT), shape, *below)

    def _words(self) -> str:
        return (
            "Look at the cross in the middle and sit still.\n"
            f"When a cue appears ({', '.join(self.classes)}), imagine that movement\n"
            "until the cross disappears. Then rest, and blink."
        )
