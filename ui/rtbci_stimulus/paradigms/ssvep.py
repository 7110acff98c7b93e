"""Boxes that flicker at their own frequencies, locked to the frames of the display; one of them is cued and looked at."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from rtbci.config_file import Table
from rtbci.errors import ConfigError
from rtbci_stimulus.order import balanced
from rtbci_stimulus.scene import ACCENT, Box, Scene, Shape, Wave
from rtbci_stimulus.schedule import Schedule, Step, frame_note, frames_of, with_blocks
from rtbci_stimulus.settings import Presentation, refuse_own, setting

_SLACK = 1.005
"""A display of 59.94 Hz is one of 60 Hz to whoever wrote down 30 Hz."""
FOLLOWS = ("markers", "stimulus")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ssvep(Presentation):
    """Steady-state stimulation, sinusoidal or square. The class marker is sent with the first frame of the flicker."""

    name: ClassVar[str] = "ssvep"
    title: ClassVar[str] = "SSVEP flicker"
    paths: ClassVar[tuple[str, ...]] = ()

    background: float = setting(0.12, "grey of the ground, 0 black to 1 white", at_least=0.0, at_most=1.0)
    frequencies: tuple[float, ...] = setting((8.0, 10.0, 12.0, 15.0), "of the boxes", "Hz", numbers=True, above=0.0)
    phases: tuple[float, ...] = setting((), "of the boxes, in turns of pi; empty for 0", "pi", numbers=True)
    labels: tuple[str, ...] = setting((), 'marker of each box; empty for its frequency, such as "8"')
    texts: tuple[str, ...] = setting((), "what stands in each box; empty for nothing")
    wave: str = setting("sine", "how the light goes up and down", choices=("sine", "square"))
    trials: int = setting(10, "of each box", at_least=1, at_most=1000)
    per_block: int = setting(20, "trials between two pauses", at_least=1)
    cue: float = setting(1.0, "the box to look at is pointed out", "s", above=0.0, at_most=60.0)
    stimulation: float = setting(5.0, "flicker", "s", above=0.0, at_most=600.0)
    rest: float = setting(1.5, "dark boxes after a trial", "s", above=0.0, at_most=600.0)
    size: float = setting(0.2, "side of a box, in heights of the screen", above=0.0, at_most=0.8)
    patch_follows: str = setting(
        "markers", "what the photodiode patch shows: markers, or the light of box 1", choices=FOLLOWS
    )

    @classmethod
    def for_classes(cls, values: Mapping[str, Any], classes: Mapping[str, tuple[str, ...]]) -> dict[str, Any]:
        """``values`` with the labels of an experiment's classes, in order, where there are as many as boxes."""
        labels = [labels[0] for labels in classes.values() if labels]
        boxes = values.get("frequencies", cls.__dataclass_fields__["frequencies"].default)
        if "labels" in values or not isinstance(boxes, list | tuple) or len(boxes) != len(labels):
            return dict(values)
        return {**values, "labels": labels}

    def check(self, table: Table) -> None:
        """Two frequencies or more, and one phase, label and text for each."""
        n = len(self.frequencies)
        if not n:
            table.wrong("frequencies", "is empty; one or more such as [8, 10, 12, 15] would be right")
        for key, given in (("phases", self.phases), ("labels", self.labels), ("texts", self.texts)):
            if given and len(given) != n:
                table.wrong(key, f"has {len(given)} for {n} frequencies; one for each, in order, would be right")
        refuse_own(table, "labels", self.labels)
        if len(set(self._labels)) < n:
            table.wrong(
                "labels" if self.labels else "frequencies", "has one twice; another marker for each box would be right"
            )

    @property
    def _labels(self) -> tuple[str, ...]:
        return self.labels or tuple(f"{f:g}" for f in self.frequencies)

    def schedule(self, rate: float, seed: int) -> Schedule:
        """Cue, flicker, rest for each trial. Raises ConfigError for a frequency that the display cannot show."""
        notes = self._notes(rate)
        rng = np.random.default_rng(seed)
        trials = [self._trial(kind, rate) for kind in balanced(len(self.frequencies), self.trials, rng)]
        steps = with_blocks(trials, self.per_block, rate, self.block_pause)
        return Schedule(rate, steps, self._labels, self.instructions or self._words(), notes)

    def _notes(self, rate: float) -> tuple[str, ...]:
        notes = list(frame_note("stimulation", self.stimulation, rate))
        for frequency in self.frequencies:
            at_limit = abs(frequency / (rate / 2) - 1.0) <= _SLACK - 1.0
            if frequency > rate / 2 * _SLACK or (at_limit and self.wave == "sine"):
                raise ConfigError(
                    f"[paradigm] frequencies: {frequency:g} Hz is not below half the refresh rate of {rate:.4g} Hz; below "
                    f"{rate / 2:.4g} Hz, or a display with a higher rate, would be right"
                )
            period = rate / frequency
            if self.wave == "square" and abs(period - round(period)) > 0.01 * period:
                notes.append(
                    f"{frequency:g} Hz is {period:.2f} frames at {rate:.4g} Hz: a square wave's periods differ by a frame; "
                    'wave = "sine", or a frequency that divides the rate, would be even'
                )
        return tuple(notes)

    def _trial(self, kind: int, rate: float) -> tuple[Step, ...]:
        return (
            Step(frames_of(self.cue, rate), self._boxes(kind, lit=False), ("trial-start",), "trial"),
            Step(frames_of(self.stimulation, rate), self._boxes(kind, lit=True), (self._labels[kind],)),
            Step(frames_of(self.rest, rate), self._boxes(None, lit=False), ("trial-end",)),
        )

    def _boxes(self, cued: int | None, *, lit: bool) -> Scene:
        """All boxes, dark or flickering; the one that is looked at has an amber mark below, as long as it is cued."""
        n = len(self.frequencies)
        columns = n if n <= 4 else math.ceil(math.sqrt(1.6 * n))
        rows = math.ceil(n / columns)
        side = min(self.size, 0.8 * 1.6 / columns, 0.72 / rows)
        across, down = (1.6 - side) / max(columns - 1, 1), (0.86 - side) / max(rows - 1, 1)
        across, down = min(across, 2.2 * side), min(down, 2.2 * side)
        shapes: list[Shape] = []
        for k, frequency in enumerate(self.frequencies):
            x = (k % columns - (columns - 1) / 2) * across
            y = (k // columns - (rows - 1) / 2) * down
            phase = self.phases[k] * math.pi if self.phases else 0.0
            wave = Wave(frequency, phase, self.wave == "square") if lit else None
            shapes.append(Box(x, y, side, side, 0.25, wave, self.texts[k] if self.texts else "", 0.0 if lit else 0.7))
            if k == cued:
                shapes.append(Box(x, y + side * 0.62, side, side * 0.08, ACCENT))
        return tuple(shapes)

    def _words(self) -> str:
        return (
            "An amber bar appears below one of the boxes. Look at that box;\n"
            "it will flicker. Keep looking until the flicker stops.\n"
            "Do not take part if you have epilepsy or ever had a seizure."
        )
