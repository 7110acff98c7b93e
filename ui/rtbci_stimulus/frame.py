"""What is handed to the painter for one swap."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from rtbci_stimulus.scene import Box, Scene


@dataclass(frozen=True, slots=True)
class Frame:
    """What is to be drawn: ``scene``, with what flickers at its frame ``k`` of a display of ``rate`` Hz.

    ``patch`` is the light of the photodiode patch, from 0 to 1; ``footer`` a line at the lower edge, or "".
    """

    scene: Scene
    k: int = 0
    rate: float = 60.0
    patch: float = 0.0
    footer: str = ""

    @property
    def look(self) -> tuple[object, ...]:
        """Equal for two frames that look the same."""
        flickers = any(isinstance(shape, Box) and shape.wave is not None for shape in self.scene)
        return self.scene, self.patch, self.footer, self.k if flickers else 0


class Stage(Protocol):
    """Whatever is shown frame by frame: the measurement of the display, then the run."""

    @property
    def done(self) -> bool:
        """Whether nothing more is to be shown."""
        ...

    def frame(self) -> Frame:
        """The frame that is to be drawn now; the same one until the next swap."""
        ...

    def swapped(self, time: float) -> None:
        """That frame was swapped at ``time``, in seconds of the LSL clock."""
        ...
