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

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtbci.errors import DecoderError
from rtbci.types import Window
from rtbci_riemann.aligned import aligned_zeros
from rtbci_riemann.gram import BlockGram
from rtbci_riemann.stacks import Matrix, Workspace, diagonal, inner, padded
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
        self._width = padded(self.rank)
        self._room = Workspace()
        self._ones = aligned_zeros((1, 1, self._width))
        self._ones[...] = 1.0

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
        """Covariance of ``window``, (rank, rank) float64, both triangles; a buffer that is reused.

        Raises DecoderError when the window has another shape than those of training.
        """
        self._check(window.samples.shape)
        gram = self._gram.one(window.samples, window.start)
        if self._mean_dominates(gram)[0]:
            gram = self._gram.centred(window.samples)
        covariance: Matrix = self._from_grams(gram)[0]
        return covariance

    def many(self, windows: NDArray[np.float32], starts: NDArray[np.int64]) -> Iterator[tuple[slice, Matrix]]:
        """Covariances (n, rank, rank) of ``windows`` (n_windows, n_channels, n_samples), some at a time, with their slice.

        Each is a buffer that is reused; what it holds are the bits that `of` gives for each window. Raises DecoderError.
        """
        self._check(windows.shape[1:])
        for part, grams in self._gram.many(windows, starts):
            for i in np.flatnonzero(self._mean_dominates(grams)):
                grams[i] = self._gram.centred(windows[part.start + i])[0]
            yield part, self._from_grams(grams)

    def apart(self, windows: NDArray[np.float32]) -> Matrix:
        """Covariances (n, rank, rank) of ``windows`` (n_windows, n_channels, n_samples), as if each began at index 0."""
        covariances = np.empty((len(windows), self.rank, self.rank))
        for part, some in self.many(windows, np.zeros(len(windows), np.int64)):
            covariances[part] = some
        return covariances

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

    def _check(self, shape: tuple[int, ...]) -> None:
        if shape != (len(self.offset), self.n_samples):
            raise DecoderError(
                f"a window of {shape[0]} channels and {shape[1]} samples; "
                f"the decoder was fitted on {len(self.offset)} channels and {self.n_samples} samples"
            )

    def _mean_dominates(self, grams: Matrix) -> NDArray[np.bool_]:
        """Of which windows the mean would cost digits, (n,)."""
        of_mean = np.square(grams[:, self.rank, : self.rank])
        of_mean *= (1.0 + DIGITS_LOST) / (DIGITS_LOST * self.n_samples)
        dominates: NDArray[np.bool_] = np.logical_or.reduce(of_mean > diagonal(grams)[:, : self.rank], axis=1)
        return dominates

    def _from_grams(self, grams: Matrix) -> Matrix:
        """Covariances (n, rank, rank) from a stack of Gram matrices, a view of a buffer."""
        m, rank, n = len(grams), self.rank, self.n_samples
        covariance = self._room.take("covariance", m, rank, self._width)
        inside = covariance[:, :, :rank]
        fourth = self._centred_fourth(grams) if self.estimator == "lwf" else np.zeros(m)
        total = grams[:, rank, :rank]
        np.multiply((total / n)[:, :, None], total[:, None, :], out=inside)
        np.subtract(grams[:, :rank, :rank], inside, out=inside)
        divisor = float(n - 1 if self.estimator == "cov" else n)
        variances = diagonal(covariance)
        scale = np.full(m, 1.0 / divisor)
        if self.estimator in ("oas", "lwf"):
            # one window after the other: numbers that are few are quicker so
            means = (self._sum(variances) / (rank * divisor)).tolist()
            squares = (inner(covariance, covariance) / divisor**2).tolist()
            shares = [self._shrinkage(*of) for of in zip(means, squares, fourth.tolist(), strict=True)]
            scale *= [1.0 - share for share in shares]
            covariance *= scale[:, None, None]
            variances += np.array([share * mean for share, mean in zip(shares, means, strict=True)])[:, None]
        else:
            covariance *= scale[:, None, None]
        if self.reg:
            variances += (self.reg / rank * self._sum(variances))[:, None]
        return inside

    def _shrinkage(self, mu: float, squares: float, fourth: float) -> float:
        """Shrinkage of one window, from its mean variance, its squared norm and its centred fourth-order sum."""
        p, n = self.rank, self.n_samples
        if p == 1:
            return 0.0
        if self.estimator == "oas":
            a = squares / p**2
            below = (n + 1.0) * (a - mu * mu / p)
            return 1.0 if below == 0.0 else min((a + mu * mu) / below, 1.0)
        d = (squares - p * mu * mu) / p
        b = min((fourth / n - squares) / (p * n), d)
        return 0.0 if b == 0.0 else b / d

    def _centred_fourth(self, grams: Matrix) -> Matrix:
        """``sum(|x-m|^4)`` (n,)."""
        rank, n, count = self.rank, self.n_samples, len(grams)
        m, row = (self._room.take(name, count, 1, self._width) for name in ("mean", "row"))

        def with_mean(values: Matrix) -> Matrix:
            row[:, 0, :rank] = values
            return inner(m, row)

        m[:, 0, :rank] = grams[:, rank, :rank] / n
        u = inner(m, m)
        q_1, q_q = grams[:, rank + 1, rank], grams[:, rank + 1, rank + 1]
        squares = np.matmul(m[:, :, :rank], grams[:, :rank, :rank])[:, 0]
        return (
            q_q
            + 4.0 * with_mean(squares)
            + n * u * u
            - 4.0 * with_mean(grams[:, rank + 1, :rank])
            + 2.0 * u * q_1
            - 4.0 * u * with_mean(grams[:, rank, :rank])
        )

    def _sum(self, values: Matrix) -> Matrix:
        """Sums (n,) over the entries of each row of ``values`` (n, rank)."""
        row = self._room.take("summed", len(values), 1, self._width)
        row[:, 0, : self.rank] = values
        sums: Matrix = np.matmul(row, self._ones.transpose(0, 2, 1))[:, 0, 0]
        return sums
