"""Predicting on a GPU: page-locked buffers, copies and kernels on a stream of their own, and captured graphs.

Everything that only a GPU can do is in `Cuda`; `Host` does the same on a CPU, so that all else can be tried without a GPU.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from rtbci.errors import DecoderError
from rtbci_deep.device import GONE
from rtbci_deep.inference.steps import Array, Given
from rtbci_deep.inference.timing import Clock, medians
from rtbci_deep.settings import Acceleration

GPU_BLOCK = 64
"""Rows that a GPU takes at once; fewer, but not a single one, are filled up with zeros."""
ROUNDS, WARM_UP = 30, 5
"""Calls that decide between a graph and eager mode."""

Replay = Callable[[], Tensor]
"""Computes again, from the same memory to the same memory."""


class Gpu(Protocol):
    """A GPU as `GpuStep` sees it."""

    device: torch.device

    def page_locked(self, *shape: int) -> Tensor:
        """Zeros on the host that can be copied to and from while it goes on."""
        ...

    def lane(self) -> Any:
        """A context: what happens within is put into the GPU's queue, one after the other."""
        ...

    def finish(self) -> None:
        """Wait for all that was put into the queue."""
        ...

    def catch_up(self) -> None:
        """Wait for all that the GPU does, on any queue."""
        ...

    def capture(self, function: Replay) -> Replay:
        """``function``, whose inputs stay where they are, as something that replays all its kernels at once."""
        ...


