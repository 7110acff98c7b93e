"""The finished trials of each decoder, read on as they are written; without Qt."""

from __future__ import annotations

import json
import math
from collections import deque
from dataclasses import dataclass

from rtbci.runfolder import RunFolder
from rtbci_ui.followed import Lines

BYTES_AT_ONCE = 64 << 10
"""What is taken in at a look, so that attaching to hours of trials holds no frame up: some 250 trials of two classes."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One trial as one decoder answered it.

    Attributes
    ----------
    time, label : of the marker: what makes it the same trial for several decoders.
    truth, answer : classes; ``answer`` is the one with most evidence at the trial's end.
    claimed : the first class that was claimed within it, -1: none was, the decoder abstained throughout.
    log_loss : minus the natural logarithm of the probability that the answer's evidence gave to the truth, in nats.
    windows, correct : how many windows it had, and how many of these alone were right.
    """

    time: float
    label: str
    truth: int
    answer: int
    claimed: int
    log_loss: float
    windows: int
    correct: int

    @property
    def right(self) -> bool:
        """Whether the answer is the truth; abstaining does not change that."""
        return self.answer == self.truth

    @property
    def key(self) -> tuple[float, str]:
        """What makes it the same trial for several decoders."""
        return self.time, self.label


def outcome(line: bytes) -> Outcome:
    """Read a line of a trial file. Raises ValueError, KeyError or TypeError of one that is none."""
    fields = json.loads(line)
    evidence, truth = fields["evidence"], int(fields["truth"])
    if not 0 <= truth < len(evidence):
        raise ValueError(f"truth is class {truth} of {len(evidence)}")
    return Outcome(
        float(fields["time"]),
        str(fields["label"]),
        truth,
        int(fields["answer"]),
        int(fields["claimed"]),
        -float(evidence[truth]),
        int(fields["windows"]),
        int(fields["correct"]),
    )


class TrialLog:
    """Follows ``NAME.trials.jsonl``.

    Attributes
    ----------
    trials : every trial so far, in the order in which they ended; one marker has one.
    problem : what was wrong with a line, or "".
    """

    def __init__(self, run: RunFolder, name: str) -> None:
        self.name = name
        self.trials: list[Outcome] = []
        self.problem = ""
        self._known: set[tuple[float, str]] = set()
        self._lines = Lines(run.trials(name))
        self._waiting: deque[bytes] = deque()

    def refresh(self) -> bool:
        """Take in what is new; say whether there was anything."""
        self._lines.look()
        fresh = self._lines.new()
        if self._lines.began_anew:
            self._lines.began_anew = False
            self.trials.clear()
            self._known.clear()
            self._waiting.clear()
        self._waiting.extend(fresh)
        before = len(self.trials)
        budget = BYTES_AT_ONCE
        while self._waiting and budget > 0:
            line = self._waiting.popleft()
            budget -= len(line)
            self._take(line)
        return len(self.trials) != before

    @property
    def abstained(self) -> int:
        """Trials throughout which nothing was claimed."""
        return sum(trial.claimed < 0 for trial in self.trials)

    @property
    def right(self) -> int:
        """Trials whose answer is the truth."""
        return sum(trial.right for trial in self.trials)

    def _take(self, line: bytes) -> None:
        try:
            trial = outcome(line)
        except (ValueError, KeyError, TypeError) as error:
            self.problem = f"a line of {self.name}.trials.jsonl cannot be read ({error}); it counts nowhere"
            return
        if trial.key not in self._known:
            self._known.add(trial.key)
            self.trials.append(trial)

    def close(self) -> None:
        """Let go of the file."""
        self._lines.close()


class TrialBook:
    """The trials of all decoders of a session.

    Attributes
    ----------
    logs : by decoder name. changes : how often there was something new.
    """

    def __init__(self, run: RunFolder) -> None:
        self._run = run
        self.logs: dict[str, TrialLog] = {}
        self.changes = 0

    def refresh(self, names: tuple[str, ...]) -> bool:
        """Read on for the decoders ``names``; say whether there was anything new."""
        for name in names:
            if name not in self.logs:
                self.logs[name] = TrialLog(self._run, name)
        fresh = [log.refresh() for log in self.logs.values()]
        self.changes += any(fresh)
        return any(fresh)

    def of(self, name: str) -> list[Outcome]:
        """The trials of one decoder."""
        return self.logs[name].trials if name in self.logs else []

    def close(self) -> None:
        """Let go of the files."""
        for log in self.logs.values():
            log.close()


def mean_log_loss(trials: list[Outcome]) -> float | None:
    """Mean of -ln p(truth), in nats; None without trials. ln(number of classes) is what guessing has."""
    return math.fsum(trial.log_loss for trial in trials) / len(trials) if trials else None
