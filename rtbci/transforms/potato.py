"""The Riemannian potato: stretches of signal whose covariance lies too far from the usual one are marked, samples pass.

Barachant, Andreev and Congedo, The Riemannian Potato, TOBI Workshop IV, 2013: distance of each covariance to a barycentre,
as a z-score against the geometric mean and standard deviation of the distances so far.
"""

from __future__ import annotations

import math

import numpy as np

from rtbci.transforms.arguments import check_stream, flag, number, refuse
from rtbci.transforms.blocks import contiguous
from rtbci.transforms.running_covariance import RunningCovariance, brain_columns
from rtbci.transforms.spd import Matrix, Relative, expm, logm, shrunk, span, within
from rtbci.types import Samples, StreamInfo, Times

SHRINKAGE = 0.01
"""Share of the identity in each covariance: a window shorter than the channels are many, or with a channel that stands
still, has a distance too (and, for the latter, a large one)."""
SMALLEST_SPREAD = 0.05
"""Floor of the standard deviation of the log distances: an artificially constant signal must not mark itself."""
FEWEST_WINDOWS = 10
"""Half-overlapping windows that a calibration needs."""
ROUNDS = 3
"""Rounds of leaving the calibration's own outliers out of its barycentre."""


class Potato:
    """Marks every channel measured on the brain as bad while the newest covariance is an outlier; samples pass unchanged.

    An artefact is a stretch of time, not a channel: `bads` names all channels while it lasts, so decisions carry the flag
    BAD_CHANNELS, as they do for a channel that came off. A decoder's window is flagged when the *newest* covariance at its
    end is an outlier; with ``hold`` as long as the decoder's window, when any within it was.

    ::

        calibrating ── calibration seconds of whole windows ──> watching: z of each hop's covariance
           nothing is marked                                       z > threshold: marked (and for hold seconds after it)
            ^                                                      else: barycentre, mean and spread take it in
            └────────── memory seconds of nothing but outliers ───────────┘

    Best after a high-pass or band-pass. The barycentre begins as the mean of the calibration's windows around the median of
    their logarithms, without those beyond the threshold; mean and spread of the log distances as median and 1.4826 median
    absolute deviations. Afterwards only clean windows move them. Data without full rank are judged within the rank that the
    calibration had; channels of other kinds and channels known to be bad are not looked at. An all too calm window (z below
    minus the threshold) is no artefact.

    ``settle_seconds`` is the calibration.

    Parameters
    ----------
    threshold : z-score of the log distance beyond which a window is an outlier.
    window : length of the windows, in seconds.
    hop : seconds between two windows.
    calibration : seconds of the stream's beginning that the first barycentre is made of.
    memory : seconds over which barycentre, mean and spread forget.
    hold : seconds for which the mark stays after the last outlier.
    keep_over_gaps : whether what was learnt outlives missing samples; otherwise they start a new calibration.
    """

    delay_seconds = 0.0

    def __init__(
        self,
        threshold: float = 2.5,
        window: float = 1.0,
        hop: float = 0.125,
        calibration: float = 30.0,
        memory: float = 120.0,
        hold: float = 0.0,
        keep_over_gaps: bool = False,
    ) -> None:
        self.threshold = number("threshold", threshold, above=0, right="a z-score")
        self.window = number("window", window, above=0, right="a duration in seconds")
        self.hop = number("hop", hop, above=0, right="a duration in seconds")
        if self.hop > self.window:
            raise refuse("hop", hop, f"must be at most the window, {self.window:g} s, or samples would go unseen")
        self.calibration = number("calibration", calibration, above=0, right="a duration in seconds")
        shortest = self.window * (FEWEST_WINDOWS + 1) / 2
        if self.calibration < shortest:
            raise refuse("calibration", calibration, f"must be at least {shortest:g} s, {FEWEST_WINDOWS} windows")
        self.memory = number("memory", memory, at_least=self.window, right="a duration in seconds, a window's or more,")
        self.hold = number("hold", hold, at_least=0, right="a duration in seconds")
        self.keep_over_gaps = flag("keep_over_gaps", keep_over_gaps)
        self.settle_seconds = self.calibration
        self._n_channels = -1

    def start(self, info: StreamInfo, first_index: int = 0) -> StreamInfo:
        """Allocate and forget what was learnt; the stream comes out as it went in.

        Raises TransformError when there is no channel to judge or a window has too few samples.
        """
        check_stream(info)
        self._columns = brain_columns(info)
        length, hop = round(self.window * info.rate), round(self.hop * info.rate)
        if length < 2 or hop < 1:
            key, value, fewest = ("window", self.window, 2) if length < 2 else ("hop", self.hop, 1)
            raise refuse(key, value, f"is too short at {info.rate:g} Hz; at least {fewest / info.rate:.3g} s is needed")
        self._n_channels = info.n_channels
        self._learnt = False
        self._known = info.bads & set(info.names)
        self._all = self._known | {info.names[i] for i in self._columns}
        self._running = RunningCovariance(len(self._columns), length, hop, first_index)
        self._stride = max(1, length // 2 // hop)
        self._to_collect = max(FEWEST_WINDOWS, round(self.calibration * info.rate - length) // (self._stride * hop) + 1)
        self._weight = min(1.0, hop / (self.memory * info.rate))
        self._hold = round(self.hold * info.rate)
        self._forget()
        return info

    def transform(self, samples: Samples, times: Times) -> tuple[Samples, Times]:
        """Look at ``samples`` (n, n_channels) float32 and hand them on as they are."""
        seen = contiguous(samples, self._n_channels)
        for _, _, whole in self._running.hops(seen[:, self._columns]):
            if whole and self._learnt:
                self._judge(self._running.covariance())
            elif whole:
                self._collect(self._running.covariance())
        return samples, times

    def resume(self) -> None:
        """Forget the window under way, the mark and, unless ``keep_over_gaps``, what was learnt; indices go on counting."""
        self._running.forget()
        if self.keep_over_gaps and self._learnt:
            self._marked_until, self.z, self._outliers = -math.inf, math.nan, 0
        else:
            self._forget()

    def bads(self) -> frozenset[str]:
        """All channels that are judged while an outlier lasts; always those that were marked before the session."""
        return self._all if self._running.index < self._marked_until else self._known

    def _forget(self) -> None:
        self.z = math.nan
        """The newest window's z-score; NaN while there is none."""
        self._marked_until = -math.inf
        self._learnt = False
        self._windows: list[Matrix] = []
        self._until_next = 0
        self._outliers = 0

    def _collect(self, covariance: Matrix) -> None:
        self._until_next -= 1
        if self._until_next > 0:
            return
        self._until_next = self._stride
        self._windows.append(covariance.copy())
        if len(self._windows) < self._to_collect:
            return
        self._basis = span(sum(self._windows[1:], self._windows[0]) / len(self._windows))
        if self._basis.shape[1]:
            self._learn([self._reduced(window) for window in self._windows])
            self._windows = []
        else:
            del self._windows[0]  # nothing but silence yet

    def _reduced(self, covariance: Matrix) -> Matrix:
        inner = shrunk(within(covariance, self._basis), SHRINKAGE)
        if not inner.any():  # silence all over: as far away as can be
            inner = np.eye(len(inner)) * np.finfo(float).tiny * 2.0**60
        return inner

    def _learn(self, covariances: list[Matrix]) -> None:
        """Barycentre, mean and spread of the calibration's ``covariances``, in spite of artefacts among them."""
        logs = np.array([logm(covariance) for covariance in covariances])
        centre = np.median(logs, axis=0)
        for _ in range(ROUNDS):
            # along the first axis entries are added one after the other: rounding does not depend on where they lie
            squares = np.ascontiguousarray(((logs - centre) ** 2).reshape(len(logs), -1).T)
            far = np.sqrt(np.add.reduce(squares, axis=0))
            middle, spread = _robust(np.log(np.maximum(far, np.finfo(float).tiny)))
            kept = logs[far <= math.exp(middle + self.threshold * spread)]
            centre = np.add.reduce(kept, axis=0) / len(kept)
        self._barycentre = expm(centre)
        distances = [Relative(self._barycentre, covariance).distance for covariance in covariances]
        self._mean, spread = _robust(np.log(np.maximum(distances, np.finfo(float).tiny)))
        self._variance = spread**2
        self._learnt = True

    def _judge(self, covariance: Matrix) -> None:
        relative = Relative(self._barycentre, self._reduced(covariance))
        log_distance = math.log(max(relative.distance, np.finfo(float).tiny))
        away = log_distance - self._mean
        self.z = away / max(math.sqrt(self._variance), SMALLEST_SPREAD)
        if self.z > self.threshold:
            self._marked_until = self._running.index + self._running.hop + self._hold
            self._outliers += 1
            if self._outliers * self._weight >= 1.0:
                self._forget()  # what was usual is so no longer
            return
        self._outliers = 0
        self._barycentre = relative.between(self._weight)
        self._mean += self._weight * away
        self._variance = (1.0 - self._weight) * (self._variance + self._weight * away**2)


def _robust(values: Matrix) -> tuple[float, float]:
    """Median of ``values`` and 1.4826 times their median absolute deviation, at least `SMALLEST_SPREAD`."""
    middle = float(np.median(values))
    return middle, max(1.4826 * float(np.median(np.abs(values - middle))), SMALLEST_SPREAD)
