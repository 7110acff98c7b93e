r"""Sines and cosines at a stimulus's frequency and its harmonics.

Lin, Zhang, Wu and Gao, IEEE Trans. Biomedical Engineering 53(12), 2006, equation 4. Time is counted from the window's own
first sample: a sine and a cosine span every phase, so where in the recording a window lies does not matter.
"""

from __future__ import annotations

import numpy as np

from rtbci.errors import DecoderError
from rtbci_ssvep.aligned import Array, aligned_copy


def n_harmonics(frequencies: tuple[float, ...], wanted: int, rate: float) -> int:
    """How many of the ``wanted`` harmonics lie below half the ``rate`` (Hz) for every frequency.

    The same number for all: with more references a correlation is larger by chance alone. Raises DecoderError where not
    even the frequencies themselves do.
    """
    highest = max(frequencies)
    if highest >= rate / 2:
        raise DecoderError(
            f"frequencies: {highest:g} Hz in windows of {rate:g} Hz; frequencies below {rate / 2:g} Hz would be right"
        )
    return max(h for h in range(1, wanted + 1) if h * highest < rate / 2)


def references(frequencies: tuple[float, ...], harmonics: int, rate: float, n_samples: int) -> Array:
    """Sine and cosine of each harmonic in turn, (n_frequencies, 2 harmonics, n_samples), each without its mean."""
    t = np.arange(n_samples) / rate
    multiples = np.arange(1, harmonics + 1)
    phases = 2 * np.pi * np.array(frequencies)[:, None, None] * multiples[:, None] * t
    waves = np.stack([np.sin(phases), np.cos(phases)], axis=2).reshape(len(frequencies), 2 * harmonics, n_samples)
    return aligned_copy(waves - waves.mean(axis=2, keepdims=True))


def shifts(n: int, harmonics: int) -> Array:
    r"""What moving a signal by ``n`` fractions of its period does to its coefficients, (n, 2 harmonics, 2 harmonics).

    With ``x(t) = \sum_h a_h sin(h w t) + b_h cos(h w t)`` as rows ``L`` (2 harmonics, n_channels), ``shifts[m].T @ L`` are
    those of ``x(t + m / n of a period)``: harmonic ``h`` turns ``h`` times as far as the first.
    """
    turn = 2 * np.pi * np.arange(n)[:, None] / n * np.arange(1, harmonics + 1)
    rotation = np.zeros((n, harmonics, 2, harmonics, 2))
    for h in range(harmonics):
        cosine, sine = np.cos(turn[:, h]), np.sin(turn[:, h])
        rotation[:, h, 0, h, 0] = rotation[:, h, 1, h, 1] = cosine
        rotation[:, h, 0, h, 1] = sine  # a sine moved ahead has become partly a cosine
        rotation[:, h, 1, h, 0] = -sine
    return rotation.reshape(n, 2 * harmonics, 2 * harmonics)
