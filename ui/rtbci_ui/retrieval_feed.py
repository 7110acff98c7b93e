"""What one decoder found in a bank, as the screen needs it: newest candidates, trials with their ranks, the drawn picture.

Three files of the run folder are followed, each from when it appears::

    NAME.retrieved.ring  ─► newest, recent       looked at in every frame
    NAME.found.jsonl     ─► session              read on in every frame
    NAME.rendered, renderer.json ─► rendered     looked at ten times a second

A ring that another one has replaced (a worker that was started again with another bank) is let go, and the new one followed.
"""

from __future__ import annotations

import json
import math
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rtbci import rendered
from rtbci.bank import Bank
from rtbci.errors import BankError, Overrun
from rtbci.rendered import Rendered
from rtbci.retrieved import Found, RetrievedRing
from rtbci.runfolder import RunFolder, read_json
from rtbci.types import Marker, Retrieved
from rtbci_ui.feed import EVENT_PATIENCE, Freshness
from rtbci_ui.followed import BYTES_AT_ONCE, Lines, identity
from rtbci_ui.tallies import Session

RECENT = 256
"""Retrievals that are kept: what a drawn picture was drawn of lies seconds back."""
RENDER_PATIENCE = 10.0
"""Seconds beyond the time that drawing took after which a drawn picture is stale."""


MARKERS = 64
"""Newest markers among which the one of the trial that goes on is looked for."""


