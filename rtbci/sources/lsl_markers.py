"""Markers from any number of LSL streams, text or numeric, also from streams that appear later.

One thread looks for streams, one thread per stream waits in liblsl for its markers (the interpreter's lock is released
meanwhile). All of them put what they get into one queue, in the order in which it became known.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Sequence
from threading import Event, Thread
from typing import Any

import numpy as np
import pylsl

from rtbci.errors import SourceError
from rtbci.sources.lsl_discovery import FORMATS
from rtbci.sources.lsl_header import holds_markers, read_header
from rtbci.types import Marker

_LOOK_SECONDS = 0.5
_WAIT_SECONDS = 0.25
_CLOCK_SECONDS = 5.0


def marker_of_text(time: float, text: str, stream: str) -> Marker | None:
    """Make a marker of a string as sent; None where it is empty."""
    if not text.strip():
        return None
    digits = text.strip().removeprefix("-")
    code = int(text) if digits.isascii() and digits.isdigit() else None
    return Marker(time, text, code, stream)


def marker_of_number(time: float, value: float, stream: str) -> Marker | None:
    """Make a marker of a number: its label is the whole number as text. None for NaN and infinity."""
    if not math.isfinite(value):
        return None
    if value == int(value):
        return Marker(time, str(int(value)), int(value), stream)
    return Marker(time, repr(value), None, stream)


def _is_text(info: pylsl.StreamInfo) -> bool:
    return FORMATS.get(info.channel_format()) == "string"


class _MarkerStream:
    """One marker stream and the thread that listens to it until it is lost or `stop` is set."""

    def __init__(
        self, info: pylsl.StreamInfo, queue: deque[Marker], clock_sync: bool, stop: Event, timeout: float
    ) -> None:
        self.name: str = info.name()
        self.ready = Event()
        self.failure = ""
        self._info = info
        self._queue = queue
        self._clock_sync = clock_sync
        self._stop = stop
        self._timeout = timeout
        self._labels: tuple[str, ...] = ()
        self._correction = 0.0
        self._previous: Any = None
        self.thread = Thread(target=self._run, name=f"markers {self.name}", daemon=True)
        self.thread.start()

    def _run(self) -> None:
        try:
            inlet = pylsl.StreamInlet(self._info, max_buflen=60, recover=False)
            n_channels = self._info.channel_count()
            if n_channels > 1:
                header = read_header(inlet.info(self._timeout).as_xml(), n_channels, "misc")
                self._labels = tuple(channel.name for channel in header.channels)
            inlet.open_stream(self._timeout)
            # what is sent from here on is queued in liblsl, so measuring the clock first loses nothing
            self.ready.set()
            self._listen(inlet)
        except (RuntimeError, SourceError) as error:  # lost, or not there any more: whoever looks will find it again
            self.failure = str(error)
        finally:
            self.ready.set()

    def _listen(self, inlet: Any) -> None:
        text = _is_text(self._info)
        measured = -math.inf
        while not self._stop.is_set():
            if self._clock_sync and pylsl.local_clock() - measured > _CLOCK_SECONDS:
                measured = pylsl.local_clock()
                try:
                    self._correction = inlet.time_correction(2.0)
                except pylsl.util.TimeoutError:
                    self.failure = "its clock could not be measured"
            # pulling one by one returns at the first marker; a chunk would wait for all it was asked for
            sample, stamp = inlet.pull_sample(timeout=_WAIT_SECONDS)
            if sample is not None:
                self._take(sample, stamp + self._correction, text)

    def _take(self, sample: Sequence[Any], time: float, text: bool) -> None:
        if self._info.nominal_srate() > 0.0 and not text:
            # sampled trigger lines: a marker is a rise, not a sample
            before, self._previous = self._previous, list(sample)
            if before is None:
                return
            sample = [now if now > then and now != 0 else math.nan for now, then in zip(sample, before, strict=True)]
        for i, value in enumerate(sample):
            marker: Marker | None
            if text:
                marker = marker_of_text(time, value, self.name)
            elif self._labels:
                # one channel per label, the value is a duration (mne-lsl); silent channels are 0 or NaN
                marker = Marker(time, self._labels[i], None, self.name) if value != 0 and np.isfinite(value) else None
            else:
                marker = marker_of_number(time, float(value), self.name)
            if marker is not None:
                self._queue.append(marker)


class MarkerStreams:
    """All marker streams that a session listens to.

    Parameters
    ----------
    names : names of the streams to listen to; None for every stream of text or of a marker type, also those
        that appear later.
    clock_sync : whether their stamps are brought to this machine's clock.
    resolver : a resolver for all streams, which is asked twice a second.
    is_own : says of a stream whether it is the signal itself.
    """

    def __init__(
        self,
        names: Sequence[str] | None,
        clock_sync: bool,
        resolver: pylsl.ContinuousResolver,
        is_own: Callable[[pylsl.StreamInfo], bool],
    ) -> None:
        self._names = None if names is None else frozenset(names)
        self._clock_sync = clock_sync
        self._resolver = resolver
        self._is_own = is_own
        self._queue: deque[Marker] = deque()
        self._streams: dict[str, _MarkerStream] = {}
        self._stop = Event()
        self._finder: Thread | None = None

    def open(self, timeout: float) -> None:
        """Listen to the streams in sight, wait at most ``timeout`` seconds until they send, and go on looking."""
        opened = self._open_new(timeout)
        for stream in opened:
            stream.ready.wait(timeout)
        self._finder = Thread(target=self._find, name="marker streams", daemon=True)
        self._finder.start()

    def _wanted(self, info: pylsl.StreamInfo) -> bool:
        if self._is_own(info):
            return False
        if self._names is not None:
            return info.name() in self._names
        return holds_markers(info.type(), _is_text(info))

    def _open_new(self, timeout: float) -> list[_MarkerStream]:
        opened = []
        for info in self._resolver.results():
            uid = info.uid()
            known = self._streams.get(uid)
            if (known is not None and known.thread.is_alive()) or not self._wanted(info):
                continue
            self._streams[uid] = _MarkerStream(info, self._queue, self._clock_sync, self._stop, timeout)
            opened.append(self._streams[uid])
        return opened

    def _find(self) -> None:
        while not self._stop.wait(_LOOK_SECONDS):
            self._open_new(2.0)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the streams that are listened to now."""
        return tuple(stream.name for stream in list(self._streams.values()) if stream.thread.is_alive())

    def take(self) -> list[Marker]:
        """Markers that came since the last call, in the order in which they came."""
        return [self._queue.popleft() for _ in range(len(self._queue))]

    def close(self) -> None:
        """Stop listening; waits for the threads, which look up four times a second."""
        self._stop.set()
        if self._finder is not None:
            self._finder.join(3.0)
        for stream in self._streams.values():
            stream.thread.join(3.0)
