"""A simulated person who looks at the pictures of a bank: for the demo, and wherever it must be known what was seen.

The EEG is that of `rtbci.sources.simulated.Background` (a spherical head, 1/f noise, alpha and idling rhythms, blinks, mains
hum, electrodes' noise) plus what pictures evoke in visual cortex (`rtbci.sources.sight`), at the times of
`rtbci.sources.viewing_plan`. It is a simulation. As in real EEG are: spectrum and spatial spread of the background, size and
latencies of the common response, its overlap with the next picture's, variation from trial to trial, lapses of attention,
rests. Not as in real EEG are: a response to the picture that is wholly determined by its embedding, and as large as ``snr``
says; no eye movements, no drift over the run, no change of alpha with attention, no learning or fatigue.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rtbci.bank import Bank
from rtbci.errors import BankError, SourceError
from rtbci.sources.head import standard_montage
from rtbci.sources.sight import OFF, Sight, sight
from rtbci.sources.simulated import TRIALS, Background, Paced, cap, check_run, length_of
from rtbci.sources.subject import Array, person
from rtbci.sources.viewing_plan import REST, Presentation, ViewingPlan
from rtbci.sources.waves import BLOCK
from rtbci.types import Marker, Samples, StreamInfo, Times

MARKER_STREAM = "viewer markers"


@dataclass(frozen=True, slots=True)
class Viewed:
    """What lies behind the samples: the visual cortex, and the pictures that were shown (so far, in a run without end)."""

    sight: Sight
    presentations: tuple[Presentation, ...]


@dataclass(frozen=True, slots=True)
class _Person:
    background: Background
    sight: Sight
    seen: Array
    """Embeddings (n_items, n_dims) as they are responded to: about 0, of mean square length 1."""


class Viewer:
    """A simulated viewer as a `rtbci.interfaces.Source`.

    Markers are the id of a picture at the sample at which it appears, and "rest" where a rest begins.

    Parameters
    ----------
    bank : folder of the bank whose pictures are shown.
    seed : the run: order of pictures, noise, blinks, lapses.
    channels : how many places of the 10-10 system, or their names.
    rate : Hz.
    seconds : length of the run; None: until the pictures are over, or for ever where ``pictures`` is None too.
    pictures : how many are shown; None: without end.
    items : ids of the pictures to show; None: all of the bank.
    shown : seconds that a picture stays. every : seconds from one to the next, on average.
    snr : amplitude of what is evoked by what a picture shows; 0 leaves nothing to decode, and the response that all
        pictures have in common.
    line : frequency of the mains hum in Hz; 0: none.
    subject : the person: anatomy, rhythms, electrodes, and the map from embeddings to responses.
    speed : samples come so many times as fast as in life; None: as fast as they are read.
    clock : what paces the run, in seconds; as for `rtbci.sources.synthetic.SyntheticSource`.
    """

    def __init__(
        self,
        bank: str | Path,
        seed: int = 0,
        channels: int | Sequence[str] = 32,
        rate: float = 250.0,
        seconds: float | None = None,
        pictures: int | None = None,
        items: Sequence[str] | None = None,
        shown: float = 0.5,
        every: float = 1.25,
        snr: float = 1.0,
        line: float = 50.0,
        subject: int = 0,
        speed: float | None = 1.0,
        clock: Callable[[], float] = time.monotonic,
        name: str = "viewer",
    ) -> None:
        check_run(seed, subject, snr, rate, line, speed)
        if not 0.05 <= shown <= 0.7:
            raise SourceError(f"shown is {shown} s; 0.05 to 0.7 would be right")
        self._seed, self._subject, self._channels, self._rate = seed, subject, channels, float(rate)
        self._shown, self._snr, self._line, self._name = shown, snr, line, name
        try:
            self._bank = Bank.open(Path(bank))
        except BankError as error:
            raise SourceError(f"bank: {error}") from error
        self._plan = ViewingPlan((seed, TRIALS), _chosen(self._bank, items), pictures, every, self._rate)
        length = length_of(self._plan.seconds if seconds is None else seconds, self._rate)
        self._run = Paced(self._rate, length, speed, clock)
        self._person: _Person | None = None
        self._heights: dict[int, Array] = {}
        self._marked = 0

    def open(self) -> StreamInfo:
        """Build the head and warm the filters up. Raises SourceError for a channel that the montage does not have."""
        montage = standard_montage()
        channels = cap(montage, self._channels)
        names = tuple(channel.name for channel in channels)
        background = Background(person(self._subject, montage, names, 1.0), self._rate, self._seed, self._line)
        embeddings = self._bank.embeddings.astype(np.float64)
        embeddings -= embeddings.mean(axis=0)
        # the height of a hump then varies by about 1 over any bank
        embeddings /= max(float(np.sqrt((embeddings**2).sum(axis=1).mean())), 1e-9)
        eyes = sight(self._subject, montage, names, self._bank.dim, self._snr)
        self._person = _Person(background, eyes, embeddings)
        return StreamInfo(self._name, self._rate, channels, "EEG", f"rtbci-viewer-{self._subject}-{self._seed}")

    def truth(self) -> Viewed:
        """What lies behind the samples; valid after `open`."""
        return Viewed(self._opened().sight, tuple(self._plan.until(self._run.planned)))

    def _opened(self) -> _Person:
        if self._person is None:
            raise SourceError("the simulated viewer is not open; call open() first")
        return self._person

    def _generate(self, block: int) -> Samples:
        """Block number ``block``: (BLOCK, n_channels) float32 in uV."""
        who = self._opened()
        first = block * BLOCK
        out = who.background.next(block)
        evoked = self._evoked(
            np.arange(first, first + BLOCK, dtype=np.float64), self._plan.between(first, first + BLOCK)
        )
        for k in range(evoked.shape[1]):  # one dipole after the other, as in the background
            out += evoked[:, k, None] * who.sight.mixing[:, k]
        return out.astype(np.float32)

    def _evoked(self, samples: Array, presentations: Sequence[Presentation]) -> Array:
        """Waveforms (n, n_dipoles) of visual cortex at ``samples`` (n,) of the run."""
        eyes = self._opened().sight
        waves = np.zeros((len(samples), eyes.mixing.shape[1]))
        for one in presentations:
            since = (samples - one.onset) / self._rate - one.late
            waves += eyes.to_any(since) + OFF * eyes.to_any(since - self._shown)
            if one.gain:
                waves += one.gain * eyes.to_this(since, self._of(one.item))
        return waves

    def _of(self, item: int) -> Array:
        if item not in self._heights:
            who = self._opened()
            self._heights[item] = who.sight.heights(who.seen[item])
        return self._heights[item]

    def read(self, samples: Samples, times: Times, timeout: float) -> int:
        """Fill the first rows of ``samples`` (n, n_channels) float32 and ``times`` (n,) float64; say how many.

        Raises EOFError when the run is over.
        """
        self._opened()
        return self._run.read(self._generate, samples, times, timeout)

    def markers(self) -> Sequence[Marker]:
        """Markers of the samples delivered since the last call."""
        self._opened()
        first, stop = self._marked, self._run.index
        found = [(at, REST) for at in self._plan.rests(first, stop)]
        found += [(one.onset, one.label) for one in self._plan.between(first, stop) if first <= one.onset]
        self._marked = stop
        return [Marker(self._run.start + at / self._rate, label, None, MARKER_STREAM) for at, label in sorted(found)]

    def now(self) -> float:
        """In life the clock; otherwise the time of the newest sample plus the wall time since it was delivered."""
        return self._run.now()

    def close(self) -> None:
        """Forget the person."""
        self._person = None


def _chosen(bank: Bank, items: Sequence[str] | None) -> list[tuple[int, str]]:
    """Number and id of the pictures to show. Raises SourceError for a name that means none."""
    if items is None:
        return [(number, item.id) for number, item in enumerate(bank.items)]
    numbers = [(name, bank.find(name)) for name in items]
    unknown = [name for name, number in numbers if number is None]
    if unknown:
        raise SourceError(
            f"items: {unknown[0]!r} is no picture of {bank.path}; ids such as {bank.items[0].id!r} would be"
        )
    return [(number, bank.items[number].id) for _, number in numbers if number is not None]
