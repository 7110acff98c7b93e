"""Which LSL streams are in sight, how fast they really are, and how to tell them apart."""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from threading import Event, Thread
from typing import Any

import pylsl
from pylsl.lib import lib
from pylsl.util import handle_error

FORMATS = {0: "undefined", 1: "float32", 2: "double64", 3: "string", 4: "int32", 5: "int16", 6: "int8", 7: "int64"}
"""Names of liblsl's channel formats."""
SIGHT_SECONDS = 1.2
"""Until every stream of this machine has answered: the first comes at once, the others with the second query, which
liblsl sends after 0.5 s."""


@dataclass(frozen=True, slots=True)
class StreamInSight:
    """One stream on the network.

    ``rate`` is the nominal rate in Hz (0: irregular); ``effective_rate`` the measured one, None where it is irregular or
    nothing came; ``clock_offset_ms`` what must be added to its stamps to be on this machine's clock; ``note`` says why
    something could not be measured.
    """

    name: str
    type: str
    n_channels: int
    channel_format: str
    rate: float
    source_id: str
    hostname: str
    uid: str
    effective_rate: float | None = None
    clock_offset_ms: float | None = None
    clock_uncertainty_ms: float | None = None
    note: str = ""

    def as_json(self) -> dict[str, Any]:
        """Plain values by name."""
        return asdict(self)


def as_text(found: Sequence[StreamInSight]) -> str:
    """Table of streams for a terminal, one line each; an em dash stands for what could not be measured."""
    if not found:
        return "no LSL stream in sight"
    rows = [("name", "type", "channels", "rate Hz", "effective Hz", "clock ms", "host", "source id", "")]
    for each in found:
        rate = f"{each.rate:g}" if each.rate else "irregular"
        effective = "\u2014" if each.effective_rate is None else f"{each.effective_rate:.2f}"
        offset = "\u2014" if each.clock_offset_ms is None else f"{each.clock_offset_ms:+.3f}"
        channels = f"{each.n_channels} {each.channel_format}"
        rows.append(
            (
                each.name,
                each.type,
                channels,
                rate,
                effective,
                offset,
                each.hostname,
                each.source_id or "\u2014",
                each.note,
            )
        )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)


def describe(infos: Sequence[pylsl.StreamInfo]) -> str:
    """One line that lists streams with what tells them apart."""
    if not infos:
        return "none"
    return "; ".join(
        f"{i.name()!r} (type {i.type()!r}, {i.channel_count()} channels, {i.nominal_srate():g} Hz, "
        f"source_id {i.source_id()!r}, hostname {i.hostname()!r})"
        for i in infos
    )


def look(resolver: pylsl.ContinuousResolver, seconds: float, enough: Callable[[list[Any]], bool]) -> list[Any]:
    """Streams that ``resolver`` sees once ``enough`` of them are in sight, or after ``seconds``."""
    deadline = time.monotonic() + seconds
    while True:
        infos: list[Any] = resolver.results()
        if enough(infos) or time.monotonic() >= deadline:
            return infos
        time.sleep(0.02)


def streams(wait: float = 2.0, measure: float = 1.0) -> list[StreamInSight]:
    """Look for streams for ``wait`` seconds, then measure all of them at once for ``measure`` seconds.

    A stream that does not answer is listed with a note, and holds nobody up. Measuring a stream subscribes to it, so a
    sender that waits for a consumer may start.
    """
    infos = pylsl.resolve_streams(wait)
    meters = [_Meter(info, measure) for info in infos]
    deadline = time.monotonic() + measure + 3.0
    for meter in meters:
        meter.done.wait(max(0.0, deadline - time.monotonic()))
    found = [meter.result() for meter in meters]
    return sorted(found, key=lambda stream: (stream.type, stream.name, stream.uid))


def rate_of_arrivals(arrivals: Sequence[tuple[float, int]]) -> float | None:
    """Samples a second from (seconds, samples) of every arrival; None when fewer than two chunks came.

    The reader wakes with a chunk's first sample and may see the others an instant later: arrivals within half a
    millisecond are one chunk, unless the stream is so fast that then nothing would be left.
    """
    chunks: list[tuple[float, int]] = []
    last = -1.0
    for when, count in arrivals:
        if chunks and when - last < 5e-4:
            chunks[-1] = (chunks[-1][0], chunks[-1][1] + count)
        else:
            chunks.append((when, count))
        last = when
    if len(chunks) < 3:
        chunks = list(arrivals)
    if len(chunks) < 2:
        return None
    return sum(count for _, count in chunks[1:]) / (chunks[-1][0] - chunks[0][0])


def _clock(inlet: Any, timeout: float) -> tuple[float, float]:
    """Offset of the sender's clock and the uncertainty of that estimate, in seconds; pylsl wraps only the offset."""
    remote, uncertainty, code = ctypes.c_double(), ctypes.c_double(), ctypes.c_int()
    measure = lib.lsl_time_correction_ex
    measure.restype = ctypes.c_double
    offset = measure(
        inlet.obj, ctypes.byref(remote), ctypes.byref(uncertainty), ctypes.c_double(timeout), ctypes.byref(code)
    )
    handle_error(code)
    return float(offset), uncertainty.value


class _Meter:
    """Measures one stream in a thread of its own; what is known when the time is up is what counts."""

    def __init__(self, info: pylsl.StreamInfo, seconds: float) -> None:
        self._info = info
        self._seconds = seconds
        self._rate: float | None = None
        self._offset: float | None = None
        self._uncertainty: float | None = None
        self._note = "did not answer"
        self.done = Event()
        # a daemon: a stream that hangs in the network must not keep the program from ending
        Thread(target=self._measure, name=f"measure {info.name()}", daemon=True).start()

    def _measure(self) -> None:
        try:
            inlet = pylsl.StreamInlet(self._info, max_buflen=5, recover=False)
            inlet.open_stream(2.0)
            if self._info.nominal_srate() > 0.0:
                self._rate = self._count(inlet)
                self._note = "" if self._rate is not None else "sends nothing"
            else:
                self._note = ""
            self._offset, self._uncertainty = (1e3 * value for value in _clock(inlet, 2.0))
        except RuntimeError as error:  # all of pylsl's are
            self._note = self._note or f"clock not measured: {error}"
        finally:
            self.done.set()

    def _count(self, inlet: Any) -> float | None:
        """Samples a second by arrival: those after the first chunk, over the time from it to the last."""
        end = pylsl.local_clock() + self._seconds
        arrivals: list[tuple[float, int]] = []
        while (left := end - pylsl.local_clock()) > 0.0:
            # waits for one sample, so that silence ends with the measuring time
            _, stamps = inlet.pull_chunk(timeout=left, max_samples=4096, min_samples=1, as_numpy=True)
            if len(stamps):
                arrivals.append((pylsl.local_clock(), len(stamps)))
        return rate_of_arrivals(arrivals)

    def result(self) -> StreamInSight:
        """What is known by now."""
        info = self._info
        return StreamInSight(
            name=info.name(),
            type=info.type(),
            n_channels=info.channel_count(),
            channel_format=FORMATS.get(info.channel_format(), "undefined"),
            rate=info.nominal_srate(),
            source_id=info.source_id(),
            hostname=info.hostname(),
            uid=info.uid(),
            effective_rate=self._rate,
            clock_offset_ms=self._offset,
            clock_uncertainty_ms=self._uncertainty,
            note=self._note,
        )
