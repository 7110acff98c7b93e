"""What is on the screen at one moment, as shapes that know neither pixels nor Qt.

The middle of the screen is (0, 0), x grows to the right and y downwards. The unit is the height of the screen, or ten
sixteenths of its width where that is less, so -0.8 to 0.8 by -0.5 to 0.5 is always in sight. Ink is a grey level from 0
(black) to 1 (white), or red, green and blue from 0 to 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

Ink = float | tuple[float, float, float]

BRIGHT: Ink = 0.96
DIM: Ink = 0.72
ACCENT: Ink = (0.98, 0.72, 0.20)
"""For cues and catch trials: amber, told apart from grey with any colour vision."""
_AHEAD = 0.1
"""Frames by which a square wave changes ahead of its time rather than a whole frame after it."""


@dataclass(frozen=True, slots=True)
class Wave:
    """A luminance that goes up and down with the frames: ``frequency`` in Hz, ``phase`` in radians.

    Sampled sinusoidal stimulation: 0.5 (1 + sin(2 pi f k / refresh + phase)) at frame k (Manyakov et al. 2013; Chen, Chen,
    Gao & Gao 2014, J. Neural Eng. 11, 016022, equation 1), which gives frequencies that do not divide the refresh rate.
    With ``square``, full light in the first half of each period and none in the second; it changes at the frame that is due
    within a tenth of a frame, because a rate that is measured lies a little beside 60 Hz, on either side.
    """

    frequency: float
    phase: float = 0.0
    square: bool = False

    def level(self, frame: int, rate: float) -> float:
        """Luminance from 0 to 1 at ``frame``, counted from the onset, of a display with ``rate`` Hz."""
        turns = self.frequency * frame / rate + self.phase / (2.0 * math.pi)
        if self.square:
            return 1.0 if (turns + _AHEAD * self.frequency / rate) % 1.0 < 0.5 else 0.0
        return 0.5 * (1.0 + math.sin(2.0 * math.pi * turns))


@dataclass(frozen=True, slots=True)
class Text:
    """A line of text, its middle at (x, y), ``size`` units high; lines are parted by line ends."""

    text: str
    x: float = 0.0
    y: float = 0.0
    size: float = 0.05
    ink: Ink = BRIGHT
    bold: bool = False


@dataclass(frozen=True, slots=True)
class Cross:
    """A fixation cross, ``size`` units wide."""

    size: float = 0.08
    ink: Ink = BRIGHT


@dataclass(frozen=True, slots=True)
class Arrow:
    """An arrow from the middle outwards: "left", "right", "up", "down", or "both" for left and right at once."""

    direction: str
    size: float = 0.26
    ink: Ink = ACCENT


@dataclass(frozen=True, slots=True)
class Disc:
    """A filled disc of ``radius`` units at (x, y)."""

    x: float = 0.0
    y: float = 0.0
    radius: float = 0.1
    ink: Ink = ACCENT


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle with its middle at (x, y); its light is ``ink``, or flickers with ``wave``; ``text`` stands in it."""

    x: float
    y: float
    width: float
    height: float
    ink: Ink = BRIGHT
    wave: Wave | None = None
    text: str = ""
    text_ink: Ink = 0.0


@dataclass(frozen=True, slots=True)
class Picture:
    """The picture that is called ``name``, its shape kept, within ``height`` units."""

    name: str
    height: float = 0.5


Shape = Text | Cross | Arrow | Disc | Box | Picture
Scene = tuple[Shape, ...]


def page(*shapes: Shape) -> Scene:
    """``shapes`` on a dark ground of their own: what is read stands out, whatever the ground of the stimuli."""
    return (Box(0.0, 0.0, 8.0, 8.0, 0.16), *shapes)


def pause_page(done: int, trials: int) -> Scene:
    """Shown between two trials."""
    return page(
        Text("Pause", 0.0, -0.1, 0.09, BRIGHT, bold=True),
        Text(f"{done} of {trials} trials", 0.0, 0.0, 0.04, DIM),
        Text("Space goes on", 0.0, 0.1, 0.05, ACCENT),
    )
