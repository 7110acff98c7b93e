"""The run folder: what the processes of one running session see of each other.

It lies in memory where there is a tmpfs, and is removed when the session ends. Nobody calls anybody: each file has one
writer, readers look::

    stream.json            StreamInfo of the source, and the offset from time.monotonic() to the source's clock
    raw.ring               samples as they came                                        (written by the session)
    markers.jsonl          one marker a line, in order of arrival                      (session)
    playback.json          of a replay: which recording, its length, its markers       (session)
    status.json            what the session knows of itself, replaced 10 times a second (session)
    NAME.ring              decisions of decoder NAME, float64 rows (`DecisionRing`)    (that decoder's worker)
    NAME.stages.ring       where the age of its decisions comes from (`rtbci.stages`)  (that worker)
    NAME.retrieved.ring    what decoder NAME found in a bank (`rtbci.retrieved`)       (that worker)
    NAME.found.jsonl       at which rank stood what its trials showed                  (that worker)
    NAME.rendered          the newest picture that was drawn of it (`rtbci.rendered`)  (the renderer)
    renderer.json          how the renderer is doing                                   (the renderer)
    NAME.trials.jsonl      finished trials of decoder NAME                             (that decoder's worker)
    NAME.learnt            what decoder NAME has learnt while it ran (`rtbci.learnt`)  (that worker)
    NAME.worker.json       how that worker is doing, replaced at every state change    (that worker)
    control                address of the control socket                               (session)
"""

from __future__ import annotations

import json
import math
import os
import shutil
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

import numpy as np

from rtbci.errors import RecordingError
from rtbci.ring import BUSY, TAKEN, Ring
from rtbci.types import Channel, Decision, Flag, Marker, StreamInfo


def stream_to_json(info: StreamInfo) -> dict[str, Any]:
    """Turn ``info`` into what `stream_from_json` reads."""
    return {**asdict(info), "bads": sorted(info.bads)}


def stream_from_json(fields: dict[str, Any]) -> StreamInfo:
    """Read what `stream_to_json` wrote."""
    channels = tuple(
        Channel(c["name"], c["kind"], c["unit"], tuple(c["position"]) if c["position"] else None)
        for c in fields["channels"]
    )
    return StreamInfo(
        name=fields["name"],
        rate=fields["rate"],
        channels=channels,
        type=fields["type"],
        source_id=fields["source_id"],
        bads=frozenset(fields["bads"]),
        notes=tuple(fields["notes"]),
        subject=fields.get("subject", ""),
    )


def marker_to_json(marker: Marker) -> dict[str, Any]:
    """Turn ``marker`` into what `marker_from_json` reads."""
    return asdict(marker)


def marker_from_json(fields: dict[str, Any]) -> Marker:
    """Read what `marker_to_json` wrote."""
    return Marker(fields["time"], fields["label"], fields["code"], fields["stream"])


def replace_json(path: Path, value: object) -> None:
    """Write ``value`` to ``path`` so that a reader sees the old or the new text, never part of one."""
    scratch = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    scratch.write_text(json.dumps(value))
    for _ in range(20):
        try:
            scratch.replace(path)
        except PermissionError:  # Windows: a reader has it open for a moment
            time.sleep(0.002)
        else:
            return
    scratch.replace(path)


def read_json(path: Path) -> dict[str, Any] | None:
    """What `replace_json` wrote, or None while there is nothing yet."""
    try:
        value = json.loads(path.read_text())
    except FileNotFoundError:
        return None
    return value if isinstance(value, dict) else None


class MarkerReader:
    """Follows ``markers.jsonl`` from its beginning; a line that is still being written waits for its end."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[bytes] | None = None
        self._rest = b""

    def new(self) -> list[Marker]:
        """Markers that were added since the last call."""
        if self._file is None:
            try:
                self._file = self._path.open("rb")
            except FileNotFoundError:
                return []
        fresh = self._file.read()
        if not fresh:
            return []
        *lines, self._rest = (self._rest + fresh).split(b"\n")
        return [marker_from_json(json.loads(line)) for line in lines if line]

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None


FIELDS = (
    "start", "stop", "sample", "answer", "signal_time", "arrival_time", "ready_time", "skipped", "origin", "flags",
    "marker_time",
)  # fmt: skip
"""Columns of a decision row before the log-probabilities and the evidence (``n_classes`` columns each).

