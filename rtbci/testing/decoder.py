"""The contract of a decoder, checked on simulated trials that any decoder of power or of evoked responses can learn."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtbci.devices import uses_device
from rtbci.errors import DecoderError
from rtbci.interfaces import Adapts, Decoder, KnowsStream, PredictsMany, Saves
from rtbci.testing.adapting import AdaptCheck
from rtbci.testing.contract import ContractError, apart, require, require_methods, same_bytes
from rtbci.testing.devices import DeviceCheck, JoinCheck, declared_tolerance
from rtbci.testing.embedding import EmbeddingCheck
from rtbci.testing.many import ManyCheck
from rtbci.types import Channel, Samples, StreamInfo, Window

SEED = 20260
PER_CLASS = 30


@dataclass(frozen=True, slots=True)
class DecoderReport:
    """What `check_decoder` saw: share of test windows decoded rightly, and median milliseconds of fit and predict."""

    accuracy: float
    fit_ms: float
    predict_ms: float


def check_decoder(
    make: Callable[[], Any],
    *,
    n_channels: int = 8,
    n_samples: int = 250,
    n_classes: int = 2,
    rate: float = 250.0,
    tolerance: float = 0.0,
    more_classes: bool = True,
    learns: bool = True,
) -> DecoderReport:
    """Check that ``make()`` gives decoders that rtbci can train, run live, replay and save.

    One without ``arrays`` and ``restore`` that is no scikit-learn classifier either is checked for all but saving: it cannot
    be written to a model file, and `rtbci train` refuses it.

    One with ``predict_many`` must answer batches as single windows, one with ``adapt`` learn so that it can be repeated. One
    with ``use_device`` must keep the ``tolerance`` that it declares, in batches and on the processor; one with ``joins``
    decide together with others of its kind as each does alone. One that embeds (`rtbci.interfaces.Embeds`) must decide by
    its embedding alone.

    Parameters
    ----------
    make : gives a new, unfitted decoder each time; a scikit-learn classifier over windows is one.
    n_channels, n_samples, n_classes, rate : shape of the windows (channels, samples, Hz).
    tolerance : how far log-probabilities may differ where they should be the same bits (networks on a GPU only).
    more_classes : whether three classes are tried as well.
    learns : whether it must do better than chance on clearly separable windows.

    Raises
    ------
    ContractError
        In one sentence: what is wrong, and what would be right.
    """
    trial = _Trial(make, n_channels, n_samples, n_classes, rate, tolerance)
    trial.check_methods()
    report = trial.check_fit(learns)
    trial.check_answers()
    trial.check_window_untouched()
    trial.check_same_answers()
    trial.check_overlapping()
    trial.check_many()
    trial.check_embedding()
    trial.check_saving()
    trial.check_adapting()
    trial.check_devices()
    trial.check_joining()
    if more_classes and n_classes != 3:
        _Trial(make, n_channels, n_samples, 3, rate, tolerance).check_fit(learns)
    return report


def _made(make: Callable[[], Any]) -> Any:
    """A decoder, adapted where it is a scikit-learn classifier."""
    what = type(make).__name__
    # an instance can be a callable of its own (a torch module), so it is known by what it can do
    require(
        inspect.isclass(make) or not (hasattr(make, "predict") or hasattr(make, "fit")),
        f"check_decoder was given a {what}; what makes a new one each time would be right: the class itself, or "
        f"lambda: {what}(…)",
    )
    try:
        made = make()
    except (Exception, SystemExit) as error:
        name = getattr(make, "__name__", what)
        raise ContractError(
            f"{name}() raised {type(error).__name__}: {error}; a decoder without arguments would be right, or "
            f"lambda: {name}(…) with those that it needs"
        ) from error
    if hasattr(made, "get_params"):
        from rtbci.sklearn_adapter import SklearnDecoder

        return SklearnDecoder(made)
    return made


def _simulate(
    n_windows: int, n_channels: int, n_samples: int, n_classes: int, rate: float, seed: int
) -> tuple[Samples, NDArray[np.int64]]:
    """Windows (n_windows, n_channels, n_samples) float32 in uV, and labels (n_windows,) int64.

    Mixed noise of about 10 uV in which each class has a source of its own: twice as strong as in the other classes, and
    with an evoked wave of its own, so that decoders of power and of averages can both learn it.
    """
    rng = np.random.default_rng(seed)
    mixing = np.random.default_rng(SEED).standard_normal((n_channels, n_channels)) + 2.0 * np.eye(n_channels)
    labels = np.arange(n_windows, dtype=np.int64) % n_classes
    sources = 3.0 * rng.standard_normal((n_windows, n_channels, n_samples))
    t = np.arange(n_samples) / rate
    for i, label in enumerate(labels):
        own = int(label) % n_channels
        sources[i, own] *= 2.0
        sources[i, own] += 6.0 * np.sin(2 * np.pi * (6.0 + 3.0 * label) * t)
    return np.einsum("cs,wst->wct", mixing, sources).astype(np.float32), labels


def _aligned(n_samples: int, n_channels: int) -> Samples:
    """An uninitialised float32 buffer that begins on a 64-byte boundary, as the pipeline's does."""
    n_bytes = 4 * n_samples * n_channels
    raw = np.empty(n_bytes + 64, np.uint8)
    first = -raw.ctypes.data % 64
    return raw[first : first + n_bytes].view(np.float32).reshape(n_samples, n_channels)


