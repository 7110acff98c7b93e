"""What a source, a transform and a decoder must offer: protocols, so that nobody has to inherit from rtbci."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from rtbci.calibration import Calibration
from rtbci.training_run import TrainingRun
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
class Calibrates(Protocol):
    """A transform that begins a session from what calibration recordings taught it, such as a whitening.

    Each session of the calibration is transformed from a state learnt from that session; a later one begins with what the
    last session of the calibration gave. ``restore`` comes before ``start``, which begins anew from what was restored.
    """

    def calibrate(self, calibration: Calibration) -> None:
        """Learn from the windows of one session, as they come out of the transforms before this one."""
        ...

    def arrays(self) -> Mapping[str, NDArray[Any]]:
        """What `calibrate` learnt, by name."""
        ...

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Begin from what wrote ``arrays``. Raises TransformError when they cannot be its own."""
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
class Learns(Protocol):
    """A decoder that is trained on whole recordings rather than on a stack of windows: networks, over many epochs.

    Training asks for this instead of ``fit`` where it is offered.
    """

    def learn(self, calibration: Calibration, run: TrainingRun) -> None:
        """Learn from ``calibration``; tell ``run`` how far it is. The same calibration gives the same decoder."""
        ...


@runtime_checkable
class FitsConfidence(Protocol):
    """A decoder whose weights may become others without a training, where those of several sites are averaged."""

    def fit_confidence(self, calibration: Calibration, run: TrainingRun) -> None:
        """Fit how sure it may be to what a training on ``calibration`` holds out. It was restored and prepared before."""
        ...


@runtime_checkable
class KnowsStream(Protocol):
    """A decoder that wants to know what its windows are made of, before ``fit`` and again after loading."""

    def prepare(self, info: StreamInfo, n_samples: int, n_classes: int) -> None:
        """Take the stream as it comes out of the transforms, the window's length in samples and the number of classes.

        ``info.subject`` says whose it is, where that is known.
        """
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
    """A decoder that takes a batch: replay asks it so, where it is faster.

    Its answers are the very bits that ``predict`` gives, unless it has a ``tolerance`` (`UsesDevice`) above 0: then replay
    asks for batches only when it is told to.
    """

    def predict_many(self, windows: Samples, starts: NDArray[np.int64]) -> NDArray[np.float64]:
        """Log-probabilities (n_windows, n_classes) float64, row by row what ``predict`` gives.

        ``windows`` (n_windows, n_channels, n_samples) float32 is a read-only view in which windows may overlap in memory
        and begin on any address; ``starts`` (n_windows,) int64 are the absolute indices of their first samples.
        """
        ...


@runtime_checkable
class UsesDevice(Protocol):
    """A decoder that may run on a GPU. It raises `rtbci.errors.DeviceLost` when that is gone or has no memory left.

    Attributes
    ----------
    runs_on : in words, such as "cpu, 1 thread" or "cuda:0 (NVIDIA H100)": valid once it was restored and
        prepared. Decisions that were made on the same device, one by one, are the same bits.
    tolerance : how far a log-probability may differ when windows are decided in batches, or on another device.
    """

    runs_on: str
    tolerance: float

    def use_device(self, device: str) -> None:
        """Run on ``device`` ("cpu") from the next ``prepare`` on, whatever the constructor was told.

        It is called before ``restore``, and only notes what is wanted.
        """
        ...


@runtime_checkable
class Joins(Protocol):
    """A decoder that can decide its window in one batch with windows of other decoders of its kind."""

    def joins(self, other: object) -> bool:
        """Whether a batch may hold windows of both, and that is faster here: shapes and device are the same.

        A worker asks once, when all of its decoders are prepared.
        """
        ...

    def predict_joined(self, others: Sequence[Any], windows: Sequence[Window]) -> Sequence[NDArray[np.float64]]:
        """Log-probabilities of the first of ``windows`` by this decoder, and of each further one by the next of ``others``.

        They agree with those of ``predict`` within ``tolerance`` (`UsesDevice`).
        """
        ...


@runtime_checkable
class Embeds(Protocol):
    """A decoder that first gives an embedding of a window, and classes by how near it is to embeddings of what they mean.

    Attributes
    ----------
    space_id : names the space, such as "open_clip:ViT-H-14/laion2b_s32b_b79k". Valid after training, as the others.
    logit_scale : what cosines with classes are multiplied with before the softmax, fitted on held-out windows.
    item_scale : the same among all items of the bank that it was trained on.
    """

    space_id: str
    logit_scale: float
    item_scale: float

    def embed(self, window: Window) -> NDArray[np.float32]:
        """Embedding (n_dims,) float32 of one window."""
        ...

    def classify(self, embedding: NDArray[np.float32]) -> NDArray[np.float64]:
        """Log-probabilities (n_classes,) for an ``embedding`` (n_dims,) of `embed`: to the bit what ``predict`` gives."""
        ...


