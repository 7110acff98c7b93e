"""A matrix of characters whose rows and columns flash (Farwell & Donchin 1988): copy spelling with known targets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from rtbci.config_file import Table
from rtbci_stimulus.order import repeats
from rtbci_stimulus.scene import ACCENT, BRIGHT, Ink, Scene, Text
from rtbci_stimulus.schedule import Schedule, Step, frame_note, frames_of, onset_and_duty, with_blocks
from rtbci_stimulus.settings import OWN_MARKERS, Presentation, refuse_own, setting

_UNLIT: Ink = 0.42
_LIT: Ink = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class P300Matrix(Presentation):
    """Rows and columns flash. A flash sends two markers: which one ("row 1" …, "column 1" …), and target or not."""

    name: ClassVar[str] = "p300-matrix"
    title: ClassVar[str] = "P300 matrix"
    paths: ClassVar[tuple[str, ...]] = ()

    background: float = setting(0.12, "grey of the ground, 0 black to 1 white", at_least=0.0, at_most=1.0)
    characters: str = setting("ABCDEFGHIJKLMNOPQRSTUVWXYZ123456789_", "row by row; each once")
    columns: int = setting(6, "of the matrix", at_least=2, at_most=20)
    text: str = setting("BRAIN", "the characters that are attended to, one after the other")
    flashes: int = setting(10, "of each row and column for one character", at_least=1, at_most=200)
    soa: float = setting(0.175, "from the onset of a flash to that of the next", "s", above=0.0, at_most=10.0)
    duty: float = setting(0.6, "share of this time in which the flash is seen", above=0.0, at_most=1.0)
    cue: float = setting(2.5, "the target is shown", "s", above=0.0, at_most=60.0)
    wait: float = setting(1.0, "dark matrix before the first flash and after the last", "s", above=0.0, at_most=60.0)
    per_block: int = setting(5, "characters between two pauses", at_least=1)
    target_label: str = setting("target", "marker of a flash that holds the target")
    nontarget_label: str = setting("nontarget", "marker of a flash that does not")

    @classmethod
    def for_classes(cls, values: Mapping[str, Any], classes: Mapping[str, tuple[str, ...]]) -> dict[str, Any]:
        """``values`` with the labels of an experiment's two classes, of which one is called target and one is not."""
        named = {name.lower().replace("-", "").replace(" ", "").replace("_", ""): v for name, v in classes.items() if v}
        target = next((labels[0] for name, labels in named.items() if name == "target"), None)
        other = next((v[0] for name, v in named.items() if name in ("nontarget", "standard", "distractor")), None)
        found = {"target_label": target, "nontarget_label": other}
        return {**{key: label for key, label in found.items() if label is not None}, **values}

    def check(self, table: Table) -> None:
        """Each character once, full rows, and a text that can be spelt with them."""
        if len(set(self.characters)) < len(self.characters):
            twice = next(c for c in self.characters if self.characters.count(c) > 1)
            table.wrong("characters", f'has "{twice}" twice; each once would be right')
        if len(self.characters) % self.columns or len(self.characters) < 2 * self.columns:
            table.wrong(
                "characters",
                f"are {len(self.characters)}, which fill no rows of {self.columns}; two full rows or more would be right",
            )
        if missing := [c for c in self.text if c not in self.characters]:
            table.wrong("text", f'"{missing[0]}" is not in the matrix; characters of {self.characters} would be right')
        lines = [self._line(k) for k in range(self.rows + self.columns)]
        for key in ("target_label", "nontarget_label"):
            refuse_own(table, key, (getattr(self, key),), (*OWN_MARKERS, *lines))
        if self.target_label == self.nontarget_label:
            table.wrong("nontarget_label", "is that of the target too; another would be right")

    @property
    def rows(self) -> int:
        """Rows of the matrix."""
        return len(self.characters) // self.columns

    def schedule(self, rate: float, seed: int) -> Schedule:
        """A trial for each character of the text: its cue, then all rows and columns in random order, ``flashes`` times."""
        rng = np.random.default_rng(seed)
        trials = [self._spell(place, rate, rng) for place in range(len(self.text))]
        on, off = onset_and_duty(self.soa, self.duty, rate)
        return Schedule(
            rate,
            with_blocks(trials, self.per_block, rate, self.block_pause),
            (self.target_label, self.nontarget_label),
            self.instructions or self._words(),
            (*frame_note("soa", self.soa, rate), f"a flash is {on} frames of {on + off}"),
        )

    def _spell(self, place: int, rate: float, rng: np.random.Generator) -> tuple[Step, ...]:
        at = self.characters.index(self.text[place])
        mine = {at // self.columns, self.rows + at % self.columns}
        on, off = onset_and_duty(self.soa, self.duty, rate)
        dark = self._matrix(place, frozenset())
        lines = range(self.rows + self.columns)
        lit = [self._matrix(place, self._cells(line)) for line in lines]  # once, not for each of hundreds of flashes
        steps = [
            Step(frames_of(self.cue, rate), self._matrix(place, frozenset({at}), cue=True), ("trial-start",), "trial"),
            Step(frames_of(self.wait, rate), dark),
        ]
        for line in repeats(lines, self.flashes, rng):
            kind = self.target_label if line in mine else self.nontarget_label
            steps.append(Step(on, lit[line], (self._line(line), kind)))
            if off:
                steps.append(Step(off, dark))
        steps.append(Step(frames_of(self.wait, rate), dark, ("trial-end",)))
        return tuple(steps)

    def _line(self, line: int) -> str:
        """Marker of a row (0 … rows - 1) or, counted on, of a column."""
        return f"row {line + 1}" if line < self.rows else f"column {line - self.rows + 1}"

    def _cells(self, line: int) -> frozenset[int]:
        """Places of the characters in a row (0 … rows - 1) or, counted on, in a column."""
        if line < self.rows:
            return frozenset(range(line * self.columns, (line + 1) * self.columns))
        return frozenset(range(line - self.rows, len(self.characters), self.columns))

    def _matrix(self, place: int, lit: frozenset[int], cue: bool = False) -> Scene:
        cell = min(0.82 / self.rows, 1.4 / self.columns)
        shapes: list[Text] = []
        for k, character in enumerate(self.characters):
            x = (k % self.columns - (self.columns - 1) / 2) * cell
            y = (k // self.columns - (self.rows - 1) / 2) * cell + 0.05
            ink = (ACCENT if cue else _LIT) if k in lit else _UNLIT
            shapes.append(Text(character, x, y, cell * (0.62 if k in lit else 0.52), ink, bold=k in lit))
        spelt = self.text[:place] + "[" + self.text[place] + "]" + self.text[place + 1 :]
        return (Text(spelt, 0.0, -0.45, 0.045, BRIGHT), *shapes)

    def _words(self) -> str:
        return (
            "One character after the other is shown in amber. Look at it.\n"
            "Rows and columns then flash: count how often your character does,\n"
            "and let the other flashes pass."
        )
