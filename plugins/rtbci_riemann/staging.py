"""A window's samples, copied to an aligned float64 buffer and taken to the subspace that the training data fill."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtbci.errors import DecoderError
from rtbci_riemann.aligned import aligned_copy, aligned_zeros
from rtbci_riemann.stacks import Matrix
from rtbci_riemann.subspace import true_subspace


class Staging:
    """Where windows of one shape are put before anything is computed from them.

    Parameters
    ----------
    n_channels, n_samples : shape of the windows.
    basis : (rank, n_channels) orthonormal rows, or None where the data have full rank.
    """

    def __init__(self, n_channels: int, n_samples: int, basis: Matrix | None = None) -> None:
        self.n_channels, self.n_samples = n_channels, n_samples
        self.basis = None if basis is None else aligned_copy(basis, "C")
        self.rank = n_channels if basis is None else len(basis)
        self._samples = aligned_zeros((n_channels, n_samples))
        self._projected = self._samples if basis is None else aligned_zeros((self.rank, n_samples))

    @classmethod
    def learn(cls, windows: NDArray[np.float32]) -> Staging:
        """Find out what ``windows`` (n_windows, n_channels, n_samples) span."""
        return cls(windows.shape[1], windows.shape[2], true_subspace(windows))

    def of(self, samples: NDArray[np.float32]) -> Matrix:
        """``samples`` (n_channels, n_samples) as (rank, n_samples) float64, C order, aligned; a buffer that is reused.

        Raises DecoderError when the shape is not that of training.
        """
        expected = (self.n_channels, self.n_samples)
        if samples.shape != expected:
            raise DecoderError(
                f"a window of {samples.shape[0]} channels and {samples.shape[1]} samples; "
                f"the decoder was fitted on {expected[0]} channels and {expected[1]} samples"
            )
        self._samples[...] = samples
        if self.basis is not None:
            np.dot(self.basis, self._samples, out=self._projected)
        return self._projected

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What was learnt, by name."""
        learnt: dict[str, NDArray[Any]] = {"shape": np.array([self.n_channels, self.n_samples], np.int64)}
        if self.basis is not None:
            learnt["basis"] = self.basis
        return learnt

    @classmethod
    def restore(cls, arrays: Mapping[str, NDArray[Any]]) -> Staging:
        """Become what wrote ``arrays``. Raises KeyError or ValueError when they cannot be its own."""
        n_channels, n_samples = (int(n) for n in arrays["shape"])
        basis = np.array(arrays["basis"], np.float64) if "basis" in arrays else None
        if n_channels < 1 or n_samples < 1 or (basis is not None and (basis.ndim != 2 or basis.shape[1] != n_channels)):
            raise ValueError(f"windows of {n_channels} channels and {n_samples} samples")
        return cls(n_channels, n_samples, basis)
