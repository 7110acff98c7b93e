"""Closes a recording whose session was killed, or whose disk was full: cuts what is incomplete, adds the footers."""

from __future__ import annotations

import os
import platform
import shutil
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

from rtbci.errors import RecordingError
from rtbci.recording.chunks import MAGIC, Tag, check_magic, chunk_head
from rtbci.recording.growing_file import cut_line
from rtbci.recording.marker_feeds import GAP_STREAM
from rtbci.recording.process import is_alive
from rtbci.recording.session_folder import SessionFolder
from rtbci.recording.stream_header import footer_xml
from rtbci.recording.survey import StreamSurvey, Survey, survey

_BLOCK = 1 << 22
MOST_FOLDERS = 6
"""Folders above a file in which the session is looked for whose part it may be."""
STILL_GROWING_SECONDS = 10.0
"""A recording of another machine's session that changed this recently is taken for one that still runs."""


@dataclass(frozen=True, slots=True)
class RecoverReport:
    """What was done, and what is safe; over all ``parts`` of the recording.

    ``original_bytes`` and ``bytes`` are the recording's size before and after, ``cut_bytes`` of which could not be read.
    ``seconds`` is the time from the first to the last sample of the longest regular stream. ``changed`` is False when there
    was nothing to do. ``cut_log_bytes`` of decision logs were incomplete lines.
    """

    path: Path
    original_bytes: int
    bytes: int
    cut_bytes: int
    footers_added: int
    samples: int
    markers: int
    decisions: int
    seconds: float
    cut_log_bytes: int
    changed: bool
    parts: int = 1

    def as_json(self) -> dict[str, Any]:
        """The report as one JSON object."""
        return {**asdict(self), "path": str(self.path)}

    def as_text(self) -> str:
        """The report for a person."""
        safe = (
            f"{self.path}: {self.samples} samples ({self.seconds:.1f} s), {self.markers} markers and "
            f"{self.decisions} decisions are safe" + ("" if self.parts == 1 else f", in {self.parts} parts")
        )
        if not self.changed:
            return f"{safe}; it was whole already"
        done = [f"{self.footers_added} footers added", f"{self.cut_bytes} of {self.original_bytes} bytes cut"]
        if self.cut_log_bytes:
            done.append(f"{self.cut_log_bytes} bytes of unfinished lines cut from the decision logs")
        return f"{safe}; {', '.join(done)}"


def recover(path: Path) -> RecoverReport:
    """Make the recording of a session folder, or an XDF file, whole again; done twice, the second time changes nothing.

    The recording is copied to a new file that then takes the old one's place, so at no time is there a half-written one.

    Raises
    ------
    RecordingError
        When there is no recording, it is no XDF file, its session still runs, or the disk has no room for the copy.
    """
    folder = _session_folder(path)
    recordings = (path,) if folder is None else folder.recordings()
    for recording in recordings:
        if not recording.is_file():
            raise RecordingError(f"there is no recording {recording}; name a session folder or an XDF file")
    if folder is not None:
        _refuse_running(folder, recordings)
    last = max((recording.stat().st_mtime for recording in recordings), default=time.time())  # recovering changes it
    reports = [_recover(recording) for recording in recordings]
    report = _together(path if folder is None else folder.path, reports)
    return report if folder is None else _complete(folder, report, last)


def _recover(recording: Path) -> RecoverReport:
    """Make one XDF file whole again."""
    try:
        with recording.open("rb") as file:
            check_magic(file, recording)
            found = survey(file)
        missing = [stream for stream in found.streams.values() if not stream.has_footer]
        changed = bool(missing) or found.unreadable > 0
        if changed:
            _rewrite(recording, found, missing)
    except OSError as error:
        raise RecordingError(
            f"cannot recover {recording}: {error.strerror}; it needs {recording.stat().st_size / 1e6:.0f} MB free beside it"
        ) from error
    return _report(recording, found, len(missing), changed)


