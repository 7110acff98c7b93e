"""The decoders of a running session, as who plays a recording to them sees them: whether they have followed.

A worker notes beside its decisions how much of the raw ring it has taken, and decided what was due by then. Who waits for
that, and gives no more at once than one window's hop, has every window decided, as fast as the decoders can.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from rtbci.ring import Ring
from rtbci.runfolder import DecisionRing, RunFolder

PATIENCE_SECONDS = 5.0
"""A decoder that takes nothing for so long, and is not deciding either, is not waited for until it takes something again:
its worker was stopped, or has died and is being restarted."""
EVENT_CHUNK = 0.02
"""Seconds that are given at once to decoders whose windows are locked to markers: they skip none."""


@dataclass(frozen=True, slots=True)
class Pace:
    """When a decoder's windows are due, in samples of the recording.

    ``hop`` is from window to window, None where they are locked to markers; ``window`` the length of one.
    """

    hop: float | None
    window: float

    @property
    def even(self) -> int | None:
        """The hop, where it is a whole number of samples: its windows are then complete on a grid that is known."""
        hop = self.hop
        return round(hop) if hop is not None and hop >= 1.0 and abs(hop - round(hop)) < 1e-9 * hop else None


class _Follower:
    def __init__(self, path: Path, pace: Pace, rate: float) -> None:
        self._path = path
        self._pace = pace
        self._rate = rate
        self._ring: DecisionRing | None = None
        self._taken, self._since, self.gone = -1, 0.0, False

    def ring(self) -> DecisionRing | None:
        if self._ring is None and self._path.exists():
            self._ring = DecisionRing.attach(self._path)
        return self._ring

    def _needed(self, written: int) -> int:
        """Of the first ``written`` samples, as many as complete its newest window; all, where that is not known."""
        hop = self._pace.even
        if hop is None:
            return written
        return written - (written - self._phase()) % hop

    def _phase(self) -> int:
        """A number of samples that completes a window."""
        ring = self.ring()
        newest = None if ring is None else ring.newest()
        return math.ceil(self._pace.window) if newest is None else newest.sample + 1

    def behind(self, written: int) -> bool:
        """Whether a window of it is complete that it has not seen yet, and it is worth waiting for."""
        ring = self.ring()
        taken, now = -1 if ring is None else ring.taken, time.monotonic()
        if taken != self._taken or (ring is not None and ring.busy_seconds() > 0.0):
            self._taken, self._since, self.gone = taken, now, False
        if taken >= self._needed(written):
            return False
        self.gone = self.gone or now - self._since > PATIENCE_SECONDS
        return not self.gone

    def room(self, written: int) -> int:
        """How many more samples complete no more than one of its windows: up to the newest sample of the next one."""
        if self._pace.hop is None:
            return max(1, round(EVENT_CHUNK * self._rate))
        if (hop := self._pace.even) is None:
            return max(1, math.floor(self._pace.hop))
        return hop - (written - self._phase()) % hop

    def close(self) -> None:
        if self._ring is not None:
            self._ring.close()
            self._ring = None


class Followers:
    """The decoders of one session.

    Parameters
    ----------
    paces : when their windows are due, by name, in order.
    rate : samples a second.
    run : gives the session's run folder, None while there is none.
    """

    def __init__(self, paces: Mapping[str, Pace], rate: float, run: Callable[[], RunFolder | None]) -> None:
        self._paces = dict(paces)
        self._rate = rate
        self._run = run
        self._raw: Ring | None = None
        self._all: dict[str, _Follower] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the decoders."""
        return tuple(self._paces)

    def folder(self) -> RunFolder | None:
        """The session's run folder, None while there is none."""
        return self._run()

    def _attached(self) -> Ring | None:
        if self._raw is None:
            folder = self._run()
            if folder is None or not folder.raw.exists():
                return None
            self._raw = Ring.attach(folder.raw)
            self._all = {
                name: _Follower(folder.decisions(name), pace, self._rate) for name, pace in self._paces.items()
            }
        return self._raw

    @property
    def written(self) -> int:
        """Samples in the raw ring so far: what is played next gets this absolute index."""
        ring = self._attached()
        return 0 if ring is None else ring.written

    def behind(self) -> bool:
        """Whether one of them has a window to decide in what is in the raw ring. False where nobody decides."""
        ring = self._attached()
        return ring is not None and any(one.behind(ring.written) for one in self._all.values())

    def room(self) -> int | None:
        """How many samples may be played at once without a window being skipped; None: nobody decides."""
        ring = self._attached()
        if ring is None or not self._all:
            return None
        return min(one.room(ring.written) for one in self._all.values())

    def decided(self, name: str) -> int:
        """Decisions that decoder ``name`` has made."""
        self._attached()
        ring = self._all[name].ring() if name in self._all else None
        return 0 if ring is None else ring.count

    def gone(self, name: str) -> bool:
        """Whether decoder ``name`` has not taken anything for so long that nobody waits for it."""
        return name in self._all and self._all[name].gone

    @property
    def grid(self) -> int:
        """Samples after which the grids of all sliding windows meet again; 1 where they never do."""
        hops = [pace.even for pace in self._paces.values() if pace.hop is not None]
        return math.lcm(*(hop or 1 for hop in hops))

    def close(self) -> None:
        """Let go of the rings."""
        for one in self._all.values():
            one.close()
        self._all = {}
        if self._raw is not None:
            self._raw.close()
            self._raw = None
