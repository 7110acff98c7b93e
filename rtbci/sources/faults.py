"""Faults on purpose, between any source and the acquisition, to rehearse what happens when they come by themselves."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtbci.errors import SourceError, StreamLost
from rtbci.interfaces import Source
from rtbci.sources.fault_kinds import KINDS, Draws, kind_of, packet_samples, read_value
from rtbci.sources.fault_stamps import Drift, Jitter
from rtbci.types import Marker, Samples, StreamInfo, Times

AWAY_ROWS_SECONDS = 0.02
"""Seconds of samples that are thrown away at once while the stream is away."""


@dataclass(slots=True)
class _Setting:
    value: Any
    on: bool = False
    struck: int = 0


class FaultySource:
    """``source`` with faults (`rtbci.sources.fault_kinds`); whatever else it can do, this can do too.

    The order is that of the way from an amplifier: channels are dead or no numbers, packets are lost, stamps drift and
    jitter, and a lost packet stays a gap; markers are lost or late by themselves. While the stream is away its samples
    are thrown away, and its markers, which come from another program, go on.

    `set` and `command` may be called from any thread; a change counts from the next read on.

    Parameters
    ----------
    faults : values by name of those that are on at once.
    seed : which samples and markers are struck.
    """

    def __init__(
        self, source: Source, faults: Mapping[str, float | tuple[str, ...]] | None = None, seed: int = 0
    ) -> None:
        self._source = source
        self._lock = threading.Lock()
        self._settings = {kind.name: _Setting(() if kind.most is None else kind.usual) for kind in KINDS}
        for name, value in (faults or {}).items():
            self._settings[name] = _Setting(value, True)
        self._draws = {name: Draws(seed, name) for name in (*self._settings, "nan channel")}
        self._info: StreamInfo | None = None
        self._index = self._n_markers = 0
        self._drift = Drift()
        self._newest = -np.inf
        self._waiting: list[Marker] = []
        self._back_at: float | None = None
        self._ended = False

    def __getattr__(self, name: str) -> Any:
        """What only some sources offer: a clock offset, a player's position."""
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._source, name)

    def open(self) -> StreamInfo:
        """Open the source. Raises SourceError, also where a channel that is to be dead is not there."""
        info = self._source.open()
        self._info = info
        self._packet = packet_samples(info.rate)
        self._jitter = Jitter(info.rate, self._packet, self._draws["jitter"])
        try:
            for name in self._settings["dead"].value:
                self._column(name)
        except SourceError:
            self._source.close()
            raise
        return info

    def _column(self, name: str) -> int:
        assert self._info is not None, "open() comes first"
        names = self._info.names
        if name not in names:
            shown = ", ".join(names[:12]) + (", …" if len(names) > 12 else "")
            raise SourceError(f"fault dead: the stream has no channel {name!r}; it has {shown}")
        return names.index(name)

    def close(self) -> None:
        """Close the source."""
        self._source.close()

    def now(self) -> float:
        """The source's clock."""
        return self._source.now()

    # ------------------------------------------------------------------ switching

    def set(self, name: str, value: Any = None, on: bool | None = None) -> None:
        """Give fault ``name`` a ``value``, or switch it; a value alone switches it on, none at all switches it off.

        Raises
        ------
        SourceError
            When there is no such fault, or its value or channel makes no sense.
        """
        kind = kind_of(name)
        read = None if value is None else read_value(kind, value)
        with self._lock:
            if kind.most is None and self._info is not None:
                for channel in read if isinstance(read, tuple) else ():
                    self._column(channel)
            setting = self._settings[name]
            if on and read is None and kind.most is None and not setting.value:
                raise SourceError(f"fault {name} names no channel; such as C3,Cz would be right")
            setting.on = (read is not None) if on is None else on
            if read is not None:
                setting.value = read

    def command(self, command: Mapping[str, Any]) -> dict[str, Any]:
        """``{"action": "fault", "name": …, "value": …, "on": …}``; anything else is the source's."""
        if command.get("action") != "fault":
            inner = getattr(self._source, "command", None)
            if inner is None:
                return {"error": "this source is live: it cannot be played, only given faults"}
            reply: dict[str, Any] = inner(command)
            return self._with_faults(reply)
        on = command.get("on")
        if on is not None and not isinstance(on, bool):
            return {"error": f"fault: on is {on!r}; true or false would be right"}
        try:
            self.set(command.get("name", ""), command.get("value"), on)
        except SourceError as error:
            return {"error": str(error)}
        return {"ok": True, "playback": self.playback()}

    def _with_faults(self, reply: dict[str, Any]) -> dict[str, Any]:
        return {**reply, "playback": self.playback()} if "playback" in reply else reply

    def faults(self) -> dict[str, dict[str, Any]]:
        """Every fault: its ``value``, whether it is ``on``, and how often it ``struck`` (samples, markers, or times)."""
        with self._lock:
            return {
                name: {
                    "value": ",".join(one.value) if isinstance(one.value, tuple) else one.value,
                    "on": one.on,
                    "struck": one.struck,
                }
                for name, one in self._settings.items()
            }

    def playback(self) -> dict[str, Any] | None:
        """How the source is played, where it is, with the faults; a live source has no place. None before it is open."""
        inner = getattr(self._source, "playback", None)
        live = {"recording": None, "position": None, "duration": None, "speed": 1.0, "paused": False}
        played: dict[str, Any] | None = {**live, "loop": None, "seeks": 0} if inner is None else inner()
        return None if played is None else {**played, "faults": self.faults()}

    def _value(self, name: str) -> Any:
        """The value of fault ``name`` where it is on, else None."""
        setting = self._settings[name]
        return setting.value if setting.on else None

    # ------------------------------------------------------------------ samples

    def read(self, samples: Samples, times: Times, timeout: float) -> int:
        """As the source's, with faults; 0 also where all that came was lost. Raises StreamLost when it is to go away."""
        with self._lock:
            away = self._value("disconnect")
            if away is not None:
                self._settings["disconnect"].on = False
                self._settings["disconnect"].struck += 1
                self._back_at = (self._newest if np.isfinite(self._newest) else self._source.now()) + float(away)
                raise StreamLost(f"rehearsed: the stream is away for {away:g} s")
            share = self._value("drop")
        # what is dropped is not for the caller's eyes: only what is left may be written there
        heard, stamps = (samples, times) if share is None else (np.empty_like(samples), np.empty_like(times))
        try:
            n = self._source.read(heard, stamps, timeout)
        except EOFError:
            self._ended = True
            raise
        if n == 0:
            return 0
        with self._lock:
            kept = self._spoil(heard[:n], stamps[:n], share)
        if share is None:
            return n
        samples[: len(kept)], times[: len(kept)] = heard[kept], stamps[kept]
        return len(kept)

    def _spoil(self, samples: Samples, times: Times, share: float | None) -> NDArray[np.intp]:
        """Change what came; the rows that are left of it where a ``share`` of the packets is lost."""
        index = self._index + np.arange(len(times))
        self._newest = float(times[-1])
        self._index += len(times)
        packet = index // self._packet
        if channels := self._value("dead"):
            samples[:, [self._column(name) for name in channels]] = 0.0
            self._settings["dead"].struck += len(samples)
        if (spoilt := self._value("nan")) is not None:
            self._spoil_with_nan(samples, packet, spoilt)
        if (drift := self._value("drift")) is not None:
            self._settings["drift"].struck += len(times)
        times += self._drift.ahead(times, drift or 0.0)
        kept = np.arange(len(times)) if share is None else np.flatnonzero(self._draws["drop"].at(packet) >= share)
        self._settings["drop"].struck += len(times) - len(kept)
        if len(kept):
            left = times[kept]
            self._settings["jitter"].struck += self._jitter.stamp(left, index[kept], self._value("jitter"))
            times[kept] = left
        return kept

    def _spoil_with_nan(self, samples: Samples, packet: NDArray[np.int64], share: float) -> None:
        rows = np.flatnonzero(self._draws["nan"].at(packet) < share)
        columns = (self._draws["nan channel"].at(packet[rows]) * samples.shape[1]).astype(np.intp)
        samples[rows, columns] = np.nan
        self._settings["nan"].struck += len(rows)

    def reopen(self, timeout: float) -> bool:
        """Whether the stream is back; until then what it sends is thrown away."""
        if self._back_at is None:
            inner = getattr(self._source, "reopen", None)
            if inner is None:
                raise StreamLost("the source cannot look for its stream again; recording and window go on without it")
            return bool(inner(timeout))
        assert self._info is not None
        rows = max(1, round(AWAY_ROWS_SECONDS * self._info.rate))
        samples, times = np.empty((rows, self._info.n_channels), np.float32), np.empty(rows)
        end = time.monotonic() + timeout
        while (left := end - time.monotonic()) > 0.0:
            try:
                n = self._source.read(samples, times, left)
            except EOFError:
                self._back_at = None
                return True  # the next read says so again
            if n:
                self._newest = float(times[n - 1])
                self._index += n
            if self._newest >= self._back_at:
                self._back_at = None
                return True
        return False

    # ------------------------------------------------------------------ markers

    def markers(self) -> Sequence[Marker]:
        """The source's, without those that are lost, and later where they are late: their times are what they were."""
        fresh = self._source.markers()
        with self._lock:
            number = self._n_markers + np.arange(len(fresh))
            self._n_markers += len(fresh)
            share = self._value("lost-markers")
            if share is not None and len(fresh):
                kept = self._draws["lost-markers"].at(number) >= share
                self._settings["lost-markers"].struck += int((~kept).sum())
                fresh = [marker for marker, keep in zip(fresh, kept, strict=True) if keep]
            delay = self._value("late-markers")
            if delay is None:
                ready, self._waiting = [*self._waiting, *fresh], []
                return ready
            self._settings["late-markers"].struck += len(fresh)
            self._waiting += fresh
            ready = [marker for marker in self._waiting if self._ended or marker.time + delay <= self._newest]
            self._waiting = [
                marker for marker in self._waiting if not (self._ended or marker.time + delay <= self._newest)
            ]
            return ready
