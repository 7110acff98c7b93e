"""Recentring: samples are whitened by the running mean of a session's own covariances, so that sessions resemble each other.

A decoder trained on recentred sessions meets a new one whose covariances lie around the identity as well (Zanini et al.,
IEEE Trans. Biomed. Eng. 65(5), 2018). Live, the mean is a recursion over what is past (Kumar, Yger and Lotte, Int. Winter
Conf. on Brain-Computer Interface, 2019: each window moves it along the geodesic by 1/n). With the arithmetic mean it is
Euclidean alignment (He and Wu, IEEE Trans. Biomed. Eng. 67(2), 2020).
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from rtbci.kernels.mixing import mix, scale_by_rms
from rtbci.transforms.arguments import check_stream, flag, number, refuse
from rtbci.transforms.blocks import OutputBuffer, contiguous
from rtbci.transforms.running_covariance import RunningCovariance, brain_columns
from rtbci.transforms.spd import (
    Matrix,
    aligned_zeros,
    expm,
    geodesic,
    inverse_sqrtm,
    logm,
    outside,
    product,
    shrunk,
    span,
    within,
)
from rtbci.types import Samples, StreamInfo, Times

METRICS = ("riemann", "logeuclid", "euclid")
LEAK = 1e-6
"""Share of a channel's variance outside the reference's span beyond which something new has come: ten times what rounding
to float32 leaves of a signal on an offset of 10^4 standard deviations."""
SETTLED_WINDOWS = 10
"""Windows after which the running mean is taken to stand for the session."""
SAMPLES_PER_CHANNEL = 2
"""Fewest samples in a window for each channel; fewer do not tell the rank of the signal from that of the window."""


class Reference:
    """The running mean R of covariances, within the span of the signal, and the matrix R^(-1/2) that goes with it.

    ::

        window fills the span        -> R moves towards it by 1 / min(windows so far, memory)
        window has less (a channel went flat), or is ``freeze`` times as strong -> R stays
        window has more (a channel came back), or ``memory`` windows were left out running -> R begins anew with it

    Parameters
    ----------
    metric : one of `METRICS`.
    memory : windows that the mean remembers.
    shrinkage : share of the identity that is mixed into each covariance.
    freeze : windows stronger than this many times R are left out; 0: none.

    Attributes
    ----------
    windows : windows in the mean; 0 while there is none.
    whitener : (n_channels, n_channels) float64, symmetric; 0 along directions without signal. Valid once ``windows`` > 0.
    """

    def __init__(self, metric: str, memory: int, shrinkage: float, freeze: float) -> None:
        self.metric = metric
        self.memory = memory
        self.shrinkage = shrinkage
        self.freeze = freeze
        self.windows = 0
        self.whitener: Matrix = np.zeros((0, 0))
        self._basis: Matrix = np.zeros((0, 0))
        self._state: Matrix = np.zeros((0, 0))
        self._left_out = 0

    def add(self, covariance: Matrix) -> bool:
        """Take the ``covariance`` (n_channels, n_channels) of the next window; say whether the whitener changed."""
        basis = span(covariance)
        if basis.shape[1] == 0:
            return False  # all channels stand still: nothing to learn, now or by beginning anew
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
        self.windows += 1
        self._move(shrunk(within(covariance, self._basis), self.shrinkage), 1.0 / min(self.windows, self.memory))
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
            self._state = covariance
        elif self.metric == "riemann":
            self._state = geodesic(self._state, covariance, share)
        else:
            self._state = self._state + share * (covariance - self._state)
        root = inverse_sqrtm(self._mean())
        self.whitener = product(self._basis, product(root, self._basis, transpose_b=True))

    def _mean(self) -> Matrix:
        return expm(self._state) if self.metric == "logeuclid" else self._state


class Recentre:
    """Whitens the channels measured on the brain by the inverse square root of the running mean of their past covariances.

    Best after a band-pass, with the band of the decoder. Windows of ``window`` seconds follow each other on the absolute
    grid; when one ends, the mean takes it in, and the samples *after* it are multiplied by the new matrix. What comes out
    has no unit ("a.u."), a covariance near the identity, and as many channels as went in, of the same kinds. Data without
    full rank (average reference, SSP, a channel that stands still) are whitened within their true rank; directions without
    signal come out as 0. Until the first window has ended, the samples are divided by one number, their root mean square so
    far about the first sample. Channels of other kinds and channels known to be bad pass as they are.

    ``settle_seconds`` is the signal a fresh start needs before its output is representative: ten windows, or the memory
    where that is shorter.

    Parameters
    ----------
    window : length of the windows whose covariances are averaged, in seconds; at least two samples for each channel.
    memory : seconds of windows that the mean remembers; from then on it tracks, each new window with weight window/memory.
    metric : the mean: "riemann" (recursive geodesic), "logeuclid" (of the logarithms), "euclid" (arithmetic: Euclidean
        alignment).
    shrinkage : share, from 0 up to but without 1, of the identity that is mixed into each window's covariance.
    freeze : windows of more than this many times the variance of the mean are left out as artefacts; 0: none is. After
        ``memory`` of them running, the mean begins anew.
    keep_over_gaps : whether the mean outlives missing samples. Otherwise it is forgotten with all else, as a
        transform's contract has it, and the output depends on nothing before the gap.
    """

    delay_seconds = 0.0

    def __init__(
        self,
        window: float = 2.0,
        memory: float = 60.0,
        metric: str = "riemann",
        shrinkage: float = 0.01,
        freeze: float = 0.0,
        keep_over_gaps: bool = False,
    ) -> None:
        self.window = number("window", window, above=0, right="a duration in seconds")
        self.memory = number("memory", memory, above=0, right="a duration in seconds")
        if self.memory < self.window:
            raise refuse("memory", memory, f"must be at least one window, {self.window:g} s")
        if metric not in METRICS:
            raise refuse("metric", metric, f"must be one of {', '.join(METRICS)}")
        self.metric = metric
        self.shrinkage = number("shrinkage", shrinkage, at_least=0, right="a share from 0 up to, but without, 1")
        if self.shrinkage >= 1:
            raise refuse("shrinkage", shrinkage, "must be below 1, which would leave nothing of the covariance")
        self.freeze = number("freeze", freeze, at_least=0, right="a ratio of variances (0: off)")
        if 0 < self.freeze <= 1:
            raise refuse("freeze", freeze, "must be 0 (off) or above 1, or every second window would be left out")
        self.keep_over_gaps = flag("keep_over_gaps", keep_over_gaps)
        self.settle_seconds = min(self.memory, SETTLED_WINDOWS * self.window)
        self._n_channels = -1

    def start(self, info: StreamInfo, first_index: int = 0) -> StreamInfo:
        """Allocate and forget all state; the whitened channels come out in "a.u.".

        Raises TransformError when there is no channel to whiten, or a window has too few samples.
        """
        check_stream(info)
        self._columns = brain_columns(info)
        length = round(self.window * info.rate)
        fewest = max(2, SAMPLES_PER_CHANNEL * len(self._columns))
        if length < fewest:
            raise refuse(
                "window",
                self.window,
                f"has {length} samples at {info.rate:g} Hz for {len(self._columns)} channels; "
                f"at least {fewest / info.rate:.3g} s is needed",
            )
        self._n_channels = info.n_channels
        self._running = RunningCovariance(len(self._columns), length, length, first_index)
        self._out = OutputBuffer(info.n_channels)
        self._work = aligned_zeros((len(self._columns),))
        self._matrix = aligned_zeros((len(self._columns), len(self._columns)))
        self._first = aligned_zeros((len(self._columns),))
        self._power: NDArray[np.float64] = np.zeros(2)
        self._forget()
        whitened = {info.names[i] for i in self._columns}
        channels = tuple(replace(c, unit="a.u.") if c.name in whitened else c for c in info.channels)
        return replace(info, channels=channels)

    def transform(self, samples: Samples, times: Times) -> tuple[Samples, Times]:
        """Whiten ``samples`` (n, n_channels) float32; the result stands in a buffer that the next call reuses."""
        samples = contiguous(samples, self._n_channels)
        out = self._out.first(len(samples))
        for first, last, whole in self._running.hops(samples[:, self._columns]):
            if self.reference.windows:
                mix(samples[first:last], self._columns, self._matrix, self._work, out[first:last])
            else:
                self._scale(samples[first:last], out[first:last])
            if whole and self.reference.add(self._running.covariance()):
                self._matrix[...] = self.reference.whitener.T
        return out, times

    def resume(self) -> None:
        """Forget the window under way and, unless ``keep_over_gaps``, the mean; indices go on counting."""
        self._running.forget()
        if not self.keep_over_gaps:
            self._forget()

    def _forget(self) -> None:
        n_windows = max(1, round(self.memory / self.window))
        self.reference = Reference(self.metric, n_windows, self.shrinkage, self.freeze)
        self._power[:] = 0.0

    def _scale(self, samples: Samples, out: Samples) -> None:
        if self._power[1] == 0.0:
            self._first[:] = samples[0, self._columns]
        scale_by_rms(samples, self._columns, self._first, self._power, out)
