"""The covariance of a window, by pyRiemann's estimators, from the sums of `rtbci_riemann.gram`.

With ``S = sum(x x')/n - m m'`` the sample covariance of ``p`` channels, ``mu = tr(S)/p`` and ``|.|`` the Frobenius norm:

* ``scm``: ``S``. ``cov``: ``S n/(n-1)``, as `numpy.cov`.
* ``oas``: ``(1-r) S + r mu I``, ``r = min(1, (a + mu^2) / ((n+1) (a - mu^2/p)))``, ``a = |S|^2/p^2``: Chen, Wiesel,
  Eldar and Hero, IEEE Trans. Signal Processing 58(10), 2010, eq. 23, without its factors 2/p as scikit-learn has it.
* ``lwf``: ``(1-r) S + r mu I``, ``r = min(b, d)/d``, ``d = |S - mu I|^2/p``, ``b = (sum(|x-m|^4)/n - |S|^2) / (p n)``:
  Ledoit and Wolf, J. Multivariate Analysis 88(2), 2004, section 3.2. The centred fourth-order sum follows from
  uncentred ones: with ``u = m'm`` and ``q = x'x``, ``sum(|x-m|^4) = sum(q^2) + 4 m' sum(x x') m + n u^2 - 4 m' sum(q x)
  + 2 u sum(q) - 4 u m' sum(x)``.

Each may be regularised: ``+ reg tr(C)/p I``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import blas

from rtbci.errors import DecoderError
from rtbci.types import Window
from rtbci_riemann.aligned import aligned_zeros
from rtbci_riemann.gram import BlockGram, Matrix
from rtbci_riemann.subspace import true_subspace

DIGITS_LOST = 100.0
"""A mean whose square is this many times the variance: beyond it the window is centred sample by sample (2 digits)."""


class WindowCovariance:
    """Covariance of windows of one shape, within the subspace that the training data fill.

    Parameters
    ----------
    estimator : one of `rtbci_riemann.options.ESTIMATORS`.
    reg : regularisation, a fraction of the mean variance.
    n_samples : samples in a window.
    offset : (n_channels,) typical value of each channel, subtracted early.
    basis : (rank, n_channels) orthonormal rows, or None where the data have full rank.
    """

    def __init__(self, estimator: str, reg: float, n_samples: int, offset: Matrix, basis: Matrix | None) -> None:
        self.estimator = estimator
        self.reg = reg
        self.n_samples = n_samples
        self.offset = offset
        self.basis = basis
        self._gram = BlockGram(n_samples, offset, basis, quartic=estimator == "lwf")
        self.rank = self._gram.rank
        self._covariance = aligned_zeros((self.rank, self.rank), order="F")
        self._sum = aligned_zeros((self.rank,))
        self._diagonal = self._covariance.T.reshape(-1)[:: self.rank + 1]

    @classmethod
    def learn(cls, estimator: str, reg: float, windows: NDArray[np.float32]) -> WindowCovariance:
        """Find out from ``windows`` (n_windows, n_channels, n_samples) where their channels lie and what they span."""
        n_samples = windows.shape[2]
        offset = windows.mean(axis=(0, 2), dtype=np.float64)
        covariance = cls(estimator, reg, n_samples, offset, true_subspace(windows))
        if estimator in ("scm", "cov") and n_samples <= covariance.rank:
            raise DecoderError(
                f'estimator = "{estimator}": {n_samples} samples a window cannot fill a covariance of rank '
                f'{covariance.rank}; use "oas" or "lwf", or windows of more than {covariance.rank} samples'
            )
        return covariance

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What was learnt, by name."""
        learnt: dict[str, NDArray[Any]] = {"n_samples": np.array(self.n_samples, np.int64), "offset": self.offset}
        if self.basis is not None:
            learnt["basis"] = self.basis
        return learnt

    @classmethod
    def restore(cls, estimator: str, reg: float, arrays: Mapping[str, NDArray[Any]]) -> WindowCovariance:
        """Become what wrote ``arrays``. Raises KeyError or ValueError when they cannot be its own."""
        offset = np.array(arrays["offset"], np.float64)
        basis = np.array(arrays["basis"], np.float64) if "basis" in arrays else None
        n_samples = int(arrays["n_samples"])
        if offset.ndim != 1 or n_samples < 1 or (basis is not None and basis.shape[1:] != offset.shape):
            raise ValueError("shapes that do not fit together")
        return cls(estimator, reg, n_samples, offset, basis)

    def of(self, window: Window) -> Matrix:
        """Covariance of ``window``, (rank, rank) float64, Fortran order, lower triangle only; a buffer that is reused.

        Raises DecoderError when the window has another shape than those of training.
        """
        expected = (len(self.offset), self.n_samples)
        if window.samples.shape != expected:
            raise DecoderError(
                f"a window of {window.samples.shape[0]} channels and {window.samples.shape[1]} samples; "
                f"the decoder was fitted on {expected[0]} channels and {expected[1]} samples"
            )
        gram = self._gram.of(window.samples, window.start)
        if self._mean_dominates(gram):
            gram = self._gram.of_centred(window.samples)
        return self._from_gram(gram)

    def batch(self, windows: NDArray[np.float32]) -> Matrix:
        """Covariances of many windows by pyRiemann itself, (n_windows, rank, rank) float64, for fitting."""
        from pyriemann.estimation import Covariances

        samples = windows.astype(np.float64)
        if self.basis is not None:
            samples = np.matmul(self.basis, samples - self.offset[:, None])
        covariances: Matrix = Covariances(self.estimator).transform(samples)
        if self.reg:
            mean_variance = np.trace(covariances, axis1=1, axis2=2) / self.rank
            covariances = covariances + self.reg * mean_variance[:, None, None] * np.eye(self.rank)
        return covariances

    def _mean_dominates(self, gram: Matrix) -> bool:
        rank, n = self.rank, self.n_samples
        squares = gram.diagonal()[:rank]
        of_mean = gram[rank, :rank] ** 2 / n
        return bool((of_mean > DIGITS_LOST * (squares - of_mean)).any())

    def _from_gram(self, gram: Matrix) -> Matrix:
        rank, n = self.rank, self.n_samples
        covariance, total = self._covariance, self._sum
        covariance[...] = gram[:rank, :rank]
        total[...] = gram[rank, :rank]
        fourth = self._centred_fourth(gram) if self.estimator == "lwf" else 0.0
        blas.dsyr(-1.0 / n, total, a=covariance, lower=1, overwrite_a=1)
        covariance *= 1.0 / (n - 1 if self.estimator == "cov" else n)
        if self.estimator in ("oas", "lwf"):
            mu = float(self._diagonal.sum()) / rank
            shrinkage = self._shrinkage(mu, fourth)
            covariance *= 1.0 - shrinkage
            self._diagonal += shrinkage * mu
        if self.reg:
            self._diagonal += self.reg * float(self._diagonal.sum()) / rank
        return covariance

    def _shrinkage(self, mu: float, fourth: float) -> float:
        p, n = self.rank, self.n_samples
        if p == 1:
            return 0.0
        lower = self._covariance.T.reshape(-1)
        # the upper triangle is 0, so this is the sum over all entries of the symmetric matrix
        squares = 2.0 * float(np.dot(lower, lower)) - float((self._diagonal**2).sum())
        if self.estimator == "oas":
            a = squares / p**2
            below = (n + 1.0) * (a - mu * mu / p)
            return 1.0 if below == 0.0 else min((a + mu * mu) / below, 1.0)
        d = (squares - p * mu * mu) / p
        b = min((fourth / n - squares) / (p * n), d)
        return 0.0 if b == 0.0 else b / d

    def _centred_fourth(self, gram: Matrix) -> float:
        rank, n = self.rank, self.n_samples
        m = self._sum / n
        u = float(np.dot(m, m))
        squares = blas.dsymv(1.0, self._covariance, m, lower=1)  # still sum(x x') here
        q_x, q_1, q_q = gram[rank + 1, :rank], float(gram[rank + 1, rank]), float(gram[rank + 1, rank + 1])
        return (
            q_q
            + 4.0 * float(np.dot(m, squares))
            + n * u * u
            - 4.0 * float(np.dot(m, np.ascontiguousarray(q_x)))
            + 2.0 * u * q_1
            - 4.0 * u * float(np.dot(m, self._sum))
        )
