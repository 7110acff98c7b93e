"""Euclidean alignment: each session is whitened by the mean second moment of its own calibration, so that sessions resemble.

He and Wu, IEEE Trans. Biomed. Eng. 67(2), 2020, from the windows of the calibration; it is the preprocessing of
EEG-SimpleConv (El Ouahidi et al., IEEE Trans. Neural Syst. Rehabil. Eng., 2024). Live, the mean goes on as a recursion.
"""

from __future__ import annotations

import numpy as np

from rtbci.calibration import Calibration, Indices
from rtbci.transforms.calibrated import CalibratedWhitening, average
from rtbci.transforms.reference import Shrink
from rtbci.transforms.running_covariance import RunningCovariance
from rtbci.transforms.spd import Matrix


class EuclideanAlignment(CalibratedWhitening):
    """Whitens the channels measured on the brain by what the calibration taught, R^(-1/2), and then tracks.

    R is the mean of X X' / n_samples over all windows X of the session's calibration, nothing subtracted: put a high-pass
    or band-pass before it. Training aligns each session with its own R. A new session begins with that of the last one
    trained on, which the model file holds; from then on each window of ``window`` seconds on the absolute grid moves it,
    R <- (1 - eta) R + eta X X' / n_samples with eta = window/memory, for the samples *after* that window. After missing
    samples R is the calibration's again.

    What comes out has no unit ("a.u."), and as many channels as went in, of the same kinds. Data without full rank (average
    reference, SSP, a channel that stands still) are whitened within their true rank: directions without signal in the
    calibration come out as 0, also when there is signal later. While a channel stands still that had signal, R stays.
    Channels of other kinds and channels known to be bad pass as they are.

    Without a calibration the samples are divided by one number, their root mean square so far about the first sample, until
    the first window has ended; R is then the mean of the windows so far until they fill the memory.

    ``settle_seconds`` is 0 after a calibration; without one ten windows, or the memory where that is shorter.

    Parameters
    ----------
    window : length of the windows that move R, in seconds; at least two samples for each channel.
    memory : seconds of windows that R remembers, at least one window; 0: once there is an R, it never moves.
    freeze : windows of more than this many times the variance of R are left out as artefacts, until ``memory`` of them came
        running; 0: none is.
    keep_over_gaps : whether what R has become outlives missing samples. Otherwise the output depends on nothing before
        the gap but the calibration, as a transform's contract has it.
    """

    def _learn(self, calibration: Calibration, columns: Indices) -> Matrix:
        n = len(calibration)
        return average(calibration, columns, np.arange(n, dtype=np.int64), np.full(n, 1.0 / n), _second_moment)

    def _taken(self, window: RunningCovariance) -> tuple[Matrix, Shrink]:
        return _second_moment(window), _as_it_is


def _second_moment(window: RunningCovariance) -> Matrix:
    """(k, k) float64: the mean over samples of x x', nothing subtracted."""
    mean = window.mean()
    moment: Matrix = window.covariance() + np.outer(mean, mean)
    return moment


def _as_it_is(covariance: Matrix, basis: Matrix) -> Matrix:
    return covariance
