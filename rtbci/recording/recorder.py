"""The recorder: a thread that copies what a session sees from the run folder to the disk, four times a second."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rtbci.errors import RecordingError
from rtbci.recording.feeds import DecisionFeed, RetrievedFeed
from rtbci.recording.marker_feeds import MarkerFeed
from rtbci.recording.part import Part, PartInfo
from rtbci.recording.session_folder import SessionFolder, now_iso
from rtbci.recording.work_queue import WorkQueue
from rtbci.ring import Ring
from rtbci.runfolder import RunFolder
from rtbci.types import StreamInfo

log = logging.getLogger("rtbci.recording")

PERIOD = 0.25
"""Seconds between two copies: what is lost when the machine's power goes is at most this, `SYNC_EVERY` times over."""
SYNC_EVERY = 4
"""Copies between two waits for the disk."""
BOUNDARY_EVERY = 40
"""Copies between two Boundary chunks (10 s, as LabRecorder does)."""


@dataclass(frozen=True, slots=True)
class RecorderStatus:
    """How a recording is doing.

    ``state`` is "waiting" (not started), "recording", "off" (acquiring without recording), "stopped" (by ``problem``) or
    "closed". ``path``, ``bytes`` and ``seconds`` (the samples written over the nominal rate) are those of the newest part,
    of which ``part`` have been begun; the rest counts over all parts. ``missed`` samples and decisions were overwritten
    before they could be read.
    """

    state: str
    path: Path | None
    bytes: int = 0
    seconds: float = 0.0
    part: int = 0
    samples_written: int = 0
    samples_missed: int = 0
    markers_written: int = 0
    gaps_written: int = 0
    decisions_written: int = 0
    decisions_missed: int = 0
    problem: str | None = None


