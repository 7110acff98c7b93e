"""A schedule: the steps of a paradigm in frames of the display, and the markers that belong to a step's first frame."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from rtbci_stimulus.scene import Picture, Scene, pause_page


@dataclass(frozen=True, slots=True)
class Step:
    """A stretch of frames with one scene.

    Attributes
    ----------
    frames : how many, at least 1. What flickers does so by the frame's number within the step.
    scene : what is seen. marks : labels of the markers that belong to the first frame.
    begins : "trial" or "block" where one begins here, else "". A pause that was asked for is taken before it.
    hold : "" to go on by itself after ``frames``; "key" to wait for the space bar; "number" for a number that is typed.
    truth : what the right number is (``hold`` "number").
    """

    frames: int
    scene: Scene
    marks: tuple[str, ...] = ()
    begins: str = ""
    hold: str = ""
    truth: int = 0


@dataclass(frozen=True, slots=True)
class Schedule:
    """All steps of a run, for a display of ``rate`` Hz.

    ``classes`` are the marker labels that stand for a class; ``notes`` say where the display's frames do not allow what was
    asked for; ``instructions`` are shown before the first step.
    """

    rate: float
    steps: tuple[Step, ...]
    classes: tuple[str, ...]
    instructions: str = ""
    notes: tuple[str, ...] = ()

    @property
    def n_frames(self) -> int:
        """Frames of all steps, none held."""
        return sum(step.frames for step in self.steps)

    @property
    def n_trials(self) -> int:
        """Trials in all."""
        return sum(step.begins == "trial" for step in self.steps)

    @property
    def seconds(self) -> float:
        """Length in seconds, none held."""
        return self.n_frames / self.rate

    def pictures(self) -> tuple[str, ...]:
        """Names of the pictures in the order in which they are shown, each as often as it is."""
        return tuple(shape.name for step in self.steps for shape in step.scene if isinstance(shape, Picture))

    def onsets(self) -> Iterator[tuple[int, Step]]:
        """Each step with the number of its first frame, none held."""
        frame = 0
        for step in self.steps:
            yield frame, step
            frame += step.frames


def frames_of(seconds: float, rate: float) -> int:
    """The whole number of frames, at least 1, that is nearest to ``seconds`` at ``rate`` Hz."""
    return max(1, round(seconds * rate))


def onset_and_duty(soa: float, duty: float, rate: float) -> tuple[int, int]:
    """Frames with the stimulus and frames without, in one stimulus-onset asynchrony of ``soa`` seconds.

    ``duty`` is the share with it: at least one frame has it, and one has not unless ``duty`` is 1.
    """
    total = frames_of(soa, rate)
    on = max(1, round(total * duty))
    if duty < 1.0 and total > 1:
        on = min(on, total - 1)
    return on, total - on


def frame_note(what: str, seconds: float, rate: float) -> tuple[str, ...]:
    """A note where ``seconds`` differ by more than a millisecond from the frames that are shown instead."""
    frames = frames_of(seconds, rate)
    if abs(frames / rate - seconds) <= 1e-3:
        return ()
    return (
        f"{what} {seconds:g} s is {seconds * rate:.2f} frames at {rate:.4g} Hz: {frames} frames, {frames / rate:.4f} s",
    )


def patch_note(schedule: Schedule, patch_frames: int) -> tuple[str, ...]:
    """A note where markers come so fast that a patch which is white for ``patch_frames`` never turns black between them."""
    marked = [frame for frame, step in schedule.onsets() if step.marks]
    nearest = min((b - a for a, b in pairwise(marked)), default=patch_frames + 1)
    if nearest > patch_frames:
        return ()
    return (f"markers come {nearest} frames apart, so a patch of {patch_frames} frames stays white between them",)


def with_blocks(trials: Sequence[Sequence[Step]], per_block: int, rate: float, seconds: float) -> tuple[Step, ...]:
    """The steps of all ``trials``, with a pause after every ``per_block`` of them; it ends with the space bar.

    ``seconds`` is how long it lasts where nobody is asked (`Runner` with ``auto``).
    """
    steps: list[Step] = []
    for number, trial in enumerate(trials):
        if number and number % per_block == 0:
            page = pause_page(number, len(trials))
            steps.append(Step(frames_of(seconds, rate), page, ("pause",), "block", "key"))
        steps += trial
    return tuple(steps)