def _complete(folder: SessionFolder, report: RecoverReport, last: float) -> RecoverReport:
    """Cut unfinished lines of logs, and note that the session is over, since ``last`` (seconds since 1970)."""
    logs = (*sorted(folder.decisions.glob("*.jsonl")), folder.notes, folder.bads, folder.markers_aside)
    cut_log = sum(cut_line(log) for log in logs if log.exists())
    changed = report.changed or cut_log > 0
    if folder.read()["state"] == "running":
        changed = True
        ended = datetime.fromtimestamp(last).astimezone().isoformat(timespec="milliseconds")
        folder.update(state="recovered", ended=ended)
    return replace(report, cut_log_bytes=cut_log, changed=changed)


def _session_folder(path: Path) -> SessionFolder | None:
    """The session folder ``path``, or that of which the file ``path`` is a part; None for a file of its own."""
    if path.is_dir() or not path.exists():
        return SessionFolder.open(path)
    for above in path.resolve().parents[:MOST_FOLDERS]:
        if (above / "session.json").exists():
            folder = SessionFolder.open(above)
            return folder if path.resolve() in folder.recordings() else None
    return None


def _refuse_running(folder: SessionFolder, recordings: Sequence[Path]) -> None:
    session = folder.read()
    if session["state"] != "running":
        return
    host = session["machine"]["host"]
    if host == platform.node():
        if is_alive(session["pid"], session.get("pid_birth")):
            raise RecordingError(f"the session {folder.path} still runs (process {session['pid']}); end it first")
    elif any(time.time() - recording.stat().st_mtime < STILL_GROWING_SECONDS for recording in recordings):
        raise RecordingError(f"the session {folder.path} still grows on {host}; end it there first")


def _rewrite(path: Path, found: Survey, missing: list[StreamSurvey]) -> None:
    for left in path.parent.glob(f".{path.name}.*.recovering"):
        if not is_alive(int(left.name.split(".")[-2]), None):  # of a recovery that was killed itself
            left.unlink()
    scratch = path.with_name(f".{path.name}.{os.getpid()}.recovering")
    try:
        with path.open("rb") as old, scratch.open("xb") as new:
            new.write(MAGIC)
            for start, stop in found.stretches:
                _copy(old, new, start, stop)
            for stream in missing:
                xml = footer_xml(stream.first, stream.last, stream.count, stream.clock_offsets)
                new.write(chunk_head(Tag.STREAM_FOOTER, len(xml), stream.number) + xml)
            new.flush()
            os.fsync(new.fileno())
        shutil.copymode(path, scratch)
        scratch.replace(path)
    except BaseException:
        scratch.unlink(missing_ok=True)
        raise


def _copy(file: BinaryIO, new: BinaryIO, start: int, stop: int) -> None:
    file.seek(start)
    while start < stop:
        block = file.read(min(_BLOCK, stop - start))
        new.write(block)
        start += len(block)


def _report(path: Path, found: Survey, footers: int, changed: bool) -> RecoverReport:
    streams = found.streams.values()
    signals = [stream for stream in streams if stream.rate > 0]
    return RecoverReport(
        path=path,
        original_bytes=found.size,
        bytes=path.stat().st_size,
        cut_bytes=found.unreadable,
        footers_added=footers,
        samples=sum(stream.count for stream in signals),
        markers=sum(s.count for s in streams if s.type == "Markers" and s.name != GAP_STREAM),
        decisions=sum(stream.count for stream in streams if stream.type == "Decisions"),
        seconds=max((stream.last - stream.first for stream in signals if stream.count), default=0.0),
        cut_log_bytes=0,
        changed=changed,
    )


def _together(path: Path, reports: Sequence[RecoverReport]) -> RecoverReport:
    """One report of all parts; ``path`` is what is named where there is not just one."""
    if len(reports) == 1:
        return reports[0]
    counts = ("original_bytes", "bytes", "cut_bytes", "footers_added", "samples", "markers", "decisions", "seconds")
    sums = {name: sum(getattr(report, name) for report in reports) for name in counts}
    changed = any(report.changed for report in reports)
    return RecoverReport(path=path, **sums, cut_log_bytes=0, changed=changed, parts=len(reports))
