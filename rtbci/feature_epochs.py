"""From recordings to feature maps: epochs of every trial, cut by the pipeline, and what of them differs between classes.

The signal is filtered causally by the transforms that run live; gaps and samples that are not finite end an epoch as they
end a window. A decoder is not involved.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtbci import __version__
from rtbci.calibration import Calibration
from rtbci.config import Component, DecoderConfig, Experiment
from rtbci.errors import ConfigError
from rtbci.feature_maps import FREQUENCY, TIME, FeatureMap, FeatureMaps
from rtbci.separability import adjusted, rank_sum, signed_r2
from rtbci.training_set import Piece, Progress, collect, refuse_twice

BEFORE = 0.2
"""Seconds before the marker whose mean is taken off the amplitudes."""
LOWEST_BIN, HIGHEST = 1, 45.0
"""First bin (counted in widths) and highest frequency in Hz of the maps."""
MOST_CLASSES = 12
FEWEST = 2
"""Trials of each class without which nothing can be compared."""


@dataclass(frozen=True, slots=True)
class Options:
    """High-pass and line frequency in Hz, None for none; whether the average of the channels is subtracted; bins.

    ``frequency_width`` in Hz and ``time_width`` in seconds are None to go by the length of the trial.
    """

    high_pass: float | None = 0.1  # higher ones bend slow responses: after a bump comes one of the other sign
    notch: float | None = None
    average: bool = False
    frequency_width: float | None = None
    time_width: float | None = None


def span_of(experiment: Experiment) -> tuple[float, float]:
    """Seconds after the marker that are looked at: the window of the first decoder where it is locked, else [trial]."""
    first = experiment.decoders[0] if experiment.decoders else None
    if first is not None and first.lock is not None:
        return first.offset, first.offset + first.window
    return experiment.trial.start, experiment.trial.stop


def measure(
    experiment: Experiment,
    recordings: Sequence[Path | Piece],
    options: Options = Options(),
    progress: Progress = lambda text: None,
) -> FeatureMaps:
    """Compare the classes of ``experiment`` on all trials in ``recordings``; two with each other, more each with the rest.

    Raises
    ------
    SourceError
        When a recording cannot be read, differs from the first, or is given twice.
    ConfigError
        When classes cannot be compared: too few, too many, or without trials; or options do not fit the trial.
    """
    names = [name for name, labels in experiment.classes.items() if labels]
    if not experiment.own_classes or not 2 <= len(names) <= MOST_CLASSES:
        raise ConfigError(
            f"{experiment.file}: [classes] has {len(names)} classes with markers; two to {MOST_CLASSES}, such as "
            'left = ["left"], right = ["right"], would be right for feature maps'
        )
    start, stop = span_of(experiment)
    begin = min(-BEFORE, start)
    steps = []
    if options.high_pass is not None:
        steps.append(Component("high-pass", {"low": options.high_pass}))
    if options.notch is not None:
        steps.append(Component("notch", {"freq": options.notch}))
    if options.average:
        steps.append(Component("re-reference"))
    refuse_twice(recordings)
    config = DecoderConfig("feature-maps", "", stop - begin, None, tuple(steps), lock="marker", offset=begin)
    cut = replace(experiment, classes={name: experiment.classes[name] for name in names}, decoders=(config,))
    calibration = collect(cut, config, recordings, progress)
    labels = calibration.labels
    counts = tuple(int(np.sum(labels == k)) for k in range(len(names)))
    if min(counts) < FEWEST:
        worst = int(np.argmin(counts))
        raise ConfigError(
            f"{experiment.file}: there is {counts[worst]} whole trial of class {names[worst]}; at least {FEWEST} of each "
            "class, better 20, would be right"
        )
    rate = calibration.info.rate
    power = _Power.of(start - begin, stop - begin, rate, options.frequency_width)
    amplitude = _Amplitude.of(begin, stop, rate, options.time_width)
    shape = (len(calibration), calibration.info.n_channels)
    powers = np.empty((*shape, len(power.centres)))
    amplitudes = np.empty((*shape, len(amplitude.centres)))
    for row in range(len(calibration)):
        epoch = calibration.cut([row])[0].astype(np.float64)
        powers[row], amplitudes[row] = power.of_epoch(epoch), amplitude.of_epoch(epoch)
        if row % 20 == 0:
            progress(f"feature maps: {row} of {len(calibration)} trials")
    maps: list[FeatureMap] = []
    for axis, values in ((FREQUENCY, powers), (TIME, amplitudes)):
        progress(f"feature maps: comparing over {axis}")
        maps += compare(names, values, labels, axis)
    return FeatureMaps(
        channels=calibration.info.names,
        kinds=tuple(channel.kind for channel in calibration.info.channels),
        positions=tuple(channel.position for channel in calibration.info.channels),
        classes=tuple(names),
        trials=counts,
        frequencies=power.centres,
        times=amplitude.centres,
        frequency_width=power.width,
        time_width=amplitude.width,
        maps=tuple(maps),
        about=_about(experiment, calibration, recordings, options),
    )


def compare(
    names: Sequence[str], values: NDArray[np.float64], labels: NDArray[np.int64], axis: str
) -> list[FeatureMap]:
    """Maps of ``values`` (n_trials, n_channels, n_bins) of classes ``names``, whose indices are ``labels`` (n_trials,)."""
    pairs = [0] if len(names) == 2 else range(len(names))
    found = []
    for k in pairs:
        first, second = values[labels == k], values[labels != k]
        # channel by channel: ranks of all at once take several times the memory of the values
        p = np.stack([rank_sum(first[:, c], second[:, c]) for c in range(values.shape[1])])
        other = names[1] if len(names) == 2 else "all others"
        found.append(
            FeatureMap(
                names[k], other, (len(first), len(second)), axis, signed_r2(first, second), p, adjusted(p)
            )
        )  # fmt: skip
    return found


@dataclass(frozen=True, eq=False)
class _Power:
    """Log band power: Welch's method (1967) over the trial, Hann windows as long as two bins need, overlapping by half."""

    first: int
    last: int
    segment: int
    rate: float
    width: float
    bins: NDArray[np.int64]
    centres: NDArray[np.float64]

    @classmethod
    def of(cls, start: float, stop: float, rate: float, width: float | None) -> _Power:
        span = stop - start
        width = width or (1.0 if span >= 1.0 else 2.0 if span >= 0.5 else float(math.ceil(1.0 / span)))
        first, last = round(start * rate), round(stop * rate)
        segment = min(last - first, round(2.0 / width * rate))
        if segment < rate / width - 1.0:
            raise ConfigError(
                f"bins of {width:g} Hz need {1 / width:g} s of signal, the trial has {span:g}; {1 / span:.1f} Hz or more, "
                "or a longer [trial], would be right"
            )
        # bin k is [k - ½, k + ½) widths
        bins = np.floor(np.fft.rfftfreq(segment, 1.0 / rate) / width + 0.5 + 1e-9).astype(np.int64)
        highest = math.floor(min(HIGHEST, 0.45 * rate) / width + 1e-9)
        there = [k for k in range(LOWEST_BIN, highest + 1) if np.any(bins == k)]
        if not there:
            raise ConfigError(
                f"no bin of {width:g} Hz lies below {min(HIGHEST, 0.45 * rate):g} Hz; a width of 1 or 2 Hz would be right"
            )
        return cls(first, last, segment, rate, width, bins, np.array(there) * width)

    def of_epoch(self, epoch: NDArray[np.float64]) -> NDArray[np.float64]:
        """DB (n_channels, n_bins) of ``epoch`` (n_channels, n_samples)."""
        from scipy.signal import welch

        _, density = welch(
            epoch[:, self.first : self.last], self.rate, nperseg=self.segment, noverlap=self.segment // 2, axis=1
        )
        wanted = np.round(self.centres / self.width).astype(np.int64)
        power = np.stack([density[:, self.bins == k].mean(axis=1) for k in wanted], axis=1)
        return np.asarray(10.0 * np.log10(np.maximum(power, 1e-30)), np.float64)


