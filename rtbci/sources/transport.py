"""Where a player is in its recording, what comes next, and when: everything but threads and the source's protocol."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from rtbci.errors import SourceError
from rtbci.gaps import longest_step
from rtbci.sources.followers import Followers
from rtbci.sources.play_clock import PlayClock
from rtbci.sources.play_orders import FASTEST, Loop, Order, Pause, Resume, Seek, Speed, Step
from rtbci.sources.tape import Tape, clock
from rtbci.types import Marker, Samples, Times

POLL_SECONDS = 0.0005
"""Between two looks at whether the decoders have followed."""
PACKET_SECONDS = 0.004
"""Least time between two deliveries at a given speed: at 8 times 1 kHz every sample alone would take a core."""
UNFOLLOWED_SECONDS = 0.05
"""How much is given at once where nobody decides."""
WIDER = 1.25
"""How much wider than the longest step that is no gap that of a seek is: a clock that goes a tenth slow leaves a gap."""
MEASURED_SECONDS = 0.5
"""Over how long the speed is measured where it is as fast as the decoders follow."""


@dataclass(frozen=True, slots=True)
class Manner:
    """How a recording is played.

    ``speed`` is times real time, None as fast as the decoders follow, and no window is skipped. ``start`` is where to begin,
    in seconds, reached like a seek; ``loop`` the stretch that is played again and again. ``paused``: it waits to be told
    before the first sample after ``start``. ``settle`` is how many seconds before its place a seek begins. ``hold``: it
    pauses at the recording's end, so that it can be played again; otherwise the source ends there.
    """

    speed: float | None = 1.0
    start: float = 0.0
    loop: tuple[float, float] | None = None
    paused: bool = False
    settle: float = 0.0
    hold: bool = False


@dataclass(slots=True)
class _Step:
    decoder: str
    before: int | None = None  # decisions that there were; None: not all that was played has been decided yet


class Transport:
    """Plays ``tape``, called ``name``, to ``followers``; whoever has it sees to it that one thread at a time uses it.

    ::

        hurrying up to the place that was sought --> paused <--pause, step done, the end--> playing --> EOFError
                 ^---------------------------- seek, loop ----------------------------------+   (or ``hold``)

    Attributes
    ----------
    began : sample of the recording at which the decoders were last primed anew: a seek's beginning, before its place.
    speed, paused, loop, seeks : as they are now; seeks are counted.
    """

    def __init__(self, tape: Tape, name: str, followers: Followers, manner: Manner) -> None:
        self.tape = tape
        self._name = name
        self._followers = followers
        self._settle, self._hold = manner.settle, manner.hold
        self.speed, self.paused, self.loop = manner.speed, manner.paused, manner.loop
        self.clock = PlayClock()
        self.clock.set(float(tape.times[0]), 0.0)
        self.began = self.seeks = 0
        self._index = self._place = self._next_marker = 0
        self._shift = 0.0
        self._newest: float | None = None
        self._heard = -math.inf
        self._step: _Step | None = None
        self._hurried = False
        self._told = True
        self._measure_from: tuple[float, float] | None = None
        self._measured = 1.0
        if not 0.0 <= manner.start < tape.duration:
            raise SourceError(f"{name} is {clock(tape.duration)} long; it cannot begin at {clock(manner.start)}")
        if self.loop is not None:
            self._check_loop(self.loop)
        self._seek = tape.index(manner.start) if manner.start > 0.0 else None

    # ------------------------------------------------------------------ how it is

    @property
    def hurries(self) -> bool:
        """Whether it plays although it may be paused: on the way to a place, or in a step."""
        return self._index < self._place or self._step is not None or self._seek is not None

    @property
    def stands(self) -> bool:
        """Whether time stands still."""
        return self.paused and not self.hurries

    @property
    def steps(self) -> bool:
        """Whether it is in a step."""
        return self._step is not None

    @property
    def ended(self) -> bool:
        """Whether all of the recording has been played."""
        return self._index >= self.tape.n_samples

    @property
    def rate(self) -> float:
        """How many seconds are played in a second: 0 while it stands; measured, where it is as many as decoders follow."""
        if self.stands:
            return 0.0
        return self._measured if self.speed is None else self.speed

    @property
    def place(self) -> float:
        """Where it is, or is on the way to, in seconds."""
        return self.tape.seconds(self._seek if self._seek is not None else max(self._index, self._place))

    # ------------------------------------------------------------------ what it is told

    def obey(self, order: Order) -> None:
        """Do what it is told with the next samples. Raises SourceError where that makes no sense; then nothing changes."""
        match order:
            case Pause():
                self.paused, self._step = True, None
                if self.stands:
                    self.clock.run(0.0)
                    self._told = False
            case Resume():
                self.paused, self._step = False, None
                if self.ended:
                    self._seek = 0
            case Speed(factor):
                self.speed = factor
                self._measure_from = None
            case Step(name):
                self._begin_step(name)
            case Seek():
                self._seek = self._sought(order)
                self._step = None
            case Loop(span):
                if span is not None:
                    self._check_loop(span)
                self.loop = span

    def _check_loop(self, span: tuple[float, float]) -> None:
        length = self.tape.duration
        if span[1] > length + 0.5:
            raise SourceError(
                f"{self._name} is {clock(length)} long; a loop to {clock(span[1])} cannot be; end it sooner"
            )
        if span[1] < length and self.tape.index(span[1]) <= self.tape.index(span[0]):
            raise SourceError(
                f"{self._name} has a gap from {clock(span[0])} to {clock(span[1])}: a loop needs samples; a longer one, or "
                "one elsewhere, would be right"
            )

    def _begin_step(self, name: str) -> None:
        names = self._followers.names
        if not names:
            raise SourceError("no decoder decides here: there is nothing to step by; pause, or play at a low speed")
        if name and name not in names:
            raise SourceError(f'no decoder is called "{name}"; one of {", ".join(names)} would be right')
        self.paused = True
        self._step = _Step(name or names[0])

    def _sought(self, seek: Seek) -> int:
        tape = self.tape
        if seek.marker is not None:
            return tape.index(tape.find(seek.marker, self.place))
        if seek.by is not None:
            return tape.index(max(0.0, self.place + seek.by))
        assert seek.time is not None
        if not 0.0 <= seek.time <= tape.duration:
            raise SourceError(
                f"seek: {seek.time:g} s is not in {self._name}; 0 to {tape.duration:.1f} s would be right"
            )
        return tape.index(seek.time)

    # ------------------------------------------------------------------ what comes next

    def due(self, most: int) -> tuple[int, float]:
        """How many samples are to be played now, at most ``most``; and how long to wait where there are none.

        Raises EOFError at the end, unless it holds there.
        """
        tape = self.tape
        if self._seek is not None:
            self._jump(self._seek)
            self._seek = None
        if self.loop is not None and self._index >= self._stop and not self.stands:
            self._jump(tape.index(self.loop[0]))
        if self.ended:
            self._heard = math.inf
            if not self._hold:
                raise EOFError(f"{self._name} ends after {tape.n_samples} samples")
            self.paused, self._step = True, None
        if self.stands:
            # not to wait at all, where it is news that the clock was stopped: others are to hear of it
            wait = math.inf if self._told and self.clock.rate == 0.0 else 0.0
            self.clock.run(0.0)
            self._told = True
            return 0, wait
        if self._index < self._place:
            return self._follow(min(most, self._place - self._index))
        most = min(most, self._stop - self._index)
        if self._step is not None:
            return self._due_in_step(self._step, most)
        return self._due_at_most(most) if self.speed is None else self._due_by_clock(self.speed, most)

    @property
    def _stop(self) -> int:
        """The sample at which a loop, or the recording, ends."""
        if self.loop is None or self.loop[1] >= self.tape.duration:
            return self.tape.n_samples
        return self.tape.index(self.loop[1])

    def _due_by_clock(self, speed: float, most: int) -> tuple[int, float]:
        self.clock.run(speed)
        now = self.clock.now() - self._shift
        times = self.tape.times[self._index : self._index + most]
        if n := int(np.searchsorted(times, now, side="right")):
            self._hurried = False
            return n, 0.0
        return 0, max(PACKET_SECONDS, (float(times[0]) - now) / speed)

    def _follow(self, most: int) -> tuple[int, float]:
        """As much as the decoders can follow without skipping a window."""
        if self._followers.behind():
            return 0, POLL_SECONDS
        room = self._followers.room()
        self._hurried = True
        return min(most, room or max(1, round(UNFOLLOWED_SECONDS * self.tape.info.rate))), 0.0

    def _due_in_step(self, step: _Step, most: int) -> tuple[int, float]:
        if self._followers.behind():
            return 0, POLL_SECONDS
        decided = self._followers.decided(step.decoder)
        if step.before is None:
            step.before = decided
        if decided > step.before or self._followers.gone(step.decoder):
            self._step = None
            self.clock.run(0.0)
            return 0, 0.0
        return self._follow(most)

    def _due_at_most(self, most: int) -> tuple[int, float]:
        now = time.monotonic()
        following = float(self.tape.times[self._index]) + self._shift
        if self._measure_from is None:
            self._measure_from = now, following
        since, first = self._measure_from
        ahead = (following - first) / FASTEST - (now - since)
        if ahead > 0.0:
            return 0, max(ahead, POLL_SECONDS)
        if now - since > MEASURED_SECONDS:
            self._measured = max(0.0, (following - first) / (now - since))
            self._measure_from = now, following
        return self._follow(most)

    # ------------------------------------------------------------------ playing

    def play(self, samples: Samples, times: Times) -> None:
        """Fill ``samples`` (n, n_channels) and ``times`` (n,) with what is due. Raises SourceError."""
        tape = self.tape
        tape.read(self._index, samples, times)
        times += self._shift
        self._index += len(times)
        reached = float(tape.times[self._index - 1])
        self._newest = reached + self._shift
        if self._hurried:  # then a decision's age counts from when its newest sample was played
            self.clock.set(self._newest, 1.0)
        half = 0.5 / tape.info.rate
        self._heard = math.inf
        if not self.ended:
            following = float(tape.times[self._index])
            self._heard = max(float(tape.stamps[self._index - 1]) + half, 0.5 * (reached + following))
        if self._index < self._place:  # a marker of the place itself may be nearest to its first sample
            self._heard = min(self._heard, reached)

    def markers(self) -> Sequence[Marker]:
        """Markers nearest to the samples played since the last call, moved as these are."""
        all_of_them, first = self.tape.markers, self._next_marker
        while self._next_marker < len(all_of_them) and all_of_them[self._next_marker].time <= self._heard:
            self._next_marker += 1
        return [replace(marker, time=marker.time + self._shift) for marker in all_of_them[first : self._next_marker]]

    def _jump(self, place: int) -> None:
        """Go on at sample ``place``: what is played next is stamped so that a gap is seen."""
        tape, rate = self.tape, self.tape.info.rate
        begin = self._lead(place)
        if self._newest is not None:
            after = self._newest if self._hurried else max(self._newest, self.clock.now())
            stamp = after + WIDER * longest_step(rate) + 1.0 / rate
            self._shift = stamp - float(tape.times[begin])
            self.seeks += 1
        self._index = self.began = begin
        self._place = max(place, begin)
        self._next_marker = tape.next_marker(float(tape.times[self._place]) - 0.5 / rate)
        self._heard = -math.inf
        self._measure_from = None
        self.clock.set(float(tape.times[begin]) + self._shift, 1.0)

    def _lead(self, place: int) -> int:
        """Where to begin so that decoders have settled at ``place``, and their windows lie on the recording's own grid."""
        begin = self.tape.index(max(0.0, self.tape.seconds(place) - self._settle))
        grid = self._followers.grid
        begin -= (begin - self._followers.written) % grid
        return begin + grid if begin < 0 else begin
