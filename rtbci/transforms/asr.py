"""Artefact subspace reconstruction: bursts are replaced by what the rest of the channels says, hop by hop, causally.

Mullen et al., IEEE Trans. Biomed. Eng. 62(11), 2015, section II-C; Chang et al., IEEE Trans. Biomed. Eng. 67(4), 2020, for
what the cutoff does. Here the statistics are of the signal as it comes (without the spectral weighting of the original),
what is usual is read off the densest half of the calibration's windows, and nothing looks ahead unless asked to.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack

from rtbci.errors import TransformError
from rtbci.kernels.mixing import blend
from rtbci.transforms.arguments import check_stream, flag, number, refuse
from rtbci.transforms.blocks import OutputBuffer, contiguous
from rtbci.transforms.delay import DelayLine
from rtbci.transforms.running_covariance import RunningCovariance, brain_columns
from rtbci.transforms.spd import Matrix, aligned_copy, aligned_zeros, eigen, geometric_median, product, span, within
from rtbci.types import Samples, StreamInfo, Times

MOST_WINDOWS = 200
"""Windows of the calibration that are kept at most; a longer calibration takes them farther apart."""
FEWEST_WINDOWS = 20


class Calibration:
    """What clean signal looks like: its covariance, and how large each of its components may become.

    Parameters
    ----------
    covariances : (n_windows, n_channels, n_channels) float64 of the calibration's windows.
    cutoff : standard deviations above its mean that a component's root mean square may lie.
    """

    def __init__(self, covariances: Matrix, cutoff: float) -> None:
        basis = span(geometric_median(covariances))
        self.basis = basis
        inner = np.array([within(covariance, basis) for covariance in covariances])
        self.covariance: Matrix = geometric_median(inner)
        # the components of the symmetric mixing matrix, its covariance's square root, are the covariance's own
        _, self._components = eigen(self.covariance)
        amplitudes = np.sqrt(np.array([_variances(self._components, window) for window in inner]))
        middle, spread = densest_half(amplitudes)
        self._limits = (middle + cutoff * spread) ** 2

    def reconstruction(self, covariance: Matrix, most: int) -> Matrix | None:
        """The matrix (n_channels, n_channels) that mends a window of ``covariance``, or None where nothing is wrong.

        Of the window's principal components, at most ``most`` are dropped: those whose variance exceeds the calibration's
        limit in their direction. With ``M M' = C`` the calibration's covariance and ``V`` the components that are kept,
        Mullen's ``M pinv(V' M) V'`` is ``C V inv(V' C V) V'``: the best linear estimate of the signal from what is kept.
        """
        values, vectors = eigen(within(covariance, self.basis))
        along = product(self._components, vectors, transpose_a=True)
        limits = _sequential_sum(self._limits[:, None] * along**2)
        kept = (values < limits) | (np.arange(len(values)) < len(values) - most)
        if kept.all():
            return None
        axes = vectors[:, kept]
        mixed = product(self.covariance, axes)
        _, solved, failed = lapack.dposv(
            aligned_copy(product(axes, mixed, transpose_a=True)), aligned_copy(axes.T), lower=1
        )
        if failed:
            raise TransformError("the calibration's covariance is not positive definite within its own span")
        mended = product(mixed, solved) - np.eye(len(values))
        outer = product(self.basis, product(mended, self.basis, transpose_b=True))
        return outer + np.eye(len(outer))


class Asr:
    """Removes bursts of large variance (blinks, muscle, movements) from the channels measured on the brain.

    The first ``calibration`` seconds pass unchanged and say what is usual; they need not be clean, but mostly so. From then
    on, every ``step`` seconds, the components of the newest ``window`` seconds that are larger than usual are reconstructed
    from the others. The matrix that does it is known when that window ends, and is faded in by a raised cosine over the step
    that follows: without delay, the first one to two steps of a burst pass, and of a blink, which is hardly longer, most.
    With ``lookahead`` the samples wait for it, and their times say so. What is clean passes bit for bit.

    Best after a high-pass, which takes off the offsets that a matrix would mix. Data without full rank are mended within
    the rank they have. Channels of other kinds and channels known to be bad pass as they are.

    ``settle_seconds`` is the calibration.

    Parameters
    ----------
    cutoff : standard deviations above its mean amplitude at which a component is a burst. On resting EEG that was
        calibrated in spite of its blinks, 7 found half of the blinks' windows; 20, usual where the statistics are of
        weighted and hand-picked signal, found 1 in 34.
    max_dims : share of the components, from 0 to 1, that may be reconstructed at once.
    calibration : seconds of the stream's beginning to learn from; a minute is better.
    window : length of the windows, in seconds.
    step : seconds between two windows.
    lookahead : seconds by which samples are delayed, up to a window. Of blinks in average-referenced EEG, half a window
        (0.25) took 10 dB off, none 4.
    keep_over_gaps : whether the calibration outlives missing samples; otherwise they start a new one.
    """

    delay_seconds = 0.0

    def __init__(
        self,
        cutoff: float = 7.0,
        max_dims: float = 0.66,
        calibration: float = 30.0,
        window: float = 0.5,
        step: float = 0.125,
        lookahead: float = 0.0,
        keep_over_gaps: bool = False,
    ) -> None:
        self.cutoff = number("cutoff", cutoff, above=0, right="a number of standard deviations")
        self.max_dims = number("max_dims", max_dims, above=0, right="a share of the components")
        if self.max_dims > 1:
            raise refuse("max_dims", max_dims, "must be at most 1, all components")
        self.window = number("window", window, above=0, right="a duration in seconds")
        self.step = number("step", step, above=0, right="a duration in seconds")
        if self.step > self.window:
            raise refuse("step", step, f"must be at most the window, {self.window:g} s, or samples would go unseen")
        self.calibration = number("calibration", calibration, above=0, right="a duration in seconds")
        if self.calibration < FEWEST_WINDOWS * self.window:
            shortest = f"{FEWEST_WINDOWS * self.window:g} s, {FEWEST_WINDOWS} windows"
            raise refuse("calibration", calibration, f"must be at least {shortest}")
        self.lookahead = number("lookahead", lookahead, at_least=0, right="a duration in seconds")
        if self.lookahead > self.window:
            raise refuse(
                "lookahead", lookahead, f"must be at most the window, {self.window:g} s, or bursts would be over"
            )
        self.keep_over_gaps = flag("keep_over_gaps", keep_over_gaps)
        self.settle_seconds = self.calibration
        self._n_channels = -1

    def start(self, info: StreamInfo, first_index: int = 0) -> StreamInfo:
        """Allocate and forget all state; the stream comes out as it went in.

        Raises TransformError when there are fewer than two channels to mend, or a window has too few samples.
        """
        check_stream(info)
        self._columns = brain_columns(info)
        if len(self._columns) < 2:
            raise TransformError(
                "the stream has 1 good channel measured on the brain; at least 2 are needed to mend one by the others"
            )
        length, step = round(self.window * info.rate), round(self.step * info.rate)
        if length < 2 or step < 1:
            key, value, fewest = ("window", self.window, 2) if length < 2 else ("step", self.step, 1)
            raise refuse(key, value, f"is too short at {info.rate:g} Hz; at least {fewest / info.rate:.3g} s is needed")
        n_delayed = round(self.lookahead * info.rate)
        self.delay_seconds = n_delayed / info.rate
        self._delay = DelayLine(info.n_channels, n_delayed)
        self._n_channels = info.n_channels
        self._running = RunningCovariance(len(self._columns), length, step, first_index)
        windows = round(self.calibration * info.rate - length) // step + 1
        self._stride = -(-windows // MOST_WINDOWS)
        self._to_collect = max(FEWEST_WINDOWS, windows // self._stride)
        k = len(self._columns)
        self._identity = np.eye(k)
        self._before, self._after, self._work = aligned_zeros((k, k)), aligned_zeros((k, k)), aligned_zeros((2, k))
        self._weights: NDArray[np.float64] = 0.5 - 0.5 * np.cos(np.pi * np.arange(1, step + 1) / step)
        self._out = OutputBuffer(info.n_channels)
        self._learnt: Calibration | None = None
        self._forget()
        return info

    def transform(self, samples: Samples, times: Times) -> tuple[Samples, Times]:
        """Mend ``samples`` (n, n_channels) float32; the result stands in a buffer that the next call reuses."""
        samples = contiguous(samples, self._n_channels)
        delayed = self._delay.push(samples)
        out = self._out.first(len(samples))
        for first, last, whole in self._running.hops(samples[:, self._columns]):
            if self._mends:
                place = (self._running.index - (last - first)) % self._running.hop
                matrices = self._before, self._after, self._weights
                blend(delayed[first:last], self._columns, *matrices, place, self._work, out[first:last])
            else:
                out[first:last] = delayed[first:last]
            if whole:
                self._look(self._running.covariance())
        return out, times - self.delay_seconds if self.delay_seconds else times

    def resume(self) -> None:
        """Forget the window and burst under way and, unless ``keep_over_gaps``, the calibration; indices go on counting."""
        self._running.forget()
        self._delay.prime()
        self._forget()

    def _forget(self) -> None:
        if not self.keep_over_gaps:
            self._learnt = None
        self._windows: list[Matrix] = []
        self._until_next = 0
        self._before[...] = self._after[...] = self._identity
        self._mends = False

    def _look(self, covariance: Matrix) -> None:
        if self._learnt is None:
            self._collect(covariance)
            return
        rank = self._learnt.basis.shape[1]
        matrix = self._learnt.reconstruction(covariance, int(self.max_dims * rank))
        was_mending = (self._after != self._identity).any()
        self._before[...] = self._after
        self._after[...] = self._identity if matrix is None else matrix.T
        self._mends = bool(was_mending) or matrix is not None

    def _collect(self, covariance: Matrix) -> None:
        self._until_next -= 1
        if self._until_next > 0:
            return
        self._until_next = self._stride
        if not covariance.any():
            return  # silence before the first signal is no clean signal
        self._windows.append(covariance.copy())
        if len(self._windows) == self._to_collect:
            self._learnt = Calibration(np.array(self._windows), self.cutoff)
            self._windows = []


def densest_half(values: Matrix) -> tuple[Matrix, Matrix]:
    """Middle (k,) and spread (k,) of the columns of ``values`` (n, k) by the shortest interval that holds half of them.

    The middle is the interval's, the spread its half length by 0.6745, that of a normal distribution (Rousseeuw and Leroy,
    Robust Regression and Outlier Detection, 1987, section 4.2). Blinks in a third of the windows, all to one side, would
    move a median and widen the deviations from it.
    """
    ordered = np.sort(values, axis=0)
    half = len(ordered) // 2 + 1
    lengths = ordered[half - 1 :] - ordered[: len(ordered) - half + 1]
    at = lengths.argmin(axis=0)
    columns = np.arange(ordered.shape[1])
    lowest, highest = ordered[at, columns], ordered[at + half - 1, columns]
    return (lowest + highest) / 2, (highest - lowest) / (2 * 0.6745)


def _variances(axes: Matrix, covariance: Matrix) -> Matrix:
    """Variance (k,) along each column of ``axes`` (p, k) under ``covariance`` (p, p)."""
    return np.maximum(_sequential_sum(axes * product(covariance, axes)), 0.0)


def _sequential_sum(terms: Matrix) -> Matrix:
    """Sum (k,) over the rows of ``terms`` (p, k), one after the other, so that rounding depends on nothing else."""
    total: Matrix = np.add.reduce(np.ascontiguousarray(terms), axis=0)
    return total
