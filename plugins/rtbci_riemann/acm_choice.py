"""Order and lag of an augmented covariance by how well each pair decodes training windows that were held out.

Windows overlap and trials drift, so the folds are stretches of time: whole runs of one label (a trial's windows follow each
other), with every class in each. Between the windows that teach and those that test lie as many as overlap one, which
neither teach nor test. What is compared is the logarithm of the probability of the right class, averaged over classes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rtbci.errors import DecoderError
from rtbci_riemann.augmented import LARGEST_RANK, AugmentedCovariance, is_sound
from rtbci_riemann.linear import fit_linear
from rtbci_riemann.spd import inverse_cholesky, log_probabilities
from rtbci_riemann.stacks import Matrix
from rtbci_riemann.staging import Staging
from rtbci_riemann.training import fitting
from rtbci_riemann.window_overlap import n_overlapping

N_FOLDS = 3
MOST_WINDOWS = 240
"""Windows that are looked at, evenly taken: neighbours that overlap by nine tenths add time, not knowledge."""
SMALLEST = float(np.finfo(np.float64).tiny)


def choose_by_grid(
    windows: NDArray[np.float32],
    labels: NDArray[np.int64],
    staging: Staging,
    orders: Sequence[int],
    lags: Sequence[int],
    estimator: str,
    metric: str,
    classifier: str,
    C: float,
) -> tuple[int, int]:
    """``(order, lag)`` for ``windows`` (n_windows, n_channels, n_samples) in order of time, ``labels`` (n_windows,).

    The reference is the arithmetic mean, which costs no iterations, and "lda" is judged by "lr", whose answer depends on
    inner products alone. Of pairs that do equally well the smaller order wins, then the smaller lag. Raises DecoderError.
    """
    pairs = candidates(staging, orders, lags)
    if len(pairs) == 1:
        return pairs[0]
    folds = purged_folds(labels, n_overlapping(windows) + 1)
    taken = np.unique(np.linspace(0, len(windows) - 1, min(MOST_WINDOWS, len(windows))).astype(np.int64))
    sides = [(side[taken] == TRAIN, side[taken] == TEST) for side in folds]
    judged_by = "lr" if classifier == "lda" else classifier
    best, highest = pairs[0], -np.inf
    for order, lag in pairs:
        covariances = AugmentedCovariance(staging, order, lag, estimator).many(windows[taken])
        score = fitting(
            f"order {order} with lag {lag}",
            lambda c=covariances: held_out_score(c, labels[taken], sides, metric, judged_by, C),  # type: ignore[misc]
        )
        if score > highest:
            best, highest = (order, lag), score
    return best


def candidates(staging: Staging, orders: Sequence[int], lags: Sequence[int]) -> list[tuple[int, int]]:
    """Pairs that fit windows of this shape, smaller ones first; of order 1 all lags are the same. Raises DecoderError."""
    pairs: list[tuple[int, int]] = []
    for order in sorted(orders):
        of_order = sorted(lags)[: 1 if order == 1 else None]
        pairs += [(order, lag) for lag in of_order if is_sound(staging, order, lag)]
    if not pairs:
        raise DecoderError(
            f"orders = {list(orders)}, lags = {list(lags)}: none fits {staging.rank} channels (in rank) and windows of "
            f"{staging.n_samples} samples; channels * order must be below the samples that are left, and "
            f"{LARGEST_RANK} at most: put 1 among the orders"
        )
    return pairs


TRAIN, TEST, NEITHER = 0, 1, 2


def purged_folds(labels: NDArray[np.int64], gap: int, n_folds: int = N_FOLDS) -> list[NDArray[np.int64]]:
    """For each fold which windows train, test or do neither (n_windows,), ``labels`` (n_windows,) in order of time.

    Parameters
    ----------
    gap : windows between a stretch that tests and those that train.

    Raises
    ------
    DecoderError
        Where there are too few trials for two folds that train and test every class.
    """
    run = np.concatenate([[0], np.cumsum(labels[1:] != labels[:-1])])
    classes = np.unique(labels)
    for wanted in range(n_folds, 1, -1):
        usable = [
            sides
            for sides in (_sides(run, fold, wanted, gap) for fold in range(wanted))
            if all(np.array_equal(np.unique(labels[sides == side]), classes) for side in (TRAIN, TEST))
        ]
        if len(usable) == wanted:
            return usable
    raise DecoderError(
        f'choose = "grid": {int(run[-1]) + 1} runs of windows with one label cannot be divided into two stretches of time '
        'that hold every class; record more trials in turn, or give order and lag (choose = "given")'
    )


def _sides(run: NDArray[np.int64], fold: int, n_folds: int, gap: int) -> NDArray[np.int64]:
    """Sides of fold number ``fold``: whole runs (``run`` (n_windows,) counts them) with about as many windows each."""
    n_windows = len(run)
    ends = [int(np.searchsorted(run, run[min(n_windows * k // n_folds, n_windows - 1)])) for k in range(n_folds)]
    first, stop = ends[fold], [*ends, n_windows][fold + 1]
    sides = np.full(n_windows, TRAIN, np.int64)
    sides[max(0, first - gap) : stop + gap] = NEITHER
    sides[first:stop] = TEST
    return sides


def held_out_score(
    covariances: Matrix,
    labels: NDArray[np.int64],
    sides: Sequence[tuple[NDArray[np.bool_], NDArray[np.bool_]]],
    metric: str,
    classifier: str,
    C: float,
) -> float:
    """Mean over folds and classes of the right class's log-probability; ``covariances`` (n, rank, rank)."""
    scores = []
    for train, test in sides:
        x = coordinates(tangent_points(covariances, train, metric))
        linear = fit_linear(x[train], labels[train], classifier, C, False, None)
        said = log_probabilities(x[test] @ linear.coefficients.T + linear.bias, linear.link)
        right = said[np.arange(len(said)), labels[test]]
        scores.append(np.mean([right[labels[test] == k].mean() for k in np.unique(labels[test])]))
    return float(np.mean(scores))


def tangent_points(covariances: Matrix, train: NDArray[np.bool_], metric: str) -> Matrix:
    """Matrices (n, rank, rank) in the tangent space at the arithmetic mean of those that ``train`` (n,) marks."""
    if metric == "euclid":
        centred: Matrix = covariances - covariances[train].mean(axis=0)
        return centred
    if metric == "riemann":
        whitener = inverse_cholesky(covariances[train].mean(axis=0))
        covariances = whitener @ covariances @ whitener.T
    values, vectors = np.linalg.eigh(covariances)
    halves = vectors * np.log(np.maximum(values, SMALLEST))[:, None, :]
    logs: Matrix = np.matmul(halves, vectors.transpose(0, 2, 1))
    if metric == "logeuclid":
        logs -= logs[train].mean(axis=0)
    return logs


def coordinates(points: Matrix) -> Matrix:
    """``points`` (n, rank, rank) as (n, n or fewer) with the same inner products: all that an l2-penalised fit sees."""
    flat = points.reshape(len(points), -1)
    values, vectors = np.linalg.eigh(flat @ flat.T)
    kept = values > 1e-12 * values[-1]
    result: Matrix = vectors[:, kept] * np.sqrt(values[kept])
    return result
