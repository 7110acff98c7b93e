"""The contract of a source: what it says of its stream, and how it hands out samples and markers."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rtbci.interfaces import Source
from rtbci.testing.contract import ContractError, apart, require, require_methods, same_bytes
from rtbci.types import STANDARD_UNITS, Marker, Samples, StreamInfo, Times

UNTOUCHED = np.float32(-12345.678)
"""Stands in rows that a source has no reason to write to."""


@dataclass(frozen=True, slots=True)
class SourceReport:
    """What `check_source` saw of the stream: its description, samples and markers, and whether it ended."""

    info: StreamInfo
    n_samples: int
    n_markers: int
    ended: bool


@dataclass(frozen=True, slots=True)
class _Taken:
    info: StreamInfo
    samples: Samples
    times: Times
    markers: tuple[Marker, ...]
    ended: bool


def check_source(
    make: Callable[[], Any],
    *,
    n_samples: int = 1000,
    recording: bool = False,
    timeout: float = 0.5,
    patience: int = 60,
) -> SourceReport:
    """Check that ``make()`` gives sources that rtbci can acquire from.

    Parameters
    ----------
    make : gives a new source, not opened, each time.
    n_samples : samples that are read, fewer where a recording ends sooner.
    recording : whether the same samples come again each time, so that reading in other chunks is compared, and whether
        markers must come no later than their sample.
    timeout, patience : seconds a read may wait, and how many reads in a row may give nothing before it is a failure.

    Raises
    ------
    ContractError
        In one sentence: what is wrong, and what would be right.
    """
    first = _take(make, n_samples, 64, timeout, patience, recording)
    if recording:
        for rows in (1, 7, 1000):
            again = _take(make, n_samples, rows, timeout, patience, recording)
            name = _name(make())
            n = min(len(first.samples), len(again.samples))
            require(
                len(again.samples) == len(first.samples)
                and same_bytes(again.samples[:n], first.samples[:n])
                and same_bytes(again.times[:n], first.times[:n]),
                f"{name} gave other samples or times when asked for {rows} at a time instead of 64 "
                f"({apart(again.samples, first.samples)}); a recording gives the same however it is read",
            )
    return SourceReport(first.info, len(first.samples), len(first.markers), first.ended)


def _name(source: object) -> str:
    return type(source).__name__


def _take(make: Callable[[], Any], n_samples: int, rows: int, timeout: float, patience: int, recording: bool) -> _Taken:
    """Open a source, read up to ``n_samples`` with a buffer of ``rows``, close it twice."""
    source = make()
    name = _name(source)
    require_methods(source, name, ("open", "read", "markers", "now", "close"), "Source")
    try:
        info = source.open()
        _check_info(info, name)
        taken = _read(source, name, info, n_samples, rows, timeout, patience, recording)
    finally:
        source.close()
        try:
            source.close()
        except Exception as error:
            raise ContractError(
                f"{name}.close raised {type(error).__name__} the second time; it must be safe to call twice"
            ) from error
    return taken


def _check_info(info: Any, name: str) -> None:
    require(isinstance(info, StreamInfo), f"{name}.open returned {type(info).__name__}; a StreamInfo would be right")
    require(
        math.isfinite(info.rate) and info.rate > 0,
        f"{name}.open says a rate of {info.rate!r} Hz; the nominal rate, above 0, would be right",
    )
    require(info.n_channels > 0, f"{name}.open says there are no channels; at least one would be right")
    for channel in info.channels:
        unit = STANDARD_UNITS.get(channel.kind, channel.unit)
        require(
            channel.unit == unit,
            f'{name}.open says that {channel.kind} channel {channel.name} is in "{channel.unit}"; samples must be in '
            f'"{unit}" and the channel must say so (rtbci.types.STANDARD_UNITS)',
        )


def _read(
    source: Source,
    name: str,
    info: StreamInfo,
    n_samples: int,
    rows: int,
    timeout: float,
    patience: int,
    recording: bool,
) -> _Taken:
    samples = np.full((rows, info.n_channels), UNTOUCHED, np.float32)
    times = np.full(rows, np.nan)
    parts: list[Samples] = []
    part_times: list[Times] = []
    markers: list[Marker] = []
    got, empty, ended = 0, 0, False
    newest = -math.inf
    while got < n_samples and not ended:
        room = min(rows, n_samples - got)
        samples[:] = UNTOUCHED
        try:
            n = source.read(samples[:room], times[:room], timeout)
        except EOFError:
            ended, n = True, 0
        require(
            isinstance(n, (int, np.integer)) and 0 <= n <= room,
            f"{name}.read returned {n!r} for a buffer of {room} rows; a whole number from 0 to {room} would be right",
        )
        require(
            bool((samples[n:] == UNTOUCHED).all()),
            f"{name}.read said {n} and wrote to rows beyond; only the first {n} may be written",
        )
        if n:
            stamps = times[:n]
            require(
                bool(np.isfinite(stamps).all()), f"{name}.read gave times that are not finite; seconds would be right"
            )
            parts.append(samples[:n].copy())
            part_times.append(stamps.copy())
        before, newest = newest, (float(times[n - 1]) if n else newest)
        markers.extend(_markers(source, name, before, info.rate, recording))
        got, empty = got + int(n), 0 if n else empty + 1
        require(
            empty <= patience or ended,
            f"{name} gave nothing in {patience} reads of {timeout:g} s after {got} samples; is its stream running?",
        )
        now = source.now()
        require(math.isfinite(now), f"{name}.now returned {now!r}; seconds on the clock of its samples would be right")
    require(got > 0, f"{name} ended without a single sample")
    if ended:
        try:
            source.read(samples, times, 0.0)
        except EOFError:
            pass
        else:
            raise ContractError(f"{name}.read raised EOFError and then went on; EOFError must be raised from then on")
    return _Taken(info, np.concatenate(parts), np.concatenate(part_times), tuple(markers), ended)


def _markers(source: Source, name: str, before: float, rate: float, recording: bool) -> Sequence[Marker]:
    markers = source.markers()
    require(
        isinstance(markers, Sequence) and all(isinstance(marker, Marker) for marker in markers),
        f"{name}.markers returned {type(markers).__name__}; a list of rtbci.Marker would be right",
    )
    for marker in markers:
        require(
            math.isfinite(marker.time) and isinstance(marker.label, str),
            f"{name}.markers gave {marker!r}; a time in seconds and a text would be right",
        )
        require(
            not recording or marker.time >= before - 0.5 / rate,
            f'{name} gave the marker "{marker.label}" of {marker.time:.3f} s only after samples up to {before:.3f} s; '
            "a recording hands out a marker no later than the sample nearest to it",
        )
    return markers
