"""What a recording holds, for a person and for a program: every stream of the file, not only the one to decode."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from rtbci.errors import SourceError
from rtbci.gaps import find_gaps
from rtbci.sources.file import format_of
from rtbci.sources.timing import estimated_rate, measured_rate
from rtbci.types import Channel, Gap, Marker, Times

_MOST_LABELS = 12
_MOST_NAMES = 16
_LONGEST_LABEL = 60


@dataclass(frozen=True, slots=True)
class StreamSummary:
    """One stream of a recording.

    ``units`` and ``kinds`` count the channels of each; ``nominal_rate`` and ``effective_rate`` are in Hz (0: irregular, or
    too short to measure); ``start`` and ``duration`` in seconds of the recording's clock (first to last sample);
    ``gap_seconds`` is the time that gaps took beyond a sample's period. ``markers`` counts labels, for marker streams.
    """

    name: str
    type: str
    n_channels: int
    n_samples: int
    channels: tuple[str, ...]
    units: Mapping[str, int]
    kinds: Mapping[str, int]
    nominal_rate: float
    effective_rate: float
    start: float | None
    duration: float
    gaps: int
    gap_seconds: float
    markers: Mapping[str, int] | None
    notes: tuple[str, ...] = ()

    @property
    def is_markers(self) -> bool:
        """Whether the stream holds markers rather than a signal."""
        return self.markers is not None


@dataclass(frozen=True, slots=True)
class RecordingSummary:
    """A recording: its format, size in bytes, streams, and what a person should know."""

    path: str
    format: str
    size: int
    streams: tuple[StreamSummary, ...]
    notes: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The same as plain dictionaries and lists."""
        return asdict(self)

    def as_text(self) -> str:
        """A few lines for each stream."""
        lines = [f"{self.path}: {self.format}, {self.size / 1e6:.2f} MB, {_count(len(self.streams), 'stream')}"]
        for stream in self.streams:
            lines += _marker_lines(stream) if stream.is_markers else _signal_lines(stream)
        lines += [f"  note: {note}" for note in self.notes]
        return "\n".join(lines)


def inspect(path: str | Path) -> RecordingSummary:
    """Look into the recording at ``path``. Raises SourceError when there is none that can be read."""
    path = Path(path)
    kind = format_of(path)
    if kind == "XDF":
        streams, notes = _xdf(path)
    elif kind == "CSV":
        streams, notes = _csv(path)
    else:
        streams, notes = _mne(path)
    return RecordingSummary(str(path), kind, path.stat().st_size, tuple(streams), tuple(notes))


def _signal(
    name: str, type: str, channels: Sequence[Channel], rate: float, times: Times, notes: Sequence[str] = ()
) -> StreamSummary:
    # a stream without a nominal rate has gaps all the same, measured against its own pace
    pace = rate or estimated_rate(times)
    gaps: list[Gap] = find_gaps(times, pace) if pace else []
    return StreamSummary(
        name=name,
        type=type,
        n_channels=len(channels),
        n_samples=len(times),
        channels=tuple(channel.name for channel in channels),
        units=dict(Counter(channel.unit for channel in channels)),
        kinds=dict(Counter(channel.kind for channel in channels)),
        nominal_rate=rate,
        effective_rate=measured_rate(times),
        start=float(times[0]) if len(times) else None,
        duration=float(times[-1] - times[0]) if len(times) else 0.0,
        gaps=len(gaps),
        gap_seconds=sum(max(0.0, gap.after - gap.before - 1.0 / pace) for gap in gaps),
        markers=None,
        notes=tuple(notes),
    )


def _markers(name: str, type: str, markers: Sequence[Marker], n_channels: int = 1) -> StreamSummary:
    times = [marker.time for marker in markers]
    return StreamSummary(
        name=name,
        type=type,
        n_channels=n_channels,
        n_samples=len(markers),
        channels=(),
        units={},
        kinds={},
        nominal_rate=0.0,
        effective_rate=0.0,
        start=min(times) if times else None,
        duration=max(times) - min(times) if times else 0.0,
        gaps=0,
        gap_seconds=0.0,
        markers=dict(Counter(marker.label for marker in markers).most_common()),
    )