class _Trial:
    """One decoder and the windows it is tried on."""

    def __init__(
        self,
        make: Callable[[], Any],
        n_channels: int,
        n_samples: int,
        n_classes: int,
        rate: float,
        tolerance: float,
    ) -> None:
        self.make = make
        self.n_samples = n_samples
        self.n_classes = n_classes
        self.tolerance = tolerance
        self.info = StreamInfo("contract", rate, tuple(Channel(f"C{i + 1}") for i in range(n_channels)))
        shape = (n_channels, n_samples, n_classes, rate)
        self.windows, self.labels = _simulate(PER_CLASS * n_classes, *shape, seed=SEED + 1)
        self.tests, self.truth = _simulate(20 * n_classes, *shape, seed=SEED + 2)
        self.decoder = _made(make)
        self.name = type(getattr(self.decoder, "estimator", self.decoder)).__name__
        self.of_batches = max(tolerance, declared_tolerance(self.decoder, self.name))
        rows = np.concatenate([window.T for window in self.tests[:6]])
        self.stream = np.ascontiguousarray(rows)  # (n, n_channels), as a pipeline holds it
        self._staging = _aligned(n_samples, n_channels)
        self._view = self._staging.T
        self._view.flags.writeable = False

    def check_methods(self) -> None:
        require_methods(self.decoder, self.name, ("fit", "predict"), "Decoder")
        if any(callable(getattr(self.decoder, method, None)) for method in ("arrays", "restore")):
            require_methods(self.decoder, self.name, ("arrays", "restore"), "Saves")

    def check_fit(self, learns: bool) -> DecoderReport:
        windows, labels = self.windows.copy(), self.labels.copy()
        self._prepare(self.decoder)
        began = time.perf_counter()
        self._call("fit", lambda: self.decoder.fit(windows, labels), f"on {self.n_classes} classes of windows")
        fit_ms = (time.perf_counter() - began) * 1e3
        require(
            same_bytes(windows, self.windows) and same_bytes(labels, self.labels),
            f"{self.name}.fit changed the windows or labels it was given; others are fitted on them too: work on a copy",
        )
        right, times = 0, []
        for i, truth in enumerate(self.truth):
            window = self._window(self.tests[i].T, i * self.n_samples)
            began = time.perf_counter()
            answer = self._predict(self.decoder, window)
            times.append(time.perf_counter() - began)
            self._check_answer(answer)
            right += int(np.argmax(answer) == truth)
        accuracy = right / len(self.truth)
        wanted = 1.0 / self.n_classes + 0.4 * (1.0 - 1.0 / self.n_classes)
        if learns:
            require(
                accuracy >= wanted,
                f"{self.name} decoded {accuracy:.0%} of clearly separable windows of {self.n_classes} classes rightly, "
                f"where chance is {1 / self.n_classes:.0%}; at least {wanted:.0%} would be right: is the order of the "
                "classes that of the labels 0, 1, …?",
            )
        return DecoderReport(accuracy, fit_ms, float(np.median(times)) * 1e3)

    def check_answers(self) -> None:
        first = self._predict(self.decoder, self._window(self.tests[0].T, 0))
        kept = first.copy()
        self._predict(self.decoder, self._window(self.tests[1].T, self.n_samples))
        require(
            same_bytes(np.asarray(first), kept),
            f"{self.name}.predict changed an array that it had returned before; return a new array each time",
        )

    def check_window_untouched(self) -> None:
        window = self._alone(0)  # writeable, unlike the pipeline's, so that a write does not just raise
        self._predict(self.decoder, window)
        require(
            bool(np.array_equal(window.samples, self.tests[0])),
            f"{self.name}.predict changed the window's samples; work on a copy",
        )

    def check_same_answers(self) -> None:
        """The same window, in buffers of its own and in the one that is reused, with other windows between."""
        chosen = range(min(8, len(self.tests)))
        alone = {i: self._predict(self.decoder, self._alone(i)) for i in chosen}
        order = np.random.default_rng(SEED).permutation(np.repeat(list(chosen), 3))
        for i in order:
            answer = self._predict(self.decoder, self._window(self.tests[i].T, int(i) * self.n_samples))
            self._require_same(
                answer,
                alone[int(i)],
                "gave another answer to a window that it had been asked about before",
                "predict must depend on the window alone: keep no view of its samples (the buffer is reused), draw no "
                "random numbers, and learn nothing from it",
            )

    def check_overlapping(self) -> None:
        """Overlapping windows of one stream, in order and in any order, and others that begin at the same indices."""
        hop = max(1, self.n_samples // 10)
        starts = list(range(0, len(self.stream) - self.n_samples + 1, hop))[:30]
        in_order = {start: self._at(start, self.stream) for start in starts}
        skipping = np.random.default_rng(SEED).permutation(starts)
        for start in skipping:
            self._require_same(
                self._at(int(start), self.stream),
                in_order[int(start)],
                "gave another answer to a window when other windows came before it",
                "windows are skipped when a computer is busy, and a replay must still give the same decisions: let nothing "
                "depend on which windows were seen before, down to rounding",
            )
        other = np.ascontiguousarray(self.stream[::-1])
        fresh: Decoder = self._copied() or self.decoder
        for start in starts[:8]:
            expected = self._ask(fresh, start, other)
            self._require_same(
                self._at(start, other),
                expected,
                "gave another answer to a window that begins at an index it has seen with other samples",
                "indices start anew in every session: what is kept by index must be held against the samples",
            )

    def check_many(self) -> None:
        if isinstance(self.decoder, PredictsMany):
            self._many(self.decoder).check()

    def check_embedding(self) -> None:
        windows = [self._alone(i) for i in range(min(6, len(self.tests)))]
        EmbeddingCheck(
            self.decoder, self.name, lambda window: self._predict(self.decoder, window), windows, self.tolerance
        ).check()

    def check_adapting(self) -> None:
        if not isinstance(self.decoder, Adapts):
            return
        trials = [
            (np.ascontiguousarray(self.tests[self.truth == label][first : first + n]), label)
            for first, n in ((0, 3), (3, 1), (4, 6))
            for label in range(self.n_classes)
        ]
        AdaptCheck(self.decoder, self.name, self._copy_of, self._answers_of, trials, self.n_classes).check()

    def _many(self, decoder: Any) -> ManyCheck:
        return ManyCheck(
            decoder,
            self.name,
            lambda start, stream: self._ask(decoder, start, stream),
            self.stream,
            self.n_samples,
            self.n_classes,
            self.of_batches,
        )

    def check_devices(self) -> None:
        if uses_device(self.decoder):
            copied = self._copy_of if isinstance(self.decoder, Saves) else None
            DeviceCheck(self.decoder, self.name, self.of_batches, copied, self._said_of_tests).check()

    def check_joining(self) -> None:
        if not hasattr(self.decoder, "joins"):
            return
        others = [_made(self.make) for _ in range(2)]
        for shift, other in enumerate(others, 1):  # other labels, so that one's weights are not mistaken for another's
            self._prepare(other)
            other.fit(self.windows.copy(), (self.labels + shift) % self.n_classes)
        windows = [self._alone(i) for i in range(1 + len(others))]
        JoinCheck(self.decoder, self.name, self.of_batches, others, windows, self._predict, self._check_answer).check()

    def _said_of_tests(self, decoder: Any) -> NDArray[np.float64]:
        """What ``decoder`` says of the first test windows, (n, n_classes)."""
        return np.array([self._predict(decoder, self._alone(i)) for i in range(min(8, len(self.tests)))])

    def _answers_of(self, decoder: Any) -> NDArray[np.float64]:
        """What ``decoder`` says of some windows, in both ways where it has both."""
        starts = list(range(0, len(self.stream) - self.n_samples + 1, max(1, self.n_samples // 4)))
        answers = [self._ask(decoder, start, self.stream) for start in starts]
        for answer in answers:
            self._check_answer(answer)
        if isinstance(decoder, PredictsMany):
            self._require_same(
                self._many(decoder).answers(self.stream, starts),
                np.array(answers),
                "answers with predict_many otherwise than with predict after adapt()",
                "both must know what adapt learnt",
                self.of_batches,
            )
        return np.array(answers)

    def check_saving(self) -> None:
        copy = self._copied()
        if copy is None:
            return
        arrays = self._arrays(self.decoder)
        for i in range(min(8, len(self.tests))):
            window = self._window(self.tests[i].T, i * self.n_samples)
            self._require_same(
                self._predict(copy, window),
                self._predict(self.decoder, window),
                "does not decide after restore() as it did before arrays()",
                "arrays() must hold everything that fit learnt, in full precision; the rest comes from the constructor",
            )
        again = copy.arrays()
        require(
            set(again) == set(arrays) and all(same_bytes(np.asarray(again[k]), arrays[k]) for k in arrays),
            f"{self.name}.arrays() after restore() differ from what was restored; they must be the same, bit for bit",
        )
        unfit = _made(self.make)
        self._prepare(unfit)
        try:
            unfit.restore({})
        except DecoderError:
            return
        except Exception as error:
            raise ContractError(
                f"{self.name}.restore() raised {type(error).__name__} on arrays that are not its own; "
                "a DecoderError with a sentence would be right"
            ) from error
        raise ContractError(f"{self.name}.restore() took arrays that are not its own; a DecoderError would be right")

    # ------------------------------------------------------------------ asking

    def _prepare(self, decoder: Decoder) -> None:
        if isinstance(decoder, KnowsStream):
            decoder.prepare(self.info, self.n_samples, self.n_classes)

    def _arrays(self, decoder: Any) -> Mapping[str, NDArray[Any]]:
        arrays = decoder.arrays()
        for key, value in arrays.items():
            require(
                isinstance(key, str) and isinstance(value, np.ndarray) and value.dtype.kind in "biuf",
                f"{self.name}.arrays() gives {key!r}: {type(value).__name__}; names and numeric NumPy arrays would be right",
            )
        return {key: np.array(value) for key, value in arrays.items()}

    def _copied(self) -> Any:
        """A new decoder with what this one learnt, as after loading a model file; None where it cannot be saved so."""
        return self._copy_of(self.decoder) if isinstance(self.decoder, Saves) else None

    def _copy_of(self, decoder: Any, first: Callable[[Any], None] = lambda made: None) -> Any:
        copy = _made(self.make)
        first(copy)
        copy.restore(self._arrays(decoder))
        self._prepare(copy)  # the stream is known only after loading
        return copy

    def _window(self, rows: Samples, start: int) -> Window:
        """A window on the reused buffer, filled with ``rows`` (n_samples, n_channels)."""
        self._staging[:] = rows
        stop = start + self.n_samples
        return Window(self._view, start, stop - 1, stop / self.info.rate, stop / self.info.rate, fresh=self.n_samples)

    def _alone(self, i: int) -> Window:
        """Test window number ``i`` on a buffer of its own."""
        buffer = _aligned(*self._staging.shape)
        buffer[:] = self.tests[i].T
        start = i * self.n_samples
        return Window(buffer.T, start, start + self.n_samples - 1, 0.0, 0.0, fresh=self.n_samples)

    def _at(self, start: int, stream: Samples) -> NDArray[np.float64]:
        return self._ask(self.decoder, start, stream)

    def _ask(self, decoder: Decoder, start: int, stream: Samples) -> NDArray[np.float64]:
        return self._predict(decoder, self._window(stream[start : start + self.n_samples], start))

    def _predict(self, decoder: Decoder, window: Window) -> NDArray[np.float64]:
        answer: NDArray[np.float64] = self._call(
            "predict", lambda: decoder.predict(window), "on a window with read-only samples"
        )
        return answer

    def _call(self, method: str, call: Callable[[], Any], when: str) -> Any:
        try:
            return call()
        except (Exception, SystemExit) as error:
            raise ContractError(f"{self.name}.{method} raised {type(error).__name__} {when}: {error}") from error

    def _check_answer(self, answer: object) -> None:
        what = f"{self.name}.predict returned "
        right = f"; ({self.n_classes},) float64 natural logarithms of the class probabilities would be right"
        require(isinstance(answer, np.ndarray), what + f"a {type(answer).__name__}" + right)
        assert isinstance(answer, np.ndarray)
        require(answer.shape == (self.n_classes,), what + f"an array of shape {answer.shape}" + right)
        require(answer.dtype == np.float64, what + f"{answer.dtype}" + right)
        require(bool(np.isfinite(answer).all()), what + f"{answer}, which is not finite" + right)
        total = float(np.exp(answer).sum())
        require(abs(total - 1.0) < 1e-6, what + f"{answer}, probabilities that sum to {total:.6g}" + right)

    def _require_same(
        self,
        got: NDArray[np.float64],
        expected: NDArray[np.float64],
        wrong: str,
        right: str,
        tolerance: float | None = None,
    ) -> None:
        allowed = self.tolerance if tolerance is None else tolerance
        near = bool(np.allclose(got, expected, rtol=0.0, atol=allowed)) if allowed else False
        require(near or same_bytes(got, expected), f"{self.name} {wrong} ({apart(got, expected)}); {right}")
