"""The recorder: a thread that copies what a session sees from the run folder to the disk, four times a second."""

from __future__ import annotations

import json
import logging
import platform
import threading
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rtbci import __version__
from rtbci.errors import RecordingError
from rtbci.recording.feeds import DecisionFeed, GapFeed, MarkerFeed, RetrievedFeed, SignalFeed
from rtbci.recording.session_folder import SessionFolder, now_iso
from rtbci.recording.stream_header import StreamHeader, Tree
from rtbci.recording.xdf import XdfWriter
from rtbci.ring import Ring
from rtbci.runfolder import RunFolder, stream_to_json
from rtbci.types import Channel, StreamInfo

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

    ``state`` is "waiting" (not started), "recording", "stopped" (by ``problem``) or "closed". ``seconds`` is the samples
    written over the nominal rate. ``missed`` samples and decisions were overwritten before they could be read.
    """

    state: str
    path: Path
    bytes: int = 0
    seconds: float = 0.0
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

        waiting --start()--> recording --stop()--> closed
                                 |
                                 +-- disk full, folder removed --> stopped (and says why in ``problem``)

    The thread is the only one that writes; `status` may be asked from any thread.

    Parameters
    ----------
    ring : the raw ring, or where it is. The recording begins with the oldest sample that it holds.
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
        self._thread = threading.Thread(target=self._work, name="recorder", daemon=True)
        self._moved = False

    def start(self) -> None:
        """Make the files and begin. Raises RecordingError when they cannot be made: then nothing has been lost yet."""
        ring = self._ring_or_path
        self._ring = ring if isinstance(ring, Ring) else Ring.attach(ring)
        self._writer = XdfWriter(self._folder.recording, now_iso())
        try:
            first = self._ring.oldest
            stream = self._writer.add_stream(self._signal_header(first))
            self._signal = SignalFeed(self._writer, stream, self._ring, first)
            self._gaps = GapFeed(self._writer, self._header, self._ring)
            self._markers = MarkerFeed(self._writer, self._header, self._run.markers)
            self._decisions = [
                DecisionFeed(
                    self._writer, self._header, name, self._run.decisions(name), self._folder.decision_log(name)
                )
                for name in self._decoders
            ]
            retrieved = [
                RetrievedFeed(name, self._run.retrieved(name), self._folder.retrieved_log(name))
                for name in self._retrieving
            ]
            self._worker_feeds: list[DecisionFeed | RetrievedFeed] = [*self._decisions, *retrieved]
        except RecordingError:
            self._writer.close()
            raise
        self._status = replace(self._status, state="recording", bytes=self._writer.size)
        log.info("recording to %s", self._folder.recording)
        self._thread.start()

    def stop(self, timeout: float = 10.0) -> bool:
        """Copy what is there by now, close the files, and say whether that was done within ``timeout`` seconds."""
        self._ending.set()
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
    def state(self) -> str:
        """See `RecorderStatus`."""
        return self._status.state

    @property
    def path(self) -> Path:
        """The recording."""
        return self._status.path

    @property
    def bytes(self) -> int:
        """Size of the recording in bytes."""
        return self._status.bytes

    @property
    def seconds(self) -> float:
        """Length of what is recorded, in seconds."""
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

    def _work(self) -> None:
        try:
            self._record()
        except (RecordingError, OSError) as error:
            self._stopped(str(error))
        except Exception as error:
            log.exception("the recorder failed")
            self._stopped(f"{type(error).__name__}: {error}")
        finally:
            self._let_go()

    def _record(self) -> None:
        copies = 0
        ending = False
        while not ending:
            # looked at before the copy: what was there when stop() was called is still copied
            ending = self._ending.wait(PERIOD)
            self._copy()
            copies += 1
            if copies % BOUNDARY_EVERY == 0:
                self._writer.boundary()
            if copies % SYNC_EVERY == 0:
                self._sync()
            self._report("recording")
        self._writer.close()
        self._report("closed")
        log.info(
            "recording closed: %d samples, %d markers, %d decisions, %d bytes",
            self._status.samples_written, self._status.markers_written, self._status.decisions_written, self._status.bytes,
        )  # fmt: skip

    def _copy(self) -> None:
        self._signal.copy()
        self._gaps.copy()
        self._markers.copy()
        for decisions in self._worker_feeds:
            decisions.copy()

    def _sync(self) -> None:
        files = [self._writer.file, *(feed.log_file for feed in self._worker_feeds)]
        for file in files:
            file.sync()
            if file.removed:
                raise RecordingError(f"{file.path} was removed while it was being recorded")
        if not self._moved and not self._writer.file.in_place:
            # the data are still safe in the open file: to stop would lose what is still to come
            self._moved = True
            problem = f"{self._writer.path} was moved away; the recording goes on in the file where it is now"
            log.error(problem)
            self._status = replace(self._status, problem=problem)

    def _report(self, state: str) -> None:
        written = self._signal.written
        self._status = replace(
            self._status,
            state=state,
            bytes=self._writer.size,
            seconds=written / self._info.rate,
            samples_written=written,
            samples_missed=self._signal.missed,
            markers_written=self._markers.written,
            gaps_written=self._gaps.written,
            decisions_written=sum(decisions.written for decisions in self._decisions),
            decisions_missed=sum(decisions.missed for decisions in self._decisions),
        )

    def _stopped(self, problem: str) -> None:
        self._report("stopped")
        self._status = replace(self._status, problem=f"recording stopped: {problem}")
        log.error("recording stopped: %s", problem)
        try:
            self._writer.close()
        except (RecordingError, OSError) as error:
            log.error("the recording has no footers (rtbci recover adds them): %s", error)
        self._status = replace(self._status, bytes=self._writer.size)

    def _let_go(self) -> None:
        self._markers.close()
        for decisions in self._worker_feeds:
            decisions.close()
        if not isinstance(self._ring_or_path, Ring):
            self._ring.close()

    def _header(
        self, name: str, kind: str, channels: tuple[Channel, ...], rate: float, channel_format: str, /
    ) -> StreamHeader:
        return StreamHeader(
            name=name,
            type=kind,
            channels=channels,
            nominal_srate=rate,
            channel_format=channel_format,
            source_id=f"rtbci:{self._info.source_id or self._info.name}:{kind}:{name}",
            hostname=platform.node(),
            uid=str(uuid.uuid4()),
            extras={"rtbci": {"version": __version__, "times": "final"}},
        )

    def _signal_header(self, first: int) -> StreamHeader:
        info = self._info
        extras: Tree = {
            "acquisition": {"software": f"rtbci {__version__}"},
            # samples can be missing, and the times say where: a reader must not spread them evenly
            "synchronization": {"can_drop_samples": "true"},
            "rtbci": {
                "version": __version__,
                "times": "final",
                "first_sample": str(first),
                "stream": json.dumps(stream_to_json(info)),
            },
        }
        header = self._header(info.name or "signal", info.type or "Signal", info.channels, info.rate, "float32")
        return replace(header, source_id=info.source_id, extras=extras)