def _xdf(path: Path) -> tuple[list[StreamSummary], list[str]]:
    from rtbci.sources.lsl_header import read_header
    from rtbci.sources.xdf_file import load, scan
    from rtbci.sources.xdf_markers import markers_of
    from rtbci.sources.xdf_reader import CUT_SHORT

    streams, cut_short = scan(path)
    loaded = load(path, streams) if streams else {}
    summaries = []
    for stream in streams:
        values = loaded[stream.id]
        if stream.is_markers:
            summaries.append(_markers(stream.name, stream.type, markers_of(stream, values), stream.n_channels))
            continue
        notes: tuple[str, ...] = ()
        try:
            header = read_header(stream.xml, stream.n_channels, stream.type)
            channels, notes = header.channels, header.notes
        except SourceError as error:  # a header that cannot be used for decoding can still be looked at
            channels = tuple(Channel(str(i + 1), "misc", "") for i in range(stream.n_channels))
            notes = (str(error),)
        summaries.append(_signal(stream.name, stream.type, channels, stream.rate, values.times, notes))
    return summaries, [CUT_SHORT] if cut_short else []


def _csv(path: Path) -> tuple[list[StreamSummary], list[str]]:
    from rtbci.sources.csv_reader import CsvReader

    reader = CsvReader(path)
    info, times = reader.info, reader.times(0, reader.n_samples)
    summaries = [_signal(info.name, info.type, info.channels, 0.0, times, info.notes)]
    return summaries + _by_stream(reader.marker_streams, reader.markers), []


def _mne(path: Path) -> tuple[list[StreamSummary], list[str]]:
    from rtbci.sources.mne_reader import MneReader

    reader = MneReader(path)
    try:
        info = reader.info
        bads = (f"Marked as bad: {', '.join(sorted(info.bads))}.",) if info.bads else ()
        # recordings that MNE reads are evenly sampled: the first and last sample tell all
        summary = _signal(
            info.name, info.type, info.channels, info.rate, np.arange(2) / info.rate, (*info.notes, *bads)
        )
        n = reader.n_samples
        signal = _resized(summary, n, (n - 1) / info.rate if n else 0.0)
        return [signal, *_by_stream(reader.marker_streams, reader.markers)], []
    finally:
        reader.close()


def _resized(summary: StreamSummary, n_samples: int, duration: float) -> StreamSummary:
    return replace(
        summary,
        n_samples=n_samples,
        duration=duration,
        start=0.0 if n_samples else None,
        effective_rate=summary.nominal_rate if n_samples > 1 else 0.0,
    )


def _by_stream(names: Sequence[str], markers: Sequence[Marker]) -> list[StreamSummary]:
    return [_markers(name, "Markers", [m for m in markers if m.stream == name]) for name in dict.fromkeys(names)]


def _count(n: int, word: str) -> str:
    return f"{n} {word}" if n == 1 else f"{n} {word}s"


def _signal_lines(stream: StreamSummary) -> list[str]:
    nominal = f"{stream.nominal_rate:g} Hz" if stream.nominal_rate else "no nominal rate"
    lines = [
        f"  {stream.name or '(no name)'} ({stream.type or 'no type'}): {_count(stream.n_channels, 'channel')}, {nominal}"
        f" (effective {stream.effective_rate:.2f} Hz), {_count(stream.n_samples, 'sample')}, {stream.duration:.1f} s"
    ]
    if stream.channels:
        shown = ", ".join(stream.channels[:_MOST_NAMES])
        more = f" and {stream.n_channels - _MOST_NAMES} more" if stream.n_channels > _MOST_NAMES else ""
        lines.append(f"    channels: {shown}{more}")
        lines.append(
            f"    kinds: {_tally(stream.kinds)}; units: {_tally({unit or 'none': n for unit, n in stream.units.items()})}"
        )
    lines.append(f"    gaps: {stream.gaps}" + (f" ({stream.gap_seconds:.3f} s)" if stream.gaps else ""))
    return lines + [f"    note: {note}" for note in stream.notes]


def _marker_lines(stream: StreamSummary) -> list[str]:
    assert stream.markers is not None, "only marker streams are written so"
    shown = dict(list(stream.markers.items())[:_MOST_LABELS])
    more = len(stream.markers) - len(shown)
    lines = [f"  {stream.name or '(no name)'} ({stream.type or 'no type'}): {_count(stream.n_samples, 'marker')}"]
    if shown:
        lines.append(f"    {_tally(shown)}" + (f" and {more} more labels" if more else ""))
    return lines


def _tally(counts: Mapping[str, int]) -> str:
    shown = (
        (label if len(label) <= _LONGEST_LABEL else f"{label[:_LONGEST_LABEL]}…", n) for label, n in counts.items()
    )
    return ", ".join(f"{label} {n}" for label, n in shown)