@runtime_checkable
class Embedder(Protocol):
    """What turns the items of a bank, such as pictures, into embeddings that are compared by their cosine.

    Attributes
    ----------
    kind : of the items that it takes: "picture", (height, width, 3) uint8 RGB of any size; "caption", str; "sound", (n,)
        float32 at 16 kHz, -1 to 1.
    space_id : names the space, such as "open_clip:ViT-H-14/laion2b_s32b_b79k"; embeddings of one name alone can be
        compared. Valid once it was made, or, of one that `LearnsSpace`, once it has learnt or was restored.
    """

    kind: str
    space_id: str

    def embed(self, items: Sequence[Any]) -> NDArray[np.float32]:
        """Embeddings (n_items, n_dims) float32 of ``items``; each row depends on its item alone. Raises BankError."""
        ...


@runtime_checkable
class LearnsSpace(Protocol):
    """An embedder whose space is learnt from the bank itself: ``embed(items)`` is ``place(describe(items))``."""

    def describe(self, items: Sequence[Any]) -> NDArray[np.float32]:
        """Features (n_items, n_features) float32 of ``items``, which nothing was learnt for."""
        ...

    def learn(self, described: NDArray[np.float32]) -> None:
        """Learn the space from the features (n_items, n_features) of a whole bank. Raises BankError."""
        ...

    def place(self, described: NDArray[np.float32]) -> NDArray[np.float32]:
        """Embeddings (n_items, n_dims) float32 of items with these features."""
        ...

    def arrays(self) -> Mapping[str, NDArray[Any]]:
        """What `learn` learnt, by name."""
        ...

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Become what wrote ``arrays``. Raises BankError when they cannot be its own."""
        ...


@runtime_checkable
class Renderer(Protocol):
    """What draws a picture of what an embedding says, in a process of its own that no decision waits for.

    Attributes
    ----------
    space_id : of the embeddings that it draws; valid once it was prepared.
    """

    space_id: str

    def prepare(self, bank: Path) -> None:
        """Load what is needed to draw from embeddings of the space of the bank in this folder. Raises BankError."""
        ...

    def render(self, embedding: NDArray[np.float32], go_on: Callable[[], bool]) -> NDArray[np.uint8] | None:
        """Picture (height, width, 3) uint8 RGB of ``embedding`` (n_dims,) float32, of length 1.

        ``go_on`` is asked between steps; once it says False a newer request waits, and None may be returned.
        """
        ...


@runtime_checkable
class TrainsGenerator(Protocol):
    """A renderer, as a class, whose generator is trained on a bank: ``rtbci bank train-generator``."""

    @classmethod
    def train(
        cls,
        bank: Path,
        out: Path | None,
        run: TrainingRun,
        *,
        epochs: int,
        size: int,
        device: str,
        seed: int,
        threads: int,
    ) -> Mapping[str, Any]:
        """Train on the bank in the folder ``bank``; write to the folder ``out``, or to the one where `prepare` looks.

        Parameters
        ----------
        run : is told how far it is. epochs, size : 0 for what it takes by itself; ``size`` is pixels a side.
        device : "auto" (a GPU where there is one), "cpu" or "cuda". threads : of the CPU.

        Returns
        -------
        What a person wants to know of it, ready for JSON: at least ``out``, ``seconds`` and ``judged``.

        Raises
        ------
        BankError
            Where the bank or an argument does not allow it.
        """
        ...


@runtime_checkable
class Captions(Protocol):
    """A renderer that says in words what it drew; of others, the caption of the nearest item is shown."""

    def caption(self, picture: NDArray[np.uint8]) -> str:
        """In words, what the ``picture`` (height, width, 3) uint8 that it drew last shows; "" where it cannot say."""
        ...


@runtime_checkable
class SeesWindows(Protocol):
    """A renderer that is conditioned on signals themselves, beside the embedding.

    ``seconds``: how much of the stream it wants to see, valid once it was prepared.
    """

    seconds: float

    def begin(self, info: StreamInfo) -> None:
        """Take the stream whose signals will come, untransformed. Raises BankError where it cannot draw from it."""
        ...

    def see(self, window: Window) -> None:
        """Take the last ``seconds`` of the stream, as they came, up to the newest sample of the window to be drawn.

        Called before each ``render``, unless the session no longer holds these samples.
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
