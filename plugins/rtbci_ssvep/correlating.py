"""What decoders of flicker have in common: the stream's rate, a window's moments, correlations made probabilities."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from rtbci.errors import DecoderError
from rtbci.types import Samples, StreamInfo, Window
from rtbci_ssvep import filter_bank
from rtbci_ssvep.aligned import Array
from rtbci_ssvep.calibration import Calibration
from rtbci_ssvep.moments import WindowMoments
from rtbci_ssvep.references import n_harmonics, references
from rtbci_ssvep.stimuli import Stimuli, whole, yes_or_no


class Shape(NamedTuple):
    """Shape of the windows: sampling rate in Hz, channels, samples."""

    rate: float
    n_channels: int
    n_samples: int


class Correlating(ABC):
    """A decoder whose evidence for a class is a correlation with what its stimulus should evoke.

    A subclass says how one window correlates with each stimulus, and what it learns for that.
    """

    name: str

    def __init__(self, stimuli: Stimuli, harmonics: int, filter_bank: bool) -> None:
        self.stimuli = stimuli
        self.harmonics = whole("harmonics", harmonics)
        self.filter_bank = yes_or_no("filter_bank", filter_bank)
        self._n_classes: int | None = None
        self._rate: float | None = None

    # ------------------------------------------------------------------ for the subclass

    @abstractmethod
    def _build(self, waves: Array, n_channels: int, weights: Array) -> None:
        """Allocate for ``waves`` (n_frequencies, n_waves, n_samples); ``weights`` (n_bands,) of the sub-bands."""

    @abstractmethod
    def _learn(self, windows: Samples, labels: NDArray[np.int64]) -> Array:
        """Learn from windows; return their correlations (n_windows, n_frequencies) as if they had not been learnt from."""

    @abstractmethod
    def _correlations(self, power: Array, cross: Array) -> Array:
        """How one window correlates with each stimulus, (n_frequencies,); its moments as in `WindowMoments`."""

    @abstractmethod
    def _learnt(self) -> Mapping[str, Array]:
        """What `_learn` learnt, by name."""

    @abstractmethod
    def _relearn(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Become what wrote ``arrays``. Raises KeyError or ValueError."""

    # ------------------------------------------------------------------ the decoder

    def prepare(self, info: StreamInfo, n_samples: int, n_classes: int) -> None:
        """Take rate and classes. Raises DecoderError where the frequencies do not fit them."""
        self.stimuli.columns(n_classes)
        n_harmonics(self.stimuli.frequencies, self.harmonics, info.rate)
        self._rate, self._n_classes = info.rate, n_classes

    def fit(self, windows: Samples, labels: NDArray[np.int64]) -> Self:
        """Learn from ``windows`` (n_windows, n_channels, n_samples) float32 in order of time, ``labels`` (n_windows,)."""
        n_classes = _checked(windows, labels, self._n_classes)
        if self._rate is None:
            raise DecoderError(f"{self.name}: the sampling rate is not known; call prepare(info, n_samples, n_classes)")
        columns = self.stimuli.columns(n_classes)
        self._start(Shape(self._rate, windows.shape[1], windows.shape[2]))
        correlations = self._learn(windows, labels)
        self._calibration = Calibration.fit(columns, correlations, labels)
        return self

    def predict(self, window: Window) -> NDArray[np.float64]:
        """Log-probabilities (n_classes,) of ``window``."""
        if not hasattr(self, "_calibration"):
            raise DecoderError(f"{self.name}: neither fitted nor restored; fit it or load a model first")
        return self._calibration.log_probs(self.correlations(window.samples))

    def correlations(self, samples: Samples) -> Array:
        """What `predict` judges by: one number for each frequency, (n_frequencies,), of ``samples`` (n_channels, n)."""
        if samples.shape != self._moments.samples.shape:
            wanted = self._moments.samples.shape
            raise DecoderError(
                f"a window of {samples.shape[0]} channels and {samples.shape[1]} samples; "
                f"the decoder was fitted on {wanted[0]} channels and {wanted[1]} samples"
            )
        self._moments.take(samples)
        return self._correlations(self._moments.power, self._moments.cross)

    def arrays(self) -> Mapping[str, NDArray[Any]]:
        """What `fit` learnt, by name."""
        return {**self._learnt(), **self._calibration.arrays(), "shape": np.array(self._shape, np.float64)}

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Become what wrote ``arrays``. Raises DecoderError."""
        try:
            calibration = Calibration.restore(arrays)
            rate, n_channels, n_samples = (float(value) for value in arrays["shape"])
            if calibration.columns.max() != len(self.stimuli.frequencies) - 1:
                raise ValueError(f"classes {calibration.columns.tolist()} for {list(self.stimuli.given)} Hz")
            self._start(Shape(rate, int(n_channels), int(n_samples)))
            self._relearn(arrays)
        except (KeyError, ValueError, TypeError) as error:
            raise DecoderError(
                f"{self.name}: arrays that {self.name} cannot have written ({error}); train the model again"
            ) from error
        self._calibration = calibration

    def _start(self, shape: Shape) -> None:
        frequencies = self.stimuli.frequencies
        harmonics = n_harmonics(frequencies, self.harmonics, shape.rate)
        _check_length(shape, min(frequencies), harmonics)
        waves = references(frequencies, harmonics, shape.rate, shape.n_samples)
        sections, weights = None, np.ones(1)
        if self.filter_bank:
            sections = filter_bank.sections_for(filter_bank.sub_bands(frequencies, harmonics, shape.rate), shape.rate)
            weights = filter_bank.weights_for(len(sections))
        self._shape = shape
        self._moments = WindowMoments(shape.n_channels, waves, sections)
        self._build(waves, shape.n_channels, weights)


def _check_length(shape: Shape, lowest: float, harmonics: int) -> None:
    """Refuse windows in which everything correlates with everything. Raises DecoderError."""
    needed = max(shape.n_channels + 2 * harmonics + 2, int(np.ceil(shape.rate / lowest)))
    if shape.n_samples < needed:
        raise DecoderError(
            f"windows of {shape.n_samples} samples; with {shape.n_channels} channels, {harmonics} harmonics and "
            f"{lowest:g} Hz at {shape.rate:g} Hz, {needed} or more would be right"
        )


def _checked(windows: NDArray[np.float32], labels: NDArray[np.int64], declared: int | None) -> int:
    """Number of classes in ``labels`` (n_windows,), each of which must have windows. Raises DecoderError."""
    if windows.ndim != 3 or len(windows) != len(labels) or not len(windows):
        raise DecoderError(
            f"windows of shape {windows.shape} with {len(labels)} labels; "
            "fit wants (n_windows, n_channels, n_samples) and one label for each window"
        )
    if not np.isfinite(windows).all():
        raise DecoderError("training windows with NaN or infinite samples; leave those windows out")
    if (windows == windows[..., :1]).all():
        raise DecoderError("training windows that are flat in every channel; recorded signals would be right")
    counts = np.bincount(labels, minlength=declared or 2)
    if not counts.all():
        raise DecoderError(
            f"classes with {counts.tolist()} training windows; every class needs some, and there must be two or more"
        )
    return len(counts)
