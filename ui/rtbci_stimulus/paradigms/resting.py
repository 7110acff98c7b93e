"""Rest with eyes open and closed, in turn; the alpha rhythm between them is the first thing that an amplifier shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from rtbci.config_file import Table
from rtbci_stimulus.scene import ACCENT, BRIGHT, DIM, Box, Cross, Scene, Text
from rtbci_stimulus.schedule import Schedule, Step, frame_note, frames_of
from rtbci_stimulus.settings import Presentation, refuse_own, setting

FLASH = 0.5
"""Seconds of a bright screen when closed eyes are to open: it is seen through the lids, and no tone is needed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resting(Presentation):
    """Eyes open and eyes closed in turn. The marker is sent when the stretch begins, after its instruction."""

    name: ClassVar[str] = "resting"
    title: ClassVar[str] = "Rest"
    paths: ClassVar[tuple[str, ...]] = ()

    duration: float = setting(60.0, "of one stretch", "s", above=0.0, at_most=3600.0)
    repeats: int = setting(2, "stretches of each kind", at_least=1, at_most=100)
    first: str = setting("open", "which comes first", choices=("open", "closed"))
    kinds: str = setting("both", "which there are", choices=("both", "open", "closed"))
    cue: float = setting(4.0, "the instruction before a stretch", "s", above=0.0, at_most=60.0)
    flash: bool = setting(True, "whether a bright screen ends a stretch with closed eyes (it is seen through the lids)")
    open_label: str = setting("eyes-open", "marker of a stretch with open eyes")
    closed_label: str = setting("eyes-closed", "marker of a stretch with closed eyes")

    @classmethod
    def for_classes(cls, values: Mapping[str, Any], classes: Mapping[str, tuple[str, ...]]) -> dict[str, Any]:
        """``values`` with the labels of an experiment's classes that have "open" and "closed" in their names."""
        found = {
            f"{word}_label": labels[0]
            for word in ("open", "closed")
            for name, labels in classes.items()
            if word in name.lower() and labels
        }
        return {**found, **values}

    def check(self, table: Table) -> None:
        """Two labels that differ, and mean nothing else."""
        refuse_own(table, "open_label", (self.open_label,))
        refuse_own(table, "closed_label", (self.closed_label,))
        if self.open_label == self.closed_label:
            table.wrong("closed_label", "is that of open eyes too; another would be right")

    def schedule(self, rate: float, seed: int) -> Schedule:
        """Instruction and stretch, in turn; ``seed`` changes nothing here."""
        other = "closed" if self.first == "open" else "open"
        order = [self.first, other] * self.repeats if self.kinds == "both" else [self.kinds] * self.repeats
        steps: list[Step] = []
        for kind in order:
            steps += self._stretch(kind, rate)
        labels = {"open": self.open_label, "closed": self.closed_label}
        shown = tuple(labels[kind] for kind in ("open", "closed") if kind in order)
        notes = frame_note("duration", self.duration, rate)
        return Schedule(rate, tuple(steps), shown, self.instructions or self._words(), notes)

    def _stretch(self, kind: str, rate: float) -> tuple[Step, ...]:
        ends = "The screen turns bright when it is over" if self.flash else "You will be told when it is over"
        told = "Keep your eyes open" if kind == "open" else "Close your eyes"
        below = "Look at the cross and blink as little as you can" if kind == "open" else ends
        cue: Scene = (Text(told, 0.0, -0.05, 0.09, ACCENT, bold=True), Text(below, 0.0, 0.07, 0.04, DIM))
        seen: Scene = (Cross(ink=BRIGHT),) if kind == "open" else (Text("Eyes closed", 0.0, 0.0, 0.05, DIM),)
        label = self.open_label if kind == "open" else self.closed_label
        steps = [
            Step(frames_of(self.cue, rate), cue, ("trial-start",), "trial"),
            Step(frames_of(self.duration, rate), seen, (label,)),
        ]
        if kind == "closed" and self.flash:
            bright: Scene = (Box(0.0, 0.0, 4.0, 4.0, 1.0), Text("Open your eyes", 0.0, 0.0, 0.08, 0.1, bold=True))
            steps.append(Step(frames_of(FLASH, rate), bright, ("trial-end",)))
            steps.append(Step(frames_of(1.0, rate), ()))
        else:
            steps.append(Step(frames_of(1.0, rate), (), ("trial-end",)))
        return tuple(steps)

    def _words(self) -> str:
        return "Sit comfortably and relax.\nThe screen says when to keep your eyes open and when to close them."
