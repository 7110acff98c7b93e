"""The clock of a source that is played, as the processes of its session see it: in the header of the raw ring.

A live source's clock is the monotonic one and an offset. A player's runs at a speed of its own, stands still and jumps, so
it is written down whenever that changes: when it showed which time, and by how much it goes on in a second.
"""

from __future__ import annotations

import time

from rtbci.ring import Ring

_TURNS, _AT, _TIME, _RATE = 48, 56, 64, 72
"""Words of the ring's header: odd while the others are being written; monotonic ns; the clock's ns; rate in millionths."""


class SharedClock:
    """The clock in the header of ``ring``; the acquisition writes it, anybody reads it."""

    def __init__(self, ring: Ring) -> None:
        self._ring = ring
        self._told: tuple[float, float, float] | None = None

    def tell(self, at: float, seconds: float, rate: float) -> None:
        """At monotonic time ``at`` the clock shows ``seconds``, and goes on ``rate`` times as fast."""
        if (told := (at, seconds, rate)) == self._told:
            return
        self._told = told
        turns = self._ring.word(_TURNS)
        self._ring.set_word(_TURNS, turns + 1)
        self._ring.set_word(_AT, round(at * 1e9))
        self._ring.set_word(_TIME, round(seconds * 1e9))
        self._ring.set_word(_RATE, round(rate * 1e6))
        self._ring.set_word(_TURNS, turns + 2)

    def now(self) -> float | None:
        """The time that it shows, in seconds; None where nobody writes it: it is the monotonic clock then."""
        word = self._ring.word
        while turns := word(_TURNS):
            at, seconds, rate = word(_AT), word(_TIME), word(_RATE)
            if turns % 2 == 0 and word(_TURNS) == turns:
                return seconds / 1e9 + (time.monotonic() - at / 1e9) * (rate / 1e6)
        return None
