"""One training as a decoder sees it: where it tells how far it is, where it may leave checkpoints, what it begins from."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from numpy.typing import NDArray

BAR = 20
"""Characters of a progress bar."""


@dataclass(slots=True)
class TrainingRun:
    """What a decoder that `rtbci.interfaces.Learns` is given beside its calibration.

    Attributes
    ----------
    say : shows one line of progress to whoever waits; the next one replaces it.
    checkpoints : folder of this decoder's own, made when it is needed, in which a training that was interrupted finds what
        it had come to; None: nothing is kept.
    key : a hash of all that the decoder is made from: a checkpoint of another key is of another training.
    begin : arrays of a model that was trained before, where this one is to begin from it, as its ``arrays()`` gave them.
    train : "all" of a decoder, or only its "local" part: the input block that belongs to a montage and a subject.
    rank, of : number of this process among those that train together, and how many they are.
    notes : sentences for the report, filled by the decoder.
    """

    say: Callable[[str], None] = lambda text: None
    checkpoints: Path | None = None
    key: str = ""
    begin: Mapping[str, NDArray[Any]] | None = None
    train: Literal["all", "local"] = "all"
    rank: int = 0
    of: int = 1
    notes: list[str] = field(default_factory=list)
    _began: tuple[float, int] | None = None

    def note(self, text: str) -> None:
        """Put a sentence into the report, once."""
        if text not in self.notes:
            self.notes.append(text)

    def progress(self, done: int, total: int, text: str) -> None:
        """Show that ``done`` of ``total`` steps are done, and ``text``: loss and metric.

        What is left is estimated from the steps of this run, so one that goes on from a checkpoint does not boast.
        """
        now = time.monotonic()
        if self._began is None or done <= self._began[1]:
            self._began = (now, done)
        fresh = done - self._began[1]
        left = ""
        if fresh:
            seconds = (now - self._began[0]) / fresh * (total - done)
            left = f", at most {seconds / 60:.0f} min left" if seconds > 90 else f", at most {seconds:.0f} s left"
        bar = "#" * round(BAR * done / max(1, total))
        self.say(f"[{bar:<{BAR}}] {done}/{total} {text}{left}")
