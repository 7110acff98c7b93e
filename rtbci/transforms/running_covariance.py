r"""The covariance of the newest samples, kept up to date hop by hop instead of being computed anew.

A hop's samples are added to the sums of a window and the oldest are taken off (a rank-k update and downdate), which costs
two products of a sample where computing anew costs as many as the window has hops. What such sums lose to rounding is
watched, not hoped for:

* Samples are moved by the window's own mean at the last *refresh*, where the sums were computed from nothing. An offset of
  an electrode therefore costs no digits; a drift since the refresh costs those of its square.
* To first order in the rounding unit ``u`` each addition to a sum ``S_ij`` is wrong by at most ``u (|S_ij| + |x_i x_j|)``
  (Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., section 3.3, running error analysis). As
  ``|S_ij|^2 <= S_ii S_jj``, the sums over time obey Cauchy-Schwarz too, so one number per channel bounds all entries: with
  ``T_i`` the sum over all updates since the refresh of ``S_ii`` and of the squares added and taken off, and ``N`` the number
  of updates,

  .. math:: |n C_{ij} - n \hat C_{ij}| \le \sqrt{B_i B_j}, \qquad B_i = u\,(10\,T_i + 2 N S_{ii})

  (3 for the products, the rest for the sums whose products are taken off for the mean).
* A hop at which ``B_i`` exceeds `TOLERANCE` times ``n C_ii`` for any channel is a refresh. So every covariance is within
  `TOLERANCE` of the batch value, relative to the standard deviations of its two channels, also after an electrode popped by
  10^6 standard deviations, or went flat. For a stationary signal the bound would ask for a refresh every 700 000 samples.
* Beside it, hops whose absolute number is a multiple of ``8 length / hop`` are refreshes: the covariance is then, bit for
  bit, a function of the newest nine lengths of signal, whatever came before, for 1/16 more work.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from rtbci.errors import TransformError
from rtbci.kernels.covariance import add_products, centred_covariance, mean_of_rows, move_rows, slide_products
from rtbci.transforms.spatial import BRAIN
from rtbci.transforms.spd import aligned_zeros
from rtbci.types import Samples, StreamInfo

TOLERANCE = 1e-9
"""Largest error of an entry, relative to the standard deviations of its two channels, that is let stand."""
ROUNDING_UNIT = 2.0**-53
REFRESH_LENGTHS = 8
"""Lengths of the window between two refreshes on the absolute grid."""


def brain_columns(info: StreamInfo) -> NDArray[np.int64]:
    """Indices (k,) int64 of the channels measured on the brain that are not known to be bad.

    Raises TransformError when there is none.
    """
    columns = [i for i, c in enumerate(info.channels) if c.kind in BRAIN and c.name not in info.bads]
    if not columns:
        kinds = sorted({c.kind for c in info.channels})
        raise TransformError(
            f"the stream has no good channel measured on the brain, its kinds are {kinds}; a covariance needs one of "
            f"{list(BRAIN)}"
        )
    return np.array(columns, np.int64)


class RunningCovariance:
    """Covariance of the newest ``length`` samples at every multiple of ``hop``, counted from absolute sample 0.

    Parameters
    ----------
    n_channels : columns of the samples that will come.
    length : samples in a window.
    hop : samples between two covariances, at most ``length``.
    first_index : absolute index of the first sample that will come.

    Attributes
    ----------
    index : absolute index of the next sample.
    refreshes : how often the sums were computed from nothing.
    """

    def __init__(self, n_channels: int, length: int, hop: int, first_index: int = 0) -> None:
        if not 1 <= hop <= length:
            raise ValueError(f"hop {hop}: must be from 1 to length, {length}")
        self.length = length
        self.hop = hop
        self.index = first_index
        self.refreshes = 0
        self._every = max(1, REFRESH_LENGTHS * length // hop)
        self._rows: Samples = np.zeros((length + hop, n_channels), np.float32)
        self._offset = aligned_zeros((n_channels,))
        self._newer = aligned_zeros((hop, n_channels))
        self._older = aligned_zeros((hop, n_channels))
        self._gram = aligned_zeros((n_channels, n_channels))
        self._total = aligned_zeros((n_channels,))
        self._exposure = aligned_zeros((n_channels,))
        self._covariance = aligned_zeros((n_channels, n_channels))
        self.forget()

    def forget(self) -> None:
        """Samples were missing: no window may span this place. Indices go on counting."""
        self._begin = self.index
        self._summed = False
        self._updates = 0

    def pass_over(self, n: int) -> None:
        """``n`` samples come that no covariance will be asked of. Indices go on counting."""
        self.index += n
        self.forget()

    def hops(self, samples: Samples) -> Iterator[tuple[int, int, bool]]:
        """Take ``samples`` (n, n_channels) float32, cut where a hop ends; the caller must go through all pieces.

        Yields
        ------
        (first, last, whole): rows ``first`` to ``last`` were taken; ``whole`` says that a hop and a whole window end there,
        so that `covariance` may be asked for.
        """
        capacity = len(self._rows)
        first = 0
        while first < len(samples):
            last = min(len(samples), first + self.hop - self.index % self.hop)
            at = self.index % capacity
            n = last - first
            until_end = min(n, capacity - at)
            self._rows[at : at + until_end] = samples[first : first + until_end]
            self._rows[: n - until_end] = samples[first + until_end : last]
            self.index += n
            whole = self.index % self.hop == 0 and self.index - self._begin >= self.length
            if whole:
                self._slide()
            yield first, last, whole
            first = last

    def covariance(self) -> NDArray[np.float64]:
        """(n_channels, n_channels) float64, squared units of the samples, mean removed, divided by ``length``.

        A buffer that the next call reuses; valid where `hops` said ``whole``.
        """
        centred_covariance(self._gram, self._total, self.length, self._covariance)
        return self._covariance

    def mean(self) -> NDArray[np.float64]:
        """(n_channels,) float64, units of the samples: the mean of the window whose `covariance` may be asked for."""
        mean = aligned_zeros(self._offset.shape)
        mean_of_rows(self._rows, self.index - self.length, self.length, mean)
        return mean

    def deviations(self) -> NDArray[np.float64]:
        """(length, n_channels) float64, units of the samples: that window's samples less their mean, in order of time."""
        moved = aligned_zeros((self.length, len(self._offset)))
        move_rows(self._rows, self.index - self.length, self.length, self.mean(), moved)
        return moved

    def _slide(self) -> None:
        on_grid = self.index // self.hop % self._every == 0
        if not self._summed or on_grid or 2 * self.hop >= self.length:
            self._refresh()
            return
        move_rows(self._rows, self.index - self.hop, self.hop, self._offset, self._newer)
        move_rows(self._rows, self.index - self.hop - self.length, self.hop, self._offset, self._older)
        slide_products(self._newer, self._older, self.hop, self._gram, self._total, self._exposure)
        self._updates += self.hop
        if self._is_inexact():
            self._refresh()

    def _is_inexact(self) -> bool:
        squares = self._gram.diagonal()
        bound = ROUNDING_UNIT * (10.0 * self._exposure + 2.0 * self._updates * squares)
        variance = squares - self._total**2 / self.length
        return bool((bound > TOLERANCE * variance).any())

    def _refresh(self) -> None:
        start = self.index - self.length
        mean_of_rows(self._rows, start, self.length, self._offset)
        self._gram[:] = 0.0
        self._total[:] = 0.0
        for first in range(start, self.index, self.hop):
            n = min(self.hop, self.index - first)
            move_rows(self._rows, first, n, self._offset, self._newer)
            add_products(self._newer, n, self._gram, self._total)
        self._exposure[:] = self.length * self._gram.diagonal()
        self._updates = self.length
        self._summed = True
        self.refreshes += 1
