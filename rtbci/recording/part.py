"""One part of a recording: an XDF file from where recording is started to where it is stopped."""

from __future__ import annotations

import json
import platform
import uuid
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from rtbci import __version__
from rtbci.recording.feeds import DecisionStreams, SignalFeed
from rtbci.recording.marker_feeds import GapFeed, StringStreams
from rtbci.recording.session_folder import now_iso
from rtbci.recording.stream_header import StreamHeader, Tree
from rtbci.recording.xdf import XdfWriter
from rtbci.ring import Ring
from rtbci.runfolder import stream_to_json
from rtbci.types import Channel, StreamInfo


@dataclass(frozen=True, slots=True)
class PartInfo:
    """What is known of a part of a recording.

    ``file`` is relative to the session folder, ``first_sample`` the absolute index of its first sample in the session;
    ``ended`` is None while it is being recorded.
    """

    file: str
    first_sample: int
    started: str
    ended: str | None = None
    samples: int = 0
    missed: int = 0
    bytes: int = 0
    problem: str | None = None

    def as_json(self) -> dict[str, Any]:
        """An entry of ``parts`` in session.json."""
        return asdict(self)


class Part:
    """An XDF file that holds the signal from absolute sample ``first`` on; used by the recorder's thread alone.

    Raises
    ------
    RecordingError
        When the file exists or cannot be made.
    """

    def __init__(self, path: Path, ring: Ring, info: StreamInfo, first: int, first_gap: int) -> None:
        self.path = path
        self.first = first
        self._info = info
        self.started = now_iso()
        self.writer = XdfWriter(path, self.started)
        try:
            stream = self.writer.add_stream(self._signal_header(first))
        except BaseException:
            self.writer.close()
            raise
        self.signal = SignalFeed(self.writer, stream, ring, first)
        self.gaps = GapFeed(StringStreams(self.writer, self._header), ring, first_gap)

    def strings(self) -> StringStreams:
        """Where markers go."""
        return StringStreams(self.writer, self._header)

    def decisions(self, decoder: str) -> DecisionStreams:
        """Where the decisions of ``decoder`` go."""
        return DecisionStreams(self.writer, self._header, decoder)

    def copy(self) -> None:
        """Copy what is new of signal and gaps."""
        self.signal.copy()
        self.gaps.copy()

    @property
    def next_sample(self) -> int:
        """Absolute index of the sample that comes next."""
        return self.first + self.signal.written + self.signal.missed

    @property
    def seconds(self) -> float:
        """What is written, over the nominal rate."""
        return self.signal.written / self._info.rate

    def about(self, root: Path, problem: str | None = None, ended: str | None = None) -> PartInfo:
        """What is known of it; ``root`` is the session folder."""
        return PartInfo(
            file=self.path.relative_to(root).as_posix(),
            first_sample=self.first,
            started=self.started,
            ended=ended,
            samples=self.signal.written,
            missed=self.signal.missed,
            bytes=self.writer.size,
            problem=problem,
        )

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
