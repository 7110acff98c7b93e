"""Multivariate noise normalisation: epochs are whitened by the noise covariance of the calibration.

Guggenmos, Sterzer and Cichy, NeuroImage 173, 2018, with the covariance of each epoch over time ("epoch"); it is the
preprocessing of NICE (Song et al., ICLR 2024). Live, the mean goes on as a recursion.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from rtbci.calibration import Calibration, Indices, Places
from rtbci.transforms.arguments import refuse
from rtbci.transforms.calibrated import CalibratedWhitening, average
from rtbci.transforms.reference import Shrink
from rtbci.transforms.running_covariance import RunningCovariance
from rtbci.transforms.shrinkage import fourth_moment, ledoit_wolf, oas
from rtbci.transforms.spd import Matrix, product, shrunk, span, within

ESTIMATORS = ("lwf", "oas")


class Mvnn(CalibratedWhitening):
    """Multivariate noise normalisation: whitens the brain's channels by the calibration's noise, S^(-1/2), and then tracks.

    S is the mean over classes of the mean over their epochs of each epoch's covariance over time: time points are the
    observations, centred on the epoch's mean and shrunk towards a multiple of the identity. An epoch is a window of the
    session's calibration. Where windows of a trial overlap, only those count that do not: its first, the next that begins
    when that has ended, and so on, so that no sample of a trial counts twice. Training whitens each session by its own S. A
    new session begins with that of the last one trained on, which the model file holds; from then on each window of
    ``window`` seconds on the absolute grid moves it, S <- (1 - eta) S + eta C with eta = window/memory and C the window's
    covariance, centred and shrunk in the same way, for the samples *after* that window. After missing samples S is the
    calibration's again.

    What comes out has no unit ("a.u."), and as many channels as went in, of the same kinds. Shrinkage treats all channels
    alike, so that those of very unlike scale (magnetometers beside gradiometers) are best decoded apart. Data without full
    rank (average reference, SSP, a channel that stands still) are shrunk and whitened within their true rank: directions
    without signal in the calibration come out as 0, also when there is signal later. While a channel stands still that had
    signal, S stays. Channels of other kinds and channels known to be bad pass as they are.

    Without a calibration the samples are divided by one number, their root mean square so far about the first sample, until
    the first window has ended; S is then the mean of the windows so far until they fill the memory.

    ``settle_seconds`` is 0 after a calibration; without one ten windows, or the memory where that is shorter.

    Parameters
    ----------
    window : length of the windows that move S, in seconds; at least two samples for each channel.
    memory : seconds of windows that S remembers, at least one window; 0: once there is an S, it never moves.
    estimator : how covariances are shrunk: "lwf" (Ledoit-Wolf) or "oas" (oracle approximating shrinkage).
    freeze : windows of more than this many times the variance of S are left out as artefacts, until ``memory`` of them came
        running; 0: none is.
    keep_over_gaps : whether what S has become outlives missing samples. Otherwise the output depends on nothing before
        the gap but the calibration, as a transform's contract has it.
    """

    def __init__(
        self,
        window: float = 2.0,
        memory: float = 60.0,
        estimator: str = "lwf",
        freeze: float = 0.0,
        keep_over_gaps: bool = False,
    ) -> None:
        super().__init__(window, memory, freeze, keep_over_gaps)
        if estimator not in ESTIMATORS:
            raise refuse("estimator", estimator, f"must be one of {', '.join(ESTIMATORS)}")
        self.estimator = estimator

    def _learn(self, calibration: Calibration, columns: Indices) -> Matrix:
        rows, weights = epochs(calibration.places, calibration.n_samples)

        def mean(taken: Callable[[RunningCovariance], Matrix]) -> Matrix:
            return average(calibration, columns, rows, weights, taken)

        plain = mean(RunningCovariance.covariance)  # it tells the span of the signal; a shrunk one does not any more
        basis = span(plain)
        if not basis.shape[1]:
            return plain
        inner = mean(lambda epoch: self._shrink(epoch)(within(epoch.covariance(), basis), basis))
        made = product(basis, product(inner, basis, transpose_b=True))
        return (made + made.T) * 0.5

    def _taken(self, window: RunningCovariance) -> tuple[Matrix, Shrink]:
        return window.covariance(), self._shrink(window)

    def _shrink(self, window: RunningCovariance) -> Shrink:
        def shrink(inner: Matrix, basis: Matrix) -> Matrix:
            if self.estimator == "oas":
                return shrunk(inner, oas(inner, window.length))
            deviations = window.deviations()
            if basis.shape[0] > basis.shape[1]:  # otherwise it is the identity
                deviations = product(deviations, basis)
            return shrunk(inner, ledoit_wolf(inner, fourth_moment(deviations), window.length))

        return shrink


def epochs(places: Places, n_samples: int) -> tuple[Indices, Matrix]:
    """Rows (n,) of windows of ``n_samples`` that do not overlap within their trial, and what each weighs (n,).

    The weights make of a sum the mean over classes of the means over each class's windows.
    """
    kept: list[int] = []
    trial, free = -1, 0
    for row in np.lexsort((places.start, places.trial)).tolist():
        if places.trial[row] != trial or places.start[row] >= free:
            kept.append(row)
            trial, free = int(places.trial[row]), int(places.start[row]) + n_samples
    rows = np.array(kept, np.int64)
    labels = places.label[rows]
    counts = np.bincount(labels)
    return rows, 1.0 / (np.count_nonzero(counts) * counts[labels])
