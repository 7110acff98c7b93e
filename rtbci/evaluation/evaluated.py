"""Everything that a report is made of: what the decoders did, and what was counted of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rtbci.evaluation.nouns import Outcome


@dataclass(frozen=True, slots=True)
class Evaluated:
    """A finished evaluation.

    Attributes
    ----------
    name : of the experiment.
    split, split_text : how training and test were kept apart: its name, and in words.
    outcomes : one for each decoder and fold that came to an end.
    rows : the scores of each outcome, by name (`rtbci.evaluation.scores.row`).
    summary : the scores of each decoder over all its test trials, by decoder (`rtbci.evaluation.scores.summary`).
    comparisons : one for each pair of decoders (`rtbci.evaluation.statistics.compare`).
    warnings : sentences that a reader must know before the numbers.
    failed : ``task`` and ``error`` of what did not come to an end.
    about : how it was made, by name: date, command, machine, versions, recordings, the experiment's text.
    """

    name: str
    split: str
    split_text: str
    outcomes: tuple[Outcome, ...]
    rows: list[dict[str, Any]]
    summary: dict[str, dict[str, Any]]
    comparisons: list[dict[str, Any]]
    warnings: tuple[str, ...]
    failed: list[dict[str, Any]]
    about: dict[str, str]
