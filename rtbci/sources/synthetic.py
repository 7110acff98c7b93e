"""A simulated subject who streams EEG and markers: for the demo, for tests, and wherever the truth must be known.

Sources project through a spherical head (`rtbci.sources.head`); the subject's anatomy and behaviour stand in
`rtbci.sources.subject`, the plan of the run in `rtbci.sources.trial_plan`, the run itself in `rtbci.sources.simulated`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from rtbci.errors import SourceError
from rtbci.sources.head import standard_montage
from rtbci.sources.simulated import TRIALS, Background, Paced, cap, check_run, length_of
from rtbci.sources.subject import SURROUND, Array, Generator, Person, effort, limbs_of, person, rebound
from rtbci.sources.trial_plan import Trial, TrialPlan
from rtbci.sources.waves import BLOCK
from rtbci.types import Marker, Samples, StreamInfo, Times

MARKER_STREAM = "synthetic markers"


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
        check_run(seed, subject, snr, rate, line, speed)
        if len(classes) < 1:
            raise SourceError("classes is empty; name at least one, such as 'fists'")
        self._seed = seed
        self._subject = subject
        self._channels = channels
        self._rate = float(rate)
        self._limbs = dict(zip(classes, limbs_of(classes), strict=True))
        self._plan = TrialPlan((seed, TRIALS), classes, trials, self._rate)
        length = length_of(self._plan.seconds if seconds is None else seconds, self._rate)
        self._run = Paced(self._rate, length, speed, clock)
        self._snr = snr
        self._line = line
        self._name = name
        self._person: Person | None = None
        self._background: Background | None = None
        self._marked = 0

    def open(self) -> StreamInfo:
        """Build the head and warm the filters up. Raises SourceError for a channel that the montage does not have."""
        montage = standard_montage()
        channels = cap(montage, self._channels)
        self._person = person(self._subject, montage, [channel.name for channel in channels], self._snr)
        self._background = Background(self._person, self._rate, self._seed, self._line)
        return StreamInfo(self._name, self._rate, channels, "EEG", f"rtbci-synthetic-{self._subject}-{self._seed}")

    def truth(self) -> Truth:
        """What lies behind the samples; valid after `open`."""
        who, _ = self._opened()
        return Truth(who.generators, who.mixing, tuple(self._plan.until(self._run.planned)))

    def _opened(self) -> tuple[Person, Background]:
        if self._person is None or self._background is None:
            raise SourceError("the synthetic source is not open; call open() first")
        return self._person, self._background

    def _generate(self, block: int) -> Samples:
        """Block number ``block``: (BLOCK, n_channels) float32 in uV."""
        _, background = self._opened()
        trials = self._plan.between(block * BLOCK, (block + 1) * BLOCK)
        return background.next(block, lambda source, seconds: self._amplitude(source, trials, seconds)).astype(
            np.float32
        )

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

    def read(self, samples: Samples, times: Times, timeout: float) -> int:
        """Fill the first rows of ``samples`` (n, n_channels) float32 and ``times`` (n,) float64; say how many.

        Raises EOFError when the run is over.
        """
        self._opened()
        return self._run.read(self._generate, samples, times, timeout)

    def markers(self) -> Sequence[Marker]:
        """Markers of the samples delivered since the last call."""
        self._opened()
        index, start = self._run.index, self._run.start
        found = [(0, "T0")] if self._marked == 0 < index else []
        for trial in self._plan.between(self._marked, index):
            both = ((trial.onset, trial.label), (trial.stop, "T0"))
            found += [(at, label) for at, label in both if self._marked <= at < index]
        self._marked = index
        return [Marker(start + at / self._rate, label, None, MARKER_STREAM) for at, label in sorted(found)]

    def now(self) -> float:
        """In life the clock; otherwise the time of the newest sample plus the wall time since it was delivered."""
        return self._run.now()

    def close(self) -> None:
        """Forget the subject."""
        self._person = self._background = None
