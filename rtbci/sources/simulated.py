"""What simulated people have in common: a brain at rest with its noise, and a run that is paced by a clock.

Everything is drawn in blocks of `BLOCK` samples from generators seeded by run and block, filters carry their state from
block to block, and reading only cuts blocks to size: the same seed gives the same samples, however they are read.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np

from rtbci.errors import SourceError
from rtbci.sources.head import Montage
from rtbci.sources.subject import Array, Generator, Person, ramp
from rtbci.sources.waves import BLOCK, Waves, pink, rhythm
from rtbci.types import Channel, Samples, Times

BLINK_SLOT_SECONDS = 4.0
BLINK_SECONDS = 0.35
WAVES, NOISE, BLINKS, TRIALS = range(4)
"""What a random generator is for, as part of its seed."""

Modulation = Callable[[Generator, Array], Array]
"""Gives the amplitude (n,) of a source at seconds (n,) of the run."""


class Background:
    """What the electrodes of ``who`` record in run ``seed``: 1/f noise, rhythms, blinks, hum of ``line`` Hz, own noise."""

    def __init__(self, who: Person, rate: float, seed: int, line: float) -> None:
        flicker = pink(rate)
        filters = [rhythm(g.frequency, g.bandwidth, rate) if g.kind == "rhythm" else flicker for g in who.generators]
        self._who, self._rate, self._seed, self._line = who, rate, seed, line
        self._waves = Waves(filters, rate, (seed, WAVES))

    def next(self, block: int, modulate: Modulation | None = None) -> Array:
        """Block number ``block``, in order from 0: (BLOCK, n_channels) float64 in uV.

        ``modulate`` says how strong the sources of limbs are.
        """
        who = self._who
        first = block * BLOCK
        seconds = np.arange(first, first + BLOCK) / self._rate
        waves = self._waves.next(block)
        out = np.random.default_rng([self._seed, NOISE, block]).standard_normal((BLOCK, len(who.noise))) * who.noise
        for i, source in enumerate(who.generators):
            wave = waves[:, i]
            if source.limb and modulate is not None:
                wave = wave * modulate(source, seconds)
            elif source.kind == "blink":
                wave = self._blinks(seconds)
            # one source after the other: how BLAS rounds a product of matrices depends on machine and threads
            out += wave[:, None] * who.mixing[:, i]
        if self._line:
            # the mains' frequency wanders by some hundredths of a Hz
            phase = 2 * np.pi * self._line * seconds + 0.8 * np.sin(2 * np.pi * 0.013 * seconds + self._seed % 7)
            out += who.line * np.sin(phase[:, None] + who.line_phase)
        return out

    def _blinks(self, seconds: Array) -> Array:
        wave = np.zeros(len(seconds))
        low = int((seconds[0] - BLINK_SECONDS) // BLINK_SLOT_SECONDS)
        for slot in range(max(0, low), int(seconds[-1] // BLINK_SLOT_SECONDS) + 1):
            rng = np.random.default_rng([self._seed, BLINKS, slot])
            blinks, at, size = rng.random(), rng.random(), rng.normal(1.0, 0.15)
            if blinks < 0.8:
                phase = (seconds - (slot + at) * BLINK_SLOT_SECONDS) / BLINK_SECONDS
                # the lid falls faster than it rises
                wave += size * ramp(phase / 0.35) * (1.0 - ramp((phase - 0.35) / 0.65))
        return wave


class Paced:
    """A run of ``length`` samples (None: without end) at ``rate`` Hz, handed out when ``clock`` says that they are due.

    Attributes
    ----------
    index : samples delivered so far. start : time of the first one; 0 before it.
    """

    def __init__(
        self, rate: float, length: int | None, speed: float | None = 1.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.index = 0
        self.start = 0.0
        self._rate, self._length, self._speed, self._clock = rate, length, speed, clock
        self._block: Samples = np.empty((0, 0), np.float32)
        self._block_start = 0
        self._newest = 0.0
        self._delivered_wall: float | None = None
        self._begun = False

    @property
    def planned(self) -> int:
        """Samples of a run that ends, and those delivered so far of one that does not."""
        return self.index if self._length is None else self._length

    def read(self, generate: Callable[[int], Samples], samples: Samples, times: Times, timeout: float) -> int:
        """As `rtbci.interfaces.Source.read`, from blocks (BLOCK, n_channels) that ``generate`` makes, in order."""
        left = len(samples) if self._length is None else self._length - self.index
        if left <= 0 and len(samples):
            raise EOFError(f"the simulated run ends after {self._length} samples")
        if not self._begun:
            self._begun = True
            self.start = self._newest = self._clock() if self._speed is not None else 0.0
        n = min(len(samples), left)
        if self._speed is not None:
            n = min(n, self._due(self._rate * self._speed, timeout))
        done = 0
        while done < n:
            at = self.index - self._block_start
            if at >= len(self._block):
                self._block_start = self.index // BLOCK * BLOCK
                self._block = generate(self._block_start // BLOCK)
                at = self.index - self._block_start
            part = self._block[at : at + n - done]
            samples[done : done + len(part)] = part
            done += len(part)
            self.index += len(part)
        if n:
            times[:n] = self.start + np.arange(self.index - n, self.index) / self._rate
            self._newest = float(times[n - 1])
            self._delivered_wall = time.perf_counter()
        return n

    def _due(self, per_second: float, timeout: float) -> int:
        """How many samples are due; waits up to ``timeout`` seconds for the first."""
        wait = self.start + self.index / per_second - self._clock()
        if wait > 0:
            time.sleep(min(wait, max(timeout, 0.0)))
            if wait > timeout:
                return 0
        return max(1, int((self._clock() - self.start) * per_second) + 1 - self.index)

    def now(self) -> float:
        """In life the clock; otherwise the time of the newest sample plus the wall time since it was delivered."""
        if self._speed == 1.0:
            return self._clock()
        if self._delivered_wall is None:
            return self._newest
        return self._newest + time.perf_counter() - self._delivered_wall


def check_run(seed: int, subject: int, snr: float, rate: float, line: float, speed: float | None) -> None:
    """Refuse what no run can be, in one line. Raises SourceError."""
    for key, value in (("seed", seed), ("subject", subject), ("snr", snr)):
        if value < 0:
            raise SourceError(f"{key} is {value}; it should be 0 or more")
    if not 64.0 <= rate < float("inf"):
        raise SourceError(f"rate is {rate}; the simulated rhythms need at least 64 Hz")
    if line and not 0.0 < line < rate / 2:
        raise SourceError(f"line is {line} Hz; it should be below half the rate ({rate / 2:g} Hz), or 0 for none")
    if speed is not None and not 0.0 < speed < float("inf"):
        raise SourceError(f"speed is {speed}; it should be a positive number, or absent for as fast as possible")


def length_of(seconds: float | None, rate: float) -> int | None:
    """Samples of a run of ``seconds``; None: without end. Raises SourceError."""
    if seconds is None:
        return None
    if not 1.0 <= seconds * rate < float("inf"):
        raise SourceError(f"seconds is {seconds}; it should be a positive number, or absent")
    return round(seconds * rate)


def cap(montage: Montage, channels: int | Sequence[str]) -> tuple[Channel, ...]:
    """Electrodes at so many places of the 10-10 system, or at those named. Raises SourceError for an unknown place."""
    names = montage.layout(channels) if isinstance(channels, int) else tuple(channels)
    return tuple(
        Channel(name, "eeg", "uV", (float(x), float(y), float(z)))
        for name, (x, y, z) in zip(names, montage.at(names), strict=True)
    )
