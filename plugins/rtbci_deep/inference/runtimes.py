"""With which runtime a model predicts on a CPU: chosen after training, kept with the model."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from rtbci.training_run import TrainingRun
from rtbci_deep.inference.fused import fuse
from rtbci_deep.inference.onnx_runner import export, is_there, require_packages
from rtbci_deep.inference.runner import Runner
from rtbci_deep.inference.steps import Array
from rtbci_deep.inference.timing import Clock, in_words, medians
from rtbci_deep.settings import Runtime
from rtbci_deep.shape import array_to_text, text_to_array
from rtbci_deep.state import LOCAL, SHARED, State

ROUNDS, WARM_UP = 60, 10
"""Calls of either runtime that decide which is faster."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """What a model predicts with: "torch", "onnx" or, where nothing was to be chosen, "", which is PyTorch too.

    For "onnx" there is the exported network, ``model`` (n_bytes,) uint8.

    Weights may become others without a training, where models of several sites are averaged; an export of the old ones would
    go on deciding, and nobody would see it. So it is held against the `fingerprint` (32,) uint8 of the weights.
    """

    name: str = ""
    model: NDArray[np.uint8] | None = None
    weights: NDArray[np.uint8] | None = None

    def arrays(self) -> dict[str, NDArray[Any]]:
        """``meta/runtime``, ``meta/onnx`` and ``meta/onnx_weights``: those of them that there are."""
        kept: dict[str, NDArray[Any]] = {"meta/runtime": text_to_array(self.name)} if self.name else {}
        if self.model is not None and self.weights is not None:
            kept |= {"meta/onnx": self.model, "meta/onnx_weights": self.weights}
        return kept

    @classmethod
    def restore(cls, arrays: Mapping[str, NDArray[Any]]) -> Chosen:
        """What `arrays` gave. Raises ValueError."""
        name = array_to_text(arrays["meta/runtime"]) if "meta/runtime" in arrays else ""
        parts = [arrays.get(key) for key in ("meta/onnx", "meta/onnx_weights")]
        if name not in ("", "torch", "onnx") or any((part is not None) != (name == "onnx") for part in parts):
            raise ValueError(f'runtime "{name}" {"with half of" if name == "onnx" else "with"} an exported network')
        return cls(name, *(None if part is None else np.array(part, np.uint8) for part in parts))

    def exported(self, weights: Mapping[str, NDArray[Any]]) -> tuple[bytes | None, str | None]:
        """The network for onnxruntime, where it is to be used and is one of ``weights``; a sentence where it cannot be."""
        if self.model is None or self.weights is None:
            return None, None
        if not np.array_equal(self.weights, fingerprint(weights)):
            return None, (
                "the network that was exported for onnxruntime has other weights than the model: it runs with PyTorch; "
                "training it again would be right"
            )
        if not is_there("onnxruntime"):
            return None, (
                "the model was to run with onnxruntime, which is not installed: it runs with PyTorch, whose "
                'log-probabilities are as near as the tolerance; pip install "rtbci[onnx]" would be right'
            )
        return self.model.tobytes(), None


def fingerprint(weights: Mapping[str, NDArray[Any]]) -> NDArray[np.uint8]:
    """SHA-256 (32,) uint8 of the ``local/…`` and ``shared/…`` arrays among ``weights``."""
    digest = hashlib.sha256()
    for name in sorted(weights):
        if name.startswith((LOCAL, SHARED)):
            digest.update(f"{name} {weights[name].shape} {weights[name].dtype}\n".encode())
            digest.update(np.ascontiguousarray(weights[name]).tobytes())
    return np.frombuffer(digest.digest(), np.uint8).copy()


def choose(
    runtime: Runtime,
    kind: type[Runner],
    state: State,
    threads: int,
    window: Array,
    run: TrainingRun,
    clock: Clock | None = None,
) -> Chosen:
    """Choose what the network of ``state`` predicts with on a CPU, as ``runtime`` says; "fastest" is what a clock says.

    Parameters
    ----------
    kind : of runner.
    window : (n_chans, n_times) float32, to ask about.
    run : is told both medians.

    Raises
    ------
    DecoderError
        When the network is to be exported and that is not possible.
    """
    if runtime == "torch":
        return Chosen()
    require_packages(runtime)
    whole, shape = state.whole, state.shape
    fused = fuse(whole, shape.n_times)
    part, row = kind.part(fused, shape.n_times, shape.n_chans)
    model = export(part, row, fused.given(0, None) if part is fused else ())
    onnx = Chosen("onnx", np.frombuffer(model, np.uint8).copy(), fingerprint(state.arrays()))
    if runtime == "onnx":
        return onnx

    def asks(exported: bytes | None) -> Callable[[], object]:
        runner = kind(whole, shape.n_chans, shape.n_times, torch.device("cpu"), threads, exported=exported)
        return lambda: runner.one(window, 0, None)

    more: dict[str, Clock] = {} if clock is None else {"clock": clock}
    took = medians({"torch": asks(None), "onnx": asks(model)}, ROUNDS, WARM_UP, **more)
    chosen = onnx if took["onnx"] < took["torch"] else Chosen("torch")
    run.note(
        f"a window takes {in_words(took['torch'])} with PyTorch and {in_words(took['onnx'])} with onnxruntime "
        f"(medians of {ROUNDS}, cpu, {threads} thread{'s' * (threads != 1)}): it predicts with "
        f"{'onnxruntime' if chosen.name == 'onnx' else 'PyTorch'}"
    )
    return chosen
