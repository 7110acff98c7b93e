"""The trials that markers begin, the class that is true in each, and in the one that goes on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
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


LOOKED_AT = 64
"""Newest markers among which the one of the trial that goes on is looked for."""


def running(decoder: DecoderStatus, markers: Sequence[Marker], now: float) -> TrialSpan | None:
    """The trial that goes on at ``now``, from its marker on; of several that overlap, the one that began last."""
    going = [span for span in trials(decoder, markers[-LOOKED_AT:]) if span.start - decoder.trial[0] <= now < span.stop]
    return max(going, key=lambda span: span.start, default=None)
