"""The augmented covariance: that of a window's samples and of what they are some samples later.

Carrara and Papadopoulo, "Classification of BCI-EEG based on the augmented covariance matrix", IEEE Trans. Biomedical
Engineering 71(9), 2024. With ``order`` p and ``lag`` L, sample ``t`` becomes ``[x(t), x(t + L), …, x(t + (p-1) L)]``: a
delay embedding, whose covariance holds the autocovariances at the lags ``0, L, …, (p-1) L``, as the Yule-Walker equations
of an autoregressive model do.

Block ``i`` is taken from ``x[:, iL : T - (p-1-i)L]``, ``T - (p-1)L`` samples. The authors' code (moabb) stops another
``L`` samples before that; here none is thrown away, because those would be the newest ones and the decision would be ``L``
samples older. With order 1 the matrix is the ordinary covariance.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtbci.errors import DecoderError
from rtbci_riemann.row_covariance import RowCovariance, require_samples
from rtbci_riemann.stacks import Matrix
from rtbci_riemann.staging import Staging

LARGEST_RANK = 132
"""No larger matrix than this (22 channels at order 6) is chosen: a decision took 2.5 ms at this size and 60 at 384."""


class AugmentedCovariance:
    """Augmented covariances of windows of one shape.

    Parameters
    ----------
    staging : shape and subspace of the windows.
    order : how many copies are stacked.
    lag : samples from one copy to the next.
    estimator : one of `rtbci_riemann.options.ESTIMATORS`.

    Raises
    ------
    DecoderError
        Where the windows are too short.
    """

    def __init__(self, staging: Staging, order: int, lag: int, estimator: str) -> None:
        self.staging, self.order, self.lag = staging, order, lag
        self.rank = order * staging.rank
        n_left = samples_left(staging.n_samples, order, lag)
        if n_left < 2:
            raise DecoderError(
                f"order = {order} with a lag of {lag} samples spans {(order - 1) * lag + 1} samples of a window's "
                f"{staging.n_samples}; fewer or shorter lags, or longer windows, would be right"
            )
        require_samples(estimator, self.rank, n_left, f"windows augmented to order {order}")
        self._covariance = RowCovariance(self.rank, n_left, estimator)

    def many(self, windows: NDArray[np.float32]) -> Matrix:
        """Covariances (n_windows, rank, rank) float64 of ``windows`` (n_windows, n_channels, n_samples)."""
        found = np.empty((len(windows), self.rank, self.rank))
        for samples, out in zip(windows, found, strict=True):
            augment(self.staging.of(samples), self.lag, self._covariance.rows)
            self._covariance.into(out)
        return found

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What was learnt or chosen, by name."""
        return {"order": np.array(self.order, np.int64), "lag": np.array(self.lag, np.int64), **self.staging.arrays()}

    @classmethod
    def restore(cls, estimator: str, arrays: Mapping[str, NDArray[Any]]) -> AugmentedCovariance:
        """Become what wrote ``arrays``. Raises KeyError or ValueError when they cannot be its own."""
        order, lag = int(arrays["order"]), int(arrays["lag"])
        if order < 1 or lag < 1:
            raise ValueError(f"order {order} and lag {lag}")
        return cls(Staging.restore(arrays), order, lag, estimator)


def samples_left(n_samples: int, order: int, lag: int) -> int:
    """Samples of a window of ``n_samples`` at which all copies are known."""
    return n_samples - (order - 1) * lag


def is_sound(staging: Staging, order: int, lag: int) -> bool:
    """Whether ``order`` and ``lag`` are worth trying: more samples than rows, and a rank that a live hop has time for."""
    rank = order * staging.rank
    return samples_left(staging.n_samples, order, lag) > rank and (order == 1 or rank <= LARGEST_RANK)


def augment(samples: Matrix, lag: int, rows: Matrix) -> None:
    """Write into ``rows`` (order * n_channels, n_left) the copies of ``samples`` (n_channels, n_samples), oldest first."""
    n_channels, n_left = len(samples), rows.shape[1]
    for i in range(len(rows) // n_channels):
        rows[i * n_channels : (i + 1) * n_channels] = samples[:, i * lag : i * lag + n_left]