class RetrievalFeed:
    """Follows what one decoder retrieves.

    Attributes
    ----------
    patience : seconds after which a retrieval is stale; whoever knows how often decisions come sets it.
    markers, trial : the session's markers, and from when to when after one a trial lasts; whoever knows them sets them.
    ring : the ring, or None before it is there. bank : its bank, or None where that cannot be opened: `problem` says why.
    newest : the newest retrieval. recent : the last ones, oldest first.
    session : trials and sums. rendered : the newest drawn picture. renderer : how its renderer is doing.
    looked, told, drawn : how often there was something new in the ring, among the trials, of the renderer.
    """

    def __init__(self, name: str, folder: RunFolder) -> None:
        self.name = name
        self.folder = folder
        self.patience = EVENT_PATIENCE
        self.markers: Sequence[Marker] = ()
        self.trial: tuple[float, ...] = ()
        self.ring: RetrievedRing | None = None
        self.bank: Bank | None = None
        self.problem = ""
        self.newest: Retrieved | None = None
        self.recent: deque[Retrieved] = deque(maxlen=RECENT)
        self.session = Session()
        self.rendered: Rendered | None = None
        self.renderer: Mapping[str, Any] = {}
        self.looked = self.told = self.drawn = 0
        self._says: Mapping[str, Any] = {}
        self._said_of: Mapping[str, Any] = {}
        self._seen = 0
        self._ring_file = 0
        self._found = Lines(folder.found(name))
        self._waiting: deque[bytes] = deque()
        self._marks: dict[Path, tuple[int, int]] = {}

    def refresh(self) -> None:
        """Take in what is new in the ring and among the trials."""
        if self.ring is not None and self.ring.count != self._seen:
            self._follow(self.ring)
        fresh = self._found.new()
        if self._found.began_anew:
            self.session = Session()
            self._found.began_anew = False
            self._waiting.clear()
            self.told += 1
        self._waiting.extend(fresh)
        budget, behind = BYTES_AT_ONCE, bool(self._waiting)
        while self._waiting and budget > 0:
            line = self._waiting.popleft()
            budget -= len(line)
            try:
                self.session.add(_found(line))
            except (ValueError, TypeError, KeyError) as error:
                self.problem = (
                    f"a line of {self.folder.found(self.name).name} cannot be read ({error}); it counts nowhere"
                )
        self.told += behind and not self._waiting  # nothing is shown as all there is while there is more

    @property
    def slides(self) -> bool:
        """Whether windows are locked to no marker."""
        return self.newest is not None and math.isnan(self.newest.marker_time)

    def hear(self, renderer: Mapping[str, Any] | None) -> None:
        """Take what the session says of its renderer: one that was killed cannot say so itself."""
        self._said_of = renderer or {}

    def look(self) -> None:
        """See whether files have appeared or been replaced. Raises OSError, ValueError or RtbciError of a damaged one."""
        self._find_ring()
        self._found.look()
        path = self.folder.renderer
        if (mark := identity(path)) != self._marks.get(path, (0, 0)):
            self._says = read_json(path) or {}
            self._marks[path] = mark
        doing = {**self._says, **self._said_of}
        if doing != self.renderer:
            self.renderer = doing
            self.drawn += 1
        path = self.folder.rendered(self.name)
        if (mark := identity(path)) != self._marks.get(path, (0, 0)):
            self.rendered = rendered.read(path) or self.rendered
            self._marks[path] = mark
            self.drawn += 1

    def freshness(self, now: float) -> Freshness | None:
        """How old the newest retrieval is at ``now`` on the source's clock; None before the first."""
        if self.newest is None:
            return None
        age = now - self.newest.signal_time
        return Freshness(age, age > self.patience)

    def rendered_freshness(self, now: float) -> Freshness | None:
        """How old the window is that was drawn; None before the first picture."""
        picture = self.rendered
        if picture is None:
            return None
        age = now - picture.signal_time
        return Freshness(age, age > RENDER_PATIENCE + picture.ready_time - picture.asked_time)

    def truth(self) -> tuple[int, int, int]:
        """Item that was shown at the end of the newest window, its rank, and repeats behind that; (-1, 0, 0): not known.

        A window that is locked to a marker knows it. Of one that slides the trial does in which it ends; the rank is then
        that among the candidates that are shown, 0 where it is none of them.
        """
        newest = self.newest
        if newest is None:
            return -1, 0, 0
        if newest.truth >= 0:
            return newest.truth, newest.rank, newest.repeats
        item = self._marked(newest.signal_time) if self.slides else -1
        if item < 0:
            return -1, 0, 0
        mine = newest.cosines[newest.items == item]
        return item, int((newest.cosines >= mine[0]).sum()) if len(mine) else 0, 1

    def _marked(self, time: float) -> int:
        """The item whose trial lasts at ``time``, -1 where none does: the newest marker that names one decides."""
        if self.bank is None or len(self.trial) != 2:
            return -1
        for marker in reversed(self.markers[-MARKERS:]):
            item = self.bank.find(marker.label) if marker.time <= time else None
            if item is not None:
                return item if time <= marker.time + self.trial[1] else -1
        return -1

    def drawn_of(self) -> int:
        """Item that was shown in the window that was drawn, or -1."""
        picture = self.rendered
        if picture is None:
            return -1
        return next((r.truth for r in reversed(self.recent) if r.stop == picture.stop), -1)

    def name_of(self, item: int) -> str:
        """How the item is called on the screen: caption, or id, or its number where the bank is not open."""
        if self.bank is None or not 0 <= item < len(self.bank.items):
            return f"item {item}"
        found = self.bank.items[item]
        return found.caption or found.id

    def close(self) -> None:
        """Let go of files."""
        self._found.close()
        if self.ring is not None:
            self.ring.close()

    def _follow(self, ring: RetrievedRing) -> None:
        try:
            fresh, seen = ring.follow(max(self._seen, ring.count - RECENT))
        except Overrun:
            return  # the worker writes faster than we look: try again at the next frame
        self._seen = seen
        self.recent.extend(fresh)
        if fresh:
            self.newest = fresh[-1]
            self.looked += 1

    def _find_ring(self) -> None:
        path = self.folder.retrieved(self.name)
        file, _ = identity(path)
        if not file or file == self._ring_file:
            return
        ring = RetrievedRing.attach(path)
        if self.ring is not None:
            self.ring.close()
        if self.bank is None or self.ring is None or ring.bank != self.ring.bank:
            self.newest = None  # numbers of items mean others now
            self.recent.clear()
            self._open(ring)
        self.ring, self._ring_file, self._seen = ring, file, 0
        self.looked += 1

    def _open(self, ring: RetrievedRing) -> None:
        self.bank, self.problem = None, ""
        try:
            bank = Bank.open(ring.bank)
        except (BankError, OSError) as error:
            self.problem = str(error)
            return
        if len(bank.items) != ring.n_items:
            self.problem = (
                f"{ring.bank} has {len(bank.items)} items, the decoder's had {ring.n_items}; names are left out"
            )
            return
        self.bank = bank


def _found(line: bytes) -> Found:
    found = Found.from_json(json.loads(line))
    if not 1 <= found.rank <= found.candidates:
        raise ValueError(f"rank {found.rank} of {found.candidates}")
    return found
