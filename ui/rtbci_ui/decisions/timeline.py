"""What one decoder has said over minutes, and what was true meanwhile, ready to be drawn; without Qt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rtbci.charge import Switch
from rtbci.types import Gap, Marker
from rtbci_ui.decisions.history import BINS, SPANS, Course
from rtbci_ui.feed import DecisionFeed
from rtbci_ui.status import DecoderStatus
from rtbci_ui.truth import trials

Floats = NDArray[np.float64]

LIKELIEST = -1
"""In place of a class: the likeliest one, whichever it is."""


@dataclass(frozen=True, slots=True)
class Curve:
    """A class (or `LIKELIEST`) over time: ``x`` (n,) seconds before now, negative; ``y`` (n,), NaN where it is broken."""

    index: int
    x: Floats
    y: Floats


@dataclass(frozen=True, slots=True)
class Shade:
    """Something that lasted, in seconds before now: a trial of class ``index``, or, with -1, a gap in the stream."""

    start: float
    stop: float
    index: int
    text: str


@dataclass(frozen=True, slots=True)
class Claim:
    """A stretch in which one class was claimed, or, with -1, nothing."""

    start: float
    stop: float
    index: int


@dataclass(frozen=True, slots=True)
class Takeover:
    """At ``at`` seconds before now decoder ``new`` was put in charge, in place of ``old``."""

    at: float
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Timeline:
    """All that a timeline shows; times in seconds before now, 0 is now.

    ``silent_from`` is when the newest decision was, if that is too long ago (it may lie before the stretch), else None;
    ``threshold`` and ``chance`` are probabilities, ``threshold`` None where no class is claimed by one.
    """

    span: float
    curves: tuple[Curve, ...] = ()
    shades: tuple[Shade, ...] = ()
    claims: tuple[Claim, ...] = ()
    threshold: float | None = None
    chance: float | None = None
    silent_from: float | None = None
    takeovers: tuple[Takeover, ...] = ()


def next_span(span: float) -> float:
    """The next longer stretch; after the longest, the shortest."""
    return SPANS[(SPANS.index(span) + 1) % len(SPANS)]


def timeline(
    feed: DecisionFeed | None,
    decoder: DecoderStatus,
    markers: Sequence[Marker],
    gaps: Sequence[Gap],
    now: float,
    span: float,
    *,
    switches: Sequence[Switch] = (),
    stale: bool = False,
) -> Timeline:
    """What the last ``span`` seconds (one of `SPANS`) before ``now`` hold."""
    shades = [*_trials(decoder, markers, now, span), *_gaps(gaps, now, span)]
    takeovers = tuple(Takeover(one.time - now, one.old, one.new) for one in switches if now - span < one.time <= now)
    if feed is None:
        return Timeline(
            span, shades=tuple(shades), threshold=decoder.threshold, chance=decoder.chance, takeovers=takeovers
        )
    course = feed.history.course(now, span)
    newest = feed.newest
    return Timeline(
        span,
        _curves(feed, course, now, span),
        tuple(shades),
        tuple(_claims(feed, course, now, span)),
        decoder.threshold,
        decoder.chance or 1.0 / len(feed.classes),
        newest.signal_time - now if stale and newest is not None else None,
        takeovers,
    )


def _curves(feed: DecisionFeed, course: Course, now: float, span: float) -> tuple[Curve, ...]:
    if feed.history.per_class and span == SPANS[0]:  # every decision, where it was
        times, rows = feed.times - now, feed.evidence
    else:
        places = np.flatnonzero(_breaks(course, max(feed.patience, 2.0 * span / BINS)))
        times = np.insert(course.times, places, course.times[places] - 1e-6) - now
        rows = np.insert(course.posterior, places, np.nan, axis=0)
    if not feed.history.per_class:
        return (Curve(LIKELIEST, times, rows[:, 0]),)
    return tuple(Curve(k, times, rows[:, k]) for k in feed.likeliest())


def _breaks(course: Course, longest: float) -> NDArray[np.bool_]:
    """Where a curve is broken, because something is missing or nothing came for long."""
    if not len(course.times):
        return np.zeros(0, bool)
    return course.broken | (np.diff(course.times, prepend=course.times[0]) > longest)


def _claims(feed: DecisionFeed, course: Course, now: float, span: float) -> list[Claim]:
    """Neighbours that claim the same, together; of a bin in which most abstained, nothing."""
    reach = max(feed.hop, span / BINS)  # seconds for which a decision, or a bin of them, stands
    if span == SPANS[0]:  # every decision, where it was
        times, _, _, said = feed.history.singly()
        times, said = times[times > now - span], said[times > now - span]
    else:
        times, said = course.times, np.where(course.abstained >= 0.5, -1, course.claims)
    found: list[Claim] = []
    for time, index in zip((times - now).tolist(), said.tolist(), strict=True):
        near = bool(found) and time - found[-1].stop <= 2.5 * reach
        if near and found[-1].index == index:
            found[-1] = Claim(found[-1].start, time, index)
        else:
            found.append(Claim(found[-1].stop if near else time - reach, time, index))
    return found


def _trials(decoder: DecoderStatus, markers: Sequence[Marker], now: float, span: float) -> list[Shade]:
    longest = decoder.trial[1] if len(decoder.trial) == 2 else 0.0
    recent = [marker for marker in markers if marker.time > now - span - longest]
    found = []
    for trial in trials(decoder, recent):
        if trial.start < now and trial.stop > now - span:
            name = decoder.classes[trial.truth] if trial.truth < len(decoder.classes) else ""
            start, stop = max(trial.start - now, -span), min(trial.stop - now, 0.0)
            found.append(Shade(start, stop, trial.truth, name))
    return found


def _gaps(gaps: Sequence[Gap], now: float, span: float) -> list[Shade]:
    return [
        Shade(max(gap.before - now, -span), min(gap.after - now, 0.0), -1, "gap")
        for gap in gaps
        if gap.after > now - span and gap.before < now
    ]
