"""The clock of frames: when the frame that was handed over last was swapped. Tests run whole paradigms on a false one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from rtbci_stimulus.runner import Runner


class FrameClock(Protocol):
    """Gives the time of a swap in seconds of the LSL clock; called once for each frame, right after it."""

    def swap(self) -> float:
        """The time at which the newest frame was swapped."""
        ...


@dataclass(slots=True)
class FakeClock:
    """Swaps at exactly ``rate`` Hz from ``start`` on; ``drops`` says how many frames are lost before which swap.

    ``swaps`` counts them, the first being 0; ``jitter`` gives seconds that the time of a swap is read too late.
    """

    rate: float = 60.0
    start: float = 1000.0
    drops: Mapping[int, int] = field(default_factory=dict)
    jitter: Callable[[int], float] = lambda swap: 0.0
    swaps: int = 0
    _periods: int = 0

    def swap(self) -> float:
        """The time of the next swap."""
        self._periods += self.drops.get(self.swaps, 0)
        time = self.start + self._periods / self.rate + self.jitter(self.swaps)
        self._periods += 1
        self.swaps += 1
        return time


def drive(runner: Runner, clock: FrameClock, most: int = 10_000_000, keys: Mapping[int, str] | None = None) -> int:
    """Draw and swap until the run is over, or ``most`` frames; press ``keys`` before the frame with their number.

    Returns the number of frames.
    """
    pressed = keys or {}
    for number in range(most):
        if number in pressed:
            runner.key(pressed[number])
        if runner.done:
            return number
        runner.frame()
        runner.swapped(clock.swap())
    return most
