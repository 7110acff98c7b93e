"""One signal stream of an XDF recording with the markers of all its marker streams.

A header is read here as it is read live (`rtbci.sources.lsl_header`), so that a model trained on a recording fits the
stream it was made of. Real files are untidy: streams without samples, headers without channels, units or rate, text
streams of replies, EEG that ends before the markers do. What had to be assumed is said in ``StreamInfo.notes``.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtbci.errors import SourceError
from rtbci.runfolder import stream_from_json
from rtbci.sources.lsl_header import read_header
from rtbci.sources.lsl_triggers import Triggers
from rtbci.sources.reader import broken, check_names, chosen
from rtbci.sources.timing import estimated_rate, straightened
from rtbci.sources.xdf_file import XdfStream, load, scan
from rtbci.sources.xdf_markers import markers_of
from rtbci.types import Marker, Samples, StreamInfo, Times

RATE_TOLERANCE = 0.01
"""A measured rate further from the nominal one than this part of it is worth a note."""
CUT_SHORT = "The file is cut short: what stands before the cut was read."


class XdfReader:
    """One stream behind `rtbci.sources.reader.Reader`; raises SourceError that lists the streams when it cannot choose."""

    def __init__(
        self,
        path: Path,
        stream: str | None = None,
        type: str | None = None,
        channels: Sequence[str] = (),
        markers: Sequence[str] | None = None,
    ) -> None:
        streams, cut_short = scan(path)
        signal = choose(path, streams, stream, type)
        marker_streams = [s for s in streams if s.is_markers and s.id != signal.id]
        loaded = load(path, [signal, *marker_streams])
        self._times = loaded[signal.id].times
        self.n_samples = len(self._times)
        if self.n_samples == 0:
            raise SourceError(f"{path}: stream {signal.name!r} holds no whole samples; it has {listed(streams)}")
        raw = np.asarray(loaded[signal.id].values)
        found: list[Marker] = []
        there = [s.name for s in marker_streams]
        if signal.own_info is not None:
            self.info = _as_recorded(path, signal.own_info, raw.shape[1])
            self._samples: Samples = np.ascontiguousarray(raw, np.float32)
        else:
            self.info, self._samples = self._interpreted(path, signal, raw, channels)
            triggers = Triggers(self.info.channels, None)
            there += triggers.names
            triggers.find(self._samples, self._times)
            found += triggers.take()
        if cut_short:
            self.info = replace(self.info, notes=(*self.info.notes, CUT_SHORT))
        for marker_stream in marker_streams:
            found += markers_of(marker_stream, loaded[marker_stream.id])
        self.marker_streams = there
        self.markers = chosen(path, found, markers, there)

    def _interpreted(
        self, path: Path, signal: XdfStream, raw: NDArray[Any], names: Sequence[str]
    ) -> tuple[StreamInfo, Samples]:
        notes = []
        measured = estimated_rate(self._times)
        if signal.rate == 0.0:
            self._times = straightened(self._times)
            notes.append(f"The header gives no sampling rate: {measured:g} Hz, measured from the time stamps.")
        elif measured and abs(measured - signal.rate) > RATE_TOLERANCE * signal.rate:
            notes.append(f"The header says {signal.rate:g} Hz, but the time stamps make it {measured:.4g} Hz.")
        rate = signal.rate or measured
        if rate <= 0.0:
            raise SourceError(f"{path}: stream {signal.name!r} has no sampling rate and too few samples to measure one")
        check_names(path, [str(i + 1) for i in range(signal.n_channels)], names)
        try:
            header = read_header(signal.xml, signal.n_channels, signal.type, names)
        except SourceError as error:
            raise SourceError(f"{path}: {error}") from error
        # once rounded, as a live stream is: the factors are float32
        factors = header.factors.astype(np.float64)
        scaled = raw if np.all(factors == 1.0) else raw * factors
        info = StreamInfo(
            name=signal.name or path.stem,
            rate=rate,
            channels=header.channels,
            type=signal.type,
            notes=(*notes, *header.notes),
        )
        return info, np.ascontiguousarray(scaled, np.float32)

    def samples(self, start: int, stop: int) -> Samples:
        """Samples ``start`` to ``stop``: (stop - start, n_channels) float32."""
        return self._samples[start:stop]

    def times(self, start: int, stop: int) -> Times:
        """Times of the recording's own clock in seconds."""
        return self._times[start:stop]

    def close(self) -> None:
        """Nothing is held open."""


def _as_recorded(path: Path, text: str, n_channels: int) -> StreamInfo:
    """The stream as the session that recorded it knew it, to the bit. Raises SourceError."""
    try:
        info = stream_from_json(json.loads(text))
    except (ValueError, LookupError, TypeError) as error:
        raise broken(path, error) from error
    if info.n_channels != n_channels:
        raise SourceError(f"{path} describes {info.n_channels} channels and holds {n_channels}; the file is damaged")
    return info


def choose(path: Path, streams: Sequence[XdfStream], name: str | None, type: str | None) -> XdfStream:
    """The signal stream that is meant by name and type, or the only EEG or MEG stream. Raises SourceError with a list."""
    signals = [s for s in streams if not s.is_markers]
    given = [f"{key} {value!r}" for key, value in (("name", name), ("type", type)) if value is not None]
    if given:
        asked = " and ".join(given)
        signals = [
            s for s in signals if (name is None or s.name == name) and (type is None or s.type.lower() == type.lower())
        ]
    else:
        asked = "type EEG or MEG"
        # what rtbci recorded is the signal, whatever its type
        signals = [s for s in signals if s.own_info is not None] or [
            s for s in signals if s.type.lower() in ("eeg", "meg")
        ]
    if not signals:
        raise SourceError(f"{path} has no signal stream of {asked}; it has {listed(streams)}")
    full = [s for s in signals if s.n_samples]
    if not full:
        raise SourceError(f"{path}: the stream of {asked} holds no samples; the file has {listed(streams)}")
    if len(full) > 1:
        raise SourceError(
            f"{path} has {len(full)} signal streams of {asked}; choose by 'stream' or 'type': {listed(streams)}"
        )
    return full[0]


def listed(streams: Sequence[XdfStream]) -> str:
    """The streams in words, for an error message."""
    if not streams:
        return "no stream at all"
    return ", ".join(
        f"{s.name!r} ({s.type or 'no type'}, {s.n_channels} ch, {s.rate:g} Hz, {s.n_samples} samples)" for s in streams
    )
