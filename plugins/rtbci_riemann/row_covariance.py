"""The covariance of rows that were made of a window: lagged copies, filtered copies, a response stacked above it.

The estimators are those of `rtbci_riemann.covariance`, with the formulas that stand there; rows are centred first, so the
fourth-order sum of Ledoit and Wolf is just ``sum over samples of (x'x)^2``.
"""

from __future__ import annotations

import numpy as np

from rtbci.errors import DecoderError
from rtbci_riemann.aligned import aligned_zeros
from rtbci_riemann.stacks import Matrix


class RowCovariance:
    """Covariances of matrices (n_rows, n_samples), one at a time, through one aligned buffer.

    Parameters
    ----------
    n_rows, n_samples : shape of ``rows``.
    estimator : one of `rtbci_riemann.options.ESTIMATORS`.
    reg : added to the diagonal, as a fraction of the mean variance.

    Attributes
    ----------
    rows : (n_rows, n_samples) float64, C order, aligned: to be filled before `into` is called, which centres them in place.
    """

    def __init__(self, n_rows: int, n_samples: int, estimator: str, reg: float = 0.0) -> None:
        self.estimator, self.reg = estimator, reg
        self.rows = aligned_zeros((n_rows, n_samples))
        self._covariance = aligned_zeros((n_rows, n_rows))
        self._diagonal = self._covariance.reshape(-1)[:: n_rows + 1]

    def into(self, out: Matrix) -> None:
        """Write the covariance of ``rows`` into ``out`` (n_rows, n_rows)."""
        rows, covariance = self.rows, self._covariance
        n_samples = rows.shape[1]
        rows -= rows.mean(axis=1, keepdims=True)
        np.matmul(rows, rows.T, out=covariance)  # NumPy calls syrk: half the work, and exactly symmetric
        covariance *= 1.0 / (n_samples - 1 if self.estimator == "cov" else n_samples)
        mean_variance = float(self._diagonal.sum()) / len(rows)
        if self.estimator in ("oas", "lwf"):
            shrinkage = self._shrinkage(mean_variance)
            covariance *= 1.0 - shrinkage
            self._diagonal += shrinkage * mean_variance
        if self.reg:
            self._diagonal += self.reg * mean_variance
        out[...] = covariance

    def _shrinkage(self, mu: float) -> float:
        p, n = self.rows.shape
        if p == 1:
            return 0.0
        entries = self._covariance.reshape(-1)
        squares = float(np.dot(entries, entries))
        if self.estimator == "oas":
            a = squares / p**2
            below = (n + 1.0) * (a - mu * mu / p)
            return 1.0 if below <= 0.0 else min((a + mu * mu) / below, 1.0)
        powers = np.einsum("ij,ij->j", self.rows, self.rows)
        d = (squares - p * mu * mu) / p
        b = min((float(np.dot(powers, powers)) / n - squares) / (p * n), d)
        return 0.0 if d <= 0.0 else b / d


def require_samples(estimator: str, rank: int, n_samples: int, what: str) -> None:
    """Raise DecoderError where ``n_samples`` cannot fill a covariance of ``rank``; ``what`` says of what."""
    if estimator in ("scm", "cov") and n_samples <= rank:
        raise DecoderError(
            f'estimator = "{estimator}": {n_samples} samples of {what} cannot fill a covariance of rank {rank}; '
            f'use "oas" or "lwf", or more than {rank} samples'
        )
