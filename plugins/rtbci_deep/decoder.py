"""What all decoders of this package have in common: from a calibration to a network, from a window to its output."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from rtbci.calibration import Calibration, Indices
from rtbci.errors import DecoderError
from rtbci.held_out import chronological, everything
from rtbci.training_run import TrainingRun
from rtbci.types import Samples, StreamInfo, Window
from rtbci_deep import device as devices
from rtbci_deep.inference.joint import Joint, are_alike
from rtbci_deep.inference.onnx_runner import require_packages
from rtbci_deep.inference.runner import Runner
from rtbci_deep.inference.runtimes import Chosen, choose
from rtbci_deep.lesson import Lesson
from rtbci_deep.material import Material, Ranks, stranger_after
from rtbci_deep.ranks import join
from rtbci_deep.settings import Settings
from rtbci_deep.shape import Shape
from rtbci_deep.state import State
from rtbci_deep.trainer import Objective
from rtbci_deep.whole import Whole


@dataclass(kw_only=True, eq=False)
class NetworkDecoder(Settings):
    """A network as a decoder: trains, predicts, and is saved as arrays.

    Subclasses say which network (`_network`), what it is trained for (`_objective`), and what its output means
    (`_log_probs`).

    Attributes
    ----------
    runs_on : what it runs on, in words.
    tolerance : how far log-probabilities of batches, or of another device, may be from those of single windows.
    """

    TARGETS: ClassVar[bool] = False
    """Whether it is trained on embeddings of what was shown; then classes may be missing from a held-out block."""
    tolerance: ClassVar[float] = 1e-3
    RUNNER: ClassVar[type[Runner]] = Runner
    """What asks the network."""
    JOINS_ON_CPU: ClassVar[bool] = False
    """Whether decoders share batches on a CPU too, where that is slower: for tests."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.runs_on = ""
        self.notes: tuple[str, ...] = ()
        self._info: StreamInfo | None = None
        self._n_classes: int | None = None
        self._forced: str | None = None
        self._state: State | None = None
        self._chosen = Chosen()
        self._runner: Runner | None = None
        self._joint: Joint | None = None
        self._subject = 0

    # ------------------------------------------------------------------ what a subclass says

    def _network(self, shape: Shape) -> nn.Module:
        """An untrained network for windows of ``shape``. Raises ValueError when there can be none."""
        raise NotImplementedError

    def _objective(self, material: Material, whole: Whole) -> Objective:
        """What the network is trained for."""
        raise NotImplementedError

    def _log_probs(self, outputs: NDArray[np.float32]) -> NDArray[np.float64]:
        """Log-probabilities (n_windows, n_classes) of what the network said (n_windows, n_outputs)."""
        raise NotImplementedError

    def _begin(self, calibration: Calibration) -> Indices:
        """Get ready to learn from ``calibration``; what was shown at each of its windows (n_windows,) int64."""
        return calibration.labels

    def _check_begin(self, begin: Mapping[str, NDArray[Any]]) -> None:
        """Refuse arrays of a model whose shared part, which is kept, has learnt something else. Raises DecoderError."""

    def _fit_confidence(self, outputs: NDArray[np.float32], held_out: Calibration) -> None:
        """Fit the temperature to what the network said (n_windows, n_outputs) of windows that it was not trained on."""
        raise NotImplementedError

    def _own_arrays(self) -> dict[str, NDArray[Any]]:
        """What this kind of decoder keeps beside its network."""
        return {}

    def _own_restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Take back what `_own_arrays` gave. Raises KeyError or ValueError."""

    # ------------------------------------------------------------------ stream and device

    def use_device(self, device: str) -> None:
        """Run on ``device`` from the next `prepare` on."""
        self._forced = device
        self._runner = None

    def prepare(self, info: StreamInfo, n_samples: int, n_classes: int) -> None:
        """Take the stream as it comes out of the transforms. A restored network is brought to its device here."""
        self._info, self._n_classes = info, n_classes
        if self._state is not None:
            shape = self._state.shape
            if (info.n_channels, n_samples) != (shape.n_chans, shape.n_times):
                raise DecoderError(
                    f"windows of {info.n_channels} channels and {n_samples} samples; the network was trained on "
                    f"{shape.n_chans} channels and {shape.n_times} samples"
                )
            self._runner = None
            self._ready()

    def _ready(self) -> Runner:
        """The network on its device."""
        if self._runner is not None:
            return self._runner
        if self._state is None:
            raise DecoderError(f"{self._name}: neither fitted nor restored; fit it or load a model first")
        device, problem = devices.find(self._forced or self.device)
        self.notes = () if problem is None else (problem,)
        devices.exact_arithmetic()
        shape = self._state.shape
        with devices.lost_if_gone(device):
            self._runner, self._joint = self._make_runner(device), None
        self.runs_on = ", ".join(filter(None, (devices.in_words(device, self.threads), self._runner.way)))
        whose = self._info.subject if self._info is not None else ""
        known = whose in shape.subjects
        self._subject = shape.subjects.index(whose) if known else stranger_after(shape.subjects)
        if "subject" in self._state.whole.uses and not known:
            who = f'"{whose}" is' if whose else "it is not said who sits there ([recording] subject), so it is"
            self.notes += (f"{who} a stranger to the network, which knows {', '.join(shape.subjects) or 'nobody'}",)
        return self._runner

    def _make_runner(self, device: torch.device) -> Runner:
        assert self._state is not None
        exported, problem = None, None
        if device.type == "cpu" and self.runtime != "torch":
            exported, problem = self._chosen.exported(self._state.arrays())
        if problem is not None:
            self.notes += (problem,)
        whole, shape, how = self._state.whole, self._state.shape, self.acceleration
        return self.RUNNER(
            whole, shape.n_chans, shape.n_times, device, self.threads, acceleration=how, exported=exported
        )

    @property
    def _name(self) -> str:
        return type(self).__name__

    # ------------------------------------------------------------------ learning

    def fit(self, windows: Samples, labels: NDArray[np.int64]) -> NetworkDecoder:
        """Learn from ``windows`` (n_windows, n_channels, n_samples) float32, in order of time, and ``labels`` (n_windows,).

        Every window is taken for a trial; `learn` knows more.
        """
        if windows.ndim != 3 or len(windows) != len(labels) or not len(windows):
            raise DecoderError(
                f"windows of shape {windows.shape} with {len(labels)} labels; "
                "fit wants (n_windows, n_channels, n_samples) and one label for each window"
            )
        if self._info is None or self._info.n_channels != windows.shape[1]:
            raise DecoderError(
                f"{self._name}: the stream of these windows is not known; call prepare(info, n_samples, n_classes) first"
            )
        n_classes = self._n_classes or 1 + int(labels.max())
        names = [str(k) for k in range(n_classes)]
        self.learn(Calibration.of_windows(self._info, windows, labels, names), TrainingRun())
        return self

    def learn(self, calibration: Calibration, run: TrainingRun) -> None:
        """Train on ``calibration`` and bring the network to its device. Raises DecoderError, DeviceLost."""
        self._check(calibration)
        if self.runtime != "torch":
            require_packages(self.runtime)  # now, not after hours of training
        self._info, self._n_classes = calibration.info, len(calibration.classes)
        device, problem = devices.find(self._forced or self.device)
        if problem:
            run.note(problem)
        if run.of > 1:
            device = devices.of_rank(device)
        devices.use_threads(self.threads)
        devices.keep_memory()
        devices.exact_arithmetic()
        join(Ranks(run.rank, run.of), device)
        items = self._begin(calibration)
        if run.begin is not None and run.train == "local":
            self._check_begin(run.begin)
        shape = self._shape(calibration)
        split = chronological(calibration, self.validation, every_class=not self.TARGETS)
        if split.problem:
            run.note(f"{split.problem}; all epochs are trained, and its confidence is not calibrated")
        lesson = Lesson(self._name, calibration, items, shape, self, run, device, self._network, self._objective)
        whole = lesson.build()
        course = lesson.train(whole, split, self.epochs, "first")
        lesson.tell(course, split)
        self._state = State(shape, whole)
        if len(split.held_out):
            self._calibrate(calibration.only(split.held_out), device)
            if self.refit:
                whole = lesson.build()
                epochs = course.best_epoch or course.epochs
                lesson.train(whole, everything(calibration), epochs, "refit")
                run.note(f"trained anew on all trials for {epochs} epochs")
                self._state = State(shape, whole)
        self._runner = None
        self._settle(calibration, run)
        self._ready()

    def fit_confidence(self, calibration: Calibration, run: TrainingRun) -> None:
        """Fit the temperature anew to the trials that training holds out, for weights that have become others since.

        Raises DecoderError, DeviceLost.
        """
        if self._state is None:
            raise DecoderError(f"{self._name}: neither fitted nor restored; there is nothing to be sure of")
        self._info, self._n_classes = calibration.info, len(calibration.classes)
        self._begin(calibration)
        split = chronological(calibration, self.validation, every_class=not self.TARGETS)
        if split.problem:
            run.note(f"{split.problem}; its confidence is not calibrated")
        if len(split.held_out):
            device, _ = devices.find(self._forced or self.device)
            self._calibrate(calibration.only(split.held_out), device)
        self._runner = None
        self._settle(calibration, run)
        self._ready()

    def _settle(self, calibration: Calibration, run: TrainingRun) -> None:
        """Training is over: choose how predictions are made. Raises DecoderError."""
        assert self._state is not None
        self._chosen = Chosen()
        if run.rank == 0:
            window = calibration.cut([0])[0]
            self._chosen = choose(self.runtime, self.RUNNER, self._state, self.threads, window, run)

    def _check(self, calibration: Calibration) -> None:
        counts = np.bincount(calibration.labels, minlength=len(calibration.classes))
        if len(calibration.classes) < 2 or (not self.TARGETS and not counts.all()):
            raise DecoderError(
                f"classes with {counts.tolist()} training windows; every class needs some, and there must be two or more"
            )

    def _shape(self, calibration: Calibration) -> Shape:
        subjects = tuple(sorted({signal.subject for signal in calibration.signals} - {""}))
        info, n_classes = calibration.info, len(calibration.classes)
        return Shape(info.n_channels, calibration.n_samples, n_classes, n_classes, info.rate, subjects)

    def _calibrate(self, held_out: Calibration, device: torch.device) -> None:
        assert self._state is not None
        runner = self.RUNNER(self._state.whole, held_out.info.n_channels, held_out.n_samples, device, self.threads)
        subjects = {name: k for k, name in enumerate(self._state.shape.subjects)}
        said = []
        for row in range(len(held_out)):  # one by one, as live
            whose = held_out.signals[held_out.places.signal[row]].subject
            said.append(runner.one(held_out.cut([row])[0], subjects.get(whose, stranger_after(subjects)), None))
        self._fit_confidence(np.array(said), held_out)

    # ------------------------------------------------------------------ predicting

    def predict(self, window: Window) -> NDArray[np.float64]:
        """Log-probabilities (n_classes,) of ``window``."""
        log_probs: NDArray[np.float64] = self._log_probs(self._said(window)[None])[0]
        return log_probs

    def predict_many(self, windows: Samples, starts: NDArray[np.int64]) -> NDArray[np.float64]:
        """Log-probabilities (n_windows, n_classes) of ``windows``, within `tolerance` of those of `predict`."""
        runner = self._ready()
        self._check_shape(windows.shape[1:])
        return self._log_probs(runner.many(windows, self._subject, None))

    def joins(self, other: object) -> bool:
        """Whether windows of ``other`` can be decided in one batch with its own, and that is faster: on a GPU alone.

        On one thread of a CPU two windows in a batch took .95 to 1.5 times as long as one after the other (2026-11).
        """
        if not isinstance(other, NetworkDecoder) or type(other) is not type(self):
            return False
        ours, theirs = self._ready(), other._ready()
        return (self.JOINS_ON_CPU or ours.device.type != "cpu") and are_alike(ours, theirs)

    def predict_joined(
        self, others: Sequence[NetworkDecoder], windows: Sequence[Window]
    ) -> Sequence[NDArray[np.float64]]:
        """Log-probabilities (n_classes,) of each window by this decoder and ``others``, within `tolerance` of `predict`."""
        together = (self, *others)
        runners = tuple(decoder._ready() for decoder in together)
        # in the warm-up all that join are there; later some may have no window due, and any of them may be the first
        made = [decoder._joint for decoder in together if decoder._joint is not None]
        joint = next((one for one in made if set(runners) <= set(one.runners)), None)
        if joint is None:
            known = () if self._joint is None else self._joint.runners
            joint = Joint((*known, *(runner for runner in runners if runner not in known)))
            for decoder in together:
                decoder._joint = joint
        for decoder, window in zip(together, windows, strict=True):
            decoder._check_shape(window.samples.shape)
        given = [d._ready().given(d._subject, d._bad(w.bads)) for d, w in zip(together, windows, strict=True)]
        outputs = joint.ask([window.samples for window in windows], given, runners)
        return [decoder._log_probs(said[None])[0] for decoder, said in zip(together, outputs, strict=True)]

    def _said(self, window: Window) -> NDArray[np.float32]:
        """What the network says (n_outputs,) of ``window``."""
        runner = self._ready()
        self._check_shape(window.samples.shape)
        return runner.one(window.samples, self._subject, self._bad(window.bads))

    def _bad(self, names: Sequence[str]) -> NDArray[np.bool_] | None:
        if not names or self._info is None:
            return None
        return np.array([name in names for name in self._info.names])

    def _check_shape(self, shape: tuple[int, ...]) -> None:
        assert self._state is not None
        wanted = (self._state.shape.n_chans, self._state.shape.n_times)
        if shape != wanted:
            raise DecoderError(
                f"a window of {shape[0]} channels and {shape[1]} samples; "
                f"the decoder was fitted on {wanted[0]} channels and {wanted[1]} samples"
            )

    # ------------------------------------------------------------------ saving

    def arrays(self) -> Mapping[str, NDArray[Any]]:
        """What training gave: weights as "local/…" and "shared/…", the rest as "meta/…"."""
        if self._state is None:
            raise DecoderError(f"{self._name}: neither fitted nor restored; there is nothing to save")
        return {**self._state.arrays(), **self._chosen.arrays(), **self._own_arrays()}

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Become what wrote ``arrays``. Raises DecoderError."""
        try:
            shape = Shape.restore(arrays)
            with torch.random.fork_rng(devices=[]):
                whole = Whole(self._network(shape), shape.n_chans, self.clip)
            self._state = State.restore(shape, whole, arrays)
            self._chosen = Chosen.restore(arrays)
            self._own_restore(arrays)
        except (KeyError, ValueError, TypeError, RuntimeError) as error:
            reason = " ".join(str(error).split())[:200]
            raise DecoderError(
                f"{self._name}: arrays that it cannot have written ({reason}); train the model again"
            ) from error
        self._runner = None
