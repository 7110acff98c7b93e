"""Whole runs on a clock of frames that is not real: what was shown at each swap, and what was sent and noted."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from rtbci_stimulus.clock import FakeClock
from rtbci_stimulus.frame import Frame
from rtbci_stimulus.runner import Runner
from rtbci_stimulus.schedule import Schedule
from rtbci_stimulus.timing import Display


@dataclass
class Driven:
    """A runner with its clock. ``shown`` holds (time of the swap, frame); ``sent`` (label, time)."""

    runner: Runner
    clock: FakeClock
    sent: list[tuple[str, float]]
    notes: list[dict[str, Any]]
    shown: list[tuple[float, Frame]] = field(default_factory=list)

    def step(self, n: int = 1) -> Driven:
        """Draw and swap ``n`` frames."""
        for _ in range(n):
            frame = self.runner.frame()
            time = self.clock.swap()
            self.shown.append((time, frame))
            self.runner.swapped(time)
        return self

    def finish(self, most: int = 500_000) -> Driven:
        """Go on until the run is over."""
        for _ in range(most):
            if self.runner.done:
                return self
            self.step()
        raise AssertionError(f"not over after {most} frames; it is {self.runner.phase}")

    def until(self, label: str, most: int = 100_000) -> float:
        """Go on until the marker ``label`` is sent; its time."""
        had = len(self.sent)
        for _ in range(most):
            self.step()
            for name, time in self.sent[had:]:
                if name == label:
                    return time
        raise AssertionError(f"no {label} in {most} frames")

    def times(self, *labels: str) -> list[float]:
        """When markers with one of these labels were sent."""
        return [time for label, time in self.sent if label in labels]

    def labels(self) -> list[str]:
        return [label for label, _ in self.sent]

    def shown_at(self, time: float) -> Frame:
        """The frame that was swapped at ``time``."""
        return next(frame for swap, frame in self.shown if abs(swap - time) < 1e-9)


def run(schedule: Schedule, *, auto: bool = True, clock: FakeClock | None = None, **settings: Any) -> Driven:
    """A run of ``schedule`` that has not begun."""
    sent: list[tuple[str, float]] = []
    notes: list[dict[str, Any]] = []
    runner = Runner(
        schedule,
        Display(schedule.rate, True, "a clock of a test"),
        lambda label, time: sent.append((label, time)),
        lambda event: notes.append(dict(event)),
        auto=auto,
        **settings,
    )
    return Driven(runner, clock or FakeClock(schedule.rate), sent, notes)
