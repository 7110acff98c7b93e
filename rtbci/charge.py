"""Which of several decoders is in charge: its answers count, the others run beside it in shadow.

All decoders decide on the same windows; feedback and the outlet follow one of them. A wish to put another in charge waits
for the boundary of a trial, so that no trial is answered half by one decoder and half by another::

    settled ──ask(other)──► waiting ──update(no trial that the wish found is running)──► settled, a `Switch` richer
                             │  ▲
              ask(in charge) ▼  └─ask(a third)
                           settled

There is no clock and no file here: the session says what time it is and whether a trial runs (`trial_runs`). Wishes come
from the threads that answer commands, `update` from the session's main loop: a lock keeps each of them whole.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rtbci.errors import DecoderError


@dataclass(frozen=True, slots=True)
class Switch:
    """At ``time`` (seconds of the source's clock) ``new`` took over from ``old``."""

    time: float
    old: str
    new: str

    def as_json(self) -> dict[str, float | str]:
        """A line of a log: {"time", "from", "to"}."""
        return {"time": self.time, "from": self.old, "to": self.new}


class Charge:
    """Keeps which decoder is in charge.

    Parameters
    ----------
    names : the decoders, at least one.
    first : the one that begins; the first of ``names`` where it is "".

    Attributes
    ----------
    decoder : the one in charge.
    next : the one that waits for a trial boundary, or None.
    asked : since when it waits: the time of the first `update` after the wish, or None.
    switches : every switch so far, oldest first.

    Raises
    ------
    rtbci.errors.DecoderError : ``first``, or a name that is asked for, is no decoder of this session.
    """

    def __init__(self, names: Sequence[str], first: str = "") -> None:
        if not names:
            raise DecoderError("no decoder can be in charge where there is none; at least one name would be right")
        self.names = tuple(names)
        self.decoder = self._known(first or self.names[0])
        self.next: str | None = None
        self.asked: float | None = None
        self.switches: list[Switch] = []
        self._turn = threading.Lock()

    def _known(self, name: str) -> str:
        if name not in self.names:
            there = ", ".join(f'"{known}"' for known in self.names)
            raise DecoderError(f'there is no decoder "{name}" that could be in charge; one of {there} would be right')
        return name

    def ask(self, name: str) -> None:
        """Wish for ``name``, in place of an older wish, whose waiting it inherits; the one in charge withdraws it."""
        self._known(name)
        with self._turn:
            wanted = None if name == self.decoder else name
            if wanted is None or self.next is None:
                self.asked = None
            self.next = wanted

    def update(self, now: float, running: bool) -> bool:
        """Switch if somebody waits and no trial is ``running``; say whether it happened.

        Called as often as the session looks around: a switch is that late at most.
        """
        with self._turn:
            if self.next is None:
                return False
            if self.asked is None:
                self.asked = now
            if running:
                return False
            self.switches.append(Switch(now, self.decoder, self.next))
            self.decoder, self.next, self.asked = self.next, None, None
            return True


def trial_runs(now: float, marker_times: Iterable[float], stop: float, asked: float | None = None) -> bool:
    """Whether a trial runs at ``now``: from its marker on (not from its start), until ``stop`` seconds after it.

    Parameters
    ----------
    marker_times : times of recent markers that stand for a class, in any order, seconds of the source's clock.
    stop : seconds from the marker to the end of its trial.
    asked : `Charge.asked`. Only trials whose marker came until then hold a wish back: where trials follow each other
        without a pause, or overlap (epochs of 0.8 s, a marker every 0.2 s), there would never be a boundary else.
    """
    latest = now if asked is None else min(now, asked)
    return any(time <= latest and now < time + stop for time in marker_times)
