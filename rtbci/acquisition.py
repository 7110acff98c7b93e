"""The acquisition thread: source -> raw ring, and markers -> marker file. Nothing else runs here and nothing delays it.

::

    starting --first samples--> live --StreamLost, or silence for lost_after s--> lost --samples again--> live
                                  +-------- EOFError (a recording has ended) ----> ended
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections import deque
from typing import IO

import numpy as np

from rtbci.errors import RtbciError, StreamLost
from rtbci.gaps import find_gaps, longest_step
from rtbci.interfaces import Source
from rtbci.kernels.ingest import count_nonfinite, has_break
from rtbci.ring import CLOSED, Ring
from rtbci.runfolder import RunFolder, marker_to_json
from rtbci.sources.shared_clock import SharedClock
from rtbci.types import Gap, Marker, Samples, StreamInfo, Times

log = logging.getLogger(__name__)

READ_SECONDS = 0.1
"""How long one read may wait; a stop or a marker is noticed within this time."""
NEWEST_MARKERS = 256
"""Markers that are remembered for whoever asks whether a trial runs."""


class Acquisition(threading.Thread):
    """Reads ``source`` into ``ring`` until `stop` is called or a recording ends.

    Attributes
    ----------
    state : "starting", "live", "lost" or "ended".
    problem : what keeps it from reading, a sentence, or None.
    lost_samples : samples that the nominal rate would have put into the gaps.
    not_finite : samples with at least one channel that was NaN or infinite.
    marker_problem : why markers wait to be told to recorder and workers, a sentence, or None.
    """

    def __init__(self, source: Source, info: StreamInfo, ring: Ring, run: RunFolder, lost_after: float) -> None:
        super().__init__(name="acquisition", daemon=True)
        self._source = source
        self._info = info
        self._ring = ring
        self._clock = SharedClock(ring)
        self._lost_after = lost_after
        self._longest_step = longest_step(info.rate)
        self._stop_event = threading.Event()
        self._marker_file: IO[bytes] = run.markers.open("ab", buffering=0)
        self._marker_lock = threading.Lock()
        self._unwritten = bytearray()
        self.marker_problem: str | None = None
        self._newest_markers: deque[Marker] = deque(maxlen=NEWEST_MARKERS)
        self.state = "starting"
        self.problem: str | None = None
        self.lost_samples = 0
        self.not_finite = 0
        self.n_markers = 0
        self.last_time: float | None = None
        self.last_arrival: float | None = None
        self.first_time: float | None = None
        self.lost_since: float | None = None

    def stop(self) -> None:
        """Ask the thread to end; `join` waits for it."""
        self._stop_event.set()

    def run(self) -> None:
        """Read until told to stop; whatever happens, the ring is closed so that its readers end."""
        try:
            self._read_until_stopped()
        except RtbciError as error:
            self.problem = str(error)
            log.error("acquisition ended: %s", error)
        except Exception as error:  # a source may be a plugin: the session goes on and says so
            self.problem = f"the source failed: {type(error).__name__}: {error}"
            log.exception("acquisition ended")
        finally:
            self.state = "ended"
            self._ring.set_word(CLOSED, 1)
            with self._marker_lock:
                self._write_markers()
                self._marker_file.close()

    def _read_until_stopped(self) -> None:
        rows = max(4096, int(self._info.rate))
        samples = np.empty((rows, self._info.n_channels), np.float32)
        times = np.empty(rows, np.float64)
        self._warm_up(samples, times)
        heard = time.monotonic()
        while not self._stop_event.is_set():
            try:
                n = self._source.read(samples, times, READ_SECONDS)
            except EOFError:
                self._take_markers()
                log.info("the recording has ended")
                return
            except StreamLost as error:
                self._lose(str(error))
                self._take_markers()
                self._reopen()
                heard = time.monotonic()
                continue
            if (line := getattr(self._source, "clock", None)) is not None:
                self._clock.tell(*line)  # before the samples: a decision's age is measured with it
            if n:
                self._push(samples[:n], times[:n])
                heard = time.monotonic()
            elif getattr(self._source, "holds", False):  # a player that is paused: nothing is lost
                heard = time.monotonic()
                self.state, self.problem, self.lost_since = "live", None, None
            elif self.state != "lost" and time.monotonic() - heard > self._lost_after:
                self._lose(f"nothing has come for {self._lost_after:g} s")
            self._take_markers()

    def _warm_up(self, samples: Samples, times: Times) -> None:
        """Load the kernels before the first read: a source begins to send with it, and compiling can take a second."""
        samples[:1], times[:1] = 0.0, 0.0
        has_break(times[:1], np.nan, self._longest_step)
        count_nonfinite(samples[:1])
        Ring.create(None, 1, self._info.n_channels).push(samples[:1], times[:1], 0.0)

    def _push(self, samples: Samples, times: Times) -> None:
        arrival = self._source.now()
        before = np.nan if self.last_time is None else self.last_time
        # two kernels look at every chunk: as NumPy calls the same took three times as long as the push itself
        if has_break(times, before, self._longest_step):
            for gap in find_gaps(times, self._info.rate, self._ring.written, before):
                self._add_gap(gap)
        self.not_finite += count_nonfinite(samples)
        self._ring.push(samples, times, arrival)
        if self.first_time is None:
            self.first_time = float(times[0])
        self.last_time, self.last_arrival = float(times[-1]), arrival
        if self.state != "live":
            if self.state == "lost":
                log.info("the stream is back")
            self.state, self.problem, self.lost_since = "live", None, None

    def _add_gap(self, gap: Gap) -> None:
        self.lost_samples += gap.missing
        self._ring.add_gap(gap)
        log.warning("gap at sample %d: %d samples missing (%.3f s)", gap.index, gap.missing, gap.after - gap.before)

    def _lose(self, why: str) -> None:
        if self.state != "lost":
            self.state, self.problem, self.lost_since = "lost", why, time.monotonic()
            log.warning("stream lost: %s", why)

    def _reopen(self) -> None:
        """Look for the stream until it is back; its first samples then show the jump in time that is the gap."""
        reopen = getattr(self._source, "reopen", None)
        if reopen is None:
            raise StreamLost("the source cannot look for its stream again; recording and window go on without it")
        while not self._stop_event.is_set():
            try:
                if reopen(1.0):
                    return
            except RtbciError as error:
                self.problem = str(error)  # another stream has taken its place: say what differs, keep looking
                self._stop_event.wait(0.5)
            self._take_markers()

    def add_marker(self, marker: Marker) -> None:
        """Add a marker that did not come from the source (the experimenter's own); safe from any thread."""
        line = json.dumps(marker_to_json(marker)).encode() + b"\n"
        with self._marker_lock:
            if not self._marker_file.closed:
                self._unwritten += line
                self.n_markers += 1
                self._newest_markers.append(marker)
                self._write_markers()

    def _write_markers(self) -> None:
        """Write what is not written yet; what a full disk does not take waits, and samples go on. Needs the lock."""
        try:
            while self._unwritten:
                n = self._marker_file.write(self._unwritten)
                del self._unwritten[:n]
        except OSError as error:
            if self.marker_problem is None:
                log.error("markers cannot be written: %s", error.strerror)
            waiting, name = self._unwritten.count(b"\n"), self._marker_file.name
            self.marker_problem = f"{waiting} markers wait: {name} cannot be written ({error.strerror})"
            return
        if self.marker_problem is not None:
            log.info("markers could be written again; none is missing")
            self.marker_problem = None

    def newest_markers(self) -> tuple[Marker, ...]:
        """The last `NEWEST_MARKERS`, in order of arrival; safe from any thread."""
        with self._marker_lock:
            return tuple(self._newest_markers)

    def _take_markers(self) -> None:
        for marker in self._source.markers():
            self.add_marker(marker)
        if self._unwritten:
            with self._marker_lock:
                self._write_markers()
