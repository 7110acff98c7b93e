"""A simulated subject who streams EEG and markers: for the demo, for tests, and wherever the truth must be known.

Sources project through a spherical head (`rtbci.sources.head`); the subject's behaviour stands in `rtbci.sources.subject`.
Everything is drawn in blocks of `BLOCK` samples from generators seeded by run and block, filters carry their state from
block to block, and reading only cuts blocks to size: the same seed gives the same samples, however they are read.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.signal import sosfilt

from rtbci.errors import SourceError
from rtbci.sources.head import Montage
from rtbci.sources.subject import (
    REACH_SECONDS,
    SURROUND,
    Array,
    Generator,
    Person,
    Trial,
    effort,
    limbs_of,
    person,
    ramp,
    rebound,
)
from rtbci.types import Channel, Marker, Samples, StreamInfo, Times

BLOCK = 256
"""Samples drawn at a time."""
WARM_UP_SECONDS = 8.0
"""Filters run this long before the first sample, so that the start looks like the rest."""
LEAD_SECONDS = 2.0
TASK_SECONDS = 4.0
REST_SECONDS = 3.5
JITTER_SECONDS = 0.5
"""The cue comes up to this much before or after its regular place, so that time alone says nothing."""
LAPSES = 0.15
"""Part of the trials in which the subject is elsewhere: nobody can decode those."""
BLINK_SLOT_SECONDS = 4.0
BLINK_SECONDS = 0.35
MARKER_STREAM = "synthetic markers"
_PINK, _NOISE, _BLINKS, _TRIALS, _WALK = range(5)  # what a generator is for, as part of its seed


@dataclass(frozen=True, slots=True)
class Truth:
    """What lies behind the samples.

    ``mixing`` (n_channels, n_generators) is in uV: samples are ``mixing @ waveforms`` plus line hum and electrode noise.
    ``trials`` are all of a run that ends, and those begun so far of one that does not.
    """

    generators: tuple[Generator, ...]
    mixing: Array
    trials: tuple[Trial, ...]


class SyntheticSource:
    """A simulated subject as a `rtbci.interfaces.Source`.

    Markers are "T0" (rest), and "T1", "T2", … for the classes in order, at the sample of the cue.

    Parameters
    ----------
    seed : the run: order of trials, noise, blinks.
    channels : how many places of the 10-10 system, or their names.
    rate : Hz.
    seconds : length of the run; None: until the trials are over, or for ever where ``trials`` is None too.
    classes : names; those of `rtbci.sources.subject.CLASS_LIMBS` work with the limb they name.
    trials : how many of each class; None: without end, balanced in blocks.
    snr : amplitude of the motor rhythms against the rest; 1 is an excellent subject, 0 leaves nothing to decode.
    line : frequency of the mains hum in Hz; 0: none.
    subject : the person: anatomy, rhythms, electrodes.
    speed : samples come so many times as fast as in life; None: as fast as they are read.
    clock : what paces the run, in seconds. Time stamps are ``clock()`` at the first read plus index / rate, so with the
        default they are LSL times where LSL's clock is the monotonic one (Linux); elsewhere give ``pylsl.local_clock``.
        Without ``speed`` the clock is not asked, and time begins at 0.
    """

    def __init__(
        self,
        seed: int = 0,
        channels: int | Sequence[str] = 64,
        rate: float = 250.0,
        seconds: float | None = None,
        classes: Sequence[str] = ("fists", "feet"),
        trials: int | None = None,
        snr: float = 1.0,
        line: float = 50.0,
        subject: int = 0,
        speed: float | None = 1.0,
        clock: Callable[[], float] = time.monotonic,
        name: str = "synthetic",
    ) -> None:
        for key, value, right in (
            ("seed", seed, seed >= 0),
            ("subject", subject, subject >= 0),
            ("snr", snr, snr >= 0.0),
        ):
            if not right:
                raise SourceError(f"{key} is {value}; it should be 0 or more")
        if not rate >= 64.0:
            raise SourceError(f"rate is {rate}; the simulated rhythms need at least 64 Hz")
        if line and not 0.0 < line < rate / 2:
            raise SourceError(f"line is {line} Hz; it should be below half the rate ({rate / 2:g} Hz), or 0 for none")
        if speed is not None and not 0.0 < speed < float("inf"):
            raise SourceError(f"speed is {speed}; it should be a positive number, or absent for as fast as possible")
        if trials is not None and trials < 1:
            raise SourceError(f"trials is {trials}; it should be at least 1, or absent for no end")
        if len(classes) < 1:
            raise SourceError("classes is empty; name at least one, such as 'fists'")
        self._seed = seed
        self._subject = subject
        self._channels = channels
        self._rate = float(rate)
        self._classes = tuple(classes)
        self._limbs = limbs_of(self._classes)
        self._n_trials = None if trials is None else trials * len(self._classes)
        self._length: int | None = None
        if seconds is not None:
            self._length = round(seconds * rate)
        elif self._n_trials is not None:
            cycles = LEAD_SECONDS + self._n_trials * (TASK_SECONDS + REST_SECONDS) + JITTER_SECONDS + 1.0
            self._length = round(cycles * rate)
        if self._length is not None and self._length < 1:
            raise SourceError(f"seconds is {seconds}; a run needs at least one sample")
        self._snr = snr
        self._line = line
        self._speed = speed
        self._clock = clock
        self._name = name
        self._person: Person | None = None
        self._index = 0
        self._begun = False
        self._start = 0.0
        self._newest = 0.0
        self._delivered_wall: float | None = None
        self._marked = 0

    def open(self) -> StreamInfo:
        """Build the head and warm the filters up. Raises SourceError for a channel name that the montage does not have."""
        montage = Montage()
        names = montage.layout(self._channels) if isinstance(self._channels, int) else tuple(self._channels)
        positions = montage.at(names)
        self._person = person(self._subject, montage, names, self._snr)
        self._waves = _Waves(self._person.generators, self._rate, self._seed)
        self._block: Array | Samples = np.empty((0, len(names)), np.float32)
        self._block_start = 0
        warm = -(-int(WARM_UP_SECONDS * self._rate) // BLOCK)
        for block in range(-warm, 0):
            self._waves.next(block)
        channels = tuple(
            Channel(name, "eeg", "uV", (float(x), float(y), float(z)))
            for name, (x, y, z) in zip(names, positions, strict=True)
        )
        return StreamInfo(self._name, self._rate, channels, "EEG", f"rtbci-synthetic-{self._subject}-{self._seed}")

    @functools.lru_cache(maxsize=64)  # noqa: B019 - a source lives as long as its process
    def _group(self, group: int) -> tuple[Trial, ...]:
        """One balanced block of trials: each class twice."""
        classes = len(self._classes)
        rng = np.random.default_rng([self._seed, _TRIALS, group])
        order = rng.permutation(np.repeat(np.arange(classes), 2))
        shifts = rng.uniform(-JITTER_SECONDS, JITTER_SECONDS, len(order))
        # attention wanders: in one trial the rhythm all but vanishes, in the next it hardly weakens, in some nothing happens
        depths = rng.beta(2.0, 2.0, len(order)) * (rng.random(len(order)) >= LAPSES)
        delays = np.clip(rng.normal(0.45, 0.1, len(order)), 0.3, 0.7)
        trials = []
        for i, index in enumerate(order):
            number = group * len(order) + i
            cue = LEAD_SECONDS + JITTER_SECONDS + number * (TASK_SECONDS + REST_SECONDS) + shifts[i]
            onset = round(cue * self._rate)
            stop = onset + round(TASK_SECONDS * self._rate)
            label, name = f"T{index + 1}", self._classes[index]
            trials.append(Trial(onset, stop, label, name, 0.95 * float(depths[i]), float(delays[i])))
        return tuple(trials)

    def _trials(self, first: int, stop: int) -> list[Trial]:
        """Trials that reach into samples ``first`` to ``stop``."""
        per_group = 2 * len(self._classes)
        cycle = (TASK_SECONDS + REST_SECONDS) * self._rate
        low = max(0, int(first / cycle) - 2)
        high = int(stop / cycle) + 2
        if self._n_trials is not None:
            high = min(high, self._n_trials)
        reach = REACH_SECONDS * self._rate
        found = (self._group(k // per_group)[k % per_group] for k in range(low, high))
        return [t for t in found if t.onset < stop and t.stop + reach > first]

    def truth(self) -> Truth:
        """What lies behind the samples; valid after `open`."""
        who = self._opened()
        stop = self._index if self._length is None else self._length
        return Truth(who.generators, who.mixing, tuple(self._trials_until(stop)))

    def _trials_until(self, stop: int) -> list[Trial]:
        return (
            self._trials(-round(REACH_SECONDS * self._rate), stop)
            if stop == 0
            else [
                t
                for k in range(0, stop, BLOCK)
                for t in self._trials(k, min(k + BLOCK, stop))
                if k <= t.onset < k + BLOCK
            ]
        )

    def _opened(self) -> Person:
        if self._person is None:
            raise SourceError("the synthetic source is not open; call open() first")
        return self._person

    def _generate(self, block: int) -> Samples:
        """Block number ``block``: (BLOCK, n_channels) float32 in uV."""
        who = self._opened()
        first = block * BLOCK
        seconds = np.arange(first, first + BLOCK) / self._rate
        waves = self._waves.next(block)
        trials = self._trials(first, first + BLOCK)
        out = np.random.default_rng([self._seed, _NOISE, block]).standard_normal((BLOCK, len(who.noise))) * who.noise
        for i, source in enumerate(who.generators):
            wave = waves[:, i]
            if source.limb:
                wave = wave * self._amplitude(source, trials, seconds)
            elif source.kind == "blink":
                wave = self._blinks(seconds)
            # one source after the other, without BLAS: its sums depend on the machine, the number of threads and the weather
            out += wave[:, None] * who.mixing[:, i]
        if self._line:
            # the mains' frequency wanders by some hundredths of a Hz
            phase = 2 * np.pi * self._line * seconds + 0.8 * np.sin(2 * np.pi * 0.013 * seconds + self._seed % 7)
            out += who.line * np.sin(phase[:, None] + who.line_phase)
        return out.astype(np.float32)

    def _amplitude(self, source: Generator, trials: Sequence[Trial], seconds: Array) -> Array:
        amplitude = np.ones(len(seconds))
        for trial in trials:
            works = source.limb in self._limbs[self._classes.index(trial.name)]
            shape = effort(trial, seconds, self._rate)
            if not works:
                amplitude += SURROUND * shape
                continue
            amplitude *= 1.0 - trial.depth * shape
            if source.name.endswith("beta"):
                amplitude += 0.5 * trial.depth * rebound(trial, seconds, self._rate)
        return amplitude

    def _blinks(self, seconds: Array) -> Array:
        wave = np.zeros(len(seconds))
        low = int((seconds[0] - BLINK_SECONDS) // BLINK_SLOT_SECONDS)
        for slot in range(max(0, low), int(seconds[-1] // BLINK_SLOT_SECONDS) + 1):
            rng = np.random.default_rng([self._seed, _BLINKS, slot])
            blinks, at, size = rng.random(), rng.random(), rng.normal(1.0, 0.15)
            if blinks < 0.8:
                phase = (seconds - (slot + at) * BLINK_SLOT_SECONDS) / BLINK_SECONDS
                # the lid falls faster than it rises
                wave += size * ramp(phase / 0.35) * (1.0 - ramp((phase - 0.35) / 0.65)) * (phase > 0.0)
        return wave

    def read(self, samples: Samples, times: Times, timeout: float) -> int:
        """Fill the first rows of ``samples`` (n, n_channels) float32 and ``times`` (n,) float64; say how many.

        Raises EOFError when the run is over.
        """
        self._opened()
        if self._length is not None and self._index >= self._length:
            raise EOFError(f"the simulated run ends after {self._length} samples")
        if not self._begun:
            self._begun = True
            self._start = self._clock() if self._speed is not None else 0.0
            self._newest = self._start
        room = len(samples) if self._length is None else min(len(samples), self._length - self._index)
        n = min(room, self._due(timeout)) if self._speed is not None else room
        done = 0
        while done < n:
            at = self._index - self._block_start
            if at >= len(self._block):
                self._block_start = self._index // BLOCK * BLOCK
                self._block = self._generate(self._block_start // BLOCK)
                at = self._index - self._block_start
            part = self._block[at : at + n - done]
            samples[done : done + len(part)] = part
            done += len(part)
            self._index += len(part)
        if n:
            times[:n] = self._start + np.arange(self._index - n, self._index) / self._rate
            self._newest = float(times[n - 1])
            self._delivered_wall = time.perf_counter()
        return n

    def _due(self, timeout: float) -> int:
        assert self._speed is not None, "only a paced run waits"
        per_second = self._rate * self._speed
        wait = self._start + self._index / per_second - self._clock()
        if wait > 0:
            time.sleep(min(wait, max(timeout, 0.0)))
            if wait > timeout:
                return 0
        return max(1, int((self._clock() - self._start) * per_second) + 1 - self._index)

    def markers(self) -> Sequence[Marker]:
        """Markers of the samples delivered since the last call."""
        self._opened()
        found = [(0, "T0", 0)] if self._marked == 0 < self._index else []
        for trial in self._trials(self._marked, self._index):
            for at, label in ((trial.onset, trial.label), (trial.stop, "T0")):
                if self._marked <= at < self._index:
                    found.append((at, label, int(label[1:])))
        self._marked = self._index
        return [Marker(self._start + at / self._rate, label, None, MARKER_STREAM) for at, label, _ in sorted(found)]

    def now(self) -> float:
        """In life the clock; otherwise the time of the newest sample plus the wall time since it was delivered."""
        if self._speed == 1.0:
            return self._clock()
        if self._delivered_wall is None:
            return self._newest
        return self._newest + time.perf_counter() - self._delivered_wall

    def close(self) -> None:
        """Forget the subject."""
        self._person = None


class _Waves:
    """Waveforms of unit variance: 1/f noise and narrow-band rhythms, block after block."""

    def __init__(self, generators: Sequence[Generator], rate: float, seed: int) -> None:
        self._seed = seed
        self._filters = [
            _pink(rate) if g.kind != "rhythm" else _rhythm(g.frequency, g.bandwidth, rate) for g in generators
        ]
        self._states = [np.zeros((len(sections), 2)) for sections in self._filters]

    def next(self, block: int) -> Array:
        """(BLOCK, n_generators) of block number ``block``; blocks come in order, negative ones to warm up."""
        # seeds are not negative
        rng = np.random.default_rng([self._seed, _PINK if block >= 0 else _WALK, abs(block)])
        white = rng.standard_normal((len(self._filters), BLOCK))
        out = np.empty((BLOCK, len(self._filters)))
        for i, sections in enumerate(self._filters):
            out[:, i], self._states[i] = sosfilt(sections, white[i], zi=self._states[i])
        return out


def _pink(rate: float) -> Array:
    """Second-order sections that make white noise fall by 10 dB a decade (1/f power), at unit variance.

    Poles and zeros alternate, each a factor of two from the next: the classic staircase; S. Plaszczynski, "Generating long
    streams of 1/f^alpha noise", Fluct. Noise Lett. 7 (2007) R1-R13.
    """
    sections = []
    pole = 0.1
    while 2 * pole < rate / 2:
        p, z = np.exp(-2 * np.pi * pole / rate), np.exp(-2 * np.pi * 2 * pole / rate)
        sections.append([1.0, -z, 0.0, 1.0, -p, 0.0])
        pole *= 4.0
    return _unit_variance(np.array(sections))


def _rhythm(frequency: float, bandwidth: float, rate: float) -> Array:
    """A resonance at ``frequency`` of ``bandwidth`` Hz (both halves of a pair of poles), at unit variance."""
    radius = np.exp(-np.pi * bandwidth / rate)
    angle = 2 * np.pi * frequency / rate
    return _unit_variance(np.array([[1.0, 0.0, -1.0, 1.0, -2 * radius * np.cos(angle), radius**2]]))


def _unit_variance(sections: Array) -> Array:
    z = np.exp(-1j * np.pi * (np.arange(1 << 16) + 0.5) / (1 << 16))
    power = np.ones(len(z))
    for b0, b1, b2, a0, a1, a2 in sections:
        power *= np.abs((b0 + b1 * z + b2 * z**2) / (a0 + a1 * z + a2 * z**2)) ** 2
    scaled = sections.copy()
    scaled[0, :3] /= np.sqrt(power.mean())
    return scaled
