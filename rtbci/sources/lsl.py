"""A signal from the lab streaming layer, with its markers, on this machine's clock, and with every loss visible."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pylsl
from numpy.typing import NDArray

from rtbci.errors import SourceError, StreamLost
from rtbci.kernels import clock
from rtbci.kernels.ingest import count_nonfinite, scale
from rtbci.sources.lsl_find import Identity, Wanted, find
from rtbci.sources.lsl_flow import Arrivals, ClockOffset
from rtbci.sources.lsl_header import read_header
from rtbci.sources.lsl_inlet import SampleInlet
from rtbci.sources.lsl_markers import MarkerStreams
from rtbci.sources.lsl_settings import check_settings
from rtbci.sources.lsl_triggers import Triggers
from rtbci.types import Marker, Samples, StreamInfo, Times


@dataclass(frozen=True, slots=True)
class Counts:
    """What came over the wire: samples, and those with a stamp before or equal to the last, or a value that is no number."""

    received: int = 0
    out_of_order: int = 0
    duplicated: int = 0
    nonfinite: int = 0


FORGOTTEN_SECONDS = 3.5
"""After this long a sender that has died is no longer in sight; one that is still there is alive."""


class LslSource:
    """One LSL stream of samples, and markers from any number of others.

    ::

        open() --> waiting --first sample--> flowing --StreamLost--> lost --reopen() is True--> flowing
                                                                      `---- reopen() is False --'

    The samples start to flow with the first `read`, not with `open`, so that whatever must be ready to take them can be
    made ready in between. The markers flow from `open` on: a player that waits for somebody to read its signal cannot
    send a marker before it is listened to.

    Parameters
    ----------
    type, name, source_id, hostname : what the stream must be; None (an empty ``type`` too) means any.
    channels : channel names, used where the stream's header has none.
    timeout : seconds to look for the stream.
    dejitter : whether time stamps are smoothed (`rtbci.kernels.clock`); otherwise they come as sent.
    clock_sync : whether they are brought from the sender's clock to this machine's.
    unit : unit of the samples, where the header's is missing or wrong.
    gap : seconds by which a stamp must differ from what is expected to be a gap.
    markers : names of marker streams, or of trigger channels of the signal; None for all in sight, also those that
        appear later; an empty list for none.
    lost_after : seconds of silence after which a stream that had been flowing is lost.

    Raises
    ------
    SourceError
        For an argument that cannot be; the message begins with ``key = value``.
    """

    def __init__(
        self,
        *,
        type: str | None = "EEG",
        name: str | None = None,
        source_id: str | None = None,
        hostname: str | None = None,
        channels: Sequence[str] = (),
        timeout: float = 10.0,
        dejitter: bool = True,
        clock_sync: bool = True,
        unit: str | None = None,
        gap: float = 0.1,
        markers: Sequence[str] | None = None,
        lost_after: float = 1.0,
    ) -> None:
        texts = {"type": type, "name": name, "source_id": source_id, "hostname": hostname}
        check_settings(
            texts=texts,
            lists={"channels": channels, "markers": () if markers is None else markers},
            seconds={"timeout": timeout, "gap": gap, "lost_after": lost_after},
            flags={"dejitter": dejitter, "clock_sync": clock_sync},
            unit=unit,
        )
        self._wanted = Wanted(type or None, name, source_id, hostname)
        self._channel_names = tuple(channels)
        self._timeout = float(timeout)
        self._dejitter = dejitter
        self._clock_sync = clock_sync
        self._unit = unit
        self._gap = float(gap)
        self._marker_names = None if markers is None else tuple(markers)
        self._resolver: Any = None
        self._inlet: SampleInlet | None = None
        self._identity: Identity | None = None
        self._info: StreamInfo | None = None
        self._markers: MarkerStreams | None = None
        self._clock = ClockOffset()
        self._arrivals = Arrivals(float(lost_after))
        self._rate = 1.0
        self._state = clock.new_state(1.0, self._gap)
        self._factors: NDArray[np.float32] | None = None
        self._triggers = Triggers((), self._marker_names)
        self._received = 0
        self._nonfinite = 0

    def open(self) -> StreamInfo:
        """Find the stream, read its header, and listen to the markers; the samples start with the first `read`.

        Raises
        ------
        SourceError
            When there is no such stream or more than one, when it sends text or has no rate, or when its header does
            not fit ``channels`` or has units that cannot be converted.
        """
        self._resolver = pylsl.ContinuousResolver(forget_after=2.0)
        found = find(self._resolver, self._wanted, self._timeout)
        inlet, info, factors = self._connect(found, min(self._timeout, 5.0))
        self._identity = Identity.of(found)
        self._rate = info.rate
        self._state = clock.new_state(info.rate, self._gap)
        self._factors = factors if np.any(factors != 1.0) else None
        self._triggers = Triggers(info.channels, self._marker_names)
        self._warm_up(info.n_channels)
        notes = list(info.notes)
        self._clock.measure(inlet.lsl, 3.0)
        if self._clock_sync and not self._clock.known:
            notes.append("The sender's clock could not be measured: its time stamps are taken as they are.")
        if self._marker_names != ():
            self._markers = MarkerStreams(self._marker_names, self._clock_sync, self._resolver, self._is_own)
            self._markers.open(5.0)
            heard = {*self._markers.names, *self._triggers.names}
            absent = [each for each in self._marker_names or () if each not in heard]
            if absent:
                notes.append(f"Not in sight yet: marker stream {', '.join(absent)}.")
        self._inlet = inlet
        self._info = StreamInfo(info.name, info.rate, info.channels, info.type, info.source_id, info.bads, tuple(notes))
        return self._info

    def _connect(self, found: pylsl.StreamInfo, timeout: float) -> tuple[SampleInlet, StreamInfo, NDArray[np.float32]]:
        """Make an inlet for ``found`` and read its header."""
        inlet = SampleInlet(found)
        try:
            full = inlet.lsl.info(timeout)
        except RuntimeError as error:  # all of pylsl's are
            raise StreamLost(f"the LSL stream {found.name()!r} does not answer: {error}") from error
        header = read_header(full.as_xml(), full.channel_count(), full.type(), self._channel_names, self._unit)
        info = StreamInfo(
            name=full.name(),
            rate=full.nominal_srate(),
            channels=header.channels,
            type=full.type(),
            source_id=full.source_id(),
            notes=header.notes,
        )
        return inlet, info, header.factors

    def _is_own(self, info: pylsl.StreamInfo) -> bool:
        own = self._identity
        return own is not None and (info.uid() == own.uid or (info.name(), info.type()) == (own.name, own.type))

    def _warm_up(self, n_channels: int) -> None:
        """Load the kernels: the first call of each may compile it, which takes a second that a live stream has not."""
        samples = np.zeros((2, n_channels), np.float32)
        times = np.array([0.0, 1.0])
        clock.dejitter(clock.new_state(1.0, 1.0), times, 0.0, 1.0, 1.0, np.empty(2))
        count_nonfinite(samples)
        scale(samples, np.ones(n_channels, np.float32))

    def read(self, samples: Samples, times: Times, timeout: float) -> int:
        """Take what has arrived into the first rows of ``samples`` (n, n_channels) and ``times`` (n,); say how many.

        Waits inside liblsl, at most ``timeout`` seconds, for one sample. Samples are in `STANDARD_UNITS`, float32; NaN
        and infinite values are passed on and counted. Times are seconds of this machine's LSL clock.

        Raises
        ------
        StreamLost
            When the connection broke, or when a stream that had been flowing was silent for ``lost_after`` seconds.
            `reopen` brings it back.
        """
        inlet = self._inlet
        if inlet is None:
            raise SourceError("read() before open(): the stream has not been opened")
        if samples.shape[1] != inlet.n_channels or samples.dtype != np.float32:
            raise ValueError(f"samples must be (n, {inlet.n_channels}) float32, got {samples.shape} {samples.dtype}")
        rows = min(len(samples), len(times))
        if rows == 0:
            return 0
        left = self._arrivals.left(pylsl.local_clock())
        n = inlet.pull(samples, rows, max(0.0, min(timeout, left)))
        now = pylsl.local_clock()
        if n == 0:
            if inlet.lost:
                raise StreamLost(f"the LSL stream {self._name} broke off")
            if self._arrivals.left(now) <= 0.0:
                raise StreamLost(f"the LSL stream {self._name} has been silent for {now - self._arrivals.last:.1f} s")
            return 0
        self._arrivals.add(now, n)
        self._received += n
        block = samples[:n]
        if self._factors is not None:
            scale(block, self._factors)
        self._nonfinite += count_nonfinite(block)
        correction = self._clock.offset if self._clock_sync else 0.0
        stamps = inlet.stamps[:n]
        clock.dejitter(self._state, stamps, correction, self._rate, self._gap, times[:n])
        if not self._dejitter:
            np.add(stamps, correction, out=times[:n])
        self._triggers.find(block, times)
        return n

    @property
    def _name(self) -> str:
        return repr(self._identity.name) if self._identity else "?"

    def reopen(self, timeout: float) -> bool:
        """Wait at most ``timeout`` seconds for the lost stream to send again; True when `read` may go on.

        A stream that only fell silent keeps its inlet, and what it kept back is not lost. Otherwise the stream is looked
        for by its source id, then by name, type, channel count and rate, so it is found even where the sender gives no
        source id. The times go on on the same clock: the caller sees a jump, which is a gap.

        Raises
        ------
        SourceError
            When the stream came back with other channels, units or rate, or when several streams could be it.
        """
        if self._identity is None or self._info is None:
            raise SourceError("reopen() before open(): the stream has not been opened")
        deadline = time.monotonic() + timeout
        while True:
            if self._inlet is not None and not self._inlet.lost and self._inlet.lsl.samples_available() > 0:
                self._arrivals.restart(self._arrivals.last)
                return True
            if self._resume():
                return True
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.02)

    def _resume(self) -> bool:
        """Take up a stream that has come in sight in place of the lost one."""
        assert self._identity is not None
        infos = self._resolver.results()
        lost = self._inlet is None or self._inlet.lost
        same = next((info for info in infos if info.uid() == self._identity.uid), None)
        if same is not None and not lost:
            return False  # it is there and silent
        found = self._identity.successor(infos, self._wanted)
        if found is None and pylsl.local_clock() - self._arrivals.last > FORGOTTEN_SECONDS:
            # the same outlet again: a connection that broke while its sender lives on. A sender that is dead stays in
            # sight for two seconds and refuses to be connected to, fifty times a second and aloud: so not at once
            found = same
        if found is None:
            return False
        try:
            inlet, info, factors = self._connect(found, 1.0)
            self._compare(info)
            inlet.lsl.open_stream(1.0)
        except StreamLost:
            return False
        except RuntimeError:  # pylsl's: it went away again, or does not answer yet
            return False
        self._clock.known = False
        self._clock.measure(inlet.lsl, 2.0)
        self._identity = Identity.of(found)
        self._factors = factors if np.any(factors != 1.0) else None
        self._inlet = inlet
        self._state[clock.RESTART] = clock.NEW_LINE
        self._arrivals.restart(pylsl.local_clock())
        return True

    def _compare(self, info: StreamInfo) -> None:
        """Refuse a stream that is not what `open` announced."""
        was = self._info
        assert was is not None
        if info.rate != was.rate:
            raise SourceError(f"the LSL stream {was.name!r} came back at {info.rate:g} Hz; it had {was.rate:g} Hz")
        if info.n_channels != was.n_channels:
            raise SourceError(
                f"the LSL stream {was.name!r} came back with {info.n_channels} channels; it had {was.n_channels}"
            )
        for i, (now, then) in enumerate(zip(info.channels, was.channels, strict=True)):
            if (now.name, now.kind, now.unit) != (then.name, then.kind, then.unit):
                raise SourceError(
                    f"the LSL stream {was.name!r} came back with channel {i + 1} = {now.name!r} ({now.kind}, "
                    f"{now.unit}); it was {then.name!r} ({then.kind}, {then.unit})"
                )

    def markers(self) -> Sequence[Marker]:
        """Markers that became known since the last call: of marker streams, and rises of the signal's trigger channels."""
        found = self._triggers.take()
        return found + self._markers.take() if self._markers is not None else found

    def now(self) -> float:
        """Seconds of this machine's LSL clock."""
        return float(pylsl.local_clock())

    @property
    def counts(self) -> Counts:
        """What came over the wire so far."""
        return Counts(
            self._received,
            int(self._state[clock.OUT_OF_ORDER]),
            int(self._state[clock.DUPLICATED]),
            self._nonfinite,
        )

    @property
    def effective_rate(self) -> float | None:
        """Samples a second over the last ten seconds, by arrival; None at first."""
        return self._arrivals.rate

    @property
    def clock_offset(self) -> float:
        """Seconds to add to the sender's clock to be on this machine's."""
        return self._clock.offset

    @property
    def marker_streams(self) -> tuple[str, ...]:
        """Names of the marker streams that are listened to now."""
        return self._markers.names if self._markers is not None else ()

    def close(self) -> None:
        """Let go of the streams; safe to call twice."""
        self._clock.close()
        if self._markers is not None:
            self._markers.close()
            self._markers = None
        self._inlet = None
        self._resolver = None
