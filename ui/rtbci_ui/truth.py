"""The trials that markers begin, and the class that is true in each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from rtbci.types import Marker
from rtbci_ui.status import DecoderStatus


@dataclass(frozen=True, slots=True)
class TrialSpan:
    """A trial on the source's clock, in seconds, and the number of the class that its marker stands for."""

    start: float
    stop: float
    truth: int


def trials(decoder: DecoderStatus, markers: Iterable[Marker]) -> list[TrialSpan]:
    """The trials that ``markers`` begin, in their order; none where the session does not say what a trial is."""
    if len(decoder.trial) != 2:
        return []
    start, stop = decoder.trial
    return [
        TrialSpan(marker.time + start, marker.time + stop, decoder.labels[marker.label])
        for marker in markers
        if marker.label in decoder.labels
    ]