In the column of the flags the bits from number `ADAPTED_AT` on are the decision's ``adapted``: rows of a decoder that does
not adapt are what they have always been, and so is every other column.
"""
ADAPTED_AT = 16
_WHOLE = {"start", "stop", "sample", "answer", "skipped", "origin"}


def decision_to_row(decision: Decision) -> np.ndarray[Any, np.dtype[np.float64]]:
    """``(len(FIELDS) + 2 * n_classes,)`` float64; integers stay exact up to 2**53."""
    head = [float(getattr(decision, name)) for name in FIELDS]
    head[FIELDS.index("flags")] += float(decision.adapted << ADAPTED_AT)
    return np.concatenate([head, decision.log_probs, decision.evidence])


def decision_from_row(row: np.ndarray[Any, np.dtype[np.float64]]) -> Decision:
    """Read what `decision_to_row` made, bit for bit."""
    n_classes = (len(row) - len(FIELDS)) // 2
    values: dict[str, Any] = dict(zip(FIELDS, (float(v) for v in row), strict=False))
    values.update({name: int(values[name]) for name in _WHOLE})
    values["adapted"], flags = divmod(int(values["flags"]), 1 << ADAPTED_AT)
    values["flags"] = Flag(flags)
    tail = np.array(row[len(FIELDS) :])
    return Decision(log_probs=tail[:n_classes], evidence=tail[n_classes:], **values)


def decision_to_json(decision: Decision) -> dict[str, Any]:
    """A line of the decision log; Python writes floats so that they read back bit for bit."""
    fields = {name: getattr(decision, name) for name in FIELDS}
    fields["flags"] = int(decision.flags)
    fields["adapted"] = decision.adapted
    if math.isnan(decision.marker_time):
        fields["marker_time"] = None
    return {**fields, "log_probs": decision.log_probs.tolist(), "evidence": decision.evidence.tolist()}


def decision_from_json(fields: dict[str, Any]) -> Decision:
    """Read what `decision_to_json` made, bit for bit; logs of before decoders could adapt lack ``adapted``."""
    fields = dict(fields)
    fields["flags"] = Flag(fields["flags"])
    if fields["marker_time"] is None:
        fields["marker_time"] = math.nan
    fields["log_probs"] = np.array(fields["log_probs"], np.float64)
    fields["evidence"] = np.array(fields["evidence"], np.float64)
    return Decision(**fields)


class DecisionRing:
    """Decisions of one decoder, one writer (its worker), any number of readers (recorder, window, report)."""

    def __init__(self, ring: Ring) -> None:
        self.ring = ring
        self.classes: tuple[str, ...] = tuple(ring.meta["classes"])

    @classmethod
    def create(cls, path: Path, classes: tuple[str, ...], hop: float, window: float) -> DecisionRing:
        """Make a ring for the last 16 384 decisions over ``classes``; ``hop`` and ``window`` in seconds."""
        meta = {"classes": list(classes), "hop": hop, "window": window}
        return cls(Ring.create(path, 16384, len(FIELDS) + 2 * len(classes), dtype=np.float64, max_gaps=1, meta=meta))

    @classmethod
    def attach(cls, path: Path) -> DecisionRing:
        """Map an existing one."""
        return cls(Ring.attach(path))

    @property
    def count(self) -> int:
        """Decisions ever made."""
        return self.ring.written

    def add(self, decision: Decision) -> None:
        """Publish a decision."""
        row = decision_to_row(decision)[None]
        self.ring.push(row, np.array([decision.signal_time]), decision.ready_time)

    def busy(self, since: int) -> None:
        """Note since when the worker has been deciding, in ns of the monotonic clock; 0: it is not."""
        self.ring.set_word(BUSY, since)

    def busy_seconds(self) -> float:
        """How long the worker has been at the decision that it is making; 0: at none."""
        since = self.ring.word(BUSY)
        return (time.monotonic_ns() - since) / 1e9 if since else 0.0

    def took(self, samples: int) -> None:
        """Note that the worker has taken the stream's first ``samples``, and decided what was due by then."""
        self.ring.set_word(TAKEN, samples)

    @property
    def taken(self) -> int:
        """Samples of the stream that the worker has taken; it has decided what was due by then."""
        return self.ring.word(TAKEN)

    def follow(self, first: int) -> tuple[list[Decision], int]:
        """Decisions number ``first`` and later, as far as the ring still holds them, and the number of the next one."""
        stop = self.count
        start = min(max(first, stop - self.ring.capacity + 64), stop)
        rows, _, _ = self.ring.read(start, stop)
        return [decision_from_row(row) for row in rows], stop

    def new(self, first: int) -> list[Decision]:
        """Decisions number ``first`` and later, as far as the ring still holds them, oldest first."""
        return self.follow(first)[0]

    def newest(self) -> Decision | None:
        """The newest decision, or None before the first."""
        decisions = self.new(self.count - 1) if self.count else []
        return decisions[-1] if decisions else None

    def close(self) -> None:
        """Unmap."""
        self.ring.close()


