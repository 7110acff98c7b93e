"""What may be shown to the participant at this instant, and what must be said instead; without Qt."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from rtbci_ui.feed import DecisionFeed, Freshness
from rtbci_ui.run import Run
from rtbci_ui.status import DecoderStatus
from rtbci_ui.truth import running


class Mood(Enum):
    """Whether what is shown holds now."""

    WAITING = "waiting"
    LIVE = "live"
    PAUSED = "paused"
    ENDED = "ended"


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """The decision that counts, and the cue.

    Attributes
    ----------
    mood, words : whether it holds; where it does not, why, in plain words for a participant.
    decoder : name of the one in charge. classes : its classes. rest : those that no marker means (idle).
    posterior : (n_classes,) accumulated probabilities of the newest decision, or None before the first.
    answer : the class that is claimed, -1: none.
    truth : the class of the trial that goes on, -1 where markers tell of none.
    """

    mood: Mood
    words: str
    decoder: str = ""
    classes: tuple[str, ...] = ()
    rest: frozenset[int] = frozenset()
    posterior: NDArray[np.float64] | None = None
    answer: int = -1
    truth: int = -1

    @property
    def live(self) -> bool:
        """Whether what is shown holds now."""
        return self.mood is Mood.LIVE


def in_charge(run: Run) -> DecoderStatus | None:
    """The decoder whose answers count: the one in charge, or the first where the session does not say."""
    status = run.status
    if status is None or not status.decoders:
        return None
    return next((decoder for decoder in status.decoders if decoder.name == status.charge), status.decoders[0])


def pause(run: Run, freshness: Freshness | None, decoder: DecoderStatus | None) -> tuple[Mood, str]:
    """Whether a decision of this ``freshness`` holds, and what is to be said where it does not.

    ::

        WAITING ──first decision──► LIVE ◄──fresh again── PAUSED
                                     │ └──too old, session silent, decoding stopped, replay paused──► PAUSED
                                     └──the session ends──► ENDED
    """
    status = run.status
    if status is not None and status.state == "ended":
        return Mood.ENDED, "The session has ended"
    if status is None or decoder is None:
        return Mood.WAITING, "Waiting for the decoder"
    if run.stale_for is not None:
        return Mood.PAUSED, "Paused: the session does not answer"
    if status.state == "lost":
        return Mood.PAUSED, "Paused: the signal is lost"
    if decoder.state == "stopped":
        return Mood.PAUSED, "Paused: decoding is stopped"
    if freshness is None:
        return Mood.WAITING, "Waiting for the first decision"
    if status.clock_rate == 0.0:
        return Mood.PAUSED, "Paused"
    if freshness.stale:
        return Mood.PAUSED, "Paused: no fresh signal"
    return Mood.LIVE, ""


def scene(run: Run) -> Scene:
    """Look at the decoder in charge."""
    decoder, now = in_charge(run), run.now()
    feed: DecisionFeed | None = run.feeds.get(decoder.name) if decoder is not None else None
    if feed is not None and decoder is not None:
        feed.locked = decoder.hop is None
    mood, words = pause(run, feed.freshness(now) if feed is not None else None, decoder)
    if decoder is None or feed is None or feed.newest is None:
        return Scene(mood, words)
    trial = running(decoder, run.markers, now) if mood is Mood.LIVE else None
    labelled = set(decoder.labels.values())
    rest = frozenset(range(len(feed.classes))) - labelled if labelled else frozenset()
    return Scene(
        mood,
        words,
        decoder.name,
        feed.classes,
        rest,
        np.exp(feed.newest.evidence),
        feed.newest.answer,
        trial.truth if trial is not None else -1,
    )
