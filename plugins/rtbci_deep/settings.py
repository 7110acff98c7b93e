"""How a network is trained and run: the arguments that all decoders of this package have in common."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from rtbci.errors import DecoderError

Optimizer = Literal["adam", "adamw"]
Schedule = Literal["constant", "step", "one-cycle"]
Scale = Literal["zscore", "robust", "none"]
Precision = Literal["auto", "float32", "bfloat16", "float16"]
Runtime = Literal["torch", "onnx", "fastest"]
Acceleration = Literal["auto", "eager", "cuda-graph", "compile"]


@dataclass(kw_only=True)
class Settings:
    """Arguments of training and prediction; a network's own class says which defaults its paper has.

    Parameters
    ----------
    epochs, batch : passes over the trials at most, and windows in a batch.
    learning_rate, optimizer, weight_decay : of "adam" or "adamw".
    schedule : of the learning rate: "constant", "step" (a tenth of it for the last fifth of the epochs) or "one-cycle".
    validation : share of each subject's trials, the last ones, that are held out: for early stopping and for the confidence.
    patience : epochs without a smaller validation loss after which training stops; the best weights are kept. It counts once
        held-out trials are told better than by guessing. 0: never.
    refit : train anew on all trials for as many epochs as were best; the confidence stays that of the first training.
    balance : weigh classes by the inverse of their frequency.
    mixup : mix pairs of windows, and their losses, with a weight that is uniform for each batch.
    per_trial : windows of each trial in one epoch, of those that sliding windows have in it.
    jitter : seconds by which a window is moved at random each time it is shown. Not given: a sliding window may begin
        anywhere in its trial, one that is locked to a marker stays where it is.
    average : windows of the same marker label (and session) that are averaged into one in training.
    scale : per channel, from training windows alone: "zscore", "robust" (median and interquartile range) or "none".
    clip : values beyond this many units of ``scale`` are cut off. 0: none.
    seed : of initial weights, order and dropout: the same seed, device and threads give the same network.
    device : "auto" (a GPU where there is one), "cpu", "cuda" or "cuda:1".
    threads : of the CPU, in training and prediction; the bits of a decision depend on it.
    precision : of training on a GPU: "auto" is bfloat16 where the GPU has it, float16 otherwise; on a CPU float32.
    runtime : of predictions on a CPU: "torch", "onnx" (needs onnxruntime) or "fastest" (measured once, after training).
    acceleration : of predictions on a GPU: "eager", "cuda-graph" (a network's kernels are launched as one), "compile"
        (torch.compile, which takes minutes to begin for the first time) or "auto": eager or a graph, whichever is faster
        there.
    pretrained : published weights to begin from: a file (.pth, .pt, .bin, .safetensors), or a folder of them; what fits is
        told.
    """

    epochs: int = 200
    batch: int = 64
    learning_rate: float = 1e-3
    optimizer: Optimizer = "adam"
    weight_decay: float = 0.0
    schedule: Schedule = "constant"
    validation: float = 0.2
    patience: int = 50
    refit: bool = False
    balance: bool = True
    mixup: bool = False
    per_trial: int = 4
    jitter: float | None = None
    average: int = 1
    scale: Scale = "zscore"
    clip: float = 0.0
    seed: int = 0
    device: str = "auto"
    threads: int = 1
    precision: Precision = "auto"
    runtime: Runtime = "torch"
    acceleration: Acceleration = "auto"
    pretrained: Path | None = None

    def __post_init__(self) -> None:
        for key in ("epochs", "batch", "per_trial", "average", "threads"):
            _whole(key, getattr(self, key), 1)
        for key in ("patience", "seed"):
            _whole(key, getattr(self, key), 0)
        _within("learning_rate", self.learning_rate, 0.0, 10.0, open_below=True)
        _within("weight_decay", self.weight_decay, 0.0, 10.0)
        _within("validation", self.validation, 0.0, 0.5)
        _within("clip", self.clip, 0.0, math.inf)
        if self.jitter is not None:
            _within("jitter", self.jitter, 0.0, 60.0)
        for key, choices in (
            ("optimizer", Optimizer), ("schedule", Schedule), ("scale", Scale), ("precision", Precision),
            ("runtime", Runtime), ("acceleration", Acceleration),
        ):  # fmt: skip
            if getattr(self, key) not in get_args(choices):
                there = ", ".join(f'"{choice}"' for choice in get_args(choices))
                raise DecoderError(f'{key} = "{getattr(self, key)}": one of {there} would be right')


def _whole(key: str, value: object, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise DecoderError(f"{key} = {value!r}: it must be a whole number, {least} or more")


def _within(key: str, value: float, least: float, most: float, open_below: bool = False) -> None:
    if not least <= value <= most or (open_below and value == least):
        low = f"above {least:g}" if open_below else f"{least:g} or more"
        high = "" if math.isinf(most) else f" and at most {most:g}"
        raise DecoderError(f"{key} = {value!r}: it must be {low}{high}")
