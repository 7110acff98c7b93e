"""A recording as a source that is played: at any speed, paused, stepped, sought in, looped. A replay session runs on it.

Its time goes on for ever in one direction, whatever is done. Up to the first seek it is the recording's own; each seek
moves the recording against it, and leaves a step that is a gap by the one rule there is (`rtbci.gaps`): transforms are
primed anew, evidence begins from nothing, no window spans it. Markers are moved with their samples.

A seek begins *before* its place, by as much as filters need to settle and the longest window, and plays that as fast as
the decoders follow, without markers: at the place itself decisions are there and their filters have settled. Where no
transform resamples, it begins so that windows lie on the grid of the whole recording: they are windows of ``rtbci
replay``, and their log-probabilities and evidence those of a pipeline that begins at `PlaybackSource.began`.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rtbci.errors import SourceError
from rtbci.runfolder import replace_json
from rtbci.sources.followers import Followers
from rtbci.sources.play_orders import read_order
from rtbci.sources.reader import Reader
from rtbci.sources.tape import Tape
from rtbci.sources.transport import Manner, Transport
from rtbci.types import Marker, Samples, StreamInfo, Times


class PlaybackSource:
    """Plays a recording as a `rtbci.interfaces.Source`; how it plays stands in `rtbci.sources.transport`.

    `read` and `markers` are the acquisition's; `command` and `playback` may be called from any thread.

    Parameters
    ----------
    open : opens the recording.
    name : what it is called: its path.
    followers : the decoders that it plays to.
    manner : how it begins.
    begun : called once, in the session's own process, before the first sample is given to it.
    notes : what is to be known of numbers that come of it, a sentence each; the session's status has them.
    """

    def __init__(
        self,
        open: Callable[[], Reader],
        name: str,
        followers: Followers,
        manner: Manner | None = None,
        begun: Callable[[], None] = lambda: None,
        notes: Sequence[str] = (),
    ) -> None:
        self._open = open
        self._name = name
        self._followers = followers
        self._manner = manner or Manner()
        self._begun, self._notes = begun, tuple(notes)
        self._changed = threading.Condition()
        self._transport: Transport | None = None
        self._introduced = False

    # ------------------------------------------------------------------ the source

    def open(self) -> StreamInfo:
        """Open the recording. Raises SourceError, also for a start or loop that it does not have."""
        tape = Tape(self._open())
        try:
            transport = Transport(tape, self._name, self._followers, self._manner)
        except SourceError:
            tape.close()
            raise
        with self._changed:
            self._transport = transport
        return tape.info

    @property
    def _opened(self) -> Transport:
        if self._transport is None:
            raise SourceError(f"{self._name} is not open; call open() first")
        return self._transport

    def read(self, samples: Samples, times: Times, timeout: float) -> int:
        """Fill the first rows of ``samples`` (n, n_channels) float32 and ``times`` (n,) float64; say how many.

        Raises EOFError at the end, unless it holds there, and SourceError where the file turns out to be damaged.
        """
        end = time.monotonic() + timeout
        with self._changed:
            transport = self._opened
            self._introduce(transport.tape)
            while True:
                n, wait = transport.due(len(samples))
                if n:
                    transport.play(samples[:n], times[:n])
                    return n
                left = min(wait, end - time.monotonic())
                if left <= 0.0:
                    return 0
                self._changed.wait(left)
                if wait == math.inf:
                    return 0  # whatever was changed, the acquisition tells the clock anew

    def _introduce(self, tape: Tape) -> None:
        """Leave in the run folder what does not change: the length, and where the markers are."""
        if self._introduced or (folder := self._followers.folder()) is None:
            return
        self._introduced = True
        first = float(tape.times[0])
        places = [[round(marker.time - first, 4), marker.label] for marker in tape.markers]
        replace_json(folder.playback, {"recording": self._name, "duration": tape.duration, "markers": places})
        self._begun()

    def markers(self) -> Sequence[Marker]:
        """Markers nearest to the samples played since the last call, moved as these are."""
        with self._changed:
            return self._opened.markers()

    def now(self) -> float:
        """The player's time in seconds: it stands while paused."""
        with self._changed:
            return self._opened.clock.now()

    def close(self) -> None:
        """Close the recording, and let go of the session's rings."""
        with self._changed:
            if self._transport is not None:
                self._transport.tape.close()
                self._transport = None
            self._followers.close()

    # ------------------------------------------------------------------ what the session asks

    @property
    def began(self) -> int:
        """Sample of the recording at which the decoders were last primed anew: a seek's beginning, before its place."""
        with self._changed:
            return self._opened.began

    @property
    def clock(self) -> tuple[float, float, float]:
        """Since when (monotonic seconds) the clock goes on from which time, and how fast."""
        with self._changed:
            return self._opened.clock.line

    @property
    def clock_rate(self) -> float:
        """How many seconds are played in a second: 0 while paused; measured, where it is as many as decoders follow."""
        with self._changed:
            return 1.0 if self._transport is None else self._transport.rate

    @property
    def hurries(self) -> bool:
        """Whether it is on the way to a place, or in a step."""
        with self._changed:
            return self._opened.hurries

    @property
    def holds(self) -> bool:
        """Whether nothing may come for a while though the stream is not lost: it is paused, or waits for a decoder."""
        with self._changed:
            transport = self._opened
            return transport.paused or transport.speed is None or transport.hurries

    def playback(self) -> dict[str, Any] | None:
        """How it is played, for the session's status; None while the recording is not open."""
        with self._changed:
            if (transport := self._transport) is None:
                return None
            return {
                "recording": self._name,
                "position": round(transport.place, 4),
                "duration": round(transport.tape.duration, 4),
                "speed": transport.speed,
                "paused": transport.paused and not transport.steps,
                "ended": transport.ended,
                "loop": None if transport.loop is None else list(transport.loop),
                "seeks": transport.seeks,
                "notes": list(self._notes),
                "faults": {},
            }

    def command(self, command: Mapping[str, Any]) -> dict[str, Any]:
        """Do what `rtbci.sources.play_orders` describes; ``{"error": …}`` where that makes no sense."""
        try:
            order = read_order(command)
            with self._changed:
                self._opened.obey(order)
                self._changed.notify_all()
        except SourceError as error:
            return {"error": str(error)}
        return {"ok": True, "playback": self.playback()}
