"""Order and lag of an augmented covariance as those of a delay embedding, from the signals alone.

* The lag is the first minimum of the average mutual information between a signal and itself later (Fraser and Swinney,
  Physical Review A 33, 1986), averaged over channels: copies that say something new, but still belong together.
* The order is the dimension from which on nearest neighbours are true ones (Kennel, Brown and Abarbanel, Physical Review A
  45, 1992): a neighbour is false when the next coordinate takes it more than 15 times as far away (their equation 4), or
  further than twice the attractor's size (equation 5). The share of false ones is averaged over channels.

Both are computed within windows, from those that share no samples, so nothing is counted twice.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rtbci_riemann.augmented import is_sound
from rtbci_riemann.stacks import Matrix
from rtbci_riemann.staging import Staging
from rtbci_riemann.window_overlap import disjoint

N_BINS = 16
"""Bins of the joint histogram, equally filled: 256 cells for the tens of thousands of samples there are."""
MOST_SAMPLES = 40_000
"""Samples of a channel that are looked at."""
MOST_POINTS = 2_000
"""Points whose nearest neighbours are looked for, in each channel."""
FALSE_SHARE = 0.05
"""Share of false neighbours below which a dimension is enough. EEG is noisy and seldom reaches Kennel's 0.01."""
STRETCH, ATTRACTOR = 15.0, 2.0
"""Kennel's two thresholds."""


def choose_by_embedding(windows: NDArray[np.float32], staging: Staging, orders: Sequence[int]) -> tuple[int, int]:
    """``(order, lag)`` for ``windows`` (n_windows, n_channels, n_samples); the order is one of ``orders``."""
    kept = disjoint(windows)
    n_kept = max(1, MOST_SAMPLES // staging.n_samples)
    kept = kept[:: -(-len(kept) // n_kept)]
    signals = np.array([staging.of(windows[i]).copy() for i in kept]).transpose(1, 0, 2).copy()
    lag = first_minimum(mutual_information(signals, max(2, staging.n_samples // 4)))
    fits = [order for order in orders if is_sound(staging, order, lag) and order * lag < staging.n_samples]
    if not fits:
        return min(orders), lag
    return enough_dimensions(false_neighbours(signals, lag, max(fits)), fits), lag


def mutual_information(signals: Matrix, n_lags: int) -> Matrix:
    """Mutual information (n_lags + 1,), in nats, of samples 0 … n_lags apart; ``signals`` (n_channels, n_windows, n)."""
    total = np.zeros(n_lags + 1)
    for channel in signals:
        edges = np.quantile(channel, np.arange(1, N_BINS) / N_BINS)
        bins = np.searchsorted(edges, channel, side="right")
        for lag in range(n_lags + 1):
            cells = N_BINS * bins[:, : channel.shape[1] - lag] + bins[:, lag:]
            joint = np.bincount(cells.ravel(), minlength=N_BINS**2).reshape(N_BINS, N_BINS) / cells.size
            apart = joint.sum(axis=1)[:, None] * joint.sum(axis=0)[None, :]
            seen = joint > 0.0
            total[lag] += float((joint[seen] * np.log(joint[seen] / apart[seen])).sum())
    return total / len(signals)


def first_minimum(information: Matrix) -> int:
    """The first lag, 1 or more, after which ``information`` (by lag, from 0) rises.

    Where it never rises, the first at which it has fallen to 1/e of what it is at lag 0, or the last.
    """
    rising = np.flatnonzero(information[2:] > information[1:-1])
    if len(rising):
        return int(rising[0]) + 1
    fallen = np.flatnonzero(information[1:] <= information[0] / np.e)
    return int(fallen[0]) + 1 if len(fallen) else len(information) - 1


def false_neighbours(signals: Matrix, lag: int, most: int) -> Matrix:
    """Share of false nearest neighbours (most,) in 1 … ``most`` dimensions; ``signals`` (n_channels, n_windows, n)."""
    from scipy.spatial import cKDTree

    n_windows, n_samples = signals.shape[1:]
    n_starts = n_samples - most * lag
    flat = np.linspace(0, n_windows * n_starts - 1, min(MOST_POINTS, n_windows * n_starts)).astype(np.int64)
    of_window, at = flat // n_starts, flat % n_starts
    shares = np.zeros(most)
    for channel in signals:
        points = np.stack([channel[of_window, at + i * lag] for i in range(most + 1)], axis=1)
        size = float(points[:, 0].std())
        for n in range(1, most + 1):
            distances, neighbours = cKDTree(points[:, :n]).query(points[:, :n], k=min(6, len(points)))
            # neighbours in time lie on the same stretch of the orbit and say nothing (Theiler's correction)
            near = (of_window[neighbours] == of_window[:, None]) & (np.abs(at[neighbours] - at[:, None]) <= lag)
            first = np.argmin(near, axis=1)
            rows = np.flatnonzero(~near.all(axis=1))
            if not len(rows) or size == 0.0:
                continue
            apart, other = distances[rows, first[rows]], neighbours[rows, first[rows]]
            step = np.abs(points[rows, n] - points[other, n])
            false = (step > STRETCH * apart) | (np.hypot(apart, step) > ATTRACTOR * size)
            shares[n - 1] += float(false.mean())
    return shares / len(signals)


def enough_dimensions(shares: Matrix, orders: Sequence[int]) -> int:
    """The first of ascending ``orders`` whose share of false neighbours is below `FALSE_SHARE`, else that of the least."""
    for order in orders:
        if shares[order - 1] < FALSE_SHARE:
            return order
    return min(orders, key=lambda order: float(shares[order - 1]))
