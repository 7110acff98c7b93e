"""What a source, a transform and a decoder must offer: protocols, so that nobody has to inherit from rtbci."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from rtbci.types import Marker, Samples, StreamInfo, Times, Window


@runtime_checkable
class Source(Protocol):
    """Where samples come from: live, a recording, simulated, or the ring of a running session.

    ``open()`` is called once and says what comes; then ``read`` and ``markers`` in turn; then ``close()``.
    Samples are in the units of `rtbci.types.STANDARD_UNITS`, and ``StreamInfo.channels`` says so.
    """

    def open(self) -> StreamInfo:
        """Find the stream and say what it is. Raises SourceError when it cannot be had."""
        ...

    def read(self, samples: Samples, times: Times, timeout: float) -> int:
        """Fill the first rows of ``samples`` (n, n_channels) float32 and ``times`` (n,) float64; say how many.

        Waits at most ``timeout`` seconds for one sample, never for more. 0 means that none came in time.
        Raises StreamLost when a live stream went away and EOFError when a recording has ended.
        """
        ...

    def markers(self) -> Sequence[Marker]:
        """Markers that became known since the last call, in the order in which they became known.

        A recording hands out a marker no later than the sample nearest to it.
        """
        ...

    def now(self) -> float:
        """The time on the clock that the samples are stamped with, in seconds."""
        ...

    def close(self) -> None:
        """Let go of what was opened; safe to call twice."""
        ...


@runtime_checkable
class Transform(Protocol):
    """A causal step that keeps its own state: the same samples in give the same samples out, however they are chunked.

    ``delay_seconds`` (valid after ``start``) is the constant delay by which the output's times were moved back, so that
    they say when the signal happened; 0 for recursive filters, whose phase is not compensated.
    """

    delay_seconds: float

    def start(self, info: StreamInfo, first_index: int = 0) -> StreamInfo:
        """Allocate for the stream, forget all state, and say what comes out. Raises TransformError.

        ``first_index`` is the absolute index of the first sample that will come (it fixes the phase of a resampler).
        """
        ...

    def transform(self, samples: Samples, times: Times) -> tuple[Samples, Times]:
        """Take ``(n, n_channels)`` float32 and ``(n,)`` float64; return what came out, possibly of another length.

        The input is not modified; the output may be a buffer that the next call reuses.
        """
        ...

    def resume(self) -> None:
        """Samples were missing: forget the past and prime the state with the next sample. Indices go on counting."""
        ...


@runtime_checkable
class MarksBads(Protocol):
    """A transform that judges channels as it goes."""

    def bads(self) -> frozenset[str]:
        """Names of the channels that are bad at the newest sample it has seen."""
        ...


@runtime_checkable
class Decoder(Protocol):
    """Anything with ``fit`` and ``predict``; a scikit-learn classifier over windows is adapted to this as it stands.

    ``predict`` returns the natural logarithm of the class probabilities, ``(n_classes,)`` float64, in the order of the
    labels 0, 1, … that ``fit`` was given.
    """

    def fit(self, windows: Samples, labels: NDArray[np.int64]) -> object:
        """Learn from ``windows`` (n_windows, n_channels, n_samples) float32 and ``labels`` (n_windows,) int64."""
        ...

    def predict(self, window: Window) -> NDArray[np.float64]:
        """Log-probabilities (n_classes,) of one window."""
        ...


@runtime_checkable
class KnowsStream(Protocol):
    """A decoder that wants to know what its windows are made of, before ``fit`` and again after loading."""

    def prepare(self, info: StreamInfo, n_samples: int, n_classes: int) -> None:
        """Take the stream as it comes out of the transforms, the window's length in samples and the number of classes."""
        ...


@runtime_checkable
class Saves(Protocol):
    """A decoder that can be written without pickle: arrays by name; everything else is in its constructor's arguments."""

    def arrays(self) -> Mapping[str, NDArray[Any]]:
        """What ``fit`` learnt, by name."""
        ...

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Become what wrote ``arrays``. Raises DecoderError when they cannot be its own."""
        ...


@runtime_checkable
class PredictsMany(Protocol):
    """A decoder that takes a batch: replay asks it so, where it is faster."""

    def predict_many(self, windows: Samples, starts: NDArray[np.int64]) -> NDArray[np.float64]:
        """Log-probabilities (n_windows, n_classes) float64: row by row the very bits that ``predict`` gives.

        ``windows`` (n_windows, n_channels, n_samples) float32 is a read-only view in which windows may overlap in memory
        and begin on any address; ``starts`` (n_windows,) int64 are the absolute indices of their first samples.
        """
        ...


@runtime_checkable
class Adapts(Protocol):
    """A decoder that learns while it runs, from trials whose label has become known (``adapt = true`` in its table).

    Its ``arrays()`` then hold what it learnt so far, so that a session can keep and restore it.
    """

    def adapt(self, windows: Samples, label: int) -> None:
        """Learn from the windows (n_windows, n_channels, n_samples) float32 of one trial that has ended."""
        ...
