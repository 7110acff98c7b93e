"""The ring of a running session as a source: what a worker's pipeline reads live, where a replay reads a recording."""

from __future__ import annotations

import time
from collections.abc import Sequence

from rtbci.errors import Overrun
from rtbci.ring import CLOSED, Ring
from rtbci.runfolder import MarkerReader, RunFolder
from rtbci.sources.shared_clock import SharedClock
from rtbci.types import Marker, Samples, StreamInfo, Times

POLL_SECONDS = 0.0004
"""Between two looks at the ring's counter: a tenth of the shortest hop in use, about 2 % of a core."""
NAP_SECONDS = 0.004
"""Longest sleep while samples are awaited. Without it, a recording played at four times its rate had every seventh
window skipped, because its samples had come long before the nominal rate said so."""
PLAYED_NAP_SECONDS = 0.001
"""The same where a player sends, whose samples may come at any time: as fast as decoders follow is twice as fast so."""


class RingSource:
    """Reads a session's raw ring from sample ``first`` on (None: from the oldest that is there).

    Nobody is told that it reads, and it holds nothing that the session could wait for. ``arrivals`` gives when each
    sample of the last `read` had reached the session.
    """

    def __init__(self, run: RunFolder, first: int | None = None) -> None:
        self._run = run
        self._first = first
        self._ring: Ring | None = None
        self._clock: SharedClock | None = None
        self._markers = MarkerReader(run.markers)
        self.index = 0
        self._offset = 0.0
        self._rate = 1.0
        self.arrivals: Times | None = None

    def open(self) -> StreamInfo:
        """Attach to the ring. Raises RecordingError when no session runs there."""
        info, self._offset = self._run.read_stream()
        self._rate = info.rate
        self._ring = Ring.attach(self._run.raw)
        self._clock = SharedClock(self._ring)
        self.index = self._ring.oldest if self._first is None else self._first
        return info

    @property
    def ring(self) -> Ring:
        """The session's raw ring; `open` comes first."""
        assert self._ring is not None, "open() comes first"
        return self._ring

    @property
    def written(self) -> int:
        """Samples that the session has received so far."""
        return self.ring.written

    def wait_for(self, index: int, timeout: float) -> bool:
        """Wait until sample ``index`` is there: asleep while it cannot be, then in short looks at the counter."""
        end = time.monotonic() + timeout
        longest = NAP_SECONDS if self._clock is None or self._clock.now() is None else PLAYED_NAP_SECONDS
        while (missing := index + 1 - (written := self.written)) > 0:
            left = end - time.monotonic()
            if left <= 0 or self._ended():
                return False
            # samples come in chunks: when the next ones are due follows from when the last came, not from how many are
            # missing. A stream may run faster than its nominal rate, hence half of the way, and not for long; one that is
            # late is looked for ever less often, so that it is noticed within a twentieth of its delay.
            due = missing / self._rate - self._since(written)
            time.sleep(min(left, longest, max(POLL_SECONDS, 0.5 * due, -0.05 * due)))
        return True

    def _since(self, written: int) -> float:
        """Seconds since the newest of ``written`` samples arrived; 0 before the first."""
        if written == 0:
            return 0.0
        try:
            _, _, arrivals = self.ring.view(written - 1, written)
        except Overrun:  # this process was stopped in between for as long as the ring holds
            return 0.0
        return max(0.0, self.now() - float(arrivals[0]))

    def _ended(self) -> bool:
        return self.ring.word(CLOSED) != 0

    def read(self, samples: Samples, times: Times, timeout: float) -> int:
        """Copy what is new since the last call.

        Raises Overrun when the session has overwritten it already, and EOFError when the session's stream has ended.
        """
        if not self.wait_for(self.index, timeout):
            if self._ended() and self.index >= self.written:
                raise EOFError("the session has ended its stream")
            return 0
        n = min(self.written - self.index, len(samples))
        new_samples, new_times, self.arrivals = self.ring.read(self.index, self.index + n)
        samples[:n] = new_samples
        times[:n] = new_times
        self.index += n
        return n

    def markers(self) -> Sequence[Marker]:
        """Markers that the session received since the last call."""
        return self._markers.new()

    def now(self) -> float:
        """The session's clock in seconds: the monotonic one and an offset, or that of a player."""
        played = None if self._clock is None else self._clock.now()
        return time.monotonic() + self._offset if played is None else played

    def close(self) -> None:
        """Detach."""
        self._markers.close()
        if self._ring is not None:
            self._ring.close()
            self._ring = self._clock = None