@dataclass(frozen=True, eq=False)
class _Amplitude:
    """Mean amplitude in small bins, less the mean before the marker."""

    edges: NDArray[np.int64]
    baseline: tuple[int, int]
    width: float
    centres: NDArray[np.float64]

    @classmethod
    def of(cls, begin: float, stop: float, rate: float, width: float | None) -> _Amplitude:
        width = max(width or (0.02 if stop <= 1.5 else 0.04), 1.0 / rate)
        low = math.ceil(-BEFORE / width - 1e-9)
        numbers = np.arange(low, math.floor(stop / width + 1e-9) + 1)  # an edge lies at the marker
        if len(numbers) < 2:
            raise ConfigError(f"bins of {width:g} s are longer than the trial; 0.02 or 0.04 would be right")
        edges = np.round((numbers * width - begin) * rate).astype(np.int64)
        baseline = (round((-BEFORE - begin) * rate), round(-begin * rate))
        return cls(edges, baseline, width, np.asarray((numbers[:-1] + 0.5) * width, np.float64))

    def of_epoch(self, epoch: NDArray[np.float64]) -> NDArray[np.float64]:
        """Amplitudes (n_channels, n_bins) of ``epoch`` (n_channels, n_samples), in the unit of the channel."""
        sums = np.concatenate([np.zeros((len(epoch), 1)), np.cumsum(epoch, axis=1)], axis=1)
        means = (sums[:, self.edges[1:]] - sums[:, self.edges[:-1]]) / np.diff(self.edges)
        before = epoch[:, self.baseline[0] : self.baseline[1]].mean(axis=1, keepdims=True)
        return np.asarray(means - before, np.float64)


def _about(
    experiment: Experiment, calibration: Calibration, recordings: Sequence[Path | Piece], options: Options
) -> dict[str, Any]:
    paths = [str(one.recording if isinstance(one, Piece) else one) for one in recordings]
    start, stop = span_of(experiment)
    return {
        "experiment": experiment.name,
        "recordings": paths,
        "trial": [start, stop],
        "high_pass": options.high_pass,
        "notch": options.notch,
        "average_reference": options.average,
        "rate": calibration.info.rate,
        "trials_without_data": calibration.without_data,
        "rtbci": __version__,
    }
