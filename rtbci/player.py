"""Plays a recording, or any source, as LSL outlets: the signal and its markers, as an amplifier and a stimulus program send.

What is sent is what `rtbci.sources.file.FileSource` delivers, to the bit. Time stamps keep the recording's own times, moved
to now and divided by the speed, so a stream that drifted or had a gap does so again. Sending is scheduled against the
clock, never against the last send, so nothing drifts.
"""

from __future__ import annotations

import itertools
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rtbci.errors import SourceError
from rtbci.gaps import longest_step
from rtbci.interfaces import Source
from rtbci.sources.file import FileSource
from rtbci.types import Marker, Samples, StreamInfo, Times

CHUNK_SECONDS = 0.02
"""Samples of this much time are sent together, as amplifiers do, unless a chunk is given."""
LINGER_SECONDS = 1.0
"""The outlets stay open this long after the last sample, so that receivers get what is on its way."""
MARKER_WAIT_SECONDS = 3.0
"""How long a receiver of the signal is given to find the marker stream too: a second local stream takes up to a second."""
_PROGRESS_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class PlayReport:
    """What was sent: ``seconds`` from the first sample to the last, ``latest`` the most that a chunk was late (seconds).

    ``received`` says whether anybody listened when sample 0 was sent, ``stopped`` whether the end was asked for.
    """

    name: str
    samples: int
    markers: int
    seconds: float
    latest: float
    received: bool
    stopped: bool

    def as_json(self) -> dict[str, Any]:
        """The same as a dictionary."""
        return asdict(self)

    def as_text(self) -> str:
        """One line for a person."""
        listened = "" if self.received else "; nobody listened at the start"
        return (
            f"sent {self.samples} samples and {self.markers} markers of {self.name!r} in {self.seconds:.1f} s, "
            f"at most {1000 * self.latest:.1f} ms late{listened}"
        )


def play(
    path_or_source: str | Path | Source,
    *,
    speed: float = 1.0,
    chunk: int | None = None,
    name: str | None = None,
    loop: bool = False,
    wait: float = 10.0,
    stop: threading.Event | None = None,
    on_progress: Callable[[str], None] | None = None,
    **choice: Any,
) -> PlayReport:
    """Play a recording (or a source that is not open yet) to its end, or until ``stop`` is set.

    Parameters
    ----------
    speed : how many times faster than recorded; the outlet's nominal rate stays the recording's, so that
        a model trained on it fits; the effective rate is the nominal one times this.
    chunk : samples sent together; None: about 20 ms of them.
    name : of the signal stream (the markers are "<name> markers"); None: the recording's.
    loop : begin again at the end, without a break in time; a recording only.
    wait : so many seconds at most are waited for somebody to listen before sample 0 is sent.
    on_progress : told from time to time how far it is.
    choice : further arguments of `FileSource`, such as ``stream`` and ``channels``.

    Raises
    ------
    SourceError
        When the recording cannot be read, or an argument makes no sense.
    """
    if not 0.0 < speed < float("inf"):
        raise SourceError(f"speed is {speed}; it should be a positive number")
    if chunk is not None and chunk < 1:
        raise SourceError(f"chunk is {chunk}; it should be a whole number of samples, at least 1")
    if isinstance(path_or_source, str | Path):
        path = path_or_source

        def make() -> Source:
            return FileSource(path, **choice)
    else:
        if loop or choice:
            raise SourceError(
                "a source can be played once, as it is; give the path of a recording to loop or to choose"
            )
        source = path_or_source

        def make() -> Source:
            return source

    return _Player(make, speed, chunk, name, loop, stop or threading.Event(), on_progress).run(wait)