class Recorder:
    """Records a session into its folder; whatever happens to the disk, the session goes on.

    ::

        waiting --start()--> recording <--begin()/end()--> off       either --stop()--> closed, off
                                 |                          ^
                                 +-- disk full, folder removed --> stopped (says why in ``problem``) --begin()--> recording

    Each stretch of recording is a part, a file of its own. Decisions are logged whether or not a part is being recorded, and
    after a fault as soon as the disk takes them again. The thread is the only one that writes; all else may be asked from
    any thread.

    Parameters
    ----------
    ring : the raw ring, or where it is. The first part begins with the oldest sample that it holds.
    info : the stream that the ring carries.
    run : where markers and decision rings are.
    folder : where the recording goes.
    decoders : names of the decoders whose decisions are recorded. retrieving : those of them that look in a bank.
    """

    def __init__(
        self,
        ring: Ring | Path,
        info: StreamInfo,
        run: RunFolder,
        folder: SessionFolder,
        decoders: Sequence[str] = (),
        retrieving: Sequence[str] = (),
    ) -> None:
        self._ring_or_path = ring
        self._info = info
        self._run = run
        self._folder = folder
        self._decoders = tuple(decoders)
        self._retrieving = tuple(retrieving)
        self._status = RecorderStatus("waiting", folder.recording)
        self._ending = threading.Event()
        self._wake = threading.Event()
        self._queue = WorkQueue(self._wake)
        self._thread = threading.Thread(target=self._work, name="recorder", daemon=True)
        self._part: Part | None = None
        self._parts: list[PartInfo] = []
        self._broken: str | None = None
        self._gaps_before = 0
        self._copies = 0
        self._moved = False

    def start(self, record: bool = True) -> None:
        """Make the files and begin; without ``record`` decisions are logged, and `begin` starts the first part.

        Raises RecordingError when the files cannot be made: then nothing has been lost yet.
        """
        ring = self._ring_or_path
        self._ring = ring if isinstance(ring, Ring) else Ring.attach(ring)
        self._markers = MarkerFeed(self._run.markers, self._folder.markers_aside)
        self._decisions: list[DecisionFeed] = []
        self._worker_feeds: list[DecisionFeed | RetrievedFeed] = []
        if record:
            self._part = Part(self._folder.recording, self._ring, self._info, self._ring.oldest, 0)
        try:
            for name in self._decoders:
                self._decisions.append(DecisionFeed(name, self._run.decisions(name), self._folder.decision_log(name)))
            self._worker_feeds += self._decisions
            for name in self._retrieving:
                feed = RetrievedFeed(name, self._run.retrieved(name), self._folder.retrieved_log(name))
                self._worker_feeds.append(feed)
        except RecordingError:
            if self._part is not None:
                self._part.writer.close()
            raise
        if self._part is not None:
            self._take_on(self._part, since=float("-inf"))
        else:
            self._keep_parts()
            self._status = replace(self._status, state="off", path=None)
            log.info("nothing is recorded until somebody starts the recording")
        self._thread.start()

    def begin(self, path: Path | None = None) -> Path:
        """Start a part with the next sample that comes, in a new file ``path`` (None: the next free name); say which.

        Raises RecordingError when a part is being recorded already, or its file cannot be made.
        """
        chosen: list[Path] = []

        def work() -> None:
            if self._part is not None:
                raise RecordingError(f"recording already, to {self._part.path}; stop that part first")
            chosen.append(path or self._folder.next_recording())
            self._begin(chosen[0])

        self._queue.ask(work, self._thread)
        return chosen[0]

    def end(self) -> PartInfo:
        """Stop the part that is being recorded, and say what it holds; acquisition and decoding go on.

        Raises RecordingError when none is being recorded.
        """

        def work() -> None:
            if self._part is None:
                raise RecordingError("nothing is being recorded; there is no part to stop")
            self._copy()
            self._end()

        self._queue.ask(work, self._thread)
        return self.parts[-1]

    def stop(self, timeout: float = 10.0) -> bool:
        """Copy what is there by now, close the files, and say whether that was done within ``timeout`` seconds."""
        self._ending.set()
        self._wake.set()
        if self._thread.ident is not None:
            self._thread.join(timeout)
        done = not self._thread.is_alive()
        if not done:
            log.error("the recording is not closed after %.0f s: the disk does not answer", timeout)
        return done

    @property
    def status(self) -> RecorderStatus:
        """How the recording is doing, as of the last copy."""
        return self._status

    @property
    def parts(self) -> tuple[PartInfo, ...]:
        """All parts so far; the newest as of the last copy."""
        return tuple(self._parts)

    @property
    def state(self) -> str:
        """See `RecorderStatus`."""
        return self._status.state

    @property
    def path(self) -> Path | None:
        """The recording's newest part; None where none was begun."""
        return self._status.path

    @property
    def bytes(self) -> int:
        """Size of the newest part in bytes."""
        return self._status.bytes

    @property
    def seconds(self) -> float:
        """Length of the newest part in seconds."""
        return self._status.seconds

    @property
    def problem(self) -> str | None:
        """What went wrong, in one sentence, or None."""
        return self._status.problem

    @property
    def samples_written(self) -> int:
        """Samples in the recording."""
        return self._status.samples_written

    @property
    def samples_missed(self) -> int:
        """Samples that were overwritten in the ring before they could be recorded."""
        return self._status.samples_missed

    def samples_left(self) -> int:
        """Samples that came after a fault, until the next part began or the session ended, and should have been recorded."""
        parts = tuple(self._parts)
        ends = [*(part.first_sample for part in parts[1:]), self._ring.written if parts else 0]
        unfinished = parts[-1:] if self.state not in ("closed", "off") else ()
        return sum(
            max(0, end - part.first_sample - part.samples - part.missed)
            for part, end in zip(parts, ends, strict=False)
            if part.problem is not None or part in unfinished
        )

    # ------------------------------------------------------------------ the thread

    def _work(self) -> None:
        ending = False
        while not ending:
            self._wake.wait(PERIOD)
            self._wake.clear()
            # looked at before the copy: what was there when stop() was called is still copied
            ending = self._ending.is_set()
            if self._broken is None:
                self._guarded(self._look)
            else:
                self._go_on_logging()
            self._queue.work_off()
        self._guarded(self._close)
        self._let_go()

    def _guarded(self, work: Callable[[], None]) -> None:
        if self._broken is not None:
            return
        try:
            work()
        except (RecordingError, OSError) as error:
            if self._broken is None:  # otherwise it is told already
                self._stopped(str(error))
        except Exception as error:
            log.exception("the recorder failed")
            self._stopped(f"{type(error).__name__}: {error}")

    def _go_on_logging(self) -> None:
        """After a fault: write what the disk takes of markers and decisions; the signal waits for `begin`."""
        try:
            self._copy()
        except Exception as error:  # noqa: BLE001 - the fault is told already, and the next look tries again
            log.debug("logs cannot be written yet: %s", error)

    def _look(self) -> None:
        self._copy()
        self._copies += 1
        if self._part is not None and self._copies % BOUNDARY_EVERY == 0:
            self._part.writer.boundary()
        if self._copies % SYNC_EVERY == 0:
            self._sync()
        self._report("off" if self._part is None else "recording")

    def _copy(self) -> None:
        if self._part is not None:
            self._part.copy()
        self._markers.copy()
        for decisions in self._worker_feeds:
            decisions.copy()

    def _sync(self) -> None:
        files = [feed.log_file for feed in self._worker_feeds]
        if self._part is not None:
            files.insert(0, self._part.writer.file)
        for file in files:
            file.sync()
            if file.removed:
                raise RecordingError(f"{file.path} was removed while it was being recorded")
        if self._part is not None and not self._moved and not self._part.writer.file.in_place:
            # the data are still safe in the open file: to stop would lose what is still to come
            self._moved = True
            problem = f"{self._part.path} was moved away; the recording goes on in the file where it is now"
            log.error(problem)
            self._status = replace(self._status, problem=problem)

    # ------------------------------------------------------------------ parts

    def _begin(self, path: Path) -> None:
        """Start a part in the file ``path``; after a fault, logging goes on with it."""
        first, first_gap = self._ring.written, self._ring.n_gaps
        since = float("-inf") if first == 0 else float(self._ring.view(first - 1, first)[1][0])
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RecordingError(f"cannot make {path.parent}: {error.strerror}; name another place") from error
        part = Part(path, self._ring, self._info, first, first_gap)
        self._broken, self._moved = None, False
        self._take_on(part, since)

    def _take_on(self, part: Part, since: float) -> None:
        self._part = part
        self._parts.append(part.about(self._folder.path))
        self._keep_parts()
        for decisions in self._decisions:
            decisions.sink = part.decisions(decisions.name)
        self._status = replace(
            self._status, state="recording", path=part.path, bytes=part.writer.size, seconds=0.0, part=len(self._parts),
            problem=None,
        )  # fmt: skip
        log.info("recording to %s", part.path)
        self._markers.begin(part.strings(), since)

    def _end(self) -> None:
        """Close the part that is being recorded. Raises RecordingError or OSError where that fails; then it is stopped."""
        assert self._part is not None
        try:
            self._part.writer.close()
        except (RecordingError, OSError) as error:
            self._stopped(str(error))
            raise
        self._report("off")
        self._put_away(None)
        log.info(
            "recording closed: %s: %d samples, %d bytes",
            self._parts[-1].file, self._parts[-1].samples, self._parts[-1].bytes,
        )  # fmt: skip

    def _put_away(self, problem: str | None) -> None:
        part = self._part
        assert part is not None
        self._part = None
        self._markers.sink = None
        for decisions in self._decisions:
            decisions.sink = None
        self._gaps_before += part.gaps.written
        self._parts[-1] = part.about(self._folder.path, problem, now_iso())
        self._keep_parts()

    def _close(self) -> None:
        """Copy for the last time, and close."""
        if self._part is None:
            self._sync()
            return
        self._end()
        self._status = replace(self._status, state="closed")
        log.info(
            "in all %d samples, %d markers, %d decisions recorded",
            self._status.samples_written, self._status.markers_written, self._status.decisions_written,
        )  # fmt: skip

    def _keep_parts(self) -> None:
        """Write to session.json what parts there are; a disk that takes no more ends no recording."""
        try:
            self._folder.update(parts=[part.as_json() for part in self._parts])
        except RecordingError as error:
            log.error("the parts of the recording cannot be noted: %s", error)

    def _report(self, state: str) -> None:
        part = self._part
        if part is not None:
            self._parts[-1] = part.about(self._folder.path)
            self._status = replace(self._status, bytes=part.writer.size, seconds=part.seconds)
        self._status = replace(
            self._status,
            state=state,
            samples_written=sum(one.samples for one in self._parts),
            samples_missed=sum(one.missed for one in self._parts),
            markers_written=self._markers.written,
            gaps_written=self._gaps_before + (0 if part is None else part.gaps.written),
            decisions_written=sum(decisions.recorded for decisions in self._decisions),
            decisions_missed=sum(decisions.missed for decisions in self._decisions),
        )

    def _stopped(self, problem: str) -> None:
        self._broken = problem
        self._report("stopped")
        self._status = replace(self._status, problem=f"recording stopped: {problem}")
        log.error("recording stopped: %s", problem)
        part = self._part
        if part is None:
            return
        try:
            part.writer.close()
        except (RecordingError, OSError) as error:
            log.error("the recording has no footers (rtbci recover adds them): %s", error)
        self._status = replace(self._status, bytes=part.writer.size)
        self._put_away(problem)

    def _let_go(self) -> None:
        self._markers.close()
        for decisions in self._worker_feeds:
            decisions.close()
        if not isinstance(self._ring_or_path, Ring):
            self._ring.close()
