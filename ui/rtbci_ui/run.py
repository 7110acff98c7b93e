"""A running session, seen from outside: everything in its run folder that has appeared so far.

Attaching happens piece by piece, because the pieces appear one after the other::

    status.json ─► stream.json and raw.ring ─► markers.jsonl ─► NAME.ring of each decoder
      ─► NAME.retrieved.ring of those that look in a bank ─► (folder gone)
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from rtbci.errors import RecordingError, RtbciError
from rtbci.ring import Ring
from rtbci.runfolder import DecisionRing, MarkerReader, RunFolder, read_json
from rtbci.types import Marker, StreamInfo
from rtbci_ui.banner import Banner, alive, banner
from rtbci_ui.feed import DecisionFeed
from rtbci_ui.retrieval_feed import RetrievalFeed
from rtbci_ui.status import STALE_SECONDS, Status, read_status

STATUS_SECONDS = 0.1
"""The status file is looked at as often as it is written."""
PATIENCE_SECONDS = 1.0
MARKERS = 4096
"""Markers that are kept for the screen: hours of trials, minutes of a fast oddball."""


class Run:
    """Looks at a run folder; never waits, and never fails because something is not there (yet, or any more).

    Attributes
    ----------
    status : the newest status, or None before the first.
    info, ring : the stream and its samples, or None before they are there.
    markers : the newest 4096 markers, in order of arrival.
    feeds : decisions by decoder name.
    retrievals : what was found in a bank, by decoder name; decoders without embeddings are not among them.
    there : whether the run folder exists.
    problem : the last thing that could not be read, or "".
    """

    def __init__(self, path: Path, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.folder = RunFolder(path)
        self.monotonic = monotonic
        self.status: Status | None = None
        self.info: StreamInfo | None = None
        self.ring: Ring | None = None
        self.markers: list[Marker] = []
        self.feeds: dict[str, DecisionFeed] = {}
        self.retrievals: dict[str, RetrievalFeed] = {}
        self.there = path.is_dir()
        self.problem = ""
        self._failing_since: float | None = None
        self._offset = 0.0
        self._reader = MarkerReader(self.folder.markers)
        self._looked = -1.0
        self._alive: bool | None = None
        self._renderer: dict[str, Any] | None = None

    def now(self) -> float:
        """The time on the source's clock, in seconds; it stands still where the session has ended or a replay is paused."""
        status = self.status
        if status is not None and status.time is not None:
            if status.state == "ended":
                return status.time
            if status.playback is not None and status.written is not None:  # a player's clock has a speed of its own
                since = min(self.monotonic() - status.written, STALE_SECONDS)
                return status.time + since * status.clock_rate
        return self.monotonic() + self._offset

    def refresh(self) -> None:
        """Look again: markers and decisions at every call, the small files ten times a second."""
        self.markers.extend(self._reader.new())
        del self.markers[:-MARKERS]
        for feed in self.feeds.values():
            feed.refresh()
        for retrieval in self.retrievals.values():
            retrieval.refresh()
        now = self.monotonic()
        if now - self._looked < STATUS_SECONDS:
            return
        self._looked = now
        try:
            self._look()
        except (OSError, ValueError, KeyError, RtbciError) as error:
            # a file that is being made is incomplete for an instant: only what stays wrong is worth a word
            self._failing_since = now if self._failing_since is None else self._failing_since
            self.problem = str(error) if now - self._failing_since > PATIENCE_SECONDS else ""
        else:
            self._failing_since, self.problem = None, ""

    def _look(self) -> None:
        self.there = self.folder.path.is_dir()
        if not self.there:
            self._alive = None
            self._hear_the_end()
            return
        fields = read_json(self.folder.status)
        if fields is not None:
            self.status = read_status(fields)
            self._renderer = fields.get("renderer")
        if self.info is None and self.folder.stream.exists() and self.folder.raw.exists():
            info, self._offset = self.folder.read_stream()
            ring = Ring.attach(self.folder.raw)
            if ring.n_channels != info.n_channels:
                raise RecordingError(
                    f"{self.folder.raw} has {ring.n_channels} channels, stream.json {info.n_channels}; they should agree"
                )
            self.info, self.ring = info, ring
        if self.status is None:
            return
        for decoder in self.status.decoders:
            if decoder.name not in self.feeds and self.folder.decisions(decoder.name).exists():
                self.feeds[decoder.name] = DecisionFeed(
                    decoder.name, DecisionRing.attach(self.folder.decisions(decoder.name))
                )
            if decoder.name in self.feeds:
                self.feeds[decoder.name].locked = decoder.hop is None
        silent = self.status.age(self.monotonic()) > STALE_SECONDS
        self._alive = alive(self.status.pid) if silent else None
        self._look_at_banks(self.status)

    def _look_at_banks(self, status: Status) -> None:
        for decoder in status.decoders:
            name = decoder.name
            if name not in self.retrievals and self.folder.retrieved(name).exists():
                self.retrievals[name] = RetrievalFeed(name, self.folder)
                self.retrievals[name].markers = self.markers
            if name in self.retrievals:
                self.retrievals[name].trial = decoder.trial
                self.retrievals[name].hear(self._renderer)
                if name in self.feeds:
                    self.retrievals[name].patience = self.feeds[name].patience
                self.retrievals[name].look()

    def _hear_the_end(self) -> None:
        """A session that ended well says so in its session folder; its run folder goes before every window has looked."""
        status = self.status
        if status is None or status.state == "ended" or status.session_folder is None:
            return
        fields = read_json(status.session_folder / "session.json")
        if fields is not None and fields.get("state") == "ended":
            self.status = replace(status, state="ended")

    @property
    def samples_silent(self) -> float | None:
        """Seconds since the newest sample's time stamp, None before the first."""
        if self.ring is None or self.ring.written == 0:
            return None
        written = self.ring.written
        return max(0.0, self.now() - float(self.ring.view(written - 1, written)[1][0]))

    @property
    def stale_for(self) -> float | None:
        """Age in seconds of every number that the session tells, where it is too old; None while all is well."""
        if self.status is None:
            return None
        if self.status.state != "ended" and (self.status.stale(self.monotonic(), self._alive) or not self.there):
            return self.status.age(self.monotonic())
        return None

    def banner(self) -> Banner | None:
        """The most urgent thing to say."""
        return banner(
            self.status,
            self.monotonic(),
            folder_there=self.there,
            process_alive=self._alive,
            samples_silent=self.samples_silent,
        )

    def close(self) -> None:
        """Let go of everything that is mapped or open."""
        self._reader.close()
        for feed in self.feeds.values():
            feed.ring.close()
        for retrieval in self.retrievals.values():
            retrieval.close()
        if self.ring is not None:
            self.ring.close()
