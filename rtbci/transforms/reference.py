"""The running mean of covariances that recentring, Euclidean alignment and noise normalisation whiten by."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from rtbci.transforms.spd import (
    NOISE_FLOOR,
    Matrix,
    expm,
    geodesic,
    inverse_sqrtm,
    logm,
    outside,
    product,
    span,
    within,
)

METRICS = ("riemann", "logeuclid", "euclid")
LEAK = 1e-6
"""Share of a channel's variance outside the reference's span beyond which something new has come: ten times what rounding
to float32 leaves of a signal on an offset of 10^4 standard deviations."""

Shrink = Callable[[Matrix, Matrix], Matrix]
"""Makes of a window's covariance (rank, rank), in the coordinates of the mean's span, and of the basis of that span
(n_channels, rank) what the mean takes in."""


class Reference:
    """The running mean R of covariances, within the span of the signal, and the matrix R^(-1/2) that goes with it.

    ::

        window fills the span        -> R moves towards it by 1 / min(windows so far, memory)
        window has less (a channel went flat), or is ``freeze`` times as strong -> R stays
        window has more (a channel came back), or ``memory`` windows were left out running -> R begins anew with it

    A mean that was given (`begin`) is known better than any one window tells, and is never begun anew::

        window, within the span      -> R moves towards it by 1 / memory; what lies outside counts for nothing
        a channel stands still, or the span is filled no longer as it was before -> R stays
        window is ``freeze`` times as strong -> R stays; once ``memory`` of them came running, they are taken in

    Of a narrow band a window of few seconds holds fewer dimensions than there are channels. That it does not fill the span
    says something only when windows did before.

    Parameters
    ----------
    metric : one of `METRICS`.
    memory : windows that the mean remembers, not necessarily a whole number; 0: once there is a mean, it stays as it is.
    freeze : windows stronger than this many times R are left out; 0: none.

    Attributes
    ----------
    windows : windows in the mean; 0 while there is none.
    whitener : (n_channels, n_channels) float64, symmetric; 0 along directions without signal. Valid once ``windows`` > 0.
    """

    def __init__(self, metric: str, memory: float, freeze: float) -> None:
        self.metric = metric
        self.memory = memory
        self.freeze = freeze
        self.windows = 0
        self.whitener: Matrix = np.zeros((0, 0))
        self._basis: Matrix = np.zeros((0, 0))
        self._state: Matrix = np.zeros((0, 0))
        self._left_out = 0
        self._given = False
        self._filled = False

    @property
    def stays(self) -> bool:
        """Whether no window will change the mean any more."""
        return self.memory == 0 and self.windows > 0

    def begin(self, mean: Matrix) -> None:
        """Stand for ``mean`` (n_channels, n_channels), which has signal, as if ``memory`` windows had made it."""
        self._given = True
        self._basis = span(mean)
        self.windows = max(1, math.ceil(self.memory))
        inner = within(mean, self._basis)
        self._become(logm(inner) if self.metric == "logeuclid" else inner)

    def add(self, covariance: Matrix, shrink: Shrink) -> bool:
        """Take the ``covariance`` (n_channels, n_channels) of the next window; say whether the whitener changed."""
        if self.stays:
            return False
        basis = span(covariance)
        if basis.shape[1] == 0:
            return False  # all channels stand still: nothing to learn, now or by beginning anew
        if not (self._fits(covariance, basis) if self._given else self._fits_or_begins(covariance, basis)):
            return False
        self.windows += 1
        share = 1.0 / min(self.windows, self.memory) if self.windows > 1 else 1.0
        self._move(shrink(within(covariance, self._basis), self._basis), share)
        return True

    def _fits_or_begins(self, covariance: Matrix, basis: Matrix) -> bool:
        begins = self.windows == 0 or outside(covariance, self._basis) > LEAK
        if not begins and (basis.shape[1] < self._basis.shape[1] or self._is_extreme(covariance)):
            self._left_out += 1
            begins = self._left_out >= self.memory
            if not begins:
                return False
        self._left_out = 0
        if begins:
            self._basis = basis
            self.windows = 0
        return True

    def _fits(self, covariance: Matrix, basis: Matrix) -> bool:
        usual = product(self._basis, product(self._mean(), self._basis, transpose_b=True)).diagonal()
        stands_still = (usual > 0.0) & (covariance.diagonal() <= NOISE_FLOOR * usual)
        fills = basis.shape[1] >= self._basis.shape[1]
        if stands_still.any() or (self._filled and not fills):
            return False
        self._filled = fills
        if self._is_extreme(covariance):
            self._left_out += 1
            return self._left_out >= self.memory
        self._left_out = 0
        return True

    def _is_extreme(self, covariance: Matrix) -> bool:
        if not self.freeze:
            return False
        strength = math.fsum(within(covariance, self._basis).diagonal())
        return strength > self.freeze * math.fsum(self._mean().diagonal())

    def _move(self, covariance: Matrix, share: float) -> None:
        if self.metric == "logeuclid":
            covariance = logm(covariance)
        if share == 1.0:
            self._become(covariance)
        elif self.metric == "riemann":
            self._become(geodesic(self._state, covariance, share))
        else:
            self._become(self._state + share * (covariance - self._state))

    def _become(self, state: Matrix) -> None:
        self._state = state
        root = inverse_sqrtm(self._mean())
        self.whitener = product(self._basis, product(root, self._basis, transpose_b=True))

    def _mean(self) -> Matrix:
        return expm(self._state) if self.metric == "logeuclid" else self._state
