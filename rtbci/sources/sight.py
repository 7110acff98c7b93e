"""What a simulated viewer's visual cortex does when a picture appears: a response to any picture, and one to what it shows.

Dipoles lie below occipital, parietal and temporal electrodes. Each has two parts:

- *common* to all pictures: P1 at 100 ms, N170 at 170 ms, P2 at 230 ms and a slow wave at 420 ms, in amounts that differ from
  dipole to dipole, and once more, weaker, when the picture goes (latencies as in S. J. Luck, "An Introduction to the
  Event-Related Potential Technique", 2nd ed., ch. 3);
- *of the picture*: `BUMPS`, humps of activity that peak 90 to 480 ms after the onset. The height of each is a linear
  function of the picture's embedding, drawn for the person, that saturates mildly.

That embeddings of pictures predict evoked responses linearly is what encoding models find (A. T. Gifford et al., "A large
and rich EEG dataset for modeling human visual object recognition", NeuroImage 264 (2022) 119754). That a response is a
function of the embedding *alone* is not so in any brain, and its amplitude is a free choice (``snr``): decoders find far
more in this than in a person.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rtbci.sources.head import HEAD_RADIUS, LAYOUT_64, Montage, projection
from rtbci.sources.subject import Array

PLACES = (
    "O1", "O2", "Oz", "Iz", "PO7", "PO8", "PO3", "PO4", "POz", "P7", "P8", "P5", "P6", "P3", "P4", "Pz",
    "TP7", "TP8", "CP5", "CP6",
)  # fmt: skip
"""A dipole lies below each."""
COMMON = ((0.100, 0.016, 1.5), (0.170, 0.022, -2.5), (0.230, 0.032, 1.8), (0.420, 0.090, 1.2))
"""Latency and width (standard deviation) in seconds, and amplitude in uV, of what every picture evokes."""
BUMPS = (
    (0.09, 0.016, 1.4), (0.14, 0.020, 2.0), (0.19, 0.024, 2.2), (0.25, 0.030, 2.0), (0.32, 0.040, 1.6), (0.40, 0.045, 1.2),
    (0.48, 0.050, 1.0),
)  # fmt: skip
"""The same of what a picture's own response is made of; the amplitude in uV is that at ``snr`` 1."""
OFF = 0.3
"""How strong the common response to the end of a picture is."""
SATURATION = 2.5
"""A hump that would be this many times as high as usual is a quarter lower (tanh)."""


@dataclass(frozen=True, slots=True)
class Sight:
    """A person's visual cortex.

    ``mixing`` (n_channels, n_dipoles) is in uV at unit waveform; ``common`` (n_dipoles, len(COMMON)) and ``weights``
    (n_dipoles, len(BUMPS), n_dims) say how much of each hump a dipole shows; ``shift`` is in seconds, by which all is
    later; ``snr`` scales the picture's own response and nothing else.
    """

    mixing: Array
    common: Array
    weights: Array
    shift: float
    snr: float

    def heights(self, embedding: Array) -> Array:
        """Height (n_dipoles, len(BUMPS)) of the picture's own humps for its centred, scaled ``embedding`` (n_dims,)."""
        # no product of matrices: its rounding would depend on machine and threads
        linear = (self.weights * embedding).sum(axis=2)
        return np.asarray(self.snr * SATURATION * np.tanh(linear / SATURATION))

    def to_any(self, seconds: Array) -> Array:
        """Waveforms (n, n_dipoles) that any picture evokes, at ``seconds`` (n,) after its onset."""
        return _sum(_humps(seconds - self.shift, COMMON), self.common)

    def to_this(self, seconds: Array, heights: Array) -> Array:
        """Waveforms (n, n_dipoles) that a picture's own response with these ``heights`` has, at ``seconds`` after onset."""
        return _sum(_humps(seconds - self.shift, BUMPS), heights)


def sight(subject: int, montage: Montage, names: tuple[str, ...], n_dims: int, snr: float) -> Sight:
    """Draw the visual cortex of person ``subject``, for embeddings of ``n_dims`` dimensions, seen at channels ``names``."""
    rng = np.random.default_rng([subject, 3])
    up = montage.directions(PLACES)
    depth = rng.uniform(0.68, 0.82, len(PLACES)) * HEAD_RADIUS
    at = _unit(up + rng.normal(0.0, 0.06, up.shape)) * depth[:, None]
    axes = _unit(up + rng.normal(0.0, 0.6, up.shape))
    # amplitudes are given as seen at the electrode that sees the dipole best, on a full cap
    moments = axes / np.abs(projection(montage, LAYOUT_64, at, axes)).max(0)[:, None]
    common = rng.normal(1.0, 0.4, (len(PLACES), len(COMMON))) * np.linspace(1.0, 0.3, len(PLACES))[:, None]
    shift = float(rng.uniform(-0.008, 0.008))
    # drawn last: longer embeddings leave the rest of the person as it is
    weights = rng.standard_normal((len(PLACES), len(BUMPS), n_dims))
    return Sight(projection(montage, names, at, moments), common, weights, shift, snr)


def _humps(seconds: Array, shapes: tuple[tuple[float, float, float], ...]) -> Array:
    """(n, len(shapes)) in uV; nothing before the onset."""
    latency, width, amplitude = np.array(shapes).T
    return np.asarray(amplitude * np.exp(-0.5 * ((seconds[:, None] - latency) / width) ** 2) * (seconds > 0)[:, None])


def _sum(humps: Array, heights: Array) -> Array:
    """(n, n_dipoles) of ``humps`` (n, n_humps) and ``heights`` (n_dipoles, n_humps), one after the other."""
    out = np.zeros((len(humps), len(heights)))
    for k in range(humps.shape[1]):
        out += humps[:, k, None] * heights[:, k]
    return out


def _unit(vectors: Array) -> Array:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
