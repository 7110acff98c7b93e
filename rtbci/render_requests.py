"""Which embedding is drawn next: the newest one; and when a picture that is being drawn is given up for it.

::

    requests  1a 1b 1c  2a 2b                    (1, 2: markers; letters: windows of one marker, or of a stream that slides)
    drawn     1a------> 2a-(1b, 1c overtaken)

Windows of one marker, or of a stream that slides, say more of the same: a picture that is begun is finished, and the newest
comes next. Given up it would never be: decisions come ten times a second, a picture takes a second. Another marker shows
another thing: what is being drawn is given up for it, though not twice in a row, or a fast series would show nothing at all.
"""

from __future__ import annotations

import math
from pathlib import Path

from rtbci.errors import Overrun, RecordingError
from rtbci.retrieved import RetrievedRing
from rtbci.types import Retrieved


class Requests:
    """The newest retrieval of one decoder, as a renderer asks for it.

    Parameters
    ----------
    path : of the decoder's ring, which may not be there yet.

    Attributes
    ----------
    overtaken : retrievals that were never drawn to the end because a newer one came.
    """

    def __init__(self, path: Path) -> None:
        self.overtaken = 0
        self._path = path
        self._ring: RetrievedRing | None = None
        self._taken = 0
        self._current: Retrieved | None = None
        self._gave_up = False

    def next(self) -> Retrieved | None:
        """The newest retrieval that was not handed out before, or None while there is none."""
        ring = self._attached()
        if ring is None or (count := ring.count) == self._taken:
            return None
        newest = _newest(ring)
        if newest is None:
            return None
        self.overtaken += max(0, count - self._taken - 1)
        self._taken, self._current = count, newest
        return newest

    def go_on(self) -> bool:
        """Whether what `next` gave last is still worth drawing to the end."""
        ring, current = self._ring, self._current
        if ring is None or current is None or ring.count == self._taken or self._gave_up:
            return True
        newest = _newest(ring)
        return newest is None or _same_marker(newest.marker_time, current.marker_time)

    def done(self, drawn: bool) -> None:
        """Note whether the picture was ``drawn`` to its end."""
        self._gave_up = not drawn
        self.overtaken += not drawn

    def close(self) -> None:
        """Let go of the ring."""
        if self._ring is not None:
            self._ring.close()
            self._ring = None

    def _attached(self) -> RetrievedRing | None:
        if self._ring is None and self._path.exists():
            try:
                self._ring = RetrievedRing.attach(self._path)
            except RecordingError:  # gone again with its session
                return None
        return self._ring


def _newest(ring: RetrievedRing) -> Retrieved | None:
    try:
        return ring.newest()
    except Overrun:  # this process slept for as long as the ring holds: the next look finds a newer one
        return None


def _same_marker(a: float, b: float) -> bool:
    return a == b or (math.isnan(a) and math.isnan(b))
