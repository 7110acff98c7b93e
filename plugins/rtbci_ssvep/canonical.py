"""Canonical correlations from covariances.

Hotelling, Biometrika 28, 1936; for SSVEP Lin et al., IEEE Trans. Biomedical Engineering 53(12), 2006. With whiteners ``V``
of the channels and ``B`` of the references, canonical correlations are the singular values of ``B' C V``, ``C`` being the
covariance of references and channels.
"""

from __future__ import annotations

import numpy as np
from scipy.linalg import lapack

from rtbci.errors import DecoderError
from rtbci_ssvep.aligned import Array, aligned_copy, aligned_zeros

RANK_TOLERANCE = 1e-10
"""Smallest variance of a direction, relative to the largest with channels at unit variance, that counts as signal: an
average reference leaves 1e-14, float32 samples 1e-13."""


class Whitener:
    """Directions in which channels are uncorrelated and have unit power, from the eigenvectors of their correlation."""

    def __init__(self, n_channels: int) -> None:
        self._matrix = aligned_zeros(n_channels, n_channels, order="F")
        self.directions = aligned_zeros(n_channels, n_channels)

    def of(self, power: Array) -> Array:
        """``V`` (n_channels, n_channels) with ``V' power V`` = 1 on the diagonal, and 0 where the data have no dimension.

        A buffer that is reused. Flat channels and those that others make up (a common reference) cost no digits: their
        columns are zeros.
        """
        scale = np.sqrt(np.maximum(power.diagonal(), 0.0))
        scale[scale == 0.0] = 1.0
        np.divide(power, scale[:, None] * scale, out=self._matrix)
        values, vectors, failed = lapack.dsyevd(self._matrix, compute_v=1, lower=1, overwrite_a=1)
        if failed:
            raise DecoderError("the eigenvalues of a window's covariance did not converge: its samples are not finite")
        there = values > RANK_TOLERANCE * max(float(values[-1]), 0.0)
        lengths = np.where(there, 1.0 / np.sqrt(np.where(there, values, 1.0)), 0.0)
        np.multiply(vectors, lengths, out=self.directions)
        self.directions /= scale[:, None]
        return self.directions


class CanonicalCorrelation:
    """Squares of the largest canonical correlations of a window with the references of each frequency.

    ``references`` (n_frequencies, n_waves, n_samples), without their means.
    """

    def __init__(self, n_channels: int, references: Array) -> None:
        n_frequencies, n_waves, _ = references.shape
        self._whitener = Whitener(n_channels)
        self._bases = aligned_zeros(n_frequencies, n_waves, n_waves)
        for k, waves in enumerate(references):
            self._bases[k] = aligned_copy(np.linalg.inv(np.linalg.cholesky(np.dot(waves, waves.T))))
        self._projected = aligned_zeros(n_waves, n_channels)
        self._cosines = aligned_zeros(n_waves, n_channels)
        self._gram = aligned_zeros(n_waves, n_waves, order="F")
        self._n_frequencies = n_frequencies

    def squares(self, power: Array, cross: Array) -> Array:
        """Squared correlations (n_frequencies,) from 0 to 1.

        ``power`` (n_channels, n_channels), ``cross`` (n_frequencies, n_waves, n_channels) as in `WindowMoments`.
        """
        directions = self._whitener.of(power)
        squares = np.empty(self._n_frequencies)
        for k in range(self._n_frequencies):
            np.dot(cross[k], directions, out=self._projected)
            np.dot(self._bases[k], self._projected, out=self._cosines)
            np.dot(self._cosines, self._cosines.T, out=self._gram.T)
            values, _, failed = lapack.dsyevd(self._gram, compute_v=0, lower=1, overwrite_a=1)
            if failed:
                raise DecoderError(
                    "the canonical correlations of a window did not converge: its samples are not finite"
                )
            squares[k] = values[-1]
        return np.clip(squares, 0.0, 1.0)