class _Player:
    def __init__(
        self,
        make: Callable[[], Source],
        speed: float,
        chunk: int | None,
        name: str | None,
        loop: bool,
        stop: threading.Event,
        on_progress: Callable[[str], None] | None,
    ) -> None:
        import pylsl

        self._clock: Callable[[], float] = pylsl.local_clock
        self._make = make
        self._speed = speed
        self._chunk = chunk
        self._name = name
        self._loop = loop
        self._stop = stop
        self._tell = on_progress
        self._told = 0.0
        self._pending: deque[Marker] = deque()
        self._samples_sent = 0
        self._markers_sent = 0
        self._latest = 0.0
        self._first_stamp: float | None = None
        self._last_stamp = 0.0

    def run(self, wait: float) -> PlayReport:
        source = self._make()
        info = source.open()
        try:
            self._signal, self._markers, name = outlets(info, self._name)
            self._period = 1.0 / (info.rate * self._speed)
            received = self._wait_for_listeners(wait)
            while True:
                self._once(source, info)
                if not self._loop or self._stop.is_set():
                    break
                source.close()
                source = self._make()
                source.open()
        finally:
            source.close()
        stopped = self._stop.is_set()
        threading.Event().wait(LINGER_SECONDS)  # also after `stop`, which would cut a wait on it short
        return PlayReport(
            name=name,
            samples=self._samples_sent,
            markers=self._markers_sent,
            seconds=self._last_stamp - self._first_stamp if self._first_stamp is not None else 0.0,
            latest=self._latest,
            received=received,
            stopped=stopped,
        )

    def _wait_for_listeners(self, wait: float) -> bool:
        end = self._clock() + wait
        while not self._stop.is_set() and (left := end - self._clock()) > 0:
            if self._signal.wait_for_consumers(min(left, 0.2)):
                break
        received = bool(self._signal.have_consumers())
        end = min(end, self._clock() + MARKER_WAIT_SECONDS)
        while received and not self._stop.is_set() and (left := end - self._clock()) > 0:
            if self._markers.wait_for_consumers(min(left, 0.2)):
                break
        return received

    def _once(self, source: Source, info: StreamInfo) -> None:
        """Play the open ``source`` from its first sample to its last."""
        rows = self._chunk or max(1, round(CHUNK_SECONDS * info.rate * self._speed))
        samples = np.empty((rows, info.n_channels), np.float32)
        times = np.empty(rows)
        # a step that makes a gap ends a chunk: what came before it is not held back until after it
        longest = longest_step(info.rate) / self._speed
        origin: tuple[float, float] | None = None
        ended = False
        while not ended and not self._stop.is_set():
            try:
                n = source.read(samples, times, 0.1)
            except EOFError:
                ended, n = True, 0
            if n and origin is None:
                begin = self._last_stamp + self._period if self._samples_sent else self._clock()
                origin = (float(times[0]), begin)
            if origin is None:
                continue
            at, begin = origin
            self._pending.extend(
                Marker(begin + (m.time - at) / self._speed, m.label, m.code, m.stream) for m in source.markers()
            )
            if n:
                stamps = begin + (times[:n] - at) / self._speed
                edges = [0, *(np.flatnonzero(np.diff(stamps) > longest) + 1), n]
                for first, last in itertools.pairwise(edges):
                    self._send(samples[first:last], stamps[first:last])
        if not self._loop:
            self._send_markers(float("inf"), float("inf"))
        # when beginning again, markers from after the last sample would fall into the next round
        self._pending.clear()

    def _send(self, samples: Samples, stamps: Times) -> None:
        due = float(stamps[-1])
        self._send_markers(due + 0.5 * self._period, due)
        if self._sleep_until(due):
            return
        self._signal.push_chunk(samples, stamps.tolist())
        if self._first_stamp is None:
            self._first_stamp = float(stamps[0])
        self._last_stamp = due
        self._samples_sent += len(samples)
        now = self._clock()
        self._latest = max(self._latest, now - due)
        if self._tell is not None and now - self._told > _PROGRESS_SECONDS:
            self._told = now
            self._tell(
                f"{due - self._first_stamp:.1f} s, {self._samples_sent} samples, {self._markers_sent} markers sent"
            )

    def _send_markers(self, until: float, latest: float) -> None:
        """Send the markers up to ``until``, each at its own time but no later than ``latest``: before their samples."""
        while self._pending and self._pending[0].time <= until:
            if self._sleep_until(min(self._pending[0].time, latest)):
                return
            marker = self._pending.popleft()
            self._markers.push_sample([marker.label], marker.time)
            self._markers_sent += 1

    def _sleep_until(self, stamp: float) -> bool:
        """Sleep until the clock shows ``stamp``; True when the end was asked for."""
        while (left := stamp - self._clock()) > 0:
            if self._stop.wait(left):
                return True
        return self._stop.is_set()


_UNIT_WORDS = {"uV": "microvolts"}  # the word that XDF's meta-data page asks for


def outlets(info: StreamInfo, name: str | None = None) -> tuple[Any, Any, str]:
    """Open the signal outlet and the marker outlet for ``info``; returns them with the name of the signal.

    The header follows XDF's meta-data for EEG: ``desc/channels/channel/{label,unit,type,location/{X,Y,Z}}``, in millimetres.
    Both streams have a source id that is the same for the same name, so receivers find them again.
    """
    import pylsl

    name = name or info.name or "rtbci player"
    source_id = f"rtbci-player-{name}"
    header = pylsl.StreamInfo(name, info.type or "EEG", info.n_channels, info.rate, pylsl.cf_float32, source_id)
    channels = header.desc().append_child("channels")
    for channel in info.channels:
        node = channels.append_child("channel")
        node.append_child_value("label", channel.name)
        node.append_child_value("unit", _UNIT_WORDS.get(channel.unit, channel.unit))
        node.append_child_value("type", channel.kind.upper())
        if channel.position is not None:
            location = node.append_child("location")
            for axis, metres in zip("XYZ", channel.position, strict=True):
                location.append_child_value(axis, repr(1000.0 * metres))
    header.desc().append_child("acquisition").append_child_value("software", "rtbci player")
    marks = pylsl.StreamInfo(
        f"{name} markers", "Markers", 1, pylsl.IRREGULAR_RATE, pylsl.cf_string, f"{source_id}-markers"
    )
    return pylsl.StreamOutlet(header), pylsl.StreamOutlet(marks), name


__all__: Sequence[str] = ("PlayReport", "outlets", "play")
