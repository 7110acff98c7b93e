"""The beginning of a part of a recording, in which a decoder that began before it is not yet itself again."""

from __future__ import annotations

import math

from rtbci.agreement import Agreement, bits_differ
from rtbci.pipeline import Pipeline
from rtbci.recorded import Recorded
from rtbci.types import Decision
from rtbci.verdict import DecoderVerdict

LONGEST_SETTLING = 60.0
"""Seconds: a high-pass of 0.1 Hz has forgotten all but 1e-12 by then."""
Key = tuple[int, int, float]


def key_of(start: int, stop: int, marker_time: float) -> Key:
    """What tells a window from all others: its samples, and the time of its marker (NaN for none)."""
    return start, stop, -1.0 if math.isnan(marker_time) else marker_time


class Settling:
    """The beginning of a part, in which transforms do not know yet what they knew live.

    ::

        settling --a decision agrees, ``seconds`` and two windows after the part began--> settled
            +-------- LONGEST_SETTLING after the part began, agreeing or not -----------> settled
    """

    def __init__(self, pipeline: Pipeline, part: Recorded, seconds: float, verdict: DecoderVerdict) -> None:
        self._pipeline = pipeline
        self._verdict = verdict
        window = pipeline.length / pipeline.info.rate
        self._earliest = part.first + math.ceil((seconds + 2.0 * window) * pipeline.source_rate)
        self._latest = max(self._earliest, part.first + math.ceil(LONGEST_SETTLING * pipeline.source_rate))
        self._settled = False

    def goes_on(self, before: Decision, now: Decision, agreement: Agreement | None) -> bool:
        """Whether what was decided ``before``, and again ``now``, is still of the beginning; then it is counted here."""
        if self._settled:
            return False
        differs = bits_differ(before, now) if agreement is None else agreement.differ(before, now)
        if before.sample >= self._earliest and (differs is None or before.sample >= self._latest):
            self._settled = True
            if agreement is not None:
                agreement.largest = 0.0
            return False
        self._verdict.unsettled += 1
        self._pipeline.evidence.go_on_from(before.evidence)
        return True

    def leave_out(self, wanted: dict[Key, Decision]) -> None:
        """Take from ``wanted`` the decisions on windows that begin before the part does, or soon after; count them."""
        for key in [key for key, decision in wanted.items() if decision.sample < self._earliest]:
            del wanted[key]
            self._verdict.unsettled += 1
