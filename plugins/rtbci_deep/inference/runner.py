"""One trained network, ready to be asked: on its device, in its fastest form, with its buffers made once."""

from __future__ import annotations

from collections import OrderedDict

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from rtbci_deep.device import lost_if_gone
from rtbci_deep.inference.cuda import Cuda, GpuStep
from rtbci_deep.inference.fused import Fused, fuse
from rtbci_deep.inference.onnx_runner import OnnxStep
from rtbci_deep.inference.steps import Array, CpuStep, Given, Step
from rtbci_deep.settings import Acceleration
from rtbci_deep.whole import Whole

KEPT = 32
"""Sets of bad channels, and subjects, of which is kept what depends on them alone."""


class Runner:
    """Asks ``whole`` about windows of (n_chans, n_times) on ``device``.

    A window of which nothing is known but its samples gives the same bits, whatever was asked before.

    Parameters
    ----------
    threads : of the CPU.
    acceleration : on a GPU; see `Settings`.
    exported : what `rtbci_deep.inference.onnx_runner.export` gave of `part`, for a CPU; None: PyTorch.

    Attributes
    ----------
    fused : the network as it is run. way : how, in words, where that is not the usual way.
    """

    def __init__(
        self,
        whole: Whole,
        n_chans: int,
        n_times: int,
        device: torch.device,
        threads: int,
        *,
        acceleration: Acceleration = "eager",
        exported: bytes | None = None,
    ) -> None:
        self.device, self.threads, self.acceleration = device, threads, acceleration
        self.shape = n_times, n_chans
        self._kept: OrderedDict[tuple[int, bytes], Given] = OrderedDict()
        with lost_if_gone(device):
            self.fused = fuse(whole, n_times).to(device)
            part, shape = self.part(self.fused, n_times, n_chans)
            on_cpu = device.type == "cpu"
            self._step: Step = (
                OnnxStep(exported, shape, threads) if on_cpu and exported is not None else self._step_of(part, shape)
            )
            self._step.prepare(self.given(0, None))

    @staticmethod
    def part(fused: Fused, n_times: int, n_chans: int) -> tuple[nn.Module, tuple[int, ...]]:
        """What of ``fused`` takes the time, and the shape of a row that it takes."""
        return fused, (n_times, n_chans)

    @property
    def way(self) -> str:
        """How it is run, in words, where that is not the usual way: "CUDA graph"."""
        return self._step.way

    def one(self, samples: Array, subject: int, bad: NDArray[np.bool_] | None) -> Array:
        """The main output (n_outputs,) for one window ``samples`` (n_chans, n_times)."""
        with lost_if_gone(self.device):
            self._step.rows[0] = samples.T
            answer: Array = self._step(1, self.given(subject, bad))[0]
            return answer

    def many(self, windows: Array, subject: int, bad: NDArray[np.bool_] | None) -> Array:
        """The main outputs (n_windows, n_outputs) for ``windows`` (n_windows, n_chans, n_times)."""
        with lost_if_gone(self.device):
            return in_blocks(self._step, windows.transpose(0, 2, 1), self.given(subject, bad))

    def given(self, subject: int, bad: NDArray[np.bool_] | None) -> Given:
        """What the network takes beside windows of ``subject`` whose channels ``bad`` (n_chans,) are bad."""
        shut = None if bad is None or not bad.any() else bad
        key = subject, b"" if shut is None else shut.tobytes()
        if key not in self._kept:
            with torch.inference_mode():
                self._kept[key] = self.fused.given(subject, shut)
            if len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return self._kept[key]

    def _step_of(self, module: nn.Module, shape: tuple[int, ...]) -> Step:
        if self.device.type == "cpu":
            return CpuStep(module, shape, self.threads)
        return GpuStep(module, shape, Cuda(self.device), self.acceleration)


def in_blocks(step: Step, rows: Array, given: Given = ()) -> Array:
    """What ``step`` makes of ``rows`` (n, ...), as many at once as it has room for: (n, n_outputs)."""
    parts = []
    for first in range(0, len(rows), len(step.rows)):
        part = rows[first : first + len(step.rows)]
        step.rows[: len(part)] = part
        parts.append(step(len(part), given))
    return np.concatenate(parts)
