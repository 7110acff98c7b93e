"""From an evoked response to an embedding by ridge regression: it trains in seconds, and is the first thing to be beaten.

Source: the code of Perceptogram, which maps flattened EEG to the embedding of the picture and brings predictions to the mean
and spread of the training embeddings. It takes the spread of predictions from the test set, which no live decoder can see:
here it is that of held-out calibration trials, and stays.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtbci.bank.targets import Targets, directions, load, unit
from rtbci.calibration import Calibration, Indices
from rtbci.confidence import log_softmax, temperature
from rtbci.errors import DecoderError
from rtbci.held_out import chronological
from rtbci.training_run import TrainingRun
from rtbci.types import Channel, Samples, StreamInfo, Window
from rtbci_vision.ridge import Array, Linear, Ridge

USUAL_ALPHA = 1e3
"""Where no trials are held out to choose one."""
SCALE = 3.0
"""What cosines are multiplied with where nothing was held out, and what few held-out trials are drawn towards: modest."""
FITTED = ("mean", "spread", "weights", "offset", "classes", "n_times")
ARRAYS = (*FITTED, "space_id", "logit_scale", "item_scale")


@dataclass(kw_only=True, eq=False)
class RidgeEmbed:
    """Ridge regression to the embedding of what is seen; the class whose embedding is nearest is the answer.

    For windows that are locked to a marker. A window (n_channels, n_samples) is averaged over stretches of ``bin`` seconds,
    each value brought to the mean and spread that it had in training, and mapped linearly onto the embedding.

    Parameters
    ----------
    targets : a bank, or a file of embeddings by marker label; without one each class is a direction of its own.
    dims : length of such a direction.
    bin : seconds that are averaged into one value.
    alpha : strength of the penalty; 0: what predicts held-out trials best.
    validation : share of each subject's trials, the last ones, that are held out for ``alpha``, spread and confidence.
    restandardise : whether predictions are brought to the mean and spread that embeddings had in training.

    Attributes
    ----------
    space_id : of the embeddings. logit_scale, item_scale : what cosines with classes, and with all items, are multiplied
        with for probabilities.
    """

    targets: Path | None = None
    dims: int = 64
    bin: float = 0.02
    alpha: float = 0.0
    validation: float = 0.2
    restandardise: bool = True
    space_id: str = field(default="", init=False)
    logit_scale: float = field(default=SCALE, init=False)
    item_scale: float = field(default=SCALE, init=False)

    def __post_init__(self) -> None:
        if self.dims < 2:
            raise DecoderError(f"dims = {self.dims}; 2 or more would be right")
        if not (math.isfinite(self.bin) and self.bin > 0):
            raise DecoderError(f"bin = {self.bin:g}; seconds above 0, such as 0.02, would be right")
        if not (math.isfinite(self.alpha) and self.alpha >= 0):
            raise DecoderError(f"alpha = {self.alpha:g}; a number above 0, or 0 to have it chosen, would be right")
        if not 0.0 <= self.validation < 1.0:
            raise DecoderError(f"validation = {self.validation:g}; from 0 to below 1, such as 0.2, would be right")
        self._rate, self._n_times = 0.0, 0
        self._linear: Linear | None = None
        self._classes: Array = np.zeros((0, 0))

    def prepare(self, info: StreamInfo, n_samples: int, n_classes: int) -> None:
        """Take the rate and shape of windows. Raises DecoderError where a restored decoder knows others."""
        self._rate = info.rate
        if self._linear is None:
            return
        n_channels = len(self._linear.mean) // self._bins(self._n_times)[0]
        if (info.n_channels, n_samples, n_classes) != (n_channels, self._n_times, len(self._classes)):
            raise DecoderError(
                f"windows of {info.n_channels} channels and {n_samples} samples, {n_classes} classes; it was trained on "
                f"{n_channels}, {self._n_times} and {len(self._classes)}"
            )

    # ------------------------------------------------------------------ learning

    def fit(self, windows: Samples, labels: NDArray[np.int64]) -> RidgeEmbed:
        """Learn from ``windows`` (n_windows, n_channels, n_samples) float32 in order of time and ``labels`` (n_windows,)."""
        if not self._rate:
            raise DecoderError(
                "the stream of these windows is not known; prepare(info, n_samples, n_classes) comes first"
            )
        info = StreamInfo("windows", self._rate, tuple(Channel(f"C{k}") for k in range(windows.shape[1])))
        self.learn(Calibration.of_windows(info, windows, np.asarray(labels, np.int64)), TrainingRun())
        return self

    def learn(self, calibration: Calibration, run: TrainingRun) -> None:
        """Fit on ``calibration``: first without the trials that are held out, then on all. Raises DecoderError."""
        self._rate, self._n_times = calibration.info.rate, calibration.n_samples
        shown, items, classes = self._embeddings(calibration)
        x, y = self._features(calibration.windows), unit(shown.embeddings[items]).astype(np.float64)
        split = chronological(calibration, self.validation, every_class=False)
        alpha = self.alpha or USUAL_ALPHA
        self.space_id, self._classes = shown.space_id, aligned(classes)
        self.logit_scale = self.item_scale = SCALE
        if split.problem:
            run.note(f"{split.problem}; its confidence is not calibrated")
            linear = Ridge(x, y).fit(alpha)
        else:
            held = split.held_out
            before = Ridge(x[split.train], y[split.train])
            alpha = self.alpha or before.best(x[held], y[held])
            said = before.fit(alpha)(x[held])
            linear = Ridge(x, y).fit(alpha)
            if self.restandardise:
                centre, gain = said.mean(axis=0), y.std(axis=0) / np.maximum(said.std(axis=0), 1e-9)
                said = (said - centre) * gain + y.mean(axis=0)
                linear = linear.rescaled(centre, gain, y.mean(axis=0))
            z, trial = unit(said.astype(np.float32)), calibration.trial[held]
            cosines = np.stack([self._cosines(row) for row in z])
            self.logit_scale = SCALE / temperature(SCALE * cosines, calibration.labels[held], trial)
            self.item_scale = SCALE / shown.temperature(z, items[held], trial, SCALE)
        self._linear = Linear(*(aligned(part) for part in (linear.mean, linear.spread, linear.weights, linear.offset)))
        run.note(f"alpha {alpha:g}, {x.shape[1]} values a window, {y.shape[1]} dimensions of {shown.space_id}")

    def _embeddings(self, calibration: Calibration) -> tuple[Targets, Indices, NDArray[np.float32]]:
        counts = np.bincount(calibration.labels, minlength=len(calibration.classes))
        if np.count_nonzero(counts) < 2:
            raise DecoderError(f"classes with {counts.tolist()} training windows; two classes with some would be right")
        if self.targets is None:
            shown = directions(calibration, max(self.dims, len(calibration.classes)), 0)
            return shown, calibration.labels, shown.embeddings
        where = f"targets = {self.targets}"
        shown = load(self.targets, where)
        classes = shown.of_classes(calibration.class_labels, calibration.classes, where)
        return shown, shown.items(calibration, where), classes

    def _bins(self, n_samples: int) -> tuple[int, int]:
        """How many stretches a window has, and samples in each; what is left over at its begin is not used."""
        length = min(max(1, round(self.bin * self._rate)), n_samples)
        return n_samples // length, length

    def _features(self, windows: Samples) -> Array:
        """Values (n_windows, n_channels * n_bins) of ``windows`` (n_windows, n_channels, n_samples)."""
        n_bins, length = self._bins(windows.shape[2])
        used = aligned(windows[:, :, windows.shape[2] - n_bins * length :])
        values: Array = used.reshape(*windows.shape[:2], n_bins, length).mean(axis=3).reshape(len(windows), -1)
        return values

    # ------------------------------------------------------------------ predicting

    def embed(self, window: Window) -> NDArray[np.float32]:
        """Embedding (n_dims,) float32 of ``window``, of length 1."""
        return unit(self._said(window.samples).astype(np.float32))

    def predict(self, window: Window) -> NDArray[np.float64]:
        """Log-probabilities (n_classes,) of ``window``."""
        return self.classify(self.embed(window))

    def classify(self, embedding: NDArray[np.float32]) -> NDArray[np.float64]:
        """Log-probabilities (n_classes,) for an ``embedding`` (n_dims,) float32 of length 1."""
        return log_softmax(self.logit_scale * self._cosines(embedding))

    def _cosines(self, embedding: NDArray[np.float32]) -> Array:
        cosines: Array = self._classes @ aligned(embedding)
        return cosines

    def _said(self, samples: Samples) -> Array:
        if self._linear is None:
            raise DecoderError("it was neither fitted nor restored; training it first would be right")
        if samples.shape[1] != self._n_times or samples.shape[0] * self._bins(self._n_times)[0] != len(
            self._linear.mean
        ):
            raise DecoderError(
                f"a window of shape {samples.shape}; it was trained on windows of {self._n_times} samples and "
                f"{len(self._linear.mean)} values in all"
            )
        said: Array = self._linear(aligned(self._features(samples[None])))[0]
        return said

    # ------------------------------------------------------------------ saving

    def arrays(self) -> Mapping[str, NDArray[Any]]:
        """What was learnt."""
        assert self._linear is not None
        linear = {name: getattr(self._linear, name) for name in FITTED[:4]}
        return {
            **linear,
            "classes": self._classes,
            "n_times": np.array(self._n_times, np.int64),
            "space_id": np.frombuffer(self.space_id.encode(), np.uint8),
            "logit_scale": np.array(self.logit_scale),
            "item_scale": np.array(self.item_scale),
        }

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Become what wrote ``arrays``. Raises DecoderError when they cannot be its own."""
        if set(arrays) != set(ARRAYS):
            raise DecoderError(f"arrays {', '.join(sorted(arrays))}; {', '.join(sorted(ARRAYS))} would be right")
        found = {name: np.array(arrays[name], np.float64) for name in FITTED}
        n_features, n_dims = found["weights"].shape if found["weights"].ndim == 2 else (-1, -1)
        n_classes = len(found["classes"]) if found["classes"].ndim else -1
        shapes = {"mean": (n_features,), "spread": (n_features,), "offset": (n_dims,), "classes": (n_classes, n_dims)}
        wrong = [name for name, shape in {**shapes, "n_times": ()}.items() if found[name].shape != shape]
        wrong += [name for name, array in found.items() if not np.isfinite(array).all()]
        if wrong:
            raise DecoderError(f"arrays {', '.join(wrong)} are of another shape, or hold what is no finite number")
        self._linear = Linear(*(aligned(found[name]) for name in FITTED[:4]))
        self._classes, self._n_times = aligned(found["classes"]), int(found["n_times"])
        self.space_id = bytes(np.asarray(arrays["space_id"], np.uint8)).decode()
        self.logit_scale, self.item_scale = float(arrays["logit_scale"]), float(arrays["item_scale"])


def aligned(array: NDArray[Any]) -> Array:
    """A float64 copy, C order, that begins on 64 bytes: BLAS may round differently where it begins elsewhere."""
    raw = np.empty(array.size * 8 + 64, np.uint8)
    begin = -raw.ctypes.data % 64
    copy: Array = raw[begin : begin + array.size * 8].view(np.float64).reshape(array.shape)
    copy[...] = array
    return copy
