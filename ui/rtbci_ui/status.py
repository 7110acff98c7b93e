"""What the session says of itself, read from its status file: plain data, tolerant of what is not known yet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

WAITING_SECONDS = 30.0
STALE_SECONDS = 1.0
"""The session writes ten times a second; after this long without a word it is gone or frozen."""


@dataclass(frozen=True, slots=True)
class StreamStatus:
    """The stream as the session sees it: rates in Hz, offset in milliseconds."""

    name: str = ""
    source_id: str = ""
    type: str = ""
    rate: float | None = None
    effective_rate: float | None = None
    clock_offset_ms: float | None = None


@dataclass(frozen=True, slots=True)
class RecordingStatus:
    """``state`` is "recording", "stopped" or "off"; ``problem`` says why it stopped; ``part`` counts how often it began."""

    state: str = "off"
    path: str = ""
    bytes: int | None = None
    seconds: float | None = None
    problem: str | None = None
    part: int = 1


@dataclass(frozen=True, slots=True)
class DecoderStatus:
    """One decoder: its worker's state, its windows, and its accuracy beside the chance level.

    ``hop`` and ``window`` are seconds, ``hop`` None for windows that are locked to markers; ``labels`` gives the class of a
    marker's label, ``trial`` the seconds after the marker at which a trial starts and stops; ``threshold`` is the posterior
    above which a class is claimed.
    """

    name: str
    state: str = "starting"
    restarts: int = 0
    decoded: int = 0
    skipped: int = 0
    late: int = 0
    problem: str | None = None
    device: str | None = None
    age_ms: Mapping[str, float] | None = None
    classes: tuple[str, ...] = ()
    hop: float | None = None
    window: float | None = None
    trials: int = 0
    trial_accuracy: float | None = None
    window_accuracy: float | None = None
    chance: float | None = None
    labels: Mapping[str, int] = field(default_factory=dict)
    threshold: float | None = None
    trial: tuple[float, ...] = ()
    restart_reasons: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Status:
    """Everything in the status file; times in seconds, ``written`` on the monotonic clock.

    ``charge`` is the decoder whose answers count, ``next_charge`` the one that takes over at the end of the trial, "" where
    there is none. ``clock_rate`` is by how much the source's clock goes on in a second: 1 live, 0 where a replay is paused.
    ``host`` has what is known of the machine, ``playback`` of a replay (None live), ``display`` what a remote program asked
    the window to show, ``bads`` the channels that were marked bad while the session ran.
    """

    state: str = "starting"
    time: float | None = None
    written: float | None = None
    name: str = ""
    session: str = ""
    experiment: str = ""
    pid: int | None = None
    started: float | None = None
    seconds_left: float | None = None
    message: str | None = None
    stream: StreamStatus = StreamStatus()
    received: int | None = None
    lost: int | None = None
    gaps: int | None = None
    last_sample_time: float | None = None
    recording: RecordingStatus = RecordingStatus()
    decoders: tuple[DecoderStatus, ...] = ()
    charge: str = ""
    next_charge: str = ""
    clock_rate: float = 1.0
    host: Mapping[str, Any] = field(default_factory=dict)
    playback: Mapping[str, Any] | None = None
    display: Mapping[str, Any] = field(default_factory=dict)
    bads: tuple[str, ...] = ()

    def age(self, monotonic: float) -> float:
        """Seconds since the session wrote this, at ``monotonic`` on the same clock; 0 where it does not say."""
        return 0.0 if self.written is None else max(0.0, monotonic - self.written)

    def stale(self, monotonic: float, process_alive: bool | None = None) -> bool:
        """Whether the session has been silent for longer than it ever is; one that has ended is silent by right.

        While it waits for its stream it may be silent for a while, unless its process is known to be dead.
        """
        if self.state == "ended":
            return False
        waits = self.state in ("starting", "connecting") and process_alive is not False
        return self.age(monotonic) > (WAITING_SECONDS if waits else STALE_SECONDS)

    @property
    def elapsed(self) -> float | None:
        """Seconds that the session has run."""
        return None if self.time is None or self.started is None else max(0.0, self.time - self.started)

    @property
    def session_folder(self) -> Path | None:
        """Where the session is kept on disk."""
        return Path(self.session) if self.session else None


def _known(kind: type, fields: Any, **more: Any) -> Any:
    """An instance of a dataclass from the fields of ``fields`` it knows; null means the default."""
    found = fields if isinstance(fields, Mapping) else {}
    names = kind.__dataclass_fields__  # type: ignore[attr-defined]
    return kind(**{k: v for k, v in found.items() if k in names and v is not None}, **more)


def read_status(fields: Mapping[str, Any]) -> Status:
    """Read the object in ``status.json``; what is missing or null takes its default, what is unknown is left alone."""
    samples = fields.get("samples") or {}
    decoders = fields.get("decoders") or {}
    charge = fields.get("charge") or {}
    return Status(
        state=fields.get("state") or "starting",
        time=fields.get("time"),
        written=fields.get("monotonic"),
        name=fields.get("name") or "",
        session=str(fields.get("session") or ""),
        experiment=str(fields.get("experiment") or ""),
        pid=fields.get("pid"),
        started=fields.get("started"),
        seconds_left=fields.get("seconds_left"),
        message=fields.get("message"),
        stream=_known(StreamStatus, fields.get("stream")),
        received=samples.get("received"),
        lost=samples.get("lost"),
        gaps=fields.get("gaps"),
        last_sample_time=fields.get("last_sample_time"),
        recording=_known(RecordingStatus, fields.get("recording")),
        decoders=tuple(_decoder(name, value) for name, value in decoders.items()),
        charge=charge.get("decoder") or "",
        next_charge=charge.get("next") or "",
        clock_rate=1.0 if fields.get("clock_rate") is None else float(fields["clock_rate"]),
        host=fields.get("host") or {},
        playback=fields.get("playback"),
        display=fields.get("display") or {},
        bads=tuple(fields.get("bads") or ()),
    )


def _decoder(name: str, fields: Mapping[str, Any]) -> DecoderStatus:
    lists = {name: tuple(fields.get(name) or ()) for name in ("classes", "trial", "restart_reasons")}
    known = {k: v for k, v in fields.items() if k != "name" and k not in lists}
    decoder: DecoderStatus = _known(DecoderStatus, known, name=name, **lists)
    return decoder
