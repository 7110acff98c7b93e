"""A simulated subject who streams EEG and markers: for the demo, for tests, and wherever the truth must be known.

Sources project through a spherical head (`rtbci.sources.head`); the subject's anatomy and behaviour stand in
`rtbci.sources.subject`, the plan of the run in `rtbci.sources.trial_plan`. Everything is drawn in blocks of `BLOCK` samples
from generators seeded by run and block, filters carry their state from block to block, and reading only cuts blocks to size:
the same seed gives the same samples, however they are read.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from rtbci.errors import SourceError
from rtbci.sources.head import standard_montage
from rtbci.sources.subject import SURROUND, Array, Generator, Person, effort, limbs_of, person, ramp, rebound
from rtbci.sources.trial_plan import Trial, TrialPlan
from rtbci.sources.waves import BLOCK, Waves, pink, rhythm
from rtbci.types import Channel, Marker, Samples, StreamInfo, Times

BLINK_SLOT_SECONDS = 4.0
BLINK_SECONDS = 0.35
MARKER_STREAM = "synthetic markers"
_WAVES, _NOISE, _BLINKS, _TRIALS = range(4)  # what a random generator is for, as part of its seed


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
        for key, value in (("seed", seed), ("subject", subject), ("snr", snr)):
            if value < 0:
                raise SourceError(f"{key} is {value}; it should be 0 or more")
        if not 64.0 <= rate < float("inf"):
            raise SourceError(f"rate is {rate}; the simulated rhythms need at least 64 Hz")
        if line and not 0.0 < line < rate / 2:
            raise SourceError(f"line is {line} Hz; it should be below half the rate ({rate / 2:g} Hz), or 0 for none")
        if speed is not None and not 0.0 < speed < float("inf"):
            raise SourceError(f"speed is {speed}; it should be a positive number, or absent for as fast as possible")
        if seconds is not None and not 1.0 <= seconds * rate < float("inf"):
            raise SourceError(f"seconds is {seconds}; it should be a positive number, or absent")
        if len(classes) < 1:
            raise SourceError("classes is empty; name at least one, such as 'fists'")
        self._seed = seed
        self._subject = subject
        self._channels = channels
        self._rate = float(rate)
        self._limbs = dict(zip(classes, limbs_of(classes), strict=True))
        self._plan = TrialPlan((seed, _TRIALS), classes, trials, self._rate)
        seconds = self._plan.seconds if seconds is None else seconds
        self._length = None if seconds is None else round(seconds * rate)
        self._snr = snr
        self._line = line
        self._speed = speed
        self._clock = clock
        self._name = name
        self._person: Person | None = None
        self._waves: Waves | None = None
        self._block: Samples = np.empty((0, 0), np.float32)
        self._block_start = 0
        self._index = 0
        self._marked = 0
        self._start: float | None = None
        self._newest = 0.0
        self._delivered_wall: float | None = None

    def open(self) -> StreamInfo:
        """Build the head and warm the filters up. Raises SourceError for a channel that the montage does not have."""
        montage = standard_montage()
        names = montage.layout(self._channels) if isinstance(self._channels, int) else tuple(self._channels)
        positions = montage.at(names)
        self._person = person(self._subject, montage, names, self._snr)
        background = pink(self._rate)
        filters = [
            rhythm(g.frequency, g.bandwidth, self._rate) if g.kind == "rhythm" else background
            for g in self._person.generators
        ]
        self._waves = Waves(filters, self._rate, (self._seed, _WAVES))
        channels = tuple(
            Channel(name, "eeg", "uV", (float(x), float(y), float(z)))
            for name, (x, y, z) in zip(names, positions, strict=True)
        )
        return StreamInfo(self._name, self._rate, channels, "EEG", f"rtbci-synthetic-{self._subject}-{self._seed}")

    def truth(self) -> Truth:
        """What lies behind the samples; valid after `open`."""
        who, _ = self._opened()
        trials = self._plan.until(self._index if self._length is None else self._length)
        return Truth(who.generators, who.mixing, tuple(trials))

    def _opened(self) -> tuple[Person, Waves]:
        if self._person is None or self._waves is None:
            raise SourceError("the synthetic source is not open; call open() first")
        return self._person, self._waves

    def _generate(self, block: int) -> Samples:
        """Block number ``block``: (BLOCK, n_channels) float32 in uV."""
        who, all_waves = self._opened()
        first = block * BLOCK
        seconds = np.arange(first, first + BLOCK) / self._rate
        waves = all_waves.next(block)
        trials = self._plan.between(first, first + BLOCK)
        out = np.random.default_rng([self._seed, _NOISE, block]).standard_normal((BLOCK, len(who.noise))) * who.noise
        for i, source in enumerate(who.generators):
            wave = waves[:, i]
            if source.limb:
                wave = wave * self._amplitude(source, trials, seconds)
            elif source.kind == "blink":
                wave = self._blinks(seconds)
            # one source after the other: how BLAS rounds a product of matrices depends on machine and threads
            out += wave[:, None] * who.mixing[:, i]
        if self._line:
            # the mains' frequency wanders by some hundredths of a Hz
            phase = 2 * np.pi * self._line * seconds + 0.8 * np.sin(2 * np.pi * 0.013 * seconds + self._seed % 7)
            out += who.line * np.sin(phase[:, None] + who.line_phase)
        return out.astype(np.float32)

    def _amplitude(self, source: Generator, trials: Sequence[Trial], seconds: Array) -> Array:
        amplitude = np.ones(len(seconds))
        for trial in trials:
            shape = effort(trial, seconds, self._rate)
            if source.limb not in self._limbs[trial.name]:
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
                wave += size * ramp(phase / 0.35) * (1.0 - ramp((phase - 0.35) / 0.65))
        return wave

    def read(self, samples: Samples, times: Times, timeout: float) -> int:
        """Fill the first rows of ``samples`` (n, n_channels) float32 and ``times`` (n,) float64; say how many.

        Raises EOFError when the run is over.
        """
        self._opened()
        left = len(samples) if self._length is None else self._length - self._index
        if left <= 0 and len(samples):
            raise EOFError(f"the simulated run ends after {self._length} samples")
        if self._start is None:
            self._start = self._newest = self._clock() if self._speed is not None else 0.0
        n = min(len(samples), left)
        if self._speed is not None:
            n = min(n, self._due(self._start, self._rate * self._speed, timeout))
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

    def _due(self, start: float, per_second: float, timeout: float) -> int:
        """How many samples are due; waits up to ``timeout`` seconds for the first."""
        wait = start + self._index / per_second - self._clock()
        if wait > 0:
            time.sleep(min(wait, max(timeout, 0.0)))
            if wait > timeout:
                return 0
        return max(1, int((self._clock() - start) * per_second) + 1 - self._index)

    def markers(self) -> Sequence[Marker]:
        """Markers of the samples delivered since the last call."""
        self._opened()
        found = [(0, "T0")] if self._marked == 0 < self._index else []
        for trial in self._plan.between(self._marked, self._index):
            both = ((trial.onset, trial.label), (trial.stop, "T0"))
            found += [(at, label) for at, label in both if self._marked <= at < self._index]
        self._marked = self._index
        start = self._start or 0.0
        return [Marker(start + at / self._rate, label, None, MARKER_STREAM) for at, label in sorted(found)]

    def now(self) -> float:
        """In life the clock; otherwise the time of the newest sample plus the wall time since it was delivered."""
        if self._speed == 1.0:
            return self._clock()
        if self._delivered_wall is None:
            return self._newest
        return self._newest + time.perf_counter() - self._delivered_wall

    def close(self) -> None:
        """Forget the subject."""
        self._person = self._waves = None