PREFIX = "rtbci-run-"
ROOM_BYTES = 512 << 20
"""Free space below which the tmpfs is left alone."""
LEFT_SECONDS = 60.0
"""How long the run folder of a dead session stays, for a window that is still attached to it."""


def _is_left_behind(path: Path) -> bool:
    """Whether the session of run folder ``path`` is dead, and has been for a while."""
    if sys.platform == "win32":  # there, signal 0 ends a process instead of asking after it
        return False
    try:
        status = json.loads((path / "status.json").read_text())
        silent = time.time() - (path / "status.json").stat().st_mtime
        os.kill(int(status["pid"]), 0)
    except ProcessLookupError:
        return silent > LEFT_SECONDS
    except (OSError, ValueError, KeyError, TypeError):
        return False  # another user's, one that is just being made, or none of ours
    return False


class RunFolder:
    """Paths and small files of one running session; see the module's drawing."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def create(cls) -> RunFolder:
        """Make a fresh one, readable by this user only, in memory where there is a tmpfs.

        What sessions that were killed have left there is removed: it takes up memory.
        """
        base = Path("/dev/shm")
        # a container's tmpfs may be tiny; a ring on a disk is slower only when the memory for it is lacking
        roomy = os.access(base, os.W_OK) and shutil.disk_usage(base).free >= ROOM_BYTES
        root = base if roomy else Path(tempfile.gettempdir())
        for left in root.glob(f"{PREFIX}*"):
            if _is_left_behind(left):
                shutil.rmtree(left, ignore_errors=True)
        return cls(Path(tempfile.mkdtemp(prefix=PREFIX, dir=root)))

    @classmethod
    def attach(cls, path: Path) -> RunFolder:
        """The run folder at ``path``. Raises RecordingError when no session runs there."""
        if not (path / "stream.json").exists() and not (path / "status.json").exists():
            raise RecordingError(f"{path} is not the run folder of a session; a session that has ended has none")
        return cls(path)

    @property
    def raw(self) -> Path:
        """The raw ring."""
        return self.path / "raw.ring"

    @property
    def stream(self) -> Path:
        """StreamInfo and clock offset."""
        return self.path / "stream.json"

    @property
    def markers(self) -> Path:
        """Markers in order of arrival."""
        return self.path / "markers.jsonl"

    @property
    def playback(self) -> Path:
        """What is replayed: the recording, its length in seconds, and its markers."""
        return self.path / "playback.json"

    @property
    def status(self) -> Path:
        """The session's status."""
        return self.path / "status.json"

    @property
    def control(self) -> Path:
        """Where the control socket listens."""
        return self.path / "control"

    def decisions(self, decoder: str) -> Path:
        """Decision ring of ``decoder``."""
        return self.path / f"{decoder}.ring"

    def stages(self, decoder: str) -> Path:
        """Ring of where the age of decisions of ``decoder`` comes from."""
        return self.path / f"{decoder}.stages.ring"

    def retrieved(self, decoder: str) -> Path:
        """Ring of what ``decoder`` found in a bank."""
        return self.path / f"{decoder}.retrieved.ring"

    def found(self, decoder: str) -> Path:
        """At which rank stood what trials showed, by ``decoder``, one JSON object a line."""
        return self.path / f"{decoder}.found.jsonl"

    def rendered(self, decoder: str) -> Path:
        """The newest picture that was drawn of what ``decoder`` says."""
        return self.path / f"{decoder}.rendered"

    @property
    def renderer(self) -> Path:
        """How the renderer is doing."""
        return self.path / "renderer.json"

    def trials(self, decoder: str) -> Path:
        """Finished trials of ``decoder``, one JSON object a line."""
        return self.path / f"{decoder}.trials.jsonl"

    def learnt(self, decoder: str) -> Path:
        """What ``decoder`` has learnt while it ran."""
        return self.path / f"{decoder}.learnt"

    def worker(self, decoder: str) -> Path:
        """How the worker of ``decoder`` is doing."""
        return self.path / f"{decoder}.worker.json"

    def write_stream(self, info: StreamInfo, clock_offset: float) -> None:
        """Say what the source is; ``clock_offset`` is the source's clock minus time.monotonic(), in seconds."""
        replace_json(self.stream, {"stream": stream_to_json(info), "clock_offset": clock_offset})

    def read_stream(self) -> tuple[StreamInfo, float]:
        """StreamInfo and clock offset. Raises RecordingError before the session knows them."""
        fields = read_json(self.stream)
        if fields is None:
            raise RecordingError(f"{self.stream} is not there yet; the session is still looking for its stream")
        return stream_from_json(fields["stream"]), fields["clock_offset"]