class Cuda:
    """A GPU of NVIDIA, with a stream of its own."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]

    def page_locked(self, *shape: int) -> Tensor:
        """See `Gpu`."""
        return torch.zeros(*shape, pin_memory=True)

    @contextmanager
    def lane(self) -> Iterator[None]:
        """See `Gpu`."""
        with torch.cuda.device(self.device), torch.cuda.stream(self._stream):
            yield

    def finish(self) -> None:
        """See `Gpu`."""
        self._stream.synchronize()

    def catch_up(self) -> None:
        """See `Gpu`."""
        torch.cuda.synchronize(self.device)

    def capture(self, function: Replay) -> Replay:
        """See `Gpu`. Called within `lane`."""
        for _ in range(3):  # cuBLAS makes its handles and workspaces at first use, which a graph must not hold
            function()
        self._stream.synchronize()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, stream=self._stream, capture_error_mode="thread_local"):
            said = function()

        def replay() -> Tensor:
            graph.replay()
            return said

        return replay


class Host:
    """A CPU in the place of a GPU. A captured function keeps its output where it is, as a graph does."""

    def __init__(self) -> None:
        self.device = torch.device("cpu")
        self.captured = 0

    def page_locked(self, *shape: int) -> Tensor:
        """See `Gpu`."""
        return torch.zeros(*shape)

    @contextmanager
    def lane(self) -> Iterator[None]:
        """See `Gpu`."""
        yield

    def finish(self) -> None:
        """See `Gpu`."""

    def catch_up(self) -> None:
        """See `Gpu`."""

    def capture(self, function: Replay) -> Replay:
        """See `Gpu`."""
        self.captured += 1
        said = function().clone()

        def replay() -> Tensor:
            return said.copy_(function())

        return replay


class GpuStep:
    """Runs ``module`` on a GPU; see `rtbci_deep.inference.steps.Step`.

    A batch of one, and each further size, has input and output of its own on the GPU, so that a graph can be captured of it.

    Parameters
    ----------
    shape : of a row. sizes : of batches, ascending; a batch is filled up to the next one.
    acceleration : "eager", "cuda-graph", "compile", or "auto": a graph where it is faster than eager mode by the clock.
    """

    def __init__(
        self,
        module: nn.Module,
        shape: tuple[int, ...],
        gpu: Gpu,
        acceleration: Acceleration,
        sizes: Sequence[int] = (1, GPU_BLOCK),
        clock: Clock | None = None,
    ) -> None:
        self._gpu, self._module = gpu, module.to(gpu.device)
        self._acceleration, self._sizes = acceleration, sizes
        self._clock: dict[str, Clock] = {} if clock is None else {"clock": clock}
        self._host = gpu.page_locked(sizes[-1], *shape)
        self._batches: dict[int, _Batch] = {}
        self.rows: Array = self._host.numpy()
        self.way = ""
        gpu.catch_up()  # the weights went by way of another stream

    def __call__(self, n: int, given: Given = ()) -> Array:
        """See `Step`."""
        size = next(size for size in self._sizes if size >= n)
        self.rows[n:size] = 0.0
        with torch.inference_mode():
            if size not in self._batches:
                self._batches[size] = self._made(size, given)
            return self._batches[size](given)[:n]

    def prepare(self, given: Given = ()) -> None:
        """See `Step`."""
        self(1, given)

    def _made(self, size: int, given: Given) -> _Batch:
        host = self._host[:size]
        if self._acceleration == "compile":
            self.way = "compiled"
            return self._compiled(host, given)
        eager = _Batch(self._module, host, self._gpu, given)
        captured = None if self._acceleration == "eager" else self._captured(host, given)
        if captured is not None and self._acceleration == "auto":
            both = {"eager": lambda: eager(given), "graph": lambda: captured(given)}
            took = medians(both, ROUNDS, WARM_UP, **self._clock)
            captured = captured if took["graph"] < took["eager"] else None
        # larger batches go the way of the first one
        self._acceleration, self.way = ("eager", "eager") if captured is None else ("cuda-graph", "CUDA graph")
        return captured or eager

    def _captured(self, host: Tensor, given: Given) -> _Batch | None:
        """A batch with a graph; None where the network cannot be captured and need not be."""
        try:
            return _Batch(self._module, host, self._gpu, given, capture=True)
        except torch.OutOfMemoryError:
            raise
        except RuntimeError:
            if self._acceleration == "auto":
                return None
            raise

    def _compiled(self, host: Tensor, given: Given) -> _Batch:
        # dynamic shapes are of no use here, and graphs of its own would be a second way of doing the same
        compiled = torch.compile(self._module, mode="max-autotune-no-cudagraphs", dynamic=False)
        try:
            return _Batch(compiled, host, self._gpu, given)
        except Exception as error:  # whatever a compiler may raise
            if isinstance(error, torch.OutOfMemoryError) or any(sign in str(error) for sign in GONE):
                raise  # no fault of the compiler's
            reason = " ".join(str(error).split())[:200]
            raise DecoderError(
                f'acceleration = "compile": torch.compile cannot ({type(error).__name__}: {reason}); "auto" would be right'
            ) from error


class _Batch:
    """One size of batch, with its memory on the GPU: host rows -> input -> output -> host."""

    def __init__(
        self, function: Callable[..., Tensor], host: Tensor, gpu: Gpu, given: Given, capture: bool = False
    ) -> None:
        self._gpu, self._host, self._function = gpu, host, function
        self._x = torch.empty(host.shape, device=gpu.device)
        self._given = tuple(tensor.clone() for tensor in given)
        self._last = given
        gpu.catch_up()
        with gpu.lane():
            self._x.copy_(host)
            first = self._compute()
            self._run: Replay = gpu.capture(self._compute) if capture else self._compute
            gpu.finish()
        self._said = gpu.page_locked(*first.shape)

    def _compute(self) -> Tensor:
        said: Tensor = self._function(self._x, *self._given)
        return said

    def __call__(self, given: Given) -> Array:
        if any(now is not then for now, then in zip(given, self._last, strict=True)):
            self._gpu.catch_up()
            for here, now in zip(self._given, given, strict=True):
                here.copy_(now)
            self._gpu.catch_up()
            self._last = given
        with self._gpu.lane():
            self._x.copy_(self._host, non_blocking=True)
            self._said.copy_(self._run(), non_blocking=True)
            self._gpu.finish()
        said: Array = self._said.numpy().copy()
        return said
