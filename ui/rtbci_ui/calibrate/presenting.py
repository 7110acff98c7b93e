"""What a presentation would be, judged by the reader that the stimulus process itself uses. No Qt here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rtbci.errors import RtbciError
from rtbci_stimulus.command_line import paradigm, parse
from rtbci_ui import wording

USUAL_RATE = 60.0
"""Hz: the length is told for such a display where the system does not know its rate."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """Trials and seconds of a presentation, or the ``problem`` for which there would be none; ``stream`` of its markers.

    ``rate`` is that of the display in Hz.
    """

    trials: int = 0
    seconds: float = 0.0
    classes: tuple[str, ...] = ()
    stream: str = ""
    problem: str = ""
    rate: float = USUAL_RATE

    @property
    def words(self) -> str:
        """``40 trials, 6 min 13 s``."""
        return self.problem or f"{self.trials} trials, about {wording.duration(self.seconds)}"


def arguments(experiment: Path | None, use: str, settings: Sequence[str]) -> list[str]:
    """The command line that presents paradigm ``use`` with ``settings``, with classes and labels of the ``experiment``."""
    chosen = [part for word in settings for part in ("--set", word)]
    given = [] if experiment is None else ["--experiment", str(experiment)]
    return ["--paradigm", use, *given, *chosen]


def outlook(given: Sequence[str], rate: float = USUAL_RATE) -> Outlook:
    """Judge the command line ``given`` for a display of ``rate`` Hz; what flickers must fit into its refreshes."""
    try:
        made = paradigm(parse(list(given)))
        schedule = made.schedule(rate, 0)
    except RtbciError as error:
        return Outlook(problem=str(error), rate=rate)
    classes = tuple(dict.fromkeys(schedule.classes))
    return Outlook(schedule.n_trials, schedule.seconds, classes, made.stream, rate=rate)
