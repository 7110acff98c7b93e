"""A simulated subject: where its sources lie, what they do in each class, and how a trial goes.

What belongs to the person (anatomy, rhythms, noise level of the electrodes) is drawn from ``subject``; what belongs to one
run (order of trials, noise, blinks) from the run's seed. So two runs of one subject differ as two real runs do.

The rhythms follow G. Pfurtscheller and F. H. Lopes da Silva, "Event-related EEG/MEG synchronization and desynchronization:
basic principles", Clin. Neurophysiol. 110 (1999) 1842-1857: imagined movement weakens mu (about 11 Hz) and beta (about
22 Hz) over the cortex of the limb, some tenths of a second after the cue; where another limb's cortex is at work they grow a
little; after the end beta rebounds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from rtbci.errors import SourceError
from rtbci.sources.head import HEAD_RADIUS, LAYOUT_64, Montage, projection
from rtbci.sources.trial_plan import Trial

Array = NDArray[np.float64]
Kind = Literal["pink", "rhythm", "blink"]

LIMBS = {"left hand": "C4", "right hand": "C3", "feet": "Cz", "tongue": "C6"}
"""The cortex of a limb lies under this place (hands: on the other side)."""
CLASS_LIMBS: dict[str, tuple[str, ...]] = {
    "fists": ("left hand", "right hand"),
    "hands": ("left hand", "right hand"),
    "left": ("left hand",),
    "right": ("right hand",),
    "feet": ("feet",),
    "tongue": ("tongue",),
}
"""Which cortex a class name works with; names that are not here take one limb each, in the order of `LIMBS`."""
BACKGROUND_DIPOLES = 48
IDLE_RHYTHMS = 24
SURROUND = 0.12
"""How much the rhythms of limbs at rest grow while another works."""


@dataclass(frozen=True, slots=True)
class Generator:
    """One source in the brain (or the eyes).

    ``position`` (3,) metres from the centre of the head's sphere; ``moment`` (3,) nanoampere metres at unit waveform;
    ``frequency`` and ``bandwidth`` in Hz (rhythms only); ``limb`` whose rhythm it is, or "".
    """

    name: str
    kind: Kind
    position: tuple[float, float, float]
    moment: tuple[float, float, float]
    frequency: float = 0.0
    bandwidth: float = 0.0
    limb: str = ""


@dataclass(frozen=True, slots=True)
class Person:
    """Anatomy: generators, their projection ``mixing`` (n_channels, n_generators) in uV, and what the electrodes add.

    ``line`` and ``noise`` (n_channels,) are the amplitude of the mains hum and the white noise of each electrode in uV.
    """

    generators: tuple[Generator, ...]
    mixing: Array
    line: Array
    line_phase: Array
    noise: Array


def limbs_of(classes: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """For each class the limbs whose cortex it works with. Raises SourceError for more classes than limbs to tell apart."""
    free = [limb for limb in LIMBS if not any((limb,) == CLASS_LIMBS.get(name) for name in classes)]
    found = []
    for name in classes:
        if name in CLASS_LIMBS:
            found.append(CLASS_LIMBS[name])
        elif free:
            found.append((free.pop(0),))
        else:
            raise SourceError(
                f"{len(classes)} classes cannot be told apart by {len(LIMBS)} limbs; give at most {len(LIMBS)}"
            )
    if len(set(found)) < len(found):
        raise SourceError(
            f"two of the classes {', '.join(classes)} work with the same limb; give classes of different limbs"
        )
    return tuple(found)


def person(subject: int, montage: Montage, names: Sequence[str], snr: float) -> Person:
    """Draw the person number ``subject`` and project its sources to the channels ``names``.

    ``snr`` scales the amplitude of the motor rhythms against everything else; at 1 they stand out as in the best subjects.
    """
    rng = np.random.default_rng([subject, 1])
    made: list[tuple[str, Kind, Array, Array, float, float, float, str]] = []
    mu = rng.uniform(10.0, 12.0)
    for limb, place in LIMBS.items():
        up = montage.directions([place])[0]
        # under the electrode give or take half a centimetre, pointing out with a tilt, as gyri do
        at = _unit(up + rng.normal(0.0, 0.05, 3)) * 0.80 * HEAD_RADIUS
        axis = _unit(up + rng.normal(0.0, 0.35, 3))
        made.append((f"{limb} mu", "rhythm", at, axis, 6.0 * snr, mu + rng.normal(0.0, 0.3), 2.0, limb))
        made.append((f"{limb} beta", "rhythm", at, axis, 2.5 * snr, 2 * mu + rng.normal(0.0, 1.0), 4.0, limb))
    alpha = rng.uniform(9.5, 10.5)
    for place in ("O1", "O2", "Pz"):
        up = montage.directions([place])[0]
        axis = _unit(up + rng.normal(0.0, 0.4, 3))
        made.append((f"alpha {place}", "rhythm", _unit(up) * 0.78 * HEAD_RADIUS, axis, 8.0, alpha, 1.5, ""))
    eyes = montage.directions(["Fpz"])[0] + np.array([0.0, 0.15, -0.45])
    made.append(
        ("eyes", "blink", _unit(eyes) * 0.85 * HEAD_RADIUS, _unit(np.array([0.0, 1.0, 0.6])), 130.0, 0.0, 0.0, "")
    )
    for index in range(BACKGROUND_DIPOLES):
        direction = _unit(rng.normal(0.0, 1.0, 3))
        direction[2] = abs(direction[2]) - 0.25  # cortex: the upper part of the sphere
        at = _unit(direction) * rng.uniform(0.45, 0.82) * HEAD_RADIUS
        axis = _unit(rng.normal(0.0, 1.0, 3))
        made.append((f"background {index}", "pink", at, axis, rng.uniform(1.5, 4.0), 0.0, 0.0, ""))
    for index in range(IDLE_RHYTHMS):
        # neighbours that idle in the same bands and take no part: what makes real motor rhythms hard to read
        direction = _unit(rng.normal(0.0, 1.0, 3))
        direction[2] = abs(direction[2])
        at = _unit(direction) * rng.uniform(0.60, 0.82) * HEAD_RADIUS
        axis = _unit(rng.normal(0.0, 1.0, 3))
        slow = index % 2 == 0
        frequency = rng.uniform(8.0, 13.0) if slow else rng.uniform(15.0, 27.0)
        amplitude = rng.uniform(2.0, 4.0) if slow else rng.uniform(1.0, 2.0)
        made.append((f"idle {index}", "rhythm", at, axis, amplitude, frequency, 2.0 if slow else 4.0, ""))
    positions = np.array([row[2] for row in made])
    axes = np.array([row[3] for row in made])
    # amplitudes are given as seen at the electrode that sees the source best, on a full cap
    moments = np.array([row[4] for row in made])[:, None] * axes
    moments /= np.abs(projection(montage, LAYOUT_64, positions, axes)).max(0)[:, None]
    generators = tuple(
        Generator(row[0], row[1], _triple(at), _triple(moment), row[5], row[6], row[7])
        for row, at, moment in zip(made, positions, moments, strict=True)
    )
    # electrodes have their own noise by name, so that a channel is the same whichever others are worn with it
    own = [np.random.default_rng([subject, 2, *name.encode()]) for name in names]
    return Person(
        generators=generators,
        mixing=projection(montage, names, positions, moments),
        line=np.array([r.uniform(0.3, 2.0) for r in own]),
        line_phase=np.array([r.uniform(-0.5, 0.5) for r in own]),
        noise=np.array([r.uniform(0.5, 1.2) for r in own]),
    )


def _unit(vector: Array) -> Array:
    return np.asarray(vector / np.linalg.norm(vector))


def _triple(vector: Array) -> tuple[float, float, float]:
    return float(vector[0]), float(vector[1]), float(vector[2])


def ramp(x: Array) -> Array:
    """A smooth step: 0 below 0, 1 above 1, half a cosine between."""
    return np.asarray(0.5 - 0.5 * np.cos(np.pi * np.clip(x, 0.0, 1.0)))


def effort(trial: Trial, seconds: Array, rate: float) -> Array:
    """How far the desynchronisation of ``trial`` has come at ``seconds`` (n,) of the run: 0 to 1, and back after the end."""
    onset, stop = trial.onset / rate, trial.stop / rate
    rise = ramp((seconds - onset - trial.delay) / 0.5 + 0.5)
    fall = ramp((seconds - stop - 0.3) / 0.5 + 0.5)
    return np.asarray(rise * (1.0 - fall))


def rebound(trial: Trial, seconds: Array, rate: float) -> Array:
    """The beta rebound after ``trial``: a hump from 0 to 1 and back, about 0.4 to 1.6 s after the end."""
    after = seconds - trial.stop / rate
    return np.asarray(ramp((after - 0.4) / 0.5) * (1.0 - ramp((after - 1.0) / 0.6)))
