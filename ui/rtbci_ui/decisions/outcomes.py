"""How trials were answered by one decoder, and what they add up to; without Qt."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass


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
    evidence, truth, answer = fields["evidence"], int(fields["truth"]), int(fields["answer"])
    for what, found in (("truth", truth), ("answer", answer)):
        if not 0 <= found < len(evidence):
            raise ValueError(f"{what} is class {found} of {len(evidence)}")
    return Outcome(
        float(fields["time"]),
        str(fields["label"]),
        truth,
        answer,
        int(fields["claimed"]),
        -float(evidence[truth]),
        int(fields["windows"]),
        int(fields["correct"]),
    )


class Sums:
    """Counts of trials, each looked at once (a fast paradigm has 20 000 in an hour), and what is to be read beside them.

    Attributes
    ----------
    n, right : trials, and those whose answer is the truth.
    abstained : trials throughout which nothing was claimed.
    table : how many there were of each (truth, answer).
    """

    def __init__(self) -> None:
        self.n = self.right = self.abstained = 0
        self.table: Counter[tuple[int, int]] = Counter()
        self._truths: Counter[int] = Counter()
        self._answers: Counter[int] = Counter()
        self._loss = 0.0

    @classmethod
    def of(cls, trials: Iterable[Outcome]) -> Sums:
        """The sums of ``trials``."""
        found = cls()
        for trial in trials:
            found.add(trial)
        return found

    def add(self, trial: Outcome) -> None:
        """Count one more trial."""
        self.n += 1
        self.right += trial.right
        self.abstained += trial.claimed < 0
        self.table[trial.truth, trial.answer] += 1
        self._truths[trial.truth] += 1
        self._answers[trial.answer] += 1
        self._loss += trial.log_loss

    @property
    def log_loss(self) -> float | None:
        """Mean of -ln p(truth), in nats; None without trials."""
        return self._loss / self.n if self.n else None

    @property
    def shuffled(self) -> float | None:
        """Accuracy that the same answers are expected to have for truths in random order; exact, None without trials.

        Above chance where classes are not equally frequent and the answers follow that, as in `rtbci.report`.
        """
        return sum(n * self._answers[k] for k, n in self._truths.items()) / self.n**2 if self.n else None

    @property
    def majority(self) -> float | None:
        """Accuracy of who always answers the most frequent class, None without trials."""
        return max(self._truths.values()) / self.n if self.n else None

    @property
    def entropy(self) -> float | None:
        """Log-loss, in nats, of who knows only how frequent each class was; None without trials."""
        return -sum(n / self.n * math.log(n / self.n) for n in self._truths.values()) if self.n else None
