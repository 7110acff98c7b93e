"""What the recorder copies, one feed for each kind: from the run folder, where others write, into the recording.

A feed remembers how far it has come; ``copy()`` moves what is new since then. Feeds are used by one thread.
"""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from rtbci import retrieved
from rtbci.errors import Overrun, RecordingError
from rtbci.recording.growing_file import GrowingFile
from rtbci.recording.marker_feeds import MakeHeader
from rtbci.recording.xdf import XdfWriter
from rtbci.retrieved import RetrievedRing
from rtbci.ring import Ring
from rtbci.runfolder import FIELDS, DecisionRing, decision_from_row, decision_to_json
from rtbci.types import Channel

log = logging.getLogger("rtbci.recording")

Rows = NDArray[np.floating[Any]]
CHUNK_BYTES = 4 << 20
"""Most that is copied out of the ring at once."""
_UNITS = {"start": "samples", "stop": "samples", "sample": "samples", "origin": "samples"} | {
    name: "seconds" for name in FIELDS if name.endswith("time")
}


class SignalFeed:
    """The raw ring. ``written`` samples are in the recording, ``missed`` were overwritten before they could be read."""

    def __init__(self, writer: XdfWriter, stream: int, ring: Ring, first: int) -> None:
        self._writer = writer
        self._stream = stream
        self._ring = ring
        self._next = first
        self._rows = min(ring.capacity, max(1, CHUNK_BYTES // (4 * ring.n_channels)))
        self.written = 0
        self.missed = 0

    def copy(self) -> None:
        """Copy what is there now; what comes meanwhile is left for the next call."""
        stop = self._ring.written
        while self._next < stop:
            last = min(stop, self._next + self._rows)
            try:
                samples, times, _ = self._ring.read(self._next, last)
            except Overrun:
                self._skip()
                continue
            self._writer.write_samples(self._stream, samples, times)
            self._next = last
            self.written += len(times)

    def _skip(self) -> None:
        # a sixteenth further than it must be, or the writer would overtake again at once
        resume = min(self._ring.oldest + self._ring.capacity // 16, self._ring.written)
        lost = resume - self._next
        self.missed += lost
        log.error("recorder overtaken: samples %d to %d (%d) are not in the recording", self._next, resume, lost)
        self._next = resume


R = TypeVar("R", DecisionRing, RetrievedRing)


class _WorkerFeed(Generic[R]):
    """A ring that a worker writes, into a log of one JSON object a line.

    The ring appears when the decoder's worker has started; a worker that was restarted may go on with it or put a new one in
    its place. Until it is replaced the old one stays mapped, so its file number cannot be given to another file.
    """

    WHAT = ""

    def __init__(self, name: str, path: Path, log_path: Path) -> None:
        self._name = name
        self._path = path
        self._log = GrowingFile(log_path)
        self._ring: R | None = None
        self._file_number: tuple[int, int] | None = None
        self._next = 0
        self._complained = False
        self.written = 0
        self.missed = 0

    def _open(self) -> R:
        raise NotImplementedError

    def _write(self, ring: R, rows: Rows, times: NDArray[np.float64]) -> str:
        """Keep ``rows`` of the ``ring``; the lines of the log that they make."""
        raise NotImplementedError

    def copy(self) -> None:
        """Copy what was added since the last call."""
        self._drain()
        if self._is_new():
            self._drain()  # what the old worker added between the two looks
            self._attach()
            self._drain()

    def _is_new(self) -> bool:
        try:
            stat = self._path.stat()
        except OSError:
            return False  # the worker has not started, or is being restarted
        return (stat.st_dev, stat.st_ino) != self._file_number

    def _is_at_path(self, stat: os.stat_result) -> bool:
        try:
            return os.path.samestat(stat, self._path.stat())
        except OSError:
            return False

    def _attach(self) -> None:
        try:
            stat = self._path.stat()
            ring = self._open()
        except (RecordingError, OSError, ValueError, KeyError) as error:
            # its worker is still writing the header: look again at the next copy
            if not self._complained:
                log.info("%s of %s cannot be read yet: %s", self.WHAT, self._name, error)
            self._complained = True
            return
        if not self._is_at_path(stat):
            ring.close()  # replaced while it was opened: which of the two this is cannot be told
            return
        if self._ring is not None:
            self._ring.close()
        self._ring = ring
        self._file_number = (stat.st_dev, stat.st_ino)
        self._next = 0
        self._complained = False

    def _drain(self) -> None:
        if self._ring is None:
            return
        ring = self._ring.ring
        while self._next < (stop := ring.written):
            try:
                rows, times, _ = ring.read(min(max(self._next, ring.oldest), stop), stop)
            except Overrun:
                continue  # overtaken between the two looks: the oldest has moved on
            lost = stop - self._next - len(rows)
            self._log.append(self._write(self._ring, rows, times).encode())
            if lost:  # counted once these are written: a disk that does not take them is asked again
                self.missed += lost
                log.error("recorder overtaken: %d %s of %s are not in the recording", lost, self.WHAT, self._name)
            self._next = stop
            self.written += len(rows)

    @property
    def log_file(self) -> GrowingFile:
        """The log."""
        return self._log

    def close(self) -> None:
        """Let go of the ring and the log."""
        self._log.close()
        if self._ring is not None:
            self._ring.close()
            self._ring = None


class DecisionStreams:
    """The streams of a recording that hold the decisions of one decoder: one for each list of classes it has had."""

    def __init__(self, writer: XdfWriter, header: MakeHeader, name: str) -> None:
        self._writer = writer
        self._header = header
        self._name = name
        self._streams: dict[tuple[str, ...], int] = {}

    def write(self, classes: tuple[str, ...], rows: Rows, times: NDArray[np.float64]) -> None:
        """Write ``rows`` (n, n_columns) over ``classes``, with the ``times`` (n,) of their newest samples."""
        self._writer.write_samples(self._stream(classes), rows, times)

    def _stream(self, classes: tuple[str, ...]) -> int:
        if classes not in self._streams:
            labels = [*FIELDS, *(f"log_prob {name}" for name in classes), *(f"evidence {name}" for name in classes)]
            channels = tuple(Channel(label, "misc", _unit(label)) for label in labels)
            self._streams[classes] = self._writer.add_stream(
                self._header(self._name, "Decisions", channels, 0.0, "double64")
            )
        return self._streams[classes]


class DecisionFeed(_WorkerFeed[DecisionRing]):
    """The decisions of one decoder, into the decision log, and into ``sink``, a stream of the recording, while there is one.

    ``recorded`` of the ``written`` ones are in a recording, too.
    """

    WHAT = "decisions"

    def __init__(self, name: str, path: Path, log_path: Path) -> None:
        super().__init__(name, path, log_path)
        self.name = name
        self.recorded = 0
        self.sink: DecisionStreams | None = None

    def _open(self) -> DecisionRing:
        return DecisionRing.attach(self._path)

    def _write(self, ring: DecisionRing, rows: Rows, times: NDArray[np.float64]) -> str:
        if self.sink is not None:
            self.sink.write(ring.classes, rows, times)
            self.recorded += len(rows)
        return "".join(json.dumps(decision_to_json(decision_from_row(row))) + "\n" for row in rows)


class RetrievedFeed(_WorkerFeed[RetrievedRing]):
    """What one decoder found in a bank, into a log beside that of its decisions."""

    WHAT = "retrievals"

    def _open(self) -> RetrievedRing:
        return RetrievedRing.attach(self._path)

    def _write(self, ring: RetrievedRing, rows: Rows, times: NDArray[np.float64]) -> str:
        return "".join(json.dumps(retrieved.to_json(retrieved.from_row(row, ring.k))) + "\n" for row in rows)


def _unit(label: str) -> str:
    return "nats" if label.startswith(("log_prob ", "evidence ")) else _UNITS.get(label, "")
