"""Pause and look back: which page of the session is shown, and where its samples come from. No Qt."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rtbci.ring import Ring
from rtbci.types import Marker
from rtbci_ui import scales, wording
from rtbci_ui.picture import Picture
from rtbci_ui.traces.past import PastReader, Piece, Recordings


class Looking:
    """The page that a picture shows.

    ::

        live --pause()--> paused, the page as it was --seek()--> fetching --refresh()--> paused, another page
          ^                        |                                                         |
          +------- resume() -------+---------------------------------------------------------+

    Attributes
    ----------
    paused : whether the picture stands still. away : whether it shows another page than the one at which it was paused.
    markers : markers of the page, while away.
    """

    def __init__(
        self,
        picture: Picture,
        ring: Ring,
        rate: float,
        markers: Sequence[Marker],
        recordings: Recordings,
    ) -> None:
        self._picture, self._ring, self._rate = picture, ring, rate
        self._all_markers = markers
        self._recordings = recordings
        self._past = PastReader(ring, rate)
        self._recorded = (0, 0)
        self._problem = ""
        self._wanted = 0
        self._note = ""
        self.paused = False
        self.away = False
        self.markers: Sequence[Marker] = ()

    def pause(self) -> None:
        """Keep the page that is shown; its samples are copied while it stands still."""
        if self.paused:
            return
        self.paused = True
        self._picture.positions.refresh()
        self._wanted = self._picture.head
        self._past.keep(*self._picture.page_samples(), self._recordings)
        self._past.prepare(self._recordings)

    def resume(self) -> None:
        """Show the newest samples again."""
        self._past.forget()
        self._picture.release()
        self.paused = self.away = False
        self._note = ""
        self.markers = ()

    def move(self, pages: float) -> None:
        """Go ``pages`` pages on, or back where it is negative."""
        if not self.paused:
            self.pause()
        self._go(self._wanted + round(pages * self._picture.width))

    def seek(self, seconds: float) -> None:
        """Show the page in whose middle ``seconds`` since the stream began stand."""
        if not self.paused:
            self.pause()
        self._go(round(seconds * self._rate / self._picture.step + self._picture.width / 2))

    def again(self) -> None:
        """Another size or time base: fetch the samples of the page that ends where this one does."""
        self._wanted = self._picture.head
        self._ask()

    def _go(self, head: int) -> None:
        oldest, newest = self.span
        first = math.ceil(oldest * self._rate / self._picture.step) + self._picture.width
        last = int(newest * self._rate / self._picture.step) + 1
        self._note = ""
        if head < min(first, last):
            self._note = self._beginning()
        head = max(min(head, last), min(first, last))
        if head == self._picture.head and not self._past.busy:
            return
        self.away = True
        self._wanted = head
        self._ask()

    def _ask(self) -> None:
        start, stop = self._picture.page_samples(self._wanted)
        self._past.ask(start, stop, self._wanted, self._recordings)

    def refresh(self) -> bool:
        """Show what was fetched; say whether there is another page."""
        piece = self._past.answer()
        if piece is None or not self.paused:
            return False
        if piece.head is None:
            self._picture.hold(piece.still, None, piece.baseline)
            return False
        self._recorded, self._problem = piece.recorded, piece.problem
        self._picture.positions.refresh()
        self._picture.hold(piece.still, piece.head, piece.baseline)
        self._picture.refresh()
        self.markers = self._markers_of(piece)
        return True

    def _markers_of(self, piece: Piece) -> list[Marker]:
        """Those in the recording, and those that are not there yet."""
        if piece.still.capacity == 0:
            return list(piece.markers)
        times = piece.still.view(piece.still.oldest, piece.still.written)[1]
        known = {(marker.time, marker.label) for marker in piece.markers}
        newer = [m for m in self._all_markers if times[0] <= m.time <= times[-1] and (m.time, m.label) not in known]
        return sorted([*piece.markers, *newer], key=lambda marker: marker.time)

    @property
    def recorded(self) -> bool:
        """Whether there is, or seems to be, a recording to look into."""
        return bool(self._recorded[1]) or (self._recordings.known and not self._problem)

    @property
    def span(self) -> tuple[float, float]:
        """Seconds since the stream began of the oldest sample that can be shown, and of the newest."""
        written = self._ring.written
        if written == 0:
            return 0.0, 0.0
        oldest = self._picture.safe()
        if self._recorded[1]:
            oldest = min(oldest, self._recorded[0])
        elif self.recorded:
            oldest = 0
        positions = self._picture.positions
        return positions.of(oldest) / self._rate, positions.of(written - 1) / self._rate

    def _beginning(self) -> str:
        if self._problem:
            return self._problem
        oldest, newest = self.span
        if oldest == 0.0:
            return "this is where the session begins"
        if self.recorded:
            return "this is where the recording begins"
        return f"nothing is recorded: only the last {wording.duration(newest - oldest)} can be shown"

    @property
    def words(self) -> list[str]:
        """What a person must know while the picture stands still: nothing while it is live."""
        if not self.paused:
            return []
        at = scales.page_label(int(self._picture.head * self._picture.step / self._rate))
        if not self.away:
            return [f"PAUSED at {at} · Space resumes · ← looks back"]
        live = scales.page_label(int(self.span[1]))
        words = [f"LOOKING BACK at {at} – live is at {live} · Esc/End returns"]
        if self._past.busy:
            words.append("reading the recording…")
        elif self._note:
            words.append(self._note)
        elif self._problem:
            words.append(self._problem)
        return words

    def close(self) -> None:
        """Let go of the recording."""
        self._past.close()
